"""Real handwritten digits, and networks that have learnt them a little."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import nn

from sightline.data.contract import Contract
from sightline.export.parity import Sample
from sightline.export.served import served_copy

WEIGHTS = "5eed" * 16


@dataclasses.dataclass
class Digits:
    """Scikit-learn's handwritten digits as the contract makes them."""

    contract: Contract
    images: NDArray[np.uint8]
    labels: NDArray[Any]

    def samples(self, count: int = 60) -> list[Sample]:
        return [(f"digit-{row}.png", self.images[-row], int(self.labels[-row])) for row in range(1, count + 1)]


def train_a_little(model: nn.Module, data: Digits, steps: int = 12) -> nn.Module:
    """Some steps of AdamW: enough that weights, batch statistics and logits are no longer those of a fresh model."""
    torch.manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    model.train()
    for step in range(steps):
        rows = np.arange(step * 32, (step + 1) * 32) % len(data.images)
        loss = nn.functional.cross_entropy(
            model(torch.from_numpy(data.contract.scaled(data.images[rows]))), torch.from_numpy(data.labels[rows]).long()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def digits(color: str, size: int) -> Digits:
    bunch = load_digits()
    channels = 3 if color == "rgb" else 1
    contract = Contract(
        classes=tuple(f"digit {name}" for name in range(10)),
        color=color,  # pyright: ignore[reportArgumentType]
        height=size,
        width=size,
        resize="squash",
        shorter=size,
        interpolation="bilinear",
        mean=(0.3, 0.31, 0.32)[:channels],
        std=(0.38, 0.37, 0.36)[:channels],
    )
    raw = (bunch.images[:500] * 15.9).astype(np.uint8)
    return Digits(contract, np.stack([contract.pixels(image) for image in raw]), bunch.target[:500])


def make_network(contract: Contract) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(contract.channels, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.SiLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(64, 10),
    )


def logits_of(model: nn.Module, contract: Contract, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    with torch.inference_mode():
        return served_copy(model, contract).model(torch.from_numpy(contract.scaled(images).copy())).numpy()


def edit(folder: Path, **changes: Any) -> None:
    """Change fields of a bundle's document by hand."""
    path = folder / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
