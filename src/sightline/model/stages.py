"""Parts of a network by name: its stages, coarser than its layers, and what patterns match."""

import dataclasses
import fnmatch
import os.path

from sightline.errors import ConfigError, did_you_mean
from sightline.model.build import Built


@dataclasses.dataclass(frozen=True)
class Stage:
    """Some layers that belong together, such as all blocks of one resolution."""

    label: str
    """Where its parameters lie in the network, such as ``layer1`` or ``conv1, bn1``."""
    parameters: frozenset[str]
    """Names of its parameters."""


def stages_of(built: Built) -> list[Stage]:
    """The stages from the input to the output; the head is the last, and in no other.

    For networks of timm they are the coarse groups of their authors, for others the direct children of the network (or
    of the only child that holds everything).
    """
    places = built.stages or built.depth
    found: dict[float, list[str]] = {}
    for name, _ in built.module.named_parameters():
        place = float("inf") if name in built.head else float(places.get(name, max(places.values(), default=0)))
        found.setdefault(place, []).append(name)
    return [Stage(_label(found[place]), frozenset(found[place])) for place in sorted(found)]


def matching(built: Built, pattern: str, where: str) -> frozenset[str]:
    """Names of the parameters that a pattern fits: ``*`` any letters, ``?`` one, ``[ab]`` one of these.

    Raises:
        ConfigError: there are none; names what there is.
    """
    names = [name for name, _ in built.module.named_parameters()]
    found = frozenset(name for name in names if fnmatch.fnmatchcase(name, pattern))
    if found:
        return found
    inside = any(name.startswith(pattern + ".") for name in names)
    modules = list(dict.fromkeys(name.partition(".")[0] for name in names))
    raise ConfigError(
        f"the pattern '{pattern}' matches no parameter's name", where=where,
        got=f"{', '.join(names[:3])}, …, {names[-1]}",
        hint=f"did you mean '{pattern}.*'?" if inside else did_you_mean(pattern, [f"{one}.*" for one in modules])
        or f"* stands for any letters: {modules[0]}.*",
    )  # fmt: skip


def _label(names: list[str]) -> str:
    """The longest common path of the parameters below each direct child of the network."""
    below: dict[str, list[str]] = {}
    for name in names:
        below.setdefault(name.split(".")[0], []).append(name)
    return ", ".join(_common(own) for own in below.values())


def _common(names: list[str]) -> str:
    """``layer1`` of ``layer1.0.weight`` and ``layer1.1.bias``; one name alone gives the module that it belongs to."""
    paths = [name.rpartition(".")[0].replace(".", os.sep) for name in names]
    return os.path.commonpath(paths).replace(os.sep, ".") if all(paths) else names[0].split(".")[0]
