"""A run: the folder that holds everything about one training.

::

    RUN/
    ├── config.yaml          every setting, with where it came from as a comment
    ├── run.json             command, versions, machine, what auto chose and why, state
    ├── split.csv            path, label, part and SHA-256 of every image
    ├── contract.json        the preprocessing contract
    ├── temperatures.json    what makes confidences mean what they say, for each checkpoint that was evaluated
    ├── records.jsonl        what happened at each step, one JSON object a line
    ├── findings.json        what was noticed about the training, and when
    ├── checkpoints/         index.json names the last, the best and their checksums
    ├── predictions/         PART.npz: logits and labels, measured as often as you like; PART.json: the figures
    ├── baseline.json        what the baseline of `evaluate` was made from
    ├── plots/               PNG pictures of the curves
    ├── tensorboard/         event files
    ├── maps/                feature maps of chosen images
    ├── profile/             where the time of some steps went
    ├── comparison.html      this run beside others, where that was asked for; figures in comparison.json
    └── report.html          all of it on one page
"""

import contextlib
import fcntl
import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

from sightline.errors import RunError
from sightline.files import write_json

_UNTRAINED = {"soup": "a soup", "ensemble": "an ensemble"}
"""What makes a run of others, by the key of run.json that tells of it."""
_AT_BIRTH = ("run.json",)
"""What a run writes before its settings: all that is left of one that was killed in that moment."""


class Run:
    """Paths and small documents of a run folder. Opening one reads nothing but its existence."""

    def __init__(self, folder: str | Path):
        self.folder = folder = Path(folder)
        self.config = folder / "config.yaml"
        self.info_file = folder / "run.json"
        self.split = folder / "split.csv"
        self.contract = folder / "contract.json"
        self.temperatures = folder / "temperatures.json"
        self.records = folder / "records.jsonl"
        self.findings = folder / "findings.json"
        self.checkpoints = folder / "checkpoints"
        self.plots = folder / "plots"
        self.tensorboard = folder / "tensorboard"
        self.report = folder / "report.html"

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    def predictions(self, part: str) -> Path:
        """Stored predictions of a part (or of another data set under that name)."""
        return self.folder / "predictions" / f"{part}.npz"

    def figures(self, part: str) -> Path:
        """The figures measured on those predictions."""
        return self.folder / "predictions" / f"{part}.json"

    @classmethod
    def create(cls, folder: str | Path) -> "Run":
        """Make the folder of a new run.

        Raises:
            RunError: the folder already holds something, or cannot be made.
        """
        run = cls(folder)
        try:
            run.folder.mkdir(parents=True, exist_ok=True)
            run._unborn()
            with run.locked():
                for path in run._unborn():
                    path.unlink()
        except OSError as error:
            raise RunError(f"cannot make the run folder {folder}", got=error.strerror or str(error)) from error
        return run

    def require_training(self, purpose: str) -> None:
        """Let a run pass that was or will be trained.

        Args:
            purpose: what its training is wanted for, such as ``to go on with``.

        Raises:
            RunError: it is a soup or an ensemble of runs.
        """
        info = self.info()
        kind = next((words for key, words in _UNTRAINED.items() if key in info), "")
        if kind:
            raise RunError(
                f"{self.folder} is {kind} of runs: there is no training {purpose}",
                hint=f"sightline evaluate {self.folder}",
            )

    def _unborn(self) -> list[Path]:
        """What a run left that was killed before it had settings; anything else in the folder is refused."""
        if self.config.exists():
            raise RunError(
                f"{self.folder} already holds a run",
                hint=f"sightline resume {self.folder}, or choose another folder with --run",
            )
        found = [path for path in self.folder.iterdir() if path.name != ".lock"]
        unborn = [path for path in found if path.name in _AT_BIRTH or _is_part(path.name)]
        if len(unborn) < len(found):
            raise RunError(f"{self.folder} is not empty", hint="choose another folder with --run")
        return unborn

    @classmethod
    def open(cls, folder: str | Path) -> "Run":
        """The run in a folder.

        Raises:
            RunError: there is no run there.
        """
        run = cls(folder)
        try:
            found = run.config.is_file()
        except OSError as error:
            raise RunError(f"cannot look into {folder}", got=error.strerror or str(error)) from error
        if not found:
            if (run.folder / "cross-validation.json").is_file():
                raise RunError(
                    f"{folder} holds a run for each fold", hint=f"give one of them, such as {run.folder / 'fold0'}"
                )
            kind = "has no config.yaml" if run.folder.is_dir() else "does not exist"
            raise RunError(
                f"{folder} is not a run: it {kind}", hint="give the folder that `sightline train … --run DIR` made"
            )
        return run

    def info(self) -> dict[str, Any]:
        """What ``run.json`` holds; empty before the first ``note``."""
        return self._json(self.info_file) or {}

    def user_folders(self) -> list[Path]:
        """Where the files of its user lay when it was started."""
        return [Path(folder) for folder in self.info().get("plugs", [])]

    def read_figures(self, part: str) -> dict[str, Any] | None:
        """The figures of a part (or of another data set under that name); ``None`` before they were measured."""
        return self._json(self.figures(part))

    def read_temperatures(self) -> dict[str, dict[str, Any]]:
        """What was found about the temperature, by the SHA-256 of the weights; empty before the first evaluation."""
        return self._json(self.temperatures) or {}

    def _json(self, path: Path) -> dict[str, Any] | None:
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            fault = "is damaged" if isinstance(error, ValueError) else "cannot be read"
            raise RunError(f"{path.name} {fault}", where=str(path), got=str(error)) from error

    def note(self, **entries: Any) -> None:
        """Add entries to ``run.json``, replacing those of the same name."""
        write_json(self.info_file, self.info() | entries)

    def read_records(self) -> list[dict[str, Any]]:
        """All records so far, oldest first; a last line that is still being written is left out."""
        if not self.records.exists():
            return []
        with self.records.open(encoding="utf-8") as file:
            lines = [line for line in file if line.endswith("\n")]
        try:
            return [json.loads(line) for line in lines]
        except ValueError as error:
            raise RunError("the records are damaged", where=str(self.records), got=str(error)) from error

    @contextlib.contextmanager
    def locked(self) -> Generator[None]:
        """Keep other processes from training in this folder at the same time.

        Raises:
            RunError: another process is training here, or the folder cannot be written.
        """
        try:
            lock = (self.folder / ".lock").open("w")
        except OSError as error:
            raise RunError(f"cannot write into {self.folder}", got=error.strerror or str(error)) from error
        with lock as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise RunError(f"{self.folder} is in use by another process", hint="wait for it to end") from error
            yield


def _is_part(name: str) -> bool:
    """Whether a file is one of ours that was being written: ``.config.yaml.1234.part``."""
    return name.startswith((".config.yaml.", ".run.json.")) and name.endswith(".part")


def next_run_folder(parent: Path, name: str) -> Path:
    """Make a new folder, counting on from what is there: ``runs/001-digits``. No two processes get the same one.

    Raises:
        RunError: it cannot be made.
    """
    counts = [entry.name.partition("-")[0] for entry in parent.glob("[0-9][0-9][0-9]*-*")] if parent.is_dir() else []
    taken = [int(count) for count in counts if count.isdecimal()]
    safe = "".join(c if c.isalnum() or c in "._" else "-" for c in name).strip("-") or "data"
    count = max(taken, default=0) + 1
    while True:
        folder = parent / f"{count:03d}-{safe}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            count += 1
        except OSError as error:
            raise RunError(f"cannot make the run folder {folder}", got=error.strerror or str(error)) from error
        else:
            return folder
