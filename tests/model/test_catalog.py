"""What networks there are: found by pattern, measured without memory, remembered."""

import json
import os
from pathlib import Path

import pytest
import timm
import torch

from sightline.errors import ModelError
from sightline.model import catalog
from sightline.model.advice import ADVICE
from sightline.model.build import build


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SIGHTLINE_CACHE", str(tmp_path / "cache"))


def stored() -> Path:
    return Path(os.environ["SIGHTLINE_CACHE"]) / "models" / f"timm-{timm.__version__}.json"


def test_a_pattern_finds_names_with_or_without_their_weights():
    assert catalog.find("resnet18*") == timm.list_models("resnet18*")
    assert catalog.find("resnet18.*") == timm.list_pretrained("resnet18.*") and "resnet18.a1_in1k" in catalog.find(
        "*.a1*"
    )
    assert {"cnn", "mlp"} < set(catalog.find("*")) and catalog.find("mlp") == ["mlp"]


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("resnet", r"sightline models '\*resnet\*' lists the \d+ that have it in their name"),
        ("resnte50", "did you mean 'resnet50'"),
        ("mobilnet*", "sightline models 'mobilenet"),
        ("resnet18.nope*", r"sightline models 'resnet"),
        ("resnet18.nope", r"did you mean 'resnet18'"),
        ("§§§", r"sightline models '\*' lists every name"),
    ],
)
def test_a_pattern_without_a_hit_says_near_names(pattern, hint):
    with pytest.raises(ModelError, match=rf"no model is called '.*' \(PATTERN\)\n  next: {hint}"):
        catalog.find(pattern)


def test_parameters_are_those_of_the_network_and_need_no_memory(monkeypatch):
    names, devices = ["mobilenetv3_small_050", "resnet18.tv_in1k"], []
    create = timm.create_model

    def watched(name, **options):
        devices.append(torch.empty(0).device.type)
        assert not options.get("pretrained")
        return create(name, **options)

    monkeypatch.setattr(timm, "create_model", watched)
    small, resnet = catalog.describe(names)
    assert devices == ["meta", "meta"]
    assert small.parameters == sum(one.numel() for one in create(names[0]).parameters())
    assert (resnet.parameters, resnet.license, resnet.weights, resnet.size) == (
        11_689_512,
        "bsd-3-clause",
        ("tv_in1k",),
        224,
    )
    assert (small.budget, resnet.budget) == ("tiny", "medium")


def test_the_default_weights_come_first_and_their_absence_is_told():
    resnet, without = catalog.describe(["resnet18", "mobilenetv3_large_075"])
    assert resnet.weights[0] == timm.models.get_pretrained_cfg("resnet18").tag
    assert sorted(resnet.weights) == sorted(name.partition(".")[2] for name in timm.list_pretrained("resnet18.*"))
    assert resnet.license == "apache-2.0"
    assert (without.weights, without.license) == ((), "")


def test_multiply_adds_are_counted_on_request_and_equal_the_formula_of_a_convolution():
    (cnn,) = catalog.describe(["cnn"], macs=True)
    module, total = build("cnn", 10, 1, {}).module, 0

    def count(layer, _, output):
        nonlocal total
        total += output.numel() * layer.weight[0].numel()

    for layer in module.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            layer.register_forward_hook(count)
    module.eval()(torch.zeros(1, 1, 28, 28))
    assert cnn.macs == total and catalog.describe(["cnn"])[0].macs is None


def test_what_was_measured_is_remembered_and_a_damaged_memory_is_made_anew(monkeypatch):
    first = catalog.describe(["mobilenetv3_small_050"])
    assert json.loads(stored().read_text()) == {"mobilenetv3_small_050": {"parameters": first[0].parameters}}
    with monkeypatch.context() as patched:
        patched.setattr(timm, "create_model", lambda *_, **__: pytest.fail("measured again"))
        assert catalog.describe(["mobilenetv3_small_050"]) == first
    stored().write_text("{")
    assert catalog.describe(["mobilenetv3_small_050"]) == first


def test_a_cache_that_cannot_be_written_costs_only_the_memory(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SIGHTLINE_CACHE", str(tmp_path / "file"))
    (entry,) = catalog.describe(["mobilenetv3_small_050"])
    assert entry.parameters and (tmp_path / "file").read_text() == "in the way"


def test_a_network_that_cannot_be_built_here_is_listed_all_the_same(monkeypatch):
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: 1 / 0)
    (entry,) = catalog.describe(["resnet18"])
    assert entry.parameters is None and entry.weights


def test_advice_names_networks_that_exist_in_the_group_of_their_size():
    for budget, group in ADVICE.items():
        for entry in catalog.describe(list(group)):
            assert entry.budget == budget, entry.name
    assert list(ADVICE) == list(catalog.BUDGETS)
