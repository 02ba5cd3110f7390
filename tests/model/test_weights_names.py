"""Tensors of a file find their place by rules, or by order where that is asked for."""

import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from sightline.errors import WeightsError
from sightline.model.weights import load_weights
from sightline.model.weights_file import read_weights
from sightline.model.weights_names import read_rules


def network(seed=0, outputs=3):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(36, 5), nn.Linear(5, outputs))


HEAD = ("4.weight", "4.bias")
NAMES = {"0": "features.conv", "1": "features.norm", "3": "neck", "4": "classifier"}


@pytest.fixture
def source():
    return network(1).state_dict()


@pytest.fixture
def stored(tmp_path, source):
    """The same network as somebody else named its parts."""
    path = tmp_path / "theirs.pt"
    torch.save({f"{NAMES[key[0]]}{key[1:]}": value for key, value in source.items()}, path)
    return path


def equal(module, state):
    return all(torch.equal(value, state[key]) for key, value in module.state_dict().items())


RULES = {
    "beginnings": {"features.conv": "0", "features.norm.": "1.", "neck": "3", "classifier": "4"},
    "patterns": {r"re:^features\.conv": "0", r"re:^features\.norm": "1", "re:^(neck)": "3", "re:classifier": "4"},
    "whole names": {
        **{f"features.conv.{kind}": f"0.{kind}" for kind in ("weight", "bias")},
        "features.norm": "1",
        "re:neck": "3",
        "classifier.weight": "4.weight",
        "classifier.bias": "4.bias",
    },
}


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_rules_rename(stored, source, rules):
    module = network()
    report = load_weights(module, stored, rules=rules)
    assert equal(module, source) and len(report.loaded) == len(source)
    assert "features.conv.weight -> 0.weight" in report.renamed and len(report.renamed) == len(source)
    assert any(line.startswith(f"  found by the rules ({len(source)}): ") for line in report.lines())


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
def test_rules_in_a_file(tmp_path, stored, source, suffix):
    rules, file = RULES["beginnings"], tmp_path / f"rules{suffix}"
    lines = [f"{old}: '{new}'" for old, new in rules.items()]
    file.write_text(json.dumps(rules) if suffix == ".json" else "\n".join(lines))
    assert read_rules(str(file)) == rules
    module = network()
    load_weights(module, stored, rules=read_rules(str(file)))
    assert equal(module, source)


def test_rules_see_names_with_and_without_wrappers_and_may_take_a_beginning_away(tmp_path, source):
    torch.save({f"module.student.{key}": value for key, value in source.items()}, tmp_path / "w.pt")
    for rules in ({"student": ""}, {"student.": ""}, {"module.student": ""}, {r"re:^student\.": ""}):
        module = network()
        load_weights(module, tmp_path / "w.pt", rules=rules)
        assert equal(module, source)


def test_the_first_rule_that_fits_acts_alone_so_that_names_can_be_exchanged(tmp_path, source):
    other = {"3": "4", "4": "3"}
    torch.save({other.get(key[0], key[0]) + key[1:]: value for key, value in source.items()}, tmp_path / "w.pt")
    module = network()
    load_weights(module, tmp_path / "w.pt", rules={"3": "4", "4": "3"})
    assert equal(module, source)


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        (
            {"feature": "0"},
            r"1 of the rules fit no tensor of the file: feature \(model.weights_rules\)\n  got: tens",
        ),
        ({"classifier": "3", "neck": "3"}, r"two tensors of the file get the name '3.weight'"),
        ({"re:(": "3"}, r"'re:\(' is no regular expression"),
        (
            {"re:^neck": r"\2"},
            r"^'\\2' cannot take the place of 're:\^neck' \(model.weights_rules\)\n  got: invalid group reference 2.*\n"
            r"  allowed: a name without references to groups$",
        ),
        ({"re:^(n)eck": r"\g<x>"}, r"cannot take the place of .*\n  got: .*'x'.*\n  allowed: \\1 to \\1$"),
    ],
)
def test_rules_that_cannot_be_right_are_refused(stored, rules, told):
    with pytest.raises(WeightsError, match=told):
        load_weights(network(), stored, rules=read_rules(rules))


