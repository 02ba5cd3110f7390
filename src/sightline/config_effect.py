"""Settings that would have no effect beside the others: refused, so that nobody believes in them."""

import functools
from collections.abc import Iterator, Mapping, Sequence

from sightline.config import RunConfig
from sightline.config_alone import ALONE
from sightline.config_distill import DISTILL_ROWS
from sightline.config_effect_levers import LEVERS, is_nothing
from sightline.config_effect_speed import SETTLED, SPEED
from sightline.config_faults import shown, together
from sightline.config_loss import LOSS_ROWS
from sightline.config_model import MODEL_ROWS
from sightline.config_schema import all_settings
from sightline.config_track import TRACK_ROWS
from sightline.config_useless import Useless
from sightline.config_watch import WATCH_ROWS
from sightline.data.config import is_preset
from sightline.errors import ConfigError
from sightline.training.choices import SHAPED_BY, TAKEN


def _all_fractions(config: RunConfig) -> bool:
    """Whether the parts are fractions that leave nothing; counts can only be judged when the data is there."""
    sizes = (config.data.val, config.data.test)
    return all(isinstance(size, float) or size == 0 for size in sizes) and sum(sizes) >= 1


def _not_taken(name: str, taken: tuple[str, ...]) -> Iterator[Useless]:
    """The optimizer's settings that this one does not take."""
    like = {"momentum": ("momentum setting", "sgd"), "nesterov": ("Nesterov form", "sgd"), "betas": ("betas", "adamw")}
    for key, (called, other) in like.items():
        if key not in taken:
            instead = [f"train.optimizer.{own}" for own in taken if key != "nesterov" and own != "nesterov"]
            yield Useless(
                f"train.optimizer.{key}",
                lambda config: config.train.optimizer.name == name,
                f"{name} has no {called}",
                " or ".join(["remove it,", *(f"set {own}," for own in instead), f"set train.optimizer.name={other}"]),
            )


def _not_shaping(key: str) -> Useless:
    """A setting of schedules, where the one that is named does not take it."""
    takers = [name for name, taken in SHAPED_BY.items() if key in taken]
    return Useless(
        f"train.schedule.{key}",
        lambda config: config.train.schedule.name in SHAPED_BY and config.train.schedule.name not in takers,
        f"only {', '.join(takers)} {'takes' if len(takers) == 1 else 'take'} it",
        f"remove it, or set train.schedule.name={takers[0]}",
    )


_SCHEDULE = [_not_shaping(key) for key in dict.fromkeys(key for taken in SHAPED_BY.values() for key in taken)]
_OPTIMIZER = [row for name, taken in TAKEN.items() for row in _not_taken(name, taken)]

