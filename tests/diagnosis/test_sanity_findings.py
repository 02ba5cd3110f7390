"""From measured numbers to what is said of a training before it begins."""

import dataclasses
import json
import math
from typing import Any

import pytest

import sick_cases as sick
from sightline.diagnosis.case import Case, Facts
from sightline.diagnosis.rules.layers import exploding, vanishing
from sightline.diagnosis.sanity import Attempt, Learning, OwnLoss, Start, initial_loss, one_batch, own_loss
from sightline.diagnosis.sanity_network import Answers, Gradients, batch_mix, depth, gradients, inputs
from sightline.diagnosis.sanity_view import Preprocessing, Times, View, memory, preprocessing, shapes, time

FACTS = Facts(settings=sick.SETTINGS | {"model.init.name": "auto", "model.init.std": None})
VIEW = View(
    images=(8, 3, 16, 16), mean=0.1, spread=1.0, kind="class", classes=4, lowest=0, highest=3, wrong=0, outputs=(8, 4),
    broken=0, own=False,
)  # fmt: skip
TIMES = Times(
    tried=17, images=32, step=(0.09, 0.1, 0.12), wait=0.01, making=0.01, steps=1000, evaluation=2.0, evaluations=10,
    save=0.5, saves=20,
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "severity", "word"),
    [
        ({}, "note", "outputs 8 x 4"),
        ({"mean": math.nan}, "error", "no numbers"),
        ({"spread": 0.0}, "error", "every pixel"),
        ({"wrong": 2, "highest": 5}, "error", "2 are not 0 to 3"),
        ({"outputs": (8, 7)}, "error", "should be 8 x 4"),
        ({"outputs": (8, 7), "own": True}, "note", "outputs 8 x 7"),
        ({"outputs": (), "own": True}, "note", "no tensor"),
        ({"broken": 1}, "error", "no numbers"),
        ({"mean": -475.0}, "warning", "within 5 of 0"),
        ({"spread": 0.004}, "warning", "0.1 to 10"),
    ],
)
def test_shapes(change: dict[str, Any], severity: str, word: str):
    found = shapes(dataclasses.replace(VIEW, **change))
    assert (found.severity, word in found.message) == (severity, True), found.message


@pytest.mark.parametrize(
    ("loss", "chance", "severity"),
    [
        (1.39, 1.386, "note"),
        (2.7, 1.386, "note"),
        (2.8, 1.386, "warning"),
        (1400.0, 1.386, "error"),
        (math.nan, 1.386, "error"),
        (1.39, 0.5, "note"),
        (0.01, math.nan, "note"),
    ],
)
def test_the_loss_before_the_first_step(loss: float, chance: float, severity: str):
    found = initial_loss(Start(loss=loss, blind=math.log(4), chance=chance, images=32), FACTS)
    assert found.severity == severity
    assert found.settings == (("model.init.name=kaiming",) if severity != "note" and loss > 2 else ())


def test_starting_weights_that_were_asked_for_are_what_is_changed():
    large = dataclasses.replace(FACTS, settings={**FACTS.settings, "model.init.std": 2.0, "model.init.name": "normal"})
    found = initial_loss(Start(loss=90.0, blind=1.4, chance=1.4, images=32), large)
    assert found.settings == ("model.init.std=none", "model.init.name=auto")


def test_of_outputs_of_an_own_kind_nothing_is_expected():
    found = initial_loss(Start(loss=90.0, blind=math.nan, chance=math.nan, images=32), FACTS)
    assert found.severity == "note" and json.loads(json.dumps(found.as_dict()))["evidence"]["blind"] == "nan"


@pytest.mark.parametrize(
    ("broken", "blind", "least", "severity"),
    [
        ("", 2.3, 0.0, "note"),
        ("gives one value per sample", 2.3, 0.0, "error"),
        ("", 2.3, 1.46, "warning"),
        ("", math.log(2), 0.313, "warning"),
        ("", 0.3, 0.4, "error"),
        ("", math.nan, math.nan, "note"),
        ("", -1.0, -5.0, "note"),
    ],
)
def test_a_loss_of_ones_own(broken: str, blind: float, least: float, severity: str):
    assert own_loss(OwnLoss(name="my:loss", broken=broken, blind=blind, least=least)).severity == severity


def attempt(last: float, learnt: bool = False, steps: int = 150, short: bool = False) -> Attempt:
    return Attempt(steps=steps, lr=0.1, first=2.0, last=last, learnt=learnt, short=short)


