"""The public names are a promise: none comes or goes unnoticed, and naming the package costs no torch."""

import subprocess
import sys

import sightline
from golden_file import check_golden
from source_tree import modules


def in_new_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_list_of_public_names_is_frozen():
    check_golden("public.txt", sorted(sightline.__all__))


def test_every_public_name_can_be_had_and_is_found_by_dir():
    for name in sightline.__all__:
        assert getattr(sightline, name) is not None, name
    assert set(sightline.__all__) <= set(dir(sightline))


def test_no_public_name_is_that_of_a_module():
    """Importing ``sightline.export`` would put the module in the place of a function of that name."""
    assert not {name for name in sightline.__all__ if f"sightline.{name}" in modules()}


def test_a_name_that_does_not_exist_is_an_attribute_error():
    assert not hasattr(sightline, "no_such_name")


def test_importing_the_package_loads_no_torch():
    loaded = in_new_process(
        "import sightline, sys; print(sorted({'torch', 'timm', 'pydantic', 'numpy'} & set(sys.modules)))"
    )
    assert loaded == "[]"


def test_names_are_loaded_on_first_use():
    before_after = in_new_process(
        "import sightline as s, sys; n = lambda: len([m for m in sys.modules if m.startswith('sightline.')]);"
        "before = n(); [getattr(s, name) for name in s.__all__]; print(before < n())"
    )
    assert before_after == "True"
