"""A teacher: a trained run or a bundle that answers for the images that a student learns from."""

import contextlib
import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from sightline import plug
from sightline.config import RunConfig
from sightline.data.cache import Hashes
from sightline.data.contract import Contract
from sightline.data.loader import Batch, Pieces, evaluation_pieces, load
from sightline.data.outputs import TASK_OF
from sightline.data.samples import Samples
from sightline.data.transforms import Evaluation
from sightline.errors import ChangedDataError, ConfigError, RunError
from sightline.export.bundle import Bundle
from sightline.export.document import DOCUMENT
from sightline.files import cache_folder, whole_file
from sightline.run import Run
from sightline.workflow.source import decoders
from sightline.workflow.trained import open_trained

KEY = "train.distill.teacher"


@dataclasses.dataclass(frozen=True, eq=False)
class Teacher:
    """A network that is asked and does not learn."""

    contract: Contract
    """What it expects of images, and its classes."""
    module: nn.Module
    """Its normalized inputs ``[n, channels, h, w]`` to logits, in evaluation mode."""
    weights_sha256: str
    """Fingerprint of its weights."""
    student: Contract
    """What the student sees of images, and its classes."""
    inside: bool
    """Whether ``module`` is a torch network whose feature maps can be seen."""

    def answers(self, inputs: torch.Tensor) -> torch.Tensor:
        """The student's inputs ``[n, channels, h, w]`` to the teacher's logits ``[n, classes]`` in the student's order.

        The images are brought to the teacher's scale, channels and size; what the student's crop has cut off stays so.
        """
        return self.in_order(self.module(_translated(inputs, self.student, self.contract)))

    def in_order(self, logits: torch.Tensor) -> torch.Tensor:
        """The teacher's logits ``[n, its classes]`` as ``[n, classes]`` of the student, in its order."""
        return logits[:, [self.contract.classes.index(name) for name in self.student.classes]]


def _translated(inputs: torch.Tensor, student: Contract, teacher: Contract) -> torch.Tensor:
    """The same images as another contract scales, colors and sizes them."""

    def row(values: tuple[float, ...]) -> torch.Tensor:
        return torch.tensor(values, dtype=inputs.dtype, device=inputs.device)[:, None, None]

    images = inputs
    if (student.mean, student.std, student.channels) != (teacher.mean, teacher.std, teacher.channels):
        images = images * row(student.std) + row(student.mean)
        if student.channels != teacher.channels:
            gray = row((0.299, 0.587, 0.114))  # Pillow's weights (ITU-R 601-2)
            images = images.repeat(1, 3, 1, 1) if student.channels == 1 else (images * gray).sum(1, keepdim=True)
        images = (images - row(teacher.mean)) / row(teacher.std)
    if tuple(images.shape[2:]) != (teacher.height, teacher.width):
        size = (teacher.height, teacher.width)
        images = functional.interpolate(images, size, mode="bilinear", antialias=True)
    return images


def teacher_of(config: RunConfig, student: Contract, device: torch.device) -> Teacher:
    """Open the teacher that the settings name.

    Args:
        config: ``train.distill.teacher`` is a run's folder or a bundle.
        student: the student's contract.
        device: where the student trains; a bundle is asked on the CPU.

    Raises:
        ConfigError: the teacher's folder is neither, or it does not know the student's classes.
        SightlineError: run or bundle cannot be read.
    """
    folder = Path(config.train.distill.teacher)
    if (folder / DOCUMENT).is_file():
        bundle = Bundle.load(folder)
        contract, digest = bundle.contract, str(bundle.document["provenance"]["weights_sha256"])
        module: nn.Module = _Served(bundle)
    elif (folder / "run.json").is_file():
        with plug.elsewhere():
            model = open_trained(Run.open(folder))
        contract, digest = model.contract, model.weights_sha256
        module = model.module.to(device).requires_grad_(False)
    else:
        raise ConfigError(
            "the teacher is neither a run nor a bundle", where=KEY, got=folder,
            allowed=["a folder that sightline train made", "a folder that sightline export made"],
        )  # fmt: skip
    if contract.kind != "class":
        raise ConfigError(
            "the teacher does not answer with one class an image", where=KEY, got=TASK_OF[contract.kind],
            allowed=["a teacher of classification"],
        )  # fmt: skip
    unknown = sorted(set(student.classes) - set(contract.classes))
    if unknown:
        raise ConfigError(
            "the teacher does not know these classes", where=KEY, got=unknown, allowed=contract.classes,
            hint="give a teacher of the same classes; those that it knows beside them do not matter",
        )  # fmt: skip
    return Teacher(contract, module.eval(), digest, student, not isinstance(module, _Served))


def refuse_another(run: Run, teacher: Teacher) -> None:
    """A resumed run must have the teacher that it began with.

    Raises:
        ChangedDataError: it has other weights.
    """
    known = run.info().get("teacher", {}).get("weights_sha256")
    if known is not None and known != teacher.weights_sha256:
        raise ChangedDataError(
            "the teacher is no longer the one that the run began with", where=KEY, got=teacher.weights_sha256,
            allowed=[known], hint="bring its weights back, or train again",
        )  # fmt: skip


class _Served(nn.Module):
    """A bundle's model, asked through ONNX Runtime."""

    def __init__(self, bundle: Bundle):
        super().__init__()
        self.bundle = bundle
        contract = bundle.contract
        self._mean = torch.tensor(contract.mean)[:, None, None]
        self._std = torch.tensor(contract.std)[:, None, None]

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        pixels = ((inputs.float().cpu() * self._std + self._mean) * 255).round_().clamp_(0, 255).to(torch.uint8)
        _, logits = self.bundle.session(np.ascontiguousarray(pixels.permute(0, 2, 3, 1).numpy()))
        return torch.from_numpy(logits).to(inputs.device)


def originals(teacher: Teacher, samples: Samples, hashes: Hashes, indices: NDArray[np.int64]) -> NDArray[np.float32]:
    """The teacher's logits for these samples as its own contract sees them: from the cache, or asked and kept there.

    Returns:
        float32 ``[n, classes]`` in the student's order; row ``i`` is that of ``indices[i]``.
    """
    key = hashlib.sha256()
    for part in (teacher.weights_sha256, teacher.contract.hash, json.dumps(teacher.student.classes)):
        key.update(part.encode())
    key.update(np.ascontiguousarray(hashes[indices]).tobytes())
    path = cache_folder() / "teacher" / f"{key.hexdigest()[:32]}.npy"
    with contextlib.suppress(OSError, ValueError):
        kept: NDArray[np.float32] = np.load(path)
        if kept.shape == (len(indices), len(teacher.student.classes)):
            return kept
    dataset = Pieces(samples, Evaluation(teacher.contract), 0)
    batches = load(dataset, evaluation_pieces(indices, 64), decoders(samples, len(indices)))
    answers = np.concatenate([_asked(teacher, batch) for batch in batches])
    with contextlib.suppress(RunError), whole_file(path) as file:  # without a cache the same work is done next time
        np.save(file, answers)
    return answers


@torch.inference_mode()
def _asked(teacher: Teacher, batch: Batch) -> NDArray[np.float32]:
    place = next((one.device for one in teacher.module.parameters()), torch.device("cpu"))
    mean, std = (torch.tensor(own)[:, None, None] for own in (teacher.contract.mean, teacher.contract.std))
    images = (batch.pixels.permute(0, 3, 1, 2).float() / 255 - mean) / std
    return teacher.in_order(teacher.module(images.to(place))).float().cpu().numpy()
