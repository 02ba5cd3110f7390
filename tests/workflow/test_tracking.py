"""Runs in Weights & Biases and MLflow, read back by their own readers."""

import hashlib
import json
import os
import re
import shutil
import sys
from pathlib import Path

import mlflow
import pytest
import yaml
from mlflow.entities import ViewType

from sightline import resume
from sightline.config_file import load
from sightline.errors import ConfigError, MissingExtra
from sightline.sinks import mlflow_run, wandb_run
from sightline.training.checkpoint import Checkpoints
from small_training import steps_of, train_small, weights_of, write_pictures

SWEEP = Path(__file__).parents[2] / "examples" / "wandb_sweep.yaml"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("data") / "pictures")


@pytest.fixture(scope="module")
def tracked(pictures, tmp_path_factory):
    """A run that W&B and MLflow followed, and the address of the MLflow store."""
    folder = tmp_path_factory.mktemp("tracked")
    store = f"sqlite:///{folder / 'store.db'}"
    before = Path.cwd()
    os.chdir(folder)  # MLflow keeps its files in the working directory
    try:
        wandb = {"track__wandb__project": "digits", "track__wandb__mode": "offline", "track__wandb__tags": ["small"]}
        wandb |= {"track__wandb__group": "all", "track__wandb__entity": "team"}
        mlflow_own = {"track__mlflow__experiment": "digits", "track__mlflow__uri": store}
        train_small(pictures, folder / "run", **wandb, **mlflow_own)
    finally:
        os.chdir(before)
    return folder / "run", store


def scanned(run: Path):
    """Every record of the offline run. W&B reads the file in Go; its frame is that of LevelDB's log, and what is in the
    frames are the messages of W&B's own classes."""
    from wandb.proto.wandb_internal_pb2 import Record

    found = []
    for file in sorted(run.glob("wandb/offline-run-*/*.wandb")):
        data, place, whole = file.read_bytes(), 7, b""
        assert data[:4] == b":W&B"
        while place + 7 <= len(data):
            room = 32768 - place % 32768
            if room < 7:
                place += room
                continue
            length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
            whole += data[place + 7 : place + 7 + length]
            place += 7 + length
            if kind in (1, 4):  # whole, or the last piece
                record = Record()
                record.ParseFromString(whole)
                found.append(record)
                whole = b""
    return found


def history(records):
    rows = [record.history.item for record in records if record.WhichOneof("record_type") == "history"]
    return [{item.key or item.nested_key[0]: json.loads(item.value_json) for item in row} for row in rows]


def test_wandb_holds_settings_figures_and_artifacts(tracked):
    run, _ = tracked
    records = scanned(run)
    [told] = [record.run for record in records if record.WhichOneof("record_type") == "run"][:1]
    settings = {item.key: json.loads(item.value_json) for item in told.config.update}
    assert (told.project, told.display_name, list(told.tags)) == ("digits", "run", ["small"])
    assert (told.run_group, told.entity) == ("all", "team")
    assert (settings["train.batch_size"], settings["model.name"]) == (7, "cnn")
    rows = history(records)
    assert [row["step"] for row in rows if "train/loss" in row] == steps_of(run)
    assert {"val/loss", "val/accuracy"} < set(rows[-1])
    artifacts = [record.artifact for record in records if record.WhichOneof("record_type") == "artifact"]
    names = {one.type: [entry.path for entry in one.manifest.contents] for one in artifacts}
    best = Checkpoints(run / "checkpoints").named("best").file
    assert names == {"dataset": ["split.csv"], "model": ["config.yaml", "contract.json", best]}


def test_mlflow_holds_settings_figures_and_artifacts(tracked):
    run, store = tracked
    client = mlflow.MlflowClient(store)
    [experiment] = [one for one in client.search_experiments(ViewType.ALL) if one.name == "digits"]
    [told] = client.search_runs([experiment.experiment_id])
    assert (told.info.run_name, told.info.status) == ("run", "FINISHED")
    assert told.data.params["train.batch_size"] == "7"
    losses = client.get_metric_history(told.info.run_id, "train/loss")
    assert [one.step for one in losses] == steps_of(run)
    [data] = told.inputs.dataset_inputs
    split = hashlib.sha256((run / "split.csv").read_bytes()).hexdigest()
    assert data.dataset.digest == split[:32]
    assert told.data.tags["dataset_sha256"] == split
    kept = {one.path for folder in ("dataset", "model") for one in client.list_artifacts(told.info.run_id, folder)}
    assert {"dataset/split.csv", "model/config.yaml", "model/contract.json"} < kept


