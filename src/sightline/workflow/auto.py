"""What ``auto`` chooses, from the size of the data and the kind of model, and why."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sightline import plug
from sightline.config import RunConfig
from sightline.config_file import flat, resolve
from sightline.config_loss import LOSS_OF_TASK
from sightline.data.augment.config import MIRRORED
from sightline.data.balance import imbalance_ratio
from sightline.data.config import is_preset
from sightline.data.derive import SMALL
from sightline.data.outputs import TASK_OF, Kind
from sightline.errors import shortened
from sightline.model.build import MODELS
from sightline.training.choices import DECAYS
from sightline.training.optimizer_kinds import KINDS
from sightline.workflow.network import settings_of_run, view_of_run
from sightline.workflow.say import Say

PHOTO_MODEL = "mobilenetv3_large_100"
"""What is trained on photos when nobody says otherwise."""
SIDE_FROM_NOTHING = 64
"""Side in pixels at which photos are seen by a small network that starts from random weights."""
WEIGHED_FROM = 10.0
"""Training images of the largest class for one of the smallest, from which on classes are weighed."""


class Settling:
    """A configuration whose ``auto`` values are settled one after the other, with reasons."""

    def __init__(self, config: RunConfig, origins: dict[str, str]):
        self.config, self.origins = config, dict(origins)

    def chose(self, key: str, value: Any, reason: str) -> None:
        """Put a value in place of ``auto``, and remember why."""
        self.config = resolve(self.config, {key: value})
        self.origins[key] = f"auto: {reason}"

    def tell(self, say: Say, more: Sequence[str] = ()) -> None:
        """What was chosen, and why; then more lines."""
        settings = flat(self.config)
        for key, origin in self.origins.items():
            if origin.startswith("auto: ") and settings[key] != ():
                value = settings[key] if key != "train.fp32" else shortened(settings[key])
                say.detail(f"{key} = {value}  ({origin.removeprefix('auto: ')})")
        for line in more:
            say.detail(line)

    def choose_model(self, typical_side: float) -> None:
        """Model and weights, before the preprocessing is known."""
        config = self.config.model
        before = settings_of_run(config.weights) if config.name == "auto" else None
        if before is not None:
            self.chose("model.name", before.name, "that of the run that the weights are from")
            if before.options and not config.options:
                self.chose("model.options", before.options, "those of the run that the weights are from")
        elif config.name == "auto":
            if typical_side < SMALL:
                self.chose("model.name", "cnn", f"the images are {typical_side:.0f} pixels small")
            elif config.weights == "none":
                self.chose("model.name", "cnn", "from random weights a small network is quicker")
                if self.config.data.image_size == "auto":
                    self.chose("data.image_size", SIDE_FROM_NOTHING, "enough for a small network")
            else:
                self.chose("model.name", PHOTO_MODEL, "accurate on photos, small and fast on any machine")
        if config.weights == "auto":
            own = self.config.model.name in MODELS or plug.is_plug(self.config.model.name)
            if own:
                self.chose("model.weights", "none", "this model has no published weights")
            elif typical_side < SMALL:
                self.chose("model.weights", "none", "published weights expect larger images")
            else:
                self.chose("model.weights", "hub", "starting from published weights needs fewer images")

    def keep_view(self) -> None:
        """What is not set about images is as the run had it that the weights are from."""
        before, data = view_of_run(self.config.model.weights), self.config.data
        if before is None:
            return
        same_color = data.color in ("auto", before.color)
        for key, own, value in (
            ("color", data.color == "auto", before.color),
            ("image_size", data.image_size == "auto", before.height),
            ("resize", data.resize == "auto", before.resize),
            ("interpolation", data.interpolation == "auto", before.interpolation),
            ("mean", data.mean is None and same_color, list(before.mean)),
            ("std", data.std is None and same_color, list(before.std)),
        ):
            if own:
                self.chose(f"data.{key}", value, "that of the run that the weights are from")

    def choose_data(self, seen: int) -> None:
        """Augmentation, by the side in pixels that the model sees."""
        data = self.config.data
        small = seen < SMALL
        if data.augment == "auto":
            self.chose("data.augment", "light" if small else "standard", "small images" if small else "photos")
        augment = self.config.data.augment
        if data.flip == "auto" and is_preset(augment):
            self.chose("data.flip", "yes" if augment in MIRRORED else "no", f"with {augment} augmentation")

    def _choose_loss(self, kind: Kind) -> None:
        """The loss, where the task decides."""
        if self.config.train.loss.name == "auto":
            self.chose("train.loss.name", LOSS_OF_TASK[TASK_OF[kind]], f"customary for {TASK_OF[kind]}")

    def choose_balance(self, kind: Kind, counts: NDArray[np.int64]) -> None:
        """The loss; sampler and class weights together: either of them given by hand leaves the other one out."""
        self._choose_loss(kind)
        if kind != "class":
            why = "labels are asked for one by one" if kind == "labels" else "numbers have no classes"
            if self.config.data.sampler == "auto":
                self.chose("data.sampler", "none", f"{why}; each image once an epoch")
            if self.config.train.loss.class_weights == "auto":
                self.chose("train.loss.class_weights", "none", why)
            return
        sampler, weights = self.config.data.sampler, self.config.train.loss.class_weights
        ratio = imbalance_ratio(counts)
        told = f"the largest class has {ratio:.3g} times as many images as the smallest"
        strong = sampler == "auto" and weights == "auto" and ratio >= WEIGHED_FROM
        if sampler == "auto":
            self.chose("data.sampler", "none", f"{told}; each image once an epoch")
        if weights != "auto":
            return
        if self.config.train.loss.name == "focal" and sampler in ("auto", "none"):
            self.chose("train.loss.class_weights", "inverse", "the alpha of focal, from the counts")
        elif strong:
            self.chose("train.loss.class_weights", "effective", f"{told}; from {WEIGHED_FROM:g} on")
        else:
            why = f"{told}; weighed from {WEIGHED_FROM:g} on" if sampler == "auto" else "data.sampler is set"
            self.chose("train.loss.class_weights", "none", why)

    def choose_training(self, samples: int) -> None:
        """Device, batch size, epochs, learning rate, decay and warm-up."""
        train = self.config.train
        if train.device == "auto":
            found = torch.cuda.is_available()
            self.chose("train.device", "cuda" if found else "cpu", "found" if found else "no CUDA device here")
        if train.batch_size == "auto":
            size = 32 if samples < 2_000 else 64 if samples < 20_000 else 128
            self.chose("train.batch_size", min(size, samples), f"{samples} training images")
        pretrained = self.config.model.weights != "none"
        if train.epochs == "auto" and train.steps is None:
            self.chose("train.epochs", _epochs(samples, pretrained), _reason(samples, pretrained))
        self._choose_optimizer(pretrained)
        if train.schedule.warmup == "auto":
            rises = train.schedule.name == "one_cycle"
            reason = "customary for one_cycle" if rises else "lets the statistics settle"
            self.chose("train.schedule.warmup", "30%" if rises else "5%", reason)

    def choose_form_unmeasured(self, most_threads: int) -> None:
        """Threads, precision, layout and micro-batches of a network that no single device may hold to measure it."""
        train, reason = self.config.train, "a divided network is not measured"
        bf16 = train.device.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False)
        forms = {
            "threads": most_threads,
            "precision": "bf16" if bf16 else "fp32",
            "layout": "contiguous",
            "fp32": (),
            "accumulate": 1,
        }
        for name, value in forms.items():
            if getattr(train, name) == "auto":
                self.chose(f"train.{name}", value, reason)

    def _choose_optimizer(self, pretrained: bool) -> None:
        train = self.config.train
        name = train.optimizer.name
        kind = KINDS.get(name, KINDS["adamw"])
        if train.lr == "auto":
            batch = int(train.batch_size)
            lr = kind.rates[pretrained] * (batch / 64 if kind.linear else math.sqrt(batch / 64))
            start = "pretrained weights" if pretrained else "random weights"
            self.chose("train.lr", float(f"{lr:.3g}"), f"{train.optimizer.name}, {start}, batches of {batch}")
        if train.optimizer.weight_decay == "auto":
            form = train.optimizer.decay
            decay, reason = (kind.decay, f"customary for {name}") if name in KINDS else (5e-4, "harmless for most")
            if name in KINDS and form not in ("auto", DECAYS[name][0]):
                decay, reason = (0.05 if form == "decoupled" else 5e-4), f"customary for {form} decay"
            self.chose("train.optimizer.weight_decay", decay, reason)


def _epochs(samples: int, pretrained: bool) -> int:
    """Fewer passes over more images: the square root keeps both the small and the large case sensible."""
    if pretrained:
        return min(30, max(5, round(15 * math.sqrt(2_000 / samples))))
    return min(60, max(8, round(25 * math.sqrt(1_200 / samples))))


def _reason(samples: int, pretrained: bool) -> str:
    return f"{samples} training images, {'pretrained' if pretrained else 'random'} weights"
