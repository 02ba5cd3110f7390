"""The forms in which steps can be computed, in the order in which they are tried.

A CPU that is quicker in bf16 with most of a network can be slower in it with depthwise convolutions. So the network is
also tried with its grouped convolutions in float32.
"""

import dataclasses
from typing import Literal

import torch

from sightline.errors import ConfigError
from sightline.training.arithmetic import has_tf32
from sightline.training.job import LAYOUTS


@dataclasses.dataclass(frozen=True)
class Form:
    """How steps are computed."""

    threads: int
    precision: str
    layout: str
    fp32: tuple[str, ...] = ()
    """Parts that are computed in float32 all the same."""

    def __str__(self) -> str:
        told = f"{self.threads} threads {self.precision} {self.layout}".replace("1 threads", "1 thread")
        several = "s" * (len(self.fp32) != 1)
        return told + (f" but for {len(self.fp32)} grouped convolution{several}" if self.fp32 else "")


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What the user fixed, and ``auto`` for what is to be measured."""

    threads: int | Literal["auto"]
    precision: str
    layout: str
    most_threads: int
    """Cores that this process may use."""
    parts: tuple[str, ...] = ()
    """What is computed in another way than the rest."""
    islands: bool = False
    """Whether grouped convolutions may be computed in float32 where the rest is not."""


def rounds_of(device: torch.device, wanted: Wanted, islands: tuple[str, ...]) -> list[list[Form]]:
    """First how many threads, then precision and layout, then islands of float32. The plainest form comes first."""
    layouts = list(LAYOUTS) if wanted.layout == "auto" else [wanted.layout]
    precisions = precisions_of(device, wanted.precision)
    counts = [wanted.most_threads, 1] if wanted.threads == "auto" else [wanted.threads]
    if device.type != "cpu":
        counts = counts[:1]
    first = [Form(threads, precisions[0], layouts[0]) for threads in dict.fromkeys(counts)]
    rounds = [first, [Form(first[0].threads, precision, layout) for precision in precisions for layout in layouts]]
    if islands and precisions[-1] in ("bf16", "fp16"):
        rounds.append([Form(first[0].threads, precisions[-1], layouts[0], islands)])
    return rounds


def after(best: Form, forms: list[Form]) -> list[Form]:
    """The forms of a round with what the rounds before it settled: threads, and the layout where islands come in."""
    return [
        dataclasses.replace(form, threads=best.threads, layout=best.layout if form.fp32 else form.layout)
        for form in forms
    ]


def refuse_precision(device: torch.device, precision: str) -> None:
    """Refuse an arithmetic that the device does not have.

    Raises:
        ConfigError: TF32 on a CPU or an older GPU.
    """
    if precision == "tf32" and not has_tf32(device):
        raise ConfigError(
            "this device does not compute in TF32", where="train.precision",
            got=torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
            allowed=["auto", "fp32", "bf16", "fp16"], hint="NVIDIA's GPUs do since Ampere",
        )  # fmt: skip


def precisions_of(device: torch.device, precision: str) -> list[str]:
    """The arithmetics to try, the plainest first.

    Raises:
        ConfigError: as ``refuse_precision``.
    """
    refuse_precision(device, precision)
    if precision != "auto":
        return [precision]
    if device.type == "cuda":
        half = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
        return ["fp32", *(["tf32"] if has_tf32(device) else []), half]
    return ["fp32", "bf16"]
