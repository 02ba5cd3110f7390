"""Rectified Adam that looks ahead."""

from collections.abc import Callable
from typing import Any

import torch


class Ranger(torch.optim.RAdam):
    """RAdam (Liu et al. 2020) inside Lookahead (Zhang et al., "k steps forward, 1 step back", 2019).

    Slow weights start where the fast ones do. After each ``k`` steps they go the share ``alpha`` of the way to the fast
    ones, which then go on from there.

    Args:
        params: groups.
        betas: decay of the running mean and square of the gradient.
        eps: added to the root of the square.
        alpha: share of the way.
        k: steps of the fast weights for one of the slow ones.
        decoupled_weight_decay: whether weights shrink by rate times decay, and not by a term of the gradient.

    Raises:
        ValueError: ``alpha`` is not in (0, 1], or ``k`` not positive.
    """

    def __init__(
        self,
        params: Any,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        alpha: float = 0.5,
        k: int = 6,
        decoupled_weight_decay: bool = True,
    ):
        if not 0 < alpha <= 1 or k < 1:
            raise ValueError(f"alpha {alpha} is not in (0, 1], or k {k} is below 1")
        super().__init__(params, betas=betas, eps=eps, decoupled_weight_decay=decoupled_weight_decay)
        for group in self.param_groups:
            group.setdefault("alpha", alpha)
            group.setdefault("k", k)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One step of the fast weights, and of the slow ones when it is their turn."""
        parameters = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        fresh = [(p, p.clone()) for p in parameters if "slow" not in self.state[p]]
        loss = super().step(closure)
        for parameter, start in fresh:
            self.state[parameter]["slow"] = start
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                if state and int(state["step"]) % group["k"] == 0:
                    parameter.copy_(state["slow"].lerp_(parameter, group["alpha"]))
        return loss
