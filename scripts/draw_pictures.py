"""Run the demo in a temporary folder; draw what it wrote to the terminal, and photograph the report it made."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.text import Text

WIDTH = 112
"""Columns of the terminal in the picture."""
HEAD, TAIL = 8, 34
"""Lines of the demo's output that are shown from its beginning and from its end."""
REPORT = (1280, 1500)
"""Width of the window and height of what is shown of the report, in pixels."""
LARGEST = 300_000
"""Bytes that a picture in the README may have."""


def main(out: Path) -> None:
    """Draw both pictures into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [str(Path(sys.executable).with_name("sightline")), "demo"]
        environment = os.environ | {"COLUMNS": str(WIDTH)}
        done = subprocess.run(
            command,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            check=True,
        )
        draw_terminal(done.stdout, folder, out / "terminal.png")
        [report] = (folder / "demo" / "runs").glob("*/report.html")
        photograph(report, REPORT, out / "report.png")


def draw_terminal(output: str, folder: Path, out: Path) -> None:
    """The first and last lines of the output, as a terminal shows them; long lines are cut at its edge."""
    lines = output.splitlines()
    shown = lines if len(lines) <= HEAD + TAIL else [*lines[:HEAD], "  …", *lines[-TAIL:]]
    with (folder / "unseen").open("w") as unseen:
        console = Console(record=True, width=WIDTH, file=unseen, legacy_windows=False)
        console.print(Text.assemble(("$ ", "bold green"), ("sightline demo", "bold")))
        for line in shown:
            console.print(Text(line), style="dim" if line.startswith("  ") else "", overflow="ellipsis", no_wrap=True)
    page = folder / "terminal.html"
    drawing = console.export_svg(title="sightline demo")
    # The drawing names a font on the web; nothing is fetched for a picture.
    drawing = "\n".join(line for line in drawing.splitlines() if "url(" not in line or "clip-path" in line)
    page.write_text(f"<body style='margin:0'>{drawing}</body>", encoding="utf-8")
    height = round(24.4 * (len(shown) + 1)) + 84
    photograph(page, (1410, height), out)


def photograph(page: Path, size: tuple[int, int], out: Path) -> None:
    """A PNG of the top of a page."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("chromium was not found: install it, or set CHROMIUM=/path/to/it")
    shot = out.with_suffix(".part.png")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-lcd-text"]
    window = f"--window-size={size[0]},{size[1]}"
    subprocess.run([chromium, *options, window, f"--screenshot={shot}", page.as_uri()], check=True, capture_output=True)
    Image.open(shot).convert("RGB").save(out, optimize=True)
    shot.unlink()
    if out.stat().st_size > LARGEST:
        sys.exit(f"{out} has {out.stat().st_size} bytes; more than {LARGEST}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
