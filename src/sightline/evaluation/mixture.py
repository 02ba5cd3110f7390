"""How much each member of an ensemble shall count: shares fitted on images that none of them was trained on."""

from collections.abc import Sequence

import numpy as np

from sightline.evaluation.predictions import Predictions
from sightline.evaluation.resample import Floats

STEPS = 2000
"""Steps of the fit at most; it ends where no share changes by more than a millionth."""


def fit_shares(members: Sequence[Predictions]) -> Floats:
    """Shares ``[members]``, positive and summing to 1, with the least loss of the weighted average.

    Of classes and labels that is the log loss, minimized by expectation maximization over the mixture (Dempster, Laird
    and Rubin, 1977), which lowers it with every step; of numbers the squared error in standard deviations, minimized by
    projected gradients. Both have one minimum.

    Args:
        members: what each said of the same images, whose truth is known.
    """
    return _least_squares(members) if members[0].kind == "numbers" else _most_likely(_chances(members))


def log_loss_of(members: Sequence[Predictions], shares: Floats) -> float:
    """Mean log loss of the weighted average of classes or labels; of numbers its mean squared error."""
    if members[0].kind == "numbers":
        errors = _errors(members)
        return float(((errors @ shares) ** 2).mean())
    return float(-np.log(np.maximum(_chances(members) @ shares, 1e-300)).mean())


def _chances(members: Sequence[Predictions]) -> Floats:
    """Probability of what is true, ``[images (times labels), members]``."""
    columns: list[Floats] = []
    for own in members:
        if own.kind == "labels":
            columns.append(np.where(own.targets > 0.5, own.probabilities, 1 - own.probabilities).ravel())
        else:
            known = own.labels >= 0
            columns.append(own.probabilities[known, own.labels[known]])
    return np.stack(columns, axis=1)


def _errors(members: Sequence[Predictions]) -> Floats:
    """Errors in standard deviations of the truth, ``[images times numbers, members]``."""
    spread = np.maximum(members[0].targets.astype(np.float64).std(axis=0), 1e-12)
    return np.stack([((own.logits - own.targets).astype(np.float64) / spread).ravel() for own in members], axis=1)


def _most_likely(chances: Floats) -> Floats:
    shares = np.full(chances.shape[1], 1 / chances.shape[1])
    for _ in range(STEPS):
        parts = chances * shares
        sums = parts.sum(axis=1, keepdims=True)
        new = np.divide(parts, sums, out=np.tile(shares, (len(parts), 1)), where=sums > 0).mean(axis=0)
        done = np.abs(new - shares).max() < 1e-6
        shares = new / new.sum()
        if done:
            break
    return shares


def _least_squares(members: Sequence[Predictions]) -> Floats:
    errors = _errors(members)
    products = errors.T @ errors / len(errors)
    shares = np.full(len(products), 1 / len(products))
    rate = 1 / max(float(np.linalg.eigvalsh(products)[-1]), 1e-12)
    for _ in range(STEPS):
        new = _on_simplex(shares - rate * (products @ shares))
        done = np.abs(new - shares).max() < 1e-6
        shares = new
        if done:
            break
    return shares


def _on_simplex(values: Floats) -> Floats:
    """The nearest point with positive entries that sum to 1 (Duchi et al., 2008)."""
    falling = np.sort(values)[::-1]
    sums = np.cumsum(falling) - 1
    count = int(np.flatnonzero(falling - sums / np.arange(1, len(values) + 1) > 0)[-1])
    return np.maximum(values - sums[count] / (count + 1), 0.0)
