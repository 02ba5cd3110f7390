"""Settings with the remedies of a diagnosis in them, for a person to look at and to train with."""

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sightline.config_file import flat, load, load_resolved, nested, refuse_useless
from sightline.config_schema import all_settings
from sightline.errors import ConfigError
from sightline.files import whole_file
from sightline.findings import Finding
from sightline.run import Run


@dataclasses.dataclass(frozen=True)
class Applied:
    """Which remedies a new configuration holds."""

    path: Path
    taken: dict[str, str]
    """``key=value`` and the rule that asked for it."""
    left: dict[str, str]
    """``key=value`` of what could not be changed, and why."""


def apply_remedies(run: str | Path, findings: Sequence[Finding], path: str | Path) -> Applied:
    """Write the run's settings with the remedies in them, as a file for ``sightline train -c``.

    It holds what somebody gave for the run, and the remedies; what ``auto`` chose is left to be chosen anew. Of two
    findings that want the same setting the first decides, which is the more severe one; what is refused beside the
    others is left out.

    Args:
        run: the run folder; it is not changed.
        findings: with settings.
        path: the file to write; it must not be there yet.

    Raises:
        ConfigError: the file is there already.
        RunError: it cannot be written.
    """
    here, path = Run.open(run), Path(path)
    if path.exists():
        raise ConfigError(f"{path} is there already", where="--apply", hint="choose another name")
    given = _given(here)
    head = f"# The settings of {here.folder}, with what sightline diagnose proposes. Look at them before you train."
    words: dict[str, str] = {}
    taken, left = dict[str, str](), dict[str, str]()
    for finding in findings:
        for word in finding.settings:
            key = word.partition("=")[0]
            if key in words:
                continue
            problem = _problem(given, [*words.values(), word])
            if problem:
                left[word] = problem
            else:
                words[key], taken[word] = word, finding.rule
    why = {_owner(word.partition("=")[0]): f"for {rule}" for word, rule in taken.items()}
    with whole_file(path, "w") as file:
        file.write("\n".join([head, *nested(_values(given, list(words.values())), why)]) + "\n")
    return Applied(path, taken, left)


def _given(run: Run) -> dict[str, Any]:
    """The settings that somebody gave for a run, by dotted path, and where its images are."""
    origins: Mapping[str, str] = run.info().get("origins", {})
    settings = flat(load_resolved(run.config))
    given = {key: settings[key] for key, origin in origins.items() if key in settings and not origin.startswith("auto")}
    return {"data.path": settings["data.path"]} | given


def _owner(key: str) -> str:
    """The setting that a path is, or leads into: ``model.options`` of ``model.options.norm``."""
    while key not in all_settings() and "." in key:
        key = key.rpartition(".")[0]
    return key


def _values(given: Mapping[str, Any], words: Sequence[str]) -> dict[str, Any]:
    """The settings to write, in the order of all settings."""
    wanted = {*given, *(_owner(word.partition("=")[0]) for word in words)}
    return {key: value for key, value in flat(load(None, words, given).config).items() if key in wanted}


def _problem(given: Mapping[str, Any], words: Sequence[str]) -> str:
    """Why a file of these settings would be refused; empty: it would not."""
    try:
        values = _values(given, words)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "settings.yaml"
            path.write_text("\n".join(nested(values, {})) + "\n", encoding="utf-8")
            loaded = load(path)
        refuse_useless(loaded.config, loaded.origins)
    except ConfigError as error:
        return error.what
    return ""
