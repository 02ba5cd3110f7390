"""Settings that would have no effect beside the others: refused, so that nobody believes in them."""

import dataclasses
from collections.abc import Callable, Mapping

from sightline.config import RunConfig
from sightline.config_faults import shown, together
from sightline.config_schema import all_settings
from sightline.errors import ConfigError


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


USELESS = (
    Useless(
        "train.optimizer.momentum",
        lambda config: config.train.optimizer.name == "adamw",
        "adamw has no momentum setting",
        "remove it, or set train.optimizer.betas, or train.optimizer.name=sgd",
    ),
    Useless(
        "train.optimizer.nesterov",
        lambda config: config.train.optimizer.name == "adamw",
        "adamw has no Nesterov form",
        "remove it, or set train.optimizer.name=sgd",
    ),
    Useless(
        "train.optimizer.nesterov",
        lambda config: config.train.optimizer.name == "sgd" and config.train.optimizer.momentum == 0,
        "Nesterov's form needs momentum",
        "remove it, or set train.optimizer.momentum",
    ),
    Useless(
        "train.optimizer.betas",
        lambda config: config.train.optimizer.name == "sgd",
        "sgd has no betas",
        "remove it, or set train.optimizer.momentum, or train.optimizer.name=adamw",
    ),
    Useless(
        "train.schedule.final",
        lambda config: config.train.schedule.name == "constant",
        "a constant schedule ends where it was",
        "remove it, or set train.schedule.name=cosine",
    ),
    Useless(
        "train.epochs",
        lambda config: config.train.epochs != "auto" and config.train.steps is not None,
        "train.steps decides the length",
        "give train.epochs or train.steps, not both",
    ),
    Useless(
        "train.patience",
        lambda config: (config.train.patience or "").endswith("%"),
        "a share of the run is no length to wait for",
        "give it in epochs or steps: 5ep, 500st",
        "cannot be a percentage",
    ),
    Useless(
        "data.cache_side",
        lambda config: config.data.cache == "off",
        "without a cache, crops are taken from the files",
        "remove it, or set data.cache=on",
    ),
    Useless(
        "data.cache_side",
        lambda config: config.data.augment in ("none", "light"),
        "only random crops are taken from larger images",
        "remove it, or set data.augment=standard",
    ),
    Useless(
        "data.prefetch",
        lambda config: config.data.workers == 0,
        "without workers each batch is made when it is asked for",
        "remove it, or set data.workers",
    ),
    Useless(
        "data.val",
        lambda config: config.data.val + config.data.test >= 1,
        "with the other one it leaves nothing to train on",
        "make the sum of data.val and data.test smaller than 1",
        "is too large",
    ),
    Useless(
        "data.test",
        lambda config: config.data.val + config.data.test >= 1,
        "with the other one it leaves nothing to train on",
        "make the sum of data.val and data.test smaller than 1",
        "is too large",
    ),
    Useless(
        "data.root",
        lambda config: config.data.reader in ("folders", "archive", "idx") and config.data.root != "",
        "only a CSV has paths that are relative to another folder",
        "remove it, or set data.reader=csv",
    ),
)
"""Every such setting. Rules that need the data or the model stand where those are known."""


def refuse_useless(config: RunConfig, origins: Mapping[str, str]) -> None:
    """Refuse settings that someone gave and that do nothing here.

    A default in a file passes: a run's own ``config.yaml`` lists every setting and can be given back as a file.

    Raises:
        ConfigError: names every such setting at once, each with the reason.
    """
    faults: list[ConfigError] = []
    for row in USELESS:
        origin = origins.get(row.key, "")
        value = config
        for name in row.key.split("."):
            value = getattr(value, name)
        by_file = origin.startswith("file ") and value != all_settings()[row.key].default
        if (origin == "flag" or by_file) and row.when(config):
            where = f"-s {row.key}" if origin == "flag" else f"{row.key} in {_place(origin)}"
            what = f"{row.key} {row.verdict}: {row.reason}"
            faults.append(ConfigError(what, where=where, got=shown(value), hint=row.remedy))
    if faults:
        raise together(faults)


def _place(origin: str) -> str:
    name, _, line = origin.removeprefix("file ").rpartition(":")
    return f"{name}, line {line}"
