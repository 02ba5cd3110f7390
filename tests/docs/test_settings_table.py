"""The table of settings in the documentation is the one that the program declares."""

import runpy
import shutil
from pathlib import Path

from markdown_pages import ROOT

from sightline.config_schema import all_settings

PAGE = ROOT / "docs" / "configuration.md"


def test_the_table_of_settings_is_up_to_date(tmp_path: Path):
    fresh = shutil.copy(PAGE, tmp_path / "fresh.md")
    runpy.run_path(str(ROOT / "scripts" / "write_settings.py"))["write"](fresh)
    assert PAGE.read_text(encoding="utf-8") == fresh.read_text(encoding="utf-8"), "stale; renew it by scripts/settings"


def test_the_table_names_every_setting():
    text = PAGE.read_text(encoding="utf-8")
    assert [key for key in all_settings() if f"| `{key}` |" not in text] == []


def test_the_table_of_augmentation_steps_is_up_to_date(tmp_path: Path):
    page = ROOT / "docs" / "augmentation.md"
    fresh = shutil.copy(page, tmp_path / "fresh.md")
    runpy.run_path(str(ROOT / "scripts" / "write_settings.py"))["write_steps"](fresh)
    assert page.read_text(encoding="utf-8") == fresh.read_text(encoding="utf-8"), "stale; renew it by scripts/settings"
