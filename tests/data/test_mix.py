"""MixUp and CutMix: what is mixed, how much, and that nothing but the key decides it."""

import numpy as np
import pytest
import torch

from sightline.data.mix import Mixing, draw, mixed

N, CLASSES, HEIGHT, WIDTH = 6, 4, 9, 12


def mixing(mixup=0.0, cutmix=0.0, probability=1.0):
    return Mixing(classes=CLASSES, mixup=mixup, cutmix=cutmix, probability=probability)


def batch(layout=torch.contiguous_format):
    inputs = torch.randn(N, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
    return inputs.contiguous(memory_format=layout), torch.arange(N) % CLASSES


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("key", range(5))
def test_mixup_is_the_weighted_mean_of_pairs(key, layout):
    inputs, targets = batch(layout)
    before = inputs.clone()
    images, shares, weights = mixed(inputs, targets, None, mixing(mixup=1.0), key)
    drawn = draw(mixing(mixup=1.0), N, HEIGHT, WIDTH, key)
    assert sorted(drawn.partner) == list(range(N)) and drawn.box is None and weights is None
    for row, other in enumerate(drawn.partner):
        expected = drawn.share * inputs[row].double() + (1 - drawn.share) * inputs[other].double()
        torch.testing.assert_close(images[row].double(), expected, rtol=0, atol=1e-6)
        target = np.zeros(CLASSES)
        target[targets[row]] += drawn.share
        target[targets[other]] += 1 - drawn.share
        np.testing.assert_allclose(shares[row], target, atol=1e-6)
    assert images.is_contiguous(memory_format=layout)
    assert torch.equal(inputs, before)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_cutmix_takes_a_box_from_the_partner_and_counts_its_pixels(layout):
    inputs, targets = batch(layout)
    sizes = set()
    for key in range(40):
        images, shares, _ = mixed(inputs, targets, None, mixing(cutmix=1.0), key)
        drawn = draw(mixing(cutmix=1.0), N, HEIGHT, WIDTH, key)
        for row, other in enumerate(drawn.partner):
            foreign = (images[row] != inputs[row]).all(dim=0)
            if other != row:
                assert foreign.float().mean() == pytest.approx(1 - drawn.share, abs=1e-6)
                rows, columns = torch.where(foreign)
                if len(rows):  # a box without holes
                    assert foreign[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].all()
            assert torch.equal(images[row][:, foreign], inputs[other][:, foreign])
            assert shares[row][targets[row]] >= drawn.share - 1e-6
        sizes.add(round(drawn.share, 6))
        assert images.is_contiguous(memory_format=layout)
        torch.testing.assert_close(shares.sum(dim=1), torch.ones(N))
    assert len(sizes) > 20


def test_a_label_brings_its_weight_along():
    inputs, targets = batch()
    weights = torch.tensor([0.0, 2.0, 0.5, 1.0, 3.0, 0.0])
    for key in range(30):
        _, shares, found = mixed(inputs, targets, weights, mixing(mixup=1.0), key)
        drawn = draw(mixing(mixup=1.0), N, HEIGHT, WIDTH, key)
        for row, other in enumerate(drawn.partner):
            pull = torch.zeros(CLASSES)
            pull[targets[row]] += drawn.share * weights[row]
            pull[targets[other]] += (1 - drawn.share) * weights[other]
            torch.testing.assert_close(found[row] * shares[row], pull)
        torch.testing.assert_close(shares.sum(dim=1), torch.ones(N))  # even of two labels that weigh nothing


def test_the_key_decides_the_draw():
    inputs, targets = batch()
    both = mixing(mixup=0.4, cutmix=1.0)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = mixed(inputs, targets, None, both, 7)
    again, other = mixed(inputs, targets, None, both, 7), mixed(inputs, targets, None, both, 8)
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])
    assert torch.equal(torch.get_rng_state(), state)  # dropout's random numbers stay what they would be


def test_with_both_each_batch_gets_one_and_the_probability_is_kept():
    draws = [draw(mixing(mixup=0.4, cutmix=1.0, probability=0.6), N, HEIGHT, WIDTH, key) for key in range(3000)]
    made = [one for one in draws if one is not None]
    assert len(made) / len(draws) == pytest.approx(0.6, abs=0.03)
    assert sum(one.box is not None for one in made) / len(made) == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_the_share_of_mixup_is_drawn_from_beta(alpha):
    shares = np.array([draw(mixing(mixup=alpha), 2, 4, 4, key).share for key in range(4000)])
    assert shares.mean() == pytest.approx(0.5, abs=0.02)
    assert shares.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), abs=0.01)


def test_a_batch_that_is_not_to_be_mixed_stays_as_it_is():
    inputs, targets = batch()
    never = mixing(mixup=1.0, probability=1e-12)
    assert mixed(inputs, targets, None, never, 3) == (inputs, targets, None)
