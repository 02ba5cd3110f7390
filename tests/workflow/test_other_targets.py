"""Trainings on labels and numbers: exact in every way that those on classes are."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline import evaluate, resume, train
from sightline.errors import ConfigError, DataError, PlugError
from sightline.run import Run
from small_targets import write_lights, write_shapes
from small_training import apart, settings, timeless

SHAPES: dict[str, Any] = {"task.name": "multilabel"}
LIGHTS: dict[str, Any] = {"task.name": "regression", "data.targets": ["brightness", "width"]}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "labels": ("shapes", SHAPES | {"train.loss.class_weights": "inverse"}),
    "labels mixed, by focal loss": ("shapes", SHAPES | {"train.loss.name": "focal", "data.mixup": 0.4}),
    "labels, summed": ("shapes", SHAPES | {"train.loss.sum_classes": True, "train.accumulate": 2}),
    "numbers, weighed": ("lights", LIGHTS | {"train.ema": 0.9}),
    "numbers mixed": ("lights", LIGHTS | {"data.mixup": 0.4, "data.cutmix": 1.0}),
    "numbers by huber": ("lights", LIGHTS | {"train.loss.name": "huber", "train.loss.delta": 0.3}),
    "numbers by msle": ("lights", LIGHTS | {"train.loss.name": "msle", "data.sampler": "weights"}),
    "numbers by mae on a plateau": (
        "lights",
        LIGHTS | {"train.loss.name": "mae", "train.schedule.name": "plateau", "train.schedule.wait": "4st"},
    ),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("targets")
    write_shapes(folder)
    write_lights(folder)
    return folder


def trained(data: Path, run: Path, table: str, **changes: Any) -> str:
    return train(data / f"{table}.csv", run=run, settings=settings(**changes)).weights_sha256


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_that_goes_back_to_a_checkpoint_reaches_the_same_end(variant: str, data: Path, tmp_path: Path):
    table, changes = VARIANTS[variant]
    digest = trained(data, tmp_path / "run", table, **changes)
    before = timeless(tmp_path / "run", "step", "eval", "save")
    earlier = min((tmp_path / "run" / "checkpoints").glob("step-*.pt")).name
    again = resume(tmp_path / "run", start_from=earlier)
    assert again.weights_sha256 == digest
    assert timeless(tmp_path / "run", "step", "eval", "save") == before


EACH: dict[str, tuple[dict[str, Any], ...]] = {
    "shapes": (
        SHAPES,
        SHAPES | {"train.loss.sum_classes": True},
        SHAPES | {"train.loss.class_weights": {"red": 4}},
        SHAPES | {"train.loss.name": "focal"},
        SHAPES | {"train.loss.name": "focal", "train.loss.gamma": 0.5},
    ),
    "lights": (
        *(LIGHTS | {"train.loss.name": name} for name in ("mse", "mae", "msle", "huber")),
        LIGHTS | {"train.loss.name": "huber", "train.loss.delta": 0.1},
        LIGHTS | {"data.targets": ["width"]},
    ),
    "pictures": (
        *({"train.loss.name": name} for name in ("cross_entropy", "focal", "bce", "hinge", "triplet")),
        {"train.loss.name": "bce", "train.loss.sum_classes": True},
        {"train.loss.name": "bce", "train.loss.label_smoothing": 0.0},
        {"train.loss.name": "hinge", "train.loss.margin": 0.3},
        {"train.loss.name": "hinge", "train.loss.power": 2},
        {"train.loss.name": "triplet", "train.loss.margin": 0.3},
        {"train.loss.name": "triplet", "train.loss.weight": 0.3},
    ),
}


@pytest.mark.parametrize("table", EACH)
def test_every_loss_and_every_setting_of_it_learns_something_else(
    table: str, data: Path, tmp_path: Path, pictures: Path
):
    short: dict[str, Any] = {"train.steps": 2, "train.schedule.warmup": "0st", "train.evaluate": "2st"}
    path, seen = pictures if table == "pictures" else data / f"{table}.csv", dict[str, str]()
    for number, changes in enumerate(EACH[table]):
        found = train(path, run=tmp_path / str(number), settings=settings(**(short | changes))).weights_sha256
        assert found not in seen, (changes, seen.get(found))
        seen[found] = str(changes)


def test_what_was_judged_in_training_is_what_is_evaluated(data: Path, tmp_path: Path):
    for name, own, figure in (("shapes", SHAPES, "jaccard"), ("lights", LIGHTS, "mae")):
        trained(data, tmp_path / name, name, **own)
        last = timeless(tmp_path / name, "eval")[-1]
        figures = evaluate(tmp_path / name, part="val", checkpoint="last")
        assert last[f"val_{figure}"] == pytest.approx(figures[figure]["value"], rel=1e-6)


def test_numbers_start_from_the_mean_whatever_their_unit(data: Path, tmp_path: Path):
    """The same numbers in another unit give the same training, and answers in that unit."""
    table = (data / "lights.csv").read_text().splitlines()
    rows = [line.split(",") for line in table]
    scaled = [[path, str(1000 * float(bright)), width, weight] for path, bright, width, weight in rows[1:]]
    (data / "scaled.csv").write_text("\n".join(",".join(row) for row in [rows[0], *scaled]) + "\n")
    own = LIGHTS | {"data.targets": ["brightness"]}
    for name in ("lights", "scaled"):
        trained(data, tmp_path / name, name, **own)
    assert apart(tmp_path / "lights", tmp_path / "scaled") < 1e-5
    small, large = (evaluate(tmp_path / name)["mae"]["value"] for name in ("lights", "scaled"))
    assert large == pytest.approx(1000 * small, rel=1e-3)


def test_labels_that_are_weighed_more_are_given_more(data: Path, tmp_path: Path):
    for name, weight in (("plain", 1.5), ("heavy", 50.0)):
        own = SHAPES | {"train.loss.class_weights": {"red": weight}, "train.lr": 0.001, "train.steps": 8}
        trained(data, tmp_path / name, "shapes", **own)
    answers = []
    for name in ("plain", "heavy"):
        figures = evaluate(tmp_path / name, data=data / "shapes.csv")
        answers.append(next(row["recall"] for row in figures["per_class"] if row["class"] == "red"))
    assert answers[1] > answers[0]


@pytest.mark.parametrize(
    ("table", "changes", "told"),
    [
        ("lights", LIGHTS | {"train.loss.name": "giou"}, "'giou' is a loss of boxes"),
        ("shapes", SHAPES | {"train.loss.name": "mse"}, "'mse' is a loss of numbers"),
        ("same", {"task.name": "regression"}, "all 4[0-9] training images have the same label"),
        ("below", {"task.name": "regression", "train.loss.name": "msle"}, "there are numbers below 0"),
        ("empty", SHAPES, "no image has a label"),
        ("none", SHAPES | {"data.targets": ["red", "round"]}, "labels that no image has"),
    ],
)
def test_what_cannot_be_learnt_is_refused_and_leaves_no_run(
    table: str, changes: dict[str, Any], told: str, data: Path, tmp_path: Path
):
    names = [f"lights/{number}.png" for number in range(60)]
    columns = {
        "same": ("label", ["3"] * 60), "below": ("label", [str(number - 5) for number in range(60)]),
        "empty": ("label", [""] * 60), "none": ("red,round", [f"{number % 2},0" for number in range(60)]),
    }  # fmt: skip
    if table in columns:
        head, values = columns[table]
        lines = [f"path,{head}", *(f"{name},{value}" for name, value in zip(names, values, strict=True))]
        (data / f"{table}.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises((ConfigError, DataError, PlugError), match=told):
        trained(data, tmp_path / "run", table, **changes)
    assert not (tmp_path / "run").exists()


def test_triplets_are_judged_without_their_neighbours(pictures: Path, tmp_path: Path):
    for size in (3, 100):
        run = tmp_path / str(size)
        own = {"train.loss.name": "triplet", "evaluation.batch_size": size, "train.steps": 4, "train.evaluate": "4st"}
        train(pictures, run=run, settings=settings(**own))
    one, other = (timeless(tmp_path / str(size), "eval")[-1] for size in (3, 100))
    assert one["val_loss"] == pytest.approx(other["val_loss"], rel=1e-5)


MINE = """
import torch

