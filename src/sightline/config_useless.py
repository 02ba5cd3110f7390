"""A setting that does nothing beside the others."""

import dataclasses
from collections.abc import Callable

from sightline.config import RunConfig


@dataclasses.dataclass(frozen=True)
class Useless:
    """A setting and the condition under which it does nothing (or leaves nothing to do)."""

    key: str
    """Dotted path of the setting."""
    when: Callable[[RunConfig], bool]
    """Whether it is without effect in this configuration."""
    reason: str
    """Why, in one sentence."""
    remedy: str
    """What to do about it."""
    verdict: str = "has no effect"
    """What to call it."""
