"""Settings of the model stage that would have no effect beside the others."""

from collections.abc import Iterator

from sightline.config_useless import Useless


def _weights() -> Iterator[Useless]:
    for key in ("weights_sha256", "weights_rules", "weights_match", "weights_classes"):
        yield Useless(
            f"model.{key}",
            lambda config: config.model.weights in ("auto", "none", "hub"),
            "no weights file is given",
            "remove it, or set model.weights to a file, an address or a run",
        )
    yield Useless(
        "model.weights_rules",
        lambda config: config.model.weights_match == "order",
        "where order decides, names do not",
        "remove it, or model.weights_match",
    )


def _head() -> Iterator[Useless]:
    for key, head in {"hidden": "mlp", "scale": "cosine"}.items():
        yield Useless(
            f"model.head.{key}",
            lambda config, head=head: config.model.head.name != head,
            f"only the {head} head has it",
            f"remove it, or set model.head.name={head}",
        )
    yield Useless(
        "model.head.dropout",
        lambda config: ":" in config.model.head.name,
        "a head of your own takes what it needs by model.head.options",
        "remove it",
    )
    yield Useless(
        "model.head.options",
        lambda config: ":" not in config.model.head.name,
        "only a head of your own has options",
        "remove it; the built-in heads take model.head.hidden, model.head.dropout and model.head.scale",
    )


def _init() -> Iterator[Useless]:
    yield Useless(
        "model.init.std",
        lambda config: config.model.init.name not in ("normal", "uniform"),
        "only normal and uniform have it",
        "remove it, or set model.init.name=normal",
    )
    yield Useless(
        "model.init.prior_bias",
        lambda config: config.data.sampler == "classes" or config.train.loss.class_weights == "inverse",
        "sampler or class weights let every class count as often as any other",
        "remove it",
    )


MODEL_ROWS = (*_weights(), *_head(), *_init())
"""Every such setting."""
