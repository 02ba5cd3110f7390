"""Paired tests against scipy, against enumeration, and against what was published."""

import itertools

import numpy as np
import pytest
from scipy.stats import binomtest

from sightline.evaluation.paired import FLIPS, drawn, holm, mcnemar, sign_flip


@pytest.mark.parametrize(("lost", "gained"), [(0, 0), (0, 1), (3, 9), (9, 3), (5, 5), (59, 121), (0, 40), (900, 1100)])
def test_mcnemars_p_is_that_of_a_fair_coin(lost: int, gained: int):
    expected = binomtest(gained, lost + gained, 0.5).pvalue if lost + gained else 1.0
    assert mcnemar(lost, gained) == pytest.approx(expected, rel=1e-9)


def test_mcnemar_gives_the_published_value_of_a_known_table():
    """The table [[101, 121], [59, 33]] of statsmodels' own tests, whose exact p rounds to 0.000004."""
    assert round(mcnemar(121, 59), 6) == 4e-06


def test_sign_flips_come_near_the_enumeration_of_all():
    differences = np.asarray([0.3, -0.1, 0.5, 0.2, -0.4, 0.7, 0.1, 0.6])
    seen = abs(differences.sum())
    sums = [abs(np.dot(signs, differences)) for signs in itertools.product((-1, 1), repeat=len(differences))]
    exact = np.mean([value >= seen - 1e-12 for value in sums])
    assert sign_flip(differences, 0) == pytest.approx(exact, abs=4 * (exact * (1 - exact) / FLIPS) ** 0.5)
    assert sign_flip(differences, 0) == sign_flip(differences, 0)
    assert sign_flip(np.zeros(5), 0) == 1.0


def test_images_of_one_group_are_flipped_together():
    differences, groups = np.asarray([1.0, 1.0, 1.0, 1.0, 0.5, 0.5]), np.asarray([7, 7, 7, 7, 2, 2])
    assert sign_flip(differences, 0, groups) == pytest.approx(
        0.5, abs=0.03
    )  # two groups: of four sums two are as large
    assert sign_flip(differences, 0) < 0.06


def test_holms_correction():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([0.2]) == [0.2]


def test_whole_groups_are_drawn_again():
    groups = np.asarray([4, 4, 4, 9, 9, 1])
    rows = np.concatenate(list(drawn(6, 50, 0, groups)))
    assert rows.shape == (50, 6)
    for code in (4, 9, 1):
        own = rows[:, groups == code]
        assert (own == own[:, :1]).all()
    assert (rows[:, [0, 3, 5]].sum(axis=1) == 3).all()
    assert np.unique(rows[:, 0]).tolist() == [0, 1, 2, 3]
