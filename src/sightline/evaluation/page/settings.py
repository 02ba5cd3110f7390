"""The sections about how to get the same again: settings with their origin, environment, command."""

import json
import shlex
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sightline.evaluation.page.markup import count, missing, section, table, text
from sightline.evaluation.page.stated import source

_FACTS = {
    "started": "started",
    "finished": "finished",
    "weights_sha256": "weights_sha256 after the last step",
    "best_weights_sha256": "weights_sha256 of the kept checkpoint, which is evaluated and exported",
}


def settings_section(settings: Mapping[str, Any], origins: Mapping[str, str] | None) -> str:
    """Every setting with where its value came from; those that somebody or something chose come first.

    Args:
        settings: dotted name -> resolved value.
        origins: dotted name -> ``file``, ``flag`` or ``auto: value because …``; what is missing is a default;
            ``None``: the run did not store them.
    """
    if not settings:
        return section("settings", "Settings", "Everything that decides the outcome.", missing("None were stored."))
    if origins is None:
        rows = [[f"<code>{text(key)}</code>", f"<code>{text(_plain(value))}</code>"] for key, value in settings.items()]
        listed = table(["Setting", "Value"], rows, label="Settings")
        told = "The run did not store where these values came from."
        return section("settings", "Settings", told, listed + source("config.yaml"))
    chosen = [key for key in settings if not _is_default(origins.get(key, ""))]
    rest = [key for key in settings if key not in set(chosen)]
    lead = (
        f"{count(len(chosen), 'setting')} given on the command line or in a file, or chosen by auto; "
        f"{len(rest)} left at their default."
    )
    body = _table({key: settings[key] for key in chosen}, origins, "Chosen settings") if chosen else ""
    if rest:
        others = _table({key: settings[key] for key in rest}, origins, "Settings left at their default")
        body += f"<details><summary>The {len(rest)} defaults</summary>{others}</details>"
    return section("settings", "Settings", lead, body + source("run.json", "config.yaml"))


def again_section(info: Mapping[str, Any], folder: str) -> str:
    """The command, the machine, the versions and the fingerprint of the weights."""
    command = _command(info.get("command"))
    body = f"<pre><code>{text(command)}</code></pre>" if command else missing("The command was not stored.")
    rows: list[tuple[str, object]] = [("run folder", folder)]
    rows += [(words, info[key]) for key, words in _FACTS.items() if info.get(key)]
    for group in ("machine", "versions"):
        found = info.get(group)
        rows += list(found.items()) if isinstance(found, dict) else [(group, found)] if found else []
    cells = [[text(key), f"<code>{text(_plain(value))}</code>"] for key, value in rows]
    body += table(["What", "Value"], cells, label="Environment of the run")
    report = info.get("weights_report")
    if report:
        body += f"<details><summary>What was loaded from the pretrained weights</summary>{_report(report)}</details>"
    lead = "The same command on the same machine and versions gives the same weights, bit for bit."
    return section("again", "Do it again", lead, body + source("run.json"))


def duration(info: Mapping[str, Any]) -> str:
    """``2 min 7 s`` between start and finish, or nothing where either is unknown."""
    try:
        start, end = (datetime.fromisoformat(str(info[key])) for key in ("started", "finished"))
        seconds = round((end - start).total_seconds())
    except (KeyError, ValueError, TypeError):
        return ""
    hours, minutes = divmod(seconds // 60, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


def _table(settings: Mapping[str, Any], origins: Mapping[str, str], label: str) -> str:
    rows: list[list[str]] = []
    for key, value in settings.items():
        kind, _, reason = (origins.get(key) or "default").partition(":")
        origin = f'<span class="origin {_kind_class(kind)}">{text(kind.strip())}</span> {text(reason.strip())}'
        rows.append([f"<code>{text(key)}</code>", f"<code>{text(_plain(value))}</code>", origin])
    return table(["Setting", "Value", "Where it came from"], rows, label=label)


def _kind_class(kind: str) -> str:
    known = kind.strip().split(" ")[0]
    return known if known in ("auto", "flag", "file", "default") else "other"


def _is_default(origin: str) -> bool:
    return origin in ("", "default")


def _command(command: object) -> str:
    if isinstance(command, list):
        return shlex.join(str(word) for word in command)
    return str(command) if command else ""


def _report(report: object) -> str:
    if isinstance(report, dict):
        rows = [[text(key), f"<code>{text(_plain(value))}</code>"] for key, value in report.items()]
        return table(["What", "Value"], rows, label="Report of the pretrained weights")
    return f"<p>{text(report)}</p>"


def _plain(value: object) -> str:
    """A value as people write it in a config file."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
