"""Figures of a cross-validation."""

import dataclasses

import numpy as np
import pytest
from made_up import random_classes, random_numbers

from sightline.cli.folds import conclude_folds
from sightline.data.samples import Names
from sightline.errors import DataError
from sightline.evaluation.metrics import measure
from sightline.evaluation.pooled import measured, pooled
from sightline.workflow.folds import Folds


def fold(number: int, make=random_classes):
    own = make(number, images=20 + number)
    return dataclasses.replace(own, paths=Names.of(f"{number}/{path}" for path in own.paths))


def test_pooled_figures_are_those_of_all_images_at_once():
    folds = [fold(number) for number in range(3)]
    report = measured(folds, resamples=200, confidence=0.9, seed=1)
    whole = pooled(folds)
    assert len(whole) == 63 and whole.part == "out-of-fold"
    counts = np.bincount(whole.labels, minlength=3)
    alone = measure(whole, resamples=200, confidence=0.9, seed=1, train_counts=counts, train_images=63)
    assert report["pooled"] == alone
    rows = [row["accuracy"] for row in report["folds"]]
    assert rows == pytest.approx([(one.predicted == one.labels).mean() for one in folds])
    assert report["std"]["accuracy"] == pytest.approx(np.std(rows, ddof=1))


def test_images_without_a_label_count_in_no_fold():
    folds = [fold(number) for number in range(2)]
    folds[0].labels[:5] = -1
    report = measured(folds, resamples=100, confidence=0.9, seed=1)
    known = folds[0].labels >= 0
    assert report["folds"][0]["accuracy"] == pytest.approx((folds[0].predicted == folds[0].labels)[known].mean())
    assert report["pooled"]["n"] == 36


def test_numbers_keep_their_units():
    report = measured([fold(number, random_numbers) for number in range(2)], resamples=100, confidence=0.9, seed=1)
    assert report["figure"] == "mae" and report["low"]["mae"] <= report["mean"]["mae"] <= report["high"]["mae"]


def test_a_figure_that_is_not_defined_is_shown_with_the_reason(tmp_path, capsys):
    folds = [fold(number, random_numbers) for number in range(2)]
    for one in folds:
        one.targets[:] = 3.0
    report = measured(folds, resamples=100, confidence=0.9, seed=1)
    conclude_folds(lambda: Folds(tmp_path, (), report))
    assert "r2 –   the true numbers are all the same" in capsys.readouterr().out


def test_an_image_in_two_folds_is_refused():
    with pytest.raises(DataError, match="in the test part of two folds"):
        pooled([fold(1), fold(1)])
    other = dataclasses.replace(fold(2), classes=("ant", "bee", "dog"))
    with pytest.raises(DataError, match="the folds know different classes"):
        pooled([fold(1), other])
