"""What the rules look at, and how they say what they found."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.row import KINDS
from sightline.data.samples import Samples
from sightline.data.scan import Scan
from sightline.data.split import written
from sightline.errors import shortened
from sightline.findings import Finding, Severity


@dataclasses.dataclass(frozen=True, eq=False)
class Facts:
    """What the rules look at."""

    samples: Samples
    """The samples."""
    scan: Scan
    """What the pass over them found, in their order."""
    needed: int = 3
    """Images that a class needs, to be in every part that the split makes."""

    @property
    def sound(self) -> NDArray[np.int64]:
        """Places of the samples that can be decoded."""
        return np.flatnonzero(self.scan.rows["fault"] == KINDS.index(""))

    def paths(self, places: Iterable[Any]) -> tuple[str, ...]:
        """Paths of the samples at these places, as tables hold them: plain text, whatever bytes a name has."""
        return tuple(written(self.samples.paths[int(place)]) for place in places)

    def where(self, condition: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Places of the sound samples for which a condition (one a sample) holds."""
        return self.sound[condition[self.sound]]


Rule = Callable[[Facts], Iterator[Finding]]


def about(
    facts: Facts,
    places: NDArray[np.integer[Any]],
    *,
    rule: str,
    severity: Severity,
    what: tuple[str, str],
    remedy: str,
    leave_out: bool | None = None,
    **evidence: Any,
) -> Iterator[Finding]:
    """One finding about all the samples at these places, or none where there are no places.

    Args:
        facts: what is looked at.
        places: of the samples concerned.
        rule: name of the rule.
        severity: of the finding.
        what: words after the number: for one image, for several; ``("file is empty", "files are empty")``.
        remedy: what to do.
        leave_out: whether quarantine.csv names them; where missing, errors and warnings are named there.
        evidence: the numbers behind it.
    """
    if not len(places):
        return
    paths = facts.paths(places)
    yield Finding(
        rule=rule,
        severity=severity,
        message=f"{len(paths):,} {what[len(paths) > 1]}: {shortened(paths, most=3)}",
        remedy=remedy,
        paths=paths,
        leave_out=None if leave_out is None else paths if leave_out else (),
        evidence={"count": len(paths), **evidence},
    )
