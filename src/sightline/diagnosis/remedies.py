"""Settings that a rule proposes: only such as fit the network and the settings that the run had."""

import math
from typing import Any

from sightline.diagnosis.case import Facts

_STRONGER = {"none": "light", "light": "standard", "standard": "strong"}
HEALTHY_RATIO = 0.01
"""Change of the weights in a step, as a share of their size, that a learning rate is mended towards: between a few
thousandths and a few hundredths is where networks that learn are found (docs/hospital.md shows ours)."""


def rate_for(facts: Facts, ratio: float, *, least: float, most: float) -> tuple[str, ...]:
    """A learning rate at which weights would change by ``HEALTHY_RATIO``.

    Args:
        facts: about the run.
        ratio: by how much they changed in a step; NaN: not known.
        least: the smallest factor on the rate.
        most: the largest one.
    """
    lr = facts.number("train.lr")
    if not math.isfinite(lr):
        return ()
    wanted = HEALTHY_RATIO / ratio if math.isfinite(ratio) and ratio > 0 else math.sqrt(least * most)
    return (f"train.lr={lr * min(max(wanted, least), most):.2g}",)


def normalized(facts: Facts, kind: str = "") -> tuple[str, ...]:
    """Normalization for the built-in networks: the usual kind where they were built without, or that kind."""
    name, options = facts.setting("model.name"), facts.setting("model.options") or {}
    own = options.get("norm", "batch")
    if name in ("cnn", "mlp") and (own != kind if kind else own == "none"):
        return (f"model.options.norm={kind or 'batch'}",)
    return ()


def usual_start(facts: Facts) -> tuple[str, ...]:
    """The starting weights of the constructors, where larger ones were asked for."""
    return ("model.init.std=none", "model.init.name=auto") if facts.number("model.init.std") > 0.1 else ()


def patience(facts: Facts, evaluations: int) -> str:
    """How long to wait for a better evaluation: so many of them, in epochs where they come with those."""
    if facts.evaluate % max(1, facts.per_epoch):
        return f"train.patience={evaluations * facts.evaluate}st"
    return f"train.patience={evaluations * facts.evaluate // max(1, facts.per_epoch)}ep"


def more_images(facts: Facts) -> tuple[str, ...]:
    """All images where only some were used."""
    return ("data.limit=none",) if facts.setting("data.limit") is not None else ()


def stronger_augmentation(facts: Facts) -> tuple[str, ...]:
    """The next stronger preset."""
    stronger = _STRONGER.get(str(facts.setting("data.augment")))
    return (f"data.augment={stronger}",) if stronger else ()


def larger_network(facts: Facts) -> tuple[str, ...]:
    """More channels or units for the built-in networks."""
    name, options = facts.setting("model.name"), facts.setting("model.options") or {}
    if name == "cnn":
        return (f"model.options.width={max(8, 2 * int(options.get('width', 24)))}",)
    if name == "mlp":
        hidden = [max(32, 2 * int(width)) for width in options.get("hidden", (256, 128))]
        return (f"model.options.hidden={hidden}".replace(" ", ""),)
    return ()


def longer(facts: Facts, factor: float = 2.0) -> tuple[str, ...]:
    """A longer run, in the unit in which its length was given."""
    for key in ("train.steps", "train.epochs"):
        length = facts.number(key)
        if math.isfinite(length):
            return (f"{key}={math.ceil(factor * length)}",)
    return ()


def less_regularized(facts: Facts) -> tuple[str, ...]:
    """Without what keeps a network from fitting, of that which somebody asked for."""
    strong: dict[str, tuple[float, Any]] = {
        "train.l1": (0.0, 0.0),
        "train.optimizer.weight_decay": (0.1, 0.01),
        "train.noise.weights": (0.0, 0.0),
        "train.noise.inputs": (0.5, 0.0),
        "train.loss.label_smoothing": (0.3, 0.1),
        "model.drop_path": (0.3, 0.0),
    }
    told = tuple(f"{key}={value:g}" for key, (above, value) in strong.items() if facts.number(key) > above)
    options = facts.setting("model.options") or {}
    if options.get("dropout", 0) > 0.5 and facts.setting("model.name") in ("cnn", "mlp"):
        told += ("model.options.dropout=0.1",)
    return told
