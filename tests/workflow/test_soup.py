"""Soups of runs: the mean of their weights, judged on the validation part, and used like a run."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from sightline import evaluate, resume
from sightline.errors import RunError
from sightline.run import Run
from sightline.training.checkpoint import Checkpoints, weights_sha256
from sightline.workflow.replay import replay_runs
from sightline.workflow.report import report_run
from sightline.workflow.say import Say
from sightline.workflow.schedule import show_schedule
from sightline.workflow.soup import averaged, make_soup
from small_training import timeless, train_small, weights_of, write_pictures


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("cooked") / "pictures")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> list[Path]:
    folder = tmp_path_factory.mktemp("ingredients")
    for name, lr in {"slow": 1e-3, "fast": 1e-2, "wild": 1.0}.items():
        train_small(pictures, folder / name, **{"train.lr": lr})
    return [folder / name for name in ("slow", "fast", "wild")]


def best_score(run: Path) -> float:
    return max(record["val_accuracy"] for record in timeless(run, "eval"))


def test_a_uniform_soup_is_the_mean_of_the_best_weights(runs: list[Path], tmp_path: Path):
    soup = make_soup(runs[:2], tmp_path / "soup")
    states = [weights_of(run, "best") for run in runs[:2]]
    for key, value in weights_of(tmp_path / "soup", "best").items():
        expected = torch.stack([state[key].double() for state in states]).mean(0)
        assert torch.equal(value, expected.to(value.dtype)), key
    assert soup.weights_sha256 == weights_sha256(weights_of(tmp_path / "soup"))
    assert soup.scores == {str(run): best_score(run) for run in runs[:2]}


def test_a_soup_is_evaluated_and_reported_like_a_run_and_not_resumed(runs: list[Path], tmp_path: Path):
    soup = make_soup(runs, tmp_path / "soup")
    assert evaluate(tmp_path / "soup", part="val")["accuracy"]["value"] == soup.score
    assert evaluate(tmp_path / "soup")["drawn"] == "classes"  # as of any of its runs
    assert report_run(tmp_path / "soup").is_file()
    assert Run(tmp_path / "soup").info()["soup"]["used"] == [str(run) for run in runs]
    with pytest.raises(RunError, match="is a soup of runs: there is no training to go on with"):
        resume(tmp_path / "soup")
    with pytest.raises(RunError, match="is a soup of runs: there is no training to repeat"):
        replay_runs(tmp_path / "soup", runs[0])
    with pytest.raises(RunError, match="is a soup of runs: there is no training whose rates could be shown"):
        show_schedule(tmp_path / "soup", out=tmp_path / "schedule.png")


def test_a_greedy_soup_is_no_worse_than_its_best_run(runs: list[Path], tmp_path: Path):
    soup = make_soup(runs, tmp_path / "soup", greedy=True)
    order = sorted(soup.scores, key=lambda name: -soup.scores[name])
    assert soup.used[0] == order[0] and soup.score is not None and soup.score >= soup.scores[order[0]]
    states = [weights_of(Path(name), "best") for name in soup.used]
    assert weights_sha256(averaged(states)) == soup.weights_sha256


def test_batch_norms_of_a_soup_get_statistics_of_their_own(pictures: Path, tmp_path: Path):
    changes: dict[str, Any] = {"model.options": {"width": 4, "norm": "batch"}}
    for name, lr in {"one": 1e-3, "other": 1e-2}.items():
        train_small(pictures, tmp_path / name, **changes, **{"train.lr": lr})
    soup = make_soup([tmp_path / "one", tmp_path / "other"], tmp_path / "soup")
    mean = averaged([weights_of(tmp_path / name, "best") for name in ("one", "other")])
    cooked = weights_of(tmp_path / "soup")
    assert {key.rpartition(".")[2] for key in mean if not torch.equal(mean[key], cooked[key])} == {
        "running_mean", "running_var", "num_batches_tracked",
    }  # fmt: skip
    assert evaluate(tmp_path / "soup", part="val")["accuracy"]["value"] == soup.score


def test_runs_that_do_not_fit_are_refused_and_nothing_is_written(runs: list[Path], pictures: Path, tmp_path: Path):
    others = {
        "architecture": {"model.options": {"width": 6, "norm": "group"}},
        "split": {"seed": 1},
        "preprocessing or classes": {"data.image_size": 14},
    }
    for what, changes in others.items():
        train_small(pictures, tmp_path / what, **changes, **{"train.steps": 1})
        with pytest.raises(RunError, match=f"has another {what} than"):
            make_soup([runs[0], tmp_path / what], tmp_path / "soup")
    train_small(pictures, tmp_path / "head", **{"model.head.name": "cosine", "train.steps": 1})
    with pytest.raises(RunError, match=r"has another architecture than .*\n  got: model.head.name cosine and linear\n"):
        make_soup([runs[0], tmp_path / "head"], tmp_path / "soup")
    with pytest.raises(RunError, match="two runs at least, each once"):
        make_soup([runs[0], runs[0]], tmp_path / "soup")
    assert not (tmp_path / "soup").exists()
    with pytest.raises(RunError, match="is not empty"):
        make_soup(runs, runs[0])
    assert Checkpoints(runs[0] / "checkpoints").entries()


def test_a_network_of_the_same_shapes_is_another_one_where_its_options_are_others(
    runs: list[Path], pictures: Path, tmp_path: Path
):
    train_small(pictures, tmp_path / "other", **{"model.options": {"width": 4, "norm": "group", "dropout": 0.5}})
    with pytest.raises(RunError, match=r"has another architecture than .*\n  got: model.options .*'dropout': 0.5"):
        make_soup([runs[0], tmp_path / "other"], tmp_path / "soup")


@pytest.mark.parametrize("place", ["file", "file/soup"])
def test_a_file_in_the_way_of_the_folder_is_told(place: str, runs: list[Path], tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match=rf"cannot make the folder .*{place}\n  got: Not a directory\n  next: choose"):
        make_soup(runs, tmp_path / place)


class Heard(Say):
    """Remembers what was said."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def begun_from(run: Path, copy: Path, source: str, license_name: str) -> Path:
    """A copy of a run that says to have begun from other weights."""
    shutil.copytree(run, copy)
    Run(copy).note(weights_report={"source": source, "license": license_name})
    return copy


