"""From records, of a file or of a training that is under way, to a history."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic_core import from_json

from sightline.diagnosis.history import Evals, Floats, History, Ints, Looks, Steps
from sightline.errors import RunError

CHUNK = 1 << 22
"""Bytes of a file that are read at a time: enough for speed, little beside the columns of a long run."""
_STEP = ("step", "epoch", "loss", "score", "lr", "images", "seconds", "wait", "grad_norm")
_EVAL = ("step", "epoch", "loss", "loss_sd", "score", "seen_loss", "seen_loss_sd", "seen_score", "seen_n")
_EVAL_KEYS = {"loss": "val_loss", "loss_sd": "val_loss_sd"}
_COUNTS = {"true": "val_true", "predicted": "val_predicted", "hits": "val_hits"}
_NO_FIGURE = frozenset({"kind", *_STEP})


class Gathering:
    """Takes records in the order in which they were written.

    A training that went back to a checkpoint writes some steps again: what an earlier record said of a step that came
    again, and of all later ones, no longer counts.
    """

    def __init__(self) -> None:
        self.figure = ""
        self.chunks: list[Floats] = []
        self.count = 0
        self.others: list[tuple[int, dict[str, Any]]] = []

    def add(self, records: Sequence[dict[str, Any]]) -> None:
        """Take records as ``Record.plain`` gives them, or as they stand in the file."""
        steps: list[dict[str, Any]] = []
        for record in records:
            kind = record.get("kind")
            if kind == "step":
                steps.append(record)
            elif kind in ("eval", "look", "note"):
                self.others.append((self.count + len(steps), record))
        if not steps:
            return
        self.figure = self.figure or _figure_of(steps[0])
        keys = [self.figure if key == "score" else key for key in _STEP]
        self.chunks.append(np.stack([_column(steps, key) for key in keys]))
        self.count += len(steps)

    def history(self) -> History:
        """Everything so far."""
        table = np.concatenate(self.chunks, axis=1) if self.chunks else np.zeros((len(_STEP), 0))
        self.chunks = [table]
        later = _least_later(table[0])
        kept = [(record["step"], record) for before, record in self.others if record["step"] < later[before]]
        good = table[0] < later[1:]
        columns = dict(zip(_STEP, table if good.all() else table[:, good], strict=True))
        figure = self.figure or "accuracy"
        evals = [record for _, record in kept if record["kind"] == "eval"]
        return History(
            figure=figure,
            steps=Steps(step=columns.pop("step").astype(np.int64), **columns),
            evals=_evals(evals, figure),
            looks=_looks([record for _, record in kept if record["kind"] == "look"]),
            notes=tuple((step, str(one.get("text", ""))) for step, one in kept if one["kind"] == "note"),
        )


def read_history(path: Path) -> History:
    """The history in a ``records.jsonl``; empty where there is none yet. A last line without an end is left out.

    It is read piece by piece: a million steps take a few seconds, and 72 bytes each.

    Raises:
        RunError: a line is no record, or the file cannot be read.
    """
    gathering = Gathering()
    try:
        with path.open("rb") as file:
            while lines := file.readlines(CHUNK):
                gathering.add(_parsed([line for line in lines if line.endswith(b"\n")]))
        return gathering.history()
    except FileNotFoundError:
        return gathering.history()
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise RunError(
            "the records are damaged", where=str(path), got=str(error), hint="restore the file, or train a new run"
        ) from error


def _parsed(lines: Sequence[bytes]) -> list[dict[str, Any]]:
    return from_json(b"[" + b",".join(lines) + b"]", cache_strings="keys")  # twice as fast as the standard library


def _figure_of(record: dict[str, Any]) -> str:
    """The figure stands after the loss; what else a record may hold beside the known numbers are words."""
    names = [key for key, value in record.items() if key not in _NO_FIGURE and isinstance(value, int | float)]
    return names[0] if names else "accuracy"


def _least_later(steps: Floats) -> Floats:
    """Of each place ``[rows + 1]`` the lowest step from there on: earlier rows not below it were written again."""
    return np.minimum.accumulate(np.append(steps, np.inf)[::-1])[::-1]


def _column(records: Sequence[dict[str, Any]], key: str) -> Floats:
    values = [record.get(key) for record in records]
    try:
        return np.array(values, np.float64)
    except (TypeError, ValueError):
        return np.array([_number(value) for value in values])


def _number(value: Any) -> float:
    """A number; the words nan, inf and -inf stand for what JSON cannot hold."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _evals(records: Sequence[dict[str, Any]], figure: str) -> Evals:
    keys = _EVAL_KEYS | {"score": f"val_{figure}", "seen_score": f"seen_{figure}"}
    columns = {name: _column(records, keys.get(name, name)) for name in _EVAL}
    counts = {name: _counts(records, key) for name, key in _COUNTS.items()}
    return Evals(step=columns.pop("step").astype(np.int64), **columns, **counts)


def _counts(records: Sequence[dict[str, Any]], key: str) -> Floats:
    """Lists of the evaluations as rows; those that do not tell, or tell of other classes, are NaN."""
    width = len(next((record[key] for record in reversed(records) if record.get(key)), ()))
    rows = np.full((len(records), width), np.nan)
    for place, record in enumerate(records):
        if width and len(record.get(key) or ()) == width:
            rows[place] = record[key]
    return rows


def _looks(records: Sequence[dict[str, Any]]) -> Looks:
    """Those that looked at the same layers as the last one."""
    if not records:
        return Looks()
    last = records[-1]
    same = [one for one in records if one["layers"] == last["layers"] and one["figures"] == last["figures"]]
    tables = np.stack([_table(one["table"], len(last["figures"])) for one in same])
    return Looks(
        step=_steps_of(same),
        layers=tuple(last["layers"]),
        kinds=tuple(last["kinds"]),
        figures={name: tables[:, :, place] for place, name in enumerate(last["figures"])},
    )


def _table(rows: Sequence[Sequence[Any]], width: int) -> Floats:
    return np.array([[_number(value) for value in row] for row in rows], np.float64).reshape(len(rows), width)


def _steps_of(records: Sequence[dict[str, Any]]) -> Ints:
    return np.array([record["step"] for record in records], np.int64)


class Tail:
    """The history of a file that grows: each time, what was added is read.

    Args:
        path: ``records.jsonl``.
    """

    def __init__(self, path: Path):
        self.path, self.place = path, 0
        self.gathering = Gathering()

    def history(self) -> History:
        """Everything up to the last whole line."""
        with self.path.open("rb") as file:
            file.seek(self.place)
            while lines := file.readlines(CHUNK):
                whole = [line for line in lines if line.endswith(b"\n")]
                self.gathering.add(_parsed(whole))
                self.place += sum(map(len, whole))
        return self.gathering.history()
