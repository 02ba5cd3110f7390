"""What the training loop works on: the plan, what changes from step to step, and how both go into a checkpoint."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch
from torch import nn

from sightline.data.loader import Batch
from sightline.data.mix import Mixing
from sightline.errors import NonFiniteError
from sightline.model.build import Built
from sightline.task.task import Task
from sightline.training.checkpoint import Checkpoints
from sightline.training.config import NoiseConfig, SamConfig
from sightline.training.digests import Digests
from sightline.training.ema import Ema
from sightline.training.parallel import like, whole_on_main
from sightline.training.shortage import Buffers
from sightline.training.swa import Swa

DTYPES = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
"""Arithmetic of the forward and backward pass, by its name in the settings."""
_FORMS = ("fused", "foreach")
LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
"""Memory layouts, by their name in the settings."""


@dataclasses.dataclass(frozen=True)
class Lowering:
    """The plateau schedule: the rate falls when the validation score has not improved for a while."""

    factor: float
    """What it is multiplied by."""
    wait: int
    """Steps since the best score, or since it was last lowered."""


@dataclasses.dataclass(frozen=True)
class Rollback:
    """What follows a loss or weights that are no numbers."""

    times: int = 0
    """How often the training goes back to its last good checkpoint."""
    factor: float = 1.0
    """What the learning rate is multiplied by each time."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What is settled before the first step. Counts are in optimizer steps."""

    seed: int
    steps: int
    per_epoch: int
    accumulate: int
    lr: Callable[[int], float]
    clip: float | None
    frozen: Callable[[int], frozenset[str]]
    """Names of the parameters that do not learn in a step; the same object until they change."""
    evaluate: int
    save: int
    patience: int | None
    sharded: bool = False
    """Whether checkpoints are written in parts, by every rank its own."""
    precision: str
    layout: str
    device: torch.device
    mixing: Mixing | None = None
    mixed: int = 0
    """How many steps from the first one mix their images."""
    lowering: Lowering | None = None
    rollback: Rollback = Rollback()
    compile: str = "off"
    l1: float = 0.0
    orthogonal: float = 0.0
    noise: NoiseConfig = NoiseConfig()
    sam: SamConfig = SamConfig()

    @property
    def reads_gradients(self) -> bool:
        """Whether the gradient is looked at or changed before the optimizer takes it."""
        return self.clip is not None or self.l1 > 0 or self.orthogonal > 0 or self.noise.gradients > 0

    def rate(self, state: "State") -> float:
        """The learning rate of the next step: a function of the step, but for what a plateau or a rollback lowered."""
        lowered = 1.0 if self.lowering is None else self.lowering.factor**state.lowered
        return self.lr(state.step) * lowered * self.rollback.factor ** len(state.rollbacks)


@dataclasses.dataclass(kw_only=True)
class State:
    """What changes from step to step, beside the weights."""

    step: int = 0
    best_step: int | None = None
    best_score: float = float("-inf")
    """The figure of the task at the best evaluation; negated where less is better."""
    best_loss: float = float("inf")
    lowered: int = 0
    """How often a plateau has lowered the rate."""
    lowered_at: int = 0
    pieces: int = 1
    """Into how many parts each micro-batch is divided, since memory ran out."""
    enough: bool = False
    """Set by a consumer of the records that ends the training for good, such as early stopping."""
    rollbacks: list[dict[str, Any]] = dataclasses.field(default_factory=list[dict[str, Any]])
    """From which step to which the training went back, why, and the share of the rate from there on."""


@dataclasses.dataclass(frozen=True)
class Judged:
    """What an evaluation found."""

    figures: dict[str, Any]
    """By name: ``val_loss``, that of the task (``val_accuracy``), and what else was counted."""
    arrays: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    """What pictures are drawn from."""


