"""YAML as people mean it: version 1.2's plain values, no duplicate keys, and the line of everything.

PyYAML speaks YAML 1.1, in which ``1e-3`` is text and ``no`` is false. Here ``1e-3`` is a number and ``no`` is text.
"""

import contextlib
import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from sightline.errors import ConfigError

if TYPE_CHECKING:
    from yaml import SafeLoader as _Quick
else:
    try:
        from yaml import CSafeLoader as _Quick
    except ImportError:  # PyYAML was built without libyaml
        from yaml import SafeLoader as _Quick

_TAG = "tag:yaml.org,2002:"
_PLAIN = {
    "null": re.compile(r"(|~|null|Null|NULL)$"),
    "bool": re.compile(r"(true|True|TRUE|false|False|FALSE)$"),
    "int": re.compile(r"[-+]?[0-9]{1,300}$"),
    "float": re.compile(r"([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"),
}
"""What an unquoted word is in YAML 1.2's core schema, tried in this order; anything else is text."""


class _Loader(yaml.SafeLoader):
    """Finds the nodes and their tags by YAML 1.2."""


class _QuickLoader(_Quick):
    """The same by libyaml, ten times as fast where PyYAML was built with it; its errors say less."""


class _Dumper(yaml.SafeDumper):
    """Quotes text that either version of YAML would take for something else."""


_Loader.yaml_implicit_resolvers, _QuickLoader.yaml_implicit_resolvers = {}, {}
for _name, _pattern in _PLAIN.items():
    _Loader.add_implicit_resolver(_TAG + _name, _pattern, None)
    _QuickLoader.add_implicit_resolver(_TAG + _name, _pattern, None)
    _Dumper.add_implicit_resolver(_TAG + _name, _pattern, None)
_Dumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar(_TAG + "str", text, style=None if text.isprintable() else '"')
)


@dataclasses.dataclass(frozen=True)
class Document:
    """What a YAML text says, where it says it, and what is wrong with it."""

    value: Any
    """Dictionaries, lists, text, numbers, booleans and ``None``."""
    lines: dict[str, int]
    """Line (from 1) of each key, by its dotted path."""
    faults: list[ConfigError]
    """Everything that keeps the text from being used."""


def read_yaml(text: str, name: str) -> Document:
    """Read a YAML text; ``name`` stands for it in the faults."""
    document = Document({}, {}, [])
    try:
        node = _composed(text)
    except yaml.YAMLError as error:
        document.faults.append(_unreadable(error, name))
        return document
    value = None if node is None else _Builder(document, name).build(node, "")
    return dataclasses.replace(document, value=value)


def _composed(text: str) -> yaml.Node | None:
    """The nodes of a text; what libyaml refuses is read once more, for an error in words."""
    with contextlib.suppress(yaml.YAMLError):
        return yaml.compose(text, Loader=_QuickLoader)
    return yaml.compose(text, Loader=_Loader)


def read_yaml_file(path: Path) -> Document:
    """Read a YAML file; that it is missing or is no text is a fault like the others."""
    try:
        return read_yaml(path.read_text(encoding="utf-8-sig"), path.name)
    except UnicodeDecodeError as error:
        fault = ConfigError(f"{path.name} is not UTF-8 text", where=str(path), got=f"a wrong byte at {error.start}")
    except OSError as error:
        fault = ConfigError(
            f"cannot read the configuration {path.name}",
            where=str(path),
            got=error.strerror or str(error),
            hint="give the path of a YAML file, such as one of recipes/",
        )
    return Document({}, {}, [fault])


def write_value(value: Any) -> str:
    """One value on one line of YAML, which readers of version 1.1 and 1.2 understand alike."""
    text = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=float("inf"), sort_keys=False
    )
    return text.removesuffix("...\n").rstrip("\n")


def number_in(text: str) -> float | None:
    """The number that a text spells, or ``None``."""
    is_number = _PLAIN["int"].match(text) or _PLAIN["float"].match(text)
    return _float(text) if is_number else None


class _Builder:
    """Turns the parser's nodes into values, noting lines and collecting faults."""

    def __init__(self, document: Document, name: str):
        self.document, self.name = document, name
        self.open: list[yaml.Node] = []

    def build(self, node: yaml.Node, path: str) -> Any:
        if any(node is parent for parent in self.open):
            return self.fault(node, "an alias that holds itself", "write the value out")
        self.open.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self.mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return [self.build(item, path) for item in node.value]
            return self.scalar(node)
        finally:
            self.open.pop()

    def mapping(self, node: yaml.MappingNode, path: str) -> dict[str, Any]:
        table: dict[str, Any] = {}
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            key, line = self.build(key_node, path), key_node.start_mark.line + 1
            if not isinstance(key, str):
                self.fault(key_node, f"the key {key!r} is not text", "put it in quotes")
            elif key in table:
                self.fault(
                    key_node, f"{path}.{key}".lstrip(".") + " is given twice", f"remove it here or in line {first[key]}"
                )
            else:
                below = f"{path}.{key}" if path else key
                self.document.lines[below], first[key] = line, line
                table[key] = self.build(value_node, below)
        return table

    def scalar(self, node: yaml.Node) -> Any:
        kind, text = str(node.tag).removeprefix(_TAG), str(node.value)
        if kind == "str":
            return _joined(text)
        if kind not in _PLAIN:
            return self.fault(node, f"the tag {kind} has no meaning here", "write plain text, numbers, lists")
        if not _PLAIN[kind].match(text):
            return self.fault(node, f"'{text}' is no {kind}", "remove the tag")
        return {"null": lambda: None, "bool": lambda: text[0] in "tT", "int": lambda: int(text)}.get(
            kind, lambda: _float(text)
        )()

    def fault(self, node: yaml.Node, what: str, hint: str) -> None:
        where = f"{self.name}, line {node.start_mark.line + 1}"
        self.document.faults.append(ConfigError(what, where=where, hint=hint))


def _unreadable(error: yaml.YAMLError, name: str) -> ConfigError:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        where = f"{name}, line {mark.line + 1}, column {mark.column + 1}" if mark else name
        return ConfigError(f"{name} is not YAML", where=where, got=error.problem, hint="check indents, colons, quotes")
    got = f"the character {chr(error.character)!r}" if isinstance(error, yaml.reader.ReaderError) else str(error)
    return ConfigError(f"{name} is not YAML", where=name, got=got)


def _joined(text: str) -> str:
    """JSON writes a rare character as two escapes, which YAML reads one by one: make them one character again."""
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        return text


def _float(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
