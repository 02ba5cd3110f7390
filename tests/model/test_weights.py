"""Weights go from any honest file into a network, with an account of what went where."""

import pickle

import pytest
import torch
from safetensors.torch import save_file

from sightline.errors import WeightsError
from sightline.model.build import build
from sightline.model.weights import load_weights

BACKBONE = "weights/mobilenetv2_035-imagenet-backbone-timm.pth"


def network(seed, classes=3, channels=1, **options):
    torch.manual_seed(seed)
    return build("cnn", classes, channels, {"width": 8} | options).module


def equal(one, other):
    return all(torch.equal(value, other[key]) for key, value in one.items())


@pytest.fixture
def source():
    return network(1).state_dict()


WRAPPINGS = {
    "plain": lambda state: state,
    "state_dict": lambda state: {"epoch": 3, "state_dict": state, "optimizer": {}},
    "a nest in a nest": lambda state: {"model": {"state_dict": state}},
    "parallel": lambda state: {"module." + key: value for key, value in state.items()},
    "compiled and parallel": lambda state: {"_orig_mod.module." + key: value for key, value in state.items()},
    "lightning": lambda state: {"state_dict": {"model." + key: value for key, value in state.items()}},
    "timm's checkpoint": lambda state: {"arch": "cnn", "state_dict": state, "metric": 0.5},
    "an average in a module": lambda state: {
        "model": {key: value + 1 for key, value in state.items()},
        "ema": {"module": state, "updates": torch.tensor(3)},
    },
    "an average of which only the settings are there": lambda state: {
        "ema": {"decay": 0.9, "updates": torch.tensor(3)},
        "model": state,
    },
    "DeepSpeed's": lambda state: {"module": state, "dp_world_size": 2},
    "half precision": lambda state: {k: v.half().float() if v.is_floating_point() else v for k, v in state.items()},
}


FLAT = ("plain", "parallel", "compiled and parallel", "half precision")
"""What a safetensors file can hold too."""


@pytest.mark.parametrize(
    ("suffix", "wrapping"), [(".pt", name) for name in WRAPPINGS] + [(".safetensors", name) for name in FLAT]
)
def test_every_tensor_is_found_under_its_wrapping(tmp_path, source, suffix, wrapping):
    content = WRAPPINGS[wrapping](source)
    path = tmp_path / f"weights{suffix}"
    torch.save(content, path) if suffix == ".pt" else save_file(content, path)
    module = network(2)
    report = load_weights(module, path)
    assert equal(content if wrapping == "half precision" else source, module.state_dict())
    assert len(report.loaded) == len(source) and not report.missing + report.mismatched + report.unused
    assert report.lines() == [f"weights: {len(source)} of {len(source)} tensors loaded from {path}"]


def test_half_precision_is_converted(tmp_path, source):
    torch.save({k: v.half() if v.is_floating_point() else v for k, v in source.items()}, tmp_path / "w.pt")
    module = network(2)
    load_weights(module, tmp_path / "w.pt")
    assert module.head.weight.dtype == torch.float32 and torch.equal(
        module.head.weight, source["head.weight"].half().float()
    )


def test_other_shapes_keep_their_values_and_are_reported(tmp_path, source):
    torch.save(source | {"extra.weight": torch.zeros(3)}, tmp_path / "w.pt")
    module = network(2, classes=5, channels=3)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    report = load_weights(module, tmp_path / "w.pt")
    assert report.mismatched == (
        "head.bias [3] -> [5]",
        "head.weight [3, 32] -> [5, 32]",
        "stem.0.weight [8, 1, 3, 3] -> [8, 3, 3, 3]",
    )
    assert report.unused == ("extra.weight",) and report.missing == ()
    for key in ("head.bias", "head.weight", "stem.0.weight"):
        assert torch.equal(module.state_dict()[key], before[key])
    assert torch.equal(module.stage3.conv.weight, source["stage3.conv.weight"])
    assert report.lines()[1:] == [
        "  left at their initial values, other shape (3): head.bias [3] -> [5], head.weight [3, 32] -> [5, 32], "
        "stem.0.weight [8, 1, 3, 3] -> [8, 3, 3, 3]",
        "  in the file but not in the model (1): extra.weight",
    ]
    assert report.as_dict()["unused"] == ["extra.weight"]


def test_a_file_without_counters_is_complete(tmp_path, source):
    torch.save({k: v for k, v in source.items() if not k.endswith("num_batches_tracked")}, tmp_path / "w.pt")
    assert load_weights(network(2), tmp_path / "w.pt").missing == ()


def test_the_published_backbone_lacks_only_the_classifier(shared_data):
    built = build("mobilenetv2_035", 6, 3, {})
    report = load_weights(built.module, shared_data / BACKBONE)
    assert len(report.loaded) == 260 and report.missing == ("classifier.weight", "classifier.bias")
    assert not report.mismatched and not report.unused
    stored = torch.load(shared_data / BACKBONE, weights_only=True)
    assert equal(stored, built.module.state_dict())


def test_another_architecture_is_refused_and_changes_nothing(tmp_path, shared_data):
    module = network(2)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    with pytest.raises(WeightsError) as error:
        load_weights(module, shared_data / BACKBONE)
    lines = str(error.value).splitlines()
    assert lines[0] == f"nothing in the weights file matches the model ({shared_data / BACKBONE})"
    assert lines[1].startswith("  got: tensors such as blocks.0.0.bn1.bias, ") and lines[1].endswith(" and 257 more")
    assert lines[2].startswith("  allowed: tensors such as stem.0.weight, ")
    assert lines[3] == "  next: give weights of the same architecture, or name that architecture with -s model.name=…"
    assert equal(before, module.state_dict())


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(
        WeightsError, match=r"file does not exist \(model.weights\)\n  got: .*w.pt\n  allowed: auto, none,"
    ):
        load_weights(network(2), tmp_path / "w.pt")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path, source, suffix, share):
    path = tmp_path / f"weights{suffix}"
    torch.save(source, path) if suffix == ".pt" else save_file(source, path)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(
        WeightsError, match=r"^the weights file cannot be read \(.*\)\n  got: .+\n  next: give a .safete"
    ):
        load_weights(network(2), path)


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("save", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content, 2))])
def test_code_in_a_file_is_refused_and_not_run(tmp_path, source, save):
    path, mark = tmp_path / "w.pt", tmp_path / "mark"
    save(source | {"x": Trap(mark)}, path)
    with pytest.raises(WeightsError, match=r"the weights file cannot be read"):
        load_weights(network(2), path)
    assert not mark.exists()


def test_a_whole_module_is_refused(tmp_path):
    torch.save(network(1), tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="the weights file cannot be read"):
        load_weights(network(2), tmp_path / "w.pt")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ([1, 2], "list"),
        ({"epoch": 3, "shadow": {"a": torch.zeros(2)}}, "dict of epoch, shadow"),
        ({"model": {}}, "dict of model"),
        ({}, "dict of nothing"),
    ],
)
def test_a_file_without_tensors_is_refused(tmp_path, content, kind):
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(
        WeightsError,
        match=rf"no tensors in the weights file \(.*w.pt\)\n  got: {kind}\n  next: give the tensors by name",
    ):
        load_weights(network(2), tmp_path / "w.pt")
