"""How the training part of a run is drawn and weighed, told, and found the same again."""

import numpy as np
from numpy.typing import NDArray

from sightline.config import RunConfig
from sightline.data.balance import Balance, balance
from sightline.data.order import epoch_order
from sightline.data.samples import Samples
from sightline.errors import ChangedDataError, shortened
from sightline.run import Run


def training_part(samples: Samples, config: RunConfig) -> NDArray[np.int64]:
    """Places of the training samples; with ``data.limit`` the first ones after the seeded shuffle."""
    train = samples.part("train")
    limit = config.data.limit
    return train if limit is None else train[epoch_order(config.seed, -1 & 0xFFFFFFFF, len(train))][:limit]


def balance_of(samples: Samples, config: RunConfig) -> Balance:
    """Order and weights of the training samples, by settled settings.

    Raises:
        SightlineError: weights or sampler make no sense, or do not fit the data.
    """
    loss, sampler = config.train.loss, config.data.sampler
    return balance(
        samples,
        training_part(samples, config),
        seed=config.seed,
        # A run of an earlier version settled neither, and had neither.
        sampler="none" if sampler == "auto" else sampler,
        class_weights="none" if loss.class_weights == "auto" else loss.class_weights,
        beta=loss.beta,
    )


def shares_seen(samples: Samples, config: RunConfig, balanced: Balance) -> list[float]:
    """How often each class counts in an epoch of training: as often as it is drawn, times its weights in the loss."""
    drawn = training_part(samples, config)[balanced.order(0)]
    weights = None if balanced.sample_weights is None else balanced.sample_weights[drawn]
    counts = np.bincount(samples.labels[drawn], weights, len(samples.classes)).astype(np.float64)
    return (counts if balanced.class_weights is None else counts * balanced.class_weights).tolist()


def balance_told(balanced: Balance) -> list[str]:
    """What a person should know of it, in lines; nothing where every sample counts once."""
    account, lines = balanced.account, list[str]()
    counts, weights, own = account["counts"], account["class_weights"], account["sample_weights"]
    if weights is not None:
        told = [f"{name} {weight:.3g} ({counts[name]} images)" for name, weight in weights.items()]
        lines.append(f"class weights in the training loss: {shortened(told, 12)}")
    if own is not None:
        scaled = f"{own['lowest']:.3g} to {own['highest']:.3g}, scaled to a mean of 1"
        lines.append(f"sample weights in the training loss: {scaled}")
    if balanced.drawn:
        drawn = sum(counts.values())
        lines.append(f"an epoch draws {drawn} images, some of the {drawn} several times (sampler {account['sampler']})")
    return lines


def refuse_other_weights(run: Run, balanced: Balance) -> None:
    """Refuse to go on with weights that are not those that the run was started with.

    Raises:
        ChangedDataError: the weight column has other numbers for the training images, or has come or gone.
    """
    before = run.info().get("balance")
    if before is not None and before["weights_sha256"] != balanced.account["weights_sha256"]:
        raise ChangedDataError(
            "the training images have other weights than when the run was made",
            where=str(run.folder), hint="restore the weight column, or train a new run",
        )  # fmt: skip
