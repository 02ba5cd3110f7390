"""The settings that hold lists of their own, checked word by word: augmentation steps, symmetric classes, rules for
groups of parameters."""

import dataclasses
import functools
import json
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sightline.config_schema import all_settings, in_words, options_of
from sightline.data.augment.config import MOTIONS, PRESETS, STEPS
from sightline.errors import ConfigError, did_you_mean
from sightline.training.config import RuleConfig


@dataclasses.dataclass(frozen=True)
class Step:
    """One augmentation step."""

    name: str
    """A key of ``STEPS``."""
    options: Any
    """Its options: an instance of ``STEPS[name]``."""
    given: frozenset[str] = frozenset()
    """Names of the options that were written out."""


def steps_of(items: Sequence[Any]) -> list[Step]:
    """The steps that a list in ``data.augment`` names, in order.

    Raises:
        ConfigError: a step or an option is unknown, or a value is out of range.
    """
    steps: list[Step] = []
    for place, item in enumerate(items):
        step, faults = _step(item, f"data.augment[{place}]", "")
        if faults or step is None:
            raise faults[0]
        steps.append(step)
    return steps


def augment_faults(value: Any, where: str) -> list[ConfigError]:
    """Everything that is wrong with a value of ``data.augment``; ``where`` is where it was given."""
    if isinstance(value, str):
        return _name_faults(value, where)
    if isinstance(value, Mapping):
        hint = f"put it into a list: [{json.dumps(value)}]"
        return [ConfigError("data.augment is a list of steps, not a table", where=where, got=_told(value), hint=hint)]
    if not isinstance(value, list | tuple):
        return [_wrong("data.augment", value, where, all_settings()["data.augment"].allowed)]
    if not value:
        return [ConfigError("data.augment has no steps", where=where, got="[]", hint="data.augment=none")]
    faults: list[ConfigError] = []
    for place, item in enumerate(value):
        step, found = _step(item, f"data.augment[{place}]", where)
        faults += found
        if step is not None and step.name == "random_resized_crop" and place > 0:
            what = f"data.augment[{place}]: random_resized_crop must be the first step"
            hint = "it cuts from the whole image, the other steps work on what the model sees"
            faults.append(ConfigError(what, where=where, hint=hint))
    return faults


def symmetric_faults(value: Any, where: str) -> list[ConfigError]:
    """Everything that is wrong with a value of ``data.symmetric``."""
    form = "{rotation180: [[6, 9]], hflip: [[b, d]]}"
    if not isinstance(value, Mapping):
        return [_wrong("data.symmetric", value, where, [f"a table such as {form}"])]
    faults: list[ConfigError] = []
    for motion, pairs in value.items():
        if motion not in MOTIONS:
            what = f"unknown motion '{motion}' in data.symmetric"
            faults.append(
                ConfigError(what, where=where, allowed=MOTIONS, hint=did_you_mean(str(motion), MOTIONS) or f"as {form}")
            )
        elif not isinstance(pairs, list | tuple) or not all(_is_pair(pair) for pair in pairs):
            allowed = ["a list of pairs of class names such as [[6, 9]]"]
            faults.append(_wrong(f"data.symmetric.{motion}", pairs, where, allowed))
    return faults


def groups_faults(value: Any, where: str) -> list[ConfigError]:
    """Everything that is wrong with a value of ``train.groups``."""
    if not isinstance(value, list | tuple):
        hint = f"put it into a list: [{json.dumps(value)}]" if isinstance(value, Mapping) else ""
        return [_wrong("train.groups", value, where, all_settings()["train.groups"].allowed, hint)]
    return [fault for place, item in enumerate(value) for fault in _rule_faults(item, f"train.groups[{place}]", where)]


CHECKS: Mapping[str, Callable[[Any, str], list[ConfigError]]] = {
    "data.augment": augment_faults,
    "data.symmetric": symmetric_faults,
    "train.groups": groups_faults,
}
"""Settings whose values are checked here before their types are."""


def rules_of(items: Sequence[Any]) -> list[RuleConfig]:
    """The rules that a checked list in ``train.groups`` holds."""
    return [_adapter(RuleConfig).validate_json(json.dumps(item), strict=True) for item in items]


