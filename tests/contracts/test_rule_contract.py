"""Every built-in rule honours the contract that a user's own has to honour."""

import dataclasses
from typing import Any

import numpy as np
import pytest

import sick_cases as sick
from sightline.diagnosis.case import Case
from sightline.diagnosis.diagnose import RULES
from sightline.errors import PlugError
from sightline.findings import Finding
from sightline.testing import check_rule


def cases() -> list[Case]:
    """The healthy case and many sick ones, so that most rules have something to say."""
    healthy = sick.healthy()
    return [
        healthy,
        sick.healthy({"train.clip": 0.1}, unused=("a",), fixed=("b",), copies={"val": 40}, doubtful=90, doubted=100),
        sick.healthy(failure="nan", failure_step=3, memory=95, memory_limit=100, warmup=300),
        *(sick.with_looks(healthy, name, 50.0) for name in ("update_ratio", "gradient_norm", "dead", "saturated")),
        sick.with_evals(healthy, seen_score=0.5, score=0.5, seen_loss=0.01, loss=np.linspace(1, 2, 20)),
        sick.with_evals(sick.with_steps(healthy, loss=1.4, lr=0.1, wait=0.09), score=0.25, predicted=[400, 0, 0, 0]),
        sick.without_looks(sick.healthy({"train.lr": "auto", "model.options": {"norm": "none"}})),
    ]


@pytest.mark.parametrize("name", RULES)
def test_built_in_rules(name: str):
    check_rule(RULES[name], cases())


def told(**changes: Any) -> Finding:
    plain: dict[str, Any] = {"rule": "mine", "severity": "note", "message": "it is so", "remedy": "do this"}
    return Finding(**plain | {"evidence": {"loss": 1.0}} | changes)


def spoil(case: Case) -> None:
    case.history.steps.loss[:] = 0


@pytest.mark.parametrize(
    ("rule", "clause"),
    [
        (lambda case: case.history.steps.loss[-1] and None, "stands every history"),
        (spoil, "stands every history"),
        (lambda _: "bad", "gives a Finding or None"),
        (lambda _: told(message=""), "of one line each"),
        (lambda _: told(message="a\nb"), "of one line each"),
        (lambda _: told(severity="bad"), "gives a severity"),
        (lambda _: told(evidence={"loss": float("nan")}), "that JSON can hold"),
        (lambda _: told(evidence={}), "the numbers behind its message"),
        (lambda _: told(settings=("train.learning=1",)), "settings that exist"),
        (lambda _: told(settings=("train.lr=-1",)), "settings that exist"),
    ],
)
def test_a_broken_rule_is_told(rule: Any, clause: str):
    with pytest.raises(PlugError, match=f"broken contract: a rule .*{clause}"):
        check_rule(rule, cases())


def test_a_rule_that_does_not_repeat_itself_is_told():
    calls: list[int] = []

    def rule(_: Case) -> Finding:
        calls.append(1)
        return told(message=f"call {len(calls)}")

    with pytest.raises(PlugError, match="gives the same for the same case"):
        check_rule(rule)


def test_every_rule_has_a_section_of_the_docs_that_it_names():
    finding = RULES["memory"](
        dataclasses.replace(sick.healthy(), facts=sick.healthy(memory=99, memory_limit=100).facts)
    )
    assert finding is not None and finding.page == "docs/diagnosis.md#memory"
