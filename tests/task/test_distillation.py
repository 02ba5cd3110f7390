"""What a teacher adds to the loss, against torch and against the formulas of the papers."""

import pytest
import torch
from torch.nn import functional

from sightline.data.contract import Contract
from sightline.errors import ModelError
from sightline.model.build import build
from sightline.task.classification import Classification
from sightline.task.distillation import Distillation, Lesson, attention_gap, require_maps, softened
from sightline.training.config import LossConfig
from sightline.training.losses import make_loss

CONTRACT = Contract(
    classes=("a", "b", "c"), color="gray", height=16, width=16, resize="squash", shorter=16,
    interpolation="bilinear", mean=(0.5,), std=(0.25,),
)  # fmt: skip
RANDOM = torch.Generator().manual_seed(0)
LOGITS, ANSWERS = torch.randn(2, 6, 3, generator=RANDOM, dtype=torch.float64)
TARGETS = torch.arange(6) % 3


def lesson(**own):
    return Lesson(**({"temperature": 3.0, "share": 0.4} | own))


def task(**own):
    base = Classification(CONTRACT, make_loss(LossConfig()))
    return Distillation(base, lambda _: ANSWERS.float(), lesson(**own)), base


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_the_softened_loss_is_torchs_divergence_times_the_squared_temperature(temperature):
    ours, theirs = ((each / temperature).log_softmax(1) for each in (LOGITS, ANSWERS))
    expected = functional.kl_div(ours, theirs, log_target=True, reduction="none").sum(1) * temperature**2
    torch.testing.assert_close(softened(LOGITS, ANSWERS, temperature), expected)


def test_it_is_nothing_where_both_agree_and_its_slope_is_right():
    assert softened(ANSWERS, ANSWERS + 7, 2.0).abs().max() < 1e-12
    logits = LOGITS.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda one: softened(one, ANSWERS, 2.0), (logits,))
    assert torch.isfinite(softened(LOGITS * 1e4, -ANSWERS * 1e4, 1.0)).all()


def test_labels_and_teacher_share_the_loss_and_samples_weigh_in_both():
    both, base = task()
    model, weights = torch.nn.Identity(), torch.tensor([0.0, 1.0, 2.0, 0.5, 1.0, 3.0])
    logits = LOGITS.float()
    hard = base.loss(logits, TARGETS)
    soft = softened(logits, ANSWERS.float(), 3.0)
    torch.testing.assert_close(both.outcome(model, logits, TARGETS).loss, (0.6 * hard + 0.4 * soft).sum())
    weighed = both.outcome(model, logits, TARGETS, weights)
    torch.testing.assert_close(weighed.loss, ((0.6 * hard + 0.4 * soft) * weights).sum())
    assert weighed.score == base.outcome(model, logits, TARGETS).score and weighed.count == 6


def test_answers_that_are_known_are_not_asked_for():
    both, _ = task()
    both.answers = None
    known = both.outcome(torch.nn.Identity(), LOGITS.float(), TARGETS, answers=ANSWERS)
    asked = task()[0].outcome(torch.nn.Identity(), LOGITS.float(), TARGETS)
    assert torch.equal(known.loss, asked.loss)


def test_the_teacher_gets_no_gradient():
    teacher = torch.nn.Linear(3, 3)
    both = Distillation(task()[1], teacher, lesson(share=1.0))
    both.outcome(torch.nn.Linear(3, 3), LOGITS.float(), TARGETS).loss.backward()
    assert teacher.weight.grad is None


def test_attention_maps_are_vectors_of_length_one():
    ours, theirs = torch.rand(4, 5, 6, 6, generator=RANDOM), torch.rand(4, 9, 6, 6, generator=RANDOM)
    expected = [
        (one.square().mean(0).flatten() / one.square().mean(0).norm()
         - other.square().mean(0).flatten() / other.square().mean(0).norm()).square().sum()
        for one, other in zip(ours, theirs, strict=True)
    ]  # fmt: skip
    torch.testing.assert_close(attention_gap(ours, theirs), torch.stack(expected))
    assert attention_gap(ours, 3 * ours).abs().max() < 1e-6
    assert attention_gap(ours, torch.rand(4, 2, 12, 12, generator=RANDOM)).shape == (4,)


def test_attention_adds_to_the_loss_and_reaches_the_student():
    torch.manual_seed(0)
    student, teacher = (build("cnn", 3, 1, {"width": width}).module for width in (4, 8))
    images = torch.randn(6, 1, 16, 16)
    base = task()[1]
    plain = Distillation(base, teacher, lesson()).outcome(student.eval(), images, TARGETS)
    more = Distillation(base, teacher, lesson(attention=5.0), teacher.eval()).outcome(student, images, TARGETS)
    assert more.loss > plain.loss and torch.isfinite(more.loss)
    more.loss.backward()
    assert student.stage3.block.conv2.weight.grad is not None
    assert not student.stage3._forward_hooks


def test_a_network_without_maps_is_told():
    with pytest.raises(ModelError, match="the teacher computes no feature maps"):
        require_maps(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2)), torch.zeros(1, 1, 2, 2), "teacher")
