"""Finding what made a number that is none, when it was noticed too late to see it."""

from pathlib import Path
from typing import Any

from sightline import distributed
from sightline.errors import NonFiniteError
from sightline.training.checkpoint import Checkpoints
from sightline.training.job import Job, restore
from sightline.training.loop import train

_MOST = 1000
"""Steps that are computed again at most."""


class _Read(Checkpoints):
    """Checkpoints to which the steps that are computed again add nothing."""

    def save(self, *_: Any, **__: Any) -> Path:
        return self.folder

    def save_sharded(self, *_: Any, **__: Any) -> Path:
        return self.folder


def explained(job: Job, failure: NonFiniteError) -> NonFiniteError:
    """The same error with the layer that turned first, where that can be found out.

    Often the weights have turned before the loss shows it: by the gradient of the step before, or, on a GPU, in steps
    that were not looked at one by one. Then the steps since the last checkpoint are computed again, which gives the
    same numbers, and every one is looked at. The job is left somewhere on that way.
    """
    entries = job.checkpoints.entries()
    if (failure.got and not failure.late) or not entries or failure.step - entries[-1].step > _MOST:
        return failure
    if not distributed.from_main(job.checkpoints.is_good(entries[-1]) if distributed.is_main() else None):
        return failure
    before = job.state.rollbacks  # the rate of the steps that are computed again
    restore(job, job.checkpoints.load(entries[-1]))
    job.state.rollbacks, job.closely = before, True
    written, job.checkpoints = job.checkpoints, _Read(job.checkpoints.folder)
    position, job.position = job.position, lambda: 0  # the records are closed
    try:
        for _ in train(job):
            if job.state.step >= failure.step:
                return failure
    except NonFiniteError as found:
        if not found.got:
            return failure
        when = "" if found.step == failure.step else f", at step {found.step}"
        told = NonFiniteError(failure.what, where=failure.where, got=f"{found.got}{when}", hint=failure.hint)
        told.step = failure.step
        return told
    finally:
        job.checkpoints, job.position, job.closely = written, position, False
    return failure
