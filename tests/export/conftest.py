"""A small network that has learnt real digits, its contract, and its export: made once for all tests of this folder."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import nn
from trained_digits import WEIGHTS, Digits, digits, logits_of, make_network, train_a_little

from sightline.export.bundle import Bundle
from sightline.export.config import ExportConfig
from sightline.export.formats.onnx import export_onnx
from sightline.export.parity import Parity, check_parity
from sightline.export.session import Session
from sightline.export.write import Artefact, write_bundle


@pytest.fixture(scope="session")
def gray() -> Digits:
    return digits("gray", 16)


@pytest.fixture(scope="session")
def network(gray: Digits) -> nn.Module:
    return train_a_little(make_network(gray.contract), gray, steps=80)


@pytest.fixture(scope="session")
def exported(network: nn.Module, gray: Digits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network as an ONNX file."""
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    export_onnx(network, gray.contract, path, weights_sha256=WEIGHTS)
    return path


@pytest.fixture(scope="session")
def parity(network: nn.Module, gray: Digits, exported: Path) -> Parity:
    """A measurement that passes."""
    session = Session(exported.read_bytes(), "model.onnx")
    found = check_parity(
        lambda images: logits_of(network, gray.contract, images), session, gray.samples(), ExportConfig()
    )
    assert found.passed
    return found


@pytest.fixture
def facts() -> dict[str, Any]:
    """Metrics, provenance and licence as an evaluation and a run give them."""
    return {
        "metrics": {
            "accuracy": {"value": 0.987, "low": 0.97, "high": 0.995},
            "macro_f1": {"value": 0.986, "low": 0.969, "high": 0.994},
            "n": 270,
            "part": "test",
            "confidence": 0.95,
            "baseline": {"class": "digit 3", "accuracy": {"value": 0.104, "low": 0.07, "high": 0.14}},
        },
        "provenance": {
            "run": "runs/001-digits-cnn",
            "command": "sightline train digits",
            "versions": {"torch": "2.15.0", "sightline": "0.1.0"},
            "data": "da7a" * 16,
            "weights_sha256": WEIGHTS,
        },
        "weights_license": "none: trained from random weights",
    }


@pytest.fixture
def write(
    exported: Path, gray: Digits, parity: Parity, facts: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Bundle]:
    def make(folder: Path, onnx: Path = exported, **changes: Any) -> Bundle:
        made = tmp_path_factory.mktemp("made")
        shutil.copy(onnx, made / "model.onnx")
        given = {"artefact": Artefact(folder=made, form="onnx"), "contract": gray.contract, "parity": parity}
        return write_bundle(folder, **(given | facts | changes))

    return make


@pytest.fixture
def folder(write: Callable[..., Bundle], tmp_path: Path) -> Path:
    return write(tmp_path / "digits").folder
