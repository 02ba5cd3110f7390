"""The baseline for small images."""

import pytest
import torch

from sightline.model.cnn import cnn


@pytest.mark.parametrize("side", [1, 2, 7, 28, 64])
def test_images_of_any_size(side):
    assert cnn(4, 1, width=8).eval()(torch.rand(2, 1, side, side)).shape == (2, 4)


def test_without_batch_norm_a_batch_is_the_sum_of_its_images():
    torch.manual_seed(0)
    model, images = cnn(3, 1, width=8, norm="group").train(), torch.rand(6, 1, 16, 16)
    torch.testing.assert_close(model(images), torch.cat([model(image[None]) for image in images]))


def test_dropout_acts_in_training_only():
    torch.manual_seed(0)
    model, images = cnn(3, 1, width=8, dropout=0.5), torch.rand(4, 1, 16, 16)
    assert not torch.equal(model.train()(images), model(images))
    assert torch.equal(model.eval()(images), model(images))


def test_it_learns_a_handful_of_images_by_heart():
    torch.manual_seed(0)
    model, images, targets = cnn(4, 1, width=8), torch.randn(8, 1, 12, 12), torch.arange(8) % 4
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    for _ in range(20):
        loss = torch.nn.functional.cross_entropy(model(images), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
