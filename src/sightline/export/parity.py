"""The gate: an artefact is compared with the model it was made from, on real images, before it is handed over."""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.outputs import Kind, Outputs
from sightline.errors import ExportError, GateError
from sightline.export.budget import Budget, budget_of
from sightline.export.config import ExportConfig
from sightline.shares import score_bounds

Logits = NDArray[np.float32]
Reference = Callable[[NDArray[np.uint8]], Logits]
"""The model: uint8 ``[n, height, width, channels]`` to logits ``[n, classes]``."""
Candidate = Callable[[NDArray[np.uint8]], tuple[Logits, Logits]]
"""The artefact: the same pictures to probabilities and logits, both ``[n, classes]``; of numbers twice the values."""
Truth = int | np.integer[Any] | NDArray[Any]
"""Place of the true class (-1: not known), or the true labels or numbers ``[classes]``."""
Sample = tuple[str, NDArray[np.uint8], Truth]
"""Path, pixels ``[height, width, channels]`` by the contract, truth."""

_BATCHES = (1, 2, 5, 17)  # an artefact that is right for one batch size only must not pass
_WORST = 5
_ROUNDING = 1e-6  # of a float32 softmax, on top of what the difference of the logits explains
_TIE = 1e-6  # rounding of a mean
_USUAL = 0.999
_SURE = 1.959964  # standard errors of a 95 % interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parity:
    """How far an artefact is from its model, and how far it may be.

    Numbers count in standard deviations from their mean, which is what the model's outputs are.
    """

    kind: Kind = "class"
    """What is compared: one ``class``, any of several ``labels``, or ``numbers``."""
    n: int
    """Images compared."""
    max_logit_error: float
    """Largest difference of a logit or number."""
    logit_scale: float
    """Largest absolute logit or number of the model."""
    relative_error: float
    """``max_logit_error`` as a share of ``logit_scale``."""
    usual_error: float
    """The same share of what 99.9 % of the differences of logits or numbers stay below."""
    probability_error: float
    """Largest difference between the artefact's probabilities and the softmax (or sigmoid) of the model's logits; 0
    for numbers."""
    agreement: float
    """Share of images whose label, or every label, is the same on both sides; of numbers those within the tolerance."""
    accuracy_model: float | None
    """Share of images that the model labels rightly, every label of them; none: no truth is known, or numbers."""
    accuracy_export: float | None
    """The same of the artefact."""
    bounds_model: tuple[float, float] | None
    """95 % interval of ``accuracy_model`` (Wilson)."""
    bounds_export: tuple[float, float] | None
    """That of ``accuracy_export``."""
    loss: float | None
    """How much accuracy the artefact lost; of numbers how much their mean absolute error grew, in standard deviations;
    none: no truth is known."""
    tolerance: float | None
    """Largest ``relative_error`` that passes; none: any."""
    least_agreement: float
    """Smallest ``agreement`` that passes."""
    most_loss: float
    """Largest ``loss`` that passes."""
    worst: tuple[tuple[str, float], ...]
    """The images with the largest difference of a logit or number, and that difference."""
    temperature: float = 1.0
    """What the logits are divided by before they become probabilities."""

    @property
    def probability_budget(self) -> float:
        """Largest ``probability_error`` that passes: softmax at most halves the largest difference of its inputs."""
        if self.tolerance is None:
            return np.inf
        return self.tolerance * self.logit_scale / self.temperature / 2 + _ROUNDING

    @property
    def misses(self) -> list[str]:
        """A sentence for each budget that was missed, with by how much; empty when the artefact passes."""
        found: list[str] = []
        thing, unit = ("number", " standard deviations") if self.kind == "numbers" else ("logit", "")
        if not np.isfinite([self.max_logit_error, self.probability_error]).all():
            found.append("an output is not finite")
        if self.tolerance is not None and not self.relative_error <= self.tolerance:
            found.append(
                f"largest {thing} difference {self.max_logit_error:.3g}{unit} is {self.relative_error:.3g} of the "
                f"largest {thing} {self.logit_scale:.3g}, {self.relative_error / self.tolerance:.3g} times the budget "
                f"of {self.tolerance:g} (export.tolerance)"
            )
        if not self.probability_error <= self.probability_budget:
            found.append(
                f"largest probability difference {self.probability_error:.3g} is above the "
                f"{self.probability_budget:.3g} that export.tolerance leaves"
            )
        if self.agreement < self.least_agreement and self.kind != "numbers":
            differ = round(self.n * (1 - self.agreement))
            found.append(
                f"{differ} of {self.n} images get another label: agreement {self.agreement:.4f} is "
                f"{self.least_agreement - self.agreement:.4f} below the {self.least_agreement:g} of export.agreement"
            )
        if self.loss is not None and self.loss > self.most_loss + _TIE:
            what = "the mean absolute error grew by" if self.kind == "numbers" else "accuracy fell by"
            found.append(f"{what} {self.loss:.4f}{unit}, more than the {self.most_loss:g} of export.loss")
        return found

    @property
    def passed(self) -> bool:
        """Whether every budget was kept."""
        return not self.misses

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary with every field and ``passed``."""
        worst = [{"path": path, "error": error} for path, error in self.worst]
        bounds = {
            name: None if found is None else list(found)
            for name, found in (("bounds_model", self.bounds_model), ("bounds_export", self.bounds_export))
        }
        return dataclasses.asdict(self) | bounds | {"worst": worst, "passed": self.passed}

    def require(self, artefact: str) -> None:
        """Let the artefact pass, or not.

        Raises:
            GateError: says which budget was missed by how much, and on which images most.
        """
        if self.passed:
            return
        worst = "; ".join(f"{path} ({error:.3g})" for path, error in self.worst)
        both = (
            ""
            if self.accuracy_model is None
            else f"\n  accuracy: model {self.accuracy_model:.4f}, " + (f"export {self.accuracy_export:.4f}")
        )
        raise GateError(
            f"the exported model does not equal the trained one on {self.n} images",
            where=artefact,
            got="; ".join(self.misses) + f"\n  worst images: {worst}{both}",
            hint="nothing was exported. If the difference is acceptable, raise the budget that is named above",
        )


def check_parity(
    reference: Reference,
    candidate: Candidate,
    samples: Iterable[Sample],
    config: ExportConfig,
    outputs: Outputs | None = None,
    temperature: float = 1.0,
    precision: str = "fp32",
) -> Parity:
    """Run both sides on the first ``config.images`` samples, in batches of 1, 2, 5 and 17 in turn.

    Give the samples in an order in which the first ones stand for all; one that is sorted by class does not.
    ``outputs`` says what the outputs mean where they are labels or numbers. ``temperature`` is what the
    logits are divided by before they become probabilities. ``precision`` is that of the artefact, by which budgets go
    that are not set.

    Raises:
        ExportError: there is no image to compare, or an output has the wrong shape.
    """
    paths: list[str] = []
    columns: list[tuple[Logits, Logits, Logits, NDArray[Any]]] = []
    for batch in _batches(itertools.islice(samples, config.images)):
        images = np.stack([pixels for _, pixels, _ in batch])
        wanted = reference(images)
        probabilities, got = candidate(images)
        if not wanted.shape == got.shape == probabilities.shape:
            raise ExportError(
                "the exported model's output has another shape than the model's",
                got=f"probabilities {list(probabilities.shape)}, logits {list(got.shape)}",
                allowed=[f"{list(wanted.shape)}"],
            )
        paths += [path for path, _, _ in batch]
        columns.append((wanted, got, probabilities, np.asarray([truth for _, _, truth in batch])))
    if not paths:
        raise ExportError(
            "no image to compare the export with", hint="the gate needs validation images: give the run a val part"
        )
    wanted, got, probabilities, truths = (np.concatenate(column) for column in zip(*columns, strict=True))
    wanted, got = wanted.astype(np.float64), got.astype(np.float64)
    if outputs is not None and outputs.kind == "numbers":
        wanted, got = ((values - np.asarray(outputs.mean)) / np.asarray(outputs.std) for values in (wanted, got))
    return _measured(
        paths, wanted, got, probabilities, _Answers(outputs, truths, budget_of(config, precision), temperature)
    )


class _Answers:
    """What both sides' outputs mean, and what is true."""

    def __init__(self, outputs: Outputs | None, truths: NDArray[Any], budget: Budget, temperature: float):
        self.outputs, self.truths, self.budget, self.temperature = outputs, truths, budget, temperature
        self.kind: Kind = "class" if outputs is None else outputs.kind

    def likely(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities of the model's logits."""
        if self.kind == "labels":
            return np.exp(-np.logaddexp(0.0, -logits))
        powers = np.exp((logits - logits.max(1, keepdims=True)) / self.temperature)
        return powers / powers.sum(1, keepdims=True)

    def told(self, wanted: NDArray[np.float64], probabilities: Logits) -> tuple[NDArray[Any], NDArray[Any]]:
        """The labels of both sides: that served is the one of the probabilities."""
        if self.outputs is not None:
            return wanted >= self.outputs.least_logit, probabilities >= np.float32(self.outputs.threshold)
        return wanted.argmax(1), probabilities.argmax(1)

    def right(self, answers: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether each image whose truth is known has the true answer."""
        if self.kind == "labels":
            return (answers == (self.truths > 0.5)).all(axis=1)
        known = self.truths >= 0
        return (answers == self.truths)[known]

    def off(self, values: NDArray[np.float64]) -> float:
        """Mean absolute error of numbers, in standard deviations."""
        own = self.outputs
        assert own is not None
        return float(np.abs(values - (self.truths - np.asarray(own.mean)) / np.asarray(own.std)).mean())


def _measured(
    paths: list[str], wanted: NDArray[np.float64], got: NDArray[np.float64], probabilities: Logits, answers: _Answers
) -> Parity:
    budget, numbers = answers.budget, answers.kind == "numbers"
    with np.errstate(invalid="ignore"):
        unlike = np.zeros(1) if numbers else _finite_or_inf(np.abs(answers.likely(wanted) - probabilities))
        every = _finite_or_inf(np.abs(wanted - got))
    errors = every.max(1)
    error, scale = float(errors.max()), float(np.abs(wanted).max())
    near = errors <= budget.tolerance * scale
    both = (near, np.ones_like(near)) if numbers else answers.told(wanted, probabilities)
    same = both[0] == both[1]
    worst = np.argsort(-errors, kind="stable")[:_WORST]
    right = [] if numbers else [found for found in map(answers.right, both) if len(found)]
    shares = [float(found.mean()) for found in right] or [None, None]
    bounds = [score_bounds(float(found.mean()), len(found), _SURE) for found in right] or [None, None]
    loss = answers.off(got) - answers.off(wanted) if numbers else None
    if right:
        loss = float(right[0].mean() - right[1].mean())
    return Parity(
        kind=answers.kind,
        n=len(paths),
        max_logit_error=error,
        logit_scale=scale,
        relative_error=_share(error, scale),
        usual_error=_share(float(np.quantile(every, _USUAL, method="inverted_cdf")), scale),
        probability_error=float(unlike.max()),
        agreement=float((same.all(axis=1) if same.ndim == 2 else same).mean()),
        accuracy_model=shares[0],
        accuracy_export=shares[1],
        bounds_model=bounds[0],
        bounds_export=bounds[1],
        loss=loss,
        tolerance=budget.tolerance if np.isfinite(budget.tolerance) else None,
        least_agreement=budget.agreement,
        most_loss=budget.loss,
        worst=tuple((paths[row], float(errors[row])) for row in worst),
        temperature=answers.temperature,
    )


def _share(error: float, scale: float) -> float:
    return error / scale if scale > 0 else (0.0 if error == 0 else float("inf"))


def _finite_or_inf(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(values), values, np.inf)


def _batches(samples: Iterator[Sample]) -> Iterator[list[Sample]]:
    for size in itertools.cycle(_BATCHES):
        batch = list(itertools.islice(samples, size))
        if not batch:
            return
        yield batch
