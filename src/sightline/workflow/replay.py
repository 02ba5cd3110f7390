"""Find the first step at which two runs part, and what differed first: batch, gradients or weights."""

import dataclasses
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sightline import distributed, plug
from sightline.config_file import flat, load_resolved
from sightline.errors import RunError
from sightline.run import Run
from sightline.training.digests import PARTS, Digests, differing, weights_apart
from sightline.training.loop import train
from sightline.workflow.feed import Feed
from sightline.workflow.job import make_job
from sightline.workflow.prepare import reopen
from sightline.workflow.say import Say
from sightline.workflow.train import meet

STEPS = 20
"""How many steps are trained again, where nobody says and the records hold no digests."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parting:
    """Where two runs part."""

    settings: dict[str, tuple[Any, Any]]
    """Settings, versions and facts of the machine that differ: the value of each run."""
    compared: int
    """Steps that were compared."""
    retrained: bool
    """Whether they were trained again; otherwise the digests of the records were compared."""
    step: int | None
    """The first step that differs; 0: the weights at the start; ``None``: none."""
    parts: tuple[str, ...] = ()
    """What differs in that step, of batch, gradients and weights: the first is what the others follow from."""
    tensors: tuple[str, ...] = ()
    """Names of the tensors of that first part that differ; known where the steps were trained again."""
    of: int = 0
    """How many such tensors there are."""
    unlike: dict[str, int] = dataclasses.field(default_factory=dict[str, int])
    """Runs whose own records tell of another loss than the same step trained again, and the first such step."""


@dataclasses.dataclass(frozen=True)
class _Trace:
    start: dict[str, str]
    steps: list[dict[str, dict[str, str]]]
    losses: list[float]


def replay_runs(run_a: Path, run_b: Path, *, steps: int | None = None, say: Say | None = None) -> Parting:
    """Compare two runs step by step.

    Runs that were trained with ``train.digests`` are compared by their records. Others, or where ``steps`` is given,
    are trained again from their beginnings for so many steps, in a folder that is removed; the runs stay as they are.

    Args:
        run_a: a run's folder.
        run_b: another one, or the same: then it is told whether it repeats itself.
        steps: how many steps to train again.
        say: where notes go.

    Raises:
        RunError: there is no run, it was never prepared, it is a soup of runs, or there are several ranks.
        ChangedDataError: images are no longer what they were.
    """
    say = say or Say(quiet=True)
    if distributed.world() > 1:
        raise RunError(
            "replay runs in one process", got=f"{distributed.world()} ranks", hint="start it without torchrun"
        )
    runs = [Run.open(run_a), Run.open(run_b)]
    for run in runs:
        run.require_training("to repeat")
        if not run.contract.exists():
            raise RunError(f"{run.folder} has not been trained", hint=f"sightline resume {run.folder}")
    settings = _differences(*runs)
    recorded = [_recorded(run) for run in runs]
    if steps is None and all(recorded):
        return _by_records(settings, *recorded)
    count = steps or STEPS
    say.note(f"training {count} steps of each again, in a folder that is removed")
    traces = [_retrained(run, count, say) for run in runs]
    unlike = {str(run.folder): at for run, trace in zip(runs, traces, strict=True) if (at := _unlike(run, trace))}
    return _by_traces(settings, unlike, *traces)


def _differences(one: Run, other: Run) -> dict[str, tuple[Any, Any]]:
    """Settings, versions, machine and data that are not the same."""
    found: list[dict[str, Any]] = []
    for run in (one, other):
        info = run.info()
        facts = {f"version of {name}": value for name, value in info.get("versions", {}).items()}
        facts |= {f"machine: {name}": value for name, value in info.get("machine", {}).items()}
        facts |= {"contract": info.get("contract"), "split": run.split.read_text(encoding="utf-8")}
        found.append(flat(load_resolved(run.config)) | facts)
    values = {name: (found[0].get(name), found[1].get(name)) for name in differing(*found)}
    return values | ({"split": (str(one.split), str(other.split))} if "split" in values else {})


def _recorded(run: Run) -> dict[int, dict[str, str]]:
    """Digests by step, as the records hold them."""
    steps = [record for record in run.read_records() if record["kind"] == "step" and "digest_weights" in record]
    return {record["step"]: {part: record[f"digest_{part}"] for part in PARTS} for record in steps}


def _by_records(
    settings: dict[str, tuple[Any, Any]], one: dict[int, dict[str, str]], other: dict[int, dict[str, str]]
) -> Parting:
    both = sorted(one.keys() & other.keys())
    for place, step in enumerate(both):
        if parts := differing(one[step], other[step]):
            return Parting(settings=settings, compared=place + 1, retrained=False, step=step, parts=tuple(parts))
    return Parting(settings=settings, compared=len(both), retrained=False, step=None)


def _retrained(run: Run, count: int, say: Say) -> _Trace:
    """The first steps of a run once more."""
    plug.search_in(*run.user_folders())
    with tempfile.TemporaryDirectory(prefix="sightline-replay-") as folder:
        copy = Run(Path(folder))
        for path in (run.config, run.info_file, run.split, run.contract):
            shutil.copy(path, copy.folder / path.name)
        config = load_resolved(copy.config)
        meet(config)
        prepared = reopen(copy, config, say, begun=False)
        feed = Feed(prepared)
        job = make_job(prepared, copy, feed)
        if job.plan.lowering is None:  # otherwise the rate follows from the evaluations
            job.evaluate = None
        job.plan = dataclasses.replace(job.plan, save=job.plan.steps + 1)
        job.digests = digests = Digests(apart=True)
        feed.open(say)
        start, losses = weights_apart(job.built.module), list[float]()
        with say.progress(run.folder.name) as progress:
            for record in train(job, lambda: job.state.step >= count):
                if record.kind == "step":
                    losses.append(float(record.values["loss"]))
                    if progress is not None:
                        progress(record.step, count)
    return _Trace(start, digests.steps, losses)


def _unlike(run: Run, trace: _Trace) -> int | None:
    """The first step whose loss is not the one that the run recorded."""
    recorded = {record["step"]: record["loss"] for record in run.read_records() if record["kind"] == "step"}
    steps = enumerate(trace.losses, start=1)
    return next((step for step, loss in steps if recorded.get(step, loss) != loss), None)


def _by_traces(settings: dict[str, tuple[Any, Any]], unlike: dict[str, int], one: _Trace, other: _Trace) -> Parting:
    compared = min(len(one.steps), len(other.steps))

    def parting(step: int | None, parts: Iterable[str] = (), names: Iterable[str] = (), of: int = 0) -> Parting:
        return Parting(
            settings=settings, unlike=unlike, compared=compared, retrained=True, step=step, parts=tuple(parts),
            tensors=tuple(names), of=of,
        )  # fmt: skip

    if names := differing(one.start, other.start):
        return parting(0, ["weights"], names, len(one.start | other.start))
    for place, (ours, theirs) in enumerate(zip(one.steps, other.steps, strict=False)):
        if parts := [part for part in PARTS if ours[part] != theirs[part]]:
            first = parts[0]
            names = differing(ours[first], theirs[first])
            # A backward pass begins at the output, and so does what goes wrong in it.
            return parting(place + 1, parts, names[::-1] if first == "gradients" else names, len(ours[first]))
    return parting(None)
