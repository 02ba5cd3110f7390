"""Export behind the gate: the model is written, compared on real images, and only then becomes a bundle."""

import dataclasses
import itertools
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sightline.data.contract import Contract
from sightline.errors import ExportError, did_you_mean
from sightline.export.bundle import Bundle, Golden
from sightline.export.config import ExportConfig
from sightline.export.form import Form, Order, Runner
from sightline.export.forms import FORMS
from sightline.export.parity import Reference, Sample, check_parity
from sightline.export.served import NO_TAPS, Taps, served_copy
from sightline.export.session import OUTPUTS
from sightline.export.write import Artefact, refuse_other, write_bundle
from sightline.machine import cores


def _no_images() -> Iterator[NDArray[np.uint8]]:
    return iter(())


@dataclasses.dataclass(frozen=True, kw_only=True)
class How:
    """How a model is exported."""

    form: str = "onnx"
    """A key of ``FORMS``."""
    config: ExportConfig = ExportConfig()
    """The budgets of the gate."""
    taps: Taps = NO_TAPS
    """Where the embedding and the last map are, for forms that give them."""
    calibration: Callable[[], Iterator[NDArray[np.uint8]]] = _no_images
    """Training images by the contract, which 8-bit numbers take their ranges from."""


def export_bundle(
    model: torch.nn.Module,
    contract: Contract,
    *,
    validation: Iterable[Sample],
    out: Path,
    metrics: dict[str, Any],
    provenance: dict[str, Any],
    weights_license: str,
    how: How,
) -> Bundle:
    """Export a model, compare the artefact with the model, and write the bundle if it passes.

    Args:
        model: float32 normalised ``[n, channels, height, width]`` to logits ``[n, classes]``; it is not altered.
        contract: how pictures are prepared, and the names of the outputs.
        validation: path, pixels (uint8 ``[height, width, channels]``) and truth of real images (place of the class,
            -1 where it is not known; of labels and numbers ``[classes]``), in an order in which the first
            ``how.config.images`` stand for all.
        out: where the bundle shall stand; a bundle that stands there is replaced once the new one has passed.
        metrics: figures on the test part with their intervals.
        provenance: ``run``, ``command``, ``versions``, ``data`` (a fingerprint) and ``weights_sha256``.
        weights_license: licence of the weights that the training started from.
        how: the form, the budgets of the gate, and what the form needs.

    Raises:
        GateError: the exported model differs from the trained one beyond the budget. No bundle was written.
        ExportError: the model cannot be exported, or there is no image to compare with.
        BundleError: something else than a bundle stands at ``out``.
        MissingExtra: a library of this form is not installed.
    """
    checksum = provenance.get("weights_sha256")
    if not isinstance(checksum, str) or not checksum:
        raise ExportError("provenance needs the weights_sha256 that the training printed", got=repr(checksum))
    writer, config = form_of(how.form), how.config
    refuse_other(out.resolve())
    order = Order(
        model=model, contract=contract, weights_sha256=checksum, taps=how.taps,
        calibration=lambda: itertools.islice(how.calibration(), config.calibration),
    )  # fmt: skip
    samples = list(itertools.islice(validation, config.images))
    with tempfile.TemporaryDirectory(prefix="sightline-export-") as name:
        folder = Path(name)
        writer.write(order, folder)
        candidate = opened(writer, folder, contract)
        reference = _reference(model, contract)
        own = (contract.outputs, contract.temperature, writer.precision)
        parity = check_parity(reference, candidate, samples, config, *own)
        parity.require(f"{how.form} of {provenance.get('run', 'the model')}")
        golden = _golden(candidate, samples[: config.golden])
        return write_bundle(
            out,
            artefact=Artefact(folder=folder, form=how.form, tapped=_shapes(order), golden=golden),
            contract=contract,
            metrics=metrics,
            parity=parity,
            provenance=provenance,
            weights_license=weights_license,
        )


def form_of(name: str) -> Form:
    """The form of a name.

    Raises:
        ExportError: there is none; says which there are.
    """
    if name not in FORMS:
        raise ExportError(
            f"unknown form '{name}'", where="--to", allowed=list(FORMS), hint=did_you_mean(name, list(FORMS))
        )
    return FORMS[name]


def opened(form: Form, folder: Path, contract: Contract) -> Runner:
    """What was written, ready to be asked."""
    return form.open(folder, cores(), len(OUTPUTS[contract.kind]))


def _golden(candidate: Runner, samples: list[Sample]) -> Golden | None:
    if not samples:
        return None
    images = np.stack([pixels for _, pixels, _ in samples])
    return Golden(images=images, answers=candidate(images)[0])


@torch.inference_mode()
def _shapes(order: Order) -> dict[str, list[int]]:
    """Shapes of what the model gives after its answers, without the batch."""
    if not order.taps.names:
        return {}
    own = order.contract
    served = served_copy(order.model, own, order.taps)
    found = served(torch.zeros(1, own.height, own.width, own.channels, dtype=torch.uint8))
    return {
        name: list(one.shape[1:]) for name, one in zip(served.names, found, strict=True) if name in order.taps.names
    }


def _reference(model: torch.nn.Module, contract: Contract) -> Reference:
    """The model itself in float32 on the CPU, fed by the contract's own NumPy arithmetic and not by the graph's."""
    served = served_copy(model, contract)

    def logits(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            found = served.model(torch.from_numpy(np.ascontiguousarray(contract.scaled(images)))).numpy()
        return contract.outputs.values(found) if contract.outputs is not None and contract.kind == "numbers" else found

    return logits
