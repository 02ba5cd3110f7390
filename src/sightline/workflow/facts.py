"""What the rules of the diagnosis know of a run beside its records."""

import contextlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sightline.config import RunConfig
from sightline.config_file import flat, load_resolved
from sightline.data.check.suspects import suspects
from sightline.data.contract import Contract
from sightline.data.split import read_split
from sightline.diagnosis.case import Facts
from sightline.errors import RunError, SightlineError
from sightline.evaluation.predictions import Predictions
from sightline.run import Run
from sightline.training.schedules import clock_after, clock_of, steps_of

SURE = 0.5
"""By how much the class that a model believes in must be more probable than the label, for it to be sure of it: a
network that is unsure of everything disbelieves nothing."""
_OVER = ("finished", "patience", "failed")


def facts_of(run: Run) -> Facts:
    """Everything that a run's folder tells, as far as the run has come.

    Raises:
        RunError: it was never prepared.
        SightlineError: a document of the run is damaged.
    """
    if not run.contract.exists() or not run.split.exists():
        raise RunError(
            f"{run.folder} has not been trained: there is nothing to diagnose", hint=f"sightline resume {run.folder}"
        )
    config, info, contract = load_resolved(run.config), run.info(), Contract.load(run.contract)
    split = read_split(run.split)
    images = Counter(split.parts)
    train = [label for label, part in zip(split.labels, split.parts, strict=True) if part == "train"]
    known = {digest for digest, part in zip(split.sha256, split.parts, strict=True) if part == "train"}
    copies = Counter(
        part for digest, part in zip(split.sha256, split.parts, strict=True) if part != "train" and digest in known
    )
    balance: Mapping[str, Any] = info.get("balance") or {}
    counts = _counts(train, contract, balance) if contract.kind != "numbers" else ()
    doubtful, doubted = _doubts(run, contract)
    return Facts(
        **_settled(config, info, min(len(train), config.data.limit or len(train))),
        classes=contract.classes,
        counts=counts,
        seen=_seen(counts, contract, balance),
        images=dict(images),
        copies=dict(copies),
        **_outcome(info),
        doubtful=doubtful,
        doubted=doubted,
        **_baseline(run),
    )


def _settled(config: RunConfig, info: Mapping[str, Any], samples: int) -> dict[str, Any]:
    """What follows from the settings; lengths in steps."""
    train = config.train
    clock = clock_of(train, samples)
    origins: Mapping[str, str] = info.get("origins", {})

    def steps(duration: str) -> int:
        return steps_of(duration, clock.per_epoch, clock.total)

    return {
        "task": config.task.name,
        "pretrained": config.model.weights != "none",
        "steps": clock.total,
        "per_epoch": clock.per_epoch,
        "warmup": (clock if train.freezing.lr_while is None else clock_after(train, clock, steps(train.freeze))).warmup,
        "evaluate": max(1, steps(train.evaluate)),
        "patience": None if train.patience is None else max(1, steps(train.patience)),
        "frozen": steps(train.freeze),
        "world": int(info.get("world", 1)),
        "cores": int((info.get("machine") or {}).get("cores") or 0),
        "settings": flat(config),
        "given": frozenset(key for key, origin in origins.items() if not origin.startswith("auto")),
    }


def _outcome(info: Mapping[str, Any]) -> dict[str, Any]:
    """How it went so far. A run that was interrupted is not over."""
    failure: dict[str, Any] = info.get("failure") or {}
    idle: dict[str, list[str]] = info.get("idle") or {}
    usage: dict[str, Any] = info.get("memory") or {}
    ended = str(info.get("ended", "")) if info.get("state") == "done" else ""
    return {
        "ended": "failed" if failure else ended if ended in _OVER else "",
        "failure": str(failure.get("told", "")),
        "failure_step": int(failure.get("step", 0)),
        "rollbacks": len(info.get("rollbacks") or ()),
        "unused": tuple(idle.get("unused", ())),
        "fixed": tuple(idle.get("fixed", ())),
        "memory": int(usage.get("peak") or 0),
        "memory_limit": int(info.get("memory_limit") or 0),
    }


def _counts(labels: list[str], contract: Contract, balance: Mapping[str, Any]) -> tuple[int, ...]:
    """Images of each class that are trained on."""
    counted: Mapping[str, int] = balance.get("counts") or Counter(
        name for label in labels for name in (label.split("|") if contract.kind == "labels" else [label])
    )
    return tuple(counted.get(name, 0) for name in contract.classes)


def _seen(counts: tuple[int, ...], contract: Contract, balance: Mapping[str, Any]) -> tuple[float, ...] | None:
    """How much the training sees of each class; see ``Facts.seen``."""
    if contract.kind != "class" or not balance:
        return None
    if balance["sampler"] not in ("none", "classes") or balance["sample_weights"] is not None:
        return ()
    drawn = [float(count > 0) for count in counts] if balance["sampler"] == "classes" else [float(n) for n in counts]
    weights: Mapping[str, float] = balance["class_weights"] or {}
    return tuple(one * weights.get(name, 1.0) for one, name in zip(drawn, contract.classes, strict=True))


def _doubts(run: Run, contract: Contract) -> tuple[int, int]:
    """Labels of the parts not learnt from that stored predictions confidently disbelieve, and how many were asked."""
    doubtful, asked = 0, 0
    if contract.kind != "class":
        return 0, 0
    for part in ("val", "test"):
        with contextlib.suppress(SightlineError):  # predictions that cannot be read say nothing
            path: Path = run.predictions(part)
            if not path.is_file():
                continue
            stored = Predictions.load(path)
            known = stored.labels >= 0
            found = suspects(stored.probabilities[known], stored.labels[known])
            doubtful += int(np.count_nonzero(found.margin >= SURE))
            asked += int(np.count_nonzero(known))
    return doubtful, asked


def _baseline(run: Run) -> dict[str, Any]:
    """The accuracy of the best baseline on the validation part, or else on the test part, where it was measured."""
    for part in ("val", "test"):
        told = (run.read_figures(part) or {}).get("baselines") or []
        known = [one for one in told if isinstance(one, dict) and one.get("figure") == "accuracy" and "value" in one]
        if known:
            best = max(known, key=lambda one: float(one["value"]))
            return {"baseline": float(best["value"]), "baseline_name": str(best["name"])}
    return {}
