"""The order of a stream: every sample once, shard by shard, never moved further than the buffer reaches."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.data.formats.tar_store import TarStore
from sightline.data.samples import UNASSIGNED, Names, Samples
from sightline.data.stream import in_line, require_stream, stream_order
from sightline.errors import ConfigError, SplitError


def in_shards(counts, seed=0):
    """Samples in shards of so many each; the order of the samples is not that of their places."""
    shard = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    offset = np.concatenate([np.arange(count, dtype=np.int64) * 512 for count in counts])
    mixed = np.random.default_rng(seed).permutation(len(shard))
    names = [f"train-{number}.tar" for number in range(len(counts))]
    return Samples(
        root=Path("shards"),
        paths=Names.of(str(row) for row in range(len(shard))),
        labels=np.zeros(len(shard), np.int32),
        classes=("cat",),
        parts=np.zeros(len(shard), np.int8),
        store=TarStore(Path("shards"), names, shard[mixed], offset[mixed], np.full(len(shard), 512)),
        rows=np.arange(len(shard)),
    )


@given(
    counts=st.lists(st.integers(1, 30), min_size=1, max_size=8),
    seed=st.integers(0, 3),
    epoch=st.integers(0, 3),
    buffer=st.integers(1, 60),
)
def test_every_sample_comes_once_and_is_moved_less_than_the_buffer(counts, seed, epoch, buffer):
    samples = in_shards(counts)
    indices = np.arange(len(samples))
    line = stream_order(samples, indices, seed, epoch, 1)
    order = stream_order(samples, indices, seed, epoch, buffer)
    assert sorted(order.tolist()) == indices.tolist()
    before = np.empty(len(line), np.int64)
    before[line] = indices
    assert np.abs(before[order] - indices).max() < buffer


def test_without_a_buffer_each_shard_is_read_from_its_beginning_to_its_end():
    samples = in_shards([5, 7, 4])
    line = stream_order(samples, np.arange(16), 3, 0, 1)
    shard, offset = samples.store.shard[line], samples.store.offset[line]
    changes = np.flatnonzero(np.diff(shard)) + 1
    assert len(changes) == 2 and set(shard.tolist()) == {0, 1, 2}
    assert all((np.diff(piece) == 512).all() for piece in np.split(offset, changes))


def test_epochs_and_seeds_have_orders_of_their_own_and_equal_ones_the_same():
    samples, indices = in_shards([40] * 5), np.arange(200)
    orders = {(s, e): tuple(stream_order(samples, indices, s, e, 50).tolist()) for s in (0, 1) for e in (0, 1, 2)}
    assert len(set(orders.values())) == 6
    assert orders[0, 1] == tuple(stream_order(samples, indices, 0, 1, 50).tolist())


def test_the_buffer_mixes_neighbors_evenly():
    """Two samples that stand next to each other come out in either order equally often."""
    samples, indices = in_shards([2000]), np.arange(2000)
    line = stream_order(samples, indices, 0, 0, 1)
    when = np.empty(2000, np.int64)
    when[stream_order(samples, indices, 0, 0, 500)] = indices
    assert abs(np.mean(when[line[1:]] > when[line[:-1]]) - 0.5) < 0.05


def test_only_the_samples_asked_for_are_ordered():
    samples = in_shards([5, 5])
    assert sorted(stream_order(samples, np.array([1, 4, 9]), 0, 0, 3).tolist()) == [1, 4, 9]
    line = in_line(samples, np.array([9, 1, 4]))
    places = samples.store.shard[line].astype(np.int64) * 10_000 + samples.store.offset[line]
    assert (np.diff(places) > 0).all()


def test_what_cannot_be_streamed_is_refused():
    pixels = Samples.from_arrays(np.zeros((2, 4, 4), np.uint8), ["cat", "dog"])
    with pytest.raises(
        ConfigError, match=r"only tar shards can be streamed \(data.stream\)\n  got: array, read as arr"
    ):
        require_stream(pixels, 0.1, 0.1)
    samples = in_shards([2, 2])
    with pytest.raises(SplitError, match=r"validation part in shards of its own .*\n  got: shards with train\n"):
        require_stream(samples, 0.15, 0.15)
    require_stream(samples, 0, 0.15)
    loose = dataclasses.replace(samples, parts=np.full(4, UNASSIGNED, np.int8))
    with pytest.raises(SplitError, match="got: shards with no parts"):
        require_stream(loose, 0, 0.15)
    require_stream(loose, 0, 0)
    parts = np.where(np.arange(4) == int(np.flatnonzero(samples.store.shard == 1)[0]), 1, 0).astype(np.int8)
    with pytest.raises(SplitError, match=r"shards of one part each .*\n  got: train-1.tar holds train, val"):
        require_stream(dataclasses.replace(samples, parts=parts), 0, 0)
