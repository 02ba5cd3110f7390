"""What a learning-rate sweep proposes, on trainings whose stable rates are known."""

import numpy as np
import pytest
import torch

from sightline.errors import TrainingError
from sightline.training.lr_range import diverged, judge, ramp


def sweep_of_a_bowl(curvature, low=1e-4, high=1e2, steps=120):
    """Gradient descent down 0.5 * curvature * w^2 diverges exactly where the rate passes 2 / curvature."""
    rate, rates, losses = ramp(low, high, steps), [], []
    weight = torch.tensor(1.0, dtype=torch.float64)
    for step in range(steps):
        rates.append(rate(step))
        losses.append(float(0.5 * curvature * weight**2))
        if diverged(losses) and len(losses) > 1 and losses[-1] > losses[0]:
            break
        weight -= rate(step) * curvature * weight
    return rates, losses


def test_the_ramp_ends_where_it_is_told_and_rises_by_one_factor():
    rate = ramp(1e-5, 10.0, 7)
    rates = [rate(step) for step in range(7)]
    assert rates[0] == 1e-5 and rates[-1] == pytest.approx(10.0)
    assert np.ptp(np.diff(np.log(rates))) < 1e-12


@pytest.mark.parametrize("curvature", [0.5, 10.0, 300.0])
def test_the_proposal_is_stable_and_no_more_than_a_decade_below_the_edge(curvature):
    sweep = judge(*sweep_of_a_bowl(curvature))
    assert 0.1 / curvature < sweep.proposed < 2 / curvature
    assert sweep.steepest <= sweep.lowest and sweep.proposed == pytest.approx(sweep.lowest / 2, rel=0.05)
    assert sweep.rises


def test_a_step_that_blows_up_is_left_out():
    rates = np.geomspace(1e-5, 1, 60)
    losses = [2.0 - 1.5 * min(1.0, place / 40) for place in range(60)]
    clean, broken = judge(rates, losses[:50]), judge(rates, [*losses[:50], float("nan"), *losses[51:]])
    assert len(broken.losses) == 50 and broken.proposed == clean.proposed and broken.rises


def test_a_loss_that_still_falls_at_the_end_is_told():
    sweep = judge(np.geomspace(1e-6, 1e-3, 50), np.linspace(2.3, 1.0, 50))
    assert not sweep.rises and sweep.lowest == pytest.approx(1e-3)


def test_noise_around_one_value_proposes_nothing():
    losses = 2.3 + 0.02 * np.random.default_rng(0).standard_normal(100)
    with pytest.raises(TrainingError, match="did not fall at any rate") as raised:
        judge(np.geomspace(1e-6, 1e-1, 100), losses)
    assert "--steps" in str(raised.value)


def test_a_sweep_that_diverges_at_once_says_to_begin_lower():
    with pytest.raises(TrainingError, match="diverged before the sweep") as raised:
        judge([1.0, 2.0, 4.0], [2.3, 50.0, float("inf")])
    assert "smaller -s train.lr" in str(raised.value)
