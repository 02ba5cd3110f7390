"""Pictures that are in a data set more than once: exact copies, near-duplicates, mirror images.

Exact copies have one hash of their decoded pixels. ``lookalikes`` suspects near-duplicates,
``alignment`` looks at both. Nothing is reported on the word of a hash.
"""

import concurrent.futures
import dataclasses
import weakref
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sightline.data.alignment import Field, Likeness, compare, square_of
from sightline.data.derive import image_of
from sightline.data.exact import exact_copies
from sightline.data.lookalikes import candidates
from sightline.data.samples import Samples
from sightline.data.scan import Progress, Scan
from sightline.data.signature import contrast
from sightline.data.signature_fit import Suspects, suspects
from sightline.machine import alone, cores

KINDS = ("exact", "near", "mirrored")
"""How two pictures can be the same one; a kind is stored as its place in this tuple."""
SMALLEST = 48
"""Shorter side in pixels from which near-duplicates are searched. Below it different things look alike (digits,
shirts, icons), so there only exact copies count."""
FLATTEST = 4.0
"""Contrast in gray levels from which near-duplicates are searched. Below it noise and compression make the picture."""
LEAST = Likeness(gray=0.975, detail=0.7, color=0.85, worst=0.3)
"""What near-duplicates must reach in every measure. Of 5270 photos that were compressed again (JPEG 30 to 90), resized
(50 to 150 %), cropped by 5 %, mirrored or brightened by 20 %, all but 4 did (``benchmarks/near_duplicates.py``). Of
TrashNet's 910 suspected pairs the different things that came nearest failed in one measure at least: bottles of two
brands in one pose had gray 0.985 and worst 0.14, two bottles seen from above gray 0.963, a green lid and a brown bottle
color 0.26."""

_CHUNK = 128


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """Confirmed pairs, the lower place first. A family of copies is a chain or a web of pairs, not all of them."""

    first: NDArray[np.int64]
    """Place of one sample."""
    second: NDArray[np.int64]
    """Place of the other."""
    similarity: NDArray[np.float32]
    """Correlation of the aligned gray pixels; 1 for exact copies."""
    kind: NDArray[np.int8]
    """Place in ``KINDS``."""
    crowded: NDArray[np.int64]
    """Samples that look like so many others that they were compared with a part of them only."""

    def __len__(self) -> int:
        return len(self.first)


_known: "weakref.WeakKeyDictionary[Scan, Pairs]" = weakref.WeakKeyDictionary()


def near_pairs(samples: Samples, scan: Scan, progress: Progress | None = None) -> Pairs:
    """Every pair of samples that show the same picture, confirmed on its pixels.

    Time grows with the number of samples, not with its square. Asked again with the same ``scan``, the answer is
    that of the first time.

    Args:
        samples: the images; those that are suspected are decoded.
        scan: facts about the same samples.
        progress: called with (done, total) of the search, then of the confirmation.

    Raises:
        ImageError: an image that could be decoded when it was scanned no longer can.
    """
    if scan not in _known:
        _known[scan] = _near_pairs(samples, scan, progress)
    return _known[scan]


def clusters_of(samples: Samples, scan: Scan, progress: Progress | None = None) -> NDArray[np.int32]:
    """Number of the family of copies that each sample belongs to; who has no copy is a family of its own."""
    return families(near_pairs(samples, scan, progress), len(samples))


def families(pairs: Pairs, count: int, kinds: tuple[str, ...] = KINDS) -> NDArray[np.int32]:
    """Connected components of the pairs of these kinds, numbered in the order of their first members, ``[count]``."""
    head = list(range(count))

    def top(place: int) -> int:
        while head[place] != place:
            head[place] = place = head[head[place]]
        return place

    wanted = np.isin(pairs.kind, [KINDS.index(kind) for kind in kinds])
    for one, other in zip(pairs.first[wanted].tolist(), pairs.second[wanted].tolist(), strict=True):
        low, high = sorted((top(one), top(other)))
        head[high] = low
    _, numbers = np.unique([top(place) for place in range(count)], return_inverse=True)
    return numbers.astype(np.int32)


def _near_pairs(samples: Samples, scan: Scan, progress: Progress | None) -> Pairs:
    sound = np.ones(len(samples), np.bool_)
    sound[list(scan.faults)] = False
    groups = [group.tolist() for group in exact_copies(samples, scan, np.flatnonzero(sound))]
    exact = [(group[0], copy) for group in groups for copy in group[1:]]
    for _, copy in exact:
        sound[copy] = False  # its original speaks for it
    large = np.minimum(scan.rows["width"], scan.rows["height"]) >= SMALLEST
    searched = np.flatnonzero(sound & large)
    searched = searched[contrast(scan.rows["signature"][searched]) >= FLATTEST]
    signatures = scan.rows["signature"][searched]
    found = candidates(signatures, progress)
    rows = [(one, other, 1.0, 0) for one, other in exact]
    rows += [
        (*sorted((int(searched[one]), int(searched[other]))), likeness.gray, 2 if mirror else 1)
        for one, other, mirror, likeness in _confirmed(samples, searched, suspects(signatures, found), progress)
    ]
    columns = np.asarray(sorted(rows), np.float64).reshape(-1, 4).T
    return Pairs(
        first=columns[0].astype(np.int64),
        second=columns[1].astype(np.int64),
        similarity=columns[2].astype(np.float32),
        kind=columns[3].astype(np.int8),
        crowded=searched[found.crowded],
    )


def _confirmed(
    samples: Samples, searched: NDArray[np.int64], pairs: Suspects, progress: Progress | None
) -> Iterator[tuple[int, int, bool, Likeness]]:
    """The pairs that are near-duplicates: both places among the searched, whether mirrored, how alike."""
    order = np.lexsort((pairs.second, pairs.first))
    squares: dict[int, Field] = {}

    def likeness_of(number: int) -> Likeness:
        one, other = squares[int(pairs.first[number])], squares[int(pairs.second[number])]
        left, top, right, bottom = pairs.window[number].tolist()
        return compare(one[:, :, ::-1] if pairs.mirrored[number] else one, other, (left, top, right, bottom))

    with concurrent.futures.ThreadPoolExecutor(cores()) as pool, alone():
        for start in range(0, len(order), _CHUNK):
            numbers = order[start : start + _CHUNK]
            needed = np.unique([pairs.first[numbers], pairs.second[numbers]]).tolist()
            squares = {place: squares[place] for place in needed if place in squares}
            fresh = [place for place in needed if place not in squares]
            found = pool.map(lambda place: square_of(image_of(samples, int(searched[place]))), fresh)
            squares |= dict(zip(fresh, found, strict=True))
            for number, likeness in zip(numbers, pool.map(likeness_of, numbers), strict=True):
                if _enough(likeness):
                    one, other = int(pairs.first[number]), int(pairs.second[number])
                    yield one, other, bool(pairs.mirrored[number]), likeness
            if progress is not None:
                progress(min(start + _CHUNK, len(order)), len(order))


def _enough(likeness: Likeness) -> bool:
    return all(getattr(likeness, field.name) >= getattr(LEAST, field.name) for field in dataclasses.fields(LEAST))
