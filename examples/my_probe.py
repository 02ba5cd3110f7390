"""A probe of your own: how far the outputs of layers are from a bell curve, and how alike the images look to them.

Run it with

    sightline train photos -s watch.probe=my_probe:shape -s 'watch.layers=[*.conv, head]'

At each look the function is called once for each chosen layer, with what the layer gave in the first micro-batch of
that step: detached, on the device, under torch.no_grad(). It gives named numbers, or tensors of one element; those are
read later, so that the training does not wait. They stand in records.jsonl as probe/LAYER/NAME, and in TensorBoard.
"""

import torch
from torch import nn


def shape(name: str, layer: nn.Module, output: torch.Tensor) -> dict[str, torch.Tensor]:
    """Excess kurtosis of all values (0 for a bell curve), and the mean cosine between the outputs of two images."""
    del name, layer
    values = output.float()
    centred = values - values.mean()
    kurtosis = centred.pow(4).mean() / centred.pow(2).mean().square() - 3
    rows = nn.functional.normalize(values.flatten(1), dim=1)
    count = len(rows)
    alike = (rows.sum(dim=0).square().sum() - count) / max(1, count * (count - 1))
    return {"kurtosis": kurtosis, "alike": alike}
