"""The baselines of a run: made once, kept, and told of in the figures."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightline import evaluate
from sightline.evaluation.predictions import Predictions
from sightline.run import Run
from sightline.workflow import baseline
from small_targets import write_lights, write_shapes
from small_training import train_small


@pytest.fixture(scope="module")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes that a line through a few pixels tells apart: bright on the left, or bright on the right."""
    root, random = tmp_path_factory.mktemp("stripes") / "stripes", np.random.default_rng(0)
    for side, name in enumerate(("left", "right")):
        (root / name).mkdir(parents=True)
        for number in range(60):
            pixels = random.integers(0, 120, (12, 12, 3), dtype=np.uint8)
            pixels[:, 6 * side : 6 * side + 6] += 40
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def unlearnt(tmp_path_factory: pytest.TempPathFactory, stripes: Path) -> Path:
    """A run that was stopped before it knew anything."""
    run = tmp_path_factory.mktemp("runs") / "run"
    train_small(stripes, run, **{"train.steps": 1, "train.lr": 1e-6})
    return run


def test_a_run_worse_than_its_baseline_says_so(unlearnt: Path, capsys: pytest.CaptureFixture[str]):
    from sightline.cli.evaluate import show

    figures = evaluate(unlearnt)
    constant, learned = figures["baselines"]
    assert learned["name"].startswith("ridge regression on 16 x 16 pixels") and learned["value"] == 1.0
    assert learned["verdict"] == "worse" and learned["train_images"] == 84
    assert constant["name"] in ("always 'left'", "always 'right'") and constant["verdict"] != "better"
    show(figures)
    printed = capsys.readouterr()
    assert re.search(r"baseline +1.0000   accuracy of ridge regression on 16 x 16 pixels", printed.out)
    assert "warning: the model is WORSE than the baseline ridge regression" in printed.err
    assert f"warning: the model is NOT DISTINGUISHABLE from the baseline {constant['name']}" in printed.err


def test_it_is_fitted_once_and_again_when_anything_changed(unlearnt: Path, monkeypatch: pytest.MonkeyPatch):
    first = evaluate(unlearnt)["baselines"]
    account = json.loads((unlearnt / "baseline.json").read_text())["test"]
    assert account["train_images"] == 84 and account["images"] == 18 and account["seconds"] < 10
    calls: list[int] = []
    fit = baseline.fit_baseline
    monkeypatch.setattr(baseline, "fit_baseline", lambda *given: calls.append(1) or fit(*given))
    assert evaluate(unlearnt)["baselines"] == first and not calls
    evaluate(unlearnt, part="val")
    assert len(calls) == 1 and set(json.loads((unlearnt / "baseline.json").read_text())) == {"test", "val"}
    (unlearnt / "baseline.json").write_text("damaged")
    assert evaluate(unlearnt)["baselines"] == first and len(calls) == 2


def test_images_and_seconds_are_bounded(unlearnt: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(baseline, "MOST_SMALL", 30)
    (unlearnt / "baseline.json").unlink(missing_ok=True)
    found = evaluate(unlearnt)["baselines"][1]
    assert found["train_images"] == 30 and found["n"] == 18
    (unlearnt / "baseline.json").unlink()
    monkeypatch.setattr(baseline, "SECONDS", 0.0)
    monkeypatch.setattr(baseline, "_CHUNK", 25)
    assert evaluate(unlearnt)["baselines"][1]["train_images"] == 25


def test_a_constant_answer_needs_no_image_and_is_compared_on_all(unlearnt: Path, monkeypatch: pytest.MonkeyPatch):
    some = baseline._some
    monkeypatch.setattr(
        baseline, "_some", lambda count, model, turn: some(count, model, turn)[: 10 if turn == 1 else None]
    )
    figures = evaluate(unlearnt)
    constant, learned = figures["baselines"]
    assert (constant["n"], learned["n"]) == (18, 10)
    assert constant["value"] == figures["baseline"]["accuracy"]["value"]


def test_there_is_none_for_training_images_and_for_other_data(unlearnt: Path, stripes: Path):
    assert "baselines" not in evaluate(unlearnt, part="train")
    assert "baselines" not in evaluate(unlearnt, data=stripes)


def test_a_trained_run_is_better(stripes: Path, tmp_path: Path):
    train_small(stripes, tmp_path / "run", **{"train.steps": 60, "train.lr": 1e-2})
    constant, _ = evaluate(tmp_path / "run")["baselines"]
    assert constant["verdict"] == "better"


@pytest.mark.parametrize(("write", "task"), [(write_shapes, "multilabel"), (write_lights, "regression")])
def test_labels_and_numbers_have_baselines_too(write, task: str, tmp_path: Path):
    table = write(tmp_path)
    changes = {"task.name": task} | ({"data.targets": ["brightness", "width"]} if task == "regression" else {})
    train_small(table, tmp_path / "run", **changes)
    figures = evaluate(tmp_path / "run")
    constant, learned = figures["baselines"]
    assert constant["figure"] == learned["figure"] == {"multilabel": "jaccard", "regression": "mae"}[task]
    assert learned["model"]["value"] == pytest.approx(figures[learned["figure"]]["value"])
    if task == "regression":  # brightness is a mean of pixels
        assert learned["value"] < constant["value"]
    own = Predictions.load(Run(tmp_path / "run").predictions("test.baseline"))
    assert len(own) == figures["n"] and own.kind == {"multilabel": "labels", "regression": "numbers"}[task]
