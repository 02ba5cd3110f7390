"""All that is measured on the predictions of a part: figures, calibration, groups, slices, the user's own."""

from typing import Any

import numpy as np

from sightline.data.samples import Samples
from sightline.data.scan import declared, scan
from sightline.evaluation.abstention import abstention_of
from sightline.evaluation.calibration import calibration_of
from sightline.evaluation.design import Design
from sightline.evaluation.gaps import Compared, gaps_of, told
from sightline.evaluation.metrics import measure
from sightline.evaluation.own_metrics import load_metrics, own_figures
from sightline.evaluation.predictions import Predictions
from sightline.evaluation.resample import Floats
from sightline.evaluation.slices import slices_of
from sightline.evaluation.thresholds import threshold_table
from sightline.workflow.say import Say
from sightline.workflow.trained import TrainedModel

AT_LENGTH = ("thresholds", "abstention", "groups", "slices")
"""What a bundle and its card leave out."""


def figures_of(
    model: TrainedModel, own: Samples, predictions: Predictions, seen: Samples, design: Design, say: Say
) -> dict[str, Any]:
    """Everything about these predictions as a JSON-ready dictionary.

    Args:
        model: whose they are; its settings say how to measure.
        own: the run's samples, for the baseline.
        predictions: what it said.
        seen: the samples that it was asked about, in the same order.
        design: how these images are drawn again.
        say: where notes go.
    """
    config, seed = model.config.evaluation, model.config.seed
    how: dict[str, Any] = {"resamples": config.resamples, "confidence": config.confidence, "seed": seed}
    training = own.part("train")
    figures = measure(predictions, **how, train_counts=own.counts(training), train_images=len(training), design=design)
    if config.metrics:
        figures["own"] = own_figures(predictions, load_metrics(config.metrics), **how, design=design)
    if predictions.kind != "numbers":
        figures["calibration"] = calibration_of(predictions, seed=seed)
        figures["thresholds"] = threshold_table(predictions)
    if predictions.kind == "class":
        figures["abstention"] = abstention_of(predictions)
        known = model.run.read_temperatures().get(model.weights_sha256)
        figures["calibration"]["fitted"] = known if config.temperature == "auto" else None
    places = np.arange(len(predictions)) if predictions.kind != "class" else np.flatnonzero(predictions.labels >= 0)
    compared = Compared(predictions.take(places), design.take(places), seed)
    columns = {name: (column.names, column.codes[places]) for name, column in seen.columns.items()}
    rows = gaps_of(compared, columns, config.confidence)
    gaps = [told(row, compared.judged) for row in rows if row["gap"]["real"]]
    figures["groups"] = {"judged": compared.judged, "gaps": gaps, "rows": rows}
    figures["slices"] = slices_of(compared, _measures(seen.take(places), say), config.confidence)
    return figures


def _measures(samples: Samples, say: Say) -> dict[str, Floats]:
    """What the images are like; nothing where a container told their checksums only."""
    if declared(samples) is not None:
        return {}
    with say.progress("looking at every image") as progress:
        rows = scan(samples, progress).rows
    width, height = (rows[name].astype(np.float64) for name in ("width", "height"))
    with np.errstate(invalid="ignore", divide="ignore"):
        aspect = np.where(height > 0, width / height, np.nan)
    shorter = np.where(width > 0, np.minimum(width, height), np.nan)
    found = {name: rows[name].astype(np.float64) for name in ("brightness", "contrast", "sharpness")}
    return {"shorter side": shorter, "aspect": aspect, **found}
