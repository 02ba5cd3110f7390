"""Intervals: Wilson's where he has one, within their ends, and with a width where nothing was missed."""

import numpy as np
import pytest
from scipy.stats import binomtest, norm
from test_number_metrics import predictions as of_numbers

from sightline.evaluation.design import IMAGES, Design
from sightline.evaluation.intervals import (
    WHY_ALONE,
    difference,
    error_interval,
    share_interval,
    spread_interval,
    undefined,
)
from sightline.evaluation.metrics import measure
from sightline.evaluation.page.how_good import how_good
from sightline.evaluation.page.numbers import number_pairs
from sightline.evaluation.page.stated import Stated

SURE = {"confidence": 0.95, "freedom": 1e9}


@pytest.mark.parametrize(("hits", "images"), [(0, 7), (1, 40), (37, 40), (40, 40), (500, 1000), (1, 1)])
def test_accuracy_of_independent_images_has_wilsons_interval(hits: int, images: int):
    right = np.arange(images) < hits
    drawn = np.concatenate([rows @ right / images for rows in IMAGES.weights(images, 20_000, 0)])
    found = share_interval(hits / images, drawn, **SURE, alone=images)
    wanted = binomtest(hits, images).proportion_ci(0.95, "wilson")
    # The draws have the variance of n - 1, as it should be; Wilson's own has that of n.
    assert (found["low"], found["high"]) == pytest.approx(tuple(wanted), abs=0.012)
    assert found["value"] == hits / images


def test_a_figure_from_minus_one_to_one_stays_there():
    found = share_interval(0.97, np.random.default_rng(0).normal(0.97, 0.05, 5000), **SURE, alone=30, ends=(-1, 1))
    assert 0.6 < found["low"] < 0.97 < found["high"] <= 1
    perfect = share_interval(1.0, np.ones(100), **SURE, alone=30, ends=(-1, 1))
    assert perfect["high"] == 1 and perfect["low"] == pytest.approx(2 * 30 / (30 + norm.ppf(0.975) ** 2) - 1)


def test_few_groups_make_it_wider():
    drawn = np.random.default_rng(0).normal(0.8, 0.03, 5000)
    many, few = (share_interval(0.8, drawn, confidence=0.95, freedom=f, alone=9) for f in (1000, 4))
    assert few["low"] < many["low"] and few["high"] > many["high"]


def test_a_figure_without_ends_has_the_percentiles_of_its_resamples():
    drawn = np.append(np.random.default_rng(0).gamma(2.0, size=9999), np.nan)
    found = spread_interval(2.0, drawn, **SURE, alone=40)
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    assert (found["value"], found["low"], found["high"]) == pytest.approx((2.0, low, high), rel=1e-6)


def test_one_image_or_one_group_of_them_tells_nothing_of_the_spread():
    drawn = np.full(50, 1.7)
    for interval in (error_interval, spread_interval):
        found = interval(1.7, drawn, **SURE, alone=1)
        assert found == {"value": 1.7, "low": None, "high": None, "why": WHY_ALONE}
    numbers = of_numbers(1)
    for design in (IMAGES, Design("groups", np.array([3]))):
        figures = measure(numbers, resamples=100, confidence=0.9, seed=0, train_counts=[1, 1], design=design)
        assert figures["mae"]["value"] > 0 and figures["mae"]["low"] is None and figures["bias"]["low"] is None
        shown = Stated("predictions/test.json", figures)
        assert "varies is not known" in " ".join(how_good(shown)) and "one image" in number_pairs(shown)[0][2]


def test_a_difference_of_shares_is_newcombes():
    # Newcombe, Statistics in Medicine 17, 1998, p. 877: 56/70 and 48/80, method 10: 0.0524 to 0.3339.
    one, other = (share_interval(hits / n, np.full(9, hits / n), **SURE, alone=n) for hits, n in ((56, 70), (48, 80)))
    found = difference(one, other)
    assert (found["value"], found["low"], found["high"]) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)


def test_what_is_not_defined_says_why():
    assert undefined("no image") == {"value": None, "low": None, "high": None, "why": "no image"}


def test_groups_widen_the_interval_of_images_that_are_alike():
    right, codes = np.repeat(np.arange(20) % 4 > 0, 10), np.repeat(np.arange(20), 10)
    widths = []
    for design in (IMAGES, Design("groups", codes)):
        drawn = np.concatenate([rows @ right / rows.sum(axis=1) for rows in design.weights(200, 3000, 0)])
        found = share_interval(right.mean(), drawn, confidence=0.95, freedom=design.freedom(200), alone=20)
        widths.append(found["high"] - found["low"])
    assert widths[1] > 2.5 * widths[0]
