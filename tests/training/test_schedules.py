"""The learning rate as a function of the step, against torch's schedulers, and durations in steps."""

import itertools
import math

import pytest
import torch

from sightline.errors import ConfigError, PlugError
from sightline.training.config import ScheduleConfig, is_duration
from sightline.training.schedules import SCHEDULES, Clock, steps_of
from sightline.training.schedules import make_schedule as make


def make_schedule(config, peak, warmup, total, per_epoch=10):
    return make(config, peak, Clock(per_epoch, warmup, total))


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
    with pytest.raises(PlugError, match=r"unknown schedule 'cosin' \(train.schedule.name\)\n  allowed: .*cosine.*\n"):
        make_schedule(ScheduleConfig(name="cosin"), 0.1, 0, 10)


def test_a_users_own_schedule(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_rates.py").write_text("def half(config):\n    return lambda progress: 1 - progress / 2\n")
    lr = make_schedule(ScheduleConfig(name="my_rates:half"), 1.0, 0, 4)
    assert [lr(step) for step in range(4)] == [1.0, 0.875, 0.75, 0.625]


def settings(name, **more):
    return ScheduleConfig(name=name, **more)


T = torch.optim.lr_scheduler
TORCHS = {
    "linear": (settings("linear", final=0.2), lambda o: T.LinearLR(o, 1.0, 0.2, 60)),
    "restarts": (
        settings("restarts", every="10st", stretch=2, final=0.1),
        lambda o: T.CosineAnnealingWarmRestarts(o, 10, 2, eta_min=0.4 * 0.1),
    ),
    "restarts of one length": (
        settings("restarts", every="1.5ep", final=0.0),
        lambda o: T.CosineAnnealingWarmRestarts(o, 15),
    ),
    "step": (settings("step", every="2ep", factor=0.3), lambda o: T.StepLR(o, 20, 0.3)),
    "milestones": (
        settings("milestones", at=("1ep", "25st", "90%"), factor=0.5),
        lambda o: T.MultiStepLR(o, [10, 25, 54], 0.5),
    ),
    "exponential": (settings("exponential", every="1ep", factor=0.5), lambda o: T.ExponentialLR(o, 0.5 ** (1 / 10))),
    "polynomial": (settings("polynomial", power=3.0, final=0.0), lambda o: T.PolynomialLR(o, 60, 3.0)),
}


@pytest.mark.parametrize("name", TORCHS)
def test_it_is_torchs(name):
    config, of_torch = TORCHS[name]
    lr = make_schedule(config, 0.4, 0, 60)
    assert [lr(step) for step in range(60)] == pytest.approx(rates_of_torch(of_torch, 60, 0.4), rel=1e-9, abs=1e-12)


def test_one_cycle_is_torchs():
    """Torch's is at its peak a step before the share of steps it is told, and reaches its lowest in the last step."""
    lr = make_schedule(settings("one_cycle", final=0.001), 0.4, 20, 60)
    expected = rates_of_torch(
        lambda o: T.OneCycleLR(
            o, 0.4, total_steps=61, pct_start=21 / 61, div_factor=25, final_div_factor=40, cycle_momentum=False
        ),
        60,
        0.4,
    )
    assert [lr(step) for step in range(60)] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_warmup_comes_before_every_schedule(name):
    lr = make_schedule(settings(name), 1.0, 6, 60)
    rising = [lr(step) for step in range(7)]
    assert rising == sorted(rising) and rising[0] < 0.2 and rising[-1] == 1.0
    assert all(0 <= lr(step) <= 1 for step in range(60))


@pytest.mark.parametrize(
    ("config", "where"),
    [
        (settings("step", every="0.4st"), "train.schedule.every"),
        (settings("milestones", at=("0%",)), "train.schedule.at"),
    ],
)
def test_a_duration_shorter_than_a_step(config, where):
    with pytest.raises(ConfigError, match=f"{where} is shorter than a step"):
        make_schedule(config, 1.0, 0, 60)


@pytest.mark.parametrize("total", [60, 61, 997])
def test_restarts_that_divide_the_run_end_with_it(total):
    lr = make_schedule(settings("restarts", final=0.0), 1.0, 6, total)
    rates = [lr(step) for step in range(6, total)]
    assert sum(after > before for before, after in itertools.pairwise(rates)) == 3
    assert rates[-1] < 0.05
