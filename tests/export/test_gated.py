"""From a trained model to a bundle, or to an error and nothing."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from trained_digits import WEIGHTS, Digits, logits_of

from sightline.errors import BundleError, ExportError, GateError
from sightline.export.bundle import Bundle
from sightline.export.form import Order
from sightline.export.forms import FORMS
from sightline.export.gated import How, export_bundle


def run_export(network: nn.Module, gray: Digits, out: Path, facts: dict[str, Any], **changes: Any) -> Bundle:
    given = {"validation": gray.samples(), "how": How()} | facts | changes
    return export_bundle(network, gray.contract, out=out, **given)


def test_a_trained_model_becomes_a_bundle(
    network: nn.Module, gray: Digits, facts: dict[str, Any], tmp_path: Path
) -> None:
    bundle = run_export(network, gray, tmp_path / "bundle", facts)
    assert bundle.document["parity"]["n"] == 60
    assert bundle.document["parity"]["passed"] is True
    expected = torch.softmax(torch.from_numpy(logits_of(network, gray.contract, gray.images)), 1).numpy()
    assert np.abs(bundle.predict(gray.images) - expected).max() <= 1e-5
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_damaged_export_is_not_handed_over_and_the_old_bundle_stays(
    network: nn.Module, gray: Digits, facts: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = run_export(network, gray, tmp_path / "bundle", facts)

    own = FORMS["onnx"]

    def slightly_wrong(order: Order, folder: Path) -> None:
        with torch.no_grad():
            other = torch.nn.Sequential(order.model, nn.Linear(10, 10, bias=False))
            other[1].weight.copy_(torch.eye(10) * 1.01)
        own.write(dataclasses.replace(order, model=other), folder)

    monkeypatch.setitem(FORMS, "onnx", dataclasses.replace(own, write=slightly_wrong))
    with pytest.raises(GateError, match=r"0.01 of the largest logit .*, 1e\+03 times the budget of 1e-05"):
        run_export(network, gray, tmp_path / "bundle", facts)
    with pytest.raises(GateError):
        run_export(network, gray, tmp_path / "second", facts)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    assert Bundle.load(tmp_path / "bundle").document == old.document


def test_without_validation_images_nothing_is_handed_over(
    network: nn.Module, gray: Digits, facts: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match="no image to compare the export with"):
        run_export(network, gray, tmp_path / "bundle", facts, validation=[])
    assert list(tmp_path.iterdir()) == []


def test_a_place_with_other_things_is_refused_before_any_work(
    network: nn.Module, gray: Digits, facts: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    monkeypatch.setitem(FORMS, "onnx", dataclasses.replace(FORMS["onnx"], write=None))
    with pytest.raises(BundleError, match="holds something that is not a bundle"):
        run_export(network, gray, tmp_path, facts)


def test_provenance_must_name_the_weights(
    network: nn.Module, gray: Digits, facts: dict[str, Any], tmp_path: Path
) -> None:
    del facts["provenance"]["weights_sha256"]
    with pytest.raises(ExportError, match="provenance needs the weights_sha256 that the training printed\n  got: None"):
        run_export(network, gray, tmp_path / "bundle", facts)


def test_the_weights_checksum_reaches_the_graph(
    network: nn.Module, gray: Digits, facts: dict[str, Any], tmp_path: Path
) -> None:
    assert run_export(network, gray, tmp_path / "bundle", facts).session.metadata["weights_sha256"] == WEIGHTS
