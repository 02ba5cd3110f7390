"""Ridge regression in closed form, its penalty chosen by leaving each image out once."""

import dataclasses

import numpy as np

from sightline.evaluation.resample import Floats

PENALTIES = np.logspace(-5, 3, 17)
"""Penalties that are tried, in units of the mean square of the features times their images."""


@dataclasses.dataclass(frozen=True, eq=False)
class Ridge:
    """A linear map with an offset (Hoerl and Kennard, 1970)."""

    weights: Floats
    """``[features, outputs]``."""
    middle: Floats
    """Mean of each feature over the images it was fitted on."""
    offset: Floats
    """Mean of each output."""
    penalty: float

    def __call__(self, features: Floats) -> Floats:
        """Outputs ``[n, outputs]`` of features ``[n, features]``."""
        return (features - self.middle) @ self.weights + self.offset


def fit_ridge(features: Floats, targets: Floats) -> Ridge:
    """Fit the map with the least squared error of images that were left out one at a time.

    Leaving one out needs no second fit: its error is the residual over one less its leverage (Allen's PRESS, 1974).

    Args:
        features: ``[n, features]``.
        targets: ``[n, outputs]``.
    """
    middle, offset = features.mean(axis=0), targets.mean(axis=0)
    centered, wanted = features - middle, targets - offset
    squares, axes = np.linalg.eigh(centered.T @ centered)
    squares = np.maximum(squares, 0.0)
    turned = centered @ axes
    along = turned.T @ wanted
    scale = max(float(squares.mean()), np.finfo(np.float64).tiny)
    best: tuple[float, float] | None = None
    for penalty in PENALTIES * scale:
        shrunk = 1 / (squares + penalty)
        leverage = (turned**2) @ shrunk + 1 / len(features)  # of the offset too
        residual = wanted - turned @ (shrunk[:, None] * along)
        error = float(((residual / np.maximum(1 - leverage, 1e-9)[:, None]) ** 2).mean())
        if best is None or error < best[0]:
            best = (error, float(penalty))
    penalty = best[1] if best else float(scale)
    return Ridge(axes @ (along / (squares + penalty)[:, None]), middle, offset, penalty)
