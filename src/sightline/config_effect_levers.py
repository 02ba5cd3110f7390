"""Settings of freezing and regularization that would have no effect beside the others."""

import re
from collections.abc import Iterator

from sightline.config_useless import Useless


def is_nothing(duration: str | None) -> bool:
    """Whether a duration is written as zero: 0ep, 0.0%."""
    return re.fullmatch(r"0+(\.0+)?(ep|st|%)", duration or "") is not None


def _rows() -> Iterator[Useless]:
    for name in ("what", "gradual", "lr_while"):
        yield Useless(
            f"train.freezing.{name}",
            lambda config: is_nothing(config.train.freeze),
            "nothing is frozen for any time",
            "remove it, or say for how long with train.freeze",
        )


LEVERS: tuple[Useless, ...] = tuple(_rows())
"""Every such setting."""
