"""Finding the first step at which the loss or the weights are no numbers any more."""

import torch

from sightline.errors import NonFiniteError
from sightline.training.job import Job

_LOOK_EVERY = 20


class Watch:
    """Finds the first step with a non-finite loss, without making the host wait at every step on a GPU."""

    def __init__(self, job: Job):
        self.job = job
        self.first_bad = torch.zeros((), dtype=torch.int64, device=job.plan.device)
        self.every = 1 if job.plan.device.type == "cpu" else _LOOK_EVERY

    def see(self, loss: torch.Tensor, step: int) -> None:
        """Look at the loss of a step, or remember to."""
        bad = ~torch.isfinite(loss) & (self.first_bad == 0)
        self.first_bad = torch.where(bad, step, self.first_bad)
        if step % self.every == 0:
            self._stop_at(int(self.first_bad.item()), "loss")

    def look(self) -> None:
        """Before a save: nothing non-finite may get into a checkpoint."""
        self._stop_at(int(self.first_bad.item()), "loss")
        finite = all(bool(torch.isfinite(p).all()) for p in self.job.built.module.parameters())
        self._stop_at(0 if finite else self.job.state.step, "weights")

    def _stop_at(self, step: int, thing: str) -> None:
        if not step:
            return
        entries = self.job.checkpoints.entries()
        good = (
            f"the last good checkpoint is {entries[-1].file} (step {entries[-1].step})" if entries else "none was saved"
        )
        raise NonFiniteError(
            f"the {thing} became NaN or infinite at step {step}",
            where=str(self.job.checkpoints.folder.parent),
            hint=f"{good}; train with a lower -s train.lr=…, with -s train.clip=1, or in -s train.precision=fp32",
        )
