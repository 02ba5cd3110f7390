"""A person's mistake: the message names the thing, the exit code says so, and nothing half-written is left."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from sightline.training.checkpoint import Checkpoints
from small_training import content, leftovers, steps_of, train_small, weights_of, words

Command = Callable[..., Any]


@pytest.fixture
def refused(command: Command, tmp_path: Path) -> Callable[..., str]:
    """Runs ``train`` that must be refused; gives its message, after seeing that nothing is left of it."""

    def run(data: Path, *more: str, code: int = 1, **changes: Any) -> str:
        before = content(data)
        done = command("train", data, "--run", tmp_path / "run", *words(**changes), *more)
        assert done.code == code, done.err
        assert done.out == ""
        assert not (tmp_path / "run").exists()
        assert content(data) == before
        return done.err[done.err.index("error: ") :]

    return run


@pytest.fixture
def data(noise: Path, tmp_path: Path) -> Path:
    """Images of this test alone."""
    return Path(shutil.copytree(noise, tmp_path / "data"))


def test_a_validation_part_that_lacks_a_class_is_named(
    refused: Callable[..., str], tmp_path: Path, image_folder: Callable[..., Path]
):
    root = image_folder(tmp_path / "data", {"cat": 3, "dog": 3, "owl": 3}, parts=("train", "val"))
    shutil.rmtree(root / "val" / "dog")
    message = refused(root)
    assert "dog" in message
    assert "val" in message
    assert "cat" not in message.split("\n")[0]


def test_a_misspelt_setting_is_told_with_what_was_meant(refused: Callable[..., str], data: Path):
    message = refused(data, "-s", "train.epochz=3", code=2)
    assert "train.epochz" in message
    assert "did you mean 'train.epochs'?" in message or "did you mean 'epochs'?" in message


def test_a_truncated_image_is_named_and_skipped_only_when_asked(
    refused: Callable[..., str], command: Command, data: Path, tmp_path: Path
):
    path = data / "ant" / "torn.jpg"
    Image.open(data / "ant" / "0.png").resize((64, 64)).save(path)
    path.write_bytes(path.read_bytes()[:-300])
    message = refused(data)
    assert "error: 1 of 59 images cannot be decoded" in message
    assert "ant/torn.jpg" in message
    assert "truncated" in message
    assert "next: repair or remove them, or leave them out with -s data.on_error=skip" in message

    run = tmp_path / "skipped"
    done = command("train", data, "--run", run, *words(**{"data.on_error": "skip", "train.steps": 2}))
    assert done.code == 0, done.err
    assert "left out 1 images that cannot be decoded:\n  ant/torn.jpg: " in done.err
    assert "torn" not in (run / "split.csv").read_text()
    assert "ant/torn.jpg" in (run / "run.json").read_text()
    assert command("resume", run).code == 0
    assert command("evaluate", run).code == 0


def test_an_empty_image_is_named(refused: Callable[..., str], data: Path):
    (data / "bee" / "zero.png").touch()
    message = refused(data)
    assert "bee/zero.png" in message
    assert "empty" in message


def test_a_class_of_nothing_but_damaged_images_is_not_skipped(refused: Callable[..., str], data: Path):
    for path in (data / "bee").iterdir():
        path.write_bytes(b"")
    message = refused(data, "-s", "data.on_error=skip")
    assert "error: no image of these classes can be decoded" in message
    assert "bee" in message


def test_an_unknown_model_is_told_with_the_nearest_names(refused: Callable[..., str], data: Path):
    message = refused(data, model__name="resnet81", model__options=None)
    assert "error: unknown model 'resnet81' (model.name)" in message
    assert "did you mean 'resnet" in message


def test_weights_of_another_architecture_are_refused(refused: Callable[..., str], data: Path, tmp_path: Path):
    path = tmp_path / "other.pt"
    torch.save({"blocks.0.weight": torch.zeros(3, 3), "blocks.0.bias": torch.zeros(3)}, path)
    message = refused(data, "-s", f"model.weights={path}")
    assert "error: nothing in the weights file matches the model" in message
    assert str(path) in message
    assert "blocks.0.weight" in message
    assert "stem.0.weight" in message


def test_weights_that_are_not_there_are_told_before_the_data_is_looked_at(refused: Callable[..., str], data: Path):
    assert "error: the weights file does not exist" in refused(data, "-s", "model.weights=nowhere.pt")


def test_data_that_is_not_there(command: Command, tmp_path: Path, data: Path):
    done = command("train", tmp_path / "dat", "--run", tmp_path / "run", *words())
    assert done.code == 1
    assert f"error: {tmp_path / 'dat'} does not exist" in done.err
    assert "did you mean 'data'?" in done.err
    assert not (tmp_path / "run").exists()
    done = command("train", "--run", tmp_path / "run", *words())
    assert done.code == 2
    assert "error: no data (DATA)\n  next: sightline train FOLDER, or data.path in the config file" in done.err


def test_several_mistakes_are_told_at_once(refused: Callable[..., str], data: Path):
    message = refused(data, "-s", "train.epochz=3", "-s", "train.lr=-1", "-s", "data.augment=wild", code=2)
    assert all(word in message for word in ("train.epochz", "train.lr", "data.augment"))


@pytest.mark.parametrize(
    ("setting", "words_in"),
    [
        ("train.optimizer.momentum=0.5", "train.optimizer.momentum has no effect: adamw has no momentum setting"),
        ("train.epochs=3", "train.epochs has no effect: train.steps decides the length"),
        ("train.patience=50%", "train.patience cannot be a percentage"),
    ],
)
def test_a_setting_without_effect_is_refused(setting: str, words_in: str, refused: Callable[..., str], data: Path):
    assert words_in in refused(data, "-s", setting, code=2)


@pytest.mark.parametrize(
    ("parts", "setting", "words_in"),
    [
        (("train", "val"), "data.val=0.4", "data.val has no effect: the data set gives its own parts (train, val)"),
        (("train", "val"), "data.test=0.3", "data.test has no effect: the data set gives its own parts (train, val)"),
        (("train",), "data.val=0", "train.evaluate has no effect: there is no validation part to evaluate on"),
    ],
)
def test_a_setting_without_effect_on_this_data_is_refused(
    parts: tuple[str, ...],
    setting: str,
    words_in: str,
    command: Command,
    tmp_path: Path,
    image_folder: Callable[..., Path],
):
    data = image_folder(tmp_path / "parted", {"a": 6, "b": 6}, parts=parts)
    run = tmp_path / "run"
    done = command("train", data, "--run", run, *words(), "-s", setting)
    assert done.code == 2 and words_in in done.err and not run.exists()


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("train.loss.name=focla", "unknown loss 'focla' (train.loss.name)"),
        ("train.optimizer.name=adamm", "unknown optimizer 'adamm' (train.optimizer.name)"),
        ("train.schedule.name=cosin", "unknown schedule 'cosin' (train.schedule.name)"),
        ("task.name=clasification", "unknown task 'clasification' (task.name)"),
        ("data.reader=folder", "unknown reader 'folder' (data.reader)"),
        ("train.device=gpu", "the device 'gpu' cannot be used (train.device)"),
        ("model.options={norm: layer}", "unknown norm 'layer' (model.options.norm)"),
        ("model.options={widht: 3}", "model 'cnn' does not take these arguments (model)"),
    ],
)
def test_an_unknown_name_is_told(setting: str, named: str, command: Command, data: Path, tmp_path: Path):
    key = setting.partition("=")[0]
    own = words(**{key: None})
    done = command("train", data, "--run", tmp_path / "run", *own, "-s", setting)
    assert done.code in (1, 2)
    assert f"error: {named}" in done.err
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_cut_in_half_is_left_out_aloud_and_one_asked_for_is_refused(
    command: Command, noise: Path, tmp_path: Path
):
    run = tmp_path / "run"
    trained = train_small(noise, run, **{"train.tensorboard": True})
    entries = Checkpoints(run / "checkpoints").entries()
    last = run / "checkpoints" / entries[-1].file
    whole = last.read_bytes()
    last.write_bytes(whole[: len(whole) // 2])
    before = content(run)
    done = command("resume", run, "--from", last.name)
    assert done.code == 1
    assert f"error: the checkpoint {last.name} is damaged" in done.err
    good = max((entry for entry in entries[:-1]), key=lambda entry: entry.step)
    way = f"sightline resume {run} --from {good.file}"
    assert f"next: {way} goes on from the previous good one, step {good.step}" in done.err
    assert content(run) == before
    again = command("resume", run)
    assert again.code == 0, again.err
    assert f"WARNING: the checkpoint {last.name} is damaged or missing; going back to {good.file}" in again.err
    assert again.out.splitlines()[1] == f"weights_sha256 {trained.weights_sha256}"
    assert steps_of(run) == list(range(1, 15))
    assert not leftovers(run)


def test_a_damaged_best_checkpoint_is_not_evaluated(command: Command, noise: Path, tmp_path: Path):
    run = tmp_path / "run"
    train_small(noise, run, **{"train.steps": 4})
    best = Checkpoints(run / "checkpoints").named("best")
    (run / "checkpoints" / best.file).write_bytes(b"")
    done = command("evaluate", run)
    assert done.code == 1
    assert f"error: the checkpoint {best.file} is damaged" in done.err
    assert not (run / "predictions").exists()


def test_a_changed_test_image_stops_the_evaluation_and_is_named(command: Command, data: Path, tmp_path: Path):
    run = tmp_path / "run"
    train_small(data, run, **{"train.steps": 2})
    tested = next(line.split(",")[0] for line in (run / "split.csv").read_text().splitlines() if ",test," in line)
    Image.new("RGB", (12, 12)).save(data / tested)
    done = command("evaluate", run)
    assert done.code == 1
    assert "error: 1 images changed since the run was made" in done.err
    assert f"got: {tested}" in done.err
    assert command("evaluate", run, "--part", "val").code == 0
    (data / tested).unlink()
    done = command("evaluate", run, "--part", "val")
    assert done.code == 1
    assert "error: 1 of 58 images of this run are gone" in done.err
    assert tested in done.err


def test_a_changed_training_image_stops_the_resumed_run(command: Command, data: Path, tmp_path: Path):
    run = tmp_path / "run"
    train_small(data, run, **{"train.steps": 2})
    before = weights_of(run)
    trained = next(line.split(",")[0] for line in (run / "split.csv").read_text().splitlines() if ",train," in line)
    Image.new("RGB", (12, 12)).save(data / trained)
    done = command("resume", run)
    assert done.code == 1
    assert f"got: {trained}" in done.err
    assert all(torch.equal(before[name], value) for name, value in weights_of(run).items())


def test_a_folder_that_is_no_run(command: Command, tmp_path: Path, noise: Path):
    for verb in ("resume", "evaluate", "report", "export", "predict"):
        done = command(verb, tmp_path / "nothing", *([noise] if verb == "predict" else []))
        assert done.code == 1, verb
        assert f"error: {tmp_path / 'nothing'} is not a run: it does not exist" in done.err
    assert not (tmp_path / "nothing").exists()
    done = command("train", noise, "--run", noise, *words())
    assert done.code == 1
    assert f"error: {noise} is not empty\n  next: choose another folder with --run" in done.err


def test_an_unknown_verb_and_an_unknown_part(command: Command, digits_run: Path):
    done = command("trian")
    assert done.code == 2
    assert "unknown verb 'trian'. did you mean 'train'?" in done.err
    done = command("evaluate", digits_run, "--part", "holdout")
    assert done.code == 2
    assert "error: unknown part 'holdout' (--part)\n  allowed: train, val, test" in done.err
    done = command("evaluate", digits_run, "--checkpoint", "worst")
    assert done.code == 1
    assert "error: no checkpoint 'worst'" in done.err
