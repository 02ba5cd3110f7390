"""What is checked before a training: sound ones pass, and each fault is found by the check that is about it."""

import tempfile
from pathlib import Path
from typing import Any

import pytest

import sightline
from ill_networks import ILL
from sightline.findings import Finding
from small_targets import write_lights, write_shapes
from small_training import content, settings, write_pictures

CHECKS = [
    *("shapes", "preprocessing", "initial_loss", "one_batch", "gradients", "depth", "inputs", "batch_mix"),
    *("time", "memory"),
]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("sane") / "pictures")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a user's with ``ill.py`` in it, and an empty one for what is temporary."""
    (tmp_path / "ill.py").write_text(ILL)
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path


def checked(data: Path, **changes: Any) -> dict[str, Finding]:
    findings = sightline.sanity(data, settings=settings(**{"train.lr": 0.01} | changes))
    return {finding.rule.removeprefix("sanity."): finding for finding in findings}


def wrong(found: dict[str, Finding]) -> dict[str, str]:
    """Severities of the checks that failed."""
    return {name: finding.severity for name, finding in found.items() if finding.severity != "note"}


def test_a_sound_training_passes_and_leaves_nothing(pictures: Path, here: Path):
    before = content(here)
    found = checked(pictures)
    assert list(found) == CHECKS
    assert wrong(found) == {}
    assert content(here) == before and not list((here / "temporary").iterdir())
    assert found["time"].evidence["steps"] == 14 and found["time"].evidence["evaluations"] == 4
    assert found["time"].evidence["least"] <= found["time"].evidence["whole"] <= found["time"].evidence["most"]
    assert 0 < found["memory"].evidence["bytes"] < found["memory"].evidence["limit"]
    assert all(finding.page.startswith("docs/sanity.md#") for finding in found.values())


def test_a_network_of_timm_passes(pictures: Path):
    own = {"model.name": "resnet10t", "model.options": None, "data.image_size": 32, "model.weights": "none"}
    assert wrong(checked(pictures, **own)) == {}


def test_labels_pass(tmp_path: Path):
    assert wrong(checked(write_shapes(tmp_path), **{"task.name": "multilabel"})) == {}


def test_numbers_pass(tmp_path: Path):
    own = {"task.name": "regression", "data.targets": ["brightness", "width"]}
    assert wrong(checked(write_lights(tmp_path), **own)) == {}


def test_labels_that_mean_nothing_can_be_learnt_by_heart_all_the_same(pictures: Path, tmp_path: Path):
    images = sorted(pictures.glob("*/*.png"))
    rows = [f"{image},{('ant', 'bee', 'cat')[place * 7 % 3]}" for place, image in enumerate(images)]
    (tmp_path / "shuffled.csv").write_text("\n".join(["path,label", *rows]) + "\n")
    assert wrong(checked(tmp_path / "shuffled.csv")) == {}


def test_everything_that_regularizes_is_left_out_where_a_batch_is_learnt(pictures: Path, here: Path):
    own = {
        "model.options": {"width": 4, "norm": "group", "dropout": 0.9},
        "train.loss.label_smoothing": 0.5,
        "train.optimizer.weight_decay": 5.0,
        "data.mixup": 0.5,
        "train.noise.inputs": 2.0,
        "train.l1": 1.0,
    }
    found = checked(pictures, **own)
    assert wrong(found) == {}
    assert found["one_batch"].evidence["own_last"] < 0.12


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ("Net", {}),
        ("Detached", {"gradients": "error"}),
        ("Unused", {"gradients": "warning"}),
        ("Dead", {"one_batch": "error", "gradients": "error", "inputs": "error"}),
        ("Mixing", {"batch_mix": "error"}),
        ("Twice", {"one_batch": "error"}),
        ("Wide", {"shapes": "error"}),
        ("Rootless", {"shapes": "error"}),
        ("Loud", {"initial_loss": "warning"}),
        ("Alone", {"batch_mix": "error"}),
    ],
)
def test_a_fault_of_a_network_is_found_by_the_check_that_is_about_it(
    network: str, expected: dict[str, str], pictures: Path, here: Path
):
    found = checked(pictures, **{"model.name": f"ill:{network}", "model.options": None})
    assert wrong(found) == expected, {name: one.message for name, one in found.items()}


def test_names_of_parameters_without_a_gradient_are_told(pictures: Path, here: Path):
    finding = checked(pictures, **{"model.name": "ill:Detached", "model.options": None})["gradients"]
    assert finding.evidence["none"] == ["stem.weight", "stem.bias"]
    assert "stem.weight, stem.bias" in finding.message


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("cross_entropy", {}),
        ("flipped", {"own_loss": "error"}),
        ("no_gradient", {"own_loss": "error"}),
        ("of_probabilities", {"own_loss": "warning"}),
    ],
)
def test_a_fault_of_a_loss_is_found(loss: str, expected: dict[str, str], pictures: Path, here: Path):
    own = {"train.loss.name": f"ill:{loss}", "train.loss.label_smoothing": None}
    found = checked(pictures, **own)
    assert wrong(found) == expected, {name: one.message for name, one in found.items()}


@pytest.mark.parametrize(("lr", "expected"), [(1e4, "error"), (1e-9, "warning")])
def test_a_rate_that_is_absurd_is_told_from_a_network_that_cannot_learn(lr: float, expected: str, pictures: Path):
    found = checked(pictures, **{"train.lr": lr, "train.optimizer.name": "sgd"})
    assert found["one_batch"].severity == expected
    assert found["one_batch"].settings == ("train.lr=auto",)
    assert ("too high" if lr > 1 else "too low") in found["one_batch"].message


def test_a_scale_that_is_not_that_of_the_images_is_told(pictures: Path):
    found = checked(pictures, **{"data.mean": [0.5, 0.5, 0.5], "data.std": [0.001, 0.001, 0.001]})
    assert found["shapes"].severity == "warning" and found["shapes"].evidence["spread"] > 100


def test_an_augmentation_of_another_scale_is_told(pictures: Path, here: Path):
    found = checked(pictures, **{"data.augment": "ill:dim"})
    assert found["preprocessing"].severity == "warning" and found["preprocessing"].evidence["differing"] == 0
