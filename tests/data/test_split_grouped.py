"""What belongs together stays in one part, whatever the data looks like, and the class mix stays as near as it can."""

import dataclasses
import hashlib
import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from sightline.data.near import clusters_of
from sightline.data.samples import PARTS, Names, Samples
from sightline.data.scan import scan
from sightline.data.split import fold_parts, split
from sightline.data.split.apportion import part_targets
from sightline.data.split.mix import Mix
from sightline.data.split.units import across, units_of, with_groups
from sightline.errors import ConfigError, SplitError


def samples_of(labels, **columns) -> Samples:
    labels = np.asarray(labels, np.int32)
    names = [f"c{label}" for label in range(int(labels.max()) + 1)]
    plain = Samples.from_arrays(np.zeros((len(labels), 1, 1), np.uint8), labels, classes=names)
    return dataclasses.replace(plain, **columns)


def column(values) -> np.ndarray:
    return np.asarray(values, np.int32)


def table(samples: Samples) -> np.ndarray:
    return Mix.of(samples).counts


@st.composite
def data_sets(draw):
    """Labels, groups and clusters of a small data set; many samples stand alone in either."""
    classes, count = draw(st.integers(2, 4)), draw(st.integers(12, 80))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    labels = random.permutation(np.arange(count) % classes)
    groups = random.integers(0, draw(st.integers(count // 4, 3 * count)), count)
    clusters = random.integers(0, draw(st.integers(count, 6 * count)), count)
    return labels, column(groups), column(clusters)


@given(data=data_sets(), val=st.floats(0.05, 0.4), test=st.floats(0.05, 0.4), seed=st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_no_group_and_no_cluster_straddles_and_parts_are_complete(data, val, test, seed):
    labels, groups, clusters = data
    samples = samples_of(labels)
    units = units_of(groups, clusters, len(labels))
    try:
        divided = split(samples, val=val, test=test, seed=seed, units=units)
    except SplitError:
        assume(False)
        return
    for codes in (groups, clusters):
        for code in np.unique(codes):
            assert len(set(divided.parts[codes == code].tolist())) == 1
    assert set(divided.parts.tolist()) == {0, 1, 2}, "every sample has one of the three parts"
    assert (table(divided) > 0).all(), "every class is in every part"
    again = split(samples, val=val, test=test, seed=seed, units=units)
    assert np.array_equal(divided.parts, again.parts)


@given(data=data_sets(), folds=st.integers(2, 5), seed=st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_folds_are_disjoint_complete_and_without_leaks(data, folds, seed):
    labels, groups, clusters = data
    units = units_of(groups, clusters, len(labels))
    try:
        made = fold_parts(samples_of(labels), folds=folds, val=0.2, seed=seed, units=units)
    except SplitError:
        assume(False)
        return
    tested = np.stack([one.parts == 2 for one in made])
    assert (tested.sum(axis=0) == 1).all(), "every sample is tested exactly once"
    for one in made:
        assert not across(units, one.parts)
        assert (table(one) > 0).all()


def test_folds_without_groups_are_as_even_as_numbers_allow():
    labels = np.repeat(np.arange(4), [23, 41, 7, 30])
    made = fold_parts(samples_of(labels), folds=5, val=0.1, seed=3)
    tested = np.stack([table(one)[:, 2] for one in made])
    assert (np.ptp(tested, axis=0) <= 1).all(), "no class differs by more than one"
    assert np.ptp(tested.sum(axis=1)) <= 1, "nor does the size of a fold"
    assert [table(one)[:, 1].tolist() for one in made] == [np.maximum(1, table(one)[:, 1]).tolist() for one in made], (
        "every fold validates on every class"
    )
    assert not np.array_equal(made[0].parts, fold_parts(samples_of(labels), folds=5, val=0.1, seed=4)[0].parts)


def chi(counts: np.ndarray, target: np.ndarray) -> float:
    """How far a division of whole units is from its targets, cell by cell."""
    return float((((counts - target) ** 2) / target).sum())


@given(seed=st.integers(0, 100_000))
@settings(max_examples=40, deadline=None)
def test_small_cases_come_near_to_the_best_of_all_divisions(seed):
    random = np.random.default_rng(seed)
    pieces, classes = int(random.integers(4, 8)), 2
    held = random.integers(0, 6, (pieces, classes))
    held[:, 0] += held.sum(axis=1) < 2  # each piece has two samples at least, so that none can be dealt singly
    held[:, 1] += held.sum(axis=1) < 2
    labels = np.concatenate([np.repeat(np.arange(classes), row) for row in held])
    units = column(np.repeat(np.arange(pieces), held.sum(axis=1)))
    samples = samples_of(labels)
    assume((samples.counts() > 2).all() and len(samples.classes) == classes)
    target = part_targets(samples.counts(), {1: 0.25, 2: 0.25}).T
    every = [
        np.stack([held[np.asarray(where) == part].sum(axis=0) for part in range(3)], axis=1)
        for where in itertools.product(range(3), repeat=pieces)
    ]
    possible = [counts for counts in every if (counts > 0).all()]
    if not possible:
        with pytest.raises(SplitError, match="classes that are not in every one of the 3 parts"):
            split(samples, val=0.25, test=0.25, seed=seed, units=units)
        return
    best = min(chi(counts, target) for counts in possible)
    found = chi(table(split(samples, val=0.25, test=0.25, seed=seed, units=units)), target)
    assert found <= 1.5 * best + 1


def test_grouped_folds_are_no_worse_than_those_of_scikit_learn():
    ours, theirs = [], []
    for seed in range(6):
        random = np.random.default_rng(seed)
        sizes, main = random.integers(1, 20, 40), random.integers(0, 4, 40)
        mixed = [
            np.where(random.random(n) < 0.7, k, random.integers(0, 4, n)) for n, k in zip(sizes, main, strict=True)
        ]
        labels, units = np.concatenate(mixed), column(np.repeat(np.arange(40), sizes))
        target = np.bincount(labels)[:, None] / np.ones(5) / 5
        made = fold_parts(samples_of(labels), folds=5, val=0.0, seed=seed, units=units)
        ours.append(chi(np.stack([table(one)[:, 2] for one in made], axis=1), target))
        oracle = StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(labels, labels, units)
        theirs.append(chi(np.stack([np.bincount(labels[test], minlength=4) for _, test in oracle], axis=1), target))
    assert np.mean(ours) <= np.mean(theirs)


def test_single_samples_make_up_for_uneven_groups():
    labels = np.repeat([0, 1], [100, 100])
    units = np.arange(200, dtype=np.int32)
    units[:17], units[20:33], units[100:111] = 0, 20, 100
    divided = split(samples_of(labels), val=0.2, test=0.2, seed=1, units=units)
    assert table(divided).tolist() == [[60, 20, 20], [60, 20, 20]]


GOLDEN = (
    ([100, 200, 40], 0.15, 0.1, 0, "649ffed244f05d2d"),
    ([36] * 10, 0.15, 0.15, 3, "64e2ccf163f787cb"),
    ([7, 5, 90, 1000], 0.2, 0.05, 7, "b0f075a8726938f5"),
    ([50, 50], 0.2, 0.0, 1, "e5824813fd26cf6a"),
    ([3, 4, 5], 0.3, 0.3, 11, "fcc23807f6fb0a61"),
)
"""Divisions as version 0.1 made them, before there were groups: counts, val, test, seed, start of the hash."""


@pytest.mark.parametrize(("counts", "val", "test", "seed", "digest"), GOLDEN)
@pytest.mark.parametrize("alone", [False, True])
def test_without_groups_and_copies_a_seed_divides_as_it_always_did(counts, val, test, seed, digest, alone):
    labels = np.repeat(np.arange(len(counts)), counts)
    units = column(np.arange(len(labels))[::-1]) if alone else None
    parts = split(samples_of(labels), val=val, test=test, seed=seed, units=units).parts
    assert hashlib.sha256(parts.tobytes()).hexdigest()[:16] == digest


def test_groups_and_clusters_are_joined_through_one_another():
    groups = column([0, 0, 1, 1, 2, 2, 3])
    clusters = column([0, 1, 1, 2, 3, 4, 5])  # the second image of group 0 is a copy of the first of group 1
    assert units_of(groups, clusters, 7).tolist() == [0, 0, 0, 0, 1, 1, 2]
    assert units_of(None, clusters, 7).tolist() == [0, 1, 1, 2, 3, 4, 5]
    assert units_of(groups, None, 7).tolist() == [0, 0, 1, 1, 2, 2, 3]
    assert units_of(None, None, 3).tolist() == [0, 1, 2]


@given(seed=st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_units_are_the_components_of_the_graph(seed):
    random = np.random.default_rng(seed)
    count = int(random.integers(1, 40))
    groups, clusters = (column(random.integers(0, int(random.integers(1, 40)), count)) for _ in range(2))
    joined = (groups[:, None] == groups) | (clusters[:, None] == clusters)
    for _ in range(count):
        joined = (joined.astype(np.int64) @ joined) > 0  # reached by paths of any length
    units = units_of(groups, clusters, count)
    assert np.array_equal(units[:, None] == units, joined)


@pytest.mark.parametrize(("val", "test"), [(17, 9), (1 / 8, 9), (17, 0.1), (2, 2)])
def test_counts_are_met_exactly(val, test):
    sums = table(split(samples_of(np.repeat([0, 1], [70, 31])), val=val, test=test, seed=0)).sum(axis=0)
    for got, asked in ((sums[1], val), (sums[2], test)):
        assert got == asked if isinstance(asked, int) else abs(got - 101 * asked) < 1


@pytest.mark.parametrize(
    ("val", "test", "told"),
    [
        (90, 11, r"nothing is left to train on .*\n  got: 90 \+ 11\n  allowed: below 101 images in all"),
        (60, 0.5, r"nothing is left to train on"),
        (1, 0, r"the val part cannot have 1 images \(data.val\)\n  got: 1\n  allowed: 2 \(one of each class\) to 99"),
    ],
)
def test_counts_that_make_no_sense(val, test, told):
    with pytest.raises(SplitError, match=told):
        split(samples_of(np.repeat([0, 1], [70, 31])), val=val, test=test, seed=0)


def test_a_class_within_too_few_groups_is_named_with_the_reason():
    labels = np.repeat([0, 1], [40, 12])
    units = column([*range(40), *([100] * 6), *([101] * 6)])
    with pytest.raises(SplitError) as error:
        split(samples_of(labels), val=0.2, test=0.2, seed=0, units=units)
    assert "classes that are not in every one of the 3 parts when what belongs together stays" in str(error.value)
    assert "got: c1 (12 images in 2 pieces)" in str(error.value)
    assert (table(split(samples_of(labels), val=0.2, test=0, seed=0, units=units))[:, :2] > 0).all()
    with pytest.raises(SplitError, match=r"every one of the 3 folds .*\n  got: c1 \(12 images in 2 pieces\)"):
        fold_parts(samples_of(labels), folds=3, val=0.1, seed=0, units=units)


def test_classes_too_small_for_the_folds_and_given_parts_are_refused():
    with pytest.raises(SplitError, match=r"every fold \(at least 5 are needed\)\n  got: c1 \(4\)"):
        fold_parts(samples_of(np.repeat([0, 1], [9, 4])), folds=5, val=0.1, seed=0)
    given_parts = samples_of([0, 1] * 6, parts=np.asarray([0, 0, 2, 2] * 3, np.int8))
    with pytest.raises(SplitError, match=r"gives its own parts, so there is nothing .*\n  got: train, test"):
        fold_parts(given_parts, folds=2, val=0.1, seed=0)


def test_validation_from_a_given_training_part_respects_groups_and_moves_nothing():
    labels, groups = np.tile([0, 1], 60), column(np.arange(120) // 6)
    parts = np.where(np.arange(120) < 90, 0, 2).astype(np.int8)
    parts[0] = 2  # one image of the first group lies in the given test part
    samples = samples_of(labels, parts=parts)
    divided = split(samples, val=0.2, test=0.5, seed=0, units=groups)
    assert np.array_equal(divided.parts == 2, parts == 2)
    training = divided.parts != 2
    assert not across(groups[training], divided.parts[training])
    assert [members.tolist() for members in across(groups, parts)] == [list(range(6))]


def paths_of(names, groups=None) -> Samples:
    samples = samples_of([0, 1] * (len(names) // 2), groups=groups, group_names=("x",) if groups is not None else ())
    return dataclasses.replace(samples, paths=Names.of(names))


def test_groups_from_a_pattern():
    names = ["a/patient7_1.png", "b/patient12_1.png", "a/patient7_2.png", "b/patient7.png"]
    samples = with_groups(paths_of(names), r"patient(\d+)")
    assert samples.group_names == ("12", "7") and samples.groups is not None and samples.groups.tolist() == [1, 0, 1, 1]
    whole = with_groups(paths_of(names), r"patient\d+")
    assert whole.group_names == ("patient12", "patient7")
    with pytest.raises(SplitError, match=r"patient\(\\d\+\) finds no group in 1 of 2 paths .*\n  got: b/2.png\n"):
        with_groups(paths_of(["a/patient1.png", "b/2.png"]), r"patient(\d+)")
    with pytest.raises(SplitError, match="finds no group in 1 of 2 paths"):
        with_groups(paths_of(["a/1.png", "b/2.png"]), r"(a)?/")  # the group took no part in the match
    with pytest.raises(ConfigError, match=r"data.group is no regular expression .*\n  got: a\( \(missing \)"):
        with_groups(paths_of(names), "a(")


def test_the_column_is_used_unless_told_otherwise():
    column_of = column([0, 0, 0, 0])
    names = ["a/1", "b/2", "a/3", "b/4"]
    assert with_groups(paths_of(names, column_of), "auto").groups is column_of
    assert with_groups(paths_of(names, column_of), "none").groups is None
    assert with_groups(paths_of(names, column_of), r"\d").group_names == ("1", "2", "3", "4")
    with pytest.raises(ConfigError, match=r"data.group has no effect: the data set has no groups"):
        with_groups(paths_of(names), "none")


def test_copies_are_clusters():
    pixels = np.random.default_rng(0).integers(0, 256, (6, 3, 3), dtype=np.uint8)
    pixels[4] = pixels[1]
    samples = Samples.from_arrays(pixels, [0, 1] * 3)
    clusters = clusters_of(samples, scan(samples))
    assert np.array_equal(clusters[:, None] == clusters, np.eye(6, dtype=bool) | (np.isin(range(6), [1, 4]) & np.isin(
        range(6), [1, 4]
    )[:, None]))  # fmt: skip


def test_the_mix_tells_counts_shares_and_the_largest_difference():
    samples = samples_of([0, 0, 0, 1], parts=np.asarray([0, 0, 1, 1], np.int8))
    mix = Mix.of(samples)
    assert mix.by_class() == {"c0": {"train": 2, "val": 1, "test": 0}, "c1": {"train": 0, "val": 1, "test": 0}}
    assert mix.off.tolist() == [25.0, 25.0]
    assert mix.rows()[1] == ["c0", "3", "75.0 %", "2", "100.0 %", "1", "50.0 %", "0", "0.0 %", "25.0"]
    assert mix.rows()[-1] == ["all classes", "4", "100.0 %", "2", "50.0 %", "2", "50.0 %", "0", "0.0 %", "25.0"]
    assert len({len(line) for line in mix.lines()}) == 1
    assert [word for word in mix.rows()[0] if word] == ["class", "all", *PARTS, "off by"]
