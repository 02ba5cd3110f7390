"""The contract of a rule of the diagnosis, for ``sightline.testing``."""

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from sightline.config_file import load
from sightline.diagnosis.case import Case, Facts
from sightline.diagnosis.gather import Gathering
from sightline.errors import ConfigError, PlugError
from sightline.findings import Finding

_SEVERITIES = ("error", "warning", "note")


def check_rule(rule: Callable[[Case], object], cases: Iterable[Case] = ()) -> None:
    """Check that a rule of the diagnosis honours its contract: a ``Case`` to a ``Finding`` or ``None``.

    It stands every history: one without steps, without evaluations, of earlier versions that told less, with losses
    that are no numbers; it changes nothing and repeats itself. What it finds has a name, a severity, one line of
    message, a remedy, evidence and thresholds that JSON can hold, and settings that exist and take their values.

    Args:
        rule: the rule.
        cases: more cases to try it on; some of them should be such as it speaks of.

    Raises:
        PlugError: names the clause that is broken.
    """
    for case in (*awkward_cases(), *cases):
        for array in _arrays(case.history):
            array.setflags(write=False)
        try:
            finding = rule(case)
            again = rule(case)
        except Exception as error:
            raise _broken("stands every history", f"{type(error).__name__}: {error}") from error
        if finding is None:
            continue
        if not isinstance(finding, Finding):
            raise _broken("gives a Finding or None", type(finding).__name__)
        _check_finding(finding)
        if finding != again:
            raise _broken("gives the same for the same case", f"{finding} and {again}")


def _check_finding(finding: Finding) -> None:
    lines = (finding.rule, finding.message, finding.remedy)
    if not all(line.strip() and "\n" not in line for line in lines):
        raise _broken("gives a name, a message and a remedy of one line each", str(lines))
    if finding.severity not in _SEVERITIES:
        raise _broken(f"gives a severity of {', '.join(_SEVERITIES)}", finding.severity)
    try:
        json.dumps([finding.evidence, finding.threshold], allow_nan=False)
    except (TypeError, ValueError) as error:
        raise _broken("gives evidence and thresholds that JSON can hold", str(error)) from error
    if not finding.evidence:
        raise _broken("gives the numbers behind its message as evidence", "nothing")
    for word in finding.settings:
        try:
            load(None, [word])
        except ConfigError as error:
            raise _broken("proposes settings that exist and take their values", f"{word}: {error.what}") from error


def awkward_cases() -> Iterator[Case]:
    """Cases that are easily forgotten."""
    yield _case([], Facts())
    yield _case([_step(1)], Facts(steps=10))
    yield _case([_step(step, "nan") for step in range(1, 80)], _SOME)
    steps = [_step(step, 1 / step) for step in range(1, 121)]
    yield _case(steps, _SOME)
    evals: list[dict[str, Any]] = [
        {"kind": "eval", "step": 10 * n, "val_loss": 1.0, "val_accuracy": 0.5} for n in range(1, 13)
    ]
    yield _case([*steps, *evals], dataclasses.replace(_SOME, ended="finished"))
    counts: dict[str, Any] = {"val_true": [0, 0], "val_predicted": [0, 0], "val_hits": [0, 0], "val_loss_sd": None}
    counts |= {"seen_loss": "nan", "seen_accuracy": None, "seen_n": 0}
    yield _case([*steps, *(one | counts for one in evals)], dataclasses.replace(_SOME, ended="patience", patience=1))
    table = [[None] * 3, [0.0, 0.0, None], [1.0, None, 0.5]]
    look: dict[str, Any] = {"kind": "look", "layers": ["a", "b", "c"], "kinds": ["Linear", "ReLU", "Linear"]}
    look |= {"figures": ["weight_norm", "gradient_norm", "dead"], "table": table}
    yield _case([*steps, *(look | {"step": step} for step in (1, 50, 100))], _SOME)
    numbers = [{"kind": "step", "step": n, "epoch": n / 9, "loss": 2.0, "mae": 1.0, "lr": 0.1} for n in range(1, 99)]
    yield _case(numbers, Facts(task="regression", steps=98, per_epoch=9, ended="finished", settings={"train.lr": 0.1}))


_SOME = Facts(
    classes=("a", "b"), counts=(60, 60), images={"train": 120, "val": 20}, steps=120, per_epoch=10, warmup=5,
    evaluate=10,
)  # fmt: skip


def _step(step: int, loss: float | str = 1.0) -> dict[str, Any]:
    values = {"loss": loss, "accuracy": 0.5, "lr": 0.01, "images": 12, "seconds": 0.01, "wait": 0.001}
    return {"kind": "step", "step": step, "epoch": step / 10, **values}


def _case(records: list[dict[str, Any]], facts: Facts) -> Case:
    gathering = Gathering()
    gathering.add(records)
    return Case(history=gathering.history(), facts=facts)


def _arrays(value: Any) -> Iterator[np.ndarray[Any, Any]]:
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict):
        for item in value.values():  # pyright: ignore[reportUnknownVariableType]
            yield from _arrays(item)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _arrays(getattr(value, field.name))


def _broken(clause: str, got: str) -> PlugError:
    return PlugError(f"broken contract: a rule {clause}", got=got)
