"""The arithmetic of a training by its name in the settings."""

import torch

from sightline.training.job import DTYPES


def cast(precision: str, device: torch.device) -> torch.autocast:
    """What the forward pass runs in. Weights stay float32; with fp32 and tf32 so does everything else."""
    dtype = DTYPES[precision]
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)


def compute_with(threads: int, precision: str) -> None:
    """Set what holds for the whole process: threads, and how a GPU multiplies float32.

    TF32 has the range of float32 and a mantissa of 10 bits. PyTorch rounds convolutions to it unless it is told not to,
    so that its float32 on a GPU is none; here it is one. https://docs.pytorch.org/docs/stable/notes/cuda.html
    """
    torch.set_num_threads(threads)
    # By their older names: torch.export still asks by those, and refuses to go on where both kinds were used.
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"


def has_tf32(device: torch.device) -> bool:
    """Whether a device computes in TF32: NVIDIA's since Ampere."""
    return device.type == "cuda" and torch.version.hip is None and torch.cuda.get_device_capability(device) >= (8, 0)
