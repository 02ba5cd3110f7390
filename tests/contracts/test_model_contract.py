"""Every built-in model honours the contract that a user's own has to honour."""

import functools

import pytest
import torch
from torch import nn

from sightline.errors import PlugError
from sightline.model.build import MODELS, build
from sightline.model.cnn import NORMS
from sightline.testing import check_model


@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("name", MODELS)
def test_built_in_models(name, channels):
    sized = {"img_size": 19} if name == "mlp" else {}
    check_model(functools.partial(MODELS[name], **sized), classes=7, channels=channels, size=19)


@pytest.mark.parametrize("norm", NORMS)
def test_the_baseline_with_every_norm(norm):
    check_model(functools.partial(MODELS["cnn"], width=8, norm=norm), size=32)


def test_a_timm_model():
    check_model(lambda num_classes, in_chans: build("mobilenetv2_035", num_classes, in_chans, {}).module, channels=1)


class Linear(nn.Module):
    def __init__(self, num_classes=3, in_chans=3):
        super().__init__()
        self.head = nn.Linear(in_chans, num_classes)

    def forward(self, x):
        return self.head(x.mean(dim=(2, 3)))


class Idle(Linear):
    def __init__(self, num_classes, in_chans):
        super().__init__(num_classes, in_chans)
        self.spare = nn.Linear(2, 2)


class Noisy(Linear):
    def forward(self, x):
        return super().forward(x + torch.rand_like(x))


class BatchCentered(Linear):
    def forward(self, x):
        return super().forward(x - x.mean(dim=0))


class Infinite(Linear):
    def forward(self, x):
        return super().forward(x) / 0


class Hidden(Linear):
    """Keeps a tensor that no weights file would hold."""

    def __init__(self, num_classes, in_chans):
        super().__init__(num_classes, in_chans)
        self.shift = torch.ones(1)

    def forward(self, x):
        return super().forward(x) + self.shift

    def __deepcopy__(self, memo):
        twin = Hidden(3, 3)
        twin.shift = torch.zeros(1)
        return twin


@pytest.mark.parametrize(
    ("make", "clause"),
    [
        (lambda num_classes, in_chans: "net", r"is a torch.nn.Module\n  got: str"),
        (
            lambda num_classes, in_chans: Linear(1000, in_chans),
            r"gives logits \[n, classes\]\n  got: \[4, 1000\] for 3",
        ),
        (Idle, r"passes the gradient to every parameter\n  got: spare.weight, spare.bias"),
        (Infinite, "gives finite logits"),
        (Noisy, r"evaluates repeatably\n  got: other logits"),
        (BatchCentered, "evaluates an image alike in any batch"),
        (Hidden, r"is wholly described by its weights\n  got: other logits"),
    ],
)
def test_a_broken_clause_is_named(make, clause):
    with pytest.raises(PlugError, match="broken contract: a model " + clause):
        check_model(make)
