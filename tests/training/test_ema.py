"""The moving average of the weights, against torch's own."""

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from sightline.model.build import build
from sightline.training.ema import Ema
from sightline.training.swa import Swa


def network():
    torch.manual_seed(0)
    return build("cnn", 3, 1, {"width": 4}).module.train()


def disturb(module, seed):
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=random))
        module(torch.randn(4, 1, 8, 8, generator=random))


def test_it_is_torchs_average_once_the_run_is_long_enough():
    module = network()
    ours, theirs = Ema(module, 0.9), AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    theirs.update_parameters(module)  # the first call only copies
    for step in range(1000, 1006):
        disturb(module, step)
        ours.update(module, step)
        theirs.update_parameters(module)
    average = theirs.module.state_dict()
    for key, value in ours.module.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, average[key], rtol=1e-6, atol=1e-7)


def test_the_first_steps_forget_the_initial_weights_quickly():
    module = network()
    ema = Ema(module, 0.999)
    start = module.head.weight.detach().clone()
    disturb(module, 0)
    ema.update(module, 0)
    torch.testing.assert_close(ema.module.head.weight, 0.1 * start + 0.9 * module.head.weight.detach())
    before = ema.module.head.weight.clone()
    disturb(module, 1)
    ema.update(module, 1)
    torch.testing.assert_close(ema.module.head.weight, (2 / 11) * before + (9 / 11) * module.head.weight.detach())


def test_counters_are_copied_and_statistics_averaged():
    module = network()
    ema = Ema(module, 0.5)
    disturb(module, 0)
    disturb(module, 1)
    ema.update(module, 10_000)
    norm, average = module.stage1.norm, ema.module.stage1.norm
    assert int(average.num_batches_tracked) == int(norm.num_batches_tracked) == 2
    torch.testing.assert_close(average.running_mean, 0.5 * norm.running_mean)


def test_the_average_is_for_evaluation_and_takes_no_part_in_training():
    module = network()
    ema = Ema(module, 0.5)
    assert not ema.module.training and module.training
    assert not any(parameter.requires_grad for parameter in ema.module.parameters())
    disturb(module, 0)
    assert not torch.equal(ema.module.head.weight, module.head.weight)


@pytest.mark.parametrize("kind", ["moving", "equal"])
def test_a_part_that_is_known_by_two_names_is_averaged_once(kind):
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    module.again = module[0]
    average = Ema(module, 0.9) if kind == "moving" else Swa(module, 1000)
    values = []
    for step in range(1000, 1004):
        with torch.no_grad():
            module[0].weight.fill_(step)
            module[1].running_mean.fill_(step)
        if step == 1000:
            average.module.load_state_dict(module.state_dict())
        average.update(module, step)
        last = values[-1] if values else 1000.0
        values.append(0.9 * last + 0.1 * step if kind == "moving" else sum(range(1000, step + 1)) / (step - 999))
        torch.testing.assert_close(average.module.again.weight, torch.full((2, 2), values[-1]))
        torch.testing.assert_close(average.module[1].running_mean, torch.full((2,), values[-1]))