class Looks(Protocol):
    """Looks at the layers of the network at some steps. It changes nothing and reads nothing off the device."""

    @property
    def due(self) -> bool:
        """Whether the step is looked at."""
        ...

    @property
    def waiting(self) -> bool:
        """Whether a forward pass of it is still to be looked at."""
        ...

    def begin(self, step: int) -> None:
        """A step begins, counted from 1."""
        ...

    def forward(self) -> AbstractContextManager[None]:
        """Look at the forward pass within."""
        ...

    def backward(self, scale: torch.Tensor) -> None:
        """Look at the gradients, which are multiplied by a factor on the device, and at the weights before the step."""
        ...

    def told(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """After the step: values and arrays of its record."""
        ...


@dataclasses.dataclass(kw_only=True, eq=False)
class Job:
    """Everything that the loop works on."""

    plan: Plan
    built: Built
    task: Task
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    ema: Ema | None
    checkpoints: Checkpoints
    batches: Callable[[int, int], Iterator[tuple[Batch, int]]]
    """(first step, last step) -> micro-batches of this rank, each with the samples of its step over all ranks."""
    evaluate: Callable[[nn.Module], Judged] | None
    """Judges a network on the validation part; ``None``: there is none."""
    position: Callable[[], int]
    """How many bytes of the records are safely on disk, for the checkpoint to remember."""
    swa: Swa | None = None
    state: State = dataclasses.field(default_factory=State)
    failure: NonFiniteError | None = None
    """What ended the last pass of the loop before its time."""
    closely: bool = False
    """Whether to look at every step's loss and gradients, at the price of waiting for the device."""
    seen: Callable[[nn.Module], Judged] | None = None
    """The same figures on some training images as they are, ``seen_loss`` and so on; ``None``: none are judged."""
    looks: Looks | None = None
    """Looks at the layers at some steps."""
    digests: Digests | None = None
    """Takes fingerprints of each step, where they are wanted."""
    buffers: Buffers | None = None
    """What the buffers of the network were before a step, which begins anew where memory runs out."""
    kept: int | None = None
    """Bytes that the first forward pass of this process kept for the backward pass."""
    tell: Callable[[str], None] = lambda _: None
    """Is told what concerns this process and not the training, such as how long compiling took."""

    @property
    def averages(self) -> "list[Ema | Swa]":
        """What takes in the weights after each step."""
        return [average for average in (self.ema, self.swa) if average is not None]

    @property
    def average(self) -> nn.Module | None:
        """The average that is evaluated and exported in place of the network; ``None``: there is none, or not yet."""
        if self.swa is not None and self.swa.settled:
            return self.swa.module
        return None if self.ema is None else self.ema.module

    @property
    def judged(self) -> nn.Module:
        """The network that is evaluated and exported: the average where there is one."""
        return self.average or self.built.module


def snapshot(job: Job) -> dict[str, Any]:
    """Everything that the next step depends on; what the ranks hold in shards stays so."""
    return {
        "model": job.built.module.state_dict(),
        "ema": None if job.average is None else job.average.state_dict(),
        "swa": None if job.swa is None else job.swa.module.state_dict(),
        "optimizer": job.optimizer.state_dict(),
        "scaler": job.scaler.state_dict(),
        "state": dataclasses.asdict(job.state),
        "records": job.position(),
    }


def restore(job: Job, content: dict[str, Any]) -> None:
    """Put a job back to where ``snapshot`` was taken."""
    job.optimizer.zero_grad(set_to_none=True)  # of a step that was not finished
    _fill(job.built.module, content["model"])
    if job.ema is not None:
        _fill(job.ema.module, content["ema"])
    if job.swa is not None:
        _fill(job.swa.module, content["swa"])
        job.swa.settled = content["ema"] is not None
    _fill_optimizer(job.optimizer, content["optimizer"])
    job.scaler.load_state_dict(content["scaler"])
    state = dict(content["state"])
    if "best_accuracy" in state:  # a checkpoint of an earlier version
        state["best_score"] = state.pop("best_accuracy")
    job.state = State(**state)


def whole_snapshot(job: Job) -> dict[str, Any]:
    """The same with every tensor whole on rank 0, as one process alone would have it. All ranks must call it."""
    return whole_on_main(snapshot(job))


def _fill(module: nn.Module, state: dict[str, torch.Tensor]) -> None:
    """Load whole tensors into a network, whole or in shards."""
    own = module.state_dict()
    module.load_state_dict({name: like(value, own[name]) if name in own else value for name, value in state.items()})


def _fill_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load whole tensors into an optimizer; those of the shape of their parameter are divided as it is."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    divided = {
        place: {key: like(item, parameters[place]) if torch.is_tensor(item) else item for key, item in own.items()}
        for place, own in state["state"].items()
    }
    forms = [{key: group[key] for key in _FORMS if key in group} for group in optimizer.param_groups]
    optimizer.load_state_dict(state | {"state": divided})
    for group, form in zip(optimizer.param_groups, forms, strict=True):
        group.update(form)  # how it computes follows from the devices of now, not from those of the checkpoint
    for own in optimizer.state.values():
        if "mu_product" in own:  # nadam reads it on the host at every step
            own["mu_product"] = own["mu_product"].cpu()
