"""Settings of the training stage."""

import dataclasses
import re
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt, Predicate


def is_duration(text: str) -> bool:
    """Whether the text is a duration: 5ep (epochs), 500st (optimizer steps) or 10% (of the run)."""
    return re.fullmatch(r"\d+(\.\d+)?(ep|st|%)", text) is not None


TAKEN: dict[str, tuple[str, ...]] = {
    "sgd": ("momentum", "nesterov"),
    "adam": ("betas",),
    "adamw": ("betas",),
    "nadam": ("betas",),
    "radam": ("betas",),
    "rmsprop": ("momentum",),
    "adagrad": (),
    "adadelta": (),
    "adabelief": ("betas",),
    "ranger": ("betas",),
    "lion": ("betas",),
    "muon": ("momentum", "nesterov", "betas"),
}
"""Which settings each built-in optimizer takes, beside the learning rate, the decay and its own options."""
SHAPED_BY: dict[str, tuple[str, ...]] = {
    "constant": (),
    "linear": ("final",),
    "cosine": ("final",),
    "restarts": ("final", "every", "stretch"),
    "step": ("every", "factor"),
    "milestones": ("at", "factor"),
    "exponential": ("every", "factor"),
    "polynomial": ("final", "power"),
    "one_cycle": ("final",),
    "plateau": ("factor", "wait"),
}
"""Which settings each built-in schedule takes, beside the warm-up."""

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


