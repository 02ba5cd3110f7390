"""How a tensor of a file finds its place in a network: wrappers' prefixes, rules, order."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
import yaml

from sightline.errors import WeightsError, shortened

_PREFIXES = re.compile(r"^(?:module|model|backbone|_orig_mod|net|encoder)\.")
PATTERN = "re:"
"""What a rule begins with that is a regular expression."""
COUNTER = "num_batches_tracked"
"""What the name of a counter ends in, which older files do not have and evaluation does not need."""

Tensors = Mapping[str, torch.Tensor]


def stripped(key: str, own: Collection[str]) -> str:
    """The name without wrappers' prefixes, as far as it does not fit with them."""
    while key not in own:
        shorter = _PREFIXES.sub("", key)
        if shorter == key:
            break
        key = shorter
    return key


def read_rules(rules: Mapping[str, str] | str) -> dict[str, str]:
    """Rules as they are, or from a YAML or JSON file.

    Raises:
        WeightsError: the file cannot be read or is no table of names, or a regular expression is none, or what is
            to take its place refers to groups that it has not.
    """
    content: Any = rules
    if isinstance(rules, str):
        try:
            content = yaml.safe_load(Path(rules).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            told = str(error).split("\n")[0]
            raise WeightsError("the rules cannot be read", where="model.weights_rules", got=told) from error
    if not isinstance(content, Mapping) or not all(isinstance(v, str) for pair in content.items() for v in pair):
        raise WeightsError(
            "the rules are no table of names", where="model.weights_rules", got=rules,
            hint="write one line for each: old: new",
        )  # fmt: skip
    for old in content:
        if old.startswith(PATTERN):
            _require_pattern(old, content[old])
    return dict(content)


def _require_pattern(old: str, new: str) -> None:
    try:
        pattern = re.compile(old.removeprefix(PATTERN))
    except re.error as error:
        raise WeightsError(f"'{old}' is no regular expression", where="model.weights_rules", got=error) from error
    try:  # what the replacement refers to is looked at even where the pattern finds nothing
        pattern.sub(new, "")
    except (re.error, IndexError) as error:
        raise WeightsError(
            f"'{new}' cannot take the place of '{old}'", where="model.weights_rules", got=error,
            allowed=[f"\\1 to \\{pattern.groups}"] if pattern.groups else ["a name without references to groups"],
        ) from error  # fmt: skip


def renamed(tensors: Tensors, rules: Mapping[str, str], own: Collection[str]) -> dict[str, str]:
    """From the names in a file to those that they have by the rules and without prefixes; the first rule that fits
    a name acts on it, the others leave it alone. A prefix stays where another tensor has the name without it.

    Raises:
        WeightsError: a rule fits no name, or two tensors would get the same one of the model's.
    """
    used: set[str] = set()
    names: dict[str, str] = {}
    for key in tensors:
        bare = stripped(key, frozenset())
        for old, new in rules.items():
            changed = _applied(old, new, key) or (bare != key and _applied(old, new, bare)) or None
            if changed is not None:
                used.add(old)
                names[key] = changed
                break
        else:
            names[key] = key
    idle = [old for old in rules if old not in used]
    if idle:
        raise WeightsError(
            f"{len(idle)} of the rules fit no tensor of the file: {shortened(idle)}", where="model.weights_rules",
            got=f"tensors such as {shortened(sorted(tensors), 3)}",
            hint="a rule names a tensor, its beginning up to a dot, or re:PATTERN",
        )  # fmt: skip
    exact = {name for name in names.values() if name in own}
    names = {key: name if (bare := stripped(name, own)) in exact else bare for key, name in names.items()}
    _refuse_twice(names, own)
    return names


def _refuse_twice(names: Mapping[str, str], own: Collection[str]) -> None:
    """Let names pass of which the model takes each at most once."""
    first: dict[str, str] = {}
    for key, name in names.items():
        if name in first and name in own:
            raise WeightsError(
                f"two tensors of the file get the name '{name}'", where="model.weights_rules",
                got=f"{first[name]} and {key}", hint="make the rules tell them apart",
            )  # fmt: skip
        first[name] = key


def _applied(old: str, new: str, key: str) -> str | None:
    """The name by this rule; ``None`` where it does not fit."""
    if old.startswith(PATTERN):
        changed, times = re.subn(old.removeprefix(PATTERN), new, key)
        return changed if times else None
    if key == old:
        return new
    before = old if old.endswith(".") else f"{old}."
    if not key.startswith(before):
        return None
    after = new if not new or new.endswith(".") else f"{new}."
    return after + key.removeprefix(before)


def by_order(tensors: Tensors, own: Tensors, head: Collection[str]) -> tuple[dict[str, str], str]:
    """Pair the tensors of a file with those of a network one after the other, where every shape agrees.

    All of the network but its head must find a partner; the head gets what is left, where the shapes agree.

    Returns:
        Names in the file to names in the network, and the reason why they cannot be paired (empty: they can).
    """
    given = [key for key in tensors if not key.endswith(COUNTER)]
    body = [key for key in own if not key.endswith(COUNTER) and key not in head]
    for place, name in enumerate(body):
        if place >= len(given):
            return {}, f"the file has {len(given)} tensors, the model {len(body)} before its head"
        key = given[place]
        if tensors[key].shape != own[name].shape:
            shapes = f"{key} {list(tensors[key].shape)} and {name} {list(own[name].shape)}"
            return {}, f"tensor {place + 1} differs: {shapes}"
    pairs = dict(zip(given, body, strict=False))
    last = [key for key in own if key in head]
    rest = zip(given[len(body) :], last, strict=False)
    return pairs | {key: name for key, name in rest if tensors[key].shape == own[name].shape}, ""
