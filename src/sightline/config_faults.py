"""How the faults of settings are told: what was got, what was probably meant, and all of them at once."""

import difflib
import json
import textwrap
from collections.abc import Sequence
from typing import Any

from sightline.config_schema import all_groups, all_settings
from sightline.errors import ConfigError, did_you_mean

_KINDS = {
    bool: "a boolean",
    int: "a whole number",
    float: "a number with a point",
    str: "text",
    list: "a list",
    tuple: "a list",
    dict: "a table",
}


def together(faults: Sequence[ConfigError]) -> ConfigError:
    """One error that tells every fault; a single one stays as it is."""
    if len(faults) == 1:
        return faults[0]
    told = "\n".join(textwrap.indent(fault.render(), "  ") for fault in faults)
    return ConfigError(f"{len(faults)} faults in the settings\n{told}")


def shown(value: Any) -> str:
    """A value and its kind for a message, such as ``'fast' (text)``."""
    if value is None:
        return "nothing"
    text = repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = text if len(text) <= 80 else f"{text[:77]}…"
    return f"{text} ({_KINDS.get(type(value), type(value).__name__)})"


def unknown_setting(key: str, where: str) -> ConfigError:
    """The error for a setting that does not exist, with the one that was probably meant."""
    words = key.split(".")
    prefixes = [".".join(words[:count]) for count in range(len(words))]
    owner = next((prefix for prefix in prefixes if prefix in all_settings()), None)
    if owner is not None:
        return ConfigError(f"unknown setting '{key}'", where=where, hint=f"{owner} is one value: set {owner} itself")
    group = [prefix for prefix in prefixes if prefix in all_groups()][-1]
    wrong = key.removeprefix(f"{group}." if group else "").split(".")[0]
    hint = _meant(words[-1], wrong, group)
    return ConfigError(f"unknown setting '{key}'", where=where, allowed=inside(group), hint=hint)


def not_a_group(key: str, value: Any, where: str) -> ConfigError:
    """The error for one value in the place of a group of settings."""
    names = inside(key)
    hint = f"set {key}.name to {value}" if "name" in names and isinstance(value, str) else "name one of them"
    return ConfigError(f"{key} is a group of settings", where=where, got=shown(value), allowed=names, hint=hint)


def inside(group: str) -> list[str]:
    """Names of the settings and groups directly inside a group (``""``: the whole configuration)."""
    prefix = f"{group}." if group else ""
    below = [key.removeprefix(prefix).split(".")[0] for key in all_settings() if key.startswith(prefix)]
    return list(dict.fromkeys(below))


def _meant(leaf: str, wrong: str, group: str) -> str:
    """A right name in a wrong group first, then a misspelt name in this group, then a misspelt name elsewhere."""
    elsewhere = [known for known in all_settings() if known.rpartition(".")[2] == leaf]
    if 1 <= len(elsewhere) <= 3:
        return f"did you mean {' or '.join(repr(known) for known in elsewhere)}?"
    in_group = did_you_mean(wrong, inside(group))
    if in_group:
        return in_group
    by_leaf = {known.rpartition(".")[2]: known for known in all_settings()}
    near = difflib.get_close_matches(leaf, by_leaf, n=1, cutoff=0.75)
    return f"did you mean '{by_leaf[near[0]]}'?" if near else ""
