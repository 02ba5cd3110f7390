"""The verbs that show networks: a list by pattern, advice by size, one as a tree."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm

from small_training import train_small, write_pictures

Command = Callable[..., Any]


def test_names_of_a_pattern_are_listed_with_size_and_licence(command: Command):
    done = command("models", "resnet18.*")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].split() == ["name", "parameters", "pixels", "licence", "of", "the", "weights"]
    assert sorted(line.split()[0] for line in lines[1:]) == sorted(timm.list_pretrained("resnet18.*"))
    assert "11.69 M     224  bsd-3-clause (tv_in1k)" in done.out
    assert f"{len(lines) - 1} models\nnext: sightline model resnet18" in done.err


def test_a_budget_leaves_only_those_of_that_size(command: Command):
    done = command("models", "mobilenetv3_small*", "--budget", "tiny", "--macs", "--json")
    found = json.loads(done.out)
    assert {entry["name"] for entry in found} == set(timm.list_models("mobilenetv3_small*"))
    assert all(entry["macs"] > 1e7 and entry["budget"] == "tiny" for entry in found)
    none = command("models", "mobilenetv3_small*", "--budget", "large")
    assert none.code == 1 and "none of the 3 models that match 'mobilenetv3_small*' is of this size" in none.err


def test_without_a_pattern_comes_advice_by_size(command: Command):
    done = command("models", "--budget", "tiny")
    assert done.out.startswith("tiny: up to 3 M parameters\n") and "cnn" in done.out and "resnet18" not in done.out
    assert "what auto takes for them" in done.out


def test_a_pattern_without_a_hit_is_an_error(command: Command):
    done = command("models", "resnt*")
    assert (done.code, done.out) == (1, "") and "no model is called 'resnt*'" in done.err


def tree(command: Command, *words: object) -> dict[str, Any]:
    done = command("model", *words, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_the_tree_of_a_name_adds_up(command: Command):
    seen = tree(command, "resnet18", "--classes", 7, "--depth", 3)
    expected = timm.create_model("resnet18", num_classes=7)
    assert seen["root"]["parameters"] == sum(one.numel() for one in expected.parameters())

    def check(node: dict[str, Any], module: Any) -> None:
        assert node["parameters"] == node["trainable"] == sum(one.numel() for one in module.parameters())
        if node["children"]:
            assert sum(child["parameters"] for child in node["children"]) == node["parameters"]
        for child in node["children"]:
            check(child, getattr(module, child["name"]))

    check(seen["root"], expected)
    assert (seen["classes"], seen["channels"], seen["size"], seen["lr"]) == (7, 3, 224, None)


def test_rates_and_frozen_parts_are_those_of_a_training(command: Command):
    words = ("-s", "train.layer_decay=0.5", "-s", "train.lr=0.01", "--depth", 1)
    whole = {node["name"]: node for node in tree(command, "cnn", *words)["root"]["children"]}
    assert (
        whole["head"]["rates"] == [0.01]
        and whole["stage3"]["rates"] == [0.005]
        and whole["stem"]["rates"] == [0.000625]
    )
    frozen = tree(command, "cnn", *words, "-s", "train.freeze=2ep")
    parts = {node["name"]: (node["trainable"], node["rates"]) for node in frozen["root"]["children"]}
    assert parts == {name: (0, []) if name != "head" else (970, [0.01]) for name in whole} and frozen["frozen"] == "2ep"


def test_parameters_of_the_network_itself_are_shown(command: Command):
    done = command("model", "vit_tiny_patch16_224", "--depth", 1, "-s", "data.image_size=32")
    assert (
        "  pos_embed" in done.out and "Parameter" in done.out and "input    3 x 32 x 32, output 10 classes" in done.out
    )
    assert "head     head.bias, head.weight" in done.out


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    train_small(write_pictures(folder / "pictures"), folder / "run", **{"train.steps": 1, "train.lr": 0.02})
    return folder / "run"


def test_the_tree_of_a_run_is_that_of_its_settings(command: Command, run: Path):
    done = command("model", run)
    assert done.code == 0, done.err
    assert "input    3 x 12 x 12, output 3 classes" in done.out and "learning rate" in done.out.splitlines()[0]
    assert f"next: sightline evaluate {run}" in done.err
    changed = tree(command, run, "-s", "train.lr=0.5")
    assert changed["root"]["rates"] == [0.5] and changed["classes"] == 3


def test_mistakes_are_told(command: Command, run: Path, tmp_path: Path):
    assert "is not a run" in command("model", tmp_path).err
    assert "did you mean 'resnet18'" in command("model", "resnet81").err
    refused = command("model", run, "--classes", 3)
    assert refused.code == 2 and "a run has its own settings and classes (--classes)" in refused.err