@pytest.mark.parametrize(
    ("own", "plain", "severity", "word"),
    [
        (attempt(0.1, True, 9), None, "note", "in 9 steps"),
        (attempt(2.0), attempt(1.9), "error", "not learnt by heart"),
        (attempt(1.9, steps=4, short=True), attempt(1.9, steps=4, short=True), "warning", "not learnt by heart"),
        (attempt(0.9, steps=4, short=True), attempt(1.9, steps=4, short=True), "note", "still falling"),
        (attempt(90.0), attempt(0.1, True, 30), "error", "too high"),
        (attempt(math.nan, steps=3), attempt(0.1, True, 30), "error", "too high"),
        (attempt(1.9), attempt(0.1, True, 30), "warning", "too low"),
        (attempt(0.9), attempt(0.1, True, 30), "note", "learnt slowly"),
    ],
)
def test_one_batch(own: Attempt, plain: Attempt | None, severity: str, word: str):
    found = one_batch(Learning(images=8, bound=0.2, own=own, plain=plain), FACTS)
    assert (found.severity, word in found.message) == (severity, True), found.message
    assert "NaN" not in json.dumps(found.as_dict())


def test_few_weights_without_a_gradient_are_a_warning_and_many_an_error():
    given = Gradients(steps=5, parameters=10, weights=1000)
    assert gradients(given).severity == "note"
    assert gradients(dataclasses.replace(given, none=("spare",), idle=9)).severity == "warning"
    assert gradients(dataclasses.replace(given, zero=("stem",), idle=10)).severity == "error"
    assert gradients(dataclasses.replace(given, broken=("stem",))).severity == "error"


ANSWERS = Answers(images=8, size=1.0, spread=0.5, crossed=0.0, apart=1e-7)


def test_answers():
    assert inputs(ANSWERS).severity == batch_mix(ANSWERS).severity == "note"
    for bad in ({"spread": 1e-6}, {"size": math.nan, "spread": math.nan}, {"size": 0.0, "spread": 0.0}):
        assert inputs(dataclasses.replace(ANSWERS, **bad)).severity == "error"
    for bad in ({"crossed": 0.01}, {"apart": 0.01}, {"refused": "it gives [4]"}):
        assert batch_mix(dataclasses.replace(ANSWERS, **bad)).severity == "error"


def looked(**columns: float) -> Case:
    """The healthy training with a figure of its layers times a factor at the first three, or at all."""
    case = sick.healthy()
    figures = dict(case.history.looks.figures)
    for name, factor in columns.items():
        figures[name] = figures[name].copy()
        figures[name][:, : 3 if factor < 1 else None] *= factor
    looks = dataclasses.replace(case.history.looks, figures=figures)
    return Case(history=dataclasses.replace(case.history, looks=looks), facts=case.facts)


def test_depth_says_what_the_rules_of_the_diagnosis_say():
    assert depth(sick.healthy(), learnt=True).severity == "note"
    small, large = looked(gradient_norm=1e-7), looked(gradient_norm=1e6)
    assert vanishing(small) is not None and exploding(large) is not None
    assert depth(small, learnt=True).severity == "warning"
    assert depth(large, learnt=False).severity == "error"
    assert depth(large, learnt=True).severity == "warning"
    failed = Case(history=sick.healthy().history, facts=dataclasses.replace(FACTS, failure="NaN at step 3"))
    assert depth(failed, learnt=True).severity == "error"
    assert depth(small, learnt=True).rule == "sanity.depth"


def test_preprocessing():
    assert preprocessing(Preprocessing(images=8, differing=0, shift=0.1)).severity == "note"
    assert preprocessing(Preprocessing(images=8, differing=1, shift=0.1)).severity == "error"
    assert preprocessing(Preprocessing(images=8, differing=0, shift=0.6)).severity == "warning"


def test_the_time_of_the_whole_is_the_sum_of_its_parts():
    found = time(TIMES, sick.healthy())
    assert found.severity == "note"
    assert found.evidence["whole"] == pytest.approx(1000 * 0.1 + 10 * 2.0 + 20 * 0.5)
    assert (found.evidence["least"], found.evidence["most"]) == pytest.approx((120.0, 150.0))
    assert "estimate 2.17 min (2 min to 2.5 min)" in found.message


def test_steps_that_wait_are_told_with_the_setting():
    case = sick.healthy()
    steps = dataclasses.replace(case.history.steps, wait=0.5 * case.history.steps.seconds)
    facts = dataclasses.replace(case.facts, given=frozenset(["data.workers"]))
    found = time(TIMES, Case(history=dataclasses.replace(case.history, steps=steps), facts=facts))
    assert found.severity == "warning" and found.settings == ("data.workers=auto",)


@pytest.mark.parametrize(("used", "severity"), [(8, "note"), (15, "warning")])
def test_memory(used: int, severity: str):
    case = sick.healthy(memory=used << 30, memory_limit=16 << 30)
    assert memory(case).severity == severity
    assert memory(case).rule == "sanity.memory"
