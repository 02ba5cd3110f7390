"""Losses against torch's own."""

import pytest
import torch
from torch.nn import functional

from oracles import same
from sightline.errors import PlugError
from sightline.training.config import LossConfig
from sightline.training.losses import make_loss


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_cross_entropy_with_smoothed_targets(smoothing):
    logits = torch.randn(9, 5, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(9) % 5
    losses = make_loss(LossConfig(label_smoothing=smoothing))(logits, targets)
    smooth = functional.one_hot(targets, 5) * (1 - smoothing) + smoothing / 5
    torch.testing.assert_close(losses, -(smooth * logits.log_softmax(dim=1)).sum(dim=1))
    theirs = torch.nn.CrossEntropyLoss(label_smoothing=smoothing, reduction="none")(logits, targets)
    same("loss", "cross_entropy", "`CrossEntropyLoss` of torch", losses, theirs)


def test_an_unknown_loss():
    with pytest.raises(PlugError) as error:
        make_loss(LossConfig(name="cross_entropi"))
    assert str(error.value) == (
        "unknown loss 'cross_entropi' (train.loss.name)\n  allowed: bce, cross_entropy, focal, hinge, triplet\n"
        "  next: did you mean 'cross_entropy'? Your own: \"my_file:thing\""
    )


def test_a_users_own_loss(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_losses.py").write_text(
        "def poly(config):\n"
        "    return lambda logits, targets: logits.sum(dim=1) * config.label_smoothing\n"
        "def nothing(config):\n"
        "    return None\n"
    )
    loss = make_loss(LossConfig(name="my_losses:poly", label_smoothing=0.5))
    assert loss(torch.ones(2, 4), torch.zeros(2)).tolist() == [2, 2]
    with pytest.raises(
        PlugError, match=r"'my_losses:nothing' did not give a loss function .*\n  got: NoneType\n  next: r"
    ):
        make_loss(LossConfig(name="my_losses:nothing"))
