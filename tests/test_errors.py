"""Errors say what, where, what was got, what is allowed and what to do next."""

import ast
import inspect
import pickle
import re

import pytest

from sightline import errors
from sightline.errors import ConfigError, ImageError, SightlineError, WeightsError, did_you_mean, shortened
from source_tree import modules

CLASSES = [thing for thing in vars(errors).values() if inspect.isclass(thing) and issubclass(thing, SightlineError)]


def test_the_whole_message():
    error = ConfigError(
        "unknown key 'epochz'", where="train", got=3, allowed=["epochs", 5], hint="did you mean 'epochs'?"
    )
    assert str(error) == (
        "unknown key 'epochz' (train)\n  got: 3\n  allowed: epochs, 5\n  next: did you mean 'epochs'?"
    )


def test_what_is_not_known_is_left_out():
    assert str(SightlineError("it broke")) == "it broke"
    assert str(SightlineError("it broke", got=0)) == "it broke\n  got: 0", "a false value is still a value"


@pytest.mark.parametrize("kind", CLASSES)
def test_errors_survive_the_way_from_a_worker_process(kind):
    error = kind("it broke", where="here", got=[1], allowed=["a"], hint="mend it")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind and str(again) == str(error) and vars(again) == vars(error)


def test_exit_codes():
    assert {kind.__name__ for kind in CLASSES if kind.exit_code == 2} == {"ConfigError", "PlugError"}
    assert {kind.exit_code for kind in CLASSES} == {1, 2}


def test_the_tree_in_the_docstring_is_the_tree():
    drawn, path = {}, []
    for line in inspect.getdoc(errors).splitlines():
        found = re.match(r"^    ([│├└─ ]*)([A-Z]\w+)  +\S", line)
        if found:
            level = len(found[1]) // 4
            path[level:] = [found[2]]
            drawn[found[2]] = path[level - 1] if level else "Exception"
    assert drawn == {kind.__name__: kind.__bases__[0].__name__ for kind in CLASSES}


def test_every_error_is_raised_somewhere():
    raised = set()
    for path in modules().values():
        raised |= {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
    leaves = {kind.__name__ for kind in CLASSES if not kind.__subclasses__()}
    assert leaves <= raised


def test_a_narrow_error_is_caught_by_its_stage():
    assert issubclass(WeightsError, errors.ModelError) and issubclass(ImageError, errors.DataError)


def test_near_words():
    assert did_you_mean("epochz", ["epochs", "lr"]) == "did you mean 'epochs'?"
    assert did_you_mean("xyz", ["epochs", "lr"]) == ""


def test_long_lists_are_shortened():
    assert shortened([1, 2]) == "1, 2" and shortened([]) == ""
    assert shortened(list("abcdefg")) == "a, b, c, d, e and 2 more" and shortened("abc", 2) == "a, b and 1 more"
