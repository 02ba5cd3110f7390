"""The ONNX file computes what the model computes, for any batch, and brings its own facts along."""

import copy
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import timm
import torch
from torch import nn
from trained_digits import WEIGHTS, Digits, digits, logits_of, make_network, train_a_little

from sightline.errors import ExportError, RunError
from sightline.export.formats.onnx import OPSET, export_onnx
from sightline.export.session import Session


def assert_same(path: Path, model: nn.Module, data: Digits) -> None:
    session = Session(path.read_bytes(), path.name)
    for count in (1, 17, 2):
        images = data.images[-count:]
        expected = logits_of(model, data.contract, images)
        probabilities, logits = session(images)
        assert logits.shape == (count, 10)
        assert np.abs(logits - expected).max() <= 1e-5 * np.abs(expected).max()
        assert np.abs(probabilities - torch.softmax(torch.from_numpy(expected), 1).numpy()).max() <= 1e-5


def test_a_trained_network_gives_the_same_for_one_image_and_for_many(
    exported: Path, network: nn.Module, gray: Digits
) -> None:
    assert_same(exported, network, gray)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "mobilenetv3_small_050", "mobilenetv2_035"])
def test_trained_timm_models_give_the_same(tmp_path: Path, name: str) -> None:
    data = digits("rgb", 64)
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=10)
    train_a_little(model, data)
    export_onnx(model, data.contract, tmp_path / "model.onnx", weights_sha256=WEIGHTS)
    assert_same(tmp_path / "model.onnx", model, data)


def test_the_file_states_what_it_takes_and_gives(exported: Path, gray: Digits) -> None:
    graph = onnx.load(exported, load_external_data=False)
    onnx.checker.check_model(graph, full_check=True)
    (images,) = graph.graph.input
    assert images.name == "images"
    assert images.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    dimensions = [dim.dim_param or dim.dim_value for dim in images.type.tensor_type.shape.dim]
    assert dimensions == ["batch", 16, 16, 1]
    outputs = {
        output.name: [dim.dim_param or dim.dim_value for dim in output.type.tensor_type.shape.dim]
        for output in graph.graph.output
    }
    assert outputs == {"probabilities": ["batch", 10], "logits": ["batch", 10]}
    assert [(opset.domain, opset.version) for opset in graph.opset_import] == [("", OPSET)]
    assert not any(tensor.external_data for tensor in graph.graph.initializer)
    assert [file.name for file in exported.parent.iterdir()] == ["model.onnx"]


def test_the_file_brings_labels_contract_and_checksum_along(exported: Path, gray: Digits) -> None:
    facts = Session(exported.read_bytes(), "model.onnx").metadata
    assert json.loads(facts["labels"]) == list(gray.contract.classes)
    assert json.loads(facts["contract"]) == gray.contract.as_dict()
    assert facts["contract_hash"] == gray.contract.hash
    assert facts["weights_sha256"] == WEIGHTS
    assert facts["sightline_version"]
    assert set(facts) == {"labels", "contract", "contract_hash", "weights_sha256", "sightline_version"}


def test_the_file_tells_nothing_of_the_machine_it_was_made_on(exported: Path) -> None:
    raw = exported.read_bytes()
    for word in (b".py", b"site-packages", str(Path.home()).encode() + b"/", str(Path(__file__).parents[2]).encode()):
        assert word not in raw


def test_the_same_model_gives_the_same_bytes(exported: Path, network: nn.Module, gray: Digits, tmp_path: Path) -> None:
    export_onnx(network, gray.contract, tmp_path / "again.onnx", weights_sha256=WEIGHTS)
    assert (tmp_path / "again.onnx").read_bytes() == exported.read_bytes()


def test_the_callers_model_stays_as_it_is_and_the_console_stays_quiet(
    gray: Digits, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = make_network(gray.contract).to(memory_format=torch.channels_last).train()
    model[1].eval()
    before = copy.deepcopy(model.state_dict())
    export_onnx(model, gray.contract, tmp_path / "model.onnx", weights_sha256=WEIGHTS)
    assert [part.training for part in model] == [index != 1 for index in range(len(model))]
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    assert model[4].weight.is_contiguous(memory_format=torch.channels_last)
    after = model.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    assert capfd.readouterr() == ("", "")


class Undecided(nn.Module):
    """Chooses by its input's values, which no graph can hold."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(256, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(images.flatten(1)) * (2 if float(images.sum()) > 0 else 1)


def test_a_model_that_no_graph_can_hold_is_refused_and_leaves_nothing(gray: Digits, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"the model cannot be written as ONNX \(.*model\.onnx\)\n  got: ") as caught:
        export_onnx(Undecided(), gray.contract, tmp_path / "model.onnx", weights_sha256=WEIGHTS)
    assert "rewrite the part of the model" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_model_with_other_outputs_than_classes_is_refused(gray: Digits, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(256, 7))
    with pytest.raises(ExportError, match=r"contract's 10 classes\n  got: shape \[2, 7\]\n  allowed: shape \[2, 10\]"):
        export_onnx(model, gray.contract, tmp_path / "model.onnx", weights_sha256=WEIGHTS)


def test_a_model_for_other_pictures_is_refused(gray: Digits, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(784, 10))
    with pytest.raises(ExportError, match="does not take pictures of 1 x 16 x 16\n  got: "):
        export_onnx(model, gray.contract, tmp_path / "model.onnx", weights_sha256=WEIGHTS)


def test_a_place_that_cannot_be_written_is_named(network: nn.Module, gray: Digits, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(RunError, match=r"cannot write: model\.onnx was not saved"):
        export_onnx(network, gray.contract, tmp_path / "taken" / "model.onnx", weights_sha256=WEIGHTS)