def _rule_faults(item: Any, place: str, where: str) -> list[ConfigError]:
    known = options_of(RuleConfig)
    form = '{match: "blocks.*", lr_share: 0.1}'
    if not isinstance(item, Mapping):
        return [_wrong(place, item, where, [f"a table such as {form}"])]
    unknown = [
        ConfigError(f"{place} has no '{key}'", where=where, allowed=known, hint=did_you_mean(str(key), list(known)))
        for key in item
        if key not in known
    ]
    if unknown:
        return unknown
    if "match" not in item or len(item) < 2:
        what = "matches nothing" if "match" not in item else "says nothing about what it matches"
        return [ConfigError(f"{place} {what}", where=where, got=_told(item), allowed=known, hint=f"as {form}")]
    try:
        _adapter(RuleConfig).validate_json(json.dumps(item), strict=True)
    except ValidationError as error:
        wrong = dict.fromkeys(str(entry["loc"][0]) for entry in error.errors())
        return [_wrong(f"{place}.{key}", item[key], where, in_words(known[key][0])) for key in wrong]
    return []


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list | tuple) and len(pair) == 2 and all(isinstance(name, str | int) for name in pair)


def _name_faults(name: str, where: str) -> list[ConfigError]:
    source, colon, attribute = name.rpartition(":")
    if name in ("auto", *PRESETS) or (colon and source and attribute):
        return []
    hint = f"a step stands in a list: [{name}]" if name in STEPS else did_you_mean(name, ["auto", *PRESETS, *STEPS])
    what = f"data.augment: unknown augmentation '{name}'"
    return [ConfigError(what, where=where, allowed=all_settings()["data.augment"].allowed, hint=hint)]


def _step(item: Any, place: str, where: str) -> tuple[Step | None, list[ConfigError]]:
    """A step and what is wrong with it."""
    if isinstance(item, str):
        name, given = item, {}
    elif isinstance(item, Mapping) and len(item) == 1:
        ((name, given),) = item.items()
        given = {} if given is None else given
    else:
        return None, [_wrong(place, item, where, ["the name of a step", "{name: {option: value, …}}"])]
    if name not in STEPS:
        what = f"{place}: unknown augmentation step '{name}'"
        preset = f"{name} is a preset: data.augment={name}; docs/augmentation.md lists its steps"
        hint = preset if name in PRESETS else did_you_mean(str(name), list(STEPS))
        return None, [ConfigError(what, where=where, allowed=STEPS, hint=hint)]
    known = options_of(STEPS[name])
    if not isinstance(given, Mapping):
        form = f"{{{name}: {{{next(iter(known))}: {json.dumps(given, default=str)}}}}}"
        return None, [_wrong(f"{place}.{name}", given, where, ["{option: value, …}"], f"name the option: {form}")]
    unknown = [
        ConfigError(
            f"{place}: {name} has no option '{option}'",
            where=where,
            allowed=known,
            hint=did_you_mean(str(option), list(known)),
        )
        for option in given
        if option not in known
    ]
    if unknown:
        return None, unknown
    return _validated(name, dict(given), f"{place}.{name}", where)


def _validated(name: str, given: dict[str, Any], place: str, where: str) -> tuple[Step | None, list[ConfigError]]:
    known = options_of(STEPS[name])
    try:
        options = _adapter(STEPS[name]).validate_json(json.dumps(given), strict=True)
    except ValidationError as error:
        wrong = dict.fromkeys(str(entry["loc"][0]) for entry in error.errors())
        return None, [_wrong(f"{place}.{option}", given[option], where, in_words(known[option][0])) for option in wrong]
    faults = [
        _wrong(f"{place}.{option}", given[option], where, ["the smaller number first"])
        for option in given
        if typing.get_origin(known[option][0]) is tuple and given[option][0] > given[option][1]
    ]
    return (None, faults) if faults else (Step(name, options, frozenset(given)), [])


def _wrong(key: str, value: Any, where: str, allowed: Sequence[str], hint: str = "") -> ConfigError:
    return ConfigError(f"{key} cannot have this value", where=where, got=_told(value), allowed=allowed, hint=hint)


def _told(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


@functools.cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
