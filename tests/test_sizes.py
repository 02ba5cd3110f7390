"""Files and functions stay small enough to be read, and no module is a bag of odds and ends."""

import ast
from pathlib import Path

from source_tree import ROOT, SOURCE

FILE, FUNCTION, LOOP = 300, 40, 80
"""Most lines of a file, of a function, of the training loop (its docstring not counted)."""
BAGS = frozenset(["utils", "util", "common", "helpers", "helper", "base", "manager", "managers", "misc"])


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from ``def`` to the end, without the docstring: explaining oneself costs nothing."""
    first = function.body[0]
    has_docstring = ast.get_docstring(function, clean=False) is not None
    docstring = (first.end_lineno or 0) - first.lineno + 1 if has_docstring else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def test_files_have_at_most_300_lines():
    sizes = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in every_file()}
    long = [f"{path.relative_to(ROOT)}: {lines} lines" for path, lines in sizes.items() if lines > FILE]
    assert not long, "\n".join(long)


def every_file() -> list[Path]:
    return python_files("src", "examples", "benchmarks", "tests")


def test_functions_have_at_most_40_lines():
    long: list[str] = []
    for path in python_files("src", "examples", "benchmarks"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            in_loop = path == SOURCE / "sightline/training/loop.py" and node.name == "train"
            if lines_of(node) > (LOOP if in_loop else FUNCTION):
                long.append(f"{path.relative_to(ROOT)}:{node.lineno}: {node.name} has {lines_of(node)} lines")
    assert not long, "\n".join(long)


def test_no_module_is_a_bag_of_odds_and_ends():
    bags = [
        str(path.relative_to(ROOT))
        for path in python_files("src")
        if any(BAGS & set(part.removesuffix(".py").split("_")) for part in path.relative_to(SOURCE).parts)
    ]
    assert not bags, f"name them after what they hold: {bags}"
