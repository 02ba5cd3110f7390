"""The recipes can be read, and nothing in them is without effect."""

from pathlib import Path

import pytest

from sightline import config_file
from source_tree import ROOT


@pytest.mark.parametrize("recipe", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_setting_of_a_recipe_is_known_and_acts(recipe: Path):
    loaded = config_file.load(recipe)
    assert loaded.origins
    config_file.refuse_useless(loaded.config, loaded.origins)
    assert "#   sightline train" in recipe.read_text(encoding="utf-8"), "the head states the command"
