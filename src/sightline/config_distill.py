"""Settings of learning from a teacher that would have no effect beside the others."""

import dataclasses

from sightline.config_useless import Useless
from sightline.training.config import DistillConfig

_OWN = [field.name for field in dataclasses.fields(DistillConfig) if field.name != "teacher"]
_LABELS = ("name", "label_smoothing", "gamma", "class_weights", "beta")

DISTILL_ROWS = (
    *(
        Useless(
            f"train.distill.{key}",
            lambda config: not config.train.distill.teacher,
            "there is no teacher",
            "remove it, or set train.distill.teacher",
        )
        for key in _OWN
    ),
    *(
        Useless(
            f"train.loss.{key}",
            lambda config: bool(config.train.distill.teacher) and config.train.distill.share == 1,
            "with train.distill.share=1 nothing is learnt from the labels",
            "remove it, or lower train.distill.share",
        )
        for key in _LABELS
    ),
    Useless(
        "train.distill.attention",
        lambda config: config.train.distill.attention > 0 and config.train.distill.sees == "original",
        "a teacher that is asked once about each original shows no maps of what the student sees",
        "remove it, or set train.distill.sees=augmented",
        "cannot be had",
    ),
    *(
        Useless(
            f"data.{key}",
            lambda config: bool(config.data.mixup or config.data.cutmix) and config.train.distill.sees == "original",
            "a teacher that is asked once about each original knows nothing of mixed images",
            "remove it, or set train.distill.sees=augmented",
            "cannot be learnt from",
        )
        for key in ("mixup", "cutmix")
    ),
)
"""Every such setting."""