USELESS = (
    *_OPTIMIZER,
    Useless(
        "train.optimizer.nesterov",
        lambda config: (
            "nesterov" in TAKEN.get(config.train.optimizer.name, ()) and config.train.optimizer.momentum == 0
        ),
        "Nesterov's form needs momentum",
        "remove it, or set train.optimizer.momentum",
    ),
    Useless(
        "data.mix_probability",
        lambda config: not config.data.mixup and not config.data.cutmix,
        "nothing is mixed",
        "remove it, or set data.mixup or data.cutmix",
    ),
    Useless(
        "data.mix_off_epochs",
        lambda config: not config.data.mixup and not config.data.cutmix,
        "nothing is mixed",
        "remove it, or set data.mixup or data.cutmix",
    ),
    *_SCHEDULE,
    *LOSS_ROWS,
    *DISTILL_ROWS,
    *MODEL_ROWS,
    *LEVERS,
    *SPEED,
    *ALONE,
    *TRACK_ROWS,
    *WATCH_ROWS,
    Useless(
        "train.deterministic",
        lambda config: config.train.device == "cpu" and not config.train.deterministic,
        "on a CPU the same settings always give the same weights",
        "remove it",
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
    *(
        Useless(
            f"train.{name}",
            lambda config, name=name: is_nothing(getattr(config.train, name)),
            "an interval of nothing never comes round",
            "give a length above zero, such as 1ep; 100% is once, at the end",
            "cannot be zero",
        )
        for name in ("evaluate", "save", "patience", "swa")
    ),
    Useless(
        "data.cache",
        lambda config: config.data.stream and config.data.cache != "auto",
        "a stream is read in order and nothing of it is kept",
        "remove it, or data.stream",
    ),
    Useless(
        "data.cache_side",
        lambda config: config.data.cache == "off" or config.data.stream,
        "without a cache, crops are taken from the files",
        "remove it, or set data.cache=on",
    ),
    Useless(
        "data.cache_side",
        lambda config: config.data.augment in ("none", "light", "medical", "document"),
        "only random crops are taken from larger images",
        "remove it, or set data.augment=standard",
    ),
    Useless(
        "data.crops",
        lambda config: config.data.cache == "off" or config.data.stream,
        "without a cache, whoever decodes an image crops it",
        "remove it, or set data.cache=on",
    ),
    Useless(
        "data.crops",
        lambda config: config.data.augment not in ("auto", "standard"),
        "only standard crops on the device",
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
        _all_fractions,
        "with the other one it leaves nothing to train on",
        "make the sum of data.val and data.test smaller than 1",
        "is too large",
    ),
    Useless(
        "data.test",
        _all_fractions,
        "with the other one it leaves nothing to train on",
        "make the sum of data.val and data.test smaller than 1",
        "is too large",
    ),
    Useless(
        "data.flip",
        lambda config: config.data.flip != "auto" and not is_preset(config.data.augment),
        "data.augment decides everything where it is a list of steps or your own",
        "remove it; in a list, hflip is the step that mirrors",
    ),
    Useless(
        "data.shuffle_buffer",
        lambda config: not config.data.stream,
        "without a stream every epoch is shuffled as a whole",
        "remove it, or set data.stream=true",
    ),
    Useless(
        "data.limit",
        lambda config: config.data.stream and config.data.limit is not None,
        "samples chosen at random lie in every shard, and a stream reads each shard as a whole",
        "remove it, and give fewer shards: train-{0000..0003}.tar",
        "cannot be had from a stream",
    ),
    Useless(
        "data.sampler",
        lambda config: config.data.stream and config.data.sampler not in ("auto", "none"),
        "a stream gives each sample once, in the order of its shards",
        "remove it, or weigh the classes with train.loss.class_weights",
        "cannot be had from a stream",
    ),
    *(
        Useless(
            f"data.{part}",
            lambda config, part=part: config.data.stream and getattr(config.data, part) > 0,
            "the parts of a stream are those of its shards",
            f"remove it, or train without that part: data.{part}=0",
            "cannot be had from a stream",
        )
        for part in ("val", "test")
    ),
    Useless(
        "data.root",
        lambda config: (
            config.data.reader not in ("auto", "csv") and ":" not in config.data.reader and config.data.root != ""
        ),
        "only a CSV has paths that are relative to another folder",
        "remove it, or set data.reader=csv",
    ),
)
"""Every such setting. Rules that need the data stand where it is known."""


def without_validation(config: RunConfig) -> list[Useless]:
    """Settings that have no effect where there is no validation part."""
    reason = "there is no validation part to evaluate on"
    remedy = "remove it, or make a validation part with data.val"
    names = ["patience", "evaluate", *(["schedule.name"] if config.train.schedule.name == "plateau" else [])]
    keys = [*(f"train.{name}" for name in names), *(["watch.seen"] if config.watch.seen not in ("auto", 0) else [])]
    return [Useless(key, _always, reason, remedy) for key in keys]


def once_settled(config: RunConfig) -> list[Useless]:
    """Settings that have no effect with the device, the precision and the class weights that ``auto`` chose."""
    return [row for row in USELESS if row.key in SETTLED and row.when(config)]


def _always(_: RunConfig) -> bool:
    return True


_FORMER = {"train.optimizer.momentum": 0.9, "train.optimizer.betas": (0.9, 0.999)}
"""What was the default in earlier versions, and stands in the files of their runs."""
EXCLUSIVE = (("train.steps", "train.epochs"),)
"""Settings of which only one can act: a flag for one sets aside the other one of a file."""


def refuse_useless(config: RunConfig, origins: Mapping[str, str]) -> None:
    """Refuse settings that someone gave and that do nothing here.

    A default in a file passes: a run's own ``config.yaml`` lists every setting and can be given back as a file.

    Raises:
        ConfigError: names every such setting at once, each with the reason.
    """
    refuse([row for row in USELESS if row.when(config)], config, origins)


def refuse(rows: Sequence[Useless], config: RunConfig, origins: Mapping[str, str]) -> None:
    """Refuse those of the rows' settings that someone gave, whatever their condition says.

    Raises:
        ConfigError: names every such setting at once, each with the reason.
    """
    faults: list[ConfigError] = []
    for row in rows:
        origin = origins.get(row.key, "")
        value = functools.reduce(getattr, row.key.split("."), config)
        by_file = origin.startswith("file ") and value not in (all_settings()[row.key].default, _FORMER.get(row.key))
        if origin == "flag" or by_file:
            where = f"-s {row.key}" if origin == "flag" else f"{row.key} in {_place(origin)}"
            what = f"{row.key} {row.verdict}: {row.reason}"
            faults.append(ConfigError(what, where=where, got=shown(value), hint=row.remedy))
    if faults:
        raise together(faults)


def _place(origin: str) -> str:
    name, _, line = origin.removeprefix("file ").rpartition(":")
    return f"{name}, line {line}"
