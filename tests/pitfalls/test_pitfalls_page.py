"""Each pitfall of the page has a test that exists, and each test of this folder stands on the page."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "pitfalls.md").read_text(encoding="utf-8")


def names_of_tests(folder):
    found = (re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE) for path in folder)
    return {name for names in found for name in names}


def test_every_pitfall_names_a_test_that_exists():
    known = names_of_tests(TESTS.rglob("test_*.py"))
    faults = re.split(r"\n(?=\*\*)", PAGE)[1:]
    assert len(faults) >= 20
    for fault in faults:
        named = re.findall(r"`(test_\w+)`", fault)
        assert named, fault.splitlines()[0]
        assert set(named) <= known, set(named) - known


def test_every_test_of_a_pitfall_stands_on_the_page():
    own = names_of_tests([*Path(__file__).parent.glob("test_*_pitfalls.py")])
    on_page = set(re.findall(r"`(test_\w+)`", PAGE))
    assert own - on_page <= {"test_a_limit_that_is_never_reached_changes_nothing"}
