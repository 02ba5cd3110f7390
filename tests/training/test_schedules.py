"""The learning rate as a function of the step, against torch's schedulers, and durations in steps."""

import math

import pytest
import torch

from sightline.errors import ConfigError, PlugError
from sightline.training.config import ScheduleConfig, is_duration
from sightline.training.schedules import make_schedule, steps_of


def rates_of_torch(scheduler_of, steps, peak):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=peak)
    scheduler, rates = scheduler_of(optimizer), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def test_cosine_is_torchs_cosine():
    lr = make_schedule(ScheduleConfig(final=0.05), 0.4, 0, 50)
    expected = rates_of_torch(
        lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 50, eta_min=0.4 * 0.05), 50, 0.4
    )
    assert [lr(step) for step in range(50)] == pytest.approx(expected, rel=1e-12)


def test_warmup_then_cosine_is_what_torch_chains():
    lr = make_schedule(ScheduleConfig(final=0.0), 0.4, 5, 25)
    scheduler = torch.optim.lr_scheduler
    expected = rates_of_torch(
        lambda optimizer: scheduler.SequentialLR(
            optimizer,
            [scheduler.LinearLR(optimizer, 1 / 6, 1.0, 5), scheduler.CosineAnnealingLR(optimizer, 20)],
            milestones=[5],
        ),
        25,
        0.4,
    )
    assert [lr(step) for step in range(25)] == pytest.approx(expected, rel=1e-9)


def test_constant_is_torchs_linear_warmup_and_then_the_peak():
    lr = make_schedule(ScheduleConfig(name="constant"), 0.3, 4, 12)
    expected = rates_of_torch(
        lambda optimizer: torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min((step + 1) / 5, 1.0)), 12, 0.3
    )
    assert [lr(step) for step in range(12)] == pytest.approx(expected, rel=1e-12)


def test_closed_form_at_the_marked_steps():
    lr = make_schedule(ScheduleConfig(final=0.1), 1.0, 10, 110)
    assert lr(0) == 1 / 11 and lr(9) == 10 / 11 and lr(10) == 1.0
    assert lr(60) == pytest.approx(0.1 + 0.9 * 0.5) and lr(35) == pytest.approx(
        0.1 + 0.45 * (1 + math.cos(math.pi / 4))
    )
    assert lr(109) > 0.1 and lr(110) == pytest.approx(0.1)


def test_the_rate_is_never_zero_where_it_matters_and_falls_all_the_way():
    lr = make_schedule(ScheduleConfig(final=0.0), 1.0, 0, 100)
    rates = [lr(step) for step in range(100)]
    assert min(rates) > 0 and rates == sorted(rates, reverse=True)
    assert make_schedule(ScheduleConfig(), 1.0, 0, 1)(0) == 1.0


@pytest.mark.parametrize(("warmup", "total"), [(10, 10), (11, 10), (1, 1)])
def test_a_warmup_as_long_as_the_run(warmup, total):
    with pytest.raises(ConfigError) as error:
        make_schedule(ScheduleConfig(), 0.1, warmup, total)
    assert str(error.value) == (
        f"the warm-up is as long as the run (train.schedule.warmup)\n  got: {warmup} of {total} steps\n"
        "  next: make it shorter, or train longer"
    )


@pytest.mark.parametrize(
    ("duration", "steps"),
    [("5ep", 100), ("0.5ep", 10), ("500st", 500), ("10%", 40), ("0%", 0), ("100%", 400), ("0.26%", 1), ("1.4st", 1)],
)
def test_durations(duration, steps):
    assert is_duration(duration) and steps_of(duration, per_epoch=20, total=400) == steps


@pytest.mark.parametrize("text", ["5", "ep", "-1ep", "5 ep", "5e", "1e3st", "5ep ", "%", "5.ep", ""])
def test_what_is_no_duration(text):
    assert not is_duration(text)


def test_an_unknown_schedule():
    with pytest.raises(
        PlugError, match=r"unknown schedule 'cosin' \(train.schedule.name\)\n  allowed: constant, cosine\n"
    ):
        make_schedule(ScheduleConfig(name="cosin"), 0.1, 0, 10)


def test_a_users_own_schedule(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_rates.py").write_text("def half(config):\n    return lambda progress: 1 - progress / 2\n")
    lr = make_schedule(ScheduleConfig(name="my_rates:half"), 1.0, 0, 4)
    assert [lr(step) for step in range(4)] == [1.0, 0.875, 0.75, 0.625]
