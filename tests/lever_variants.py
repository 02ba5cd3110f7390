"""Trainings with freezing and regularization, for tests that interrupt them."""

from typing import Any

BATCH = {"width": 4, "norm": "batch", "dropout": 0.2}
"""Options of a network whose steps also change batch statistics and draw random numbers."""
LEVERS: dict[str, dict[str, Any]] = {
    "thawed stage by stage": {"train.freeze": "3st", "train.freezing.gradual": "2st", "model.options": BATCH},
    "the head first, at a rate of its own": {
        "train.freeze": "8st",
        "train.freezing.what": ["stem.*", "stage*"],
        "train.freezing.lr_while": 0.01,
        "train.schedule.warmup": "2st",
    },
    "uphill with batch norm and dropout": {"train.sam.rho": 0.1, "train.accumulate": 2, "model.options": BATCH},
    "averaged from the eighth step on": {"train.swa": "6st", "model.options": BATCH},
    "penalized and disturbed": {
        "train.l1": 1e-3,
        "train.orthogonal": 1e-2,
        "train.noise": {"inputs": 0.1, "weights": 0.01, "gradients": 0.01},
        "train.sam": {"rho": 0.2, "adaptive": True},
        "train.clip": 0.5,
    },
    "rates and decay by rules": {
        "train.groups": [{"match": "stem.*", "lr_share": 0.1}, {"match": "*.bias", "weight_decay": 0.2}],
        "train.optimizer.name": "muon",
    },
}
