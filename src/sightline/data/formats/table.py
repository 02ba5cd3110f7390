"""A CSV with one row per image: its path and label, and optionally its part, group, weight, time and checksum."""

import csv
import dataclasses
import math
import os
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sightline.data.formats.archive import unpacked
from sightline.data.formats.columns import Columns
from sightline.data.formats.folders import top_folder
from sightline.data.formats.moments import Moments
from sightline.data.formats.parts import PART_WORDS, part_of, require_same_classes, require_two_classes
from sightline.data.formats.table_header import by_key, header_of
from sightline.data.formats.target_columns import TargetColumns
from sightline.data.samples import PARTS, UNASSIGNED, Column, Samples
from sightline.data.wanted import ONE_CLASS, Wanted
from sightline.errors import DataError, shortened


def read_csv(path: Path, root: str = "", wanted: Wanted = ONE_CLASS) -> Samples:
    """Samples from a CSV, in the order of its rows; classes and groups are sorted by name.

    Several labels of an image stand in one field with ``|`` or ``;`` between them, or each has a column of 0 and 1.

    Args:
        path: the CSV, in UTF-8 with or without a byte order mark.
        root: folder or archive that its paths are relative to; empty: the folder of the CSV.
        wanted: whether each row holds a class, labels or numbers, and in which columns.

    Raises:
        DataError: a column is missing, rows are wrong (names the lines), files are missing (names the first ones).
        SplitError: the parts do not hold the same classes.
    """
    folder = Path(os.path.abspath(_root_folder(root) if root else path.parent))  # noqa: PTH100 - keeps links
    rows = _Rows(path, folder, wanted)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows.read(file)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read {path.name} as CSV", where=str(path.parent), got=str(error)) from error
    return rows.samples()


