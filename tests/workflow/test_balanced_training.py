"""Imbalance and mixing in a whole training: what auto chooses, what acts, what is refused at the start."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sightline import evaluate, resume
from sightline.config_file import load_resolved
from sightline.data.loader import Pieces, load
from sightline.data.mix import mixed
from sightline.data.order import stream_key
from sightline.errors import ConfigError, PlugError
from sightline.run import Run
from sightline.training.checkpoint import Checkpoints
from sightline.workflow.facts import facts_of
from small_training import apart, timeless, train_small, write_weighted_csv

LENGTH = {"train.steps": 4, "train.evaluate": "100%", "train.save": "100%"}


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 images of one class and 8 of the other: 42 and 6 for training."""
    root, random = tmp_path_factory.mktemp("uneven") / "pictures", np.random.default_rng(0)
    for name, count in {"many": 60, "few": 8}.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(random.integers(0, 255, (12, 12, 3), dtype=np.uint8)).save(root / name / f"{number}.png")
    return root


def chosen(run: Path) -> dict[str, Any]:
    config, info = load_resolved(Run(run).config), Run(run).info()
    return {
        "sampler": config.data.sampler,
        "weights": config.train.loss.class_weights,
        "why": info["origins"].get("train.loss.class_weights", ""),
        "balance": info["balance"],
    }


def test_beta_may_stand_beside_auto_where_that_becomes_effective(uneven: Path, tmp_path: Path, monkeypatch: Any):
    with pytest.raises(ConfigError, match=r"train\.loss\.beta has no effect: only effective numbers"):
        train_small(uneven, tmp_path / "mild", **LENGTH, **{"train.loss.beta": 0.9})
    monkeypatch.setattr("sightline.workflow.auto.WEIGHED_FROM", 7.0)
    train_small(uneven, tmp_path / "strong", **LENGTH, **{"train.loss.beta": 0.9})
    weights = chosen(tmp_path / "strong")["balance"]["class_weights"]
    assert weights["few"] / weights["many"] == pytest.approx((1 - 0.9**42) / (1 - 0.9**6), rel=1e-3)


@pytest.mark.parametrize(
    ("wish", "seen"),
    [
        ({"data.sampler": "none", "train.loss.class_weights": "none"}, (6.0, 42.0)),
        ({"data.sampler": "classes"}, (1.0, 1.0)),
        ({"train.loss.class_weights": "inverse"}, (24.0, 24.0)),
        ({"train.loss.class_weights": {"few": 3.0}}, (6 * 2.4, 42 * 0.8)),
    ],
)
def test_the_diagnosis_knows_how_much_of_each_class_is_seen(
    wish: dict[str, Any], seen: tuple[float, float], uneven: Path, tmp_path: Path
):
    train_small(uneven, tmp_path / "run", **{"train.steps": 1, "train.evaluate": "100%"} | wish)
    facts = facts_of(Run(tmp_path / "run"))
    assert facts.counts == (6, 42) and facts.seen == pytest.approx(seen, rel=1e-5)


def test_auto_weighs_classes_from_a_ratio_on_and_says_why(uneven: Path, tmp_path: Path, monkeypatch: Any):
    train_small(uneven, tmp_path / "mild", **LENGTH)
    mild = chosen(tmp_path / "mild")
    assert (mild["sampler"], mild["weights"]) == ("none", "none")
    assert "7 times" in mild["why"] and "from 10" in mild["why"]
    assert mild["balance"]["counts"] == {"few": 6, "many": 42} and mild["balance"]["ratio"] == 7
    monkeypatch.setattr("sightline.workflow.auto.WEIGHED_FROM", 7.0)
    train_small(uneven, tmp_path / "strong", **LENGTH)
    strong = chosen(tmp_path / "strong")
    assert (strong["sampler"], strong["weights"]) == ("none", "effective")
    weights = strong["balance"]["class_weights"]
    assert 6 * weights["few"] + 42 * weights["many"] == pytest.approx(48, abs=1e-3)
    assert apart(tmp_path / "mild", tmp_path / "strong") > 1e-5
    train_small(uneven, tmp_path / "by hand", **LENGTH, **{"data.sampler": "none"})
    assert chosen(tmp_path / "by hand")["weights"] == "none"
    assert apart(tmp_path / "mild", tmp_path / "by hand") == 0


