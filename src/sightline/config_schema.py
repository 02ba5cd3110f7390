"""What settings there are, read from the dataclasses themselves: in words for people, as a JSON Schema for editors."""

import ast
import dataclasses
import functools
import inspect
import itertools
import textwrap
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from annotated_types import Ge, Gt, Le, Lt, Predicate

from sightline.config import RunConfig
from sightline.data.augment.config import STEPS
from sightline.data.config import is_own, is_step_list
from sightline.diagnosis.config import is_span
from sightline.files import write_json
from sightline.training.config import RuleConfig, is_duration, is_pattern, is_rule_list, is_stages

PREDICATES: dict[Any, tuple[str, str]] = {
    is_duration: ("a duration: 5ep, 500st or 10%", r"^\d+(\.\d+)?(ep|st|%)$"),
    is_stages: ("first:K or last:K", r"^(first|last):[1-9]\d{0,5}$"),
    is_pattern: ('a pattern of names such as "stem.*"', "^.+$"),
    is_rule_list: ('a list of rules such as [{match: "blocks.*", lr_share: 0.1, weight_decay: 0}]', ""),
    is_span: ("first and last step: 20:30", r"^[1-9]\d*:[1-9]\d*$"),
    is_own: ('"my_file:thing"', r"^.+:.+$"),
    is_step_list: ("a list of steps such as [hflip, {rotation: {degrees: 10}}]", ""),
}
"""Of each predicate used in a type: the words for messages, and the pattern for editors (of text)."""
NO_VALUE = "none"
"""How people write the absence of a value; ``null`` in YAML means the same."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting, as its dataclass declares it."""

    key: str
    """Dotted path, such as ``train.lr``."""
    kind: Any
    """The declared type, with its constraints."""
    default: Any
    """The value where none is given."""
    doc: str
    """The docstring under the field."""

    @property
    def allowed(self) -> list[str]:
        """Every kind of value that is accepted, in words."""
        return in_words(self.kind)

    @property
    def is_text(self) -> bool:
        """Whether any text at all is accepted, as a path or a name."""
        return self.kind is str

    @property
    def takes_texts(self) -> bool:
        """Whether a list of any texts is accepted, such as names."""
        return any(plain == tuple[str, ...] for plain, _ in _alternatives(self.kind))

    def takes(self, kind: Any) -> bool:
        """Whether one alternative of the type is this Python type."""
        return any(typing.get_origin(plain) is kind or plain is kind for plain, _ in _alternatives(self.kind))


@functools.cache
def all_groups() -> Mapping[str, type]:
    """Every group of settings by its dotted path (the whole configuration is ``""``)."""
    found: dict[str, type] = {"": RunConfig}
    for prefix, owner in _walk(RunConfig, ""):
        found[prefix] = owner
    return found


@functools.cache
def all_settings() -> Mapping[str, Setting]:
    """Every setting by its dotted path, in the order of the dataclasses."""
    return {setting.key: setting for setting in _settings_of(RunConfig, "")}


def in_words(kind: Any) -> list[str]:
    """The alternatives of a type in words, such as ``["a whole number from 1", "auto"]``."""
    return [_one_in_words(plain, constraints) for plain, constraints in _alternatives(kind)]


def json_schema() -> dict[str, Any]:
    """A JSON Schema of the configuration file: types, ranges, defaults, and a description of every setting."""
    from pydantic import TypeAdapter  # noqa: PLC0415 (it costs more time than everything else here)

    schema = TypeAdapter(RunConfig).json_schema()
    for owner in all_groups().values():
        table = schema if owner is RunConfig else schema["$defs"][owner.__name__]
        table["additionalProperties"] = False
        docs, kinds = _docs_of(owner), typing.get_type_hints(owner, include_extras=True)
        for name, entry in table["properties"].items():
            entry["description"] = docs[name]
            _refine(entry, kinds[name])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema | {"title": "Sightline configuration"}


def write_schema(path: Path) -> None:
    """Write the JSON Schema for editors, whole or not at all."""
    write_json(path, json_schema())


def _walk(owner: type, prefix: str) -> list[tuple[str, type]]:
    below: list[tuple[str, type]] = []
    for name, kind in typing.get_type_hints(owner, include_extras=True).items():
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            below += [(prefix + name, kind), *_walk(kind, f"{prefix}{name}.")]
    return below


def _settings_of(owner: type, prefix: str) -> list[Setting]:
    kinds, docs = typing.get_type_hints(owner, include_extras=True), _docs_of(owner)
    found: list[Setting] = []
    for field in dataclasses.fields(owner):
        kind, key = kinds[field.name], prefix + field.name
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            found += _settings_of(kind, f"{key}.")
            continue
        factory = field.default_factory
        default = field.default if factory is dataclasses.MISSING else factory()
        found.append(Setting(key=key, kind=kind, default=default, doc=docs[field.name]))
    return found


