"""A run that was interrupted and resumed does not differ from one that was not: equal, not nearly equal."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lever_variants import BATCH, LEVERS
from sightline import resume
from sightline.errors import ChangedDataError, RunError
from sightline.run import Run
from sightline.training.optimizer_kinds import KINDS
from small_training import (
    apart,
    best_of,
    content,
    leftovers,
    steps_of,
    timeless,
    train_small,
    weights_of,
    write_weighted_csv,
)

VARIANTS: dict[str, dict[str, Any]] = {
    "adamw with batch norm and dropout": {"model.options": BATCH},
    "average of the weights": {"train.ema": 0.9},
    "clipping in micro-batches": {"train.clip": 0.5, "train.accumulate": 3},
    "sgd": {"train.optimizer.name": "sgd", "train.lr": 0.05},
    **{name: {"train.optimizer.name": name} for name in KINDS if name not in ("adamw", "sgd")},
    **{name: {"train.schedule.name": name} for name in ("restarts", "one_cycle")},
    "lowered on a plateau": {
        "train.schedule.name": "plateau",
        "train.schedule.wait": "4st",
        "train.schedule.factor": 0.5,
        "train.evaluate": "2st",
    },
    "frozen for five steps": {"train.freeze": "5st", "model.options": BATCH},
    "half precision": {"train.precision": "bf16"},
    "checkpoints in parts": {"train.checkpoint": "sharded", "train.ema": 0.9},
    "layers on devices": {"train.distributed.kind": "layers", "train.distributed.devices": ["cpu", "cpu"]},
    "layer-wise rates": {"train.layer_decay": 0.7, "train.schedule.warmup": "4st"},
    "mlp with an mlp head": {
        "model.name": "mlp",
        "model.options": {"hidden": [16], "dropout": 0.2},
        "model.head.name": "mlp",
        "model.head.dropout": 0.3,
    },
    "cosine head, orthogonal start": {"model.head.name": "cosine", "model.init.name": "orthogonal"},
    "branches left out": {
        "model.name": "test_resnet",
        "model.options": None,
        "model.weights": "none",
        "model.drop_path": 0.3,
        "model.head.dropout": 0.3,
        "model.init.prior_bias": True,
    },
    **LEVERS,
    "augmented by workers": {"data.augment": "standard", "data.workers": 2},
    "mixed and weighed": {
        "data.mixup": 0.4,
        "data.cutmix": 1.0,
        "train.loss.class_weights": "inverse",
        "train.accumulate": 2,
        "data.mix_off_epochs": 1,
    },
    "every class equally often, by workers": {
        "data.sampler": "classes",
        "data.mixup": 0.4,
        "data.mix_probability": 0.5,
        "data.augment": "standard",
        "data.workers": 2,
    },
    "augmented by steps, by workers": {
        "data.augment": ["pad_crop", {"affine": {"degrees": 20}}, {"noise": {"p": 0.5}}, {"randaugment": {"p": 0.5}}],
        "data.workers": 2,
    },
}


def copies(tmp_path: Path, pictures: Path, disturbed: Callable[[str], None], **changes: Any) -> tuple[Path, str]:
    """A whole training that leaves a copy of its folder as it was in the middle of every step."""
    run = tmp_path / "whole"
    disturbed(f"0 copy {run} {tmp_path / 'at'}")
    whole = train_small(pictures, run, **{"train.loss.name": "disturbed:loss"} | changes)
    disturbed("")
    assert whole.ended == "finished"
    return run, whole.weights_sha256


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_cut_off_in_the_middle_of_a_step_ends_like_one_that_was_not(
    variant: str, tmp_path: Path, pictures: Path, disturbed: Callable[[str], None]
):
    changes = VARIANTS[variant]
    run, sha256 = copies(tmp_path, pictures, disturbed, **changes)
    micro = changes.get("train.accumulate", 1)
    for step in (6, 11):  # in the frozen part and after it, not where a checkpoint was just made
        cut = tmp_path / "at" / str(step * micro)
        resumed = resume(cut)
        assert (resumed.weights_sha256, resumed.step, resumed.ended) == (sha256, 14, "finished")
        assert timeless(cut) == timeless(run)
        assert steps_of(cut) == list(range(1, 15))
        assert best_of(cut) == best_of(run)
        assert Run(cut).info()["best_weights_sha256"] == Run(run).info()["best_weights_sha256"]
        assert weights_of(cut, "best").keys() == weights_of(run, "best").keys()


def test_a_run_by_the_weights_of_a_csv_resumes_exactly_and_only_with_the_same_weights(
    tmp_path: Path, pictures: Path, disturbed: Callable[[str], None]
):
    table = write_weighted_csv(pictures, tmp_path / "weighted.csv")
    for name, changes in {"loss": {}, "sampler": {"data.sampler": "weights"}}.items():
        (tmp_path / name).mkdir()
        _, sha256 = copies(tmp_path / name, table, disturbed, **changes)
        assert resume(tmp_path / name / "at" / "8").weights_sha256 == sha256
    plain, _ = copies(tmp_path, pictures, disturbed)
    for name in ("loss", "sampler"):
        assert apart(plain, tmp_path / name / "whole") > 1e-5
    table.write_text(table.read_text().replace(",1.5", ",1.25"))
    with pytest.raises(ChangedDataError, match="the training images have other weights than when the run was made"):
        resume(tmp_path / "loss" / "at" / "11")


def test_every_step_is_as_good_as_any_to_be_cut_off_in(
    tmp_path: Path, pictures: Path, disturbed: Callable[[str], None]
):
    run, sha256 = copies(tmp_path, pictures, disturbed)
    for step in range(1, 15):
        cut = tmp_path / "at" / str(step)
        assert resume(cut).weights_sha256 == sha256, f"cut off in step {step}"
        assert timeless(cut, "step", "eval", "save") == timeless(run, "step", "eval", "save")
        assert Run(cut).info()["state"] == "done"
        assert not leftovers(cut)


def test_a_checkpoint_that_was_being_written_does_not_count(
    tmp_path: Path, pictures: Path, disturbed: Callable[[str], None]
):
    _, sha256 = copies(tmp_path, pictures, disturbed)
    cut = tmp_path / "at" / "8"
    folder = cut / "checkpoints"
    newest = max(folder.glob("step-*.pt"))
    (folder / ".step-00000008.pt.4711.part").write_bytes(newest.read_bytes()[:999])  # killed while it was written
    (folder / "step-00000007.pt").write_bytes(newest.read_bytes())  # killed between the file and the index
    with (cut / "records.jsonl").open("a") as file:
        file.write('{"kind": "step", "step": 8, "ep')  # killed while a line was written
    assert resume(cut).weights_sha256 == sha256
    assert steps_of(cut) == list(range(1, 15))
    assert not leftovers(cut)
    assert not (folder / "step-00000007.pt").exists()


def test_sigterm_saves_and_the_resumed_run_is_the_uninterrupted_one(
    tmp_path: Path, pictures: Path, disturbed: Callable[[str], None]
):
    run, sha256 = copies(tmp_path, pictures, disturbed)
    disturbed("5 SIGTERM")
    stopped = train_small(pictures, tmp_path / "stopped", **{"train.loss.name": "disturbed:loss"})
    assert (stopped.ended, stopped.interrupted, stopped.step) == ("SIGTERM", True, 5)
    assert Run(tmp_path / "stopped").info()["state"] == "interrupted"
    disturbed("")
    resumed = resume(tmp_path / "stopped")
    assert (resumed.weights_sha256, resumed.ended) == (sha256, "finished")
    assert timeless(tmp_path / "stopped") == timeless(run)


def test_a_signal_in_the_last_step_leaves_nothing_to_go_on_with(
    tmp_path: Path, pictures: Path, disturbed: Callable[[str], None]
):
    disturbed("14 SIGTERM")
    trained = train_small(pictures, tmp_path / "run", **{"train.loss.name": "disturbed:loss"})
    assert (trained.ended, trained.interrupted) == ("finished", False)
    assert Run(tmp_path / "run").info()["state"] == "done"


def test_resuming_a_finished_run_changes_nothing(tmp_path: Path, pictures: Path):
    run = tmp_path / "run"
    trained = train_small(pictures, run)
    before = content(run)
    again = resume(run)
    assert (again.weights_sha256, again.step, again.ended) == (trained.weights_sha256, 14, "finished")
    after = content(run)
    same = [name for name in after if name not in ("run.json",) and not name.startswith("plots/")]
    assert sorted(after) == sorted(before)
    assert {name: after[name] for name in same} == {name: before[name] for name in same}


def test_going_back_to_an_earlier_checkpoint_reaches_the_same_end(tmp_path: Path, pictures: Path):
    run = tmp_path / "run"
    trained = train_small(pictures, run)
    expected = timeless(run, "step", "eval", "save")
    earlier = min((run / "checkpoints").glob("step-*.pt")).name
    assert earlier != "step-00000014.pt"
    again = resume(run, start_from=earlier)
    assert again.weights_sha256 == trained.weights_sha256
    assert timeless(run, "step", "eval", "save") == expected


def test_going_back_to_a_checkpoint_that_is_not_there_names_those_that_are(tmp_path: Path, pictures: Path):
    run = tmp_path / "run"
    train_small(pictures, run, **{"train.steps": 4})
    with pytest.raises(RunError, match=r"no checkpoint 'step-00000099\.pt'") as raised:
        resume(run, start_from="step-00000099.pt")
    assert raised.value.allowed == sorted(path.name for path in (run / "checkpoints").glob("step-*.pt"))


STOPS = {"train.patience": "8st", "train.steps": 60, "train.lr": 1e-9, "train.loss.name": "disturbed:loss"}
"""A learning rate that improves nothing for long: patience ends it."""


def test_early_stop_is_the_same_whenever_the_run_was_cut_off(
    tmp_path: Path, pictures: Path, disturbed: Callable[[str], None]
):
    run = tmp_path / "whole"
    disturbed(f"0 copy {run} {tmp_path / 'at'}")
    whole = train_small(pictures, run, **STOPS)
    disturbed("")
    assert whole.ended == "patience"
    assert whole.step == best_of(run) + 8 < 60
    for step in (2, best_of(run) + 2, whole.step):
        cut = tmp_path / "at" / str(step)
        resumed = resume(cut)
        assert (resumed.ended, resumed.step, resumed.weights_sha256) == ("patience", whole.step, whole.weights_sha256)
        assert timeless(cut) == timeless(run)


def test_a_run_that_patience_ended_stays_ended(tmp_path: Path, pictures: Path, disturbed: Callable[[str], None]):
    disturbed("")
    whole = train_small(pictures, tmp_path / "run", **STOPS)
    records = timeless(tmp_path / "run")
    again = resume(tmp_path / "run")
    assert (again.ended, again.step, again.weights_sha256) == ("patience", whole.step, whole.weights_sha256)
    assert timeless(tmp_path / "run") == records


def test_a_signal_in_the_step_that_patience_ends_with_changes_nothing(
    tmp_path: Path, pictures: Path, disturbed: Callable[[str], None]
):
    disturbed("")
    whole = train_small(pictures, tmp_path / "whole", **STOPS)
    disturbed(f"{whole.step} SIGINT")
    stopped = train_small(pictures, tmp_path / "stopped", **STOPS)
    disturbed("")
    again = resume(tmp_path / "stopped")
    for one in (stopped, again):
        assert (one.ended, one.step, one.weights_sha256) == ("patience", whole.step, whole.weights_sha256)


def test_a_run_is_resumed_from_another_folder_than_it_was_started_in(
    tmp_path: Path, pictures: Path, disturbed: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(pictures.parent)
    whole = train_small(Path("pictures"), tmp_path / "whole")
    monkeypatch.chdir(tmp_path)
    disturbed("5 SIGTERM")
    monkeypatch.chdir(pictures.parent)
    shutil.copy(tmp_path / "disturbed.py", pictures.parent)
    train_small(Path("pictures"), tmp_path / "run", **{"train.loss.name": "disturbed:loss"})
    disturbed("")
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "else")
    resumed = resume(Path(os.path.relpath(tmp_path / "run")))
    assert resumed.weights_sha256 == whole.weights_sha256


def test_a_run_that_was_killed_before_it_was_prepared_is_prepared_by_resume(tmp_path: Path, pictures: Path):
    whole = train_small(pictures, tmp_path / "whole")
    run, full = tmp_path / "run", tmp_path / "full"
    train_small(pictures, full)
    for kept in (
        ("config.yaml", "run.json"),
        ("config.yaml", "run.json", "split.csv"),
        ("config.yaml", "run.json", "split.csv", "contract.json"),
    ):
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir()
        for name in kept:
            if (full / name).is_file() and name != "records.jsonl":
                shutil.copy(full / name, run)
        Run(run).note(state="created")
        resumed = resume(run)
        assert (resumed.weights_sha256, steps_of(run)) == (whole.weights_sha256, list(range(1, 15)))
        assert resumed.run.split.read_bytes() == (full / "split.csv").read_bytes()


@pytest.mark.parametrize("left", [(), ("run.json",), ("run.json", ".lock", ".config.yaml.4711.part")], ids=len)
def test_a_folder_in_which_a_run_was_killed_at_birth_can_be_used_again(
    left: tuple[str, ...], tmp_path: Path, pictures: Path
):
    run = tmp_path / "run"
    run.mkdir()
    for name in left:
        (run / name).write_text("{}")
    assert train_small(pictures, run, **{"train.steps": 2}).ended == "finished"
    assert not leftovers(run)