def test_the_alpha_of_focal_comes_from_the_counts(uneven: Path, tmp_path: Path):
    train_small(uneven, tmp_path / "run", **LENGTH, **{"train.loss.name": "focal"})
    found = chosen(tmp_path / "run")
    assert found["weights"] == "inverse"
    assert found["balance"]["class_weights"] == {"few": 4.0, "many": pytest.approx(48 / 84, abs=1e-6)}


def test_each_setting_changes_the_weights(pictures: Path, tmp_path: Path):
    train_small(pictures, tmp_path / "plain", **LENGTH)
    for place, changes in enumerate(
        (
            {"data.mixup": 0.4},
            {"data.cutmix": 1.0},
            {"data.cutmix": 1.0, "data.mix_probability": 0.1},
            {"data.sampler": "classes"},
            {"train.loss.class_weights": {"bee": 3.0}},
            {"train.loss.class_weights": [1, 5, 1]},
            {"train.loss.name": "focal"},
            {"train.loss.name": "focal", "train.loss.gamma": 1.0},
        )
    ):
        train_small(pictures, tmp_path / str(place), **LENGTH, **changes)
        for other in ("plain", *map(str, range(place))):
            assert apart(tmp_path / other, tmp_path / str(place)) > 1e-6, (changes, other)


def test_validation_is_never_mixed_or_weighed(pictures: Path, tmp_path: Path, monkeypatch: Any):
    """The validation loss of the records is that of the plain loss over the stored predictions."""
    table = write_weighted_csv(pictures, tmp_path / "weighted.csv")
    changes = {"data.mixup": 1.0, "train.loss.class_weights": {"ant": 9.0}, "train.loss.label_smoothing": 0.0}
    train_small(table, tmp_path / "run", **LENGTH, **changes)
    figures = evaluate(tmp_path / "run", part="val", checkpoint="last")
    (record,) = timeless(tmp_path / "run", "eval")
    assert record["val_accuracy"] == figures["accuracy"]["value"]
    stored = np.load(Run(tmp_path / "run").predictions("val"))
    labels, logits = torch.from_numpy(stored["labels"].astype(np.int64)), torch.from_numpy(stored["logits"])
    assert record["val_loss"] == pytest.approx(torch.nn.functional.cross_entropy(logits, labels).item(), abs=1e-5)


def test_mixing_stops_for_the_last_epochs(pictures: Path, tmp_path: Path, monkeypatch: Any):
    keys: list[int] = []

    def watched(*arguments: Any) -> Any:
        keys.append(arguments[-1])
        return mixed(*arguments)

    monkeypatch.setattr("sightline.training.gradients.mixed", watched)
    changes = {"data.cutmix": 1.0, "data.mix_off_epochs": 1, "train.steps": 12}  # two epochs of six steps
    train_small(pictures, tmp_path / "run", **changes, seed=5)
    assert keys == [stream_key(5, step, 0, 0) for step in range(6)]


def test_mixing_is_the_same_for_any_number_of_workers(pictures: Path, tmp_path: Path):
    changes = {"data.mixup": 0.4, "data.cutmix": 1.0, "data.sampler": "classes", "data.augment": "standard"}
    digests = [
        train_small(pictures, tmp_path / str(workers), **LENGTH, **changes, **{"data.workers": workers}).weights_sha256
        for workers in (0, 1, 2)
    ]
    assert len(set(digests)) == 1


