"""The two READMEs say the same, and no link in README or docs leads nowhere."""

from pathlib import Path

import pytest
from markdown_pages import CHINESE, README, ROOT, anchors, blocks, headings, links, pages
from PIL import Image


def test_both_readmes_have_the_same_headings():
    assert [level for level, _ in headings(README)] == [level for level, _ in headings(CHINESE)]


def test_both_readmes_have_the_same_blocks():
    assert [(block.language, block.text) for block in blocks(README)] == [
        (block.language, block.text) for block in blocks(CHINESE)
    ]


def test_the_readmes_link_each_other_first():
    assert links(README)[0] == CHINESE.name
    assert links(CHINESE)[0] == README.name


def test_both_readmes_link_the_same_places():
    other = {README.name, CHINESE.name}
    assert [link for link in links(README) if link not in other] == [
        link for link in links(CHINESE) if link not in other
    ]


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_inside_the_project_leads_somewhere(page: Path):
    for link in links(page):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), f"{page.name} links {link}"
        assert not anchor or anchor in anchors(target), f"{page.name} links {link}, and there is no such heading"


def test_every_page_of_the_docs_is_reached_from_the_index():
    index = ROOT / "docs" / "index.md"
    reached = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    assert {page for page in (ROOT / "docs").rglob("*.md") if page != index} <= reached


@pytest.mark.parametrize("name", ["report.png", "terminal.png"])
def test_the_pictures_are_small_enough_for_a_readme(name: str):
    picture = ROOT / "docs" / "images" / name
    assert picture.stat().st_size < 300_000
    with Image.open(picture) as image:
        assert image.width >= 1000
