"""Division by time: the oldest train, the newest test; equal times and groups are not divided."""

import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sightline.data.formats.moments import Moments, moment
from sightline.data.read import read
from sightline.data.samples import Samples
from sightline.data.split import split
from sightline.data.split.units import across
from sightline.errors import SplitError


def timed(times, labels=None) -> Samples:
    labels = np.arange(len(times)) % 2 if labels is None else np.asarray(labels)
    plain = Samples.from_arrays(np.zeros((len(times), 1, 1), np.uint8), labels)
    return dataclasses.replace(plain, times=np.asarray(times, np.float64))


def test_the_oldest_train_and_the_newest_test():
    times = np.random.default_rng(0).permutation(100)
    divided = split(timed(times), val=0.2, test=10, seed=0, by_time=True)
    assert np.array_equal(divided.parts, np.select([times < 70, times < 90], [0, 1], 2))


def test_equal_times_stay_together_and_the_nearest_cut_is_taken():
    times = np.repeat([1, 2, 3, 4], [40, 20, 23, 17])
    divided = split(timed(times), val=0.2, test=0.2, seed=0, by_time=True)
    assert np.array_equal(divided.parts, np.repeat([0, 1, 2], [60, 23, 17]))


@given(seed=st.integers(0, 100_000), val=st.floats(0.1, 0.3), test=st.floats(0.1, 0.3))
@settings(max_examples=80, deadline=None)
def test_time_never_runs_backwards_and_units_never_straddle(seed, val, test):
    random = np.random.default_rng(seed)
    times = random.integers(0, 60, 80)
    units = np.asarray(times // 3 * 4 + random.integers(0, 4, 80), np.int32)
    samples = timed(times)
    try:
        parts = split(samples, val=val, test=test, seed=seed, units=units, by_time=True).parts
    except SplitError:
        assume(False)
        return
    assert times[parts == 0].max() < times[parts == 1].min() <= times[parts == 1].max() < times[parts == 2].min()
    assert not across(units, parts)


def test_a_group_across_all_of_time_is_refused_with_its_name():
    samples, units = timed(np.arange(40)), np.arange(40, dtype=np.int32)
    units[[0, 39]] = 0
    with pytest.raises(SplitError) as error:
        split(samples, val=0.2, test=0.2, seed=0, units=units, by_time=True)
    assert "no point in time divides the images into parts of about these sizes (data.time)" in str(error.value)
    assert "asked for train 24, val 8, test 8; across the wanted cuts lie array#0 and what belongs to it" in str(
        error.value
    )


def test_one_time_for_all_is_refused():
    with pytest.raises(SplitError, match="images of one and the same time"):
        split(timed(np.ones(20)), val=0.2, test=0.2, seed=0, by_time=True)


def test_a_class_that_is_older_than_validation_is_named():
    labels = np.repeat([0, 1], [30, 10])
    with pytest.raises(SplitError, match=r"every one of the 3 parts .*\n  got: 0 \(30 images in 30 pieces\)"):
        split(timed(np.arange(40), labels), val=0.1, test=0.1, seed=0, by_time=True)


def test_times_that_are_missing_are_named():
    times = np.arange(20.0)
    times[3] = np.nan
    with pytest.raises(SplitError, match=r"1 of 20 images have no time that can be used \(data.time\)\n  got: array#3"):
        split(timed(times), val=0.2, test=0.2, seed=0, by_time=True)
    plain = dataclasses.replace(timed(times), times=None)
    with pytest.raises(SplitError, match=r"no times to divide by \(data.time\)\n  got: the arrays reader gives none"):
        split(plain, val=0.2, test=0.2, seed=0, by_time=True)


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("12.5", 12.5, "number"), ("20260531", 20260531, "number"), ("1970-01-02", 86400, "date"),
        ("1970-01-01T00:01:00Z", 60, "date"), ("1970-01-01 01:00:00+01:00", 0, "date"),
        ("1970-01-01T00:00:00.25", 0.25, "date"), ("inf", np.nan, ""), ("soon", np.nan, ""), ("", np.nan, ""),
    ],
)  # fmt: skip
def test_times_are_numbers_or_iso_dates(text, value, kind):
    np.testing.assert_equal(moment(text), (float(value), kind))


def test_years_and_dates_are_not_compared():
    moments = Moments()
    for text in ("2019", "2020", "2020-05-01", "2021"):
        moments.add(text)
    np.testing.assert_equal(moments.column(), [2019, 2020, np.nan, np.nan])


def test_a_table_with_dates_is_divided_by_them(tmp_path, image_folder):
    root = image_folder(tmp_path, {"cat": 10, "dog": 10})
    rows = [f"{name}/{n}.png,{name},2026-03-{1 + n:02d}" for n in reversed(range(10)) for name in ("cat", "dog")]
    (root / "data.csv").write_text("\n".join(["path,label,time", *rows]))
    divided = split(read(root / "data.csv"), val=0.2, test=0.2, seed=0, by_time=True)
    assert divided.parts.tolist() == [2] * 4 + [1] * 4 + [0] * 12
    assert divided.take(np.asarray([0, 19])).times is not None


def test_a_time_column_for_other_purposes_harms_nobody(tmp_path, image_folder):
    root = image_folder(tmp_path, {"cat": 1, "dog": 1})
    (root / "data.csv").write_text("path,label,time\ncat/0.png,cat,noon\ndog/0.png,dog,\n")
    assert len(read(root / "data.csv")) == 2
