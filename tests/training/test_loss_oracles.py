"""Every loss against an implementation of somebody else, or its formula in float64."""

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_squared_log_error
from torch.nn import functional
from torchvision import ops

from oracles import same
from sightline.config_loss import LOSS_TAKES
from sightline.errors import ConfigError, PlugError
from sightline.training.boxes import BOX_LOSSES
from sightline.training.config import LossConfig
from sightline.training.losses import LOSSES, judging, make_loss, of_batch

RANDOM = torch.Generator().manual_seed(0)
LOGITS = torch.randn(9, 5, generator=RANDOM, dtype=torch.float64)
CLASSES = torch.randint(5, (9,), generator=RANDOM)
LABELS = torch.randint(2, (9, 5), generator=RANDOM).double()
NUMBERS = torch.rand(9, 5, generator=RANDOM, dtype=torch.float64) * 9
WEIGHTS = torch.tensor([1.0, 2.0, 0.5, 4.0, 1.0], dtype=torch.float64)


def made(name, kind="class", weights=None, **changes):
    return make_loss(LossConfig(name=name, **changes), weights, kind)


@pytest.mark.parametrize(("margin", "power"), [(None, 1), (0.3, 1), (1.5, 2)])
def test_hinge_is_torchs_multi_margin_loss(margin, power):
    ours = made("hinge", margin=margin, power=power)(LOGITS, CLASSES)
    wide = 1.0 if margin is None else margin
    theirs = functional.multi_margin_loss(LOGITS, CLASSES, p=power, margin=wide, reduction="none")
    same("loss", "hinge", "`multi_margin_loss` of torch", ours, theirs)


@pytest.mark.parametrize("power", [1, 2])
def test_hinge_of_a_mixed_target_is_the_mean_of_its_classes(power, monkeypatch):
    first, second = CLASSES, CLASSES.flip(0)
    shares = 0.3 * functional.one_hot(first, 5).double() + 0.7 * functional.one_hot(second, 5).double()
    loss = made("hinge", power=power, margin=0.7)
    wanted = 0.3 * loss(LOGITS, first) + 0.7 * loss(LOGITS, second)
    torch.testing.assert_close(loss(LOGITS, shares), wanted)
    monkeypatch.setattr("sightline.training.losses_class._AT_ONCE", 2 * LOGITS.numel())  # two classes at a time
    torch.testing.assert_close(loss(LOGITS, shares), wanted)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("summed", [False, True])
def test_bce_of_classes_is_torchs_against_smoothed_targets(smoothing, summed):
    ours = made("bce", label_smoothing=smoothing, sum_classes=summed)(LOGITS, CLASSES)
    targets = torch.full((9, 5), smoothing / 5, dtype=torch.float64)
    targets[torch.arange(9), CLASSES] = 1 - smoothing + smoothing / 5
    each = functional.binary_cross_entropy_with_logits(LOGITS, targets, reduction="none")
    theirs = each.sum(1) if summed else each.mean(1)
    same("loss", "bce", "`binary_cross_entropy_with_logits` of torch", ours, theirs)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_bce_of_labels_is_torchs_with_positive_weights_and_without_smoothing(weights):
    ours = made("bce", "labels", weights)(LOGITS, LABELS)
    theirs = functional.binary_cross_entropy_with_logits(LOGITS, LABELS, pos_weight=weights, reduction="none")
    same("loss", "bce (multilabel)", "`binary_cross_entropy_with_logits` of torch", ours, theirs.mean(1))
    torch.testing.assert_close(made("bce", "labels", weights, sum_classes=True)(LOGITS, LABELS), theirs.sum(1))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_of_labels_is_torchvisions(gamma):
    ours = made("focal", "labels", gamma=gamma)(LOGITS, LABELS)
    theirs = ops.sigmoid_focal_loss(LOGITS, LABELS, alpha=-1, gamma=gamma).mean(1)
    same("loss", "focal (multilabel)", "`sigmoid_focal_loss` of torchvision", ours, theirs)


def by_hand(logits, classes, margin):
    """The batch-hard triplet loss of each anchor, one after the other."""
    points = np.asarray(logits) / np.linalg.norm(np.asarray(logits), axis=1, keepdims=True)
    losses = []
    for row, own in enumerate(classes):
        apart = np.linalg.norm(points - points[row], axis=1)
        alike = [d for other, d in enumerate(apart) if classes[other] == own and other != row]
        unlike = [d for other, d in enumerate(apart) if classes[other] != own]
        short = max(alike, default=0) - min(unlike, default=0)
        some = np.log1p(np.exp(short)) if margin is None else max(0.0, short + margin)
        losses.append(some if alike and unlike else 0.0)
    return np.asarray(losses)


