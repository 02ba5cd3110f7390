"""Rules about fit, rate and classes: each where it speaks and where it just does not."""

import graphlib

import numpy as np
import pytest

import sick_cases as sick
from sightline.diagnosis.case import Case
from sightline.diagnosis.diagnose import BASELESS, EXPLAINED, RULES, diagnose
from sightline.diagnosis.rules.classes import COLLAPSED, ENOUGH
from sightline.diagnosis.rules.fit import CHANCE, FEW, UNFIT
from sightline.diagnosis.rules.parts import DOUBTFUL, EASIER, MANY_COPIES, TINY, WIDE, WORSE
from sightline.diagnosis.rules.rate import FAST_RATIO, SLOW_MOVE

GUESSING = float(np.log(4))


def speaks(rule: str, case: Case) -> bool:
    finding = RULES[rule](case)
    assert finding is None or finding.rule == rule
    return finding is not None


def rising(to: float, seen: float = 0.05) -> Case:
    """Validation loss falls to 0.5 and then rises."""
    loss = np.concatenate([np.linspace(1.2, 0.5, 10), np.linspace(0.5, to, 7), [to] * 3])
    return sick.with_evals(sick.healthy(), loss=loss, loss_sd=0.4, seen_loss=seen)


def test_a_healthy_training_hears_nothing():
    assert diagnose(sick.healthy()) == []


def test_findings_that_explain_one_another_do_not_all_fall_silent():
    guessing = sick.with_steps(sick.healthy(doubted=500, doubtful=60), score=0.3)
    case = sick.with_evals(guessing, seen_score=0.3, score=0.3, true=[200, 100, 60, 40])
    assert all(speaks(rule, case) for rule in ("label_noise", "below_baseline", "underfitting"))
    assert [finding.rule for finding in diagnose(case)] == ["underfitting"]


def test_whatever_is_found_something_is_said():
    graphlib.TopologicalSorter({name: set(reasons) for name, reasons in EXPLAINED.items()}).prepare()
    assert not set(BASELESS) & set(EXPLAINED)


@pytest.mark.parametrize("step", [20, 60, 100, 240, 400])
def test_a_healthy_training_hears_nothing_on_its_way(step: int):
    assert diagnose(sick.under_way(sick.healthy(), step)) == []


def test_a_rise_of_the_validation_loss_beyond_a_tenth_is_overfitting():
    assert speaks("overfitting", rising(0.58)) and not speaks("overfitting", rising(0.545))


def test_a_rise_within_the_noise_is_not_overfitting():
    noisy = sick.with_evals(rising(0.58), loss_sd=4.0)  # 0.2 is the error of the mean of 400
    assert not speaks("overfitting", noisy)


def test_a_rise_that_training_images_share_is_not_overfitting():
    assert not speaks("overfitting", rising(0.58, seen=0.57))


def test_overfitting_proposes_what_the_run_lacks():
    finding = RULES["overfitting"](rising(0.9))
    assert finding is not None and finding.settings == ("data.augment=standard", "train.patience=5ep")
    often = Case(history=rising(0.9).history, facts=sick.healthy(evaluate=7).facts)
    finding = RULES["overfitting"](often)
    assert finding is not None and finding.settings[-1] == "train.patience=35st"
    limited = sick.with_evals(
        sick.healthy({"data.limit": 100, "data.augment": "none"}), loss=rising(0.9).history.evals.loss, seen_loss=0.05
    )
    finding = RULES["overfitting"](limited)
    assert finding is not None and finding.settings[:2] == ("data.limit=none", "data.augment=light")


def test_images_that_were_learnt_from_and_are_wrong_are_underfitting():
    unfit = sick.with_evals(sick.healthy(), seen_score=0.7, score=0.7)
    assert speaks("underfitting", unfit)
    assert not speaks("underfitting", sick.under_way(unfit, 300))
    assert not speaks("underfitting", sick.with_evals(unfit, seen_score=UNFIT, score=UNFIT))
    assert not speaks("underfitting", sick.with_evals(unfit, score=0.4))  # what is missing there is not fit


