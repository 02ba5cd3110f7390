"""The picture shows what a training sees: the same pixels, from the same samples, in the same epochs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sightline import evaluation
from sightline.config_file import load_resolved
from sightline.data.order import steps_per_epoch
from sightline.errors import ConfigError, PlugError
from sightline.evaluation import sheet
from sightline.run import Run
from sightline.workflow import job
from sightline.workflow.augment import show_augmentation
from sightline.workflow.feed import Feed
from sightline.workflow.prepare import reopen
from sightline.workflow.say import Say
from small_training import settings, train_small, write_pictures

STEPS = ["pad_crop", {"rotation": {"degrees": 20}}, "hflip", {"noise": {"sigma": [0.01, 0.1]}}]


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[sheet.Row]:
    """The rows of the pictures that are drawn."""
    drawn: list[sheet.Row] = []

    def keep(title: str, notes: Any, heads: Any, rows: Any, path: Path) -> None:
        drawn.extend(rows)
        sheet.draw_sheet(title, notes, heads, rows, path)

    monkeypatch.setattr("sightline.workflow.augment.draw_sheet", keep)
    return drawn


@pytest.mark.parametrize("cache", ["on", "off"])
@pytest.mark.parametrize("augment", ["light", "standard", "trivialaugment", STEPS], ids=str)
def test_it_shows_the_pixels_that_training_gets(
    augment: Any, cache: str, pictures: Path, tmp_path: Path, rows: list[sheet.Row]
):
    own = {"data.augment": augment, "train.steps": 1, "seed": 4, "data.cache": cache}
    shown = show_augmentation(pictures, settings=settings(**own), images=5, epochs=3, out=tmp_path / "grid.png")
    assert shown.images == len(rows) == 5
    train_small(pictures, tmp_path / "run", **own)
    run = Run(tmp_path / "run")
    prepared = reopen(run, load_resolved(run.config), Say(quiet=True), begun=True)
    plan = job.make_plan(prepared, torch.device("cpu"))
    seen: dict[tuple[int, str], np.ndarray] = {}
    per_epoch = steps_per_epoch(40, 7)
    feed = Feed(prepared)
    feed.open(Say(quiet=True))
    for step, (batch, _) in enumerate(job._batches(prepared, feed, plan, 0, 3 * per_epoch)):
        for index, pixels in zip(batch.indices.tolist(), batch.pixels.numpy(), strict=True):
            seen[step // per_epoch, prepared.samples.paths[index]] = pixels
    for row in rows:
        path = pictures / row.path
        assert np.array_equal(row.pictures[0], prepared.contract.read(path)) and row.label == path.parent.name
        for epoch in range(3):
            assert np.array_equal(row.pictures[1 + epoch], seen[epoch, row.path])
    assert [row.label for row in rows] == ["ant", "bee", "cat", "ant", "bee"]


def test_with_auto_crops_are_those_of_a_training_that_keeps_pixels_or_does_not(tmp_path: Path, rows: list[sheet.Row]):
    data = write_pictures(tmp_path / "large", side=48)
    seen: dict[tuple[str, int], list[np.ndarray]] = {}
    for cache in ("auto", "on", "off"):
        for steps in (1, 14):  # with one, no image is used twice
            rows.clear()
            own = settings(**{"data.augment": "standard", "data.cache": cache, "train.steps": steps})
            show_augmentation(data, settings=own, images=2, epochs=1, out=tmp_path / "grid.png")
            seen[cache, steps] = [row.pictures[1] for row in rows]
    assert np.array_equal(seen["auto", 1], seen["off", 1])
    assert np.array_equal(seen["auto", 14], seen["on", 14])
    assert not np.array_equal(seen["on", 1], seen["off", 1])


def test_crops_that_the_device_makes_are_shown_finished(pictures: Path, tmp_path: Path, rows: list[sheet.Row]):
    for crops in ("workers", "device"):
        own = settings(**{"data.augment": "standard", "data.crops": crops})
        show_augmentation(pictures, settings=own, images=5, epochs=2, out=tmp_path / f"{crops}.png")
    for one, other in zip(rows[:5], rows[5:], strict=True):
        for mine, theirs in zip(one.pictures, other.pictures, strict=True):
            assert mine.shape == theirs.shape
            assert np.abs(mine.astype(float) - theirs).mean() < 8, "another filter"


def test_the_picture_has_a_column_for_evaluation_and_each_epoch(pictures: Path, tmp_path: Path):
    show_augmentation(pictures, settings=settings(), images=2, epochs=4, out=tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.width == 5 * (evaluation.grid.SIDE + evaluation.grid.GAP) + 2 * evaluation.grid.GAP
        assert picture.height > 2 * evaluation.grid.SIDE
        first = np.asarray(picture.convert("RGB"))
    show_augmentation(pictures, settings=settings(), images=2, epochs=4, out=tmp_path / "again.png")
    with Image.open(tmp_path / "again.png") as picture:
        assert np.array_equal(first, np.asarray(picture.convert("RGB")))


def test_what_is_active_is_told_with_its_options(pictures: Path, tmp_path: Path):
    def told(**changes: Any) -> list[tuple[str, str]]:
        return show_augmentation(
            pictures, settings=settings(**changes), images=1, epochs=1, out=tmp_path / "grid.png"
        ).steps

    resize = ("resize", "as in evaluation: squash")
    assert told(data__augment="none") == [resize]
    assert told(data__augment="light", data__flip="yes") == [
        resize, ("affine", "degrees 10, scale 0.9 to 1.1, shift 0.1, border edge"), ("hflip", "p 0.5")
    ]  # fmt: skip
    assert told(data__augment=STEPS)[-1] == ("noise", "sigma 0.01 to 0.1")
    assert told(data__augment="standard")[0] == ("random_resized_crop", "scale 0.25 to 1, ratio 0.75 to 1.333")


def test_classes_that_were_told_to_be_symmetric_bring_a_finding(pictures: Path, tmp_path: Path):
    own = settings(data__symmetric={"hflip": [["ant", "bee"]]}, data__augment=["hflip"])
    (finding,) = show_augmentation(pictures, settings=own, images=1, epochs=1, out=tmp_path / "grid.png").findings
    assert finding.rule == "augment.symmetric" and finding.evidence["classes"] == ["ant", "bee"]
    quiet = settings(data__symmetric={"vflip": [["ant", "bee"]]}, data__augment=["hflip"])
    assert not show_augmentation(pictures, settings=quiet, images=1, epochs=1, out=tmp_path / "grid.png").findings


def test_training_takes_and_keeps_a_list_of_steps_with_symmetric_classes(pictures: Path, tmp_path: Path):
    train_small(pictures, tmp_path / "run", **{"data.augment": STEPS, "data.symmetric": {"hflip": [["ant", "bee"]]}})
    kept = load_resolved(Run(tmp_path / "run").config).data
    assert kept.augment == STEPS and kept.symmetric == {"hflip": [["ant", "bee"]]}
    again = {"data.augment": None, "train.steps": 1}
    train_small(pictures, tmp_path / "other", **again)
    assert load_resolved(Run(tmp_path / "other").config).data.augment == "light"


def test_faults_leave_no_picture_and_no_run(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="no data"):
        show_augmentation(None, settings=[], out=tmp_path / "grid.png")
    with pytest.raises(PlugError, match="cannot import 'nobody'"):
        show_augmentation(pictures, settings=settings(data__augment="nobody:make"), out=tmp_path / "grid.png")
    with pytest.raises(PlugError, match="cannot import 'nobody'"):
        train_small(pictures, tmp_path / "run", **{"data.augment": "nobody:make"})
    assert not list(tmp_path.iterdir())
