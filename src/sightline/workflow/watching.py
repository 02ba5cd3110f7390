"""What a training is watched with: settled, and handed to its job."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from sightline import distributed, plug
from sightline.config import RunConfig
from sightline.data.order import epoch_order
from sightline.data.samples import Samples as Data
from sightline.data.stream import in_line
from sightline.diagnosis.config import bounds_of
from sightline.diagnosis.own import OwnProbe
from sightline.diagnosis.probes import Probes, watched_layers
from sightline.diagnosis.samples import Inputs, Samples, chosen_layers
from sightline.diagnosis.watcher import Look, Watcher
from sightline.errors import ConfigError, PlugError, did_you_mean
from sightline.training.job import Job
from sightline.training.parallel import is_sharded
from sightline.training.schedules import clock_of, steps_of
from sightline.workflow.auto import Settling
from sightline.workflow.balance import training_part
from sightline.workflow.say import Say

EVERY, MOST_LOOKS = 250, 500
"""Steps between looks, which each take as long as a step or less, with many small layers up to twice as long; and how
many looks a run has."""
SHARE, PASSES = 0.008, 3
"""Share of the time that judging training images may take; forward passes that a training step takes as long as."""
LEAST, MOST = 32, 1024
_ORDER = -2 & 0xFFFFFFFF
"""The epoch whose order says which training images are judged."""


def settle_watching(settling: Settling, module: nn.Module, samples: Data, images: int) -> None:
    """How often layers are looked at, and how many training images are judged at each evaluation.

    Args:
        settling: the settings, with the length of the training settled.
        module: the network.
        samples: all samples of the run.
        images: in the training part.

    Raises:
        ConfigError: layers that the network does not have, images that the data does not have, or steps that the run
            does not have.
        PlugError: there is no such probe.
    """
    train, watch = settling.config.train, settling.config.watch
    clock = clock_of(train, images)
    if watch.every == "auto":
        every = max(EVERY, -(-clock.total // MOST_LOOKS))
        why = f"a look takes as long as a step or two; {clock.total} steps in all"
        divided = train.distributed.kind in ("fsdp", "hybrid")
        settling.chose("watch.every", *((0, "a network in shards is not looked into") if divided else (every, why)))
    settle_seen(settling, samples, images)
    _refuse_unwatchable(module, samples, settling.config, clock.total)


def settle_seen(settling: Settling, samples: Data, images: int) -> None:
    """How many training images are judged at each evaluation, with the length of the training settled.

    Args:
        settling: the settings so far.
        samples: all samples of the run.
        images: in the training part.
    """
    train, watch = settling.config.train, settling.config.watch
    clock = clock_of(train, images)
    if watch.seen == "auto":
        between = max(1, steps_of(train.evaluate, clock.per_epoch, clock.total)) * int(train.batch_size)
        count = min(images, max(LEAST, min(MOST, round(SHARE * PASSES * between))))
        reason = f"of {images} training images; about {between} are trained on between two evaluations"
        none = "there is no validation part to compare them with"
        settling.chose("watch.seen", *((count, reason) if len(samples.part("val")) else (0, none)))


def seen_part(samples: Data, config: RunConfig) -> NDArray[np.int64]:
    """Places of the training samples that each evaluation judges: always the same ones, drawn at random.

    From a stream they are the first ones, as a sample of it would lie in every shard.
    """
    count, train = config.watch.seen, training_part(samples, config)
    if count == "auto" or not len(samples.part("val")):  # settled by no earlier version
        return train[:0]
    if config.data.stream:
        return in_line(samples, train)[:count]
    return np.sort(train[epoch_order(config.seed, _ORDER, len(train))][:count])


def watch(job: Job, config: RunConfig, say: Say) -> None:
    """Let the layers of a job's network be looked at, where that is wanted and can be had. Only rank 0 looks.

    Args:
        job: is given what looks.
        config: settled settings.
        say: is told once where there is nothing to be seen.

    Raises:
        ConfigError: a pattern of ``watch.layers`` fits no layer.
        PlugError: there is no such probe.
    """
    every, module = config.watch.every, job.built.module
    if every in ("auto", 0) or not distributed.is_main():
        return
    if is_sharded(module):
        say.note("the layers of a network in shards are not looked at (watch.every)")
        return
    looks: list[Look] = [Probes(module, job.plan.device)]
    layers = chosen_layers(module, config.watch.layers)
    if config.train.tensorboard:
        looks.append(Inputs(module, job.task.contract.mean, job.task.contract.std))
        if layers:
            looks.append(Samples(layers, config.watch.what))
    if config.watch.probe is not None:
        looks.append(
            OwnProbe(own_probe(config.watch.probe), config.watch.probe, layers or watched_layers(module), say.warn)
        )
    job.looks = Watcher(looks, int(every))


def own_probe(name: str) -> Any:
    """A user's own probe.

    Raises:
        PlugError: there is none of that name, or it cannot be called.
    """
    if not plug.is_plug(name):
        raise PlugError(f"'{name}' is no function of your own", where="watch.probe", hint='write it as "my_file:thing"')
    probe = plug.load(name, "watch.probe")
    if not callable(probe):
        raise PlugError(
            f"'{name}' cannot be called", where="watch.probe", got=type(probe).__name__,
            hint="give a function (name, layer, output) -> {name: number}",
        )  # fmt: skip
    return probe


def _refuse_unwatchable(module: nn.Module, samples: Data, config: RunConfig, steps: int) -> None:
    """Refuse what cannot be shown, before a run begins."""
    chosen_layers(module, config.watch.layers)
    if config.watch.probe is not None:
        own_probe(config.watch.probe)
    places_of(samples, config)
    span = config.profile.steps
    late = [step for step in config.watch.maps_at if step > steps]
    if late or (span is not None and bounds_of(span)[1] > steps):
        raise ConfigError(
            "the run ends before that step", where="watch.maps_at" if late else "profile.steps",
            got=f"{max(late)} of {steps} steps" if late else f"{span} of {steps} steps", hint="give an earlier one",
        )  # fmt: skip


def places_of(samples: Data, config: RunConfig) -> NDArray[np.int64]:
    """Places of the images that ``watch.maps`` names.

    Raises:
        ConfigError: there is no such image.
    """
    wanted = config.watch.maps
    known = {name: place for place, name in enumerate(samples.paths)} if wanted else {}
    for name in wanted:
        if name not in known:
            raise ConfigError(
                f"no image is called '{name}'", where="watch.maps",
                hint=did_you_mean(name, list(known)) or "write it as in split.csv: its path below the data",
            )  # fmt: skip
    return np.array([known[name] for name in wanted], np.int64)
