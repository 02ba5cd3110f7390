"""Settings of the training stage."""

import dataclasses
from typing import Annotated, Any, Literal

from annotated_types import Gt, Le, Lt

from sightline.training.config_parts import (
    Decay,
    DistillConfig,
    DistributedConfig,
    Duration,
    FreezingConfig,
    LossConfig,
    NoiseConfig,
    NonFiniteConfig,
    NotNegative,
    OptimizerConfig,
    Pattern,
    Positive,
    RuleConfig,
    Rules,
    SamConfig,
    ScheduleConfig,
    is_duration,
    is_pattern,
    is_rule_list,
    is_stages,
)

__all__ = [
    "Decay",
    "DistillConfig",
    "DistributedConfig",
    "Duration",
    "FreezingConfig",
    "LossConfig",
    "NoiseConfig",
    "NonFiniteConfig",
    "NotNegative",
    "OptimizerConfig",
    "Pattern",
    "Positive",
    "RuleConfig",
    "Rules",
    "SamConfig",
    "ScheduleConfig",
    "TrainConfig",
    "is_duration",
    "is_pattern",
    "is_rule_list",
    "is_stages",
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How long, how fast, with what."""

    epochs: Positive | Literal["auto"] = "auto"
    """Passes over the training part."""
    steps: Positive | None = None
    """Optimizer steps, in place of epochs."""
    batch_size: Positive | Literal["auto"] = "auto"
    """Samples of one optimizer step, over all ranks and micro-batches."""
    accumulate: Positive | Literal["auto"] = "auto"
    """Micro-batches that one step is computed in, to save memory; auto: the fewest that fit into train.memory. Equal to
    the whole batch, but for batch norm."""
    memory: Annotated[float, Gt(0.0)] | Literal["auto"] = "auto"
    """GiB that weights, gradients, optimizer and a step may take on the device (of a CPU: of its memory, beside the
    libraries and the images); auto: 80 % of what is free at the start."""
    lr: Annotated[float, Gt(0.0)] | Literal["auto"] = "auto"
    """Peak learning rate."""
    loss: LossConfig = LossConfig()
    """What the training minimises."""
    distill: DistillConfig = DistillConfig()
    """What is learnt from a teacher, beside the labels."""
    optimizer: OptimizerConfig = OptimizerConfig()
    """How gradients become steps."""
    schedule: ScheduleConfig = ScheduleConfig()
    """How the learning rate moves."""
    clip: Annotated[float, Gt(0.0)] | None = None
    """Largest norm of the gradient over all parameters; larger ones are scaled down to it."""
    ema: Annotated[float, Gt(0.0), Lt(1.0)] | None = None
    """Decay of a moving average of the weights; where set, evaluation and export use the average."""
    swa: Duration | None = None
    """Average the weights equally over the last so long, re-estimate batch statistics at the end, and judge the average
    then: 25%, 5ep."""
    l1: NotNegative = 0.0
    """L1 penalty: so many times the sum of the sizes of all weights in matrices and filters, as a term of the loss."""
    orthogonal: NotNegative = 0.0
    """Soft orthogonality: so many times the squared distance of W W^T from the identity, over linear and convolutional
    layers, as a term of the loss."""
    noise: NoiseConfig = NoiseConfig()
    """Gaussian noise on images, weights and gradients."""
    sam: SamConfig = SamConfig()
    """Sharpness-aware minimization."""
    freeze: Duration = "0ep"
    """For how long a part of the network does not learn, then everything does: 3ep, 500st; 100%: never."""
    freezing: FreezingConfig = FreezingConfig()
    """What does not learn for so long."""
    layer_decay: Annotated[float, Gt(0.0), Le(1.0)] = 1.0
    """Learning rate of each layer as a share of that of the layer above it, from the head down."""
    groups: Rules = dataclasses.field(default_factory=list[Any])
    """Learning rate and weight decay by patterns of parameters' names: [{match: "blocks.*", lr_share: 0.1}, {match:
    "*.bias", weight_decay: 0.01}]; of rules that match the same parameter, the last one that gives a figure decides."""
    patience: Duration | None = None
    """Stop when the validation score has not improved for so long: 5ep, 500st."""
    evaluate: Duration = "1ep"
    """How often to evaluate on the validation part."""
    save: Duration = "1ep"
    """How often to write a checkpoint; also after each evaluation that is the best so far."""
    checkpoint: Literal["whole", "sharded"] = "whole"
    """whole: one file, written by one process; sharded: a folder, into which every process writes its part."""
    non_finite: NonFiniteConfig = NonFiniteConfig()
    """What happens when the loss or the weights become NaN or infinite."""
    distributed: DistributedConfig = DistributedConfig()
    """How processes and devices share the work."""
    precision: Literal["auto", "fp32", "tf32", "bf16", "fp16"] = "auto"
    """Arithmetic of the forward and backward pass; auto: measured on this machine with this model; tf32: on GPUs only.
    Weights are kept and saved in fp32 with each of them."""
    fp32: Literal["auto"] | tuple[str, ...] = "auto"
    """Parts of the network that are computed in fp32 all the same, by patterns of names: [head, "*.norm"]; auto: on a
    CPU the grouped convolutions, where that is measured to be faster."""
    compile: Literal["off", "default", "max"] = "off"
    """Whether torch.compile makes kernels for this network before the first step; max: it tries several of each."""
    recompute: Literal["none", "all"] | tuple[str, ...] = "none"
    """Parts of the network whose activations are not kept but computed again in the backward pass, to save memory:
    all (every stage), or patterns of names such as [layer1, "blocks.[0-3]"]. The weights come out the same."""
    layout: Literal["auto", "contiguous", "channels_last"] = "auto"
    """Memory layout of images and filters; auto: measured together with the precision."""
    device: str = "auto"
    """cpu, cuda or cuda:1; auto: a CUDA device where there is one."""
    deterministic: bool = True
    """On a GPU, the same settings give the same weights, and a resumed run those of one that never stopped; false:
    faster operations that may differ in the last bits."""
    digests: bool = False
    """Record fingerprints of the batch, the gradients and the weights of each step, for sightline replay. It costs
    time, on a GPU much."""
    threads: Positive | Literal["auto"] = "auto"
    """CPU threads of one process; auto: the cores this process may use, shared by the ranks of this machine."""
    tensorboard: bool = True
    """Write TensorBoard event files into the run."""
