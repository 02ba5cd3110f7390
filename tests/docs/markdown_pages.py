"""README and docs as data: their headings, links and blocks of commands."""

import dataclasses
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block."""

    language: str
    text: str
    line: int
    """Line of the page that the fence stands on."""


@dataclasses.dataclass(frozen=True)
class Command:
    """A line ``$ …`` of a console block and the lines of output shown below it."""

    words: str
    shown: tuple[str, ...]
    where: str


def pages() -> list[Path]:
    """Both READMEs, the change log and every page of the documentation."""
    return [README, CHINESE, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(match[1], match[2], text.count("\n", 0, match.start()) + 1) for match in found]


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def headings(page: Path) -> list[tuple[int, str]]:
    """Level and text of each heading."""
    return [(len(match[1]), match[2]) for match in re.finditer(r"^(#+) (.+)$", prose(page), re.MULTILINE)]


def links(page: Path) -> list[str]:
    """Targets of links and pictures, in Markdown and in HTML."""
    text = prose(page)
    return re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)


def anchors(page: Path) -> set[str]:
    """What ``#…`` may follow the name of a page: each heading as GitHub spells it."""
    return {re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-") for _, text in headings(page)}


def commands(page: Path, block: Block) -> list[Command]:
    """The commands of a console block; none of any other block."""
    found: list[Command] = []
    if block.language != "console":
        return found
    for number, line in enumerate(block.text.splitlines(), block.line + 1):
        if line.startswith("$ "):
            found.append(Command(line[2:], (), f"{page.relative_to(ROOT)}:{number}"))
        elif line.strip():
            last = found.pop()
            found.append(dataclasses.replace(last, shown=(*last.shown, line)))
    return found
