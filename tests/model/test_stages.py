"""The stages that a network is frozen and thawed by."""

from pathlib import Path

import pytest
from torch import nn

from sightline.model.build import Built, build
from sightline.model.stages import stages_of


def test_stages_of_the_cnn_are_its_children():
    stages = stages_of(build("cnn", 3, 1, {"width": 4}))
    assert [stage.label for stage in stages] == ["stem", "stage1", "stage2", "stage3", "head"]
    assert stages[-1].parameters == {"head.weight", "head.bias"}


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("resnet18", ["conv1, bn1", "layer1", "layer2", "layer3", "layer4", "fc"]),
        ("vit_tiny_patch16_224", ["cls_token, pos_embed, patch_embed.proj", "blocks.0", "blocks.1"]),
        ("mobilenetv3_small_050", ["conv_stem, bn1", "blocks.0.0", "blocks.1", "blocks.2"]),
    ],
)
def test_stages_of_timm_are_those_of_its_authors(name: str, labels: list[str]):
    built = build(name, 3, 3, {})
    stages = stages_of(built)
    assert [stage.label for stage in stages[: len(labels)]] == labels
    assert stages[-1].parameters == built.head
    names = [name for stage in stages for name in stage.parameters]
    assert sorted(names) == sorted(name for name, _ in built.module.named_parameters()), "each is in one stage"


def test_a_model_whose_authors_name_no_stages_has_its_layers_for_stages():
    layers = build("rdnet_tiny", 3, 3, {})
    assert not layers.stages and len(stages_of(layers)) > 4


def test_a_wrapper_has_the_stages_of_what_it_wraps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "wrapping.py").write_text(
        "from torch import nn\nfrom sightline.model.cnn import cnn\n\n\nclass Outer(nn.Module):\n"
        "    def __init__(self, num_classes, in_chans):\n        super().__init__()\n"
        "        self.net = nn.ModuleDict({'inner': cnn(num_classes, in_chans, width=4)})\n"
    )
    monkeypatch.chdir(tmp_path)
    built = build("wrapping:Outer", 3, 1, {})
    names = ["stem", "stage1", "stage2", "stage3", "head"]
    assert [stage.label for stage in stages_of(built)] == [f"net.inner.{name}" for name in names]
    assert [built.depth[f"net.inner.{name}"] for name in ("stem.0.weight", "stage3.norm.bias", "head.bias")] == [
        0,
        3,
        4,
    ]


def test_layers_count_where_no_stages_are_known():
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 3))
    names = [name for name, _ in module.named_parameters()]
    built = Built(module, frozenset(names[2:]), {name: int(name[0]) for name in names})
    assert [sorted(stage.parameters) for stage in stages_of(built)] == [["0.bias", "0.weight"], ["1.bias", "1.weight"]]
