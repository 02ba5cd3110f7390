"""Put the tables of settings and augmentation steps, as the program declares them, between marks in the pages."""

import dataclasses
import sys
from pathlib import Path

from sightline.config_schema import NO_VALUE, all_settings, in_words, options_of
from sightline.config_yaml import write_value
from sightline.data.augment.config import STEPS

BEGIN, END = "<!-- settings: written by scripts/settings -->", "<!-- end of settings -->"
BEGIN_STEPS, END_STEPS = "<!-- steps: written by scripts/settings -->", "<!-- end of steps -->"


def table() -> str:
    """One row a setting, one table a stage."""
    lines: list[str] = []
    stage = None
    for key, setting in all_settings().items():
        if key.partition(".")[0] != stage:
            stage = key.partition(".")[0]
            lines += ["", "| setting | default | accepted | meaning |", "| --- | --- | --- | --- |"]
        default = NO_VALUE if setting.default is None else write_value(setting.default)
        cells = (f"`{key}`", f"`{default}`", " or ".join(setting.allowed), setting.doc)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join([*lines, ""])


def steps_table() -> str:
    """One row an option of each augmentation step, below a row for the step itself."""
    lines = ["", "| step, option | default | accepted | meaning |", "| --- | --- | --- | --- |"]
    for name, owner in STEPS.items():
        lines.append(f"| **`{name}`** | | | {' '.join((owner.__doc__ or '').split())} |")
        defaults = {field.name: field.default for field in dataclasses.fields(owner)}
        for option, (kind, doc) in options_of(owner).items():
            default = defaults[option]
            shown = write_value(list(default) if isinstance(default, tuple) else default)
            lines.append(f"| `{option}` | `{shown}` | {' or '.join(in_words(kind))} | {doc} |")
    return "\n".join([*lines, ""])


def write(page: Path) -> None:
    """Replace what stands between the marks of settings."""
    _between(page, BEGIN, END, table())


def write_steps(page: Path) -> None:
    """Replace what stands between the marks of steps."""
    _between(page, BEGIN_STEPS, END_STEPS, steps_table())


def _between(page: Path, begin: str, end: str, text: str) -> None:
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
    write_steps(Path(sys.argv[2]))
