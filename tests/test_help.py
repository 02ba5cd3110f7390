"""Help answers at once: no verb's ``--help`` loads what only the work needs; and options change only on purpose."""

import subprocess
import sys

import click
import pytest

from golden_file import check_golden
from sightline.cli import sightline as group

HEAVY = ("torch", "torchvision", "timm", "pydantic", "numpy", "sklearn", "matplotlib", "onnx", "onnxruntime", "PIL")
PROBE = f"""
import sys
from sightline.cli import main
sys.argv[0] = "sightline"
try:
    main()
except SystemExit as end:
    loaded = sorted(set({HEAVY!r}) & set(sys.modules))
    print("loaded:", *loaded, file=sys.stderr)
    sys.exit(end.code)
"""


def context() -> click.Context:
    return click.Context(group, info_name="sightline")


def verbs() -> list[str]:
    return sorted(group.list_commands(context()))


def options_of(command: click.Command) -> list[str]:
    """``DATA`` for an argument, ``-s/--set`` for an option, in order."""
    named = [
        parameter.name.upper() if isinstance(parameter, click.Argument) and parameter.name else "/".join(parameter.opts)
        for parameter in command.params
    ]
    return [
        f"{name} {'required' if parameter.required else ''}".strip()
        for name, parameter in zip(named, command.params, strict=True)
    ]


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], *([verb, "--help"] for verb in verbs())], ids=" ".join
)
def test_help_works_and_loads_nothing_heavy(arguments: list[str]):
    done = subprocess.run([sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "loaded:", done.stderr
    assert done.stdout.startswith("Usage: sightline" if "--help" in arguments else "sightline")


def test_every_verb_is_listed_with_a_word_on_what_it_does():
    for verb in verbs():
        command = group.get_command(context(), verb)
        assert command is not None
        assert command.get_short_help_str(), verb


def test_an_unknown_verb_is_a_usage_error():
    done = subprocess.run([sys.executable, "-c", PROBE, "trian"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "trian" in done.stderr


def test_the_list_of_options_is_frozen():
    lines = [f"(group) {option}" for option in options_of(group)]
    for verb in verbs():
        command = group.get_command(context(), verb)
        assert command is not None
        lines += [f"{verb} {option}" for option in options_of(command)]
    check_golden("options.txt", lines)
