"""Settings of watching a training."""

import dataclasses
import re
from typing import Annotated, Literal

from annotated_types import Ge, Predicate

Count = Annotated[int, Ge(0)]
Step = Annotated[int, Ge(1)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class WatchConfig:
    """What is looked at while the training runs; none of it changes the weights."""

    every: Count | Literal["auto"] = "auto"
    """Optimizer steps between two looks at the layers, after those at steps 1, 2, 5, 10, 20, 50 and so on; 0: never;
    auto: 200, and more where the run would have more than 500 looks."""
    seen: Count | Literal["auto"] = "auto"
    """Training images that each evaluation also judges, without augmentation, always the same ones; 0: none; auto: as
    many as take about 0.8 % of the time between two evaluations, from 32 to 1024."""
    layers: str | tuple[str, ...] = ()
    """Layers whose values TensorBoard shows as histograms at each look, by patterns of names: "layer3.*", [stem, head];
    also those that watch.probe sees and watch.maps draws."""
    what: tuple[Literal["activations", "gradients", "weights"], ...] = ("activations", "gradients", "weights")
    """Which values of these layers."""
    probe: str | None = None
    """A function of your own that is shown what the layers give, at each look: "my_probe:saturation"."""
    maps: tuple[str, ...] = ()
    """Images whose feature maps are drawn as PNG into RUN/maps: their paths, as in split.csv."""
    maps_at: tuple[Step, ...] = ()
    """After which steps they are drawn; none: after the last one."""
    rules: tuple[str, ...] = ()
    """Rules of your own that the diagnosis asks beside its own, while the training goes on and afterwards:
    [my_rules.py:slow_steps]."""


def is_span(text: str) -> bool:
    """Whether the text names steps: 20:30, the first and the last one."""
    found = re.fullmatch(r"([1-9]\d{0,11}):([1-9]\d{0,11})", text)
    return found is not None and int(found[1]) <= int(found[2])


def bounds_of(span: str) -> tuple[int, int]:
    """First and last step of a span."""
    first, _, last = span.partition(":")
    return int(first), int(last)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProfileConfig:
    """Where the time of some steps goes."""

    steps: Annotated[str, Predicate(is_span)] | None = None
    """First and last step that torch.profiler records, into RUN/profile: 20:30."""
