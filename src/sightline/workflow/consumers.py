"""Who reads the records of a training."""

import contextlib
import math
from typing import Protocol

from sightline import distributed
from sightline.records import Record
from sightline.run import Run
from sightline.sinks.console import ConsoleSink
from sightline.sinks.guarded import Guarded
from sightline.sinks.jsonl import JsonlSink
from sightline.training.job import Job
from sightline.workflow.board import Board
from sightline.workflow.feed import Feed
from sightline.workflow.live import live_diagnosis
from sightline.workflow.maps import Maps
from sightline.workflow.profile import Profile
from sightline.workflow.say import Say
from sightline.workflow.track import trackers_of


class Sink(Protocol):
    """A consumer of records."""

    def write(self, record: Record) -> None:
        """Take a record."""
        ...

    def close(self) -> None:
        """The training has ended."""
        ...


def sinks_of(job: Job, run: Run, feed: Feed, say: Say, size: int, stack: contextlib.ExitStack) -> list[Sink]:
    """The consumers of this run's records, closed with ``stack``; only rank 0 has any.

    Args:
        job: is given the position of the records on disk.
        run: where files go.
        feed: gives images to those that show some; its settings say who reads beside records and progress.
        say: where the progress goes.
        size: bytes of the records that count.
        stack: closes the sinks.
    """
    if not distributed.is_main():
        return []
    prepared = feed.prepared
    config = prepared.config
    jsonl = JsonlSink(run.records, size)
    stack.callback(jsonl.close)
    job.position = jsonl.flush
    sinks: list[Sink] = [jsonl]
    if config.train.tensorboard:
        sinks.append(Board(job, prepared, run, feed, say))
    if config.watch.maps:
        board = next((sink.sink for sink in sinks if isinstance(sink, Board)), None)
        sinks.append(Guarded("watch.maps", lambda: Maps(job, prepared, run, board), say.warn, math.inf))
    if (span := config.profile.steps) is not None:
        sinks.append(Guarded("profile.steps", lambda: Profile(span, job, run, say), say.warn, math.inf))
    sinks.append(live_diagnosis(job, run, config, say))
    sinks.insert(1, ConsoleSink(say.console, job.plan.steps, job.state.step, job.task.figure))
    for sink in sinks[1:]:
        stack.callback(sink.close)
    for tracker in trackers_of(run, config, say.warn):
        stack.callback(tracker.close)
        sinks.append(tracker)
    return sinks
