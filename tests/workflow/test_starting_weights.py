"""What a training starts from: weights of another run, a head, values of its own; told, noted, or refused."""

import hashlib
import http.server
import json
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from sightline import export_run, resume
from sightline.config_file import load_resolved
from sightline.data.contract import Contract
from sightline.errors import ConfigError, ModelError, SightlineError, WeightsError
from sightline.run import Run
from sightline.training.checkpoint import Checkpoints
from small_training import train_small, weights_of, write_pictures

STILL: dict[str, Any] = {"train.steps": 1, "train.lr": 1e-12, "train.optimizer.weight_decay": 0.0}
"""A training that shows what it started from."""


@pytest.fixture(scope="module")
def first(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that knows ant, bee and cat."""
    run = tmp_path_factory.mktemp("first") / "run"
    train_small(pictures, run, **{"train.lr": 0.01})
    return run


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The same pictures, of which one class has another name."""
    folder = write_pictures(tmp_path / "other")
    shutil.move(folder / "bee", folder / "zebra")
    return folder


def best(run: Path) -> dict[str, torch.Tensor]:
    checkpoints = Checkpoints(run / "checkpoints")
    return checkpoints.load(checkpoints.named("best"))["model"]


def close(one: torch.Tensor, other: torch.Tensor) -> bool:
    return bool((one - other).abs().max() < 1e-6)


def test_a_run_starts_from_another_one_and_keeps_the_rows_of_the_same_classes(first: Path, other: Path, tmp_path: Path):
    trained = train_small(other, tmp_path / "run", **{"model.weights": str(first)}, **STILL)
    ours, theirs = weights_of(tmp_path / "run"), best(first)
    for row, before in ((0, 0), (1, 2)):  # ant, cat
        assert close(ours["head.weight"][row], theirs["head.weight"][before])
    assert not close(ours["head.weight"][2], theirs["head.weight"][1])
    assert all(close(ours[key], theirs[key]) for key in ours if not key.startswith("head"))
    report = Run(tmp_path / "run").info()["weights_report"]
    assert report["rows"] == {"named": True, "shared": ["ant", "cat"], "fresh": ["zebra"], "left": 1, "several": []}
    assert report["license"] == "that of run" and report["source"].startswith(f"{first} (step-")
    assert trained.ended == "finished"


def test_what_is_not_set_about_images_is_as_the_run_had_it(tmp_path: Path):
    gray = write_pictures(tmp_path / "gray")
    for path in gray.glob("*/*.png"):
        with Image.open(path) as image:
            image.convert("L").resize((14, 12)).save(path)
    first, second = tmp_path / "first", tmp_path / "second"
    train_small(gray, first, **{"data.image_size": None})
    train_small(gray, second, **{"data.image_size": None, "model.weights": str(first)}, **STILL)
    assert Contract.load(Run(second).contract) == Contract.load(Run(first).contract)
    report = Run(second).info()["weights_report"]
    assert report["missing"] == report["mismatched"] == report["unused"] == []
    config = load_resolved(Run(second).config).data
    assert (config.color, config.image_size) == ("gray", 14)
    train_small(gray, tmp_path / "rgb", **{"data.color": "rgb", "model.weights": str(first)}, **STILL)
    assert len(Contract.load(Run(tmp_path / "rgb").contract).mean) == 3


def test_a_model_that_is_not_named_is_that_of_the_run_that_the_weights_are_from(
    first: Path, other: Path, tmp_path: Path
):
    unnamed = {"model.name": None, "model.options": None, "model.weights": str(first)}
    train_small(other, tmp_path / "run", **unnamed, **STILL)
    info = Run(tmp_path / "run").info()
    assert info["settings"]["model.options"] == {"width": 4, "norm": "group"}
    assert info["origins"]["model.name"] == "auto: that of the run that the weights are from"
    assert not info["weights_report"]["missing"]


def test_weights_that_cannot_be_had_are_told_of_before_any_image_is_read(tmp_path: Path):
    for wrong, told in (("absent.pt", "does not exist"), ("http://127.0.0.1/w.pt", "need their checksum")):
        with pytest.raises(WeightsError, match=told):
            train_small(tmp_path / "no images here", tmp_path / "run", **{"model.weights": wrong})


def test_a_checkpoint_file_of_a_run_knows_its_classes_too(first: Path, other: Path, tmp_path: Path):
    file = first / "checkpoints" / Checkpoints(first / "checkpoints").named("best").file
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    train_small(other, tmp_path / "run", **{"model.weights": str(file), "model.weights_sha256": sha256}, **STILL)
    assert Run(tmp_path / "run").info()["weights_report"]["rows"]["shared"] == ["ant", "cat"]
    with pytest.raises(WeightsError, match="the weights file is not the one that was meant"):
        train_small(other, tmp_path / "no", **{"model.weights": str(file), "model.weights_sha256": "0" * 64})
    assert not (tmp_path / "no").exists()


def test_weights_from_an_address_are_those_of_the_file(
    first: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SIGHTLINE_CACHE", str(tmp_path / "cache"))
    content = (first / "checkpoints" / Checkpoints(first / "checkpoints").named("best").file).read_bytes()

    class Served(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Served) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/w.pt"
        wanted = {"model.weights": url, "model.weights_sha256": hashlib.sha256(content).hexdigest()}
        train_small(pictures, tmp_path / "run", **wanted, **STILL)
        thread.join()
    assert close(weights_of(tmp_path / "run")["stem.0.weight"], best(first)["stem.0.weight"])
    info = Run(tmp_path / "run").info()
    assert info["weights_report"]["source"] == url and info["settings"]["model.weights"] == url


def test_a_bundle_and_a_missing_file_are_refused_with_what_to_give(first: Path, pictures: Path, tmp_path: Path):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "bundle.json").write_text("{}")
    for weights, told in {
        "bundle": "a bundle holds no weights",
        "absent.pt": "the weights file does not exist",
    }.items():
        with pytest.raises(WeightsError, match=told):
            train_small(pictures, tmp_path / "run", **{"model.weights": str(tmp_path / weights)})
    with pytest.raises(SightlineError, match="is not a run"):
        train_small(pictures, tmp_path / "run", **{"model.weights": str(tmp_path)})


def test_the_head_starts_with_how_often_classes_come_also_after_a_kill_before_the_first_step(
    pictures: Path, tmp_path: Path
):
    changes = {"model.init.prior_bias": True, **STILL}
    whole = train_small(pictures, tmp_path / "run", **changes)
    counts = torch.tensor([float(n) for n in Run(tmp_path / "run").info()["balance"]["counts"].values()])
    assert close(weights_of(tmp_path / "run")["head.bias"], (counts / counts.sum()).log())
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    (tmp_path / "run" / "records.jsonl").unlink()
    assert resume(tmp_path / "run").weights_sha256 == whole.weights_sha256


def test_the_spread_of_activations_is_told_and_noted(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    from sightline.cli import main
    from small_training import words

    sys.argv = ["sightline", "train", str(pictures), "--run", str(tmp_path / "run"), *words(train__steps=1)]
    sys.argv += ["-s", "model.init.check=true", "-s", "model.init.name=normal", "-s", "model.init.std=1e-5"]
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    noted = Run(tmp_path / "run").info()["init_check"]
    assert noted["words"] in capsys.readouterr().err.replace("\n", " ")
    assert noted["verdict"] in ("healthy", "shrinks") and "stem.0" in noted["variance"]


@pytest.mark.parametrize("head", ["mlp", "cosine"])
def test_other_heads_pass_the_gate_of_the_export(head: str, pictures: Path, tmp_path: Path):
    train_small(pictures, tmp_path / "run", **{"model.head.name": head, "model.head.dropout": 0.2, "train.steps": 3})
    bundle = export_run(tmp_path / "run")
    assert bundle.document["parity"]["passed"]


OWN = """
from torch import nn


def softly(num_classes, in_chans):
    return nn.Sequential(nn.Flatten(), nn.Linear(144 * in_chans, num_classes), nn.Softmax(dim=1))


def soft_head(features, classes):
    return nn.Sequential(nn.Linear(features, classes), nn.Softmax(dim=1))


def squared(config):
    return lambda logits, targets: (logits - nn.functional.one_hot(targets, logits.shape[1])).square().sum(1)
"""


def test_a_softmax_before_cross_entropy_is_refused_and_before_a_loss_of_probabilities_not(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "softly.py").write_text(OWN)
    net = {"model.name": "softly:softly", "model.options": None, "train.steps": 1}
    with pytest.raises(ModelError, match=r"the model gives probabilities, and cross_entropy takes .* \(model.name\)"):
        train_small(pictures, tmp_path / "run", **net)
    with pytest.raises(ModelError, match=r"gives probabilities, and focal takes logits.* \(model.head.name\)"):
        train_small(pictures, tmp_path / "run", **{"model.head.name": "softly:soft_head", "train.loss.name": "focal"})
    assert not (tmp_path / "run").exists()
    assert train_small(pictures, tmp_path / "run", **net, **{"train.loss.name": "softly:squared"}).ended == "finished"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model.weights_sha256": "0" * 64}, "model.weights_sha256 has no effect: no weights file is given"),
        ({"model.weights_rules": {"a": "b"}}, "model.weights_rules has no effect: no weights file is given"),
        ({"model.weights_match": "order", "model.weights": "w.pt", "model.weights_rules": {"a": "b"}}, "names do not"),
        ({"model.weights_classes": "x.txt"}, "model.weights_classes has no effect: no weights file is given"),
        ({"model.head.hidden": 5}, "model.head.hidden has no effect: only the mlp head has it"),
        ({"model.head.scale": 5}, "model.head.scale has no effect: only the cosine head has it"),
        ({"model.head.options": {"a": 1}}, "model.head.options has no effect: only a head of your own has options"),
        ({"model.head.name": "a:b", "model.head.dropout": 0.5}, "model.head.dropout has no effect: a head of your own"),
        ({"model.init.std": 0.5}, "model.init.std has no effect: only normal and uniform have it"),
        ({"model.init.prior_bias": True, "data.sampler": "classes"}, "model.init.prior_bias has no effect: sampler"),
    ],
)
def test_settings_without_effect_are_refused(changes: dict[str, Any], told: str, pictures: Path, tmp_path: Path):
    with pytest.raises(ConfigError) as error:
        train_small(pictures, tmp_path / "run", **changes)
    assert told in str(error.value)


def test_a_files_settings_find_it_from_any_folder(first: Path, pictures: Path, tmp_path: Path, monkeypatch: Any):
    monkeypatch.chdir(tmp_path)
    state = {f"body.{key}": value for key, value in best(first).items()}
    torch.save(state, "w.pt")
    Path("rules.json").write_text(json.dumps({"body": ""}))
    Path("names.txt").write_text("cat\nbee\nant\n")
    files = {"model.weights": "w.pt", "model.weights_rules": "rules.json", "model.weights_classes": "names.txt"}
    train_small(pictures, tmp_path / "run", **files, **STILL)
    assert close(weights_of(tmp_path / "run")["head.weight"][0], state["body.head.weight"][2])
    settings = Run(tmp_path / "run").info()["settings"]
    assert all(Path(settings[key]) == tmp_path / value for key, value in files.items())