def test_few_images_do_not_prove_underfitting():
    assert not speaks("underfitting", sick.with_evals(sick.healthy(), seen_score=0.7, score=0.7, seen_n=30))


def test_a_loss_of_guessing_is_not_learning():
    stuck = sick.with_evals(sick.with_steps(sick.healthy(), loss=GUESSING), score=0.25)
    assert speaks("not_learning", stuck)
    assert not speaks("not_learning", sick.with_steps(stuck, loss=0.99 * CHANCE * GUESSING))
    assert not speaks("not_learning", sick.with_evals(stuck, score=0.5))
    assert not speaks("not_learning", sick.under_way(stuck, 30))  # the warm-up and an epoch come first


def test_a_long_epoch_has_time_to_begin():
    losses = np.where(np.arange(sick.STEPS) < 150, GUESSING, 1.0)
    case = sick.with_evals(sick.with_steps(sick.healthy(per_epoch=4000, steps=4000), loss=losses), score=0.25)
    assert not speaks("not_learning", sick.under_way(case, 140))  # a twentieth of the run is 200 steps, after 20
    assert not speaks("not_learning", case)  # what it was before it began does not count
    stuck = sick.with_steps(case, loss=GUESSING)
    assert speaks("not_learning", stuck)


def test_guessing_smoothed_labels_costs_no_more_than_guessing():
    smooth = sick.healthy({"train.loss.label_smoothing": 0.1})
    assert smooth.chance_loss == pytest.approx(GUESSING)
    unequal = sick.healthy(counts=(600, 20, 10, 10))
    shares = np.array([600, 20, 10, 10]) / 640
    assert unequal.chance_loss == pytest.approx(-(shares * np.log(shares)).sum())
    assert np.isnan(sick.healthy({"train.loss.name": "hinge"}).chance_loss)


def flat(lr: float) -> Case:
    """No progress after a third of the run; the rate of the rest as a share of the peak."""
    rates = np.where(np.arange(sick.STEPS) < 150, 0.002, 0.002 * lr)
    loss = np.maximum(0.8, 1.4 - np.arange(sick.STEPS) / 150) + np.random.default_rng(0).normal(0, 0.01, sick.STEPS)
    return sick.with_evals(
        sick.with_steps(sick.healthy({"train.schedule.name": "constant"}), loss=loss, lr=rates), loss=0.8
    )


def test_nothing_gained_at_a_high_rate_is_a_plateau():
    assert speaks("plateau", flat(1.0)) and not speaks("plateau", flat(0.4))
    falling = sick.with_steps(flat(1.0), loss=np.linspace(1.4, 0.6, sick.STEPS))
    assert not speaks("plateau", falling)
    finding = RULES["plateau"](flat(1.0))
    assert finding is not None and finding.settings == ("train.schedule.name=cosine",)


def stopped(**facts: int) -> Case:
    case = sick.under_way(sick.healthy(), 100)
    return Case(history=case.history, facts=sick.healthy(ended="patience", **facts).facts)


def test_stopping_after_one_evaluation_while_it_learns_is_eager():
    assert speaks("eager_stop", stopped(patience=20))
    assert not speaks("eager_stop", stopped(patience=20 * FEW))
    worse = sick.with_evals(stopped(patience=20), loss=[1.0, 0.5, 0.5, 0.6, 0.9])
    assert not speaks("eager_stop", worse)


def test_steps_that_replace_the_weights_while_nothing_is_learnt_are_too_large():
    thrown = sick.with_looks(sick.with_steps(sick.healthy(), loss=1.3), "update_ratio", 1.2 * FAST_RATIO)
    assert speaks("lr_high", thrown)
    assert not speaks("lr_high", sick.with_looks(thrown, "update_ratio", 0.9 * FAST_RATIO))
    learning = sick.with_looks(sick.healthy(), "update_ratio", 1.2 * FAST_RATIO)
    assert not speaks("lr_high", learning)
    finding = RULES["lr_high"](thrown)
    assert finding is not None and finding.settings == ("train.lr=0.00017",)


