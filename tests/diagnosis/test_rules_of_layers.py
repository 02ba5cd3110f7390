"""Rules about layers, time and memory: each where it speaks and where it just does not."""

import numpy as np
import pytest

import sick_cases as sick
from sightline.diagnosis.case import Case
from sightline.diagnosis.diagnose import RULES
from sightline.diagnosis.rules.cost import NEARLY_FULL, WAITS
from sightline.diagnosis.rules.layers import DEAD, EXPLODED, SATURATED, VANISHED

GIB = 2**30


def speaks(rule: str, case: Case) -> bool:
    finding = RULES[rule](case)
    assert finding is None or finding.rule == rule
    return finding is not None


def gradients(first: float, last: float) -> Case:
    """Of the first convolution and of the head, as shares of their weights."""
    shares = np.geomspace(first, last, 5)
    return sick.with_looks(sick.healthy(), "gradient_norm", np.insert(10 * shares, [1, 2, 3, 4], np.nan))


def test_first_layers_without_gradient():
    assert speaks("vanishing_gradients", gradients(0.5 * VANISHED, 1.0))
    assert not speaks("vanishing_gradients", gradients(2 * VANISHED, 1.0))


def test_a_network_without_depth_has_nothing_that_vanishes():
    case = sick.with_kinds(
        gradients(1e-6, 1.0), "Conv2d", "ReLU", "Conv2d", "ReLU", "Norm", "Sigmoid", "Norm", "ReLU", "Linear"
    )
    assert not speaks("vanishing_gradients", case)


def test_vanishing_proposes_normalization_where_there_is_none():
    case = gradients(1e-5, 1.0)
    bare = Case(history=case.history, facts=sick.healthy({"model.options": {"norm": "none"}}).facts)
    finding = RULES["vanishing_gradients"](bare)
    assert finding is not None and finding.settings == ("model.options.norm=batch",)
    grouped = Case(history=case.history, facts=sick.healthy({"model.options": {"norm": "group"}}).facts)
    finding = RULES["vanishing_gradients"](grouped)
    assert finding is not None and finding.settings == ()


def test_a_gradient_far_larger_than_the_weights():
    assert speaks("exploding_gradients", gradients(1.1 * EXPLODED, 1.1 * EXPLODED))
    assert not speaks("exploding_gradients", gradients(0.9 * EXPLODED, 0.9 * EXPLODED))
    finding = RULES["exploding_gradients"](gradients(100, 100))
    assert finding is not None and finding.severity == "error" and finding.settings == ("train.clip=1",)


def test_a_gradient_that_is_clipped_explodes_less_badly():
    case = gradients(100, 100)
    clipped = sick.with_steps(
        Case(history=case.history, facts=sick.healthy({"train.clip": 1.0}).facts), grad_norm=300.0
    )
    finding = RULES["exploding_gradients"](clipped)
    assert finding is not None and finding.severity == "warning" and not finding.settings


@pytest.mark.parametrize(("share", "told"), [(DEAD, True), (DEAD - 0.01, False)])
def test_channels_that_are_dead_for_every_image(share: float, told: bool):
    dead = np.where([kind == "ReLU" for kind in sick.KINDS], 0.1, np.nan)
    dead[3] = share
    assert speaks("dead_relus", sick.with_looks(sick.healthy(), "dead", dead)) is told


def test_a_few_images_do_not_show_that_channels_are_dead():
    dead = sick.with_looks(sick.healthy({"train.batch_size": 14, "train.accumulate": 2}), "dead", 0.9)
    assert not speaks("dead_relus", dead)


def test_one_look_is_not_enough_for_dead_channels():
    assert not speaks("dead_relus", sick.under_way(sick.with_looks(sick.healthy(), "dead", 1.0), 1))


@pytest.mark.parametrize(("share", "told"), [(SATURATED, True), (SATURATED - 0.01, False)])
def test_activations_at_their_bounds(share: float, told: bool):
    assert speaks("saturated", sick.with_looks(sick.healthy(), "saturated", share)) is told


def test_a_gate_may_be_open_or_closed():
    gates = ("Hardsigmoid",) * len(sick.KINDS)
    assert not speaks("saturated", sick.with_kinds(sick.with_looks(sick.healthy(), "saturated", 1.0), *gates))


