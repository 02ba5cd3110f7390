"""``check_metric`` on metrics that honour the contract, and on one that breaks each clause."""

import numpy as np
import pytest
import sklearn.metrics as sk

from sightline.errors import PlugError
from sightline.testing import check_metric


def accuracy(truth, outputs, weights):
    return float((weights * (outputs.argmax(axis=1) == truth)).sum() / weights.sum())


def test_a_metric_of_each_kind_passes():
    check_metric(accuracy)
    check_metric(lambda t, o, w: sk.mean_absolute_error(t, o, sample_weight=w), kind="numbers")
    check_metric(lambda t, o, w: sk.brier_score_loss(t[:, 0], o[:, 0], sample_weight=w), kind="labels")


def with_ends(truth, outputs, weights):
    return 1 + accuracy(truth, outputs, weights)


with_ends.ends = (0, 1)


def spoiling(truth, outputs, weights):
    outputs[:] = 0
    return 0.5


def counting():
    calls = []

    def metric(truth, outputs, weights):
        calls.append(1)
        return float(len(calls))

    return metric


BROKEN = {
    "is a function": 7,
    "no finite number": lambda t, o, w: float("nan"),
    "failed": lambda t, o, w: o[:, 99].sum(),
    "leaves its arguments as they are": spoiling,
    "called again": counting(),
    "another order": lambda t, o, w: float(o[0, 0]),
    "like the same image twice": lambda t, o, w: float((o.argmax(axis=1) == t).mean()),
    "all weights are multiplied": lambda t, o, w: float((w * (o.argmax(axis=1) == t)).sum()),
    "stays between its ends": with_ends,
}


@pytest.mark.parametrize("clause", BROKEN)
def test_each_broken_clause_is_named(clause: str):
    with pytest.raises(PlugError, match=clause):
        check_metric(BROKEN[clause])


def test_a_metric_must_bear_one_image_and_one_class():
    with pytest.raises(PlugError, match="failed"):
        check_metric(lambda t, o, w: float(1 / (np.unique(t).size - 1)) * 0 + accuracy(t, o, w))
