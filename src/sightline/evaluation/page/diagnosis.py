"""The section about what was noticed about the training, and about the data before it."""

from sightline.evaluation.page.markup import count, section, table, text
from sightline.evaluation.page.stated import Stated, source


def diagnosis_section(findings: Stated | None, checked: Stated | None = None) -> str:
    """Every finding with its numbers, thresholds and remedy; nothing where the run was never diagnosed.

    Args:
        findings: the list in ``findings.json``; none: never diagnosed.
        checked: what the check of the data said before the training, in ``run.json``.
    """
    body = "" if findings is None else "".join(_finding(one) for one in findings)
    if checked:
        items = "".join(f"<li>{one.shown(str)}</li>" for one in checked)
        body += f'<h3>What the check said of the data</h3><ul class="notes">{items}</ul>{source(checked.file)}'
    if findings is None:
        return section("diagnosis", "Diagnosis", "The training was not diagnosed.", body) if body else ""
    if not len(findings):
        return section(
            "diagnosis", "Diagnosis", "Every rule was asked, and none found anything.", body + source(findings.file)
        )
    told = ", ".join(
        count(sum(one.value["severity"] == key for one in findings), key) for key in ("error", "warning", "note")
    )
    return section(
        "diagnosis", "Diagnosis", f"What the records say about the training: {told}.", body + source(findings.file)
    )


def _finding(one: Stated) -> str:
    value = one.value
    step = f" first seen at step {one['step'].plain(',')}" if value.get("step") is not None else ""
    severity = text(value["severity"])
    page = f'<p class="remedy">More: <code>{text(value["page"])}</code></p>' if value.get("page") else ""
    return (
        f'<article class="finding"><p><span class="severity {severity}">{severity}</span> '
        f"<code>{text(value['rule'])}</code>{step}</p><h3>{one['message'].shown(_sentence)}</h3>"
        f'<p class="remedy">{one["remedy"].shown(_sentence)}</p>{_settings(one)}{_evidence(one)}{page}</article>'
    )


def _settings(one: Stated) -> str:
    words = one.value.get("settings") or ()
    return f"<p>{' '.join(f'<code>-s {text(word)}</code>' for word in words)}</p>" if words else ""


def _evidence(one: Stated) -> str:
    """The numbers behind a finding, beside what they were held against."""
    evidence, limits = one.get("evidence"), one.get("threshold")
    if evidence is None or not evidence.value:
        return ""
    rows: list[list[str]] = []
    for key, value in evidence.value.items():
        limit = limits.get(key) if limits is not None else None
        shown = evidence[key].plain(".5g") if _is_number(value) else evidence[key].shown(_plain)
        rows.append([text(key.replace("_", " ")), shown, "" if limit is None else limit.plain(".5g")])
    listed = table(["Evidence", "Value", "Held against"], rows, numbers=(1, 2), label="The numbers behind the finding")
    return f"<details><summary>The numbers behind it</summary>{listed}</details>"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(value: object) -> str:
    return ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
