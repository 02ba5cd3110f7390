"""Learning from a teacher's answers beside the labels.

Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015: the teacher's probabilities, softened by
a temperature, tell how the wrong classes resemble the right one. Beyer et al., "Knowledge distillation: A good teacher
is patient and consistent", CVPR 2022: the teacher should see the very image that the student sees.
"""

import dataclasses
from collections.abc import Callable, Generator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn import functional

from sightline.errors import ModelError
from sightline.task.task import Outcome, Task

Answers = Callable[[torch.Tensor], torch.Tensor]
"""The student's inputs ``[n, channels, h, w]`` -> the teacher's logits ``[n, classes]``, in the student's classes."""


@dataclasses.dataclass(frozen=True)
class Lesson:
    """How much is learnt from the teacher, and how."""

    temperature: float
    """What the logits of both are divided by before their probabilities are compared."""
    share: float
    """Share of the teacher's part in the loss, 0 to 1; the rest is that of the labels."""
    attention: float = 0.0
    """Weight of the difference of the attention maps, which is added; 0: they are not compared."""


def softened(logits: torch.Tensor, answers: torch.Tensor, temperature: float) -> torch.Tensor:
    """Kullback-Leibler divergence of softened probabilities, teacher to student, times the squared temperature.

    The square keeps the size of the gradient, whatever the temperature.

    Args:
        logits: of the student, ``[n, classes]``.
        answers: logits of the teacher, ``[n, classes]``.
        temperature: divides both.

    Returns:
        The losses ``[n]`` in nats.
    """
    ours = (logits / temperature).log_softmax(dim=1)
    theirs = (answers / temperature).log_softmax(dim=1)
    return temperature**2 * (theirs.exp() * (theirs - ours)).sum(dim=1)


def attention_gap(ours: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
    """Squared distance between attention maps (Zagoruyko and Komodakis, "Paying More Attention to Attention", 2017).

    A map is the mean square of the features over the channels, as a vector of length 1; where the two differ in size,
    the teacher's is averaged or interpolated to the student's.

    Args:
        ours: features of the student, ``[n, channels, h, w]``.
        theirs: of the teacher, ``[n, other channels, other h, other w]``.

    Returns:
        The distances ``[n]``, 0 to 4.
    """
    maps = [features.float().square().mean(dim=1, keepdim=True) for features in (ours, theirs)]
    if maps[0].shape != maps[1].shape:
        maps[1] = functional.interpolate(maps[1], maps[0].shape[2:], mode="bilinear", antialias=True)
    one, other = (functional.normalize(each.flatten(1), dim=1) for each in maps)
    return (one - other).square().sum(dim=1)


class Distillation(Task):
    """Another task whose loss also takes what a teacher answers.

    The loss of a sample is ``(1 - share)`` times that of the labels plus ``share`` times ``softened`` plus, where it is
    asked for, the attention's weight times ``attention_gap``, all of it times the weight of the sample. Weights of the
    classes are those of the labels' part.

    Args:
        base: what is learnt from the labels.
        answers: asks the teacher.
        lesson: how much is learnt from it.
        teacher: its network, where attention maps are compared.
    """

    def __init__(self, base: Task, answers: Answers, lesson: Lesson, teacher: nn.Module | None = None):
        super().__init__(base.contract, base.loss)
        self.base, self.answers, self.lesson, self.teacher = base, answers, lesson, teacher
        self.name, self.figure, self.higher = base.name, base.figure, base.higher

    def outcome(
        self,
        model: nn.Module,
        inputs: torch.Tensor,
        targets: torch.Tensor,
        weights: torch.Tensor | None = None,
        answers: torch.Tensor | None = None,
    ) -> Outcome:
        """Run student and teacher and compare; see ``Task.outcome``.

        Args:
            model: the student.
            inputs: scaled images.
            targets: of the samples.
            weights: of the samples.
            answers: the teacher's logits ``[n, classes]``, where they are known; otherwise the teacher is asked.
        """
        gap = torch.zeros((), device=inputs.device)
        if self.lesson.attention and self.teacher is not None:
            with _last_map(model) as own, _last_map(self.teacher) as other:
                logits = model(inputs).float()
                answers = self._asked(inputs)
            gap = self.lesson.attention * attention_gap(own[-1], other[-1].detach())
        else:
            logits = model(inputs).float()
            answers = self._asked(inputs) if answers is None else answers.float()
        own_weights = {} if weights is None else {"weights": weights}
        labels = self.base.outcome(_Known(logits), inputs, targets, **own_weights)
        taught = self.lesson.share * softened(logits, answers, self.lesson.temperature) + gap
        taught = taught if weights is None else taught * weights
        return Outcome((1 - self.lesson.share) * labels.loss + taught.sum(), labels.score, labels.count)

    def _asked(self, inputs: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return self.answers(inputs).float()


class _Known(nn.Module):
    """A network whose answer is there already."""

    def __init__(self, logits: torch.Tensor):
        super().__init__()
        self.logits = logits

    def forward(self, _: torch.Tensor) -> torch.Tensor:
        return self.logits


@contextmanager
def _last_map(model: nn.Module) -> Generator[list[torch.Tensor]]:
    """Collects outputs ``[n, channels, h, w]`` of more than one place, in the order in which they are computed."""
    found: list[torch.Tensor] = []

    def look(_: nn.Module, __: object, output: object) -> None:
        if isinstance(output, torch.Tensor) and output.ndim == 4 and output.shape[2] * output.shape[3] > 1:
            found[:] = [output]

    hooks = [module.register_forward_hook(look) for module in model.modules()]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def require_maps(model: nn.Module, inputs: torch.Tensor, whose: str) -> None:
    """Make sure that a network computes feature maps.

    Raises:
        ModelError: it computes none of more than one place; ``whose`` says which network it is.
    """
    training = model.training
    with _last_map(model) as found, torch.no_grad():
        model.eval()(inputs)
    model.train(training)
    if not found:
        raise ModelError(
            f"the {whose} computes no feature maps [n, channels, height, width]", where="train.distill.attention",
            hint="leave it out; it is for convolutional networks",
        )  # fmt: skip
