"""The project's own source as data, for the tests of the house."""

import ast
import dataclasses
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"


@dataclasses.dataclass(frozen=True)
class Import:
    """One imported module, seen from the module that imports it."""

    target: str
    """Dotted name of the module (of ours: the file that is meant)."""
    line: int
    """Where."""
    late: bool
    """Inside a function or only for type checkers: not part of importing the module."""


@cache
def modules() -> dict[str, Path]:
    """Every module of ours by its dotted name."""
    found: dict[str, Path] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports(module: str) -> tuple[Import, ...]:
    """What a module imports, at module level and anywhere else."""
    tree = ast.parse(modules()[module].read_text(encoding="utf-8"))
    return tuple(_imports_in(tree, module, late=False))


@cache
def loaded_by(module: str) -> frozenset[str]:
    """Every module, ours and others', that importing a module of ours loads as far as our files say."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in modules():
            waiting += [entry.target for entry in imports(name) if not entry.late]
            waiting += [".".join(name.split(".")[:depth]) for depth in range(1, name.count(".") + 1)]
    return frozenset(seen - {module})


def _imports_in(node: ast.AST, module: str, *, late: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, late) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from (Import(target, child.lineno, late) for target in _targets(child, module))
        elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            yield from _imports_in(ast.Module(child.body, []), module, late=True)
            yield from _imports_in(ast.Module(child.orelse, []), module, late=late)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports_in(child, module, late=late or inside)


def _targets(node: ast.ImportFrom, module: str) -> list[str]:
    """``from a import b`` means the module ``a.b`` where there is one, else ``a``."""
    start = node.module or ""
    if node.level:
        is_package = modules()[module].name == "__init__.py"
        around = module.split(".")[: module.count(".") + 1 - node.level + is_package]
        start = ".".join([*around, start] if start else around)
    return sorted({f"{start}.{alias.name}" if f"{start}.{alias.name}" in modules() else start for alias in node.names})
