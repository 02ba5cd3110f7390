"""What a tracker is told of a run beside its records."""

import dataclasses
import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from sightline.files import write_json


@dataclasses.dataclass(frozen=True, kw_only=True)
class Artifact:
    """Files that belong together, known by their content."""

    kind: Literal["dataset", "model"]
    """What they are."""
    name: str
    """What people call them."""
    sha256: str
    """Fingerprint of what they are: of the split, of the weights."""
    files: tuple[Path, ...]
    """The files; each keeps its name."""
    about: Mapping[str, Any]
    """Facts to be shown beside them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class About:
    """A run, for a tracker."""

    folder: Path
    """The run's folder."""
    settings: Mapping[str, Any]
    """Every setting by its dotted path."""
    artifacts: Callable[[], list[Artifact]]
    """What is handed over at the end; asked once, when the training has ended."""
    _turn: threading.Lock = dataclasses.field(default_factory=threading.Lock, repr=False)
    """Each tracker has a thread, and all identities are in one file."""

    @property
    def name(self) -> str:
        """What people call the run."""
        return self.folder.resolve().name

    def known_as(self, tracker: str) -> str | None:
        """The identity that a tracker gave this run when it began; ``None``: it knows nothing of it yet."""
        with self._turn:
            return self._identities().get(tracker)

    def remember(self, tracker: str, identity: str) -> None:
        """Keep the identity, so that a resumed training goes on in the same place."""
        with self._turn:
            write_json(self._file, self._identities() | {tracker: identity})

    @property
    def _file(self) -> Path:
        return self.folder / "track.json"

    def _identities(self) -> dict[str, str]:
        return json.loads(self._file.read_text(encoding="utf-8")) if self._file.is_file() else {}
