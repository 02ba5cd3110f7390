"""Train a run from the beginning, or go on with one that was interrupted."""

import contextlib
import dataclasses
import datetime
import os
import shutil
import signal
import threading
from pathlib import Path
from typing import Any

import torch

from sightline import distributed, plug
from sightline.config import RunConfig
from sightline.config_file import dump, load_resolved, resolve
from sightline.data.read import located
from sightline.errors import CheckpointError, RunError, SightlineError, TrainingError
from sightline.model.weights_fetch import is_address
from sightline.run import Run, next_run_folder
from sightline.training.checkpoint import Checkpoints, weights_sha256
from sightline.training.job import restore
from sightline.training.loop import train
from sightline.training.memory import keep_freed_memory
from sightline.training.usage import start_counting, usage_of
from sightline.workflow import environment
from sightline.workflow.feed import Feed
from sightline.workflow.job import make_job, sinks_of
from sightline.workflow.prepare import Prepared, prepare, reopen
from sightline.workflow.say import Say
from sightline.workflow.wishes import Settings, wished


@dataclasses.dataclass(frozen=True)
class Trained:
    """How a training ended."""

    run: Run
    """The run folder."""
    weights_sha256: str
    """Fingerprint of the weights after the last step."""
    step: int
    """Optimizer steps done."""
    ended: str
    """``finished``; ``patience``: the validation score stopped improving; ``SIGINT`` or ``SIGTERM``: interrupted."""

    @property
    def interrupted(self) -> bool:
        """Whether a signal ended it before its time."""
        return self.ended.startswith("SIG")


def train_run(
    data: str | Path | None,
    *,
    config: Path | None = None,
    settings: Settings | None = None,
    run: Path | None = None,
    say: Say | None = None,
) -> Trained:
    """Train a model on a data set.

    Args:
        data: folder, archive, CSV or idx folder; may also stand in the settings as ``data.path``.
        config: YAML file.
        settings: values by dotted path, or ``key=value`` words; they go over the file.
        run: folder for the run; where missing, the next free one under ``runs/``.
        say: where notes go.

    Raises:
        SightlineError: anything that keeps it from training. A run that never took a step leaves no folder behind.
    """
    say = _speaker(say)
    loaded = wished(data, config, settings, "train")
    settled = _with_absolute_paths(loaded.config)
    meet(settled)
    name = Path(settled.data.path).name.split(".")[0]
    folder = distributed.from_main((run or next_run_folder(Path("runs"), name)) if distributed.is_main() else None)
    with contextlib.ExitStack() as stack:
        here = Run(folder)
        if distributed.is_main():
            here = Run.create(folder)
            stack.enter_context(here.locked())
        try:
            if distributed.is_main():
                # The settings come last: a folder that has them is a run, and one that was killed before is none.
                here.note(state="created", origins=loaded.origins, **_provenance(config))
                dump(settled, loaded.origins, here.config)
            return _fit(here, say, None)
        except TrainingError:
            raise
        except SightlineError:
            if distributed.is_main() and not here.read_records() and not Checkpoints(here.checkpoints).entries():
                _sweep(here)
            raise


def resume_run(run: Path, *, start_from: str | None = None, say: Say | None = None) -> Trained:
    """Go on with a run as if it had never stopped.

    Args:
        run: the run folder.
        start_from: name of a checkpoint file to go back to; where missing, the last one.
        say: where notes go.

    Raises:
        RunError: there is no run, or it is in use, or it is a soup of runs.
        CheckpointError: the checkpoint is damaged; names the previous good one.
        ChangedDataError: images are no longer what they were.
    """
    say = _speaker(say)
    here = Run.open(run)
    if "soup" in here.info():
        raise RunError(f"{run} is a soup of runs: there is no training to go on with", hint=f"sightline evaluate {run}")
    meet(load_resolved(here.config))
    for folder in here.info().get("plugs", []):
        plug.search_in(Path(folder))
    with contextlib.ExitStack() as stack:
        if distributed.is_main():
            stack.enter_context(here.locked())
        return _fit(here, say, start_from)


def _with_absolute_paths(config: RunConfig) -> RunConfig:
    """The run must find its data and weights from any folder it is resumed in."""
    paths = {"data.path": config.data.path, "data.root": config.data.root, "data.exclude": config.data.exclude}
    if config.data.cache not in ("auto", "on", "off"):
        paths["data.cache"] = config.data.cache
    if config.model.weights not in ("auto", "none", "hub") and not is_address(config.model.weights):
        paths["model.weights"] = config.model.weights
    paths["train.distill.teacher"] = config.train.distill.teacher
    if isinstance(config.model.weights_rules, str):
        paths["model.weights_rules"] = config.model.weights_rules
    paths["model.weights_classes"] = config.model.weights_classes
    return resolve(config, {key: str(located(path)) for key, path in paths.items() if path})


