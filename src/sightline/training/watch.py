"""Finding the first step at which the loss or the weights are no numbers any more."""

from collections.abc import Iterable, Iterator

import torch
from torch import nn

from sightline import distributed
from sightline.errors import NonFiniteError
from sightline.training.job import Job
from sightline.training.parallel import own_part
from sightline.training.turned import LATE, first_turned

_LOOK_EVERY = 20


class Watch:
    """Finds the first step with a non-finite loss, without making the host wait at every step on a GPU."""

    def __init__(self, job: Job):
        self.job = job
        self.first_bad = torch.zeros((), dtype=torch.int64, device=job.plan.device)
        self.every = 1 if job.closely or job.plan.device.type == "cpu" else _LOOK_EVERY

    def see(self, totals: torch.Tensor) -> None:
        """Look at the loss, the first of the totals, of the step that is being computed, or remember to.

        The weights are those before the step.
        """
        step = self.job.state.step + 1
        bad = ~torch.isfinite(totals[0]) & (self.first_bad == 0)
        self.first_bad = torch.where(bad, step, self.first_bad)
        if step % self.every == 0:
            found = int(self.first_bad.item())
            if found:
                self._stop_at(found, "loss", first_turned(self.job, found - 1))
            if self.job.closely and not self.job.scaler.is_enabled() and self._any(p.grad for p in self._parameters()):
                self._stop_at(step, "gradient", first_turned(self.job, step - 1))

    def look(self) -> None:
        """Before a save: nothing non-finite may get into a checkpoint."""
        found = int(self.first_bad.item())
        if found:
            self._stop_at(found, "loss", "")
        judged = self.job.judged
        kept = [*self._parameters(), *self.job.built.module.buffers(), *judged.parameters(), *judged.buffers()]
        if self._any(kept):
            self._stop_at(self.job.state.step, "weights", "")

    def _parameters(self) -> Iterator[nn.Parameter]:
        return self.job.built.module.parameters()

    def _any(self, tensors: Iterable[torch.Tensor | None]) -> bool:
        """Whether one of them is not finite, on any rank."""
        bad = any(tensor is not None and not torch.isfinite(own_part(tensor)).all() for tensor in tensors)
        return distributed.any_rank(bad)

    def _stop_at(self, step: int, thing: str, turned: str) -> None:
        entries = self.job.checkpoints.entries()
        good = (
            f"the last good checkpoint is {entries[-1].file} (step {entries[-1].step})" if entries else "none was saved"
        )
        error = NonFiniteError(
            f"the {thing} became NaN or infinite at step {step}",
            where=str(self.job.checkpoints.folder.parent),
            got=f"first in {turned}" if turned else None,
            hint=f"{good}; train with a lower -s train.lr=…, with -s train.clip=1, in -s train.precision=fp32, "
            "or with -s train.non_finite.then=rollback",
        )
        error.step, error.late = step, turned.endswith(LATE)
        raise error
