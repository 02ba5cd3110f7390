"""What an evaluation adds up is what scikit-learn and torch say of the same answers, and adds over ranks."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix

from sightline.evaluation.tally import THRESHOLDS, Tally, curves_of, figures_of
from sightline.task.task import Outcome, Task

CPU = torch.device("cpu")


class Given(Task):
    """A task whose outcomes are made by hand."""

    name, figure, higher = "given", "accuracy", True

    def __init__(self, kind="class"):
        self.kind = kind

    def outcome(self, *_):
        raise NotImplementedError


def outcome(losses, outputs, score):
    return Outcome(losses.sum(), score, len(losses), losses, outputs)


@pytest.fixture
def answers() -> Callable[[], tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    random = torch.Generator().manual_seed(0)
    outputs = torch.randn(50, 4, generator=random)
    targets = torch.randint(0, 4, (50,), generator=random)
    return lambda: (outputs, targets, torch.rand(50, generator=torch.Generator().manual_seed(1)))


def summed(answers, pieces, kind="class", **options):
    outputs, targets, losses = answers
    tallies = [Tally(Given(kind), CPU, 4, **options) for _ in pieces]
    for tally, piece in zip(tallies, pieces, strict=True):
        hits = (outputs[piece].argmax(dim=1) == targets[piece]).sum() if kind == "class" else torch.tensor(0.0)
        tally.add(outcome(losses[piece], outputs[piece], hits), targets[piece])
    return sum(tally.sums for tally in tallies).numpy(), tallies[0]


def test_figures_are_those_of_all_images_however_they_are_divided(answers):
    outputs, targets, losses = answers()
    whole, tally = summed(answers(), [slice(0, 50)])
    parts, _ = summed(answers(), [slice(0, 50, 3), slice(1, 50, 3), slice(2, 50, 3)])
    assert parts == pytest.approx(whole)
    found = figures_of(whole, tally, "val")
    matrix = confusion_matrix(targets, outputs.argmax(dim=1))
    assert found["val_n"] == 50 and found["val_loss"] == pytest.approx(float(losses.double().mean()))
    assert found["val_accuracy"] == matrix.trace() / 50
    assert found["val_loss_sd"] == pytest.approx(float(losses.double().std()), rel=1e-12)
    assert found["val_true"] == matrix.sum(axis=1).tolist()
    assert found["val_predicted"] == matrix.sum(axis=0).tolist()
    assert found["val_hits"] == matrix.diagonal().tolist()


def test_curves_count_every_pair_of_image_and_class(answers):
    outputs, targets, _ = answers()
    whole, tally = summed(answers(), [slice(0, 20), slice(20, 50)], curves=True)
    found = curves_of(whole, tally)
    assert np.array_equal(found["confusion"], confusion_matrix(targets, outputs.argmax(dim=1)))
    assert found["scores"].shape == (2, 4, THRESHOLDS) and found["scores"].sum() == 200
    for place in range(4):
        scores = outputs.softmax(dim=1)[:, place].numpy()
        for row, own in enumerate((targets != place, targets == place)):
            levels = np.floor(scores[own.numpy()] * np.float32(THRESHOLDS - 1)).astype(int)
            assert np.array_equal(found["scores"][row, place], np.bincount(levels, minlength=THRESHOLDS))


def test_labels_have_curves_and_no_confusion(answers):
    outputs, _, losses = answers()
    targets = (outputs.roll(1, dims=0) > 0.3).float()
    whole, tally = summed((outputs, targets, losses), [slice(0, 50)], "labels", curves=True)
    found = curves_of(whole, tally)
    assert set(found) == {"scores"}
    assert found["scores"][1].sum(axis=1).tolist() == targets.sum(dim=0).tolist()
    assert "val_true" not in figures_of(whole, tally, "val")


def test_images_without_a_class_are_not_counted_by_class(answers):
    outputs, targets, losses = answers()
    targets[:10] = -1
    whole, tally = summed((outputs, targets, losses), [slice(0, 50)], curves=True)
    assert sum(figures_of(whole, tally, "val")["val_true"]) == curves_of(whole, tally)["confusion"].sum() == 40
    assert curves_of(whole, tally)["scores"].sum() == 160


def test_a_task_that_tells_no_losses_has_no_spread_of_them():
    tally = Tally(Given(), CPU, 4)
    tally.add(Outcome(torch.tensor(3.0), torch.tensor(1.0), 2), torch.tensor([0, 1]))
    assert figures_of(tally.sums.numpy(), tally, "val") == {"val_loss": 1.5, "val_accuracy": 0.5, "val_n": 2}


def test_one_image_has_no_spread(answers):
    whole, tally = summed(answers(), [slice(0, 1)])
    assert figures_of(whole, tally, "seen")["seen_loss_sd"] == 0