@pytest.mark.parametrize("margin", [None, 0.0, 0.4])
def test_triplet_is_the_formula_beside_cross_entropy(margin):
    classes = torch.tensor([0, 0, 1, 1, 1, 2, 2, 0, 4])  # the last one is alone in its class
    loss = made("triplet", margin=margin, weight=2.5, label_smoothing=0.1)
    entropy = functional.cross_entropy(LOGITS, classes, reduction="none", label_smoothing=0.1)
    hard = torch.from_numpy(by_hand(LOGITS, classes.tolist(), margin))
    same("loss", "triplet", "each anchor by hand, in float64", loss(LOGITS, classes), entropy + 2.5 * hard)
    assert hard[-1] == 0
    assert of_batch(loss)
    torch.testing.assert_close(judging(loss)(LOGITS, classes), entropy)
    alone = torch.zeros(9, dtype=torch.int64)
    torch.testing.assert_close(loss(LOGITS, alone), judging(loss)(LOGITS, alone))


def test_a_weighed_triplet_is_still_one_of_whole_batches():
    loss = made("triplet", weights=WEIGHTS)
    assert of_batch(loss)
    torch.testing.assert_close(loss(LOGITS, CLASSES), made("triplet")(LOGITS, CLASSES) * WEIGHTS[CLASSES])


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("mse", functional.mse_loss),
        ("mae", functional.l1_loss),
        ("huber", lambda a, b, reduction: functional.huber_loss(a, b, reduction=reduction, delta=0.7)),
    ],
)
def test_losses_of_numbers_are_torchs(name, theirs):
    changes = {"delta": 0.7} if name == "huber" else {}
    ours, wanted = made(name, "numbers", **changes)(LOGITS, NUMBERS), theirs(LOGITS, NUMBERS, reduction="none").mean(1)
    same("loss", name, f"`{'l1' if name == 'mae' else name}_loss` of torch", ours, wanted)


def test_msle_is_scikit_learns_and_draws_back_what_is_below_zero():
    outputs = LOGITS.abs().requires_grad_(True)
    ours = made("msle", "numbers")(outputs, NUMBERS)
    theirs = [mean_squared_log_error(NUMBERS[row], LOGITS[row].abs()) for row in range(9)]
    oracle = "`mean_squared_log_error` of scikit-learn"
    same("loss", "msle", oracle, ours.detach(), torch.tensor(theirs, dtype=torch.float64), rtol=1e-12, atol=0)
    below = torch.tensor([[-3.0]], requires_grad=True)
    (slope,) = torch.autograd.grad(made("msle", "numbers")(below, torch.tensor([[2.0]])).sum(), below)
    assert slope.item() < 0


def boxes(count=200):
    random = torch.Generator().manual_seed(1)
    corner, size = (torch.rand(count, 2, generator=random, dtype=torch.float64) * 10 for _ in range(2))
    return torch.cat([corner, corner + size + 0.01], dim=1)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("iou", lambda a, b: 1 - ops.box_iou(a, b).diagonal()),
        ("giou", ops.generalized_box_iou_loss),
        ("diou", ops.distance_box_iou_loss),
        ("ciou", ops.complete_box_iou_loss),
    ],
)
def test_losses_of_boxes_are_torchvisions(name, theirs):
    ours, other = boxes().requires_grad_(True), boxes().flip(0)
    found, wanted = BOX_LOSSES[name](ours, other), theirs(ours, other)
    same("boxes", name, "torchvision", found.detach(), wanted.detach(), rtol=1e-5, atol=1e-6)
    slopes = [torch.autograd.grad(values.sum(), ours, retain_graph=True)[0] for values in (found, wanted)]
    torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-5)


def test_every_built_in_loss_has_its_settings_told():
    assert set(LOSS_TAKES) == {name for losses in LOSSES.values() for name in losses}


@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [
        ("mse", "class", "'mse' is a loss of numbers, and the classification task is about one class an image"),
        ("triplet", "labels", "'triplet' is a loss of one class an image, and the multilabel task is about labels"),
        ("bce", "numbers", "'bce' is a loss of one class an image or labels, and the regression task is about numbers"),
        ("giou", "class", "'giou' is a loss of boxes, and the classification task has none"),
    ],
)
def test_a_loss_of_something_else_is_refused_with_the_reason(name, kind, told):
    with pytest.raises(PlugError, match=told) as raised:
        made(name, kind)
    assert raised.value.allowed == tuple(sorted(LOSSES[kind])) or raised.value.allowed == sorted(LOSSES[kind])


def test_auto_is_the_customary_loss_of_each_task():
    torch.testing.assert_close(made("auto")(LOGITS, CLASSES), made("cross_entropy")(LOGITS, CLASSES))
    torch.testing.assert_close(made("auto", "labels")(LOGITS, LABELS), made("bce", "labels")(LOGITS, LABELS))
    torch.testing.assert_close(made("auto", "numbers")(LOGITS, NUMBERS), made("mse", "numbers")(LOGITS, NUMBERS))


def test_a_users_loss_of_labels_without_weights_refuses_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain_loss.py").write_text("def plain(config):\n    return lambda a, b: (a - b).abs().sum(1)\n")
    with pytest.raises(ConfigError, match="'plain_loss:plain' takes no weights of labels"):
        made("plain_loss:plain", "labels", WEIGHTS)
