"""Which pictures may be near-duplicates: an index over signatures, searched without comparing all with all.

The signs of a signature's waves make a hash of 63 bits. It is cut into bands, each the key of a table: by the
pigeonhole principle two hashes that differ in fewer bits than there are bands share a key (A. Gionis, P. Indyk,
R. Motwani, "Similarity Search in High Dimensions via Hashing", VLDB 1999). A query also probes the keys with its most
doubtful bits turned over, those of the waves nearest to zero (Q. Lv et al., "Multi-Probe LSH", VLDB 2007), and asks
not only for itself but for every crop and mirror image of itself in ``CROPS``. What a table gives is then compared
bit by bit, and what remains wave by wave.

Keys have about as many bits as the number of pictures has, so a bucket holds about one and the time grows with the
number of pictures. Templated pictures crowd into few buckets; of those only the nearest in order are looked at.
"""

import concurrent.futures
import dataclasses
import functools
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from sightline.data.signature import WAVES, amplitudes, cropped, mirrored
from sightline.machine import alone, cores

CROPS = (
    (0.0, 0.0, 1.0, 1.0),
    (0.05, 0.0, 1.0, 1.0), (0.0, 0.05, 1.0, 1.0), (0.0, 0.0, 0.95, 1.0), (0.0, 0.0, 1.0, 0.95),
    (0.025, 0.025, 0.975, 0.975), (0.05, 0.05, 0.95, 0.95),
    (0.05, 0.05, 1.0, 1.0), (0.0, 0.05, 0.95, 1.0), (0.05, 0.0, 1.0, 0.95), (0.0, 0.0, 0.95, 0.95),
)  # fmt: skip
"""Crops that a picture is also searched by: left, top, right and bottom as shares of the sides."""
LOOKS = tuple((box, flip) for box in CROPS for flip in (False, True))
"""Every way in which a picture is searched: a crop, and whether it is mirrored after it."""
MOST_BITS = 16
"""Bits in which two hashes may differ. Photos cropped by 5 % on each side differ in 10 or fewer in the median, 14 in
the worst twentieth; unrelated ones in 31 on average."""
LEAST_COSINE = 0.8
"""Cosine of the square roots of the amplitudes. Of changed photos it was 0.85 or more, of unrelated ones 0.71 or less
in 95 of 100."""
MOST_PARTNERS = 8
"""Candidates that each picture keeps, the nearest; the rest of a larger family is reached through them."""

_BITS = WAVES * WAVES - 1
_DOUBTFUL = 3
_CHUNK = 512
_WORK = 4_000_000_000
"""Comparisons of hashes that a search may cost about; it decides how much of a crowded bucket is looked at."""
_LEAST_LOOK, _MOST_LOOK = 32, 512


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Candidates:
    """Pairs of pictures that may be near-duplicates, each once."""

    first: NDArray[np.int64]
    """Place of the picture that was searched by."""
    second: NDArray[np.int64]
    """Place of the picture that was found."""
    look: NDArray[np.int16]
    """Place in ``LOOKS``: what the first became when it was like the second."""
    crowded: NDArray[np.int64]
    """Pictures with a bucket so full that only a part of it was looked at."""


@dataclasses.dataclass(frozen=True, eq=False)
class _Table:
    """Pictures in the order of their keys."""

    keys: NDArray[np.uint64]
    """All 63 bits, those of the band first, so that the likest lie together within a bucket."""
    order: NDArray[np.int32]
    """Place of the picture of each key."""
    starts: NDArray[np.int64]
    """Where the bucket of each band begins; one more at the end."""


