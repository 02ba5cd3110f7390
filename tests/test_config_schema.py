"""What the dataclasses say about themselves: descriptions, words for values, and the schema for editors."""

import json
from pathlib import Path

from sightline.config_schema import all_settings, json_schema, write_schema

ROOT = Path(__file__).parents[1]


def test_every_setting_has_a_description_and_words_for_its_values():
    for setting in all_settings().values():
        assert setting.doc.endswith("."), setting.key
        assert all(setting.allowed), setting.key


def test_the_schema_describes_every_setting_and_allows_no_other():
    schema = json_schema()
    tables = {"": schema, **{f"{name}Config": table for name, table in schema["$defs"].items()}}
    assert all(table["additionalProperties"] is False for table in tables.values())
    train = schema["$defs"]["TrainConfig"]["properties"]
    assert train["lr"]["description"] == "Peak learning rate."
    assert {"type": "number", "exclusiveMinimum": 0.0} in train["lr"]["anyOf"]
    assert train["evaluate"]["pattern"] == r"^\d+(\.\d+)?(ep|st|%)$"
    assert {"enum": [None, "none"]} in train["clip"]["anyOf"]


def test_the_schema_file_is_up_to_date(tmp_path: Path):
    write_schema(tmp_path / "schema.json")
    stored = ROOT / "recipes" / "schema.json"
    renew = "recipes/schema.json is stale; renew it by scripts/schema"
    assert stored.is_file(), renew
    assert json.loads(stored.read_text()) == json.loads((tmp_path / "schema.json").read_text()), renew
