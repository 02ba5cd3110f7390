"""A built-in name, or the user's own ``my_file:thing``, becomes a component."""

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from sightline.errors import PlugError, did_you_mean

_search: list[Path] = []


def search_in(*folders: Path) -> None:
    """From now on look for users' files in these folders, in this order, and then in the working folder.

    A run names those that it was started from: two runs may each have a ``my_model.py`` of their own.
    """
    _search[:] = dict.fromkeys(folder.resolve() for folder in folders)


@contextlib.contextmanager
def elsewhere() -> Generator[None]:
    """Let another run's folders be searched within, and afterwards those of before."""
    before = list(_search)
    try:
        yield
    finally:
        _search[:] = before


def _folders() -> list[Path]:
    return list(dict.fromkeys([*_search, Path.cwd()]))


def is_plug(name: str) -> bool:
    """Whether the name points into a user's file or module (``my_file:thing``) and not at a built-in."""
    return ":" in name


def resolve(kind: str, name: str, builtin: Mapping[str, Any], where: str) -> Any:
    """The component called ``name``.

    Args:
        kind: the word for messages, such as ``loss``.
        name: a key of ``builtin``, or ``file_or_module:attribute``.
        builtin: the dict literal of this kind.
        where: the setting that named it, such as ``train.loss.name``.

    Raises:
        PlugError: nothing of that name exists; says the nearest names and the form of a user's own.
    """
    if is_plug(name):
        return load(name, where)
    if name in builtin:
        return builtin[name]
    guess = did_you_mean(name, list(builtin))
    raise PlugError(
        f"unknown {kind} '{name}'",
        where=where,
        allowed=sorted(builtin),
        hint=f'{guess} Your own: "my_file:thing"'.strip(),
    )


def load(name: str, where: str) -> Any:
    """Import ``file_or_module:attribute`` from the user's folders or from an installed module."""
    source, _, attribute = name.rpartition(":")
    module = _module(source, where)
    if not hasattr(module, attribute):
        public = [key for key in vars(module) if not key.startswith("_")]
        raise PlugError(
            f"'{source}' has no '{attribute}'",
            where=where,
            got=name,
            allowed=sorted(public),
            hint=did_you_mean(attribute, public) or f"define {attribute} in {source}",
        )
    return getattr(module, attribute)


def source_file(name: str) -> Path | None:
    """The user's file that a plug name points at, or ``None`` for an installed module."""
    source = name.rpartition(":")[0]
    relative = Path(source if source.endswith(".py") else source.replace(".", "/") + ".py")
    for folder in _folders():
        candidate = folder / relative.expanduser()
        if candidate.is_file():
            return candidate.resolve()
    return None


def _module(source: str, where: str) -> Any:
    path = source_file(f"{source}:")
    if path is None:
        try:
            return importlib.import_module(source)
        except Exception as error:
            looked = ", ".join(str(folder) for folder in _folders())
            raise PlugError(
                f"cannot import '{source}'",
                where=where,
                got=str(error) or type(error).__name__,
                hint=f"put {source}.py in one of: {looked}; or install the module",
            ) from error
    module_name = f"sightline_plug_{path.stem}"
    known = sys.modules.get(module_name)
    if known is not None and getattr(known, "__file__", None) == str(path):
        return known
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise PlugError(f"cannot read '{path}' as Python", where=where)
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[module_name]
        raise PlugError(
            f"'{path.name}' failed while it was imported",
            where=where,
            got=f"{type(error).__name__}: {error}",
            hint=f"run python {path} to see the full traceback",
        ) from error
    return module
