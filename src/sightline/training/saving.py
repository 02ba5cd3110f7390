"""Writing a checkpoint of a job, in the form that its plan says."""

from sightline import distributed
from sightline.training.job import Job, snapshot, whole_snapshot


def save(job: Job, best: bool) -> None:
    """Write a checkpoint; every rank must call it, and none goes on before it is on disk.

    Raises:
        RunError: the disk is full or the folder cannot be written; the last checkpoint still counts.
    """
    if job.plan.sharded:
        for module in (job.built.module, *(average.module for average in job.averages)):
            distributed.same_buffers(module)  # any rank may be the one that writes them
        job.checkpoints.save_sharded(snapshot(job), job.state.step, best=best)
        return
    content = whole_snapshot(job)
    with distributed.together("writing a checkpoint"):
        if distributed.is_main():
            job.checkpoints.save(content, job.state.step, best=best)
