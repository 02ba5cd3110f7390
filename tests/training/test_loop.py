"""What the loop tells and keeps, step by step, and that nothing but the settings decides it."""

from pathlib import Path
from typing import Any

import pytest
import torch

from sightline import resume
from sightline.errors import ConfigError, NonFiniteError
from sightline.run import Run
from sightline.training.checkpoint import Checkpoints, weights_sha256
from sightline.training.ema import Ema
from small_training import apart, best_of, steps_of, timeless, train_small, weights_of, write_pictures


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("looped") / "pictures")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("photos") / "photos", side=40, suffix=".jpg")


def test_the_same_command_gives_the_same_weights_for_any_number_of_workers(tmp_path: Path, photos: Path):
    changes: dict[str, Any] = {"data.augment": "standard", "data.image_size": 32, "train.steps": 7}
    runs = {name: tmp_path / name for name in ("0", "0 again", "1", "2")}
    trained = [
        train_small(photos, run, **changes | {"data.workers": int(name[0])}).weights_sha256
        for name, run in runs.items()
    ]
    assert len(set(trained)) == 1
    assert all(timeless(run) == timeless(runs["0"]) for run in runs.values())


def test_another_seed_gives_other_weights(tmp_path: Path, pictures: Path):
    one, other = (train_small(pictures, tmp_path / str(seed), seed=seed).weights_sha256 for seed in (0, 1))
    assert one != other


def test_the_printed_fingerprint_is_that_of_the_last_checkpoint(tmp_path: Path, pictures: Path):
    trained = train_small(pictures, tmp_path / "run")
    assert weights_sha256(weights_of(tmp_path / "run")) == trained.weights_sha256
    assert Run(tmp_path / "run").info()["weights_sha256"] == trained.weights_sha256


def test_it_evaluates_saves_and_ends_when_the_plan_says(tmp_path: Path, pictures: Path):
    train_small(pictures, tmp_path / "run", **{"train.evaluate": "4st", "train.save": "5st", "train.steps": 11})
    records = timeless(tmp_path / "run", "step", "eval", "save")
    assert steps_of(tmp_path / "run") == list(range(1, 12))
    evaluations = [record for record in records if record["kind"] == "eval"]
    assert [record["step"] for record in evaluations] == [4, 8, 11]
    best = [record["step"] for record in evaluations if record["best"]]
    assert best_of(tmp_path / "run") == best[-1]
    saves = {record["step"]: record["best"] for record in records if record["kind"] == "save"}
    assert saves == {step: step in best for step in sorted({5, 10, 11, *best})}
    ranked = sorted(evaluations, key=lambda one: (one["val_accuracy"], -one["val_loss"]))
    assert ranked[-1]["step"] == best[-1]


def test_an_epoch_sees_every_training_image_once(tmp_path: Path, pictures: Path):
    train_small(pictures, tmp_path / "run", **{"train.steps": None, "train.epochs": 2})
    images = [record["images"] for record in timeless(tmp_path / "run", "step")]
    training = sum(",train," in line for line in Run(tmp_path / "run").split.read_text().splitlines())
    assert sum(images) == 2 * training
    assert max(images) - min(images) <= 1
    assert timeless(tmp_path / "run", "step")[-1]["epoch"] == 2.0


def test_the_learning_rate_in_the_records_is_the_schedule(tmp_path: Path, pictures: Path):
    changes = {"train.lr": 0.1, "train.schedule.warmup": "3st", "train.schedule.final": 0.1, "train.steps": 10}
    train_small(pictures, tmp_path / "run", **changes)
    rates = [record["lr"] for record in timeless(tmp_path / "run", "step")]
    oracle = torch.optim.lr_scheduler.CosineAnnealingLR(
        torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1), T_max=7, eta_min=0.01
    )
    expected = [0.025, 0.05, 0.075]
    for _ in range(7):
        expected.append(oracle.get_last_lr()[0])
        oracle.optimizer.step()
        oracle.step()
    assert rates == pytest.approx(expected)


def test_frozen_steps_change_the_head_and_nothing_else(tmp_path: Path, pictures: Path):
    norm = {"model.options": {"width": 4, "norm": "batch"}, "train.freeze": "4st", "train.save": "1st"}
    run = tmp_path / "run"
    train_small(pictures, run, **norm, **{"train.steps": 1})
    start = weights_of(run)
    train_small(pictures, tmp_path / "frozen", **norm, **{"train.steps": 4})
    frozen = weights_of(tmp_path / "frozen")
    moved = {name for name in start if not torch.equal(start[name], frozen[name])}
    assert moved == {"head.weight", "head.bias"}
    train_small(pictures, tmp_path / "free", **norm, **{"train.steps": 6})
    free = weights_of(tmp_path / "free")
    assert {name for name in start if not torch.equal(start[name], free[name])} == set(start)


