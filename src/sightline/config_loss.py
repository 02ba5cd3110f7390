"""Settings of losses and of tasks that would have no effect beside the others."""

from sightline.config import RunConfig
from sightline.config_useless import Useless

LOSS_TAKES: dict[str, tuple[str, ...]] = {
    "cross_entropy": ("label_smoothing", "class_weights"),
    "focal": ("label_smoothing", "gamma", "sum_classes", "class_weights"),
    "bce": ("label_smoothing", "sum_classes", "class_weights"),
    "hinge": ("margin", "power", "class_weights"),
    "triplet": ("label_smoothing", "margin", "weight", "class_weights"),
    "mse": (),
    "mae": (),
    "msle": (),
    "huber": ("delta",),
}
"""Which settings each built-in loss takes."""
LOSS_OF_TASK = {"classification": "cross_entropy", "multilabel": "bce", "regression": "mse"}
"""The loss that auto stands for in each built-in task."""


def loss_of(config: RunConfig) -> str:
    """Name of the loss; that of ``auto`` is known for the built-in tasks."""
    name = config.train.loss.name
    return LOSS_OF_TASK.get(config.task.name, "") if name == "auto" else name


def _not_taken(key: str) -> Useless:
    """A setting of losses, where the one that is named does not take it."""
    takers = [name for name, taken in LOSS_TAKES.items() if key in taken]
    return Useless(
        f"train.loss.{key}",
        lambda config: loss_of(config) in LOSS_TAKES and loss_of(config) not in takers,
        f"only {', '.join(takers)} {'takes' if len(takers) == 1 else 'take'} it",
        f"remove it, or set train.loss.name to one of these: {', '.join(takers)}",
    )


LOSS_ROWS = (
    *(_not_taken(key) for key in dict.fromkeys(key for taken in LOSS_TAKES.values() for key in taken)),
    Useless(
        "train.loss.label_smoothing",
        lambda config: config.task.name == "multilabel" and loss_of(config) in LOSS_TAKES,
        "it spreads a class over those that it excludes, and labels exclude nothing",
        "remove it",
    ),
    Useless(
        "train.loss.sum_classes",
        lambda config: config.task.name == "classification" and loss_of(config) == "focal",
        "the focal loss of one class an image is that of one softmax",
        "remove it, or set train.loss.name=bce",
    ),
    Useless(
        "train.loss.beta",
        lambda config: config.train.loss.class_weights not in ("auto", "effective"),
        "only effective numbers of samples have a beta",
        "remove it, or set train.loss.class_weights=effective",
    ),
    Useless(
        "train.loss.class_weights",
        lambda config: config.data.sampler == "classes" and config.train.loss.class_weights in ("inverse", "effective"),
        "data.sampler=classes already draws every class equally often",
        "give one of the two",
    ),
    Useless(
        "train.accumulate",
        lambda config: loss_of(config) == "triplet" and config.train.accumulate not in ("auto", 1),
        "it compares the samples of a whole batch, and micro-batches would compare others",
        "remove it, or set another train.loss.name",
        "cannot be had with triplet",
    ),
    Useless(
        "model.init.prior_bias",
        lambda config: config.task.name in ("multilabel", "regression") and config.model.init.prior_bias,
        "the shares that it starts from are those of one class an image",
        "remove it",
    ),
    Useless(
        "task.threshold",
        lambda config: config.task.name in LOSS_OF_TASK and config.task.name != "multilabel",
        "only labels have a probability from which on an image has them",
        "remove it, or set task.name=multilabel",
    ),
    Useless(
        "task.units",
        lambda config: config.task.name in LOSS_OF_TASK and config.task.name != "regression",
        "only numbers have units",
        "remove it, or set task.name=regression",
    ),
    Useless(
        "data.targets",
        lambda config: config.task.name == "classification",
        "a class stands in the label column",
        "remove it, or set task.name=regression or task.name=multilabel",
    ),
    *(
        Useless(
            "data.sampler",
            lambda config, task=task: config.task.name == task and config.data.sampler == "classes",
            "an image has no single class to be drawn by",
            f"remove it, or {remedy}",
            f"=classes cannot be had with {task}",
        )
        for task, remedy in (
            ("multilabel", "weigh the labels with train.loss.class_weights"),
            ("regression", "set data.sampler=weights with a weight column"),
        )
    ),
    *(
        Useless(
            f"data.{name}",
            lambda config, name=name: loss_of(config) == "triplet" and getattr(config.data, name) > 0,
            "a mixed image is of no class that others could be compared with",
            "remove it, or set another train.loss.name",
            "cannot be had with triplet",
        )
        for name in ("mixup", "cutmix")
    ),
)
"""Every such setting of losses."""
