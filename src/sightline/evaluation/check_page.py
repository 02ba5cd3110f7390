"""The page of a check: what was found, with pictures, and what the data is like."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from sightline.evaluation.page.dataset import data_section
from sightline.evaluation.page.findings import figures_section, findings_section
from sightline.evaluation.page.markup import count
from sightline.evaluation.page.picture import Picture
from sightline.evaluation.page.shell import brand, document
from sightline.findings import Finding


def check_page(
    title: str,
    findings: Sequence[Finding],
    figures: dict[str, Any],
    counts: Mapping[str, Mapping[str, int]],
    picture: Picture,
) -> str:
    """One self-contained HTML page.

    Args:
        title: name of the data set.
        findings: errors first.
        figures: what ``statistics`` gives; empty where the data could not be read.
        counts: part -> class name -> images.
        picture: gives the upright image of a path in the findings.
    """
    errors = sum(finding.severity == "error" for finding in findings)
    warnings = sum(finding.severity == "warning" for finding in findings)
    verdict = (
        f"<em>{count(errors, 'error')}</em> to mend before a training."
        if errors
        else f"Fit for training, with {count(warnings, 'warning')} worth a look."
        if warnings
        else "Fit for training."
    )
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    top = brand(title, day)
    size = f"{count(figures['images'], 'image')} in {count(len(figures['classes']), 'class')}." if figures else ""
    body = f'<header class="top">{top}<h1>{verdict}</h1><p class="verdict">{size}</p></header>'
    body += findings_section(findings, picture)
    if figures:
        body += data_section(counts, list(figures["classes"]), []) + figures_section(figures)
    return document(f"{title} · check · Sightline", f"<main>{body}</main>")