@functools.cache
def _docs_of(owner: type) -> Mapping[str, str]:
    """The docstring under each field; Python itself keeps none, so they are read from the source."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    docs: dict[str, str] = {}
    for field, below in itertools.pairwise(body):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
            docs[field.target.id] = " ".join(below.value.value.split())
    return docs


def _alternatives(kind: Any, constraints: Sequence[Any] = ()) -> list[tuple[Any, Sequence[Any]]]:
    """The members of a union, each with the constraints that hold for it."""
    if typing.get_origin(kind) is typing.Annotated:
        plain, *more = typing.get_args(kind)
        return _alternatives(plain, [*constraints, *more])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return [pair for member in typing.get_args(kind) for pair in _alternatives(member, constraints)]
    return [(kind, constraints)]


def _one_in_words(kind: Any, constraints: Sequence[Any]) -> str:
    for constraint in constraints:
        if isinstance(constraint, Predicate):
            return PREDICATES[constraint.func][0]
    arguments = typing.get_args(kind)
    match typing.get_origin(kind) or kind:
        case typing.Literal:
            return str(arguments[0]) if len(arguments) == 1 else f"one of {', '.join(map(str, arguments))}"
        case builtin if builtin is tuple:
            if Ellipsis in arguments:
                ((own, limits),) = _alternatives(arguments[0])
                return "a list of numbers" if own is float else f"a list, each of {_one_in_words(own, limits)}"
            ranges = {" ".join(_range_in_words(limits)) for kind in arguments for _, limits in _alternatives(kind)}
            return f"a list of {len(arguments)} numbers {ranges.pop() if len(ranges) == 1 else ''}".strip()
        case builtin if builtin is int or builtin is float:
            noun = "a whole number" if builtin is int else "a number"
            return " ".join([noun, *_range_in_words(constraints)])
        case builtin:
            return {bool: "true or false", str: "text", dict: "{name: value, …}", types.NoneType: "none"}[builtin]


def _range_in_words(constraints: Sequence[Any]) -> list[str]:
    lower, upper = "", ""
    for constraint in constraints:
        match constraint:
            case Ge(ge=bound):
                lower = f"from {bound:g}"
            case Gt(gt=bound):
                lower = f"above {bound:g}"
            case Le(le=bound):
                upper = f"up to {bound:g}"
            case Lt(lt=bound):
                upper = f"below {bound:g}"
            case _:
                raise TypeError(f"no words for the constraint {constraint!r}")
    both = ["but"] if lower.startswith("from") and upper.startswith("below") else ["and"] if lower and upper else []
    return [word for word in (lower, *both, upper) if word]


def _step_schema() -> dict[str, Any]:
    """One augmentation step: its name, or a table with its name and its options."""
    from pydantic import TypeAdapter  # noqa: PLC0415 (it costs more time than everything else here)

    forms: list[dict[str, Any]] = [{"enum": list(STEPS)}]
    for name, owner in STEPS.items():
        options, docs = TypeAdapter(owner).json_schema(), _docs_of(owner)
        for option, entry in options["properties"].items():
            entry["description"] = docs[option]
        table = options | {"additionalProperties": False}
        forms.append({"type": "object", "properties": {name: table}, "required": [name], "additionalProperties": False})
    return {"anyOf": forms}


def _rule_schema() -> dict[str, Any]:
    """One rule for groups of parameters."""
    from pydantic import TypeAdapter  # noqa: PLC0415 (it costs more time than everything else here)

    table, docs = TypeAdapter(RuleConfig).json_schema(), _docs_of(RuleConfig)
    for name, entry in table["properties"].items():
        entry["description"] = docs[name]
    return table | {"additionalProperties": False}


def options_of(owner: type) -> Mapping[str, tuple[Any, str]]:
    """Type and description of each field of a step's options."""
    kinds, docs = typing.get_type_hints(owner, include_extras=True), _docs_of(owner)
    return {field.name: (kinds[field.name], docs[field.name]) for field in dataclasses.fields(owner)}


def _refine(entry: dict[str, Any], kind: Any) -> None:
    """Add to a property what the types know beyond pydantic: the pattern of predicates, the spellings of no value."""
    members: list[dict[str, Any]] = entry.get("anyOf", [entry])
    for plain, constraints in _alternatives(kind):
        patterns = [PREDICATES[c.func][1] for c in constraints if isinstance(c, Predicate)]
        for member in members:
            if plain is str and patterns and member.get("type") == "string" and not {"const", "enum"} & set(member):
                member["pattern"] = patterns[0]
            if any(isinstance(c, Predicate) and c.func is is_step_list for c in constraints) and "items" in member:
                member |= {"items": _step_schema(), "minItems": 1}
            if any(isinstance(c, Predicate) and c.func is is_rule_list for c in constraints):
                member |= {"items": _rule_schema()}
            if plain is types.NoneType and member.get("type") == "null":
                del member["type"]
                member["enum"] = [None, NO_VALUE]
