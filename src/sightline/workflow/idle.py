"""Parameters that do not learn, though nothing in the settings says so."""

from sightline.training.job import Job
from sightline.training.parallel import is_sharded


def idle_parameters(job: Job) -> dict[str, list[str]]:
    """Names of parameters that a training leaves as they are.

    ``unused``: they ask for a gradient and none ever came, so that the optimizer keeps nothing about them; not known
    of optimizers that keep nothing about any. ``fixed``: they ask for none, or the optimizer was not given them.
    What the settings freeze is in neither, and nothing is known of a network in shards.

    Args:
        job: some steps were done.
    """
    if is_sharded(job.built.module):
        return {}
    frozen = job.plan.frozen(max(0, job.state.step - 1))
    named = [(name, one) for name, one in job.built.module.named_parameters() if name not in frozen]
    held = {id(one) for group in job.optimizer.param_groups for one in group["params"]}
    fixed = [name for name, one in named if not one.requires_grad or id(one) not in held]
    touched = {id(one) for one, own in job.optimizer.state.items() if own}
    unused = [name for name, one in named if name not in fixed and id(one) not in touched] if touched else []
    return {key: names for key, names in (("unused", unused), ("fixed", fixed)) if names}