from sightline.task.regression import Regression


def cubed(config):
    return lambda outputs, targets: (outputs - targets).abs().pow(3).mean(dim=1)


class Late(Regression):
    figure = "rmse_like"

    def outcome(self, model, inputs, targets, weights=None):
        return super().outcome(model, inputs, targets, weights)


def judged(config):
    def loss(logits, targets):
        assert logits.shape == targets.shape
        return (torch.sigmoid(logits) - targets).square().sum(dim=1)

    loss.weighed = lambda weights: loss
    return loss
"""


def test_losses_and_tasks_of_ones_own(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "own_parts.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    own = LIGHTS | {"task.name": "own_parts:Late", "train.loss.name": "own_parts:cubed"}
    trained(data, tmp_path / "numbers", "lights", **own)
    assert "val_rmse_like" in timeless(tmp_path / "numbers", "eval")[-1]
    assert evaluate(tmp_path / "numbers")["kind"] == "numbers"
    trained(data, tmp_path / "labels", "shapes", **(SHAPES | {"train.loss.name": "own_parts:judged"}))
    assert evaluate(tmp_path / "labels")["kind"] == "labels"


def test_changed_targets_are_found_on_resuming(data: Path, tmp_path: Path):
    table = tmp_path / "own.csv"
    lines = (data / "lights.csv").read_text().replace("lights/", f"{data}/lights/").splitlines()
    table.write_text("\n".join(lines) + "\n")
    train(table, run=tmp_path / "run", settings=settings(**LIGHTS))
    head, first, *rest = lines
    cells = first.split(",")
    cells[1] = str(float(cells[1]) + 1)
    table.write_text("\n".join([head, ",".join(cells), *rest]) + "\n")
    with pytest.raises(DataError, match="1 images have another label than when the run was made"):
        resume(tmp_path / "run")


def test_the_mean_in_the_contract_is_that_of_the_training_part(data: Path, tmp_path: Path):
    trained(data, tmp_path / "run", "lights", **LIGHTS)
    rows = [line.split(",") for line in Run(tmp_path / "run").split.read_text().splitlines()]
    head = rows[0]
    train_rows = [row for row in rows[1:] if row[head.index("part")] == "train"]
    values = np.asarray([[float(row[head.index(name)]) for name in LIGHTS["data.targets"]] for row in train_rows])
    from sightline.data.contract import Contract

    outputs = Contract.load(Run(tmp_path / "run").contract).outputs
    np.testing.assert_allclose(outputs.mean, values.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(outputs.std, values.std(axis=0), rtol=1e-6)
