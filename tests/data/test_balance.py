"""Weights and chances from counts, against scikit-learn and the papers' formulas; the sampler draws as it says."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from sightline.data.balance import balance, imbalance_ratio, weights_of_classes
from sightline.data.order import repeats, weighted_order
from sightline.data.samples import Samples
from sightline.errors import ConfigError, DataError, PlugError

COUNTS = (3, 40, 7)
CLASSES = ("ant", "bee", "cat")


def samples(weights=None, counts=COUNTS):
    labels = np.repeat(np.arange(len(counts)), counts)
    made = Samples.from_arrays(np.zeros((len(labels), 2, 2), np.uint8), labels, classes=CLASSES)
    column = None if weights is None else np.asarray(weights, np.float32)
    return dataclasses.replace(made, weights=column)


def balanced(of, sampler="none", class_weights="none", beta=0.99, indices=None, seed=3):
    places = np.arange(len(of)) if indices is None else np.asarray(indices)
    return balance(of, places, seed=seed, sampler=sampler, class_weights=class_weights, beta=beta)


def some_weights():
    return np.random.default_rng(0).uniform(0, 3, sum(COUNTS)).astype(np.float32)


def test_nothing_is_weighed_or_drawn_unless_asked():
    plain = balanced(samples())
    assert plain.class_weights is None and plain.sample_weights is None and not plain.drawn
    assert sorted(plain.order(0)) == list(range(50))


@pytest.mark.parametrize("weighted", [False, True])
def test_inverse_weights_are_those_of_scikit_learn(weighted):
    column = some_weights() if weighted else None
    of = samples(column)
    oracle = compute_class_weight("balanced", classes=np.arange(3), y=of.labels, sample_weight=column)
    np.testing.assert_allclose(balanced(of, class_weights="inverse").class_weights, oracle, rtol=1e-6)


def test_effective_weights_are_those_of_the_paper():
    beta = 0.99
    effective = np.array([(1 - beta**n) / (1 - beta) for n in COUNTS])
    weights = balanced(samples(), class_weights="effective", beta=beta).class_weights
    np.testing.assert_allclose(weights * effective, (weights * effective)[0])
    nearly = balanced(samples(), class_weights="effective", beta=1 - 1e-9).class_weights
    np.testing.assert_allclose(nearly, balanced(samples(), class_weights="inverse").class_weights, rtol=1e-6)
    flat = balanced(samples(), class_weights="effective", beta=1e-9).class_weights
    np.testing.assert_allclose(flat, 1, rtol=1e-6)


@pytest.mark.parametrize("wanted", ["inverse", "effective", (1.0, 2.0, 0.5), {"cat": 5.0}])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sampler", ["none", "classes"])
def test_the_mean_weight_over_what_an_epoch_draws_is_one(wanted, weighted, sampler):
    of = samples(some_weights() if weighted else None)
    found = balanced(of, sampler, wanted)
    own = np.ones(50) if found.sample_weights is None else found.sample_weights
    draws = np.bincount(np.concatenate([found.order(epoch) for epoch in range(400)]), minlength=50) / 400
    assert (draws * own).mean() == pytest.approx(1, rel=0.01)
    assert (draws * own * found.class_weights[of.labels]).mean() == pytest.approx(1, rel=0.01)
    if sampler == "none":
        assert (own * found.class_weights[of.labels]).mean() == pytest.approx(1, rel=1e-6)


def test_weights_by_name_are_those_in_the_order_of_the_classes():
    by_name = balanced(samples(), class_weights={"cat": 5.0, "ant": 2.0}).class_weights
    np.testing.assert_array_equal(by_name, balanced(samples(), class_weights=(2.0, 1.0, 5.0)).class_weights)


def test_a_class_without_training_images_weighs_one():
    assert weights_of_classes("inverse", np.array([4.0, 0.0, 4.0]), CLASSES, 0.9).tolist() == [1, 1, 1]
    assert imbalance_ratio(np.array([4, 0, 2])) == 2


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ((1.0, 2.0), "2 weights for 3 classes"),
        ({"bees": 2.0}, "no class is called 'bees'"),
        ((1.0, -1.0, 1.0), "class weights must be numbers from 0 up"),
        ((1.0, float("nan"), 1.0), "class weights must be numbers from 0 up"),
        ((0.0, 0.0, 0.0), "every class with training images weighs 0|has no effect"),
        ((2.0, 2.0, 2.0), "has no effect: all classes weigh the same"),
        ({}, "has no effect"),
    ],
)
def test_class_weights_that_make_no_sense_are_refused(wanted, told):
    with pytest.raises(ConfigError, match=told):
        balanced(samples(), class_weights=wanted)


def test_a_class_weight_for_images_that_are_not_there_is_refused():
    with pytest.raises(ConfigError, match="every class with training images weighs 0"):
        balanced(samples(), class_weights={"ant": 0.0, "bee": 0.0}, indices=[0, 1, 5])


def test_sample_weights_act_in_the_loss_with_a_mean_of_one():
    column = some_weights()
    found = balanced(samples(column), indices=range(10, 50))
    assert found.sample_weights[10:].mean() == pytest.approx(1, rel=1e-6)
    np.testing.assert_allclose(found.sample_weights[10:] / column[10:], 1 / column[10:].mean(), rtol=1e-5)
    assert balanced(samples(np.full(50, 7.0))).sample_weights is None


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_sample_weights_that_are_none_are_named(bad):
    column = some_weights()
    column[4] = bad
    with pytest.raises(DataError, match="1 training images have weights that are negative or no numbers") as raised:
        balanced(samples(column))
    assert "array#4" in raised.value.got
    balanced(samples(column), indices=[0, 1, 2, 30])  # images that are not trained on do not matter


def test_sample_weights_that_are_all_zero_are_refused():
    with pytest.raises(DataError, match="all 50 training images weigh 0"):
        balanced(samples(np.zeros(50)))


def test_sampling_by_weights_draws_in_their_proportion_and_leaves_the_loss_alone():
    column = some_weights()
    column[7] = 0
    found = balanced(samples(column), "weights")
    assert found.sample_weights is None
    orders = [found.order(epoch) for epoch in range(300)]
    share = np.bincount(np.concatenate(orders), minlength=50) / (300 * 50)
    np.testing.assert_allclose(share, column / column.sum(), atol=0.004)
    assert share[7] == 0
    with pytest.raises(ConfigError, match="there are no weights to sample by"):
        balanced(samples(), "weights")


def test_sampling_by_class_draws_every_class_equally_often_in_each_epoch():
    of = samples()
    found = balanced(of, "classes")
    for epoch in range(20):
        order = found.order(epoch)
        assert len(order) == 50
        drawn = np.bincount(of.labels[order], minlength=3)
        assert drawn.max() - drawn.min() <= 1
        ants = np.bincount(order, minlength=50)[:3]
        assert ants.max() - ants.min() <= 1  # a rare class is repeated evenly
        assert np.bincount(order, minlength=50)[3:43].max() == 1  # and of a frequent one none comes twice


def test_a_users_own_sampler(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_sampler.py").write_text(
        "def root(samples, indices):\n"
        "    return samples.counts(indices)[samples.labels[indices]] ** -0.5\n"
        "def short(samples, indices):\n"
        "    return [1.0]\n"
    )
    of = samples()
    found = balanced(of, "own_sampler:root")
    drawn = np.bincount(of.labels[np.concatenate([found.order(epoch) for epoch in range(200)])])
    np.testing.assert_allclose(drawn / drawn.sum(), np.sqrt(COUNTS) / np.sqrt(COUNTS).sum(), atol=0.003)
    with pytest.raises(PlugError, match=r"the sampler own_sampler:short gives no chances .*\n  got: shape \[1\]"):
        balanced(of, "own_sampler:short")
    with pytest.raises(PlugError, match="unknown sampler 'clases'"):
        balanced(of, "clases")


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60), st.integers(0, 5), st.integers(0, 5))
@settings(deadline=None)
def test_each_sample_and_each_class_comes_as_often_as_its_chance_says_rounded(numbers, seed, epoch):
    chances = np.asarray(numbers)
    if not chances.sum() > 1e-6:
        return
    chances = chances / chances.sum()
    strata = np.arange(len(chances)) % 3
    order = weighted_order(seed, epoch, chances, strata)
    assert len(order) == len(chances)
    for groups in (np.arange(len(chances)), strata):
        got = np.bincount(groups[order], minlength=groups.max() + 1)
        wanted = np.bincount(groups, weights=chances * len(chances))
        assert (np.abs(got - wanted) < 1 + 1e-6).all()
    assert np.array_equal(order, weighted_order(seed, epoch, chances, strata))


def test_another_epoch_or_seed_is_another_draw():
    chances, strata = np.full(40, 1 / 40), np.zeros(40, int)
    drawn = {tuple(weighted_order(seed, epoch, chances, strata)) for seed in (0, 1) for epoch in (0, 1)}
    assert len(drawn) == 4


def test_the_draw_stays_what_it_is():
    """A run that was started with an earlier version resumes in the same order."""
    chances = np.array([4, 4, 1, 1, 1, 1]) / 12
    assert weighted_order(0, 0, chances, np.array([0, 0, 1, 1, 1, 1])).tolist() == [0, 1, 1, 4, 0, 2]


def test_repeats_count_what_came_before():
    assert repeats(np.array([3, 1, 3, 3, 0, 1])).tolist() == [0, 0, 1, 2, 0, 1]
    assert repeats(np.array([], np.int64)).tolist() == []
