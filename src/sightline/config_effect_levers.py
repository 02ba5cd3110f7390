"""Settings of freezing and regularization that would have no effect beside the others."""

import re
from collections.abc import Iterator

from sightline.config import RunConfig
from sightline.config_useless import Useless
from sightline.training.choices import DECAYS

_IMPOSSIBLE = "cannot be had"


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
    yield Useless(
        "train.sam.adaptive",
        lambda config: config.train.sam.rho == 0,
        "without train.sam.rho nothing goes uphill",
        "remove it, or set train.sam.rho",
    )
    yield Useless(
        "train.swa",
        lambda config: config.train.swa is not None and config.train.ema is not None,
        "train.ema is an average already, and one of the two is judged",
        "give one of the two",
        _IMPOSSIBLE,
    )
    yield Useless(
        "train.swa",
        lambda config: config.train.swa is not None and config.train.patience is not None,
        "with train.patience nobody knows beforehand when the last part of the run begins",
        "give one of the two",
        _IMPOSSIBLE,
    )
    yield from _decays()


def _decays() -> Iterator[Useless]:
    yield Useless(
        "train.optimizer.decay",
        lambda config: config.train.optimizer.weight_decay == 0 and not _ruled_decay(config),
        "train.optimizer.weight_decay is 0",
        "remove one of the two",
    )
    other = {"adamw": "adam has it", "rmsprop": "adamw has it", "adagrad": "adamw has it", "adadelta": "adamw has it"}
    for name, forms in DECAYS.items():
        if len(forms) == 1:
            yield Useless(
                "train.optimizer.decay",
                lambda config, name=name, only=forms[0]: (
                    config.train.optimizer.name == name and config.train.optimizer.decay not in ("auto", only)
                ),
                f"{name} has {forms[0]} decay only",
                f"remove it; {other[name]}" if name in other else "remove it",
                _IMPOSSIBLE,
            )


def _ruled_decay(config: RunConfig) -> bool:
    return any(rule.get("weight_decay") for rule in config.train.groups)


LEVERS: tuple[Useless, ...] = tuple(_rows())
"""Every such setting."""
