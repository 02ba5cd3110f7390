"""What a training shows beside its records: TensorBoard in full, feature maps, a profile."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import DEFAULT_SIZE_GUIDANCE, EventAccumulator

from sightline import resume
from sightline.errors import ConfigError, PlugError, RunError
from sightline.run import Run
from small_training import train_small, write_pictures

SHOWN: dict[str, Any] = {
    "train.tensorboard": True,
    "watch.layers": "stage1.*",
    "watch.every": 2,
    "train.layer_decay": 0.5,
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("shown") / "pictures")


def read_back(run: Path) -> EventAccumulator:
    events = EventAccumulator(str(run / "tensorboard"), size_guidance=dict.fromkeys(DEFAULT_SIZE_GUIDANCE, 0))
    events.Reload()
    return events


def test_tensorboard_shows_all_of_it_and_the_weights_stay_the_same(tmp_path: Path, pictures: Path):
    alone = train_small(pictures, tmp_path / "alone", **{"watch.every": 0, "watch.seen": 0, "train.layer_decay": 0.5})
    trained = train_small(pictures, tmp_path / "run", **SHOWN)
    assert trained.weights_sha256 == alone.weights_sha256
    found = read_back(tmp_path / "run")
    tags = found.Tags()
    scalars = set(tags["scalars"])
    assert {"train/loss", "train/accuracy", "train/lr", "train/seconds", "train/wait", "train/images_per_second",
            "train/gradient_norm", "train/update_ratio", "val/loss", "val/accuracy", "seen/loss", "seen/accuracy",
            "gradient_norm/head", "update_ratio/stem.0", "dead/stem.2", "machine/memory_mib"} <= scalars  # fmt: skip
    shares = sorted(tag for tag in scalars if tag.startswith("lr/"))
    assert len(shares) > 1 and "lr/share_1" in shares
    histograms = set(tags["histograms"])
    assert {
        "activations/stage1.conv",
        "gradients/stage1.conv.weight",
        "weights/stage1.block.conv2.weight",
    } <= histograms
    assert all(tag.split("/")[1].startswith("stage1") for tag in histograms)
    assert set(tags["images"]) == {"inputs", "val/confusion"}
    assert [event.step for event in found.Images("inputs")] == [1, 10]
    assert {"val/ant", "val/bee", "val/cat"} <= set(tags["tensors"])
    nodes = found.Graph().node
    assert nodes[0].name == "images" and any(node.name.startswith("stage1/block/conv1/") for node in nodes)
    board = tmp_path / "run" / "tensorboard"
    validation = sum(",val," in line for line in Run(tmp_path / "run").split.read_text().splitlines())
    assert len((board / "00014" / "validation" / "metadata.tsv").read_text().splitlines()) == validation
    assert "hparams" in found.summary_metadata["_hparams_/experiment"].plugin_data.plugin_name


def test_a_resumed_training_shows_its_end_again(tmp_path: Path, pictures: Path):
    train_small(pictures, tmp_path / "run", **SHOWN)
    first = min((tmp_path / "run" / "checkpoints").glob("step-*.pt")).name
    resume(tmp_path / "run", start_from=first)
    found = read_back(tmp_path / "run")
    assert [event.step for event in found.Scalars("train/loss")] == list(range(1, 15))


def test_a_network_without_a_graph_is_shown_all_the_same(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
):
    def two_at_least(*_: object) -> None:
        raise ValueError("expected more than 1 value")

    monkeypatch.setattr("sightline.workflow.board.graph_of", two_at_least)
    with pytest.warns(UserWarning, match=r"no graph of the network .*more than 1 value"):
        train_small(pictures, tmp_path / "run", **{"train.tensorboard": True, "train.steps": 2})
    assert [event.step for event in read_back(tmp_path / "run").Scalars("train/loss")] == [1, 2]


MAPPED: dict[str, Any] = {"watch.maps": ["ant/0.png", "cat/3.png"], "train.steps": 4}


def test_feature_maps_are_pictures_in_the_run(tmp_path: Path, pictures: Path):
    alone = train_small(pictures, tmp_path / "alone", **{"train.steps": 4})
    options = {"watch.maps_at": [2, 4], "watch.layers": ["stem.*", "stage2"], "train.tensorboard": True}
    trained = train_small(pictures, tmp_path / "run", **MAPPED | options)
    assert trained.weights_sha256 == alone.weights_sha256
    files = sorted(
        str(path.relative_to(tmp_path / "run" / "maps")) for path in (tmp_path / "run" / "maps").rglob("*.png")
    )
    layers = ("stage2", "stem.0", "stem.1", "stem.2")
    assert files == [f"step-{step:06d}/{image}/{layer}.png"
                     for step in (2, 4) for image in ("ant-0-png", "cat-3-png") for layer in layers]  # fmt: skip
    picture = np.asarray(Image.open(tmp_path / "run" / "maps" / files[0]))
    assert picture.ndim == 2 and picture.max() == 255
    assert "maps/stem.0/ant/0.png" in read_back(tmp_path / "run").Tags()["images"]


def test_without_layers_and_steps_the_stages_are_drawn_at_the_end(tmp_path: Path, pictures: Path):
    train_small(pictures, tmp_path / "run", **MAPPED)
    drawn = sorted(path.name for path in (tmp_path / "run" / "maps" / "step-000004" / "ant-0-png").iterdir())
    assert drawn == ["stage1.png", "stage2.png", "stage3.png", "stem.png"]


def test_a_profile_is_a_trace_a_table_and_a_summary(tmp_path: Path, pictures: Path):
    alone = train_small(pictures, tmp_path / "alone", **{"train.steps": 6})
    trained = train_small(pictures, tmp_path / "run", **{"profile.steps": "3:5", "train.steps": 6})
    assert trained.weights_sha256 == alone.weights_sha256
    folder = tmp_path / "run" / "profile"
    events = json.loads((folder / "trace.json").read_text())["traceEvents"]
    optimizer = [event for event in events if str(event.get("name", "")).startswith("Optimizer.step#")]
    assert len(optimizer) == 3
    assert "aten::conv" in (folder / "operators.txt").read_text()
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["steps"] == [3, 5] and summary["step_ms"] > 0 and 0 <= summary["data_wait_share"] <= 1
    assert len(summary["top"]) == 10


@pytest.mark.parametrize(
    ("wish", "fails"),
    [
        ({"watch.maps": ["ant/0.png"], "watch.maps_at": [2]}, "sightline.workflow.maps.maps_of"),
        ({"profile.steps": "2:3"}, "sightline.workflow.profile.write_json"),
    ],
)
def test_a_training_goes_on_without_maps_or_a_profile(
    wish: dict[str, Any], fails: str, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> None:
        raise RunError("the disk is full")

    alone = train_small(pictures, tmp_path / "alone", **{"train.steps": 4})
    monkeypatch.setattr(fails, full)
    with pytest.warns(UserWarning, match=r"is dropped, the training goes on without it .*the disk is full"):
        trained = train_small(pictures, tmp_path / "run", **wish | {"train.steps": 4})
    assert trained.ended == "finished" and trained.weights_sha256 == alone.weights_sha256


def test_the_first_step_can_be_profiled(tmp_path: Path, pictures: Path):
    train_small(pictures, tmp_path / "run", **{"profile.steps": "1:1", "train.steps": 2})
    assert json.loads((tmp_path / "run" / "profile" / "summary.json").read_text())["steps"] == [1, 1]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"watch.layers": "stage9", "train.tensorboard": True}, "no part of the network is called 'stage9'"),
        ({"watch.maps": ["ant/99.png"]}, "no image is called 'ant/99.png'"),
        ({"watch.maps": ["ant/0.png"], "watch.maps_at": [99]}, "the run ends before that step"),
        ({"profile.steps": "10:90"}, "the run ends before that step"),
        ({"profile.steps": "9:3"}, "profile.steps cannot have this value"),
        ({"watch.layers": "stem", "watch.every": 0, "train.tensorboard": True}, "no step is looked at"),
        ({"watch.layers": "stem"}, "histograms are shown by TensorBoard, which is off"),
        ({"watch.what": ["weights"], "train.tensorboard": True}, "no histograms are made"),
        ({"watch.maps_at": [3]}, "no images are named"),
        ({"watch.probe": "nowhere:thing"}, "cannot import 'nowhere'"),
        ({"watch.probe": "thing"}, "'thing' is no function of your own"),
    ],
)
def test_what_cannot_be_shown_is_told_before_a_run_begins(
    changes: dict[str, Any], told: str, tmp_path: Path, pictures: Path
):
    with pytest.raises((ConfigError, PlugError), match=told):
        train_small(pictures, tmp_path / "run", **changes)
    assert not (tmp_path / "run").exists()
