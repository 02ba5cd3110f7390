"""Settings that do nothing beside the others are refused, and only those."""

from pathlib import Path

import pytest

from sightline import config_file
from sightline.config import RunConfig
from sightline.errors import ConfigError


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "digits.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (["train.optimizer.momentum=0.5"], "train.optimizer.momentum has no effect: adamw has no momentum"),
        (["train.optimizer.nesterov=true"], "train.optimizer.nesterov has no effect: adamw"),
        (["train.optimizer.name=sgd", "train.optimizer.betas=[0.9, 0.99]"], "sgd has no betas"),
        (
            ["train.optimizer.name=sgd", "train.optimizer.momentum=0", "train.optimizer.nesterov=true"],
            "Nesterov's form needs momentum",
        ),
        (
            ["train.schedule.name=constant", "train.schedule.final=0.1"],
            "train.schedule.final has no effect: only linear, cosine, restarts, polynomial, one_cycle take it",
        ),
        (["train.schedule.wait=2ep"], "train.schedule.wait has no effect: only plateau takes it"),
        (["train.schedule.name=plateau", "train.schedule.power=3"], "only polynomial takes it"),
        (["train.optimizer.name=lion", "train.optimizer.momentum=0.5"], "lion has no momentum setting"),
        (["train.optimizer.name=adagrad", "train.optimizer.betas=[0.9,0.9]"], "adagrad has no betas"),
        (["train.evaluate=0ep"], "train.evaluate cannot be zero: an interval of nothing never comes round"),
        (["train.save=0st"], "train.save cannot be zero"),
        (["train.patience=0.0ep"], "train.patience cannot be zero"),
        (["train.sam.adaptive=true"], "train.sam.adaptive has no effect: without train.sam.rho"),
        (["train.optimizer.decay=coupled"], "train.optimizer.decay cannot be had: adamw has decoupled decay only"),
        (["train.optimizer.name=rmsprop", "train.optimizer.decay=decoupled"], "remove it; adamw has it"),
        (
            ["train.optimizer.name=adam", "train.optimizer.decay=decoupled", "train.optimizer.weight_decay=0"],
            "train.optimizer.decay has no effect: train.optimizer.weight_decay is 0",
        ),
        (["train.freezing.what=first:2"], "train.freezing.what has no effect: nothing is frozen for any time"),
        (["train.freezing.gradual=1ep", "train.freeze=0.0st"], "train.freezing.gradual has no effect"),
        (["train.freezing.lr_while=0.1"], "train.freezing.lr_while has no effect"),
        (["train.epochs=3", "train.steps=100"], "give train.epochs or train.steps, not both"),
        (["train.patience=10%"], "train.patience cannot be a percentage"),
        (["data.val=0.5", "data.test=0.5"], "data.val is too large"),
        (["data.reader=idx", "data.root=x"], "data.root has no effect"),
        (["train.loss.gamma=1"], "train.loss.gamma has no effect: only focal takes it"),
        (["train.loss.class_weights=none", "train.loss.beta=0.9"], "train.loss.beta has no effect: only effective"),
        (["train.loss.class_weights=inverse", "train.loss.beta=0.9"], "train.loss.beta has no effect"),
        (
            ["data.sampler=classes", "train.loss.class_weights=inverse"],
            "train.loss.class_weights has no effect: data.sampler=classes already draws",
        ),
        (["train.loss.name=hinge", "train.loss.label_smoothing=0.2"], "train.loss.label_smoothing has no effect: only"),
        (["train.loss.margin=0.5"], "train.loss.margin has no effect: only hinge, triplet take it"),
        (["train.loss.name=triplet", "train.loss.power=2"], "train.loss.power has no effect: only hinge takes it"),
        (["train.loss.weight=2"], "train.loss.weight has no effect: only triplet takes it"),
        (["train.loss.sum_classes=true"], "train.loss.sum_classes has no effect: only focal, bce take it"),
        (
            ["train.loss.name=focal", "train.loss.sum_classes=true"],
            "the focal loss of one class an image is that of one softmax",
        ),
        (["train.loss.name=triplet", "train.accumulate=2"], "train.accumulate cannot be had with triplet"),
        (["train.loss.name=triplet", "data.mixup=0.2"], "data.mixup cannot be had with triplet"),
        (["task.name=regression", "train.loss.label_smoothing=0.2"], "train.loss.label_smoothing has no effect: only"),
        (["task.name=regression", "train.loss.class_weights=inverse"], "train.loss.class_weights has no effect: only"),
        (["task.name=regression", "train.loss.name=mae", "train.loss.delta=2"], "only huber takes it"),
        (["task.name=multilabel", "train.loss.label_smoothing=0.2"], "labels exclude nothing"),
        (["data.mix_probability=0.5"], "data.mix_probability has no effect: nothing is mixed"),
        (["data.mix_off_epochs=2"], "data.mix_off_epochs has no effect: nothing is mixed"),
    ],
)
def test_a_setting_without_effect_is_refused(settings: list[str], told: str):
    loaded = config_file.load(None, settings)
    with pytest.raises(ConfigError) as caught:
        config_file.refuse_useless(loaded.config, loaded.origins)
    assert told in str(caught.value)


