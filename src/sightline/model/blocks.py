"""The parts of a network that run one after the other, each small enough to be held at a time."""

from torch import nn

_LISTS = (nn.ModuleList, nn.ModuleDict)


def blocks_of(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """The blocks of a network by name, in the order in which it declares them.

    These are its direct children that have parameters; of a list of larger parts (residual blocks, transformer layers)
    its members; of a wrapper around another network that network's blocks. Parameters that the network holds itself are
    in none.
    """
    found = _parts(module)
    if len(found) == 1 and next(found[0][1].children(), None) is not None:
        name, only = found[0]
        return [(f"{name}.{inner}", block) for inner, block in blocks_of(only)] or found
    return found


def _parts(module: nn.Module) -> list[tuple[str, nn.Module]]:
    found: list[tuple[str, nn.Module]] = []
    for name, child in module.named_children():
        if next(child.parameters(), None) is None:
            continue
        if isinstance(child, _LISTS) or (isinstance(child, nn.Sequential) and _has_parts(child)):
            found += [(f"{name}.{inner}", block) for inner, block in _parts(child)]
        else:
            found.append((name, child))
    return found


def _has_parts(sequence: nn.Module) -> bool:
    """Whether it is a sequence of larger parts, and not one part written as a sequence of layers."""
    return any(next(member.children(), None) is not None for member in sequence.children())
