"""Export a run as a bundle, behind the gate."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.config_file import load
from sightline.data.derive import image_of
from sightline.data.order import epoch_order
from sightline.data.samples import Samples
from sightline.errors import ConfigError, shortened
from sightline.export.bundle import Bundle
from sightline.export.config import ExportConfig
from sightline.export.gated import How, export_bundle, form_of
from sightline.export.parity import Sample
from sightline.export.served import taps_of
from sightline.files import sha256_of
from sightline.run import Run
from sightline.workflow.balance import training_part
from sightline.workflow.calibrate import settled_temperature
from sightline.workflow.evaluate import evaluate_run, headline_part, run_samples
from sightline.workflow.figures import AT_LENGTH
from sightline.workflow.say import Say
from sightline.workflow.trained import TrainedModel, open_trained
from sightline.workflow.wishes import Settings, words_of


def export_run(
    run: str | Path,
    *,
    form: str = "onnx",
    out: str | Path | None = None,
    checkpoint: str = "best",
    settings: Settings | None = None,
    say: Say | None = None,
) -> Bundle:
    """Export a trained run and compare what was written with the model on real validation images.

    Args:
        run: the run folder.
        form: ``onnx``, or another key of ``sightline.export.forms.FORMS``.
        out: folder of the bundle; where missing, ``RUN/bundle``, and ``RUN/bundle-FORM`` of other forms.
        checkpoint: ``best``, ``last`` or a checkpoint file.
        settings: values of ``export.…`` by dotted path, or ``key=value`` words, in place of the run's own.
        say: where notes go.

    Raises:
        ConfigError: a setting is not one of the export's.
        GateError: the exported model differs from the trained one beyond the budget; no bundle was written.
        ExportError: the model cannot be exported, or there is no such form.
        MissingExtra: a library of this form is not installed.
    """
    say = say or Say(quiet=True)
    form_of(form)
    here = Run.open(run)
    model = open_trained(here, checkpoint)
    samples = run_samples(here)
    figures = _figures(here, samples, model, checkpoint, say)
    model, info = settled_temperature(model, samples, say), here.info()
    return export_bundle(
        model.module,
        model.answering,
        validation=_validation(model, samples),
        out=Path(out or usual_place(here.folder, form)),
        metrics={key: value for key, value in figures.items() if key not in AT_LENGTH},
        provenance={
            "run": here.folder.name,
            "checkpoint": model.checkpoint,
            "command": info.get("command", ""),
            "versions": info.get("versions", {}),
            "data": sha256_of(here.split),
            "weights_sha256": model.weights_sha256,
        },
        weights_license=str(info.get("weights_report", {}).get("license") or "none: trained from random weights"),
        how=How(
            form=form,
            config=_budgets(model, words_of(settings)),
            taps=taps_of(model.module, model.head, model.contract),
            calibration=lambda: _training(model, samples),
        ),
    )


def several(words: str) -> list[str]:
    """The forms of a list with commas, each once.

    Raises:
        ExportError: one of them is unknown, or there is none.
    """
    found = list(dict.fromkeys(word.strip() for word in words.split(",") if word.strip()))
    for form in found or [""]:
        form_of(form)
    return found


def usual_place(run: Path, form: str) -> Path:
    """Where a bundle is written to if nobody says otherwise."""
    return run / ("bundle" if form == "onnx" else f"bundle-{form}")


def _training(model: TrainedModel, samples: Samples) -> Iterator[NDArray[np.uint8]]:
    """Training images in a seeded order, as the model sees them."""
    indices = training_part(samples, model.config)
    for index in indices[epoch_order(model.config.seed, 0, len(indices))]:
        yield np.ascontiguousarray(model.contract.pixels(image_of(samples, int(index))))


def _budgets(model: TrainedModel, settings: Sequence[str]) -> ExportConfig:
    other = [word for word in settings if not word.startswith("export.")]
    if other:
        raise ConfigError(
            f"only settings of the export can be changed here: {shortened(other)}", where="-s",
            allowed=[f"export.{field.name}" for field in dataclasses.fields(ExportConfig)],
        )  # fmt: skip
    own = {f"export.{key}": value for key, value in dataclasses.asdict(model.config.export).items()}
    return load(None, settings, base=own).config.export


def _validation(model: TrainedModel, samples: Samples) -> Iterator[Sample]:
    """Validation images in a seeded order (test or training images where there are none)."""
    indices = next(found for found in (samples.part(p) for p in ("val", "test", "train")) if len(found))
    for index in indices[epoch_order(model.config.seed, 0, len(indices))]:
        place = int(index)
        pixels = model.contract.pixels(image_of(samples, place))
        yield samples.paths[place], np.ascontiguousarray(pixels), samples.targets_of(np.asarray([place]))[0]


def _figures(run: Run, samples: Samples, model: TrainedModel, checkpoint: str, say: Say) -> dict[str, Any]:
    """The figures of this checkpoint on the part that ``evaluate`` takes, measured now if they are not there."""
    figures = run.read_figures(headline_part(samples))
    if figures is not None and figures.get("weights_sha256") == model.weights_sha256:
        return figures
    return evaluate_run(run.folder, checkpoint=checkpoint, say=say)