def test_settings_with_effect_pass():
    for settings in (
        [],
        ["train.optimizer.name=sgd", "train.optimizer.momentum=0.5"],
        ["train.optimizer.name=my_file:lion", "train.optimizer.momentum=0.5", "train.optimizer.betas=[0.9, 0.8]"],
        ["train.steps=100"],
        ["train.optimizer.name=sgd", "train.optimizer.decay=decoupled"],
        ["train.optimizer.name=adamw", "train.optimizer.decay=decoupled"],
        ["train.loss.name=focal", "train.loss.gamma=1", "train.loss.class_weights=effective", "train.loss.beta=0.9"],
        ["data.sampler=classes", "train.loss.class_weights={cat: 2}"],
        ["train.loss.name=my:loss", "train.loss.gamma=1", "train.loss.margin=2", "train.accumulate=2"],
        ["train.loss.name=hinge", "train.loss.margin=0.5", "train.loss.power=2"],
        ["train.loss.name=triplet", "train.loss.margin=0.5", "train.loss.weight=2", "train.loss.label_smoothing=0"],
        ["task.name=multilabel", "train.loss.sum_classes=true", "train.loss.class_weights=inverse"],
        ["task.name=regression", "train.loss.name=huber", "train.loss.delta=2"],
        ["data.cutmix=1", "data.mix_probability=0.5", "data.mix_off_epochs=2"],
        ["train.epochs=auto", "train.steps=100"],
    ):
        loaded = config_file.load(None, settings)
        config_file.refuse_useless(loaded.config, loaded.origins)


def test_a_setting_without_effect_in_a_file_is_told_with_its_line_but_defaults_there_pass(tmp_path: Path):
    loaded = config_file.load(written(tmp_path, "train:\n  optimizer:\n    momentum: 0.5\n"))
    with pytest.raises(ConfigError, match=r"train.optimizer.momentum in digits.yaml, line 3"):
        config_file.refuse_useless(loaded.config, loaded.origins)
    config_file.dump(RunConfig(), {}, tmp_path / "config.yaml")
    whole = config_file.load(tmp_path / "config.yaml")
    config_file.refuse_useless(whole.config, whole.origins)


@pytest.mark.parametrize("value", ["momentum: 0.9", "betas: [0.9, 0.999]"])
def test_files_of_earlier_runs_hold_what_was_the_default_then(value: str, tmp_path: Path):
    name = "adamw" if "momentum" in value else "sgd"
    (tmp_path / "old.yaml").write_text(f"train:\n  optimizer:\n    name: {name}\n    {value}\n")
    loaded = config_file.load(tmp_path / "old.yaml", [])
    config_file.refuse_useless(loaded.config, loaded.origins)
