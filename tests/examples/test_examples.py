"""Each file in examples/ that shows a plug point is trained with, from its own folder, as its head says."""

import importlib.util
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from sklearn.metrics import mean_pinball_loss

import sightline
from sample_photos import write_photos
from sightline.task.classification import Classification
from sightline.testing import check_format, check_loss, check_metric, check_model
from sightline.training.config import LossConfig, ScheduleConfig
from small_targets import write_lights, write_shapes

EXAMPLES = Path(__file__).parents[2] / "examples"
QUICK = {
    "train.steps": 3,
    "train.precision": "fp32",
    "train.layout": "contiguous",
    "train.threads": 1,
    "train.tensorboard": False,
}
PLUGS = sorted(path.name for path in EXAMPLES.glob("my_*.py"))


def module_of(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{Path(name).stem}", EXAMPLES / name)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def setting_in_head(name: str) -> tuple[str, str]:
    """The plug's setting as the command in the file's docstring gives it."""
    match = re.search(r"-s (\S+)=(my_\w+:\w+)", (EXAMPLES / name).read_text(encoding="utf-8"))
    assert match is not None, f"{name} does not show its command"
    return match[1], match[2]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_photos(tmp_path)
    for name in PLUGS:
        shutil.copy(EXAMPLES / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photos"


OTHER_WAYS = ("my_reader.py", "my_label_loss.py", "my_number_loss.py", "my_metric.py")


@pytest.mark.parametrize("name", [name for name in PLUGS if name not in OTHER_WAYS])
def test_training_with_the_example(photos: Path, name: str):
    key, value = setting_in_head(name)
    trained = sightline.train(photos, run=Path("run"), settings={**QUICK, key: value})
    assert trained.ended == "finished"
    figures = sightline.evaluate(Path("run"))
    assert figures["n"] == 18
    assert f"{value}  # from flag" in (trained.run.config).read_text(encoding="utf-8").replace("'", "").replace('"', "")


def test_training_with_the_reader(photos: Path):
    flat = photos.parent / "flat"
    flat.mkdir()
    for image in photos.glob("*/*.jpg"):
        shutil.copy(image, flat / f"{image.parent.name}-{image.name}")
    key, value = setting_in_head("my_reader.py")
    samples = check_format(module_of("my_reader.py").by_file_name, flat)
    assert samples.classes == ("flower", "temple")
    sightline.train(flat, run=Path("run"), settings={**QUICK, key: value})
    assert sightline.evaluate(Path("run"))["n"] == 18


@pytest.mark.parametrize(
    ("name", "table", "task"),
    [
        ("my_label_loss.py", write_shapes, {"task.name": "multilabel", "train.loss.class_weights": "inverse"}),
        ("my_number_loss.py", write_lights, {"task.name": "regression", "data.targets": ["width"]}),
    ],
)
def test_training_with_the_loss_of_another_task(photos: Path, name: str, table: Callable[[Path], Path], task: dict):
    key, value = setting_in_head(name)
    trained = sightline.train(table(photos.parent), run=Path("run"), settings={**QUICK, key: value} | task)
    assert trained.ended == "finished"
    assert sightline.evaluate(Path("run"))["n"] > 0


def test_evaluating_with_the_metric(photos: Path):
    sightline.train(photos, run=Path("run"), settings={**QUICK, "evaluation.metrics": ["my_metric:sure_and_right"]})
    found = sightline.evaluate(Path("run"))
    own = found["own"]["my_metric:sure_and_right"]
    assert 0 <= own["low"] <= own["value"] <= own["high"] <= 1 and own["value"] <= found["accuracy"]["value"]
    assert "-s evaluation.metrics=[my_metric:sure_and_right]" in (EXAMPLES / "my_metric.py").read_text()
    check_metric(module_of("my_metric.py").sure_and_right)


def test_the_losses_of_other_tasks_honour_their_contracts():
    check_loss(module_of("my_label_loss.py").asymmetric, kind="labels")
    check_loss(module_of("my_number_loss.py").pinball, kind="numbers")


def test_the_pinball_loss_is_scikit_learns():
    outputs, targets = torch.randn(9, 3), torch.randn(9, 3)
    loss = module_of("my_number_loss.py").pinball(LossConfig())(outputs, targets)
    assert loss.mean().item() == pytest.approx(mean_pinball_loss(targets, outputs, alpha=0.9), rel=1e-6)


def test_the_model_and_the_loss_honour_their_contracts():
    check_model(module_of("my_model.py").patches)
    check_loss(module_of("my_loss.py").poly)


def test_the_loss_is_cross_entropy_plus_what_is_missing_of_the_probability():
    logits, targets = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0])
    losses = module_of("my_loss.py").poly(LossConfig(label_smoothing=0.0))(logits, targets)
    likely = torch.tensor([1 / (1 + torch.exp(torch.tensor(-2.0))), 1 / (1 + torch.exp(torch.tensor(1.0)))])
    torch.testing.assert_close(losses, -likely.log() + 1 - likely)


def test_the_schedule_stays_at_the_peak_and_falls_late():
    schedule = module_of("my_schedule.py").late(ScheduleConfig(final=0.2))
    assert [schedule(progress) for progress in (0.0, 0.6, 0.8, 1.0)] == pytest.approx([1.0, 1.0, 0.6, 0.2])


def test_the_task_weighs_its_classes(photos: Path):
    sightline.train(photos, run=Path("run"), settings={**QUICK, "train.steps": 1, "train.schedule.warmup": "0st"})
    contract = sightline.open_trained(sightline.Run.open(Path("run"))).contract
    task = module_of("my_task.py").weighted(contract, lambda logits, targets: torch.ones(len(targets)))
    assert isinstance(task, Classification)
    flower, temple = (contract.classes.index(name) for name in ("flower", "temple"))
    losses = task.loss(torch.zeros(3, 2), torch.tensor([flower, temple, temple]))
    assert losses.tolist() == [1.0, 2.0, 2.0]
