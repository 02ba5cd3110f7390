"""The patients of the hospital: sick on purpose, one for each rule, some with two diseases; and healthy ones."""

import dataclasses
from typing import Any

import hospital_wards as wards

SOUND: dict[str, Any] = {
    "model.name": "mlp",
    "model.options": {"hidden": [64, 64]},
    "data.workers": 0,
    "data.mean": [0.3],
    "data.std": [0.38],
    "train.epochs": 8,
    "train.batch_size": 32,
    "train.precision": "fp32",
    "train.layout": "contiguous",
    "train.threads": 1,
    "train.tensorboard": False,
    "evaluation.resamples": 100,
}
"""What a patient has where its disease says nothing else: some seconds on one core."""
MLP: dict[str, Any] = {"model.name": "mlp", "model.options": {"hidden": [64, 64]}}
PLAIN: dict[str, Any] = {"data.sampler": "none", "train.loss.class_weights": "none"}
BARE: dict[str, Any] = {"model.name": "mlp", "model.options": {"hidden": [64, 64], "norm": "none"}}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Patient:
    """A training, and what is wrong with it."""

    name: str
    rules: tuple[str, ...] = ()
    """Those that must speak; none: it is healthy."""
    disease: str = ""
    """In words."""
    settings: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    """Over ``SOUND``."""
    data: wards.Ward = wards.digits
    cured: str = ""
    """Of what the remedies must cure it: the figure that is compared; empty: it is not tried."""
    memory: float = 0.0
    """Of a machine as large as its peak divided by this; 0: of this machine."""

    def wanted(self, seed: int) -> dict[str, Any]:
        """All its settings."""
        own = SOUND | self.settings | {"seed": seed}
        return {key: value for key, value in own.items() if value is not None}


def _sick(rule: str, disease: str, **more: Any) -> Patient:
    return Patient(name=rule, rules=(rule,), disease=disease, **more)


SICK = (
    _sick(
        "overfitting",
        "80 images, no augmentation, 900 steps at a constant rate",
        cured="val_loss",
        settings=BARE
        | {
            "data.limit": 80,
            "data.augment": "none",
            "train.epochs": None,
            "train.steps": 900,
            "train.batch_size": 16,
            "train.evaluate": "30st",
            "train.schedule.name": "constant",
            "train.loss.label_smoothing": 0.0,
            "train.optimizer.weight_decay": 0.0,
        },
    ),
    _sick("underfitting", "two hidden units", settings={"model.name": "mlp", "model.options": {"hidden": [2]}}),
    _sick(
        "not_learning",
        "labels that have nothing to do with the images",
        data=wards.relabeled(1.0, ("train", "val", "test")),
    ),
    _sick(
        "plateau",
        "three hidden units at a constant rate",
        settings={
            "model.name": "mlp",
            "model.options": {"hidden": [3], "norm": "none"},
            "train.epochs": 45,
            "train.lr": 0.03,
            "train.schedule.name": "constant",
            "data.augment": "none",
        },
    ),
    _sick(
        "eager_stop",
        "evaluated every 5 steps and stopped after two that are no better",
        settings={"train.evaluate": "5st", "train.patience": "10st", "train.epochs": 20, "train.lr": 0.0005},
    ),
    _sick("lr_high", "a learning rate of 1 with AdamW", settings={"train.lr": 1.0}, cured="val_accuracy"),
    _sick("lr_low", "a learning rate of 1e-6 with AdamW", settings={"train.lr": 1e-6}, cured="val_accuracy"),
    _sick("long_warmup", "a warm-up of 80 % of the run", settings={"train.schedule.warmup": "80%"}),
    _sick("always_clipped", "a clip of 0.001", settings={"train.clip": 0.001}),
    _sick(
        "vanishing_gradients",
        "20 rectified layers without normalization",
        cured="val_accuracy",
        settings={"model.name": "mlp", "model.options": {"hidden": [64] * 20, "norm": "none"}},
    ),
    _sick(
        "exploding_gradients",
        "weights that start several times too large, no normalization, SGD",
        cured="val_accuracy",
        settings={
            "model.name": "mlp",
            "model.options": {"hidden": [64] * 6, "norm": "none"},
            "model.init.name": "normal",
            "model.init.std": 0.7,
            "train.optimizer.name": "sgd",
            "train.lr": 0.05,
        },
    ),
    _sick("dead_relus", "biases that start far below zero", settings={"model.name": "hospital_parts:sunken_relu"}),
    _sick(
        "saturated",
        "weights before tanh that start 50 times too large",
        settings={"model.name": "hospital_parts:loud_tanh"},
    ),
    _sick(
        "non_finite",
        "SGD at a rate of 1000 without normalization",
        settings=BARE | {"train.optimizer.name": "sgd", "train.lr": 1000.0},
    ),
    _sick("unused_parameters", "a layer cut off by detach()", settings={"model.name": "hospital_parts:forgetful"}),
    _sick(
        "frozen",
        "an optimizer that is not given all parameters",
        settings=MLP | {"train.optimizer.name": "hospital_parts:head_only", "train.lr": 0.002},
    ),
    _sick(
        "class_collapse",
        "all but 5 % of the training labels are overwritten with one class",
        data=wards.overwritten(0.95, "0"),
        settings=PLAIN,
    ),
    _sick(
        "never_predicted",
        "all but one of the training nines are labeled as eights",
        data=wards.mistaken("9", "8"),
        settings=PLAIN,
    ),
    _sick(
        "imbalance",
        "12 training images of three classes, 120 of the others",
        data=wards.rare(12, "789"),
        settings=PLAIN,
        cured="rare_recall",
    ),
    _sick(
        "few_images",
        "12 training images of three classes, 120 of the others, drawn alike",
        data=wards.rare(12, "789"),
        settings={"data.sampler": "classes"},
    ),
    _sick(
        "below_baseline",
        "300 labels that have nothing to do with the images, learnt by heart",
        data=wards.relabeled(1.0, ("train", "val", "test")),
        settings={
            "data.limit": 300,
            "data.augment": "none",
            "train.epochs": 40,
            "train.lr": 0.005,
            "model.options": {"hidden": [128, 128]},
        },
    ),
    _sick("label_noise", "a third of all labels drawn anew", data=wards.relabeled(0.33, ("train", "val", "test"))),
    _sick(
        "copies_across_parts",
        "a tenth of the validation images in the training part",
        data=wards.copied(0.1),
        settings={"data.check": "warn"},
    ),
    _sick(
        "easier_validation",
        "60 % of the training labels drawn anew, validation as it was",
        data=wards.relabeled(0.6, ("train",)),
    ),
    _sick(
        "preprocessing", "an augmentation that inverts the images", settings={"data.augment": "hospital_parts:inverted"}
    ),
    _sick("batch_norm", "batches of four", settings={"train.batch_size": 4, "train.epochs": 2}),
    _sick("noisy_metric", "30 validation images", data=wards.small_validation(30)),
    _sick(
        "data_bound",
        "pictures of 400 pixels, decoded anew in each epoch by the process that trains",
        data=wards.enlarged(400),
        cured="waiting",
        settings={
            "model.name": "cnn",
            "model.options": {"width": 16},
            "data.image_size": 8,
            "data.cache": "off",
            "train.epochs": 6,
        },
    ),
    _sick(
        "slow_settings",
        "fingerprints of every step",
        settings={"train.digests": True, "train.epochs": 100, "model.options": {"hidden": [512, 512]}},
    ),
    _sick("memory", "a machine hardly larger than the peak (simulated)", memory=0.97),
)
"""One patient a rule, named after it."""
MIXED = (
    Patient(
        name="slow and copied",
        rules=("lr_low", "copies_across_parts"),
        disease="a rate of 1e-6, a tenth of the validation images copied",
        data=wards.copied(0.1),
        settings={"train.lr": 1e-6, "data.check": "warn"},
    ),
    Patient(
        name="copied and cut",
        rules=("copies_across_parts", "always_clipped"),
        disease="a tenth of the validation images copied, a clip of 0.001",
        data=wards.copied(0.1),
        settings={"train.clip": 0.001, "data.check": "warn"},
    ),
    Patient(
        name="noisy and memorized",
        rules=("overfitting", "label_noise"),
        disease="a quarter of the labels drawn anew, learnt by heart",
        data=wards.relabeled(0.25, ("train", "val", "test")),
        settings=MLP
        | {
            "data.augment": "none",
            "train.epochs": 40,
            "train.schedule.name": "constant",
            "train.loss.label_smoothing": 0.0,
        },
    ),
)
"""Patients with two diseases."""


