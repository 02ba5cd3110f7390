"""Parts of the settings of the training stage."""

import dataclasses
import re
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt, Predicate


def is_duration(text: str) -> bool:
    """Whether the text is a duration: 5ep (epochs), 500st (optimizer steps) or 10% (of the run)."""
    return re.fullmatch(r"\d+(\.\d+)?(ep|st|%)", text) is not None


def is_stages(text: str) -> bool:
    """Whether the text names stages of a network: first:2 or last:2."""
    return re.fullmatch(r"(first|last):[1-9]\d{0,5}", text) is not None


def is_pattern(text: str) -> bool:
    """Whether the text can match a parameter's name."""
    return text != ""


def is_rule_list(items: list[Any]) -> bool:
    """Whether these can be rules for groups of parameters; what they say is checked where it can be told in words."""
    return all(isinstance(item, dict) for item in items)


Duration = Annotated[str, Predicate(is_duration)]
Positive = Annotated[int, Ge(1)]
Decay = Annotated[float, Ge(0.0), Lt(1.0)]
NotNegative = Annotated[float, Ge(0.0)]
Pattern = Annotated[str, Predicate(is_pattern)]
Rules = Annotated[list[Any], Predicate(is_rule_list)]


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
    """Decay of matrices and filters; of norms and biases only where train.groups says so."""
    decay: Literal["auto", "coupled", "decoupled"] = "auto"
    """coupled: L2, a term of the gradient; decoupled: the weights shrink by learning rate times decay, whatever the
    gradient; auto: coupled with sgd, adam, rmsprop, adagrad and adadelta, decoupled with the others."""
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
class DistillConfig:
    """What is learnt from a teacher, beside the labels."""

    teacher: str = ""
    """A run's folder or a bundle, whose classes are those of the data or more; empty: no teacher."""
    share: Annotated[float, Gt(0.0), Le(1.0)] = 0.5
    """Share of the teacher's answers in the loss; what is left is that of the labels."""
    temperature: Annotated[float, Gt(0.0)] = 2.0
    """What the logits of both are divided by, before their probabilities are compared; larger: softer."""
    attention: NotNegative = 0.0
    """Weight of the difference between the attention maps of both; for convolutional networks."""
    sees: Literal["augmented", "original"] = "augmented"
    """Whether the teacher is asked at every step about the very image that the student sees, or once about each
    original; then its answers are kept and the training costs no more than without a teacher."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RuleConfig:
    """A rule for some parameters: one entry of ``train.groups``."""

    match: str
    """Pattern of parameters' names: blocks.* or *.bias."""
    lr_share: Annotated[float, Gt(0.0)] | None = None
    """Their part of the learning rate, times that of train.layer_decay."""
    weight_decay: NotNegative | None = None
    """Their weight decay, norms and biases included."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FreezingConfig:
    """What ``train.freeze`` keeps from learning, and how it is let go."""

    what: Literal["backbone"] | Annotated[str, Predicate(is_stages)] | tuple[Pattern, ...] = "backbone"
    """backbone: all but the head; first:2 or last:2: so many stages; or patterns of parameters' names, such as
    ["stem.*", "*.norm.*"]. Batch statistics of frozen layers stay what they were."""
    gradual: Duration | None = None
    """After train.freeze, let go of one stage each so long, from the head down; none: of all at once."""
    lr_while: Annotated[float, Gt(0.0)] | None = None
    """Constant learning rate while train.freeze lasts; the schedule, with train.lr for its peak, then begins where it
    ends. none: one schedule over the whole run."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoiseConfig:
    """Gaussian noise in the training, drawn anew in each step."""

    inputs: NotNegative = 0.0
    """Standard deviation of what is added to the normalized images."""
    weights: NotNegative = 0.0
    """Standard deviation of what is added to matrices and filters while the gradient is computed."""
    gradients: NotNegative = 0.0
    """Variance of what is added to the gradient in the first step; it falls with the step to the power of 0.55."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SamConfig:
    """Sharpness-aware minimization: the gradient of a step is taken a little uphill."""

    rho: NotNegative = 0.0
    """How far uphill; 0.05 is customary, ten times as much where it is adaptive; 0: no such thing. Doubles the time of
    a step."""
    adaptive: bool = False
    """Go further along large weights, so that the scale of a layer does not matter."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DistributedConfig:
    """How processes and devices share the work of a training."""

    kind: Literal["ddp", "fsdp", "hybrid", "layers"] = "ddp"
    """ddp: every process holds the whole network; fsdp: each a shard of every layer; hybrid: each group of processes
    together one copy; layers: one process, the layers one after the other on several devices."""
    shard: Annotated[int, Ge(2)] | Literal["auto"] = "auto"
    """How many processes hold one copy between them, for hybrid; auto: those of a machine."""
    devices: tuple[str, ...] = ()
    """Devices for layers, such as [cuda:0, cuda:1]; none: all CUDA devices of this machine."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NonFiniteConfig:
    """What happens when the loss or the weights become NaN or infinite."""

    then: Literal["stop", "rollback"] = "stop"
    """stop: end with an error; rollback: go back to the last good checkpoint and on from there at a lower rate."""
    factor: Annotated[float, Gt(0.0), Lt(1.0)] = 0.5
    """What the learning rate is multiplied by at each rollback, for the rest of the run."""
    times: Positive = 3
    """How many rollbacks a run may take before it stops."""