def test_an_exact_name_goes_before_one_under_a_prefix_and_names_that_the_model_lacks_may_come_twice(tmp_path, source):
    others = {f"encoder.{key}": value + 1 for key, value in source.items()}
    lost = {"x.weight": torch.zeros(2), "model.x.weight": torch.zeros(2)}
    for place, tensors in enumerate((source | others | lost, others | lost | source)):
        torch.save(tensors, tmp_path / f"{place}.pt")
        module = network()
        report = load_weights(module, tmp_path / f"{place}.pt")
        assert equal(module, source) and not report.missing
        assert set(others) | {"x.weight"} == set(report.unused)
    torch.save(
        {f"{wrapper}.{key}": value for key, value in source.items() for wrapper in ("net", "model")}, tmp_path / "w"
    )
    with pytest.raises(WeightsError, match=r"two tensors of the file get the name '0.weight'"):
        load_weights(network(), tmp_path / "w")


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: 1\n", "{", "just words"])
def test_a_file_that_is_no_table_is_refused(tmp_path, text):
    (tmp_path / "rules.yaml").write_text(text)
    with pytest.raises(WeightsError, match=r"the rules (are no table of names|cannot be read) \(model.weights_rules\)"):
        read_rules(str(tmp_path / "rules.yaml"))
    with pytest.raises(WeightsError, match="the rules cannot be read"):
        read_rules(str(tmp_path / "absent.yaml"))


def test_an_order_that_fits_is_proposed_and_not_used(stored, source):
    module = network()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    with pytest.raises(WeightsError) as error:
        load_weights(module, stored, head=HEAD)
    assert error.value.hint.startswith(
        "by order and shape 10 tensors would fit: features.conv.weight -> 0.weight, features.conv.bias -> 0.bias, "
    )
    assert "-s model.weights_match=order" in error.value.hint and equal(module, before)


def test_an_order_that_is_asked_for_is_used_and_told(stored, source):
    module = network()
    report = load_weights(module, stored, match="order", head=HEAD)
    source["1.num_batches_tracked"] = module.state_dict()["1.num_batches_tracked"]
    assert equal(module, source) and not report.missing and not report.unused
    assert report.lines()[1].startswith("  found by order and shape (10): features.conv.weight -> 0.weight, ")


def test_by_order_a_head_of_other_size_stays_and_is_told(stored, source):
    module = network(outputs=7)
    before = module.state_dict()["4.weight"].clone()
    report = load_weights(module, stored, match="order", head=HEAD)
    assert torch.equal(module.state_dict()["3.weight"], source["3.weight"])
    assert torch.equal(module.state_dict()["4.weight"], before)
    assert report.missing == HEAD and report.unused == ("classifier.bias", "classifier.weight")


def test_an_order_that_does_not_fit_says_where_they_part(tmp_path, stored, source):
    other = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(36, 6), nn.Linear(6, 3))
    with pytest.raises(WeightsError, match=r"by order: tensor 7 differs: neck.weight \[5, 36\] and 3.weight \[6, 36\]"):
        load_weights(other, stored, match="order", head=HEAD)
    with pytest.raises(WeightsError) as error:
        load_weights(other, stored, head=HEAD)
    assert "order" not in error.value.hint
    torch.save({"a": source["0.weight"]}, tmp_path / "short.pt")
    with pytest.raises(WeightsError, match="the file has 1 tensors, the model 8 before its head"):
        load_weights(network(), tmp_path / "short.pt", match="order", head=HEAD)


def test_an_order_is_refused_where_names_fit_or_the_file_has_none(tmp_path, source):
    torch.save(source, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="weights_match=order has no effect: every tensor is found by its name"):
        load_weights(network(), tmp_path / "w.pt", match="order", head=HEAD)
    save_file({f"x{key}": value for key, value in source.items()}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="by order: a safetensors file keeps no order"):
        load_weights(network(), tmp_path / "w.safetensors", match="order", head=HEAD)


def test_a_file_saved_on_a_gpu_loads_on_a_cpu(tmp_path, source, monkeypatch):
    monkeypatch.setattr(torch.serialization, "location_tag", lambda _: "cuda:0")
    torch.save(source, tmp_path / "gpu.pt")
    monkeypatch.undo()
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="CUDA"):
            torch.load(tmp_path / "gpu.pt", weights_only=True)
    module = network()
    load_weights(module, tmp_path / "gpu.pt")
    assert equal(module, source)
    assert all(value.device.type == "cpu" for value in read_weights(tmp_path / "gpu.pt").tensors.values())
