"""What a user asked for, as checked settings: a file, single settings, and where the data lies."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sightline import plug
from sightline.config import RunConfig
from sightline.config_file import Loaded, load, refuse_useless, resolve
from sightline.data.read import located
from sightline.errors import ConfigError
from sightline.model.weights_fetch import is_address

Settings = Mapping[str, Any] | Sequence[str]
"""Values by dotted path, or ``key=value`` words."""


def words_of(settings: Settings | None) -> list[str]:
    """Settings as ``key=value`` words; a path among the values is one of its text.

    Raises:
        ConfigError: a value is nothing that a file of settings could hold.
    """
    if isinstance(settings, Mapping):
        return [f"{key}={_written(key, value)}" for key, value in settings.items()]
    return [settings] if isinstance(settings, str) else list(settings or ())


def read_settings(data: str | Path | None, config: str | Path | None, settings: Settings | None) -> Loaded:
    """Settings from a file and single ones over it, with the data's place; user files beside the file are found.

    Nothing is refused that has no effect beside the others.

    Args:
        data: folder, archive, CSV or idx folder.
        config: YAML file.
        settings: single settings; they go over the file.

    Returns:
        The settings; paths that begin with ``~`` are absolute.

    Raises:
        ConfigError: every fault of the settings at once.
    """
    words = words_of(settings)
    if data is not None:
        words.append(f"data.path={json.dumps(str(data))}")
    config = None if config is None else Path(config)
    plug.search_in(Path.cwd(), *([] if config is None else [config.parent]))
    loaded = load(config, words)
    return Loaded(with_absolute_paths(loaded.config, home_only=True), loaded.origins)


def loaded_from(data: str | Path | None, config: str | Path | None, settings: Settings | None) -> Loaded:
    """The same, and settings are refused that have no effect beside the others.

    Raises:
        ConfigError: every fault of the settings at once.
    """
    loaded = read_settings(data, config, settings)
    refuse_useless(loaded.config, loaded.origins)
    return loaded


def wished(data: str | Path | None, config: str | Path | None, settings: Settings | None, verb: str) -> Loaded:
    """The same, for what needs data: ``data`` may also stand in the settings as ``data.path``.

    Raises:
        ConfigError: every fault of the settings at once, or no data; names the ``verb``.
    """
    loaded = loaded_from(data, config, settings)
    if not loaded.config.data.path:
        raise ConfigError("no data", where="DATA", hint=f"sightline {verb} FOLDER, or data.path in the config file")
    return loaded


def refuse_unheeded(loaded: Loaded, heeded: Sequence[str], why: str) -> None:
    """Refuse single settings that a verb does not look at. Those of a file pass: a recipe serves several verbs.

    Args:
        loaded: the settings.
        heeded: those that it looks at; ``model.…`` stands for all of that group.
        why: the reason for the others, after "has no effect: ".

    Raises:
        ConfigError: names every such setting at once.
    """
    groups = tuple(name.removesuffix("…") for name in heeded if name.endswith("…"))
    known = {*heeded, "data.path"}
    given = [key for key, origin in loaded.origins.items() if origin == "flag"]
    other = [key for key in given if key not in known and not key.startswith(groups)]
    if other:
        verdict = "has no effect" if len(other) == 1 else "have no effect"
        raise ConfigError(f"{', '.join(other)} {verdict}: {why}", where="-s", allowed=heeded, hint="leave it out")


def with_absolute_paths(config: RunConfig, *, home_only: bool = False) -> RunConfig:
    """The settings with every path in them absolute: a run must find its data and weights from any folder.

    Args:
        config: the settings.
        home_only: leave paths as they are that do not begin with ``~``.
    """
    paths = {"data.path": config.data.path, "data.root": config.data.root, "data.exclude": config.data.exclude}
    if config.data.cache not in ("auto", "on", "off"):
        paths["data.cache"] = config.data.cache
    if config.model.weights not in ("auto", "none", "hub") and not is_address(config.model.weights):
        paths["model.weights"] = config.model.weights
    paths["train.distill.teacher"] = config.train.distill.teacher
    if isinstance(config.model.weights_rules, str):
        paths["model.weights_rules"] = config.model.weights_rules
    paths["model.weights_classes"] = config.model.weights_classes
    wanted = {key: path for key, path in paths.items() if path and (path.startswith("~") or not home_only)}
    return resolve(config, {key: str(located(path)) for key, path in wanted.items()})


def _written(key: str, value: Any) -> str:
    def path_of(one: Any) -> str:
        if isinstance(one, os.PathLike):
            return os.fsdecode(one)
        raise ConfigError(f"{key} cannot have this value", where="settings", got=f"{one!r} ({type(one).__name__})")

    return json.dumps(value, default=path_of)
