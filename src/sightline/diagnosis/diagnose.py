"""Every rule over a training, at its end or while it goes on."""

from collections.abc import Mapping, Sequence
from typing import Any

from sightline import plug
from sightline.diagnosis.case import Case, Rule
from sightline.diagnosis.rules.classes import CLASSES
from sightline.diagnosis.rules.cost import COST
from sightline.diagnosis.rules.fit import FIT
from sightline.diagnosis.rules.layers import LAYERS
from sightline.diagnosis.rules.parts import PARTS
from sightline.diagnosis.rules.rate import RATE
from sightline.errors import PlugError
from sightline.findings import Finding

RULES: dict[str, Rule] = {**FIT, **RATE, **LAYERS, **CLASSES, **PARTS, **COST}
"""Every rule, by the name that its findings carry."""
_DEEPER = (
    *("lr_high", "lr_low", "non_finite", "exploding_gradients", "vanishing_gradients", "dead_relus", "saturated"),
    *("always_clipped", "frozen", "preprocessing", "batch_norm", "long_warmup"),
)
BASELESS: dict[str, tuple[str, ...]] = {
    "label_noise": ("not_learning", "class_collapse", "below_baseline", *_DEEPER),
}
"""What is not so where one of these is: a network that knows nothing disbelieves any label. It explains nothing
either."""
EXPLAINED: dict[str, tuple[str, ...]] = {
    "not_learning": _DEEPER,
    "class_collapse": _DEEPER,
    "underfitting": ("not_learning", "class_collapse", "label_noise", "eager_stop", *_DEEPER),
    "never_predicted": ("not_learning", "class_collapse", "underfitting", *_DEEPER),
    "few_images": ("not_learning", "class_collapse", "underfitting", *_DEEPER),
    "below_baseline": ("not_learning", "class_collapse", "underfitting", *_DEEPER),
    "plateau": ("not_learning", "class_collapse"),
    "lr_low": ("dead_relus", "vanishing_gradients", "saturated", "frozen"),
    "exploding_gradients": ("frozen",),
    "noisy_metric": ("underfitting", "not_learning", "class_collapse", "below_baseline", *_DEEPER),
    "easier_validation": ("preprocessing", "batch_norm"),
}
"""What is not said where one of these is: they name the cause, and its remedy is another one."""
SEVERITIES = ("error", "warning", "note")
AGAIN = 1.05
"""A training that is under way is looked at again when it has so many times the steps: a million steps, evaluated at
each, are then looked at some 280 times, and all looks together read about 20 columns of its length."""


def diagnose(case: Case, rules: Mapping[str, Rule] = RULES) -> list[Finding]:
    """What the rules find, the worst first, else in the order of the rules; without what others explain.

    Raises:
        PlugError: a rule of the user's own failed or gave something else than a finding.
    """
    told = {name: finding for name, rule in rules.items() if (finding := _asked(name, rule, case)) is not None}
    told = _without(told, BASELESS)
    kept = _without(told, EXPLAINED).values()
    return sorted(kept, key=lambda finding: SEVERITIES.index(finding.severity))


def _without(told: Mapping[str, Finding], reasons: Mapping[str, tuple[str, ...]]) -> dict[str, Finding]:
    """The findings but for those of which a reason was found, too."""
    return {name: finding for name, finding in told.items() if not told.keys() & set(reasons.get(name, ()))}


def _asked(name: str, rule: Rule, case: Case) -> Finding | None:
    if name in RULES:
        return rule(case)
    try:
        finding: Any = rule(case)  # a user may have written anything
    except Exception as error:
        raise PlugError(
            f"the rule {name} failed", where="rule", got=f"{type(error).__name__}: {error}",
            hint="sightline.testing.check_rule tells what a rule must stand",
        ) from error  # fmt: skip
    if finding is None or isinstance(finding, Finding):
        return finding
    raise PlugError(f"the rule {name} must give a Finding or None", where="rule", got=type(finding).__name__)


def rules_with(own: Sequence[str]) -> dict[str, Rule]:
    """The built-in rules and the user's own, each ``my_rules.py:rule``.

    Raises:
        PlugError: there is no such rule.
    """
    return RULES | {name: plug.resolve("rule", name, {}, "watch.rules") for name in own}


def due(done: int, last: int) -> bool:
    """Whether a training with so many steps is looked at again, after a look when it had ``last``."""
    return done >= AGAIN * last
