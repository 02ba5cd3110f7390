"""Settings of the model stage."""

import dataclasses
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Lt

Share = Annotated[float, Ge(0.0), Lt(1.0)]
"""A share of something, none of it included and all of it not."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class HeadConfig:
    """The last layer, which turns features into logits."""

    name: str = "linear"
    """linear (the model's own last layer), mlp (linear, ReLU, dropout, linear), cosine (a learnt scale times the cosine
    between features and each class's direction), or your own "my_file:make_head"."""
    hidden: Annotated[int, Ge(1)] | None = None
    """Width of mlp's hidden layer; none: as many as there are features."""
    dropout: Share = 0.0
    """Share of the features that is dropped while training: before linear and cosine, after the ReLU of mlp."""
    scale: Annotated[float, Gt(0.0)] | None = None
    """What cosine's scale starts from; none: 10."""
    options: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    """Extra arguments for a head of your own."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class InitConfig:
    """Random starting values, of what no weights were loaded into."""

    name: Literal["auto", "default", "normal", "uniform", "xavier", "kaiming", "orthogonal"] = "auto"
    """How filters and matrices start; default: as their constructors make them; auto: so too, but a new head over
    loaded weights is small."""
    std: Annotated[float, Gt(0.0)] | None = None
    """Standard deviation of normal and uniform; none: 0.02."""
    zero_bias: bool = False
    """Start every bias of a filter or matrix at zero."""
    prior_bias: bool = False
    """Start the biases of the head at the logarithm of how often each class is seen."""
    check: bool = False
    """Before the first step, tell how the spread of the activations changes from layer to layer."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Which network, from which weights."""

    name: str = "auto"
    """A timm name (resnet18, mobilenetv3_large_100, …), the built-in cnn or mlp, or your own "my_file:make_model"."""
    weights: str = "auto"
    """none, hub (the model's published weights), a .safetensors, .pt or .pth file, its http(s) address, or a run's
    folder; auto: hub for photos."""
    weights_sha256: str = ""
    """SHA-256 that the weights file must have; needed for an address. Empty: not checked."""
    weights_rules: dict[str, str] | str = dataclasses.field(default_factory=dict[str, str])
    """Other names for the file's tensors: {old: new} for names and their beginnings up to a dot, {"re:PATTERN": new}
    for regular expressions; or a YAML or JSON file of that form."""
    weights_match: Literal["name", "order"] = "name"
    """How tensors of the file find those of the model; order: one after the other, where every shape agrees."""
    weights_classes: str = ""
    """Text file with the class names of the weights' head, one a line: rows of classes that are here too are kept.
    Empty: a run's own, or a file beside the weights."""
    head: HeadConfig = HeadConfig()
    """The last layer, which turns features into logits."""
    drop_path: Share = 0.0
    """Stochastic depth: share of the images for which the deepest residual branch is left out while training."""
    init: InitConfig = InitConfig()
    """Random starting values, of what no weights were loaded into."""
    options: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    """Extra arguments for the model's constructor, such as {drop_rate: 0.2, pad_type: same}."""
