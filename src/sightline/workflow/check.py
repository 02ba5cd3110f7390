"""Look at a data set before anything is trained on it."""

from pathlib import Path

from sightline.config_file import load
from sightline.data.check.rules import check
from sightline.data.read import read
from sightline.data.split.units import with_groups
from sightline.findings import Finding
from sightline.workflow.doubt import doubted_labels, foreign_images, refuse_half_asked
from sightline.workflow.intake import look_at
from sightline.workflow.say import Say


def check_data(
    data: str,
    *,
    settings: list[str] | None = None,
    run: Path | None = None,
    train_too: bool = False,
    say: Say | None = None,
) -> list[Finding]:
    """Read every image and apply every rule.

    Args:
        data: folder, archive, CSV or idx folder.
        settings: ``data.reader=…``, ``data.root=…`` and ``data.group=…`` words; with ``model.name=…`` and
            ``model.weights=…`` images that are unlike the rest of their class are searched too.
        run: a trained run, whose predictions tell which labels are doubtful.
        train_too: whether to doubt also the labels that the run was trained on.
        say: where progress goes.

    Returns:
        The findings, errors first.

    Raises:
        DataError: the data set cannot be read at all.
        RunError: there is no such run, or it has not been trained.
        ConfigError: ``train_too`` without a run, or a model without weights.
    """
    say = say or Say(quiet=True)
    whole = load(None, settings or []).config
    config = whole.data
    refuse_half_asked(whole, run, train_too)
    samples = with_groups(read(data, config.reader, config.root), config.group)
    facts = look_at(samples, say)
    say.note(f"{len(samples)} images in {len(samples.classes)} classes")
    found = check(samples, facts)
    if run is not None:
        found += doubted_labels(run, Path(data), samples, facts, train_too=train_too, say=say)
    if whole.model.name != "auto":
        found += foreign_images(whole, samples, facts, say)
    return sorted(found, key=lambda finding: ("error", "warning", "note").index(finding.severity))
