"""A run meets data it was not trained on: labels are told by name, never by place."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sightline import Predictions, evaluate, predict
from sightline.errors import DataError
from sightline.run import Run
from small_training import train_small


@pytest.fixture(scope="module")
def run(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    train_small(
        pictures, folder, **{"train.lr": 0.02, "train.steps": 60, "train.evaluate": "20st", "data.augment": "none"}
    )
    return folder


@pytest.fixture(scope="module")
def answers(run: Path, pictures: Path) -> dict[str, str]:
    return {answer.image_id: answer.label for answer in predict(run, [pictures])}


def expected(answers: dict[str, str], classes: tuple[str, ...]) -> float:
    """The accuracy on the images of these classes, counted by hand."""
    named = [(path.split("/")[0], label) for path, label in answers.items() if path.split("/")[0] in classes]
    return sum(truth == label for truth, label in named) / len(named)


def test_classes_in_another_order_are_told_by_name(run: Path, pictures: Path, answers: dict[str, str], tmp_path: Path):
    table = tmp_path / "table.csv"
    with table.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label"])
        for name in ("cat", "ant", "bee"):
            rows.writerows([str(path), name] for path in sorted((pictures / name).iterdir()))
    figures = evaluate(run, data=table)
    assert figures["accuracy"]["value"] == expected(answers, ("ant", "bee", "cat"))
    assert figures["accuracy"]["value"] > 0.5
    assert [row["support"] for row in figures["per_class"]] == [20, 17, 21]
    stored = Predictions.load(Run(run).predictions("data-table"))
    names = [Path(path).parent.name for path in stored.paths]
    assert [stored.classes[label] for label in stored.labels] == names


def test_some_of_the_classes_are_enough(run: Path, pictures: Path, answers: dict[str, str], tmp_path: Path):
    for name in ("bee", "cat"):
        shutil.copytree(pictures / name, tmp_path / "some" / name)
    figures = evaluate(run, data=tmp_path / "some")
    assert figures["accuracy"]["value"] == expected(answers, ("bee", "cat"))
    assert {row["class"]: row["support"] for row in figures["per_class"]} == {"ant": 0, "bee": 17, "cat": 21}


def test_a_class_that_the_model_does_not_know_is_named(
    run: Path, pictures: Path, tmp_path: Path, image_folder: Callable[..., Path]
):
    shutil.copytree(pictures, tmp_path / "more")
    image_folder(tmp_path / "more", {"dog": 2}, size=(12, 12))
    with pytest.raises(DataError, match="classes that the model does not know") as raised:
        evaluate(run, data=tmp_path / "more")
    assert raised.value.got == "dog"
    assert raised.value.allowed == ["ant", "bee", "cat"]


def test_a_part_of_other_data_is_measured_alone(run: Path, tmp_path: Path, image_folder: Callable[..., Path]):
    data = image_folder(tmp_path / "parted", {"ant": 2, "bee": 3, "cat": 4}, parts=("train", "test"), size=(12, 12))
    assert evaluate(run, data=data)["n"] == 18
    assert evaluate(run, data=data, part="test")["n"] == 9
    assert Run(run).predictions("data-parted-test").exists()


def test_images_that_came_later_change_nothing(run: Path, pictures: Path, tmp_path: Path):
    own = tmp_path / "own"
    shutil.copytree(pictures, own)
    train_small(own, tmp_path / "run", **{"train.steps": 2})
    before = evaluate(tmp_path / "run")
    shutil.copy(own / "ant" / "0.png", own / "ant" / "later.png")
    assert evaluate(tmp_path / "run") == before
