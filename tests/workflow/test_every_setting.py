"""No setting is without effect: each changes the weights, or is known not to and does not, or has a test of its own."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightline.config_schema import all_settings
from small_training import train_small

BATCH = {"model.options": {"width": 4, "norm": "batch"}}
DECAYED = {"train.optimizer.weight_decay": 0.5, "train.lr": 0.01}
BRIEF = {"train.steps": 6, "train.evaluate": "6st", "train.save": "6st"}

CHANGES = {
    "seed": (1, {}),
    "data.val": (0.3, {}),
    "data.test": (0.3, {}),
    "data.limit": (20, {}),
    "data.image_size": (10, {}),
    "data.color": ("gray", {}),
    "data.resize": ("pad", {}),
    "data.interpolation": ("nearest", {}),
    "data.mean": ([0.1, 0.2, 0.3], {"data.std": [0.25, 0.25, 0.25]}),
    "data.std": ([0.1, 0.2, 0.3], {"data.mean": [0.5, 0.5, 0.5]}),
    "data.augment": ("none", {}),
    "data.flip": ("yes", {"data.augment": "light"}),
    "data.sampler": ("classes", {}),
    "data.mixup": (0.4, {}),
    "data.cutmix": (0.8, {}),
    "data.mix_probability": (0.5, {"data.mixup": 0.4}),
    "data.mix_off_epochs": (1, {"data.mixup": 0.4, "train.steps": None, "train.epochs": 2}),
    "model.name": ("mlp", {"model.options": {}}),
    "model.options": ({"width": 8, "norm": "group"}, {}),
    "model.head.name": ("cosine", {}),
    "model.head.hidden": (24, {"model.head.name": "mlp"}),
    "model.head.dropout": (0.5, {}),
    "model.head.scale": (5.0, {"model.head.name": "cosine"}),
    "model.init.name": ("orthogonal", {}),
    "model.init.std": (0.3, {"model.init.name": "normal"}),
    "model.init.prior_bias": (True, {}),
    "train.epochs": (3, {"train.steps": None, "train.epochs": 1}),
    "train.steps": (5, {}),
    "train.batch_size": (11, {}),
    "train.lr": (0.03, {}),
    "train.loss.name": ("focal", {}),
    "train.loss.label_smoothing": (0.3, {}),
    "train.loss.gamma": (0.5, {"train.loss.name": "focal"}),
    "train.loss.margin": (0.3, {"train.loss.name": "hinge"}),
    "train.loss.power": (2, {"train.loss.name": "hinge"}),
    "train.loss.sum_classes": (True, {"train.loss.name": "bce"}),
    "train.loss.weight": (0.5, {"train.loss.name": "triplet"}),
    "train.loss.class_weights": ("inverse", {}),
    "train.loss.beta": (0.5, {"train.loss.class_weights": "effective"}),
    "train.optimizer.name": ("lion", {}),
    "train.optimizer.weight_decay": (0.5, {"train.lr": 0.01}),
    "train.optimizer.momentum": (0.5, {"train.optimizer.name": "sgd"}),
    "train.optimizer.nesterov": (False, {"train.optimizer.name": "sgd"}),
    "train.optimizer.betas": ([0.5, 0.9], {}),
    "train.optimizer.options": ({"eps": 1e-2}, {}),
    "train.schedule.name": ("linear", {}),
    "train.schedule.warmup": ("4st", {}),
    "train.schedule.final": (0.5, {}),
    "train.schedule.every": ("4st", {"train.schedule.name": "step"}),
    "train.schedule.at": (["2st", "4st"], {"train.schedule.name": "milestones"}),
    "train.schedule.factor": (0.5, {"train.schedule.name": "exponential"}),
    "train.schedule.stretch": (2.0, {"train.schedule.name": "restarts", "train.schedule.every": "2st"}),
    "train.schedule.power": (0.5, {"train.schedule.name": "polynomial"}),
    "train.clip": (0.01, {}),
    "train.freeze": ("3st", {}),
    "train.layer_decay": (0.5, {}),
    "train.precision": ("bf16", {}),
    "train.fp32": (["stage1"], {"train.precision": "bf16"}),
    "train.freezing.what": ("first:1", {"train.freeze": "3st"}),
    "train.freezing.gradual": ("1st", {"train.freeze": "2st"}),
    "train.freezing.lr_while": (0.05, {"train.freeze": "3st"}),
    "train.groups": ([{"match": "stem.*", "lr_share": 0.1}], {}),
    "train.optimizer.decay": ("decoupled", {"train.optimizer.name": "adam", "train.optimizer.weight_decay": 0.5}),
    "train.l1": (0.01, {}),
    "train.orthogonal": (0.1, {}),
    "train.noise.inputs": (0.3, {}),
    "train.noise.weights": (0.05, {}),
    "train.noise.gradients": (0.05, {}),
    "train.sam.rho": (0.1, {}),
    "train.sam.adaptive": (True, {"train.sam.rho": 0.1}),
    "model.init.zero_bias": (True, {"model.name": "mlp", "model.options": {}}),
}
"""Settings that change the weights: a value, and the settings beside which it is compared."""

SAME = {
    "data.cache": ("off", {}),
    "data.workers": (1, {}),
    "data.prefetch": (1, {"data.workers": 1}),
    "data.check": ("warn", {}),
    "model.init.check": (True, {}),
    "train.evaluate": ("2st", {}),
    "train.save": ("1st", {}),
    "train.tensorboard": (True, {}),
    "train.checkpoint": ("sharded", {}),
    "train.recompute": ("all", {}),
    "train.digests": (True, {}),
    "train.ema": (0.9, {}),
    "train.swa": ("3st", {}),
    "watch.every": (0, {}),
    "watch.seen": (0, {}),
    "watch.layers": ("stem.*", {"train.tensorboard": True}),
    "watch.what": (["weights"], {"train.tensorboard": True, "watch.layers": "stem.*"}),
    "watch.maps": (["ant/0.png"], {}),
    "watch.maps_at": ([2], {"watch.maps": ["ant/0.png"]}),
    "profile.steps": ("2:3", {}),
    "evaluation.batch_size": (5, {}),
    "evaluation.resamples": (200, {}),
    "evaluation.confidence": (0.9, {}),
    "evaluation.temperature": ("none", {}),
    "export.images": (3, {}),
    "export.tolerance": (1e-3, {}),
    "export.loss": (0.1, {}),
    "export.calibration": (7, {}),
    "export.golden": (2, {}),
    "export.agreement": (0.9, {}),
}
"""Settings about how, what is told and what comes after the training: the weights are equal, bit by bit."""

ELSEWHERE = {
    "data.cache_side": "test_random_crops_come_from_the_working_size",
    "data.crops": "test_crops_on_the_device_train_alike_whoever_copies_them",
    "data.duplicates": "test_copies_are_clusters",
    "data.exclude": "test_the_quarantine_of_a_check_is_what_is_left_out",
    "data.group": "test_groups_from_a_pattern",
    "data.max_pixels": "test_a_file_with_more_pixels_than_allowed_is_not_decoded",
    "data.on_error": "test_a_truncated_image_is_named_and_skipped_only_when_asked",
    "data.path": "test_a_path_that_is_missing",
    "data.reader": "test_the_reader_can_be_named",
    "data.root": "test_paths_relative_to_a_root_and_absolute_ones",
    "data.shuffle_buffer": "test_the_buffer_mixes_neighbors_evenly",
    "data.stream": "test_the_order_is_that_of_the_shards_and_not_that_of_a_whole_shuffle",
    "data.symmetric": "test_only_told_pairs_are_warned_of",
    "data.targets": "test_labels_have_columns_of_their_own",
    "data.time": "test_the_oldest_train_and_the_newest_test",
    "track.wandb.project": "test_wandb_holds_settings_figures_and_artifacts",
    "track.wandb.entity": "test_wandb_holds_settings_figures_and_artifacts",
    "track.wandb.mode": "test_wandb_holds_settings_figures_and_artifacts",
    "track.wandb.group": "test_wandb_holds_settings_figures_and_artifacts",
    "track.wandb.tags": "test_wandb_holds_settings_figures_and_artifacts",
    "track.mlflow.experiment": "test_mlflow_holds_settings_figures_and_artifacts",
    "track.mlflow.uri": "test_a_resumed_run_goes_on_in_the_same_place",
    "track.artifacts": "test_a_resumed_run_goes_on_in_the_same_place",
    "evaluation.groups": "test_groups_of_the_table_are_measured",
    "evaluation.metrics": "test_a_metric_of_ones_own_is_measured_and_a_missing_one_told_before_the_training",
    "model.drop_path": "test_drop_path_leaves_branches_out_while_training",
    "model.head.options": "test_a_users_own_head",
    "model.weights": "test_a_run_starts_from_another_one_and_keeps_the_rows_of_the_same_classes",
    "model.weights_classes": "test_names_may_lie_in_any_file",
    "model.weights_match": "test_an_order_that_is_asked_for_is_used_and_told",
    "model.weights_rules": "test_rules_rename",
    "model.weights_sha256": "test_nothing_is_kept_of_a_file_that_is_not_the_right_one",
    "task.name": "test_every_part_may_be_the_users_own",
    "task.threshold": "test_labels_are_judged_by_scikit_learns_jaccard_index_of_each_image",
    "task.units": "test_numbers_are_learnt_measured_and_told_in_their_units",
    "train.device": "test_a_misspelt_setting_is_told_with_what_was_meant",
    "train.layout": "test_auto_measures_and_says_what_it_found",
    "train.memory": "test_with_less_memory_the_batch_is_divided_and_the_step_stays_the_same",
    "train.threads": "test_threads_alone_are_measured_where_the_rest_is_set",
    "train.loss.delta": "test_every_loss_and_every_setting_of_it_learns_something_else",
    "train.accumulate": "test_an_accumulated_step_is_the_step_of_the_whole_batch",
    "train.compile": "test_a_compiled_training_has_the_names_and_the_weights_of_one_that_is_not",
    "train.deterministic": "test_a_cpu_refuses_to_be_quicker_and_less_exact",
    "train.distill.attention": "test_every_setting_of_it_changes_the_weights_and_resumes_exactly",
    "train.distill.sees": "test_every_setting_of_it_changes_the_weights_and_resumes_exactly",
    "train.distill.share": "test_every_setting_of_it_changes_the_weights_and_resumes_exactly",
    "train.distill.teacher": "test_every_setting_of_it_changes_the_weights_and_resumes_exactly",
    "train.distill.temperature": "test_every_setting_of_it_changes_the_weights_and_resumes_exactly",
    "train.distributed.devices": "test_layers_on_several_devices_give_the_weights_of_one",
    "train.distributed.kind": "test_ranks_in_any_arrangement_do_what_one_process_does",
    "train.distributed.shard": "test_ranks_in_any_arrangement_do_what_one_process_does",
    "train.non_finite.factor": "test_going_back_lowers_the_rate_and_leaves_no_trace_of_the_failed_steps",
    "train.non_finite.then": "test_going_back_lowers_the_rate_and_leaves_no_trace_of_the_failed_steps",
    "train.non_finite.times": "test_it_goes_back_so_often_and_no_more",
    "train.patience": "test_patience_ends_after_exactly_as_long_as_it_says",
    "watch.rules": "test_a_rule_of_ones_own_is_asked_while_training_and_later",
    "watch.probe": "test_a_probe_of_ones_own_gives_numbers_by_layer_and_name",
    "train.schedule.wait": "test_a_plateau_lowers_the_rate_when_torchs_would",
}
"""Settings with a test of their own: what it is called."""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Class folders of pictures that are wider than they are high."""
    root, random = tmp_path_factory.mktemp("every") / "pictures", np.random.default_rng(0)
    for code, (name, count) in enumerate({"ant": 20, "bee": 12, "cat": 26}.items()):
        (root / name).mkdir(parents=True)
        for number in range(count):
            pixels = random.integers(0, 200, (12, 16, 3), dtype=np.uint8)
            pixels[:, :, code] += 30
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def fingerprints(pictures, tmp_path_factory):
    """A function from settings to the fingerprint of the weights they give; the same settings are trained once."""
    known: dict[str, str] = {}

    def fingerprint(given):
        key = repr(sorted(given.items(), key=str))
        if key not in known:
            run = tmp_path_factory.mktemp("run") / "run"
            known[key] = train_small(pictures, run, **BRIEF | given).weights_sha256
        return known[key]

    return fingerprint


@pytest.mark.parametrize("key", CHANGES)
def test_it_changes_the_weights(fingerprints, key):
    value, beside = CHANGES[key]
    assert fingerprints(beside | {key: value}) != fingerprints(beside)


@pytest.mark.parametrize("key", SAME)
def test_it_does_not_change_the_weights(fingerprints, key):
    value, beside = SAME[key]
    assert fingerprints(beside | {key: value}) == fingerprints(beside)


def test_every_setting_is_one_or_the_other_or_has_a_test_of_its_own():
    settings = set(all_settings())
    named = [*CHANGES, *SAME, *ELSEWHERE]
    assert len(named) == len(set(named))
    assert set(named) - settings == set()
    assert settings - set(named) == set()


def test_the_tests_of_the_others_exist():
    texts = "\n".join(path.read_text(encoding="utf-8") for path in Path(__file__).parents[1].rglob("test_*.py"))
    known = set(re.findall(r"^def (test_\w+)", texts, re.MULTILINE))
    missing = {key: name for key, name in ELSEWHERE.items() if name not in known}
    assert missing == {}
