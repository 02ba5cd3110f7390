"""Samples are columns, and a million of them are small."""

import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.data.samples import Names, Samples
from sightline.errors import DataError

MEGABYTE = 1 << 20


def long_paths(count):
    return (f"train/n{row % 1000:08d}/n{row % 1000:08d}_{row}.JPEG" for row in range(count))


def test_a_million_paths_are_held_in_60_megabytes():
    names = Names.of(long_paths(1_000_000))
    assert len(names) == 1_000_000 and names[999_999] == "train/n00000999/n00000999_999999.JPEG"
    assert names.block.nbytes + names.offsets.nbytes < 60 * MEGABYTE


def test_packing_paths_takes_less_than_250_megabytes_a_million():
    tracemalloc.start()
    try:
        names = Names.of(long_paths(100_000))
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(names) == 100_000 and held < 6 * MEGABYTE and peak < 25 * MEGABYTE


@given(st.lists(st.text(st.characters(blacklist_categories=("Cs",))), max_size=20))
def test_names_come_back(items):
    names = Names.of(items)
    assert list(names) == items and len(names) == len(items)
    assert list(pickle.loads(pickle.dumps(names))) == items
    assert list(names.take(np.arange(len(items))[::-1])) == items[::-1]
    for place in range(len(items)):
        assert names[place] == items[place] and names[place - len(items)] == items[place - len(items)]


def test_names_that_are_not_text_come_back():
    raw = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    assert list(Names.of([raw, "x"])) == [raw, "x"]


@pytest.mark.parametrize("place", [2, -3])
def test_places_outside_are_refused(place):
    with pytest.raises(IndexError):
        Names.of(["a", "b"])[place]


def test_taking_samples_takes_every_column():
    samples = Samples.from_arrays(
        np.arange(12, dtype=np.uint8).reshape(3, 2, 2), ["b", "a", "b"], parts=["train", "val", "test"]
    )
    taken = samples.take(np.array([2, 0]))
    assert list(taken.paths) == ["array#2", "array#0"] and taken.labels.tolist() == [1, 1]
    assert taken.parts.tolist() == [2, 0] and np.array_equal(taken.pixels, samples.pixels[[2, 0]])
    assert samples.part("val").tolist() == [1] and samples.counts().tolist() == [1, 2]
    assert samples.counts(np.array([0, 2])).tolist() == [0, 2] and samples.file(1) == samples.root / "array#1"


def pixels(count):
    return np.zeros((count, 2, 2), np.uint8)


def test_labels_are_names_or_places():
    assert Samples.from_arrays(pixels(2), ["z", "a"]).classes == ("a", "z")
    assert Samples.from_arrays(pixels(2), [2, 0]).classes == ("0", "1", "2")
    named = Samples.from_arrays(pixels(2), np.array([1, 0]), classes=["cat", "dog"])
    assert named.classes == ("cat", "dog") and named.labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"labels": [0, 3], "classes": ["a", "b"]},
            r"labels outside the classes \(array\)\n  got: 3\n  allowed: 0 to 1",
        ),
        ({"labels": [-1, 0]}, r"labels outside the classes \(array\)\n  got: -1"),
        ({"labels": ["x", "a"], "classes": ["a", "b"]}, r"labels outside the classes .*\n  got: x\n  allowed: a, b"),
        ({"labels": ["a", "b", "c"]}, r"2 images and 3 labels \(array\)"),
        (
            {"labels": ["a", "b"], "parts": ["train", "trian"]},
            r"unknown parts .*\n  got: trian\n  allowed: train, val, te",
        ),
        ({"labels": ["a", "b"], "parts": ["train"]}, "samples.parts has 1 rows and samples.labels has 2"),
        ({"labels": [0, 1], "pixels": np.zeros((2, 2, 2))}, r"got: float64 \[2, 2, 2\]\n  allowed: uint8 \[n, height"),
        ({"labels": [0, 1], "pixels": np.zeros((2, 2, 2, 4), np.uint8)}, r"got: uint8 \[2, 2, 2, 4\]"),
    ],
)
def test_arrays_that_do_not_fit(arguments, message):
    with pytest.raises(DataError, match=message):
        Samples.from_arrays(**{"pixels": pixels(2)} | arguments)
