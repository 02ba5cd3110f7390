"""The border between a person's settings and ``RunConfig``: YAML files and ``-s key=value`` in, resolved YAML out.

Inside, settings are frozen dataclasses and nothing checks them again. Here everything is checked at once, and every
fault is told at once, with its place, what was got and what would be accepted.
"""

import dataclasses
import functools
import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sightline.config import RunConfig
from sightline.config_effect import EXCLUSIVE, refuse_useless
from sightline.config_faults import not_a_group, shown, together, unknown_setting
from sightline.config_schema import NO_VALUE, Setting, all_groups, all_settings
from sightline.config_steps import CHECKS
from sightline.config_yaml import number_in, read_yaml, read_yaml_file, write_value
from sightline.errors import ConfigError
from sightline.files import whole_file

__all__ = ["Loaded", "dump", "flat", "load", "load_resolved", "refuse_useless", "resolve"]


@dataclasses.dataclass(frozen=True)
class Loaded:
    """A checked configuration, and where its values came from."""

    config: RunConfig
    """Every setting."""
    origins: dict[str, str]
    """``"file digits.yaml:12"``, ``"flag"`` or ``"preset"`` by dotted path, for each value that was given."""


_Source = Callable[[str], tuple[str, str]]
"""From a dotted path to the place (for messages) and the origin (for the record) of its value."""


@dataclasses.dataclass(frozen=True)
class _Given:
    value: Any
    where: str
    origin: str


def load(file: Path | None, settings: Sequence[str] = (), base: Mapping[str, Any] | None = None) -> Loaded:
    """Settings from a file and from the command line.

    Args:
        file: YAML, nested by stage.
        settings: ``key=value`` each, as given to ``-s``; they go over the file. A value is YAML, but a setting
            that is plain text takes it as it stands.
        base: values beneath those of the file, nested or by dotted path.

    Raises:
        ConfigError: names every fault of the file and the flags at once.
    """
    reading = _Reading()
    reading.table(base or {}, lambda key: (f"{key}, preset", "preset"))
    if file is not None:
        reading.file(file)
    reading.flags(settings)
    reading.set_aside()
    return Loaded(reading.checked(), {key: given.origin for key, given in reading.given.items()})


def load_resolved(path: Path) -> RunConfig:
    """The configuration that ``dump`` wrote.

    Raises:
        ConfigError: the file is missing, or was changed so that it no longer fits.
    """
    return load(path).config


def resolve(config: RunConfig, changes: Mapping[str, Any]) -> RunConfig:
    """A copy with these values (by dotted path) in place of those it had, checked like a user's.

    Raises:
        ConfigError: a path is unknown or a value is not accepted.
    """
    reading = _Reading()
    tables = {key: value for key, value in flat(config).items() if all_settings()[key].takes(dict)}
    reading.table(tables, lambda key: (key, "default"))  # a change may be about one of their entries
    reading.table(changes, lambda key: (key, "auto"))
    return reading.checked(dataclasses.asdict(config))


def flat(config: RunConfig) -> dict[str, Any]:
    """Every setting by its dotted path, in order."""
    return {key: functools.reduce(getattr, key.split("."), config) for key in all_settings()}


def dump(config: RunConfig, origins: Mapping[str, str], path: Path) -> None:
    """Write every setting as YAML that ``load`` reads back, with a comment on where each given value came from.

    Raises:
        RunError: the file cannot be written.
    """
    lines = ["# Every setting of this run. Those without a comment are defaults."]
    lines += nested(flat(config), {key: f"from {origin}" for key, origin in origins.items()})
    with whole_file(path, "w") as out:
        out.write("\n".join(lines) + "\n")


