"""Training from shards one after the other, for data that is too large or too far away to be read at random.

The order of an epoch is that of a shuffle buffer: shards come in random order, and each sample is held back for a
random time. It is worked out from seed and epoch alone, before anything is read, so batches do not depend on the number
of workers or ranks, and a run resumes exactly in the middle of an epoch.
"""

import numpy as np
from numpy.typing import NDArray

from sightline.data.formats.tar_store import TarStore
from sightline.data.order import epoch_order
from sightline.data.samples import PARTS, UNASSIGNED, Samples
from sightline.errors import ConfigError, SplitError

_PACK = "sightline pack DATA --to webdataset --out SHARDS"


def stream_order(samples: Samples, indices: NDArray[np.int64], seed: int, epoch: int, buffer: int) -> NDArray[np.int64]:
    """These samples in the order of an epoch.

    The samples of the shards, one shard after the other, stand in a line; a sample is moved back by up to ``buffer``
    places. So at any time the samples of at most ``2 * buffer`` neighboring places are in use, and each shard is read
    once, nearly from its beginning to its end.

    Args:
        samples: with a ``TarStore``.
        indices: places of the samples to order.
        seed: equal seeds and epochs give equal orders.
        epoch: the pass over the samples.
        buffer: how far a sample may be moved; 1: not at all.
    """
    shard, offset = _places(samples, indices)
    names, number = np.unique(shard, return_inverse=True)
    turn = epoch_order(seed, epoch, len(names))[number.reshape(-1)]
    line = indices[np.lexsort((offset, turn))]
    # The shards' order took the first numbers of this key; the counter leads far away from them.
    random = np.random.Generator(np.random.Philox(key=[seed, epoch], counter=[0, 0, 0, 1]))
    held_back = np.arange(len(line)) + random.random(len(line)) * (buffer - 1)
    return line[np.argsort(held_back, kind="stable")]


def in_line(samples: Samples, indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """These samples in the order in which they lie in the shards."""
    shard, offset = _places(samples, indices)
    return indices[np.lexsort((offset, shard))]


def require_stream(samples: Samples, val: float, test: float) -> None:
    """Check that samples can be streamed: they lie in shards, each of one part, and nothing is left to divide.

    Args:
        samples: as they were read, before the split.
        val: ``data.val``.
        test: ``data.test``.

    Raises:
        ConfigError: the images do not lie in tar shards.
        SplitError: a shard holds two parts, or the split would take samples out of the training shards.
    """
    if not isinstance(samples.store, TarStore):
        raise ConfigError(
            "only tar shards can be streamed",
            where="data.stream",
            got=f"{samples.root}, read as {samples.format}",
            hint=f"{_PACK}, then train on SHARDS; or leave data.stream off",
        )
    shard, _ = _places(samples, np.arange(len(samples)))
    pairs = np.unique(np.stack([shard, samples.parts]), axis=1)
    mixed = np.flatnonzero(np.bincount(pairs[0]) > 1)
    if len(mixed):
        parts = ", ".join(PARTS[part] for part in pairs[1][pairs[0] == mixed[0]])
        raise SplitError(
            "a stream needs shards of one part each",
            where=str(samples.root),
            got=f"{samples.store.shards[mixed[0]]} holds {parts}",
            hint=_PACK,
        )
    given = set(np.unique(samples.parts).tolist())
    if (PARTS.index("val") not in given and val > 0) or (given == {UNASSIGNED} and test > 0):
        has = ", ".join(PARTS[part] for part in sorted(given - {UNASSIGNED})) or "no parts"
        raise SplitError(
            "a stream has its validation part in shards of its own",
            where="data.stream",
            got=f"shards with {has}",
            allowed=["shards called train-….tar and val-….tar, or in folders train and val"],
            hint="sightline split DATA, then pack split.csv -s data.root=DATA; "
            "or train without one: -s data.val=0 -s data.test=0",
        )


def _places(samples: Samples, indices: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Shard and offset of these samples."""
    store, rows = samples.store, samples.rows
    if not isinstance(store, TarStore) or rows is None:
        raise ConfigError("only tar shards can be streamed", where="data.stream", got=samples.format)
    return store.shard[rows[indices]], store.offset[rows[indices]]