def _fit(run: Run, say: Say, start_from: str | None) -> Trained:
    prepared = _prepared(run, say)
    content = _checkpoint(run, start_from, say)
    feed, sinks = Feed(prepared), contextlib.ExitStack()
    job = make_job(prepared, run, feed)
    job.tell = say.note
    if content is not None:
        restore(job, content)
    if job.state.step < job.plan.steps and not job.state.enough:
        feed.open(say)
    begun = job.state.step
    start_counting(job.plan.device)
    with _Stop() as stop, sinks:
        outputs = sinks_of(job, run, prepared.config, say, content["records"] if content else 0, sinks)
        patience = job.plan.patience
        for record in () if job.state.enough else train(job, stop):
            for output in outputs:
                output.write(record)
            if record.kind == "eval" and patience and job.state.step - (job.state.best_step or 0) >= patience:
                job.state.enough = True
                stop.because("patience")
    whole = "finished" if job.state.step >= job.plan.steps else stop.reason or "finished"
    ended = "patience" if job.state.enough else whole
    digest = weights_sha256(job.built.module.state_dict())
    if distributed.is_main():
        if job.state.step > begun:
            usage = usage_of(job)
            say.note(usage.told())
            run.note(memory=dataclasses.asdict(usage))
        _conclude(run, digest, job.state.step, ended)
    return Trained(run, digest, job.state.step, ended)


def _prepared(run: Run, say: Say) -> Prepared:
    """Rank 0 prepares; the others then read what it wrote."""
    fresh: Prepared | None = None
    if distributed.is_main() and run.info().get("state") == "created":
        fresh = prepare(run, load_resolved(run.config), run.info().get("origins", {}), say)
    distributed.from_main(None)
    return fresh or reopen(run, load_resolved(run.config), say, begun=bool(Checkpoints(run.checkpoints).entries()))


def _checkpoint(run: Run, start_from: str | None, say: Say) -> dict[str, Any] | None:
    """The checkpoint to go on from, on every rank; ``None`` before the first one."""
    checkpoints = Checkpoints(run.checkpoints)
    entries = checkpoints.entries()
    if not entries:
        return None
    entry = checkpoints.named("last")
    if start_from is not None:
        named = [one for one in entries if one.file == Path(start_from).name]
        if not named:
            raise RunError(
                f"no checkpoint '{start_from}'", where=str(run.checkpoints), allowed=[e.file for e in entries]
            )
        entry = named[0]
    content = checkpoints.load(entry)
    distributed.from_main(None)
    if distributed.is_main() and start_from is not None:
        checkpoints.rewind(entry, content["state"]["best_step"])
        run.note(state="prepared")
    say.note(f"going on from step {entry.step} ({entry.file})")
    return content


def _conclude(run: Run, digest: str, step: int, ended: str) -> None:
    from sightline.evaluation.plots import draw_curves  # noqa: PLC0415  matplotlib is slow to import

    draw_curves(run.read_records(), run.plots)
    run.note(
        state="interrupted" if ended.startswith("SIG") else "done",
        ended=ended,
        finished=_now(),
        steps_done=step,
        weights_sha256=digest,
        best_weights_sha256=_best(run),
    )


def _best(run: Run) -> str | None:
    """Fingerprint of the weights that are evaluated and exported; ``None`` before the first evaluation."""
    checkpoints = Checkpoints(run.checkpoints)
    with contextlib.suppress(CheckpointError):
        content = checkpoints.load(checkpoints.named("best"))
        return weights_sha256(content["ema"] or content["model"])
    return None


def _sweep(run: Run) -> None:
    """Remove what a run wrote that never took a step, so that the same command can be given again."""
    shutil.rmtree(run.tensorboard, ignore_errors=True)
    for path in (run.config, run.info_file, run.split, run.contract, run.records, run.folder / ".lock"):
        path.unlink(missing_ok=True)
    for folder in (run.checkpoints, run.folder):
        with contextlib.suppress(OSError):
            folder.rmdir()


def _provenance(config: Path | None) -> dict[str, Any]:
    plugs = [str(Path.cwd()), *([str(config.parent.resolve())] if config else [])]
    return {
        "command": environment.command(),
        "versions": environment.versions(),
        "machine": environment.machine(),
        "started": _now(),
        "plugs": plugs,
    }


def meet(config: RunConfig) -> None:
    """Make the process ready to train on its device, and meet the other ranks."""
    keep_freed_memory()
    name, found = config.train.device, "cuda" if torch.cuda.is_available() else "cpu"
    device = environment.usable_device(found if name == "auto" else name)
    environment.compute_exactly(device, config.train.deterministic)
    distributed.start(device)


def _speaker(say: Say | None) -> Say:
    return (say or Say(quiet=True)) if distributed.is_main() else Say(quiet=True)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


class _Stop:
    """Set by Ctrl-C, SIGTERM or a consumer of records; the loop asks it after each step."""

    def __init__(self) -> None:
        self.reason = ""
        self.before: dict[int, Any] = {}

    def __call__(self) -> bool:
        return bool(self.reason)

    def because(self, reason: str) -> None:
        self.reason = self.reason or reason

    def __enter__(self) -> "_Stop":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self.before[number] = signal.signal(number, self._signalled)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _signalled(self, number: int, _: object) -> None:
        if self.reason:  # asked twice: do not wait for the step
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.reason = signal.Signals(number).name
