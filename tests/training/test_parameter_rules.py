"""Learning rate and weight decay by patterns of names."""

from pathlib import Path
from typing import Any

import pytest
import torch

from sightline import config_file
from sightline.errors import ConfigError
from sightline.model.build import Built, build
from sightline.training.config import RuleConfig, TrainConfig
from sightline.training.optimizer_kinds import KINDS, Groups
from sightline.training.optimizers import make_optimizer, parameter_groups
from small_training import apart, train_small, weights_of, write_pictures


@pytest.fixture(scope="module")
def built() -> Built:
    return build("cnn", 3, 1, {"width": 4})


def figures(built: Built, groups: Groups, key: str) -> dict[str, Any]:
    names = {id(parameter): name for name, parameter in built.module.named_parameters()}
    found = {names[id(parameter)]: group[key] for group in groups for parameter in group["params"]}
    assert len(found) == len(names), "every parameter is in exactly one group"
    return found


def rule(match: str, **more: float) -> RuleConfig:
    return RuleConfig(match=match, **more)


def test_a_rule_gives_its_share_and_decay_to_what_it_matches_and_to_nothing_else(built: Built):
    groups = parameter_groups(
        built, 1.0, 0.05, rules=[rule("stage1.*", lr_share=0.1), rule("*.bias", weight_decay=0.3)]
    )
    share, decay = figures(built, groups, "lr_share"), figures(built, groups, "weight_decay")
    for name, parameter in built.module.named_parameters():
        assert share[name] == (0.1 if name.startswith("stage1.") else 1.0)
        assert decay[name] == (0.3 if name.endswith(".bias") else 0.05 if parameter.ndim > 1 else 0.0)


def test_a_later_rule_wins_figure_by_figure(built: Built):
    rules = [rule("*", lr_share=0.5, weight_decay=0.2), rule("head.*", lr_share=2.0), rule("*.bias", weight_decay=0.0)]
    groups = parameter_groups(built, 1.0, 0.05, rules=rules)
    share, decay = figures(built, groups, "lr_share"), figures(built, groups, "weight_decay")
    assert (share["head.bias"], decay["head.bias"]) == (2.0, 0.0)
    assert (share["head.weight"], decay["head.weight"]) == (2.0, 0.2)
    assert (share["stem.1.weight"], decay["stem.1.weight"]) == (0.5, 0.2)


def test_shares_multiply_those_of_the_layers(built: Built):
    plain = figures(built, parameter_groups(built, 0.5, 0.0), "lr_share")
    ruled = figures(built, parameter_groups(built, 0.5, 0.0, rules=[rule("st*", lr_share=0.1)]), "lr_share")
    assert ruled == {name: share * (0.1 if name.startswith("st") else 1.0) for name, share in plain.items()}


def test_hidden_matrices_stay_apart(built: Built):
    rules = [rule("stage*", lr_share=0.5)]
    plain = figures(built, parameter_groups(built, 1.0, 0.05, hidden_apart=True), "use_fallback")
    assert figures(built, parameter_groups(built, 1.0, 0.05, True, rules), "use_fallback") == plain


@pytest.mark.parametrize("name", KINDS)
def test_every_optimizer_takes_rules(name: str, built: Built):
    groups = [{"match": "head.*", "lr_share": 0.5, "weight_decay": 0.0}]
    config = TrainConfig(groups=groups, optimizer=type(TrainConfig().optimizer)(name=name))
    optimizer = make_optimizer(built, config, 0.1, 0.01)
    assert figures(built, optimizer.param_groups, "lr")["head.weight"] == 0.05


def test_without_rules_the_groups_are_those_of_before(built: Built):
    assert [len(group["params"]) for group in parameter_groups(built, 1.0, 0.05)] == [
        sum(parameter.ndim == 1 for parameter in built.module.parameters()),
        sum(parameter.ndim > 1 for parameter in built.module.parameters()),
    ]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([rule("blocks.*", lr_share=0.1)], r"'blocks\.\*' matches no parameter's name \(train\.groups\[0\]\.match\)"),
        (
            [rule("head.*", lr_share=0.1), rule("*", lr_share=0.2)],
            r"the rule has no effect: later ones match all that it matches \(train\.groups\[0\]\)\n  got: head\.\*",
        ),
    ],
)
def test_a_rule_without_effect_is_refused(rules: list[RuleConfig], message: str, built: Built):
    with pytest.raises(ConfigError, match=message):
        parameter_groups(built, 1.0, 0.05, rules=rules)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{match: a, lr_share: 1}", "put it into a list"),
        ("[a]", "train.groups[0] cannot have this value"),
        ("[{match: a}]", "train.groups[0] says nothing about what it matches"),
        ("[{lr_share: 1}]", "train.groups[0] matches nothing"),
        ("[{match: a, lr: 1}]", "train.groups[0] has no 'lr'"),
        ("[{match: a, lr_share: 0}]", "train.groups[0].lr_share cannot have this value"),
        ("[{match: a, lr_share: 1}, {match: b, weight_decay: x}]", "train.groups[1].weight_decay cannot have this"),
    ],
)
def test_a_rule_that_cannot_be_is_told_in_words(value: str, message: str):
    with pytest.raises(ConfigError) as caught:
        config_file.load(None, [f"train.groups={value}"])
    assert message in str(caught.value)


def test_rules_survive_the_run_folder(tmp_path: Path):
    loaded = config_file.load(None, ["train.groups=[{match: 'a.*', lr_share: 0.5}]"])
    config_file.dump(loaded.config, loaded.origins, tmp_path / "config.yaml")
    assert config_file.load_resolved(tmp_path / "config.yaml").train.groups == [{"match": "a.*", "lr_share": 0.5}]


def test_rules_change_the_weights_that_they_name_first(tmp_path: Path):
    data = write_pictures(tmp_path / "pictures")
    train_small(data, tmp_path / "plain", **{"train.steps": 1})
    train_small(data, tmp_path / "ruled", **{"train.steps": 1, "train.groups": [{"match": "stem.*", "lr_share": 0.1}]})
    plain, ruled = weights_of(tmp_path / "plain"), weights_of(tmp_path / "ruled")
    assert {name.split(".")[0] for name in plain if not torch.equal(plain[name], ruled[name])} == {"stem"}
    assert apart(tmp_path / "plain", tmp_path / "ruled") > 1e-6
