"""The user's own files that a run is made with: what they were when it began, and whether they still are."""

from sightline import plug
from sightline.config import RunConfig
from sightline.config_file import flat
from sightline.files import sha256_of
from sightline.run import Run
from sightline.workflow.say import Say


def fingerprints(config: RunConfig) -> dict[str, str]:
    """The SHA-256 of each user's file that a setting names, by its path; files that those import are not looked at."""
    values = flat(config).values()
    each = (one for value in values for one in (value if isinstance(value, tuple | list) else (value,)))
    named = [one for one in each if isinstance(one, str) and plug.is_plug(one)]
    files = {file for value in named if (file := plug.source_file(value)) is not None}
    return {str(file): sha256_of(file) for file in sorted(files)}


def tell_changed(run: Run, config: RunConfig, say: Say) -> None:
    """Warn where a file is another one than the run began with: what follows need not be what would have followed."""
    before = run.info().get("own_files")
    if before is None:  # a run of an earlier version
        return
    for path, digest in fingerprints(config).items():
        if before.get(path) != digest:
            what = "has changed since" if path in before else "is not the file with which"
            say.note(f"WARNING: {path} {what} this run began; it goes on with the file as it is now")
