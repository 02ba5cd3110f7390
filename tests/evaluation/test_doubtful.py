"""Lists of images to look at."""

import numpy as np
import pytest
from made_up import of_classes, of_labels, of_numbers, random_classes, random_labels, random_numbers

from sightline.evaluation.doubtful import COLUMNS, error_lists, table_rows


def test_the_worst_answers_are_those_of_the_largest_loss():
    own = random_classes(1)
    lists = error_lists(own, 7)
    losses = -np.log(own.probabilities[np.arange(60), own.labels])
    order = np.argsort(-losses)[:7]
    assert [one["path"] for one in lists["worst"]["images"]] == [f"{row}.png" for row in order]
    assert [one["score"] for one in lists["worst"]["images"]] == pytest.approx(losses[order])
    assert lists["worst"]["count"] == (own.predicted != own.labels).sum()


def test_the_least_sure_answers_have_the_smallest_margin():
    own = random_classes(1)
    first, second = np.sort(own.probabilities, axis=1)[:, [-1, -2]].T
    found = error_lists(own, 5)["least_sure"]["images"]
    order = np.argsort(first - second)[:5]
    assert [one["path"] for one in found] == [f"{row}.png" for row in order]
    runner_up = own.classes[int(np.argsort(own.probabilities[order[0]])[-2])]
    assert found[0]["note"] == f"or {runner_up}"


def test_turned_labels_of_classes_are_found():
    truth = np.random.default_rng(0).integers(0, 3, 300)
    turned = np.random.default_rng(1).choice(300, 15, replace=False)
    given = truth.copy()
    given[turned] = (given[turned] + 1) % 3
    logits = np.random.default_rng(2).normal(size=(300, 3))
    logits[np.arange(300), truth] += 6
    lists = error_lists(of_classes(given, logits), 50)
    found = {int(one["path"].partition(".")[0]): one for one in lists["mislabelled"]["images"]}
    assert len(found) == lists["mislabelled"]["count"] and set(found) >= set(turned) and len(found) <= 20
    assert all(found[row]["answer"] == ("ant", "bee", "cat")[truth[row]] for row in turned.tolist())


def test_turned_labels_of_several_are_found_one_at_a_time():
    truths = np.random.default_rng(0).random((300, 3)) < 0.4
    logits = np.where(truths, 5.0, -5.0) + np.random.default_rng(2).normal(size=truths.shape)
    given = truths.copy()
    logits[[10, 20]] *= 2  # as sure as it gets
    given[10, 0], given[20, 2] = not given[10, 0], not given[20, 2]
    lists = error_lists(of_labels(given, logits), 50)
    notes = {one["path"]: one["note"] for one in lists["mislabelled"]["images"]}
    words = {True: "is likely missing", False: "is likely too much"}
    assert notes["10.png"] == f"ant {words[bool(truths[10, 0])]}"
    assert notes["20.png"] == f"cat {words[bool(truths[20, 2])]}"
    assert {one["path"] for one in lists["worst"]["images"][:2]} == {"10.png", "20.png"}


def test_numbers_far_outside_are_found_and_none_is_sure():
    truths = np.random.default_rng(0).normal(size=(200, 2)) * 3
    values = truths + 0.1 * np.random.default_rng(1).normal(size=truths.shape)
    truths[17, 1] += 9
    lists = error_lists(of_numbers(truths, values), 5)
    (found,) = lists["mislabelled"]["images"]
    assert found["path"] == "17.png" and found["note"] == "number1"
    assert lists["worst"]["images"][0]["path"] == "17.png" and "images" not in lists["least_sure"]


@pytest.mark.parametrize("own", [random_classes(1), random_labels(1), random_numbers(1)])
def test_the_table_has_every_entry(own):
    lists = error_lists(own, 4)
    rows = table_rows(lists)
    names = [name for name in ("worst", "least_sure", "mislabelled") if "images" in lists[name]]
    assert len(rows) == sum(len(lists[name]["images"]) for name in names)
    assert all(len(row) == len(COLUMNS) for row in rows)


def test_images_without_a_label_take_no_part():
    own = of_classes([0, -1, 1], np.eye(3))
    lists = error_lists(own, 10)
    assert lists["n"] == 2 and {one["path"] for one in lists["worst"]["images"]} == {"0.png", "2.png"}
