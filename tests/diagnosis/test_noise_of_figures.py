"""Intervals, errors and trends that rules rely on, against what others compute."""

import numpy as np
import pytest
from scipy import stats

from sightline.diagnosis.noise import BLOCKS, blocks, interval, mean_and_error, share_error, smoothed, trend


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (1, 1), (7, 10), (500, 1000), (40, 40)])
def test_the_interval_is_wilsons(hits: int, count: int):
    confidence = float(stats.norm.cdf(3) - stats.norm.cdf(-3))
    oracle = stats.binomtest(hits, count).proportion_ci(confidence, method="wilson")
    assert interval(hits, count) == pytest.approx((oracle.low, oracle.high), abs=1e-12)


def test_of_nothing_nothing_is_known():
    assert interval(0, 0) == (0.0, 1.0)


def test_no_share_is_certain():
    assert share_error(0.0, 100) == pytest.approx(share_error(1.0, 100)) and share_error(0.0, 100) > 0.009
    assert share_error(0.5, 100) == pytest.approx(0.05)


def test_blocks_are_means_of_all_values():
    values = np.arange(103.0)
    assert len(blocks(values)) == BLOCKS
    assert blocks(values, 103).tolist() == values.tolist()
    assert blocks(np.array([1.0, np.nan, 3.0]), 2).tolist() == [1.0, 3.0]
    assert len(blocks(np.array([np.nan]))) == 0


def test_a_trend_is_that_of_a_regression():
    values = np.random.default_rng(1).normal(0, 1, BLOCKS) + np.arange(BLOCKS)
    oracle = stats.linregress(np.linspace(-0.5, 0.5, BLOCKS), values)
    assert trend(values) == pytest.approx((oracle.slope, oracle.stderr), rel=1e-9)


def test_a_few_values_have_no_trend():
    assert trend(np.array([1.0, 2.0, 3.0])) == (0.0, np.inf)


def test_trends_of_noise_are_rarely_believed():
    random = np.random.default_rng(2)
    found = [trend(random.normal(0, 1, 200)) for _ in range(500)]
    assert sum(abs(change) > 3 * error for change, error in found) / 500 < 0.03


def test_the_error_of_a_mean():
    values = np.random.default_rng(3).normal(5, 2, 1000)
    mean, error = mean_and_error(values)
    assert mean == pytest.approx(values.mean()) and error == pytest.approx(2 / np.sqrt(1000), rel=0.6)


def test_one_lucky_evaluation_is_no_minimum():
    assert smoothed(np.array([3.0, 0.0, 3.0, 3.0])).min() == 3.0
    assert smoothed(np.array([3.0, 1.0])).tolist() == [3.0, 1.0]
