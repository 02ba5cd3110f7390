"""Healthy trainings on other data than the digits' classes: labels, numbers, and data sets that are given by path."""

from pathlib import Path
from typing import Any

import hospital_wards as wards
from hospital_patients import Patient

TASKS = (
    Patient(
        name="several labels",
        data=wards.properties,
        settings={"task.name": "multilabel", "train.epochs": 12},
    ),
    Patient(
        name="several labels, cnn",
        data=wards.properties,
        settings={"task.name": "multilabel", "model.name": "cnn", "model.options": {"width": 6}, "train.epochs": 12},
    ),
    Patient(name="numbers", data=wards.values, settings={"task.name": "regression", "train.epochs": 16}),
    Patient(
        name="numbers, cnn",
        data=wards.values,
        settings={"task.name": "regression", "model.name": "cnn", "model.options": {"width": 8}, "train.epochs": 16},
    ),
)
"""Of the digits, with other things to learn about them."""
_OWN: dict[str, Any] = {"data.mean": None, "data.std": None, "data.workers": "auto", "data.check": "off"}
_PHOTOS: dict[str, Any] = {
    **_OWN, "model.name": "cnn", "model.options": {"width": 12}, "data.image_size": 64, "train.epochs": 12,
}  # fmt: skip


def visitors(photos: Path | None, weights: Path | None, pictures: Path | None) -> tuple[Patient, ...]:
    """Trainings on data sets that lie on this machine; none where none is given.

    Args:
        photos: a folder of photographs in class folders, such as TrashNet; rare classes are left out.
        weights: for mobilenetv2_035, to fine-tune it on the photographs.
        pictures: Fashion-MNIST, of which 4,000 training images are used.
    """
    found: list[Patient] = []
    if photos is not None:
        found += [
            Patient(name="photos, cnn", data=wards.common(photos), settings=_PHOTOS),
            Patient(name="photos, cnn, sgd", data=wards.common(photos), settings=_PHOTOS | {
                "train.optimizer.name": "sgd", "train.lr": 0.05,
            }),
        ]  # fmt: skip
    if photos is not None and weights is not None:
        tuned = _OWN | {
            "model.name": "mobilenetv2_035", "model.options": {"pad_type": "same", "bn_eps": 0.001},
            "model.weights": str(weights), "data.mean": [0.5] * 3, "data.std": [0.5] * 3, "data.image_size": 96,
            "train.epochs": 6, "train.freeze": "1ep",
        }  # fmt: skip
        found.append(Patient(name="photos, fine-tuned", data=wards.common(photos), settings=tuned))
    if pictures is not None:
        small = _OWN | {"data.limit": 4000, "train.epochs": 8}
        found += [
            Patient(name="clothes, mlp", data=wards.given(pictures), settings=small),
            Patient(name="clothes, cnn", data=wards.given(pictures), settings=small | {
                "model.name": "cnn", "model.options": {"width": 6},
            }),
        ]  # fmt: skip
    return tuple(found)


NAMES = tuple(patient.name for patient in (*TASKS, *visitors(Path(), Path(), Path())))
"""Of all of them, given or not."""
