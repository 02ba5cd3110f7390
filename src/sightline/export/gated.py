"""Export behind the gate: the model is written, compared on real images, and only then becomes a bundle."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sightline.data.contract import Contract
from sightline.errors import ExportError
from sightline.export.bundle import Bundle
from sightline.export.config import ExportConfig
from sightline.export.document import MODEL
from sightline.export.formats.onnx import Served, export_onnx, served_copy
from sightline.export.parity import Reference, Sample, check_parity
from sightline.export.session import Session
from sightline.export.write import refuse_other, write_bundle


def export_bundle(
    model: torch.nn.Module,
    contract: Contract,
    *,
    validation: Iterable[Sample],
    out: Path,
    metrics: dict[str, Any],
    provenance: dict[str, Any],
    weights_license: str,
    config: ExportConfig,
) -> Bundle:
    """Export a model to ONNX, compare the file with the model, and write the bundle if it passes.

    Args:
        model: float32 normalised ``[n, channels, height, width]`` to logits ``[n, classes]``; it is not altered.
        contract: how pictures are prepared, and the names of the outputs.
        validation: path, pixels (uint8 ``[height, width, channels]``) and truth of real images (place of the class,
            -1 where it is not known; of labels and numbers ``[classes]``), in an order in which the first
            ``config.images`` stand for all.
        out: where the bundle shall stand; a bundle that stands there is replaced once the new one has passed.
        metrics: figures on the test part with their intervals.
        provenance: ``run``, ``command``, ``versions``, ``data`` (a fingerprint) and ``weights_sha256``.
        weights_license: licence of the weights that the training started from.
        config: the budgets of the gate.

    Raises:
        GateError: the exported model differs from the trained one beyond the budget. No bundle was written.
        ExportError: the model cannot be exported, or there is no image to compare with.
        BundleError: something else than a bundle stands at ``out``.
    """
    checksum = provenance.get("weights_sha256")
    if not isinstance(checksum, str) or not checksum:
        raise ExportError("provenance needs the weights_sha256 that the training printed", got=repr(checksum))
    refuse_other(out.resolve())
    with tempfile.TemporaryDirectory(prefix="sightline-export-") as folder:
        path = Path(folder) / MODEL
        export_onnx(model, contract, path, weights_sha256=checksum)
        candidate = Session(path.read_bytes(), MODEL)
        reference = _reference(model, contract)
        parity = check_parity(reference, candidate, validation, config, contract.outputs, contract.temperature)
        return write_bundle(
            out,
            onnx=path,
            contract=contract,
            metrics=metrics,
            parity=parity,
            provenance=provenance,
            weights_license=weights_license,
        )


def _reference(model: torch.nn.Module, contract: Contract) -> Reference:
    """The model itself in float32 on the CPU, fed by the contract's own NumPy arithmetic and not by the graph's."""
    served: Served = served_copy(model, contract)

    def logits(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            found = served.model(torch.from_numpy(np.ascontiguousarray(contract.scaled(images)))).numpy()
        return contract.outputs.values(found) if contract.outputs is not None and contract.kind == "numbers" else found

    return logits
