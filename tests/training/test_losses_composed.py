"""Mixing, smoothing, class weights and sample weights together: the loss is that of a formula in float64."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from oracles import same
from sightline.data.contract import Contract
from sightline.data.mix import Mixing, draw, mixed
from sightline.task.classification import Classification
from sightline.training.config import LossConfig
from sightline.training.losses import make_loss

N, CLASSES = 11, 5
CLASS_WEIGHTS = torch.tensor([0.2, 1.0, 3.0, 0.7, 0.0])
SAMPLE_WEIGHTS = torch.tensor([1.0, 0.0, 2.5, 0.3, 1.0, 1.0, 4.0, 0.0, 0.1, 1.0, 2.0])
MIXES = {
    "none": None,
    "mixup": Mixing(classes=CLASSES, mixup=0.4, cutmix=0.0, probability=1.0),
    "cutmix": Mixing(classes=CLASSES, mixup=0.0, cutmix=1.0, probability=1.0),
}
ALL = list(
    itertools.product(
        ("cross_entropy", "focal"), MIXES, (0.0, 0.1), (None, CLASS_WEIGHTS), (None, SAMPLE_WEIGHTS), (0.0, 0.5, 2.0)
    )
)
COMBINATIONS = [one for one in ALL if one[0] == "focal" or one[-1] == 2.0]
"""Loss, mixing, smoothing, class weights, sample weights, gamma."""


def batch():
    random = torch.Generator().manual_seed(0)
    return torch.randn(N, 1, 6, 6, generator=random), torch.randint(CLASSES, (N,), generator=random)


def task(config, weights):
    contract = Contract(
        classes=tuple("abcde"), color="gray", height=6, width=6, resize="squash", shorter=6,
        interpolation="bilinear", mean=(0.5,), std=(0.5,),
    )  # fmt: skip
    return Classification(contract, make_loss(config, weights))


def model():
    torch.manual_seed(1)
    return nn.Sequential(nn.Flatten(), nn.Linear(36, CLASSES), nn.Tanh(), nn.Linear(CLASSES, CLASSES))


def formula(logits, label, smoothing, class_weights, gamma):
    """The loss of one image and one label, in numpy and float64."""
    scores = np.asarray(logits, np.float64)
    logs = scores - scores.max() - np.log(np.exp(scores - scores.max()).sum())
    total = 0.0
    for place in range(CLASSES):
        share = (1 - smoothing) * (place == label) + smoothing / CLASSES
        total -= share * (1 - np.exp(logs[place])) ** gamma * logs[place]
    return total * (1.0 if class_weights is None else float(class_weights[label]))


@pytest.mark.parametrize(("name", "mix", "smoothing", "class_weights", "sample_weights", "gamma"), COMBINATIONS)
def test_the_loss_is_the_formula(name, mix, smoothing, class_weights, sample_weights, gamma):
    images, targets = batch()
    own, network = task(LossConfig(name=name, label_smoothing=smoothing, gamma=gamma), class_weights), model()
    exponent = gamma if name == "focal" else 0.0
    for key in range(3):
        inputs, labels, weights, share, partner = images, targets, sample_weights, 1.0, np.arange(N)
        if mix != "none":
            inputs, labels, weights = mixed(images, targets, sample_weights, MIXES[mix], key)
            drawn = draw(MIXES[mix], N, 6, 6, key)
            share, partner = drawn.share, drawn.partner
        outcome = own.outcome(network, inputs, labels, weights)
        logits = network(inputs).detach().numpy()
        total = 0.0
        for row in range(N):
            for part, source in ((share, row), (1 - share, partner[row])):
                weight = 1.0 if sample_weights is None else float(sample_weights[source])
                label = int(targets[source])
                total += part * weight * formula(logits[row], label, smoothing, class_weights, exponent)
        assert outcome.loss.item() == pytest.approx(total, rel=2e-6)
        assert outcome.count == N
        if sample_weights is None:
            hits = [
                share * (guess == int(targets[row])) + (1 - share) * (guess == int(targets[partner[row]]))
                for row, guess in enumerate(logits.argmax(axis=1))
            ]
            assert float(outcome.score) == pytest.approx(sum(hits), abs=1e-5)


@pytest.mark.parametrize("shares", [False, True])
def test_class_weights_are_those_of_torch(shares):
    logits = torch.randn(N, CLASSES, generator=torch.Generator().manual_seed(2))
    targets = batch()[1]
    if shares:
        targets = torch.rand(N, CLASSES, generator=torch.Generator().manual_seed(3)).softmax(dim=1)
    ours = make_loss(LossConfig(label_smoothing=0.0), CLASS_WEIGHTS)(logits, targets)
    theirs = nn.CrossEntropyLoss(weight=CLASS_WEIGHTS, reduction="none")(logits, targets)
    same("loss", "cross_entropy", "`CrossEntropyLoss` of torch", ours, theirs)


def test_a_heavy_class_does_not_become_the_best_answer_to_images_of_the_others():
    """As it does in torch's combination of weights and smoothing."""
    weights, targets = torch.tensor([0.5, 50.0]), torch.tensor([0])
    ours = make_loss(LossConfig(label_smoothing=0.1), weights)
    theirs = nn.CrossEntropyLoss(weight=weights, label_smoothing=0.1, reduction="none")
    for loss, answer in ((ours, 0), (theirs, 1)):
        logits = torch.zeros(1, 2, requires_grad=True)
        (slope,) = torch.autograd.grad(loss(logits, targets).sum(), logits)
        assert int((-slope).argmax()) == answer


