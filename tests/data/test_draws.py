"""Numbers drawn for a batch at once are those of one generator a sample."""

import numpy as np
import pytest

from sightline.data.draws import philox, stream_keys, uniforms
from sightline.data.order import stream_key

INDICES = np.asarray([0, 1, 2, 63, 4711, 2**31, 2**40 + 7])


@pytest.mark.parametrize(("seed", "epoch"), [(0, 0), (1, 0), (0, 1), (2**40, 99)])
def test_keys_are_those_of_one_sample_at_a_time(seed, epoch):
    assert stream_keys(seed, epoch, INDICES).tolist() == [stream_key(seed, epoch, int(i)) for i in INDICES]


@pytest.mark.parametrize("stream", [0, 1, 2**63])
@pytest.mark.parametrize("count", [1, 4, 13])
def test_raw_numbers_are_those_of_numpy(stream, count):
    keys = stream_keys(3, 5, INDICES)
    expected = [np.random.Philox(key=np.asarray([key, stream], np.uint64)).random_raw(count) for key in keys]
    assert np.array_equal(philox(keys, stream, count), np.stack(expected))


def test_uniforms_are_those_of_numpy():
    keys = stream_keys(3, 5, INDICES)
    expected = [np.random.Generator(np.random.Philox(key=[int(key), 9])).random(6) for key in keys]
    assert np.array_equal(uniforms(keys, 9, 6), np.stack(expected))