def candidates(signatures: NDArray[np.void], progress: Callable[[int, int], None] | None = None) -> Candidates:
    """Search every picture among all of them.

    Args:
        signatures: one of ``SIGNATURE`` for each picture.
        progress: called with (done, total).
    """
    count = len(signatures)
    width = int(np.clip(np.ceil(np.log2(max(count, 2))), 12, 20))
    weights = _weights(width)
    tables = list(_tables(signatures, weights, width))
    cost = count * len(LOOKS) * len(tables) * 2**_DOUBTFUL
    most = int(np.clip(_WORK // max(cost, 1), _LEAST_LOOK, _MOST_LOOK))
    found: list[NDArray[np.void]] = [np.zeros(0, _PAIR)]
    crowded = np.zeros(count, np.bool_)
    spans = [(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]
    with concurrent.futures.ThreadPoolExecutor(cores()) as pool, alone():
        search = functools.partial(_search, signatures, tables, weights, width, most, crowded)
        for (_, stop), pairs in zip(spans, pool.map(search, spans), strict=True):
            found.append(pairs)
            if progress is not None:
                progress(stop, count)
    pairs = _once(np.concatenate(found), count)
    return Candidates(first=pairs["first"], second=pairs["second"], look=pairs["look"], crowded=np.flatnonzero(crowded))


_PAIR = np.dtype([("first", np.int64), ("second", np.int64), ("look", np.int16), ("cosine", np.float32)])


def _weights(width: int) -> NDArray[np.float32]:
    """What turns 63 bits into keys by a product: ``[63, tables, 3]``, each third of a key exact in float32.

    The slowest waves are dealt to the bands in turn, so that each has its share of the steadiest.
    """
    slow_first = sorted(range(1, _BITS + 1), key=lambda wave: (sum(divmod(wave, WAVES)), wave))
    bands = _BITS // width
    weights = np.zeros((_BITS, bands, 3), np.float32)
    for band in range(bands):
        own = slow_first[band : width * bands : bands]
        layout = [*own, *(wave for wave in slow_first if wave not in set(own))]
        for place, wave in enumerate(layout):
            weights[wave - 1, band, place // 21] = 2.0 ** (20 - place % 21)
    return weights


def _keys(bits: NDArray[np.bool_], weights: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Keys ``[n, tables]`` of bits ``[n, 63]``."""
    thirds = (bits.astype(np.float32) @ weights.reshape(_BITS, -1)).reshape(len(bits), -1, 3).astype(np.uint64)
    return (thirds[..., 0] << np.uint64(42)) | (thirds[..., 1] << np.uint64(21)) | thirds[..., 2]


def _tables(signatures: NDArray[np.void], weights: NDArray[np.float32], width: int) -> Iterator[_Table]:
    keys = np.empty((weights.shape[1], len(signatures)), np.uint64)
    for start in range(0, len(signatures), 65536):
        keys[:, start : start + 65536] = _keys(signatures["waves"][start : start + 65536] > 0, weights).T
    for column in keys:
        order = np.argsort(column).astype(np.int32)
        ordered = column[order]
        edges = np.arange(2**width + 1, dtype=np.uint64) << np.uint64(_BITS - width)
        yield _Table(ordered, order, np.searchsorted(ordered, edges))


def _search(
    signatures: NDArray[np.void],
    tables: list[_Table],
    weights: NDArray[np.float32],
    width: int,
    most: int,
    crowded: NDArray[np.bool_],
    span: tuple[int, int],
) -> NDArray[np.void]:
    """What the pictures of a span find, as rows of ``_PAIR``; marks those of crowded buckets."""
    looks = _looks(signatures[slice(*span)])
    asked = looks.reshape(-1, _BITS)
    keys = _keys(asked > 0, weights)
    askers, found = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for number, table in enumerate(tables):
        probes = keys[:, number, None] ^ _doubts(asked, weights[:, number], width)
        askers_here, found_here, full = _look_up(table, probes, width, most)
        crowded[span[0] + full // len(LOOKS)] = True
        # The other table's key holds all 63 bits too, in another order, so only keys of one table are comparable.
        near = np.bitwise_count(keys[askers_here, number] ^ table.keys[found_here]) <= MOST_BITS
        askers.append(askers_here[near])
        found.append(table.order[found_here[near]].astype(np.int64))
    one, other = np.concatenate(askers), np.concatenate(found)
    apart = one // len(LOOKS) + span[0] != other
    _, kept = np.unique((one * len(signatures) + other)[apart], return_index=True)
    one, other = one[apart][kept], other[apart][kept]
    cosine = _cosines(asked[one], signatures["waves"][other])
    pairs = np.zeros(len(one), _PAIR)
    pairs["first"], pairs["second"] = one // len(LOOKS) + span[0], other
    pairs["look"], pairs["cosine"] = one % len(LOOKS), cosine
    return _nearest(pairs[cosine >= LEAST_COSINE], len(signatures))


def _looks(signatures: NDArray[np.void]) -> NDArray[np.float32]:
    """Square roots of the amplitudes of every look, ``[n, looks, 63]``."""
    whole = amplitudes(signatures)
    found = np.empty((len(whole), len(LOOKS), _BITS), np.float32)
    for number, (box, flip) in enumerate(LOOKS):
        seen = cropped(whole, box)
        flat = (mirrored(seen) if flip else seen).reshape(len(whole), -1)[:, 1:]
        found[:, number] = np.sign(flat) * np.sqrt(np.abs(flat))
    return found


def _doubts(asked: NDArray[np.float32], weights: NDArray[np.float32], width: int) -> NDArray[np.uint64]:
    """Bits to turn over for each probe, ``[n, 8]``: every choice of the most doubtful bits of the band."""
    place = (_keys(np.eye(_BITS, dtype=np.bool_), weights[:, None])[:, 0]).astype(np.uint64)
    band = np.flatnonzero(place >= np.uint64(2) ** np.uint64(_BITS - width))
    weakest = band[np.argpartition(np.abs(asked[:, band]), _DOUBTFUL, axis=1)[:, :_DOUBTFUL]]
    turned = np.zeros((len(asked), 2**_DOUBTFUL), np.uint64)
    for choice in range(2**_DOUBTFUL):
        for number in range(_DOUBTFUL):
            if choice >> number & 1:
                turned[:, choice] |= place[weakest[:, number]]
    return turned


def _look_up(
    table: _Table, probes: NDArray[np.uint64], width: int, most: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Askers, the places in the table that they are given, and the askers whose bucket was crowded."""
    bucket = (probes >> np.uint64(_BITS - width)).astype(np.int64)
    begin, end = table.starts[bucket], table.starts[bucket + 1]
    row, column = np.nonzero(end > begin)
    begin, end = begin[row, column], end[row, column]
    full = np.flatnonzero(end - begin > most)
    if len(full):
        middle = np.searchsorted(table.keys, probes[row[full], column[full]]) - most // 2
        begin[full] = np.clip(middle, begin[full], end[full] - most)
        end[full] = begin[full] + most
    counts = end - begin
    offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(row, counts), np.repeat(begin, counts) + offsets, np.unique(row[full])


def _cosines(asked: NDArray[np.float32], waves: NDArray[np.int8]) -> NDArray[np.float32]:
    other = waves.astype(np.float32)
    lengths = np.linalg.norm(asked, axis=1) * np.linalg.norm(other, axis=1)
    return (asked * other).sum(axis=1) / np.maximum(lengths, 1e-9)


def _nearest(pairs: NDArray[np.void], count: int) -> NDArray[np.void]:
    """Of each picture's pairs the nearest, each partner once."""
    pairs = pairs[np.lexsort((-pairs["cosine"], pairs["first"]))]
    _, kept = np.unique(pairs["first"] * count + pairs["second"], return_index=True)
    pairs = pairs[np.sort(kept)]
    _, begins, sizes = np.unique(pairs["first"], return_index=True, return_counts=True)
    return pairs[np.arange(len(pairs)) - np.repeat(begins, sizes) < MOST_PARTNERS]


def _once(pairs: NDArray[np.void], count: int) -> NDArray[np.void]:
    """Each pair once, whichever picture found the other; of two ways the nearer."""
    low, high = np.minimum(pairs["first"], pairs["second"]), np.maximum(pairs["first"], pairs["second"])
    order = np.lexsort((pairs["first"], -pairs["cosine"], high, low))
    _, kept = np.unique((low * count + high)[order], return_index=True)
    return pairs[order[kept]]