class _Rows:
    """The rows read so far. Faults are collected with their lines, so that one message names them all."""

    def __init__(self, path: Path, root: Path, wanted: Wanted):
        self.path, self.root, self.wanted = path, root, wanted
        self.targets = TargetColumns(wanted, "label", self.fault)
        # Archives often hold one folder around it all, which the paths may name or not.
        self.bases = list(dict.fromkeys([str(root), str(root / top_folder(root))]))
        self.above = str(root).rstrip("/") + "/"
        self.columns, self.lines = Columns(), array("i")
        self.classes, self.groups = dict[str, int](), dict[str, int]()
        self.group, self.weight = array("i"), array("f")
        self.more = {name: (dict[str, int](), array("i")) for name in wanted.by}
        self.moments, self.checksums = Moments(), bytearray()
        self.faults: dict[str, list[str]] = {}
        self.missing: list[str] = []
        self.found: dict[str, int] = {}

    def read(self, file: Iterator[str]) -> None:
        """Read the header and every row."""
        header = next(file, "")
        delimiter, self.found, names = header_of(header, self.path, self.wanted)
        width = len(names)
        if "label" in self.found:
            self.targets = TargetColumns(self.wanted, names[self.found["label"]], self.fault)
        reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
        for row in reader:
            line = reader.line_num + 1
            if not any(field.strip() for field in row):
                continue
            if len(row) != width:
                self.fault(f"not {width} fields", line, len(row))
                continue
            self.add({key: row[place].strip() for key, place in self.found.items()}, line)

    def add(self, row: dict[str, str], line: int) -> None:
        """Take one row, or note its faults."""
        if not row["path"]:
            self.fault("no path", line)
            return
        one_class = self.wanted.kind == "class"
        if one_class and not row["label"]:
            self.fault("no label", line)
        part = part_of(row.get("split", ""))
        if row.get("split") and part is None:
            self.fault("unknown split", line, row["split"])
        if "group" in row:
            self.group.append(self.groups.setdefault(row["group"], len(self.groups)))
            if not row["group"]:
                self.fault("no group", line)
        if "weight" in row:
            self.weight.append(_weight(row["weight"]))
            if math.isnan(self.weight[-1]):
                self.fault("weight is no number from 0 up", line, row["weight"])
        for name, (places, codes) in self.more.items():
            codes.append(places.setdefault(row[by_key(name)], len(places)))
        if "time" in row:
            self.moments.add(row["time"])
        if "sha256" in row:
            self.checksums += self.checksum(row["sha256"], line)
        label = self.classes.setdefault(row["label"], len(self.classes)) if one_class else -1
        if not one_class:
            self.targets.add(row, line)
        self.columns.add(self.located(row["path"]), label, UNASSIGNED if part is None else PARTS.index(part))
        self.lines.append(line)

    def located(self, text: str) -> str:
        """The path below the root with forward slashes, or absolute where it lies elsewhere; notes missing files."""
        for base in self.bases:
            whole = os.path.normpath(os.path.join(base, text))  # noqa: PTH118 - a Path per row takes twice the time
            if os.path.isfile(whole):  # noqa: PTH113
                break
        else:
            self.missing.append(text)
            whole = os.path.normpath(self.root / text)
        return whole.removeprefix(self.above)

    def checksum(self, text: str, line: int) -> bytes:
        """The 32 bytes of a SHA-256 in hexadecimal; zeros where there is none."""
        if not text:
            return bytes(32)
        try:
            value = bytes.fromhex(text)
        except ValueError:
            value = b""
        if len(value) != 32:
            self.fault("sha256 is no checksum of 64 hexadecimal digits", line, text)
        return value.ljust(32, b"\0")[:32]

    def fault(self, kind: str, line: int, got: object = "") -> None:
        """Note a fault of a row."""
        self.faults.setdefault(kind, []).append(f"line {line}" + (f" ({got!r})" if got != "" else ""))

    def samples(self) -> Samples:
        """Everything read, if there was no fault.

        Raises:
            DataError: faults in rows, missing files, no rows, one class only.
            SplitError: the parts do not hold the same classes.
        """
        plain = self.columns.samples(self.root, (), "csv", ())
        self.note_repeats(plain)
        if "unknown split" not in self.faults and (plain.parts != UNASSIGNED).any():
            for row in np.flatnonzero(plain.parts == UNASSIGNED).tolist():
                self.fault("no split, though other rows have one", self.lines[row])
        self.require_sound()
        if self.wanted.kind == "class":
            plain = self.with_classes(plain)
        else:
            names, targets = self.targets.result()
            plain = dataclasses.replace(plain, classes=names, kind=self.wanted.kind, targets=targets)
        group_names, groups = _by_name(self.groups, np.frombuffer(self.group, np.int32))
        return dataclasses.replace(
            plain,
            groups=groups if "group" in self.found else None,
            group_names=group_names,
            weights=np.frombuffer(self.weight, np.float32) if "weight" in self.found else None,
            times=self.moments.column() if "time" in self.found else None,
            columns={name: Column(*_by_name(places, np.frombuffer(codes, np.int32)))
                     for name, (places, codes) in self.more.items()},
            checksums=np.frombuffer(self.checksums, np.uint8).reshape(-1, 32) if "sha256" in self.found else None,
        )  # fmt: skip

    def with_classes(self, plain: Samples) -> Samples:
        """The samples with their classes in the order of their names.

        Raises:
            DataError: one class only.
            SplitError: the parts do not hold the same classes.
        """
        classes, labels = _by_name(self.classes, plain.labels)
        require_two_classes(classes, str(self.path))
        given = [part for part in range(len(PARTS)) if (plain.parts == part).any()]
        used = {PARTS[part]: [classes[code] for code in np.unique(labels[plain.parts == part])] for part in given}
        require_same_classes(used, str(self.path))
        return dataclasses.replace(plain, labels=labels, classes=classes)

    def note_repeats(self, plain: Samples) -> None:
        """Note paths that stand on several lines: found by hash, so that a million paths need no set of strings."""
        hashes = np.fromiter((hash(path) for path in plain.paths), np.int64, len(plain))
        values, counts = np.unique(hashes, return_counts=True)
        rows_of: dict[str, list[int]] = {}
        for row in np.flatnonzero(np.isin(hashes, values[counts > 1])).tolist():
            rows_of.setdefault(plain.paths[row], []).append(row)
        names = list(self.classes)
        for path, rows in rows_of.items():
            if len(rows) > 1:
                labels = list(dict.fromkeys(names[plain.labels[row]] for row in rows)) if names else []
                kind = "path listed with two labels" if len(labels) > 1 else "path listed twice"
                lines = ", ".join(str(self.lines[row]) for row in rows)
                told = f"{path!r}: {', '.join(labels)}" if labels else repr(path)
                self.faults.setdefault(kind, []).append(f"lines {lines} ({told})")

    def require_sound(self) -> None:
        """Raise what was noted.

        Raises:
            DataError: faults in rows, missing files, or no rows.
        """
        if self.faults:
            raise DataError(
                f"{self.path.name} has faulty rows",
                where=str(self.path),
                got="; ".join(f"{kind}: {shortened(lines)}" for kind, lines in self.faults.items()),
                allowed=sorted(PART_WORDS) if "unknown split" in self.faults else (),
                hint="correct these rows: one row per image, with every field filled in",
            )
        if self.missing:
            count = len(self.missing)
            raise DataError(
                f"{count} of {len(self.columns)} files in {self.path.name} are missing",
                where=f"below {self.root}",
                got=shortened(self.missing),
                hint="paths include the file ending; data.root names the folder or archive that they are relative to",
            )
        if not len(self.columns):
            raise DataError(f"no images in {self.path.name}", where=str(self.path), got="a header and no rows")


def _root_folder(root: str) -> Path:
    path = Path(root).expanduser()
    if not path.exists():
        raise DataError(f"the folder or archive {root} does not exist", where="data.root")
    return path if path.is_dir() else unpacked(path)


def _weight(text: str) -> float:
    """The number, or NaN where it is none, not finite as float32, or negative."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if 0 <= value <= float(np.finfo(np.float32).max) else math.nan


def _by_name(places: dict[str, int], codes: NDArray[np.int32]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Names in sorted order, and the codes (places of first appearance) as places in that order."""
    names = tuple(sorted(places))
    order = np.empty(len(names), np.int32)
    order[[places[name] for name in names]] = np.arange(len(names), dtype=np.int32)
    return names, order[codes]
