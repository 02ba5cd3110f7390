"""What judges the network of a training on images, from time to time."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sightline import distributed
from sightline.data.loader import evaluation_pieces
from sightline.data.stream import in_line
from sightline.evaluation.predict import tallied
from sightline.evaluation.tally import Tally, curves_of, figures_of
from sightline.training.job import LAYOUTS, Judged, Plan
from sightline.training.parallel import is_sharded, to_shards
from sightline.workflow.feed import Feed
from sightline.workflow.prepare import Prepared

CURVES_UP_TO = 100
"""Classes up to which an evaluation counts by class and class: of more, no picture can be read."""


def evaluator(
    prepared: Prepared, feed: Feed, plan: Plan, indices: NDArray[np.int64], prefix: str
) -> Callable[[nn.Module], Judged]:
    """What gives the figures of a network on these images, as the contract shows them, over all ranks.

    Args:
        prepared: what training started from.
        feed: makes the batches.
        plan: where and how the network lies.
        indices: places of the samples.
        prefix: ``val`` or ``seen``: what the names of the figures begin with. Only of ``val`` classes are counted.
    """
    config, judge = prepared.config, prepared.judge
    if config.data.stream:
        indices = in_line(prepared.samples, indices)
    ranks = distributed.world()
    shares = [evaluation_pieces(indices, config.evaluation.batch_size, rank, ranks) for rank in range(ranks)]
    pieces = shares[distributed.rank()]
    empty = max(map(len, shares)) - len(pieces)
    contract = prepared.contract
    classes = len(contract.classes) if prefix == "val" else 0
    curves = config.train.tensorboard and 0 < classes <= CURVES_UP_TO

    def evaluate(module: nn.Module) -> Judged:
        distributed.same_buffers(module)
        batches = feed.batches(feed.judging(plan.device), pieces, plan.device)
        tally = Tally(judge, plan.device, classes, curves)
        sums = tallied(module, tally, batches, plan.device, LAYOUTS[plan.layout])
        if is_sharded(module):  # every rank must take part in each pass, for its shards
            one = torch.zeros(1, contract.channels, contract.height, contract.width, device=plan.device)
            with torch.inference_mode():
                for _ in range(empty):
                    module(one)
            to_shards(module)
        found = distributed.summed(sums).cpu().numpy()
        return Judged(figures_of(found, tally, prefix), curves_of(found, tally))

    return evaluate
