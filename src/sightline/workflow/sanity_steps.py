"""Some steps of a training as it would make them: what its layers show, how long they take, what memory they need."""

import dataclasses
import math
import time

import numpy as np
from numpy.typing import NDArray

from sightline.data.loader import Batch
from sightline.diagnosis.case import Case, Facts
from sightline.diagnosis.gather import Gathering
from sightline.diagnosis.probes import Probes
from sightline.diagnosis.sanity_view import Times
from sightline.diagnosis.watcher import Watcher
from sightline.errors import NonFiniteError
from sightline.training.job import Job
from sightline.training.loop import train
from sightline.training.saving import save
from sightline.training.usage import start_counting, usage_of
from sightline.workflow.bench import milliseconds_of_making
from sightline.workflow.feed import Feed
from sightline.workflow.judging import evaluator
from sightline.workflow.live import memory_limit
from sightline.workflow.prepare import Prepared
from sightline.workflow.say import Say
from sightline.workflow.watching import EVERY, seen_part

TRIED, SECONDS = 20, 12.0
"""Steps that are made, and the time after which no more are begun. Layers are looked at in steps 1, 2, 5, 10 and 20."""
LEAST = 4
"""Steps that are made however long they take."""
WARM = 3
"""Steps whose times do not count, where there are more than twice as many; of fewer, it is the first alone."""
MADE = 10
"""Steps whose images are made alone, at most."""
JUDGED = 4
"""Batches of an evaluation that are timed, at most."""


def tried(job: Job, facts: Facts, say: Say) -> Case:
    """Make some steps; what is known then, with the length of the whole training in its facts.

    Args:
        job: is changed in place.
        facts: what is known of it before.
        say: where the progress goes.
    """
    plan, begun, never = job.plan, time.perf_counter(), job.plan.steps + 2
    last = min(TRIED + 1, plan.steps)  # the look at a step is told after the step
    evaluate, looks = job.evaluate, job.looks
    job.evaluate, job.looks = None, Watcher([Probes(job.built.module, plan.device)], EVERY)
    job.plan = dataclasses.replace(plan, evaluate=never, save=never)
    gathering = Gathering()
    start_counting(plan.device)
    try:
        with say.progress("steps") as tell:
            for record in train(job):
                gathering.add([record.plain()])
                if tell is not None:
                    tell(record.step, last)
                late = record.step >= LEAST and time.perf_counter() - begun > SECONDS
                if record.kind == "step" and (record.step >= last or late):
                    break
    except NonFiniteError as error:
        told = error.what + (f", {error.got}" if error.got else "")
        facts = dataclasses.replace(facts, failure=told, failure_step=error.step)
    finally:
        job.plan, job.evaluate, job.looks = plan, evaluate, looks
    used = {"memory": usage_of(job).peak, "memory_limit": memory_limit([plan.device])}
    return Case(history=gathering.history(), facts=dataclasses.replace(facts, **used))


def timed(job: Job, prepared: Prepared, feed: Feed, case: Case) -> Times:
    """How long the parts of a training take, by the steps that were tried and by some of each other part.

    Args:
        job: after those steps; a checkpoint is written into its folder.
        prepared: what it was made of.
        feed: makes its batches.
        case: those steps.
    """
    plan, steps = job.plan, case.history.steps
    late = slice(WARM if len(steps) > 2 * WARM else min(1, len(steps) - 1), None)
    seconds = steps.seconds[late]
    low, middle, high = np.quantile(seconds, (0.25, 0.5, 0.75) if len(seconds) > 2 * WARM else (0, 0.5, 1)).tolist()
    evaluation = sum(
        _judging(job, prepared, feed, places, prefix)
        for places, prefix in (
            (prepared.samples.part("val"), "val"),
            (seen_part(prepared.samples, prepared.config), "seen"),
        )
    )
    evaluations = math.ceil(plan.steps / plan.evaluate) if job.evaluate is not None else 0
    began = time.perf_counter()
    save(job, True)
    saved = time.perf_counter() - began
    return Times(
        tried=len(seconds),
        images=int(steps.images[-1]),
        step=(low, middle, high),
        wait=float(steps.wait[late].sum() / seconds.sum()),
        making=milliseconds_of_making(job, MADE) / 1000,
        steps=plan.steps,
        evaluation=evaluation,
        evaluations=evaluations,
        save=saved,
        saves=max(evaluations, math.ceil(plan.steps / plan.save)),
    )


def _judging(job: Job, prepared: Prepared, feed: Feed, places: NDArray[np.int64], prefix: str) -> float:
    """Seconds of an evaluation on these images, by some of them."""
    if not len(places):
        return 0.0
    few = places[: JUDGED * prepared.config.evaluation.batch_size]
    judge = evaluator(prepared, feed, job.plan, few, prefix)
    taken: list[float] = []
    while len(taken) < 2 and sum(taken) < 1:  # the first one starts workers and chooses kernels
        began = time.perf_counter()
        judge(job.judged)
        taken.append(time.perf_counter() - began)
    return taken[-1] * len(places) / len(few)


def first_batches(job: Job) -> list[Batch]:
    """The micro-batches of the first step."""
    return [batch for batch, _ in job.batches(0, 1)]
