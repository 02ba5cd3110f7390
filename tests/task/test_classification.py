"""One class an image: inputs scaled by the contract, sums of losses, counts of right labels."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torchvision.transforms.v2 import functional as tv

from sightline.data.contract import Contract
from sightline.task.classification import Classification
from sightline.task.names import TASKS
from sightline.training.config import LossConfig
from sightline.training.losses import make_loss

CPU = torch.device("cpu")


def task(color="rgb", smoothing=0.0):
    mean, std = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)) if color == "rgb" else ((0.1307,), (0.3081,))
    contract = Contract(
        classes=("a", "b", "c"), color=color, height=6, width=5, resize="squash", shorter=6,
        interpolation="bilinear", mean=mean, std=std,
    )  # fmt: skip
    return Classification(contract, make_loss(LossConfig(label_smoothing=smoothing)))


def pixels(count, channels):
    random = np.random.default_rng(0)
    return torch.from_numpy(random.integers(0, 256, (count, 6, 5, channels), dtype=np.uint8))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("color", ["rgb", "gray"])
def test_inputs_are_what_the_contract_and_torchvision_make_of_them(color, layout):
    batch = pixels(4, 3 if color == "rgb" else 1)
    inputs = task(color).inputs(batch, CPU, layout)
    contract = task(color).contract
    expected = tv.normalize(batch.permute(0, 3, 1, 2).float() / 255, list(contract.mean), list(contract.std))
    torch.testing.assert_close(inputs, expected, rtol=0, atol=2e-6)
    np.testing.assert_allclose(inputs.numpy(), contract.scaled(batch.numpy()), rtol=0, atol=2e-6)
    assert inputs.dtype == torch.float32 and inputs.is_contiguous(memory_format=layout)


def test_an_outcome_is_sums():
    logits = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 0.5], [0.0, 3.0, 1.0]], requires_grad=True)
    targets = torch.tensor([0, 2, 1])
    outcome = task().outcome(nn.Identity(), logits, targets)
    torch.testing.assert_close(outcome.loss, functional.cross_entropy(logits, targets, reduction="sum"))
    assert int(outcome.score) == 2 and outcome.count == 3
    assert outcome.loss.requires_grad and not outcome.score.requires_grad


def test_micro_batches_add_up_to_the_batch():
    logits, targets = torch.randn(10, 3, generator=torch.Generator().manual_seed(0)), torch.arange(10) % 3
    whole = task(smoothing=0.1).outcome(nn.Identity(), logits, targets)
    parts = [
        task(smoothing=0.1).outcome(nn.Identity(), logits[piece], targets[piece])
        for piece in (slice(0, 3), slice(3, 10))
    ]
    torch.testing.assert_close(parts[0].loss + parts[1].loss, whole.loss)
    assert sum(int(part.score) for part in parts) == int(whole.score)


def test_low_precision_logits_are_compared_in_full_precision():
    logits = torch.tensor([[60000.0, -60000.0, 0.0]], dtype=torch.float16)
    outcome = task().outcome(nn.Identity(), logits, torch.tensor([1]))
    assert outcome.loss.dtype == torch.float32 and torch.isfinite(outcome.loss)


def test_built_in_tasks_go_by_their_name():
    assert all(make.name == name for name, make in TASKS.items())