def test_numbers_that_are_none():
    failed = sick.healthy(ended="failed", failure="the loss became NaN at step 7, first in stem", failure_step=7)
    finding = RULES["non_finite"](failed)
    assert finding is not None and finding.severity == "error" and "first in stem" in finding.message
    assert finding.settings == ("train.clip=1", "train.lr=0.0002")
    back = RULES["non_finite"](sick.healthy(rollbacks=2))
    assert back is not None and back.severity == "warning" and "went back 2 times" in back.message
    assert speaks("non_finite", sick.with_steps(sick.healthy(), loss=np.where(np.arange(400) == 100, np.nan, 1.0)))
    assert not speaks("non_finite", sick.healthy())


def test_parameters_without_a_gradient():
    assert speaks("unused_parameters", sick.healthy(unused=("side.weight",)))
    assert not speaks("unused_parameters", sick.healthy())


def test_parameters_that_are_frozen_by_nobody():
    assert speaks("frozen", sick.healthy(fixed=("stem.weight",)))
    assert not speaks("frozen", sick.healthy())


def test_a_freeze_that_outlasts_the_run():
    finding = RULES["frozen"](sick.healthy({"train.freeze": "30ep"}, frozen=600))
    assert finding is not None and finding.settings == ("train.freeze=20%",)
    assert not speaks("frozen", sick.healthy({"train.freeze": "19ep"}, frozen=380))
    assert not speaks("frozen", sick.healthy({"train.freeze": "100%"}, frozen=400))  # that is what was asked for


@pytest.mark.parametrize(("share", "told"), [(WAITS + 0.01, True), (WAITS - 0.001, False)])
def test_steps_that_wait_for_images(share: float, told: bool):
    assert speaks("data_bound", sick.with_steps(sick.healthy(), wait=0.1 * share)) is told


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"data.workers": 0, "data.cache": "off"}, ("data.workers=auto", "data.cache=auto")),
        ({"data.workers": 2}, ("data.workers=auto",)),
        ({"data.workers": 8}, ()),
        ({"data.cache": "off", "data.augment": "mine.py:change"}, ()),  # auto keeps nothing for that
        ({"data.cache": "off", "data.stream": True}, ()),
    ],
)
def test_what_feeds_steps_that_wait(changes: dict[str, object], told: tuple[str, ...]):
    case = sick.with_steps(sick.healthy({**changes}, given=frozenset(changes), cores=8), wait=0.09)
    finding = RULES["data_bound"](case)
    assert finding is not None and finding.settings == told


def test_a_short_wait_is_not_worth_a_word():
    assert not speaks("data_bound", sick.with_steps(sick.healthy(), seconds=0.01, wait=0.009))


def test_the_first_steps_may_wait():
    wait = np.where(np.arange(400) < 5, 100.0, 0.001)
    assert not speaks("data_bound", sick.with_steps(sick.healthy(), seconds=wait + 0.1, wait=wait))


def test_settings_that_cost_time_for_nothing():
    digests = sick.healthy({"train.digests": True})
    assert speaks("slow_settings", digests)
    assert not speaks("slow_settings", sick.with_steps(digests, wait=0.05))  # then the data is what costs
    recomputed = {"train.recompute": "all"}
    assert speaks("slow_settings", sick.healthy(recomputed, memory=GIB, memory_limit=3 * GIB))
    assert not speaks("slow_settings", sick.healthy(recomputed, memory=2 * GIB, memory_limit=3 * GIB))


def test_memory_that_is_nearly_full():
    assert speaks("memory", sick.healthy(memory=int((NEARLY_FULL + 0.01) * GIB), memory_limit=GIB))
    assert not speaks("memory", sick.healthy(memory=int(NEARLY_FULL * GIB), memory_limit=GIB))
    assert not speaks("memory", sick.healthy(memory=GIB))


def test_a_schedule_that_follows_on_a_freeze_warms_up_after_it():
    case = sick.healthy({"train.freezing.lr_while": 0.01}, frozen=200)
    assert not sick.under_way(case, 210).warm and sick.under_way(case, 240).warm
    assert sick.under_way(sick.healthy({"train.freezing.lr_while": None}, frozen=200), 210).warm