def test_the_average_is_what_is_judged(tmp_path: Path, pictures: Path):
    train_small(pictures, tmp_path / "run", **{"train.ema": 0.9, "train.steps": 2, "train.save": "1st"})
    checkpoints = Checkpoints(tmp_path / "run" / "checkpoints")
    first, last = (checkpoints.load(entry) for entry in checkpoints.entries()[-2:])
    module = torch.nn.Linear(2, 2)  # only a carrier: the rule is that of one tensor
    name = "head.weight"
    module.weight = torch.nn.Parameter(first["ema"][name].clone())
    ema = Ema(module, 0.9)
    module.weight = torch.nn.Parameter(last["model"][name].clone())
    ema.update(module, 1)
    assert torch.equal(ema.module.weight, last["ema"][name])
    assert not torch.equal(last["ema"][name], last["model"][name])


def test_a_rate_that_is_far_too_high_stops_with_the_step_and_the_last_good_checkpoint(tmp_path: Path, pictures: Path):
    run = tmp_path / "run"
    with pytest.raises(NonFiniteError) as raised:
        train_small(pictures, run, **{"train.lr": 1e9, "train.save": "1st", "train.steps": 60})
    entries = Checkpoints(run / "checkpoints").entries()
    step = entries[-1].step + 1
    assert raised.value.what in {f"the loss became NaN or infinite at step {step}",
                                 f"the weights became NaN or infinite at step {step}"}  # fmt: skip
    assert f"the last good checkpoint is {entries[-1].file} (step {entries[-1].step})" in raised.value.hint
    assert "-s train.lr" in raised.value.hint
    assert all(bool(value.isfinite().all()) for value in weights_of(run).values())
    with pytest.raises(NonFiniteError, match=f"at step {step}"):
        resume(run)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train.schedule.warmup": "14st"}, "the warm-up is as long as the run"),
        ({"train.device": "cuda:99"}, "the device 'cuda:99' cannot be used"),
        ({"train.device": "gpu"}, "the device 'gpu' cannot be used"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_and_leaves_no_folder(
    changes: dict[str, Any], message: str, tmp_path: Path, pictures: Path
):
    with pytest.raises(ConfigError, match=message):
        train_small(pictures, tmp_path / "run", **changes)
    assert not (tmp_path / "run").exists()


def test_without_a_validation_part_the_last_checkpoint_is_the_best(tmp_path: Path, pictures: Path):
    train_small(pictures, tmp_path / "run", **{"data.val": 0.0, "train.evaluate": None})
    assert best_of(tmp_path / "run") == 14
    assert not timeless(tmp_path / "run", "eval")


def test_two_runs_that_differ_in_one_setting_differ_in_their_weights(tmp_path: Path, pictures: Path):
    train_small(pictures, tmp_path / "plain")
    for place, (key, value) in enumerate(
        {"train.clip": 0.01, "train.layer_decay": 0.5, "train.optimizer.weight_decay": 0.5, "train.freeze": "7st",
         "train.loss.label_smoothing": 0.4, "data.augment": "none", "data.limit": 20}.items()
    ):  # fmt: skip
        train_small(pictures, tmp_path / str(place), **{key: value})
        assert apart(tmp_path / "plain", tmp_path / str(place)) > 1e-5, key


def test_a_plateau_lowers_the_rate_when_torchs_would(tmp_path: Path, pictures: Path):
    """Torch's counts evaluations; its metric is here the rank of (accuracy, -loss), by which checkpoints are judged."""
    changes: dict[str, Any] = {"name": "plateau", "wait": "4st", "factor": 0.5, "warmup": "0st"}
    settings = {f"train.schedule.{key}": value for key, value in changes.items()}
    train_small(pictures, tmp_path / "run", **settings, **{"train.evaluate": "2st", "train.steps": 40, "train.lr": 0.1})
    records = timeless(tmp_path / "run", "step", "eval")
    scores = [(r["val_accuracy"], -r["val_loss"]) for r in records if r["kind"] == "eval"]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    torchs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, "max", 0.5, patience=1, threshold=0.0)
    expected: list[float] = []
    for score in scores:
        expected += 2 * [optimizer.param_groups[0]["lr"]]
        torchs.step(sorted(scores).index(score))
    assert [record["lr"] for record in records if record["kind"] == "step"] == pytest.approx(expected)
    longest = max(expected.count(rate) for rate in expected)
    assert expected[-1] < 0.1 and longest > 4, "it was lowered, and at least once it waited for a better score"


def test_a_plateau_needs_a_validation_part(tmp_path: Path, pictures: Path):
    with pytest.raises(ConfigError, match=r"train\.schedule\.name has no effect: there is no validation part"):
        train_small(pictures, tmp_path / "run", **{"train.schedule.name": "plateau", "data.val": 0})


def test_a_plateau_that_comes_too_late_is_refused(tmp_path: Path, pictures: Path):
    with pytest.raises(ConfigError, match="plateau would never lower the rate"):
        train_small(pictures, tmp_path / "run", **{"train.schedule.name": "plateau", "train.schedule.wait": "10st"})


def test_a_cpu_refuses_to_be_quicker_and_less_exact(tmp_path: Path, pictures: Path):
    with pytest.raises(ConfigError, match=r"train\.deterministic has no effect: on a CPU"):
        train_small(pictures, tmp_path / "run", **{"train.deterministic": False})
    assert not (tmp_path / "run").exists()
