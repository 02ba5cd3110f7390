"""Synthetic trainings for rules: a healthy one, and what each disease changes in it."""

import dataclasses
from typing import Any

import numpy as np

from sightline.diagnosis.case import Case, Facts
from sightline.diagnosis.history import Evals, History, Looks, Steps

STEPS, PER_EPOCH, EVALS, CLASSES = 400, 20, 20, 4
LAYERS = ("stem", "stem.act", "one", "one.act", "two", "two.act", "three", "three.act", "head")
KINDS = ("Conv2d", "ReLU", "Conv2d", "ReLU", "Conv2d", "Sigmoid", "Conv2d", "ReLU", "Linear")
LOOKED = (1, 2, 5, 10, 20, 50, 100, 200, 300, 400)
SETTINGS: dict[str, Any] = {
    "train.lr": 0.002,
    "train.batch_size": 32,
    "train.accumulate": 1,
    "train.epochs": 20,
    "train.clip": None,
    "train.loss.name": "cross_entropy",
    "train.loss.label_smoothing": 0.0,
    "train.loss.class_weights": "none",
    "train.schedule.name": "cosine",
    "train.precision": "fp32",
    "train.device": "cpu",
    "train.freeze": "0ep",
    "train.recompute": "none",
    "train.digests": False,
    "data.sampler": "none",
    "data.augment": "light",
    "data.workers": 0,
    "data.cache": "auto",
    "data.mixup": 0.0,
    "data.cutmix": 0.0,
    "data.limit": None,
    "model.name": "cnn",
    "model.options": {},
}


def healthy(settings: dict[str, Any] | None = None, **facts: Any) -> Case:
    """A training of 20 epochs that goes well; with some settings or facts of its own."""
    own: dict[str, Any] = {
        "classes": ("ant", "bee", "cat", "dog"),
        "counts": (160, 160, 160, 160),
        "images": {"train": 640, "val": 400, "test": 400},
        "steps": STEPS,
        "per_epoch": PER_EPOCH,
        "warmup": 20,
        "evaluate": 20,
        "settings": SETTINGS | (settings or {}),
        "ended": "finished",
    }
    return Case(history=History(steps=_steps(), evals=_evals(), looks=_looks()), facts=Facts(**own | facts))


def _steps() -> Steps:
    step = np.arange(1, STEPS + 1)
    noise = np.random.default_rng(0).normal(0, 0.02, STEPS)
    loss = 0.2 + 1.2 * np.exp(-step / 60) + noise
    lr = 0.002 * np.minimum(step / 20, 0.5 * (1 + np.cos(np.pi * step / STEPS)))
    return Steps(
        step=step, epoch=step / PER_EPOCH, loss=loss, score=1 - loss / 3, lr=lr, images=np.full(STEPS, 32.0),
        seconds=np.full(STEPS, 0.1), wait=np.full(STEPS, 0.001), grad_norm=np.full(STEPS, np.nan),
    )  # fmt: skip


def _evals() -> Evals:
    step = np.arange(1, EVALS + 1) * 20
    loss = 0.25 + 1.2 * np.exp(-step / 60)
    score = 1 - loss / 4
    true = np.full((EVALS, CLASSES), 100.0)
    return Evals(
        step=step, epoch=step / PER_EPOCH, loss=loss, loss_sd=np.full(EVALS, 0.4), score=score, seen_loss=loss - 0.04,
        seen_loss_sd=np.full(EVALS, 0.4), seen_score=score + 0.01, seen_n=np.full(EVALS, 100.0), true=true,
        predicted=true.copy(), hits=true * score[:, None],
    )  # fmt: skip


def _looks() -> Looks:
    shape = (len(LOOKED), len(LAYERS))
    weighty = np.array([kind in ("Conv2d", "Linear") for kind in KINDS])
    plain = {"weight_norm": 10.0, "gradient_norm": 0.5, "update_ratio": 0.01}
    figures = {name: np.where(weighty, value, np.nan) * np.ones(shape) for name, value in plain.items()}
    figures["dead"] = np.where([kind == "ReLU" for kind in KINDS], 0.1, np.nan) * np.ones(shape)
    figures["saturated"] = np.where([kind == "Sigmoid" for kind in KINDS], 0.05, np.nan) * np.ones(shape)
    return Looks(step=np.array(LOOKED), layers=LAYERS, kinds=KINDS, figures=figures)


def with_steps(case: Case, **columns: Any) -> Case:
    """Other columns of the steps; a number stands for all of them."""
    steps = case.history.steps
    wide = {name: np.broadcast_to(np.asarray(value, float), len(steps)) for name, value in columns.items()}
    return _with(case, steps=dataclasses.replace(steps, **wide))


def with_evals(case: Case, **columns: Any) -> Case:
    """Other columns of the evaluations; a number stands for all of them, a row of classes too."""
    evals = case.history.evals
    shapes = {name: getattr(evals, name).shape for name in columns}
    wide = {name: np.broadcast_to(np.asarray(value, float), shapes[name]) for name, value in columns.items()}
    return _with(case, evals=dataclasses.replace(evals, **wide))


def with_looks(case: Case, name: str, values: Any) -> Case:
    """Another figure of the layers: a number, or one for each."""
    looks = case.history.looks
    rows = np.broadcast_to(np.asarray(values, float), (len(looks), len(looks.layers)))
    return _with(case, looks=dataclasses.replace(looks, figures={**looks.figures, name: rows}))


def with_kinds(case: Case, *kinds: str) -> Case:
    """Other kinds of layers."""
    return _with(case, looks=dataclasses.replace(case.history.looks, kinds=kinds))


def without_looks(case: Case) -> Case:
    """As runs of earlier versions are."""
    return _with(case, looks=Looks())


def under_way(case: Case, step: int) -> Case:
    """The same training as it was after a step."""
    return Case(history=case.history.until(step), facts=dataclasses.replace(case.facts, ended=""))


def _with(case: Case, **parts: Any) -> Case:
    return Case(history=dataclasses.replace(case.history, **parts), facts=case.facts)
