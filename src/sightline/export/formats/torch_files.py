"""Files for programs that have PyTorch: an exported program (pt2) and, for what is older, TorchScript."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sightline.errors import ExportError
from sightline.export.form import Order, Runner
from sightline.export.served import served_copy

PT2, SCRIPT = "model.pt2", "model.torchscript"


def write_pt2(order: Order, folder: Path) -> None:
    """The graph of ``torch.export`` for any number of pictures, with the weights in it.

    Raises:
        ExportError: the model cannot be traced.
    """
    served, example = _ready(order)
    try:
        program = torch.export.export(
            served, (example,), dynamic_shapes={"images": {0: torch.export.Dim("batch", min=1)}}
        )
        torch.export.save(program, folder / PT2)
    except Exception as error:  # whatever its many passes raise
        raise _not_written("an exported program", PT2, error) from error


def write_torchscript(order: Order, folder: Path) -> None:
    """A traced TorchScript program, checked on another number of pictures than it was traced with.

    Raises:
        ExportError: the model cannot be traced.
    """
    served, example = _ready(order)
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # that TorchScript is deprecated is told by ourselves
            program: Any = torch.jit.trace(served, (example,), check_inputs=[(example[:1],)])
            program.save(str(folder / SCRIPT))
    except Exception as error:
        raise _not_written("TorchScript", SCRIPT, error) from error


def open_pt2(folder: Path, threads: int, answers: int) -> Runner:
    """An exported program as a plain function."""
    return _runner(torch.export.load(folder / PT2).module(), threads, answers)


def open_torchscript(folder: Path, threads: int, answers: int) -> Runner:
    """A TorchScript program as a plain function."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program: Any = torch.jit.load(str(folder / SCRIPT), map_location="cpu")
    return _runner(program, threads, answers)


def _ready(order: Order) -> tuple[torch.nn.Module, torch.Tensor]:
    own = order.contract
    example = torch.zeros(2, own.height, own.width, own.channels, dtype=torch.uint8)
    return served_copy(order.model, own, order.taps), example


def _runner(program: Any, threads: int, answers: int) -> Runner:
    def run(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            with torch.inference_mode():
                found = program(torch.from_numpy(np.ascontiguousarray(images)))
        finally:
            torch.set_num_threads(before)
        return found[0].numpy(), found[answers - 1].numpy()

    return run


def _not_written(what: str, name: str, error: Exception) -> ExportError:
    first = "\n".join(str(error).strip().splitlines()[:6])
    return ExportError(
        f"the model cannot be written as {what}", where=name, got=f"{type(error).__name__}: {first}",
        hint="rewrite the part of the model that the message names with plain tensor operations",
    )  # fmt: skip