def test_over_the_whole_training_part_the_mean_is_that_of_torch():
    """torch divides by the weights in the batch, we by its size; with a mean weight of 1 both are the same in total."""
    logits, targets = torch.randn(N, CLASSES, generator=torch.Generator().manual_seed(2)), batch()[1]
    counts = torch.bincount(targets, minlength=CLASSES)
    weights = torch.where(counts > 0, N / (CLASSES * counts), 1.0)
    weights = weights * N / weights[targets].sum()
    ours = make_loss(LossConfig(label_smoothing=0.0), weights)(logits, targets).mean()
    torch.testing.assert_close(ours, nn.CrossEntropyLoss(weight=weights)(logits, targets))


def test_focal_is_that_of_the_paper_and_cross_entropy_where_gamma_is_zero():
    logits, targets = torch.randn(N, CLASSES, dtype=torch.float64), batch()[1]
    true = logits.softmax(dim=1).gather(1, targets[:, None])[:, 0]
    weights = CLASS_WEIGHTS.double()
    focal = make_loss(LossConfig(name="focal", label_smoothing=0.0, gamma=2.0), weights)(logits, targets)
    same("loss", "focal", "the formula of Lin et al. 2017", focal, -weights[targets] * (1 - true) ** 2 * true.log())
    flat = make_loss(LossConfig(name="focal", gamma=0.0), weights)(logits, targets)
    torch.testing.assert_close(flat, make_loss(LossConfig(), weights)(logits, targets))


def test_a_users_own_loss_is_weighed_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_loss.py").write_text(
        "def powers(config, power=2):\n    return lambda logits, targets: (logits ** power).sum(dim=1)\n"
    )
    logits, targets = torch.ones(3, CLASSES), torch.tensor([0, 2, 4])
    loss = make_loss(LossConfig(name="own_loss:powers"), CLASS_WEIGHTS)
    torch.testing.assert_close(loss(logits, targets), CLASSES * CLASS_WEIGHTS[targets])
    half = functional.one_hot(targets, CLASSES) * 0.5 + 0.5 * functional.one_hot(torch.tensor([1, 1, 4]), CLASSES)
    expected = CLASSES * torch.tensor([0.6, 2.0, 0.0])
    torch.testing.assert_close(loss(logits, half), expected)
