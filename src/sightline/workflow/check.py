"""Look at a data set before anything is trained on it."""

from sightline.config_file import load
from sightline.data.check.rules import check
from sightline.data.read import read
from sightline.data.split.units import with_groups
from sightline.findings import Finding
from sightline.workflow.intake import look_at
from sightline.workflow.say import Say


def check_data(data: str, *, settings: list[str] | None = None, say: Say | None = None) -> list[Finding]:
    """Read every image and apply every rule.

    Args:
        data: folder, archive, CSV or idx folder.
        settings: ``data.reader=…``, ``data.root=…`` and ``data.group=…`` words.
        say: where progress goes.

    Returns:
        The findings, errors first.

    Raises:
        DataError: the data set cannot be read at all.
    """
    say = say or Say(quiet=True)
    config = load(None, settings or []).config.data
    samples = with_groups(read(data, config.reader, config.root), config.group)
    facts = look_at(samples, say)
    say.note(f"{len(samples)} images in {len(samples.classes)} classes")
    return check(samples, facts)
