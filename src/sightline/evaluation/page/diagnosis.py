"""The section about what was noticed about the training."""

from collections.abc import Mapping, Sequence
from typing import Any

from sightline.evaluation.page.markup import count, section, text


def diagnosis_section(findings: Sequence[Mapping[str, Any]] | None) -> str:
    """Every finding with its remedy, as ``findings.json`` has them; nothing where the run was never diagnosed."""
    if findings is None:
        return ""
    if not findings:
        return section("diagnosis", "Diagnosis", "Every rule was asked, and none found anything.", "")
    told = ", ".join(
        count(sum(one["severity"] == name for one in findings), name) for name in ("error", "warning", "note")
    )
    return section("diagnosis", "Diagnosis", f"What the records say about the training: {told}.", _listed(findings))


def _listed(findings: Sequence[Mapping[str, Any]]) -> str:
    return "".join(
        f'<article class="finding"><p><span class="severity {text(one["severity"])}">{text(one["severity"])}</span> '
        f"<code>{text(one['rule'])}</code></p><h3>{text(_sentence(one['message']))}</h3>"
        f'<p class="remedy">{text(_sentence(one["remedy"]))}</p>{_settings(one.get("settings") or ())}</article>'
        for one in findings
    )


def _settings(words: Sequence[str]) -> str:
    return f"<p>{' '.join(f'<code>-s {text(word)}</code>' for word in words)}</p>" if words else ""


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