def _well(name: str, data: wards.Ward = wards.digits, **settings: Any) -> Patient:
    return Patient(name=name, data=data, settings={key.replace("__", "."): value for key, value in settings.items()})


CNN: dict[str, Any] = {"model__name": "cnn", "model__options": {"width": 6}}
HEALTHY = (
    _well("cnn", **CNN),
    _well("cnn 12 wide", model__name="cnn", model__options={"width": 12}, train__epochs=6),
    _well("cnn group norm", model__name="cnn", model__options={"width": 8, "norm": "group"}, train__epochs=12),
    _well("cnn mixup", **CNN, data__mixup=0.2, train__epochs=12),
    _well("cnn larger batches", **CNN, train__batch_size=64, train__epochs=12),
    _well("cnn sgd", **CNN, train__optimizer__name="sgd"),
    _well("mlp"),
    _well("mlp layer norm", model__options={"hidden": [128, 64], "norm": "layer"}),
    _well("mlp without norm", model__options={"hidden": [128, 64], "norm": "none"}, train__epochs=12),
    _well("mlp three layers", model__options={"hidden": [128, 64, 64]}),
    _well("mlp sgd", train__optimizer__name="sgd"),
    _well("mlp one cycle", train__schedule__name="one_cycle"),
    _well("mlp linear", train__schedule__name="linear", train__epochs=12),
    _well("mlp average", train__ema=0.98),
    _well("mlp hard labels", train__loss__label_smoothing=0.0),
    _well("mlp patience", train__epochs=20, train__patience="6ep"),
    _well("mlp muon", train__optimizer__name="muon"),
    _well("mlp clip", train__clip=1.0),
    _well("mlp focal", train__loss__name="focal"),
    _well("mlp larger batches", train__batch_size=64, train__epochs=12),
    _well("five digits", wards.some("01234")),
    _well("odd or even", wards.parity, train__epochs=12),
    _well("somewhat rare", wards.rare(60, "89"), train__epochs=12),
)
"""Trainings that nothing is wrong with, over models, optimizers, schedules, losses and data."""
