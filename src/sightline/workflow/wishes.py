"""What a user asked for, as checked settings: a file, single settings, and where the data lies."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sightline import plug
from sightline.config_file import Loaded, load, refuse_useless
from sightline.errors import ConfigError

Settings = Mapping[str, Any] | list[str]
"""Values by dotted path, or ``key=value`` words."""


def loaded_from(data: str | Path | None, config: Path | None, settings: Settings | None) -> Loaded:
    """Settings from a file and single ones over it, with the data's place; user files beside the file are found.

    Args:
        data: folder, archive, CSV or idx folder.
        config: YAML file.
        settings: single settings; they go over the file.

    Raises:
        ConfigError: every fault of the settings at once.
    """
    words = settings if isinstance(settings, list) else [f"{k}={json.dumps(v)}" for k, v in (settings or {}).items()]
    if data is not None:
        words = [*words, f"data.path={json.dumps(str(data))}"]
    plug.search_in(Path.cwd(), *([] if config is None else [config.parent]))
    loaded = load(config, words)
    refuse_useless(loaded.config, loaded.origins)
    return loaded


def wished(data: str | Path | None, config: Path | None, settings: Settings | None, verb: str) -> Loaded:
    """The same, for what needs data: ``data`` may also stand in the settings as ``data.path``.

    Raises:
        ConfigError: every fault of the settings at once, or no data; names the ``verb``.
    """
    loaded = loaded_from(data, config, settings)
    if not loaded.config.data.path:
        raise ConfigError("no data", where="DATA", hint=f"sightline {verb} FOLDER, or data.path in the config file")
    return loaded
