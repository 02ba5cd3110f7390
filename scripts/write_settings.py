"""Put the table of every setting, as the program itself declares them, between the marks in a page."""

import sys
from pathlib import Path

from sightline.config_schema import NO_VALUE, all_settings
from sightline.config_yaml import write_value

BEGIN, END = "<!-- settings: written by scripts/settings -->", "<!-- end of settings -->"


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


def write(page: Path) -> None:
    """Replace what stands between the marks."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
