"""The file ``ill.py``: networks, losses and an augmentation of a user's, each with one fault."""

ILL = '''
import numpy as np
import torch
from torch import nn


class Net(nn.Module):
    """A small network that is in order; the others change one thing of it."""

    def __init__(self, num_classes, in_chans):
        super().__init__()
        self.stem = nn.Conv2d(in_chans, 12, 3, stride=2)
        self.body = nn.Conv2d(12, 16, 3)
        self.head = nn.Linear(16 * 9, num_classes)

    def features(self, images):
        return self.body(self.stem(images).relu()).relu().flatten(1)

    def forward(self, images):
        return self.head(self.features(images))


class Detached(Net):
    def features(self, images):
        return self.body(self.stem(images).relu().detach()).relu().flatten(1)


class Unused(Net):
    def __init__(self, **given):
        super().__init__(**given)
        self.spare = nn.Parameter(torch.zeros(1))


class Dead(Net):
    def __init__(self, **given):
        super().__init__(**given)
        nn.init.constant_(self.body.bias, -1000.0)


class Mixing(Net):
    def forward(self, images):
        features = self.features(images)
        return self.head(features - features.mean(dim=0))


class Twice(Net):
    def forward(self, images):
        return 1.5 * super().forward(images).softmax(dim=1)


class Wide(Net):
    def __init__(self, num_classes, in_chans):
        super().__init__(num_classes + 4, in_chans)


class Rootless(Net):
    def forward(self, images):
        return super().forward(images - 5).neg().abs().neg().sqrt()


class Loud(Net):
    def __init__(self, **given):
        super().__init__(**given)
        nn.init.normal_(self.head.weight, std=5.0)


class Alone(Net):
    def forward(self, images):
        return super().forward(images).squeeze()


def cross_entropy(config):
    return lambda logits, targets: nn.functional.cross_entropy(logits, targets, reduction="none")


def flipped(config):
    return lambda logits, targets: logits.softmax(dim=1).gather(1, targets[:, None])[:, 0]


def no_gradient(config):
    def loss(logits, targets):
        losses = nn.functional.cross_entropy(logits, targets, reduction="none")
        return losses * losses.detach()

    return loss


def of_probabilities(config):
    return lambda logits, targets: nn.functional.cross_entropy(logits.softmax(dim=1), targets, reduction="none")


def dim(contract):
    return lambda image, seed: contract.pixels(image) // 8
'''
