"""Labels and numbers: figures that are sums and equal those of scikit-learn, losses in standard deviations."""

import numpy as np
import pytest
import torch
from sklearn.metrics import jaccard_score, mean_absolute_error
from torch import nn

from sightline.data.contract import Contract
from sightline.data.outputs import Outputs
from sightline.errors import PlugError
from sightline.task.multilabel import Multilabel
from sightline.task.names import kind_of
from sightline.task.regression import Regression
from sightline.training.config import LossConfig
from sightline.training.losses import make_loss

RANDOM = torch.Generator().manual_seed(0)


def contract(outputs, names="abc"):
    return Contract(
        classes=tuple(names), color="gray", height=6, width=5, resize="squash", shorter=6,
        interpolation="bilinear", mean=(0.5,), std=(0.5,), outputs=outputs,
    )  # fmt: skip


@pytest.mark.parametrize("threshold", [0.5, 0.2])
def test_labels_are_judged_by_scikit_learns_jaccard_index_of_each_image(threshold):
    logits = torch.randn(40, 3, generator=RANDOM)
    targets = torch.randint(2, (40, 3), generator=RANDOM).float()
    logits[0], targets[0] = -9.0, 0.0  # nothing there and nothing given
    task = Multilabel(contract(Outputs(kind="labels", threshold=threshold)), make_loss(LossConfig(), kind="labels"))
    outcome = task.outcome(nn.Identity(), logits, targets)
    given = torch.sigmoid(logits.double()) >= threshold
    wanted = jaccard_score(targets, given, average="samples", zero_division=1.0)
    assert float(outcome.score) / 40 == pytest.approx(wanted, abs=1e-7)
    parts = [task.outcome(nn.Identity(), logits[rows], targets[rows]) for rows in (slice(0, 7), slice(7, 40))]
    torch.testing.assert_close(parts[0].loss + parts[1].loss, outcome.loss)
    assert float(parts[0].score + parts[1].score) == pytest.approx(float(outcome.score), abs=1e-9)


def test_numbers_are_judged_in_their_units_and_learnt_in_standard_deviations():
    own = Outputs(kind="numbers", mean=(100.0, 0.0), std=(20.0, 0.1))
    outputs, targets = torch.randn(30, 2, generator=RANDOM), torch.rand(30, 2, generator=RANDOM) * 100
    task = Regression(contract(own, "xy"), make_loss(LossConfig(), kind="numbers"))
    outcome = task.outcome(nn.Identity(), outputs, targets)
    values = outputs.numpy() * np.float32([20, 0.1]) + np.float32([100, 0])
    np.testing.assert_array_equal(own.values(outputs.numpy()), values)
    assert float(outcome.score) / 30 == pytest.approx(mean_absolute_error(targets, values), rel=1e-6)
    scaled = (targets - torch.tensor([100.0, 0.0])) / torch.tensor([20.0, 0.1])
    torch.testing.assert_close(outcome.loss, (outputs - scaled).square().mean(1).sum())
    weights = torch.rand(30, generator=RANDOM)
    weighed = task.outcome(nn.Identity(), outputs, targets, weights)
    torch.testing.assert_close(weighed.loss, ((outputs - scaled).square().mean(1) * weights).sum())


def test_logarithms_are_taken_of_numbers_in_their_units():
    own = Outputs(kind="numbers", mean=(100.0,), std=(20.0,))
    task = Regression(contract(own, "x"), make_loss(LossConfig(name="msle"), kind="numbers"))
    outputs, targets = torch.tensor([[1.0], [-1.0]]), torch.tensor([[120.0], [60.0]])
    wanted = np.log1p([120, 80]) - np.log1p([120, 60])
    assert float(task.outcome(nn.Identity(), outputs, targets).loss) == pytest.approx(
        float((wanted**2).sum()), rel=1e-5
    )


def test_a_users_task_says_what_it_is_about(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_tasks.py").write_text(
        "from sightline.task.regression import Regression\n\n\nclass Mine(Regression):\n    pass\n\n\n"
        "def plain(contract, loss):\n    return None\n\n\nodd = lambda contract, loss: None\nodd.kind = 'x'\n"
    )
    assert [kind_of(name) for name in ("classification", "multilabel", "regression")] == ["class", "labels", "numbers"]
    assert kind_of("own_tasks:Mine") == "numbers"
    assert kind_of("own_tasks:plain") == "class"
    with pytest.raises(PlugError, match=r"'own_tasks:odd' is about nothing that is known .*\n  got: kind 'x'"):
        kind_of("own_tasks:odd")