def test_a_loss_that_goes_back_up_at_the_full_rate_is_too_high_a_rate():
    loss = np.concatenate([np.linspace(1.4, 0.7, 200), np.linspace(0.7, 1.3, 200)])
    back = sick.with_steps(sick.healthy(), loss=loss, lr=0.002)
    assert speaks("lr_high", back)
    assert not speaks("lr_high", sick.with_steps(sick.healthy(), loss=loss))  # at its end the rate is next to nothing


def test_layers_that_are_frozen_do_not_hide_a_rate_that_is_too_high():
    head = [np.nan] * 8 + [0.5]
    thrown = sick.with_looks(sick.with_steps(sick.healthy(), loss=1.3), "gradient_norm", head)
    ratios = [0.0 if kind in ("Conv2d", "Linear") else np.nan for kind in sick.KINDS]
    case = sick.with_looks(thrown, "update_ratio", [*ratios[:-1], 2 * FAST_RATIO])
    finding = RULES["lr_high"](case)
    assert finding is not None and finding.evidence["ratio"] == 2 * FAST_RATIO
    assert finding.settings == ("train.lr=0.0001",)


@pytest.mark.parametrize(("end", "severity"), [(1.3, "warning"), (2.0, "error")])
def test_a_loss_without_a_level_of_guessing_is_held_against_its_beginning(end: float, severity: str):
    loss = np.concatenate([np.linspace(1.4, 0.7, 200), np.linspace(0.7, end, 180), [end] * 20])
    finding = RULES["lr_high"](sick.with_steps(sick.healthy({"train.loss.name": "focal"}), loss=loss, lr=0.002))
    assert finding is not None and finding.severity == severity


def slow(ratio: float) -> Case:
    return sick.with_looks(sick.with_steps(sick.healthy(), loss=1.3, lr=0.002), "update_ratio", ratio)


def test_weights_that_cannot_move_far_in_the_whole_run_have_too_low_a_rate():
    assert speaks("lr_low", slow(0.9 * SLOW_MOVE / sick.STEPS)) and not speaks(
        "lr_low", slow(1.1 * SLOW_MOVE / sick.STEPS)
    )
    assert not speaks("lr_low", sick.with_looks(sick.healthy(), "update_ratio", 1e-5))  # it learns all the same
    pretrained = Case(history=slow(1e-5).history, facts=sick.healthy(pretrained=True).facts)
    assert not speaks("lr_low", pretrained)
    finding = RULES["lr_low"](slow(1e-4))
    assert finding is not None and finding.settings == ("train.lr=0.2",)


def test_a_warm_up_of_more_than_half_the_run():
    assert speaks("long_warmup", sick.healthy(warmup=201)) and not speaks("long_warmup", sick.healthy(warmup=200))
    assert not speaks("long_warmup", sick.healthy({"train.schedule.name": "one_cycle"}, warmup=300))


@pytest.mark.parametrize(("share", "told"), [(0.92, True), (0.88, False)])
def test_a_clip_that_always_acts(share: float, told: bool):
    norms = np.where(np.arange(sick.STEPS) < share * sick.STEPS, 20.0, 0.5)
    case = sick.with_steps(sick.healthy({"train.clip": 1.0}), grad_norm=norms)
    assert speaks("always_clipped", case) is told


@pytest.mark.parametrize(("share", "told"), [(COLLAPSED, True), (COLLAPSED - 0.01, False)])
def test_answers_that_are_all_one_class(share: float, told: bool):
    predicted = [400 * share, 400 * (1 - share), 0, 0]
    assert speaks("class_collapse", sick.with_evals(sick.healthy(), predicted=predicted)) is told


def test_answers_of_a_class_that_is_most_of_the_data_are_no_collapse():
    case = sick.with_evals(sick.healthy(), predicted=[390, 10, 0, 0], true=[340, 20, 20, 20])
    assert not speaks("class_collapse", case)