def test_runs_that_began_with_different_weights_are_warned_of_and_every_licence_is_kept(
    runs: list[Path], tmp_path: Path
):
    one = begun_from(runs[0], tmp_path / "one", "published weights of cnn", "mit")
    other = begun_from(runs[1], tmp_path / "other", "w.pt", "cc-by-nc-4.0")
    heard = Heard()
    make_soup([one, other], tmp_path / "soup", say=heard)
    (warning,) = [text for text in heard.notes if text.startswith("warning: these runs began with")]
    assert "different weights (published weights of cnn, w.pt)" in warning
    report = Run(tmp_path / "soup").info()["weights_report"]
    assert report == {"source": "published weights of cnn and w.pt", "license": "mit and cc-by-nc-4.0"}
    quiet = Heard()
    make_soup(runs[:2], tmp_path / "alike", say=quiet)
    assert not [text for text in quiet.notes if text.startswith("warning")]


def test_random_weights_of_different_seeds_are_warned_of(runs: list[Path], tmp_path: Path):
    shutil.copytree(runs[1], tmp_path / "other")
    config = Run(tmp_path / "other").config
    config.write_text(re.sub("(?m)^seed: .*", "seed: 5", config.read_text()))
    heard = Heard()
    make_soup([runs[0], tmp_path / "other"], tmp_path / "soup", say=heard)
    assert any("began with different random weights" in text for text in heard.notes)