def test_the_pages_of_mlflow_read_the_store(tracked, monkeypatch):
    run, store = tracked
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", store)
    from mlflow.server import app

    asked = app.test_client()
    page = asked.get("/").get_data(as_text=True)
    experiment = mlflow.MlflowClient(store).get_experiment_by_name("digits").experiment_id
    shown = asked.post("/ajax-api/2.0/mlflow/runs/search", json={"experiment_ids": [experiment]}).get_json()["runs"]
    assert "<title>MLflow</title>" in page
    assert [one["info"]["run_name"] for one in shown] == [run.name]
    assert "val/accuracy" in {one["key"] for one in shown[0]["data"]["metrics"]}


def test_tracking_changes_no_weight_and_a_failing_tracker_ends_nothing(tracked, pictures, tmp_path, monkeypatch, capfd):
    def fail(*_):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(wandb_run.WandbRun, "log", fail)
    monkeypatch.setattr(mlflow_run.MlflowRun, "__init__", fail)
    own = {"track__wandb__project": "digits", "track__wandb__mode": "offline", "track__mlflow__experiment": "digits"}
    with pytest.warns(UserWarning, match=r"(W&B|MLflow) failed \(no route to host\)") as told:
        train_small(pictures, tmp_path / "run", **own)
    assert len(told) == 2
    weights, others = weights_of(tracked[0]), weights_of(tmp_path / "run")
    assert all(weights[name].equal(others[name]) for name in weights)
    assert steps_of(tmp_path / "run") == steps_of(tracked[0])


def test_a_resumed_run_goes_on_in_the_same_place(tracked, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(tracked[1].removeprefix("sqlite:///"), "own.db")  # making one takes MLflow ten seconds
    own = {"track__mlflow__experiment": "again", "track__mlflow__uri": "sqlite:///own.db", "track__artifacts": False}
    (tmp_path / "elsewhere").mkdir()
    train_small(pictures, tmp_path / "run", **own, train__steps=9)
    config = tmp_path / "run" / "config.yaml"
    config.write_text(re.sub(r"steps: 9\b", "steps: 14", config.read_text()))
    monkeypatch.chdir(tmp_path / "elsewhere")
    resume(tmp_path / "run")
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'own.db'}")
    [told] = client.search_runs([client.get_experiment_by_name("again").experiment_id])
    steps = [one.step for one in client.get_metric_history(told.info.run_id, "train/loss")]
    assert steps == list(range(1, 15))
    assert client.list_artifacts(told.info.run_id) == []
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"track__wandb__mode": "offline"}, "track.wandb.mode has no effect: without track.wandb.project"),
        ({"track__mlflow__uri": "sqlite:///x.db"}, "track.mlflow.uri has no effect: without track.mlflow.experiment"),
        ({"track__artifacts": False}, "track.artifacts has no effect: nobody takes them"),
    ],
)
def test_settings_of_trackers_that_are_not_used_are_refused(pictures, tmp_path, settings, told):
    with pytest.raises(ConfigError, match=re.escape(told)):
        train_small(pictures, tmp_path / "run", **settings)


@pytest.mark.parametrize(
    ("module", "key"), [("wandb", "track__wandb__project"), ("mlflow", "track__mlflow__experiment")]
)
def test_a_tracker_that_is_not_installed_is_told_before_anything_is_made(pictures, tmp_path, monkeypatch, module, key):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=f"{module} is not installed"):
        train_small(pictures, tmp_path / "run", **{key: "digits"})
    assert not (tmp_path / "run").exists()


def test_the_sweep_of_the_examples_is_one_for_our_settings(tmp_path):
    from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

    sweep = yaml.safe_load(SWEEP.read_text(encoding="utf-8"))

    def first(tree):
        if "parameters" in tree:
            return {name: first(below) for name, below in tree["parameters"].items()}
        return tree["values"][0] if "values" in tree else tree["min"]

    given = {name: {"value": first(tree)} for name, tree in sweep["parameters"].items()}
    written = tmp_path / "args.json"
    written.write_text(create_sweep_command_args({"args": given})["args_json"][0])
    config = load(written).config
    assert (config.train.lr, config.train.batch_size, config.data.augment) == (0.0001, 32, "light")
    assert sweep["metric"]["name"] == "val/accuracy"
    assert "${args_json_file}" in sweep["command"]