def test_a_class_that_is_never_the_answer():
    never = sick.with_evals(sick.healthy(), predicted=[200, 100, 100, 0], score=0.7)
    assert speaks("never_predicted", never)
    assert not speaks("never_predicted", sick.with_evals(never, predicted=[200, 100, 99, 1]))
    few = sick.with_evals(never, true=[200, 100, 101 - ENOUGH, ENOUGH - 1])
    assert not speaks("never_predicted", few)
    assert not speaks("never_predicted", sick.with_evals(never, score=0.25))  # nothing is told apart yet


def test_labels_that_are_confidently_disbelieved():
    assert speaks("label_noise", sick.healthy(doubted=500, doubtful=60))
    assert not speaks("label_noise", sick.healthy(doubted=500, doubtful=int(500 * DOUBTFUL)))
    assert not speaks("label_noise", sick.healthy(doubted=20, doubtful=3))


def test_copies_across_parts():
    finding = RULES["copies_across_parts"](sick.healthy(copies={"val": int(400 * MANY_COPIES)}))
    assert finding is not None and finding.severity == "warning"
    finding = RULES["copies_across_parts"](sick.healthy(copies={"val": 1}))
    assert finding is not None and finding.severity == "note"
    assert not speaks("copies_across_parts", sick.healthy(copies={}))


def test_validation_that_is_easier_than_training():
    case = sick.with_evals(sick.healthy(), loss=0.5, seen_loss=0.5 / (1 - EASIER) + 0.1)
    assert speaks("easier_validation", case)
    assert not speaks("easier_validation", sick.with_evals(case, seen_loss=0.5 / (1 - EASIER) - 0.01))
    assert not speaks("easier_validation", sick.with_evals(case, seen_n=10))


def test_training_images_that_validation_shows_otherwise():
    case = sick.with_evals(sick.with_steps(sick.healthy(), score=0.95), seen_score=0.6)
    assert speaks("preprocessing", case)
    assert not speaks("preprocessing", sick.with_evals(case, seen_score=0.95 - WORSE + 0.01))
    assert not speaks(
        "preprocessing", sick.with_steps(case, score=0.5)
    )  # augmentation makes it harder: as it should be


def normalizing(batch: int, seen: float) -> Case:
    case = sick.healthy({"train.batch_size": batch})
    case = sick.with_kinds(case, *sick.KINDS[:2], "BatchNorm2d", *sick.KINDS[3:])
    return sick.with_evals(sick.with_steps(case, score=0.95), seen_score=seen)


def test_batch_norm_with_tiny_batches():
    assert speaks("batch_norm", normalizing(TINY, 0.94)) and not speaks("batch_norm", normalizing(TINY + 1, 0.94))
    assert speaks("batch_norm", normalizing(8, 0.6)) and not speaks("preprocessing", normalizing(8, 0.6))
    assert not speaks("batch_norm", normalizing(32, 0.6)) and speaks("preprocessing", normalizing(32, 0.6))
    frozen = sick.with_looks(normalizing(TINY, 0.94), "gradient_norm", [np.nan] * 8 + [0.5])
    assert not speaks("batch_norm", frozen)  # its statistics stay what they were


@pytest.mark.parametrize(("images", "told"), [(60, True), (600, False)])
def test_validation_parts_that_tell_little(images: int, told: bool):
    assert WIDE == 0.05
    assert speaks("noisy_metric", sick.healthy(images={"train": 640, "val": images})) is told


def test_no_better_than_the_largest_class_or_the_baseline():
    assert speaks("below_baseline", sick.with_evals(sick.healthy(), score=0.25))
    assert not speaks("below_baseline", sick.with_evals(sick.healthy(), score=0.4))
    assert speaks("below_baseline", sick.with_evals(sick.healthy(baseline=0.6), score=0.5))
    assert not speaks("below_baseline", sick.with_evals(sick.healthy(baseline=0.6), score=0.57))
