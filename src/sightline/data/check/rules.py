"""Every rule over a data set: each looks at the facts and gives findings, or none."""

from collections.abc import Mapping

from sightline.data.check.copies import COPIES
from sightline.data.check.duplicates import DUPLICATES
from sightline.data.check.facts import Facts, Rule
from sightline.data.check.files import FILES
from sightline.data.check.frozen import changed_files, groups_across_parts
from sightline.data.check.labels import LABELS, unlisted
from sightline.data.check.pixels import PIXELS
from sightline.findings import Finding

QUICK: dict[str, Rule] = {**FILES, **PIXELS, **LABELS, **COPIES}
"""Rules that need nothing but what the pass over the samples found; every training applies them."""
RULES: dict[str, Rule] = {
    **QUICK,
    **DUPLICATES,
    "labels.unlisted": unlisted,
    "files.changed": changed_files,
    "groups.across_parts": groups_across_parts,
}
"""Every rule, by the name that its findings carry."""
SEVERITIES = ("error", "warning", "note")


def check(facts: Facts, rules: Mapping[str, Rule] = RULES) -> list[Finding]:
    """Apply rules; errors first, else in the order of the rules."""
    found = [finding for rule in rules.values() for finding in rule(facts)]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))
