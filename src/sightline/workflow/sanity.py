"""Check before a long training what an expert checks by hand. Nothing is kept but caches."""

import dataclasses
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sightline import distributed, plug
from sightline.diagnosis import sanity, sanity_network, sanity_view
from sightline.errors import ConfigError, RunError
from sightline.findings import Finding
from sightline.run import Run
from sightline.training.job import Job
from sightline.training.parallel import is_sharded
from sightline.workflow.facts import facts_of
from sightline.workflow.feed import Feed
from sightline.workflow.job import make_job
from sightline.workflow.one_batch import few_images, learn
from sightline.workflow.prepare import Prepared, prepare
from sightline.workflow.sanity_start import (
    inputs_of,
    least_loss,
    plain_task,
    prepared_twice,
    started,
    tried_loss,
    viewed,
)
from sightline.workflow.sanity_steps import first_batches, timed, tried
from sightline.workflow.say import Say
from sightline.workflow.stopping import Stop
from sightline.workflow.track import refuse_missing_trackers
from sightline.workflow.train import meet
from sightline.workflow.wishes import Settings, wished, with_absolute_paths


def check_sanity(
    data: str | Path | None,
    *,
    config: str | Path | None = None,
    settings: Settings | None = None,
    say: Say | None = None,
) -> list[Finding]:
    """Try a training before it is begun, in a folder that is removed.

    Shapes and values of a batch, preprocessing of training against that of evaluation, the loss before the first step,
    the contract of a loss of one's own, whether some images can be learnt by heart, the gradients of all parameters
    and over the depth, whether outputs depend on their image and on no other one, the time that the whole will take,
    and the memory.

    Args:
        data: folder, archive, CSV or idx folder; may also stand in the settings as ``data.path``.
        config: YAML file, as for a training.
        settings: values by dotted path, or ``key=value`` words; they go over the file.
        say: where notes go.

    Returns:
        A finding for each check, in that order: an error or a warning where it failed, a note where all is well. Where
        shapes are wrong, what needs them is left out.

    Raises:
        RunError: there are several ranks.
        ConfigError: the network would lie in shards.
        SightlineError: what keeps a training with these settings from starting.
    """
    say = say or Say(quiet=True)
    if distributed.world() > 1:
        raise RunError(
            "sanity runs in one process", got=f"{distributed.world()} ranks", hint="start it without torchrun"
        )
    loaded = wished(data, config, settings, "sanity")
    settled = with_absolute_paths(loaded.config)
    refuse_missing_trackers(settled)
    meet(settled)
    with Stop(), tempfile.TemporaryDirectory(prefix="sightline-sanity-") as folder:
        run = Run.create(Path(folder) / "run")
        prepared = prepare(run, settled, loaded.origins, say)
        feed = Feed(prepared)
        job = make_job(prepared, run, feed)
        job.tell = say.note
        if is_sharded(job.built.module):
            raise ConfigError(
                "sanity looks into a whole network", where="train.distributed.kind", got=settled.train.distributed.kind,
                hint="check it with ddp, which is the same training",
            )  # fmt: skip
        feed.open(say)
        say.note("checking, in a folder that is removed")
        return list(_checks(job, prepared, feed, run, say))


def _checks(job: Job, prepared: Prepared, feed: Feed, run: Run, say: Say) -> Iterator[Finding]:
    batches = first_batches(job)
    shapes = sanity_view.shapes(viewed(job, prepared, batches[0]))
    yield shapes
    yield sanity_view.preprocessing(prepared_twice(prepared, feed, batches[0]))
    if shapes.severity == "error":
        return
    facts = facts_of(run)
    start = started(job, facts, batches)
    del batches
    few, task = few_images(prepared), plain_task(prepared)
    few = dataclasses.replace(few, pixels=few.pixels.to(job.plan.device), targets=few.targets.to(job.plan.device))
    blind = least = math.nan
    if not plug.is_plug(prepared.config.task.name):
        blind, least = least_loss(task, prepared.contract, inputs_of(job, few), few.targets)
    with say.progress("learning a batch"):
        learnt = learn(job, prepared, task, few, blind, least)
    case = tried(job, facts, say)
    yield sanity.initial_loss(start, case.facts)
    if plug.is_plug(prepared.config.train.loss.name):
        yield sanity.own_loss(tried_loss(prepared, blind, least))
    yield sanity.one_batch(learnt.learning, case.facts)
    yield sanity_network.gradients(learnt.gradients)
    yield sanity_network.depth(case, learnt.learning.learnt)
    if learnt.answers is not None:
        yield sanity_network.inputs(learnt.answers)
        yield sanity_network.batch_mix(learnt.answers)
    if not case.facts.failure:
        yield sanity_view.time(timed(job, prepared, feed, case), case)
    yield sanity_view.memory(case)