def nested(values: Mapping[str, Any], notes: Mapping[str, str]) -> list[str]:
    """Settings by dotted path as lines of nested YAML, in their order, with comments on those that have one."""
    lines, shown = list[str](), list[str]()
    for key, value in values.items():
        *stages, name = key.split(".")
        for depth, stage in enumerate(stages):
            if shown[: depth + 1] != stages[: depth + 1]:
                lines.append(f"{'  ' * depth}{stage}:")
                shown = stages[: depth + 1]
        shown = stages
        note = f"  # {_one_line(notes[key])}" if key in notes else ""
        lines.append(f"{'  ' * len(stages)}{name}: {write_value(value)}{note}")
    return lines


class _Reading:
    """Collects given values and faults from one source after the other."""

    def __init__(self) -> None:
        self.given: dict[str, _Given] = {}
        self.faults: list[ConfigError] = []

    def file(self, path: Path) -> None:
        document = read_yaml_file(path)
        self.faults += document.faults
        tree, lines = document.value, document.lines
        if tree is not None and not isinstance(tree, dict):
            fault = ConfigError(f"{path.name} holds no settings", where=str(path), got=shown(tree), hint="name: value")
            self.faults.append(fault)
            return
        self.table(
            tree or {},
            lambda key: (f"{key} in {path.name}, line {lines.get(key)}", f"file {path.name}:{lines.get(key)}"),
        )

    def flags(self, flags: Sequence[str]) -> None:
        done: set[str] = set()
        for flag in flags:
            key, equals, text = flag.partition("=")
            key, where = key.strip(), f"-s {flag}"
            setting = all_settings().get(key)
            if not key or not equals:
                form = f"-s {key if setting else 'train.lr'}=VALUE"
                fault = ConfigError("a setting needs a name and a value", where=where, hint=f"write it as {form}")
                self.faults.append(fault)
                continue
            # A path or a name is taken as it stands: a folder called 001 is not the number 1.
            quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
            document = read_yaml("''" if setting and setting.is_text and not quoted else text, f"the value of {key}")
            value = text if setting and setting.is_text and not quoted else document.value
            if document.faults or not (text.strip() or (setting and setting.is_text)):
                self.unreadable(key, where, document.faults)
                continue
            self.table({key: value}, lambda _, where=where: (where, "flag"), done)

    def set_aside(self) -> None:
        """Of settings that exclude each other, one on the command line replaces the other one of a file."""
        for key, other in (*EXCLUSIVE, *(pair[::-1] for pair in EXCLUSIVE)):
            if key in self.given and other in self.given:
                origins = self.given[key].origin, self.given[other].origin
                if origins[0] == "flag" != origins[1] and self.given[key].value not in (None, "auto", "none"):
                    del self.given[other]

    def unreadable(self, key: str, where: str, faults: Sequence[ConfigError]) -> None:
        setting = all_settings().get(key) or _table_around(key)
        if setting is None and key not in all_groups():
            self.faults.append(unknown_setting(key, where))
            return
        got = (faults[0].got or faults[0].what) if faults else "nothing"
        allowed = setting.allowed if setting else ["{name: value, …}"]
        self.faults.append(ConfigError(f"cannot read the value of {key}", where=where, got=got, allowed=allowed))

    def table(self, tree: Mapping[str, Any], source: _Source, done: set[str] | None = None, prefix: str = "") -> None:
        """Take the settings of a nested table; ``source`` gives the place and the origin of a dotted path."""
        done = set() if done is None else done
        for name, value in tree.items():
            key = f"{prefix}{name}"
            where, origin = source(key)
            given = _Given(value, where, origin)
            if key in all_groups() and (value is None or isinstance(value, Mapping)):
                self.table(value or {}, source, done, f"{key}.")
            elif key in all_groups():
                self.faults.append(not_a_group(key, value, where))
            elif key in done:
                self.faults.append(ConfigError(f"{key} is given twice", where=where, hint="give it once"))
            elif key in all_settings():
                self.given[key] = given
                done.update(_with_those_around(key))
            elif self.entry(key, given):
                done.update(_with_those_around(key))
            else:
                self.faults.append(unknown_setting(key, where))

    def entry(self, key: str, given: _Given) -> bool:
        """Put one entry into a setting that is a table itself (``model.options.pad_type``); say whether it is one."""
        owner = _table_around(key)
        if owner is None:
            return False
        before = self.given[owner.key].value if owner.key in self.given else owner.default
        value = _with_entry(before, key.removeprefix(f"{owner.key}.").split("."), given.value)
        self.given[owner.key] = dataclasses.replace(given, value=value)
        return True

    def checked(self, tree: dict[str, Any] | None = None) -> RunConfig:
        """The configuration, or every fault at once; ``tree`` has values that were checked before."""
        tree = {} if tree is None else tree
        for key, given in self.given.items():
            value, problem = _prepared(all_settings()[key], given.value)
            faults = [] if problem or key not in CHECKS else CHECKS[key](value, given.where)
            self.faults += faults
            if problem:
                self.wrong(key, problem)
            elif not faults:
                tree = _with_entry(tree, key.split("."), value)
        try:
            config = _adapter().validate_json(json.dumps(tree), strict=True)
        except ValidationError as error:
            places = [".".join(str(part) for part in entry["loc"]) + "." for entry in error.errors()]
            wrong = [key for key in all_settings() if any(place.startswith(f"{key}.") for place in places)]
            if not wrong:
                raise  # a fault of ours: let it be seen rather than go on with other values
            for key in wrong:
                self.wrong(key, "cannot have this value")
            raise together(self.faults) from None
        if self.faults:
            raise together(self.faults)
        return config

    def wrong(self, key: str, problem: str) -> None:
        given, setting = self.given[key], all_settings()[key]
        hint = "put it in quotes" if setting.is_text and isinstance(given.value, int | float) else ""
        self.faults.append(
            ConfigError(
                f"{key} {problem}", where=given.where, got=shown(given.value), allowed=setting.allowed, hint=hint
            )
        )


