"""Ensembles of runs: made, evaluated, asked and exported like a run; refused where members do not fit."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from sightline import compare, ensemble, evaluate, export_run, open_trained, outline, predict, resume
from sightline.data.split import read_split
from sightline.errors import ConfigError, RunError
from sightline.evaluation.predictions import Predictions, log_softmax, softmax
from sightline.export.bundle import Bundle
from sightline.run import Run
from sightline.workflow.members import members_of
from sightline.workflow.report import report_run
from small_targets import write_lights
from small_training import train_small, write_pictures


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> list[Path]:
    """Two sizes of network, the second on images scaled otherwise, and trained on mirror images."""
    folder = tmp_path_factory.mktemp("members")
    train_small(pictures, folder / "small", **{"train.lr": 1e-2, "data.augment": ["hflip"]})
    wide = {"model.options": {"width": 6, "norm": "group"}, "data.mean": [0.3, 0.3, 0.3], "data.std": [0.2, 0.2, 0.2]}
    train_small(pictures, folder / "wide", **wide, **{"train.lr": 3e-3, "data.augment": ["hflip"]})
    return [folder / "small", folder / "wide"]


def answers(run: Path, part: str = "test") -> Predictions:
    evaluate(run, part=part)
    return Predictions.load(Run(run).predictions(part))


def test_the_average_is_evaluated_like_a_run(runs: list[Path], tmp_path: Path):
    made = ensemble(runs, tmp_path / "both")
    both, single = answers(tmp_path / "both"), [answers(run) for run in runs]
    np.testing.assert_allclose(
        softmax(both.logits), np.mean([softmax(one.logits) for one in single], axis=0), atol=1e-6
    )
    own = Run(tmp_path / "both").read_temperatures()[made.weights_sha256]["temperature"]  # fitted for the average
    assert both.temperature == own == open_trained(tmp_path / "both").temperature
    assert list(both.paths) == list(single[0].paths) and both.weights_sha256 == made.weights_sha256
    assert made.weights == dict.fromkeys(map(str, runs), 0.5) and made.fitted is None
    assert open_trained(tmp_path / "both").weights_sha256 == made.weights_sha256
    assert Run(tmp_path / "both").info()["parameters"] == sum(Run(run).info()["parameters"] for run in runs)
    (answer,) = predict(tmp_path / "both", next((Path(both.source) / "ant").iterdir()))
    assert answer.label in both.classes
    assert report_run(tmp_path / "both").is_file()
    with pytest.raises(RunError, match=r"is an ensemble of 2 networks, each a tree of its own(.|\n)*both/members/1"):
        outline(tmp_path / "both")
    assert outline(tmp_path / "both" / "members" / "1").root.parameters == Run(runs[1]).info()["parameters"]
    assert evaluate(tmp_path / "both")["drawn"] == evaluate(runs[0])["drawn"] == "classes"
    found = compare([runs[0], tmp_path / "both"])
    assert found["runs"][1]["costs"]["parameters"] == Run(tmp_path / "both").info()["parameters"]


def test_it_holds_its_members_and_does_not_need_their_folders(runs: list[Path], tmp_path: Path):
    copies = [Path(shutil.copytree(run, tmp_path / run.name)) for run in runs]
    ensemble(copies, tmp_path / "both")
    before = evaluate(tmp_path / "both")
    for copy in copies:
        shutil.rmtree(copy)
    assert evaluate(tmp_path / "both") == before
    assert len(members_of(Run(tmp_path / "both"))) == 2
    with pytest.raises(RunError, match="is an ensemble of runs: there is no training to go on with"):
        resume(tmp_path / "both")
    with pytest.raises(RunError, match="no checkpoint 'step-3'"):
        evaluate(tmp_path / "both", checkpoint="step-3")
    with pytest.raises(RunError, match="is an ensemble itself"):
        ensemble([tmp_path / "both", runs[0]], tmp_path / "nested")


def test_shares_are_fitted_on_validation_images_alone(runs: list[Path], tmp_path: Path):
    made = ensemble(runs, tmp_path / "both", how="weighted")
    assert made.fitted is not None and made.fitted["part"] == "val" and made.fitted["images"] == 9
    assert made.fitted["fitted"] <= made.fitted["equal"]
    assert sum(made.weights.values()) == pytest.approx(1)
    val = answers(tmp_path / "both", "val")
    losses = -log_softmax(val.logits)[np.arange(len(val)), val.labels]
    assert losses.mean() == pytest.approx(made.fitted["fitted"], rel=1e-4)


def test_a_first_run_that_is_left_out_still_says_where_the_images_are(
    runs: list[Path], pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    rows = [f"{image},{image.parent.name}" for image in sorted(pictures.glob("*/*.png"))]
    (tmp_path / "table.csv").write_text("\n".join(["path,label", *rows]) + "\n")
    train_small(tmp_path / "table.csv", tmp_path / "other", **{"train.steps": 3})
    monkeypatch.setattr("sightline.workflow.ensemble.fit_shares", lambda said: np.array([0.0, 1.0]))
    made = ensemble([runs[0], tmp_path / "other"], tmp_path / "both", how="weighted")
    assert made.weights == {str(runs[0]): 0.0, str(tmp_path / "other"): 1.0}
    assert set(answers(tmp_path / "both", "train").paths) <= set(split_of(runs[0]).paths)


def test_several_views_and_votes(runs: list[Path], tmp_path: Path):
    ensemble(runs[:1], tmp_path / "mirrored", tta=["hflip"])
    ensemble([*runs], tmp_path / "votes", how="vote", tta=["hflip", "crops"])
    ensemble(runs[:1], tmp_path / "sizes", tta=["scales"])
    own, plain = answers(tmp_path / "mirrored"), answers(runs[0])
    assert not np.allclose(own.probabilities, plain.probabilities, atol=1e-4)
    for name in ("votes", "sizes"):
        assert np.isfinite(answers(tmp_path / name).logits).all()


def test_one_onnx_file_holds_all_members_behind_the_gate(runs: list[Path], tmp_path: Path):
    ensemble(runs, tmp_path / "both", tta=["hflip", "crops"])
    bundle = export_run(tmp_path / "both")
    assert bundle.document["parity"]["passed"] and bundle.document["parity"]["n"] == 9
    own = answers(tmp_path / "both", "val")
    pixels = np.stack([bundle.contract.read(Path(own.source) / path) for path in own.paths])
    np.testing.assert_allclose(Bundle.load(bundle.folder).predict(pixels), own.probabilities, atol=1e-5)


def test_an_image_that_any_member_was_trained_on_is_a_training_image(runs: list[Path], pictures: Path, tmp_path: Path):
    train_small(pictures, tmp_path / "other", **{"seed": 1, "train.steps": 2})
    ensemble([runs[0], tmp_path / "other"], tmp_path / "both")
    parts = [dict(zip(one.sha256, one.parts, strict=True)) for one in map(split_of, (runs[0], tmp_path / "other"))]
    merged = split_of(tmp_path / "both")
    for digest, part in zip(merged.sha256, merged.parts, strict=True):
        both = {one[digest] for one in parts}
        assert part == next(name for name in ("train", "val", "test") if name in both)
    assert merged.parts.count("test") < split_of(runs[0]).parts.count("test")


def split_of(run: Path):
    return read_split(Run(run).split)


def test_members_that_do_not_fit_are_refused_and_nothing_is_written(runs: list[Path], pictures: Path, tmp_path: Path):
    train_small(pictures, tmp_path / "large", **{"data.image_size": 14, "train.steps": 1})
    with pytest.raises(RunError, match=r"sees other pixels than(.|\n)*height 14 and 12"):
        ensemble([runs[0], tmp_path / "large"], tmp_path / "both")
    data = write_pictures(tmp_path / "wasps")
    (data / "ant").rename(data / "wasp")
    train_small(data, tmp_path / "wasp", **{"train.steps": 1})
    with pytest.raises(RunError, match="answers about something else"):
        ensemble([runs[0], tmp_path / "wasp"], tmp_path / "both")
    with pytest.raises(ConfigError, match=r"was not trained on images turned by vflip(.|\n)*allowed: hflip, crops"):
        ensemble(runs, tmp_path / "both", tta=["vflip"])
    train_small(pictures, tmp_path / "flat", **{"train.steps": 1, "model.name": "mlp", "model.options": None})
    with pytest.raises(ConfigError, match="takes images of one size only"):
        ensemble([tmp_path / "flat"], tmp_path / "both", tta=["scales"])
    assert not (tmp_path / "both").exists()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"how": "mean"}, "unknown way to combine 'mean'"),
        ({"tta": ["flip"]}, "unknown view 'flip'"),
        ({"tta": ["hflip", "hflip"]}, "a view is given twice"),
    ],
)
def test_words_that_say_nothing_are_refused(how: dict[str, str], message: str, runs: list[Path], tmp_path: Path):
    with pytest.raises(ConfigError, match=message):
        ensemble(runs, tmp_path / "both", **how)


def test_one_run_alone_is_refused(runs: list[Path], tmp_path: Path):
    for given, how in ((runs[:1], {}), (runs[:1], {"how": "vote"}), ([runs[0], runs[0]], {}), ([], {})):
        with pytest.raises(RunError, match=re.escape("one run alone") + "|each once"):
            ensemble(given, tmp_path / "both", **how)


def test_numbers_are_averaged_in_their_units(tmp_path: Path):
    table, runs = write_lights(tmp_path), [tmp_path / "one", tmp_path / "other"]
    for seed, run in enumerate(runs):
        own = {"task.name": "regression", "data.targets": ["brightness", "width"], "train.steps": 20, "seed": seed}
        train_small(table, run, **own)
    assert Run(runs[0]).contract.read_text() != Run(runs[1]).contract.read_text()  # other means of the numbers
    ensemble(runs, tmp_path / "both")
    both = answers(tmp_path / "both", "train")
    single = []
    for run in runs:
        found = {answer.image_id: list(answer.values.values()) for answer in predict(run, table.parent / "lights")}
        single.append([found[path.rpartition("/")[2]] for path in both.paths])
    np.testing.assert_allclose(both.logits, np.mean(single, axis=0), rtol=1e-4)
    with pytest.raises(ConfigError, match="numbers cannot be voted on"):
        ensemble(runs, tmp_path / "votes", how="vote")
    made = ensemble([runs[0], _again(table, tmp_path / "third")], tmp_path / "weighted", how="weighted")
    assert made.fitted is not None and made.fitted["loss"] == "squared error"


def _again(table: Path, run: Path) -> Path:
    own = {"task.name": "regression", "data.targets": ["brightness", "width"], "train.steps": 30}
    train_small(table, run, **own)
    return run
