"""The order of samples follows from seed and epoch alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.data.order import batch_bounds, epoch_order, steps_per_epoch, stream_key


def test_an_epoch_is_a_permutation_that_seed_and_epoch_decide():
    orders = {(seed, epoch): epoch_order(seed, epoch, 1000).tolist() for seed in (0, 1) for epoch in (0, 1)}
    assert all(sorted(order) == list(range(1000)) for order in orders.values())
    assert len({tuple(order) for order in orders.values()}) == 4
    assert epoch_order(1, 1, 1000).tolist() == orders[1, 1]


def test_the_order_stays_what_it_is():
    """A run that was started with an earlier version resumes in the same order."""
    assert epoch_order(0, 0, 8).tolist() == [5, 0, 6, 1, 7, 2, 4, 3]


@given(count=st.integers(1, 5000), batch_size=st.integers(1, 600))
def test_batches_cover_everything_once_in_even_sizes(count, batch_size):
    bounds = [batch_bounds(count, batch_size, place) for place in range(steps_per_epoch(count, batch_size))]
    assert [begin for begin, _ in bounds] == [0, *(end for _, end in bounds[:-1])] and bounds[-1][1] == count
    sizes = [end - begin for begin, end in bounds]
    assert max(sizes) <= batch_size and max(sizes) - min(sizes) <= 1 and min(sizes) >= 1


def test_stream_keys_are_distinct_and_fit_into_63_bits():
    keys = {stream_key(seed, epoch, index) for seed in range(5) for epoch in range(20) for index in range(500)}
    assert len(keys) == 50_000 and min(keys) >= 0 and max(keys) < 2**63


def test_stream_keys_depend_on_every_place_and_their_order():
    assert stream_key(0, 1, 2) == stream_key(0, 1, 2)
    assert (
        len({stream_key(0, 1, 2), stream_key(0, 2, 1), stream_key(1, 0, 2), stream_key(0, 1), stream_key(0, 1, 2, 0)})
        == 5
    )


@pytest.mark.parametrize("bit", [0, 7, 31])
def test_one_bit_of_a_place_changes_about_half_of_the_key(bit):
    flips = [(stream_key(7, index) ^ stream_key(7, index ^ (1 << bit))).bit_count() for index in range(200)]
    assert 28 < np.mean(flips) < 35