def _one_line(text: str) -> str:
    """A text as a comment can hold it: on one line, without characters that YAML forbids."""
    return " ".join("".join(c for c in word if c.isprintable()) for word in text.split())


def _with_those_around(key: str) -> Iterator[str]:
    """A path and every path that leads to it: whoever gives one of these later gives this one twice."""
    return itertools.accumulate(key.split("."), "{}.{}".format)


def _table_around(key: str) -> Setting | None:
    """The setting that is itself a table and that this path leads into, such as ``model.options``."""
    return next((s for s in all_settings().values() if s.takes(dict) and key.startswith(f"{s.key}.")), None)


def _with_entry(table: Any, path: Sequence[str], value: Any) -> dict[str, Any]:
    """A copy of a nested table with one value put in; whatever stands in the way that is no table is replaced."""
    copy: dict[str, Any] = dict(table) if isinstance(table, Mapping) else {}
    first, *rest = path
    copy[first] = _with_entry(copy.get(first), rest, value) if rest else value
    return copy


def _prepared(setting: Setting, value: Any) -> tuple[Any, str]:
    """The value as strict validation wants it, or the reason why it can never be right."""
    if isinstance(value, str) and value.lower() == NO_VALUE and setting.takes(type(None)):
        return None, ""
    if setting.takes_texts and isinstance(value, list | tuple):
        value = [str(item) if type(item) is int else item for item in value]  # a part of a network may be called 3
    elif setting.takes(float) or setting.takes(tuple):
        items = value if isinstance(value, list | tuple) else [value]
        items = [item if (number := _number(item)) is None else number for item in items]
        if any(isinstance(item, float) and not math.isfinite(item) for item in items):
            return value, "must be finite"
        value = items if isinstance(value, list | tuple) else items[0]
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return value, "is not UTF-8 text"
    return value, ""


def _number(item: Any) -> float | None:
    return number_in(item) if isinstance(item, str) else None


@functools.cache
def _adapter() -> TypeAdapter[RunConfig]:
    return TypeAdapter(RunConfig)
