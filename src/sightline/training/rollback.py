"""Going back to the last good checkpoint after a loss or weights that are no numbers."""

from typing import Any

from sightline import distributed
from sightline.errors import CheckpointError
from sightline.training.job import Job, restore
from sightline.training.saving import save


def start_rollback(job: Job) -> None:
    """Before the first step: a checkpoint to go back to, where the plan may go back."""
    if job.plan.rollback.times and not job.checkpoints.entries():
        save(job, best=job.evaluate is None)


def roll_back(job: Job) -> dict[str, Any]:
    """Put the job back to its last checkpoint and lower the rate, on all ranks alike.

    Nothing about it is on disk before the next checkpoint: a run that is killed in between finds the same number at the
    same step again and goes back in the same way.

    Returns:
        The content of the checkpoint.

    Raises:
        NonFiniteError: the one that ended the loop, where the plan does not go back, or not again.
    """
    failure, before = job.failure, [dict(one) for one in job.state.rollbacks]
    if failure is None:
        raise RuntimeError("nothing has failed")
    if len(before) >= job.plan.rollback.times:
        raise failure
    entry = job.checkpoints.named("last")
    if not distributed.from_main(job.checkpoints.is_good(entry) if distributed.is_main() else None):
        raise failure from CheckpointError(f"the checkpoint {entry.file} is damaged")
    job.failure = None
    content = job.checkpoints.load(entry)
    restore(job, content)
    rate = job.plan.rollback.factor ** (len(before) + 1)
    reason = failure.what + (f", {failure.got}" if failure.got else "")
    job.state.rollbacks = [*before, {"from": failure.step, "to": entry.step, "rate": rate, "reason": reason}]
    return content
