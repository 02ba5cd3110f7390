"""What does not learn, until when, and how it is let go."""

import bisect
import dataclasses

from sightline.errors import ConfigError, ModelError
from sightline.model.build import Built
from sightline.model.freeze import backbone_of
from sightline.model.stages import Stage, matching, stages_of
from sightline.training.config import TrainConfig
from sightline.training.schedules import Clock

_NOTHING = frozenset[str]()


@dataclasses.dataclass(frozen=True)
class Freezing:
    """The parameters that do not learn, as a function of the step."""

    changes: tuple[int, ...] = ()
    """Steps from which on less is frozen than before, in order."""
    parts: tuple[frozenset[str], ...] = (_NOTHING,)
    """What is frozen before the first change, before the second, …, and after the last."""

    def at(self, step: int) -> frozenset[str]:
        """Names of the parameters that do not learn in a step: the same object until they change."""
        return self.parts[bisect.bisect_right(self.changes, step)]


def make_freezing(built: Built, config: TrainConfig, clock: Clock) -> Freezing:
    """What the settings freeze: all of it for ``train.freeze``, then nothing, or a stage less each time.

    Args:
        built: the network.
        config: says what, for how long, and whether it is let go stage by stage (Howard and Ruder 2018).
        clock: lengths in steps.

    Raises:
        ConfigError: a pattern matches nothing, there are not so many stages, nothing is left to train, or a stage of
            those that are let go one by one would never be.
        ModelError: the backbone shall be frozen, and the head is not known.
    """
    if float(config.freeze.rstrip("epst%")) == 0:
        return Freezing()
    until = clock.steps(config.freeze, "train.freeze")
    frozen = named_frozen(built, config)
    if not frozen:
        raise ConfigError("nothing is named to be frozen", where="train.freezing.what", hint="name it, or backbone")
    if len(frozen) == sum(1 for _ in built.module.named_parameters()):
        raise ConfigError(
            "nothing would be left to train", where="train.freezing.what", got=_told(config.freezing.what),
            hint="freeze less of it",
        )  # fmt: skip
    if until >= clock.total:
        if config.freezing.gradual is not None:
            raise ConfigError(
                "nothing is let go before the run ends, and so not stage by stage", where="train.freezing.gradual",
                got=f"{config.freeze} of {clock.total} steps", hint="remove it, or make train.freeze shorter",
            )  # fmt: skip
        return Freezing(parts=(frozen,))
    if config.freezing.gradual is None:
        return Freezing((until,), (frozen, _NOTHING))
    return _gradual(built, frozen, until, clock.steps(config.freezing.gradual, "train.freezing.gradual"), clock.total)


def _gradual(built: Built, frozen: frozenset[str], until: int, every: int, total: int) -> Freezing:
    """From the head down, one more stage each time."""
    stages = [stage.parameters & frozen for stage in stages_of(built)]
    stages = [stage for stage in stages if stage]
    if len(stages) < 2:
        raise ConfigError(
            "a single stage cannot be let go stage by stage", where="train.freezing.gradual",
            got=_listed(stages_of(built)), hint="remove it, or freeze more",
        )  # fmt: skip
    changes = tuple(until + every * place for place in range(len(stages)))
    if changes[-1] >= total:
        late = sum(change >= total for change in changes)
        raise ConfigError(
            f"{late} of {len(stages)} frozen stages would never be let go", where="train.freezing.gradual",
            got=f"the first at step {until}, one more each {every} steps, of {total} steps",
            hint="make it or train.freeze shorter, or train longer",
        )  # fmt: skip
    parts = [frozen]
    for stage in reversed(stages):
        parts.append(parts[-1] - stage)
    return Freezing(changes, tuple(parts))


def named_frozen(built: Built, config: TrainConfig) -> frozenset[str]:
    """Names of the parameters that ``train.freezing.what`` names.

    Raises:
        ConfigError: a pattern matches nothing, or there are not so many stages.
        ModelError: the backbone is named, and the head is not known.
    """
    what = config.freezing.what
    if what == "backbone":
        if not built.head:
            raise ModelError(
                "the head of this model is not known, so nothing would be left to train", where="train.freeze",
                got=config.freeze, hint="say what to freeze with train.freezing.what, remove train.freeze, "
                "or end the model with a torch.nn.Linear with one output a class",
            )  # fmt: skip
        return backbone_of(built)
    if isinstance(what, tuple):
        return frozenset().union(*(matching(built, pattern, "train.freezing.what") for pattern in what))
    end, _, count = what.partition(":")
    stages = stages_of(built)
    if int(count) >= len(stages):
        raise ConfigError(
            f"the model has {len(stages)} stages, the head among them, and one at least must learn",
            where="train.freezing.what", got=what, allowed=[f"{end}:1 to {end}:{len(stages) - 1}"],
            hint=f"its stages are {_listed(stages)}",
        )  # fmt: skip
    chosen = stages[: int(count)] if end == "first" else stages[-int(count) :]
    return frozenset().union(*(stage.parameters for stage in chosen))


def _listed(stages: list[Stage]) -> str:
    return "; ".join(stage.label for stage in stages)


def _told(what: str | tuple[str, ...]) -> str:
    return what if isinstance(what, str) else ", ".join(what)
