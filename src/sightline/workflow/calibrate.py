"""The temperature of a checkpoint: fitted on the validation part once, kept beside the weights it was fitted for."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from sightline.data.samples import PARTS, Samples
from sightline.data.split.units import NONE, with_groups
from sightline.evaluation.design import Design
from sightline.evaluation.temperature import fit_temperature
from sightline.files import write_json
from sightline.workflow.predictions import predicted
from sightline.workflow.say import Say
from sightline.workflow.trained import TrainedModel


def settled_temperature(model: TrainedModel, samples: Samples, say: Say) -> TrainedModel:
    """The model with its temperature, which is fitted now where it is not known for these weights.

    It is never fitted on the test part: where there is no validation part, it stays 1.

    Args:
        model: of one class an image, else nothing is done.
        samples: the run's own, with their parts.
        say: where notes go.
    """
    if model.contract.kind != "class" or model.config.evaluation.temperature == "none":
        return model
    known = model.run.read_temperatures()
    if model.weights_sha256 not in known:
        indices = samples.part("val")
        if not len(indices):
            return model
        say.note(f"fitting the temperature on {len(indices)} validation images")
        raw = dataclasses.replace(model, temperature=1.0)
        answers = predicted(raw, samples, indices, "val", str(samples.root))
        fitted = fit_temperature(answers.logits, answers.labels, design=design_of(model, samples, indices))
        say.note(f"it {'stays 1' if fitted.temperature == 1.0 else f'is {fitted.temperature:.3g}'}: {fitted.why}")
        known[model.weights_sha256] = {"checkpoint": model.checkpoint, **dataclasses.asdict(fitted)}
        write_json(model.run.temperatures, known)
    return dataclasses.replace(model, temperature=float(known[model.weights_sha256]["temperature"]))


def design_of(model: TrainedModel, samples: Samples, indices: NDArray[np.int64], *, own: bool = True) -> Design:
    """How these images are to be drawn again: as the part was drawn.

    Groups (of the table, or of ``data.group``) stay together. Where the split gave this part its share of every class,
    the classes keep their sizes. Else each image is drawn by itself.

    Args:
        model: its settings say how the data was divided.
        samples: with their parts, if they have any.
        indices: the images.
        own: whether the samples are those of the run; of others it is not known how they were drawn.
    """
    data, part_names = model.config.data, {PARTS[part] for part in np.unique(samples.parts[indices]) if part >= 0}
    groups = samples.groups
    if own:
        groups = None if data.group == NONE else with_groups(samples, data.group).groups
    if groups is not None:
        return Design("groups", groups[indices])
    made = set(model.run.info().get("parts_made", ()))
    if own and samples.kind == "class" and part_names and part_names <= made and not data.time:
        return Design("classes", samples.labels[indices])
    return Design()