Duration = Annotated[str, Predicate(is_duration)]
Positive = Annotated[int, Ge(1)]
Decay = Annotated[float, Ge(0.0), Lt(1.0)]
NotNegative = Annotated[float, Ge(0.0)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LossConfig:
    """What the training minimises."""

    name: str = "auto"
    """cross_entropy, focal, bce, hinge or triplet for classes; bce or focal for labels; mse, mae, msle or huber for
    numbers; or your own "my_file:make_loss"; auto: cross_entropy, bce or mse, by the task."""
    label_smoothing: Annotated[float, Ge(0.0), Lt(1.0)] = 0.1
    """Share of the target spread evenly over all classes."""
    gamma: NotNegative = 2.0
    """How strongly focal plays down what is already right; 0: cross entropy."""
    sum_classes: bool = False
    """Whether bce and the focal loss of labels add up over the classes, in place of their mean."""
    margin: NotNegative | None = None
    """By how much hinge wants the true class ahead (none: 1), and triplet the nearest other class farther away than
    the farthest of one's own (none: the soft margin, log(1 + exp))."""
    power: Literal[1, 2] = 1
    """Power of what hinge finds missing."""
    weight: NotNegative = 1.0
    """Weight of the triplets beside the cross entropy, which makes a classifier of what triplet learns."""
    delta: Annotated[float, Gt(0.0)] = 1.0
    """Error up to which huber is quadratic, in standard deviations of the target."""
    class_weights: Literal["auto", "none", "inverse", "effective"] | tuple[float, ...] | dict[str, float] = "auto"
    """Weights of the classes (the alpha of focal): inverse (by their counts), effective (by their effective numbers),
    one number for each, or {name: number}; auto: by the imbalance of the training part. Scaled to a mean of 1; in the
    multilabel task the weight of an image that has the label, for one that has not, as it is."""
    beta: Annotated[float, Gt(0.0), Lt(1.0)] = 0.999
    """How slowly more samples of a class count less in its effective number; towards 1 it is the number itself."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """How gradients become steps."""

    name: str = "adamw"
    """sgd, adam, adamw, nadam, radam, rmsprop, adagrad, adadelta, adabelief, ranger, lion, muon, or your own
    "my_file:make_optimizer"."""
    weight_decay: NotNegative | Literal["auto"] = "auto"
    """Decay of matrices and filters: decoupled, but L2 with sgd, adam, rmsprop, adagrad and adadelta. Norms and biases
    are never decayed."""
    momentum: Annotated[float, Ge(0.0), Lt(1.0)] | None = None
    """Momentum of sgd (none: 0.9), muon (0.95) and rmsprop (0)."""
    nesterov: bool = True
    """Nesterov's form of momentum, for sgd and muon."""
    betas: tuple[Decay, Decay] | None = None
    """Decay of the running mean and square of the gradient, for those that are named after Adam, ranger, lion and what
    muon leaves to AdamW; none: 0.9 and 0.999, lion 0.99, muon 0.95."""
    options: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    """What else the optimizer takes, by its argument's name in torch or timm, such as {eps: 1.0e-6}."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """How the learning rate moves."""

    name: str = "cosine"
    """constant, linear, cosine, restarts, step, milestones, exponential, polynomial, one_cycle, plateau, or your own
    "my_file:schedule"."""
    warmup: Duration | Literal["auto"] = "auto"
    """Linear rise from zero before the schedule begins (with one_cycle half a cosine): 5ep, 500st or 10%."""
    final: Annotated[float, Ge(0.0), Le(1.0)] = 0.01
    """Lowest learning rate, as a share of the peak: of linear, cosine, restarts, polynomial and one_cycle."""
    every: Duration = "25%"
    """Length of step's stairs, of the first of restarts (a percentage: of what follows the warm-up), and in what time
    exponential falls by its factor."""
    at: tuple[Duration, ...] = ("50%", "75%")
    """When milestones multiplies by its factor."""
    factor: Annotated[float, Gt(0.0), Lt(1.0)] = 0.1
    """What step, milestones, exponential and plateau multiply by."""
    stretch: Annotated[float, Ge(1.0)] = 1.0
    """How many times as long as the last each of restarts is."""
    power: Annotated[float, Gt(0.0)] = 2.0
    """Power of what is left of the run, for polynomial."""
    wait: Duration = "3ep"
    """How long plateau waits for a better validation score before it lowers the rate."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How long, how fast, with what."""

    epochs: Positive | Literal["auto"] = "auto"
    """Passes over the training part."""
    steps: Positive | None = None
    """Optimizer steps, in place of epochs."""
    batch_size: Positive | Literal["auto"] = "auto"
    """Samples of one optimizer step, over all ranks and micro-batches."""
    accumulate: Positive = 1
    """Micro-batches that one step is computed in, to save memory. Equal to the whole batch, but for batch norm."""
    lr: Annotated[float, Gt(0.0)] | Literal["auto"] = "auto"
    """Peak learning rate."""
    loss: LossConfig = LossConfig()
    """What the training minimises."""
    optimizer: OptimizerConfig = OptimizerConfig()
    """How gradients become steps."""
    schedule: ScheduleConfig = ScheduleConfig()
    """How the learning rate moves."""
    clip: Annotated[float, Gt(0.0)] | None = None
    """Largest norm of the gradient over all parameters; larger ones are scaled down to it."""
    ema: Annotated[float, Gt(0.0), Lt(1.0)] | None = None
    """Decay of a moving average of the weights; where set, evaluation and export use the average."""
    freeze: Duration = "0ep"
    """Train only the head for so long, then everything: 3ep, 500st, 100%."""
    layer_decay: Annotated[float, Gt(0.0), Le(1.0)] = 1.0
    """Learning rate of each layer as a share of that of the layer above it, from the head down."""
    patience: Duration | None = None
    """Stop when the validation score has not improved for so long: 5ep, 500st."""
    evaluate: Duration = "1ep"
    """How often to evaluate on the validation part."""
    save: Duration = "1ep"
    """How often to write a checkpoint; also after each evaluation that is the best so far."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Arithmetic of the forward and backward pass; auto: measured on this machine with this model."""
    layout: Literal["auto", "contiguous", "channels_last"] = "auto"
    """Memory layout of images and filters; auto: measured together with the precision."""
    device: str = "auto"
    """cpu, cuda or cuda:1; auto: a CUDA device where there is one."""
    deterministic: bool = True
    """On a GPU, the same settings give the same weights, and a resumed run those of one that never stopped; false:
    faster operations that may differ in the last bits."""
    threads: Positive | Literal["auto"] = "auto"
    """CPU threads of one process; auto: the cores this process may use, shared by the ranks of this machine."""
    tensorboard: bool = True
    """Write TensorBoard event files into the run."""
