"""Rules about classes of unequal size, and what the other rules make of a training that weighs them."""

from typing import Any

import numpy as np
import pytest

import sick_cases as sick
from sightline.diagnosis.case import Case
from sightline.diagnosis.diagnose import RULES, diagnose
from sightline.diagnosis.rules.fit import CHANCE

COUNTS, ALIKE = (400, 400, 400, 40), (1.0, 1.0, 1.0, 1.0)
FEW = (760, 40, 40, 40)


def speaks(rule: str, case: Case) -> bool:
    finding = RULES[rule](case)
    assert finding is None or finding.rule == rule
    return finding is not None


def recalls(rare: float, settings: dict[str, Any] | None = None, **facts: Any) -> Case:
    true = np.array([100, 100, 100, 30])
    case = sick.healthy(settings, **{"counts": COUNTS} | facts)
    return sick.with_evals(case, true=true, hits=true * [0.9, 0.9, 0.9, rare])


def settings_of(case: Case) -> tuple[str, ...]:
    finding = RULES["imbalance"](case)
    assert finding is not None
    return finding.settings


def test_rare_classes_that_are_recognized_less_often():
    assert speaks("imbalance", recalls(0.4)) and not speaks("imbalance", recalls(0.75))
    assert not speaks("imbalance", recalls(0.4, counts=(400, 400, 400, 140)))  # a third is not rare
    assert settings_of(recalls(0.4)) == ("data.sampler=classes",)


def test_classes_that_are_drawn_alike_have_too_few_images_and_no_imbalance():
    drawn = recalls(0.4, seen=ALIKE)
    assert not speaks("imbalance", drawn) and speaks("few_images", drawn)
    assert not speaks("few_images", recalls(0.4)) and not speaks("few_images", recalls(0.75, seen=ALIKE))
    finding = RULES["few_images"](drawn)
    assert finding is not None and finding.severity == "note" and not finding.settings


def test_weights_that_are_too_weak_are_still_an_imbalance():
    given = frozenset({"train.loss.class_weights"})
    weak = {"train.loss.class_weights": {"dog": 2.0}}
    case = recalls(0.4, weak, seen=(400, 400, 400, 80), given=given)
    assert settings_of(case) == ("train.loss.class_weights=none", "data.sampler=classes")
    assert settings_of(recalls(0.4, {"data.stream": True})) == ("train.loss.class_weights=inverse",)
    assert settings_of(recalls(0.4, seen=())) == ()  # a sampler of one's own: nobody knows


def balanced(recall: float, loss: float, **facts: Any) -> Case:
    """Most images are of one class; each class is recognized as often as the others."""
    true = np.array([360, 14, 13, 13])
    case = sick.with_steps(sick.healthy(**{"counts": FEW} | facts), loss=loss, score=recall)
    return sick.with_evals(case, true=true, hits=true * recall, predicted=true, score=recall, seen_score=recall)


def test_the_loss_of_guessing_is_that_of_the_classes_as_they_are_seen():
    assert sick.healthy(counts=FEW, seen=ALIKE).chance_loss == pytest.approx(np.log(4))
    assert sick.healthy(counts=FEW).chance_loss < 0.6
    assert np.isnan(sick.healthy(counts=FEW, seen=()).chance_loss)
    assert np.isnan(sick.healthy({"train.distill.teacher": "runs/large"}).chance_loss)


def test_a_training_that_draws_the_classes_alike_is_not_held_against_the_largest_class():
    loss = 0.8  # more than guessing costs on the classes as they are, and far less than it costs on the drawn ones
    assert diagnose(balanced(0.88, loss, seen=ALIKE)) == []
    assert speaks("not_learning", balanced(0.88, loss)) and speaks("below_baseline", balanced(0.88, loss))
    guessing = balanced(0.25, CHANCE * np.log(4) + 0.03, seen=ALIKE)
    assert speaks("not_learning", guessing) and speaks("below_baseline", guessing)


def test_a_class_may_be_never_the_answer_of_a_training_that_draws_alike():
    case = sick.with_evals(balanced(0.88, 0.5, seen=ALIKE), predicted=[374, 13, 13, 0])
    assert speaks("never_predicted", case)


def test_what_is_drawn_more_often_than_it_is_judged_says_nothing_about_preprocessing():
    case = sick.with_evals(sick.with_steps(sick.healthy({"data.sampler": "classes"}), score=0.95), seen_score=0.6)
    assert not speaks("preprocessing", case)
