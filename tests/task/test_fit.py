"""A task or loss that cannot do what the settings ask is found out before the first step."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from sightline.data.contract import Contract
from sightline.data.outputs import TASK_OF
from sightline.errors import PlugError
from sightline.task.classification import Classification
from sightline.task.fit import refuse_unfit
from sightline.task.names import TASKS
from sightline.task.task import Outcome
from sightline.training.config import LossConfig
from sightline.training.losses import LOSSES, make_loss

CONTRACT = Contract(
    classes=tuple("abcd"), color="gray", height=6, width=6, resize="squash", shorter=6,
    interpolation="bilinear", mean=(0.5,), std=(0.5,),
)  # fmt: skip


def refuse(task, mixed=True, weighted=True):
    refuse_unfit(task, classes=4, loss="mine:loss", mixed=mixed, weighted=weighted)


def by_number(logits, targets):
    return -logits.log_softmax(dim=1).gather(1, targets[:, None])[:, 0]


def by_rounding(logits, targets):
    return by_number(logits, targets if targets.ndim == 1 else targets.long()[:, 0])


class Unweighed(Classification):
    def outcome(self, model, inputs, targets):
        return super().outcome(model, inputs, targets)


class Deaf(Classification):
    def outcome(self, model, inputs, targets, weights=None):
        return super().outcome(model, inputs, targets)


class WithNetwork(Classification):
    def outcome(self, model, inputs, targets):
        assert isinstance(model, nn.Linear)
        return Outcome(torch.zeros(()), torch.zeros(()), len(targets))


TRIED = [(kind, name) for kind, losses in LOSSES.items() for name in losses if name != "triplet"]


@pytest.mark.parametrize(("kind", "name"), TRIED)
def test_built_in_losses_fit(kind, name):
    weights = None if kind == "numbers" else torch.tensor([1.0, 2.0, 3.0, 0.0])
    refuse(TASKS[TASK_OF[kind]](CONTRACT, make_loss(LossConfig(name=name), weights, kind)))


def test_triplets_are_refused_for_mixed_images_alone():
    own = Classification(CONTRACT, make_loss(LossConfig(name="triplet")))
    refuse(own, mixed=False)
    with pytest.raises(PlugError, match="cannot learn from mixed images"):
        refuse(own)


@pytest.mark.parametrize(("loss", "got"), [(by_number, "RuntimeError: "), (by_rounding, "in place of")])
def test_a_loss_that_knows_only_numbers_of_classes_is_refused_for_mixed_images_alone(loss, got):
    refuse(Classification(CONTRACT, loss), mixed=False)
    with pytest.raises(PlugError, match="'mine:loss' cannot learn from mixed images") as raised:
        refuse(Classification(CONTRACT, loss))
    assert got in raised.value.got


@pytest.mark.parametrize(("task", "got"), [(Unweighed, "TypeError: "), (Deaf, "in place of")])
def test_a_task_that_weighs_nothing_is_refused_where_samples_have_weights(task, got):
    own = task(CONTRACT, lambda logits, targets: functional.cross_entropy(logits, targets, reduction="none"))
    refuse(own, weighted=False)
    with pytest.raises(PlugError, match="the task does not weigh its samples") as raised:
        refuse(own)
    assert got in raised.value.got


def test_a_task_that_needs_a_real_network_is_left_to_the_training():
    refuse(WithNetwork(CONTRACT, by_number))
