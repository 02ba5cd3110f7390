"""The class mix of a split: how many images of each class every part has, and how far its shares are from the whole."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from sightline.data.samples import PARTS, Samples


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Mix:
    """Counts of classes (rows) in parts (columns, in the order of ``PARTS``)."""

    classes: tuple[str, ...]
    """Class names."""
    counts: NDArray[np.int64]
    """Images of each class in each part, ``[class, part]``."""

    @classmethod
    def of(cls, samples: Samples) -> "Mix":
        """The mix of samples that have parts."""
        counts = np.stack([samples.counts(samples.part(part)) for part in PARTS], axis=1)
        return cls(classes=samples.classes, counts=counts)

    @property
    def shares(self) -> NDArray[np.float64]:
        """What fraction of each part every class is; 0 in an empty part."""
        return self.counts / np.maximum(self.counts.sum(axis=0), 1)

    @property
    def whole(self) -> NDArray[np.float64]:
        """What fraction of all images every class is."""
        return self.counts.sum(axis=1) / max(1, int(self.counts.sum()))

    @property
    def off(self) -> NDArray[np.float64]:
        """Of each class the largest difference between its share of a part and its share of the whole, in points."""
        used = self.counts.sum(axis=0) > 0
        apart = np.abs(self.shares - self.whole[:, None])[:, used]
        return 100 * apart.max(axis=1, initial=0)

    def by_class(self) -> dict[str, dict[str, int]]:
        """For each class how many images each part has."""
        return {
            name: dict(zip(PARTS, row, strict=True))
            for name, row in zip(self.classes, self.counts.tolist(), strict=True)
        }

    def rows(self) -> list[list[str]]:
        """The mix as a table of words, with a header: a row a class, then all classes together."""
        sums = self.counts.sum(axis=0)
        table = [["class", "all", "", *(word for part in PARTS for word in (part, "")), "off by"]]
        for name, counts, shares, whole, off in zip(
            self.classes, self.counts, self.shares, self.whole, self.off, strict=True
        ):
            cells = [(int(counts.sum()), whole), *zip(counts.tolist(), shares.tolist(), strict=True)]
            table.append(
                [name, *(word for count, share in cells for word in (str(count), _percent(share))), f"{off:.1f}"]
            )
        cells = [(int(sums.sum()), 1.0), *((count, count / max(1, int(sums.sum()))) for count in sums.tolist())]
        widest = float(self.off.max(initial=0))
        table.append(
            [
                "all classes",
                *(word for count, share in cells for word in (str(count), _percent(share))),
                f"{widest:.1f}",
            ]
        )
        return table

    def lines(self) -> list[str]:
        """The table for a terminal, its columns aligned."""
        table = self.rows()
        widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
        return [
            "  ".join(
                [row[0].ljust(widths[0]), *(word.rjust(width) for word, width in zip(row[1:], widths[1:], strict=True))]
            )
            for row in table
        ]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
