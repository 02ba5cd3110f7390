"""A teacher beside the labels: from the settings to the task that learns from both."""

import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray

from sightline import distributed
from sightline.config import RunConfig
from sightline.data.cache import Hashes
from sightline.data.contract import Contract
from sightline.data.samples import Samples
from sightline.errors import ConfigError
from sightline.model.build import Built
from sightline.run import Run
from sightline.task.classification import Classification
from sightline.task.distillation import Distillation, Lesson, require_maps
from sightline.task.task import Task
from sightline.workflow.balance import training_part
from sightline.workflow.environment import usable_device
from sightline.workflow.say import Say
from sightline.workflow.teacher import Teacher, originals, refuse_another, teacher_of


@dataclasses.dataclass(frozen=True, eq=False)
class Taught:
    """What a training learns from."""

    task: Task
    """The task, with what a teacher adds to its loss."""
    answers: NDArray[np.float32] | None = None
    """What the teacher said about each sample, ``[samples, classes]``; zeros for those that are not trained on."""


def taught(
    run: Run,
    config: RunConfig,
    task: Task,
    built: Built,
    contract: Contract,
    samples: Samples,
    hashes: Hashes,
    say: Say,
) -> Taught:
    """Put the teacher that the settings name beside the labels; without one, the task as it is.

    Args:
        run: is told which teacher it is.
        config: settled settings.
        task: what is learnt from the labels.
        built: the student.
        contract: the student's.
        samples: with parts.
        hashes: checksum of each sample.
        say: where notes go.

    Raises:
        ConfigError: the teacher cannot teach this task, or not these classes.
        ModelError: attention maps are to be compared, and one of the two has none.
        ChangedDataError: the run began with another teacher.
    """
    own = config.train.distill
    if not own.teacher:
        return Taught(task)
    if not isinstance(task, Classification):
        raise ConfigError(
            "a teacher's probabilities are those of one class an image", where="train.distill.teacher, task.name",
            got=config.task.name, allowed=["classification"],
        )  # fmt: skip
    device = usable_device(config.train.device)
    teacher = teacher_of(config, contract, device)
    refuse_another(run, teacher)
    if distributed.is_main():
        run.note(teacher={"folder": own.teacher, "weights_sha256": teacher.weights_sha256})
    lesson = Lesson(own.temperature, own.share, own.attention)
    if own.attention:
        _require_attention(teacher, built, contract)
    if own.sees == "augmented":
        say.note(f"learning from {own.teacher}, which is asked at every step")
        return Taught(Distillation(task, teacher.answers, lesson, teacher.module))
    indices = training_part(samples, config)
    say.note(f"learning from {own.teacher}, which is asked once about {len(indices)} images")
    answers = np.zeros((len(samples), len(contract.classes)), np.float32)
    answers[indices] = originals(teacher, samples, hashes, indices)
    return Taught(Distillation(task, teacher.answers, lesson), answers)


def _require_attention(teacher: Teacher, built: Built, contract: Contract) -> None:
    if not teacher.inside:
        raise ConfigError(
            "the inside of a bundle cannot be looked into", where="train.distill.attention",
            hint="give the run that it was exported from as the teacher, or leave attention out",
        )  # fmt: skip
    for module, seen, whose in ((built.module, contract, "student"), (teacher.module, teacher.contract, "teacher")):
        place = next(module.parameters()).device
        require_maps(module, torch.zeros(1, seen.channels, seen.height, seen.width, device=place), whose)
