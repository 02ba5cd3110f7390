"""What networks there are: timm's by name and the built-in ones, measured without memory for their weights."""

import contextlib
import dataclasses
import difflib
import fnmatch
import json
from collections.abc import Callable, Sequence
from typing import Any

import timm
import timm.models
import torch

from sightline.errors import ModelError, RunError, did_you_mean
from sightline.files import cache_folder, write_json
from sightline.model.build import MODELS

BUDGETS = {"tiny": 3e6, "small": 10e6, "medium": 30e6, "large": float("inf")}
"""Most parameters of each budget."""
_SAVE_EVERY = 50
_SMALL_SIDE = 28


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """One network."""

    name: str
    """What ``model.name`` takes."""
    parameters: int | None
    """Learnt numbers, with the head of the published weights; none: it cannot be built here."""
    macs: int | None
    """Multiply-adds for one image of ``size``; none: not asked for, or not countable."""
    size: int
    """Side in pixels of the images that the weights expect; of the built-in ones, of what was counted."""
    weights: tuple[str, ...]
    """Names of the published weights, the default first; empty: there are none."""
    license: str
    """Licence of the default weights, as their authors state it."""

    @property
    def budget(self) -> str:
        """The smallest budget that it fits."""
        return next(name for name, most in BUDGETS.items() if (self.parameters or 0) <= most)


Tell = Callable[[int, int], None] | None
"""Is told how many networks are measured, of how many."""


def find(pattern: str) -> list[str]:
    """Names that match a glob such as ``mobilenet*``; with a dot in it, names with their weights.

    Raises:
        ModelError: nothing matches; says near names.
    """
    known = [*MODELS, *timm.list_models()]
    found = fnmatch.filter(timm.list_pretrained() if "." in pattern else known, pattern)
    if found:
        return found
    word = pattern.strip("*?")
    inside = fnmatch.filter(known, f"*{word}*") if word and "." not in word else []
    if inside and f"*{word}*" != pattern:
        hint = f"sightline models '*{word}*' lists the {len(inside)} that have it in their name"
    else:
        plain = word.partition(".")[0]
        guesses = [did_you_mean(plain, known), _alike(plain, known)]
        hint = next(filter(None, reversed(guesses) if word != pattern else guesses), "")
    raise ModelError(
        f"no model is called '{pattern}'", where="PATTERN", hint=hint or "sightline models '*' lists every name"
    )


def _alike(word: str, known: Sequence[str]) -> str:
    """Families whose name begins nearly like this word."""
    families = list(dict.fromkeys(name.split("_")[0] for name in known))
    near = difflib.get_close_matches(word, families, n=3, cutoff=0.5)
    return "sightline models " + " or ".join(f"'{name}*'" for name in near) if near else ""


def describe(names: Sequence[str], *, macs: bool = False, tell: Tell = None) -> list[Entry]:
    """What is known of these networks. Nothing is fetched; measuring one takes a fraction of a second, once.

    Args:
        names: as ``find`` gives them.
        macs: whether to count multiply-adds too, which takes longer.
        tell: is told how far it is.
    """
    store = _Store()
    tags: dict[str, list[str]] = {}
    for full in timm.list_pretrained():
        tags.setdefault(full.partition(".")[0], []).append(full.partition(".")[2])
    found: list[Entry] = []
    for done, name in enumerate(names):
        figures = store.figures(name, macs)
        found.append(_entry(name, figures, tags, macs))
        if tell is not None:
            tell(done + 1, len(names))
    store.save()
    return found


def _entry(name: str, figures: dict[str, Any], tags: dict[str, list[str]], macs: bool) -> Entry:
    count = figures["macs"] if macs else None
    if name in MODELS:
        return Entry(name=name, parameters=figures["parameters"], macs=count, size=_SMALL_SIDE, weights=(), license="")
    architecture, _, tag = name.partition(".")
    cfg: Any = timm.models.get_pretrained_cfg(name)
    own = tags.get(architecture, [])
    first = tag or str(cfg.tag)
    weights = ([first] if tag else [first, *(other for other in own if other != first)]) if first in own else []
    return Entry(
        name=name,
        parameters=figures["parameters"],
        macs=count,
        size=int(cfg.input_size[-1]),
        weights=tuple(weights),
        license=str(cfg.license or "not stated") if weights else "",
    )


class _Store:
    """Figures of networks by name, remembered in the cache for this version of timm."""

    def __init__(self) -> None:
        self.path = cache_folder() / "models" / f"timm-{timm.__version__}.json"
        self.known: dict[str, dict[str, Any]] = {}
        self.fresh = 0
        with contextlib.suppress(OSError, ValueError):  # not there yet, or damaged: measure again
            self.known = json.loads(self.path.read_text(encoding="utf-8"))

    def figures(self, name: str, macs: bool) -> dict[str, Any]:
        before = self.known.get(name)
        # A built-in one is ours and may change from version to version of Sightline.
        if name not in MODELS and before is not None and (not macs or "macs" in before):
            return before
        self.known[name] = (before or {}) | _measure(name, macs)
        self.fresh += name not in MODELS
        if self.fresh >= _SAVE_EVERY:
            self.save()
        return self.known[name]

    def save(self) -> None:
        if self.fresh:
            with contextlib.suppress(RunError):  # no room or no right to write there: measured again next time
                write_json(self.path, {name: own for name, own in self.known.items() if name not in MODELS})
            self.fresh = 0


def _measure(name: str, macs: bool) -> dict[str, Any]:
    """Parameters and multiply-adds, on torch's meta device: shapes without memory."""
    try:
        with torch.device("meta"):
            module: Any = MODELS[name](num_classes=10, in_chans=1) if name in MODELS else timm.create_model(name)
    except Exception:  # noqa: BLE001 - a network may need a library or a machine that is not here
        return {"parameters": None, "macs": None}
    count = sum(parameter.numel() for parameter in module.parameters())
    if not macs:
        return {"parameters": count} | ({"macs": None} if name in MODELS else {})
    cfg: Any = None if name in MODELS else timm.models.get_pretrained_cfg(name)
    shape = (1, _SMALL_SIDE, _SMALL_SIDE) if cfg is None else tuple(cfg.input_size)
    return {"parameters": count, "macs": _multiply_adds(module.eval(), shape)}


def _multiply_adds(module: torch.nn.Module, shape: tuple[int, ...]) -> int | None:
    from torch.utils.flop_counter import FlopCounterMode  # noqa: PLC0415  slow to import, and rarely asked for

    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            module(torch.empty(1, *shape, device="meta"))
    except Exception:  # noqa: BLE001 - some networks look at the values of tensors, which are not there
        return None
    return counter.get_total_flops() // 2