@pytest.mark.parametrize("cache", ["on", "off"])
def test_an_image_that_is_drawn_again_is_augmented_in_another_way(
    uneven: Path, tmp_path: Path, monkeypatch: Any, cache: str
):
    seen: dict[int, list[bytes]] = {}

    def watched(dataset: Pieces, pieces: Any, *ways: Any):
        for batch in load(dataset, pieces, *ways):
            if not isinstance(pieces, list):  # evaluations ask for the pieces of a list
                for index, pixels in zip(batch.indices.tolist(), batch.pixels, strict=True):
                    seen.setdefault(index, []).append(pixels.numpy().tobytes())
            yield batch

    monkeypatch.setattr("sightline.workflow.feed.load", watched)
    changes = {"data.sampler": "classes", "data.augment": "standard", "train.steps": 7, "data.cache": cache}
    train_small(uneven, tmp_path / "run", **changes)
    most = max(seen.values(), key=len)
    assert len(most) >= 4  # 24 draws of 6 images
    assert len(set(most)) == len(most)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data.mixup": 0.2, "train.accumulate": 6}, "a micro-batch of one image has none to mix it with"),
        ({"data.cutmix": 1.0, "data.mix_off_epochs": 3}, "nothing would be mixed"),
        ({"data.sampler": "weights"}, "there are no weights to sample by"),
        ({"train.loss.class_weights": {"wasp": 2.0}}, "no class is called 'wasp'"),
        ({"train.loss.class_weights": [1.0, 2.0]}, "2 weights for 3 classes"),
        ({"data.sampler": "classes", "train.loss.class_weights": "effective"}, "already draws every class"),
    ],
)
def test_what_makes_no_sense_is_refused_at_the_start(
    changes: dict[str, Any], message: str, pictures: Path, tmp_path: Path
):
    with pytest.raises(ConfigError, match=message):
        train_small(pictures, tmp_path / "run", **changes)
    assert not (tmp_path / "run").exists()


def test_a_users_loss_that_takes_no_shares_is_refused_with_mixing(
    pictures: Path, tmp_path: Path, monkeypatch: Any, disturbed: Callable[[str], None]
):
    (tmp_path / "own_loss.py").write_text(
        "def loss(config):\n"
        "    return lambda logits, targets: -logits.log_softmax(1).gather(1, targets[:, None])[:, 0]\n"
    )
    disturbed("")
    train_small(pictures, tmp_path / "plain", **LENGTH, **{"train.loss.name": "own_loss:loss"})
    with pytest.raises(PlugError, match="'own_loss:loss' cannot learn from mixed images"):
        train_small(pictures, tmp_path / "run", **{"train.loss.name": "own_loss:loss", "data.mixup": 0.2})
    assert not (tmp_path / "run").exists()


def test_a_run_of_an_earlier_version_goes_on_without_weights(pictures: Path, tmp_path: Path):
    """It knew of none of these settings, and left the weights of its data aside."""
    plain = train_small(pictures, tmp_path / "plain")
    table = write_weighted_csv(pictures, tmp_path / "weighted.csv")
    run = Run(train_small(table, tmp_path / "old", **{"train.loss.class_weights": "none", "train.steps": 6}).run.folder)
    shutil.rmtree(run.checkpoints)
    shutil.copytree(tmp_path / "plain" / "checkpoints", run.checkpoints)
    checkpoints = Checkpoints(run.checkpoints)
    first = checkpoints.entries()[0]
    new = ("sampler", "mixup", "cutmix", "mix_probability", "mix_off_epochs", "class_weights", "gamma", "beta")
    lines = [line for line in run.config.read_text().splitlines() if line.split(":")[0].strip() not in new]
    run.config.write_text("\n".join(lines).replace("steps: 6", "steps: 14") + "\n")
    info = json.loads(run.info_file.read_text())
    del info["balance"]
    run.info_file.write_text(json.dumps(info))
    run.records.write_bytes(Run(tmp_path / "plain").records.read_bytes())
    assert first.step < 14
    assert resume(run.folder, start_from=first.file).weights_sha256 == plain.weights_sha256
