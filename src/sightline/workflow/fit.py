"""From a prepared run, through its training, to its end."""

import contextlib
import dataclasses
import datetime
import itertools
from pathlib import Path
from typing import Any

from sightline import distributed
from sightline.config_file import load_resolved
from sightline.errors import NonFiniteError, OutOfMemoryError, RankError, RunError
from sightline.records import Record
from sightline.run import Run
from sightline.training.checkpoint import Checkpoints, Entry, weights_sha256
from sightline.training.job import Job, restore
from sightline.training.looking_back import explained
from sightline.training.loop import train
from sightline.training.parallel import whole_on_main
from sightline.training.rollback import roll_back
from sightline.training.shortage import is_out_of_memory
from sightline.training.usage import Usage, start_counting, usage_of
from sightline.workflow.consumers import sinks_of
from sightline.workflow.feed import Feed
from sightline.workflow.job import make_job
from sightline.workflow.live import conclude_diagnosis, failed
from sightline.workflow.prepare import Prepared, prepare, reopen
from sightline.workflow.say import Say
from sightline.workflow.stopping import Stop
from sightline.workflow.trained import best_weights, require_fit
from sightline.workflow.watching import watch


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


def fit(run: Run, say: Say, stop: Stop, start_from: str | None = None) -> Trained:
    """Prepare a run if it is new, go on from its last checkpoint if it has one, and train to the end.

    Raises:
        SightlineError: as ``train_run`` and ``resume_run`` say.
    """
    with distributed.lost_ranks_told():
        prepared = _prepared(run, say)
        content = _checkpoint(run, start_from, say)
        feed = Feed(prepared)
        job = make_job(prepared, run, feed)
        job.tell = say.note
        if content is not None:
            require_fit(run, prepared.config, job.built.module, content["model"], f"step {content['state']['step']}")
            restore(job, content)
        if job.state.step < job.plan.steps and not job.state.enough:
            with distributed.together("opening the data"):
                if distributed.is_main():
                    run.note(weights_sha256=None, best_weights_sha256=None)  # a kill would leave those of the last end
                feed.open(say)
        watch(job, prepared.config, say)
        begun = job.state.step
        start_counting(job.plan.device)
        stop.training()
        position = content["records"] if content else 0
        told: Record | None = None
        while not _trained(job, run, feed, say, stop, position, told):
            position, told = _back(job, run, say)
        reason = stop.shared()
        whole_run = "finished" if job.state.step >= job.plan.steps else reason or "finished"
        ended = "patience" if job.state.enough else whole_run
        state = whole_on_main(job.built.module.state_dict())
        digest = distributed.from_main(weights_sha256(state) if distributed.is_main() else None)
        if distributed.is_main():
            _conclude(run, job, digest, ended, usage_of(job) if job.state.step > begun else None, say)
    return Trained(run, digest, job.state.step, ended)


def _trained(job: Job, run: Run, feed: Feed, say: Say, stop: Stop, position: int, first: Record | None) -> bool:
    """Run the loop to its end; whether it came there, and not to a number that is none.

    Args:
        job: is changed in place.
        run: where the records go.
        feed: gives images to those that show some.
        say: where the progress goes.
        stop: what the loop asks.
        position: bytes of the records that count.
        first: what the records tell before the next step.
    """
    with contextlib.ExitStack() as sinks:
        outputs = sinks_of(job, run, feed, say, position, sinks)
        patience = job.plan.patience
        try:
            records = () if job.state.enough else train(job, stop)
            for record in itertools.chain([] if first is None else [first], records):
                for output in outputs:
                    output.write(record)
                if record.kind == "eval" and patience and job.state.step - (job.state.best_step or 0) >= patience:
                    job.state.enough = True
                    stop.because("patience")
        except NonFiniteError as error:
            job.failure = error.with_traceback(None)  # it would hold the loop, its workers and its batches
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise OutOfMemoryError(
                f"memory ran out after step {job.state.step}, in the optimizer, an evaluation or a checkpoint",
                where=str(run.folder), got=str(error).strip().split("\n")[0],
                hint="sightline resume goes on from the last checkpoint where there is more memory; or train with a "
                "smaller network, evaluation.batch_size or train.batch_size",
            ) from error  # fmt: skip
        else:
            return True
    job.failure = explained(job, job.failure)
    return False


def _back(job: Job, run: Run, say: Say) -> tuple[int, Record]:
    """Put the job back to the last good checkpoint at a lower rate.

    Returns:
        The position of the records there, and the one that tells of it.

    Raises:
        NonFiniteError: the settings say to stop, or it went back often enough.
    """
    try:
        content = roll_back(job)
    except NonFiniteError as error:
        if distributed.is_main():
            failed(run, error, say)
        raise
    told = job.state.rollbacks[-1]
    text = f"warning: {told['reason']}; back to step {told['to']}, on from there at {told['rate']:.3g} of the rate"
    if distributed.is_main():
        run.note(rollbacks=job.state.rollbacks)
    epoch = job.state.step / job.plan.per_epoch
    return content["records"], Record(kind="note", step=job.state.step, epoch=epoch, values={"text": text, **told})


def _prepared(run: Run, say: Say) -> Prepared:
    """Rank 0 prepares; the others wait for as long as it takes, then read what it wrote."""
    fresh: Prepared | None = None
    with distributed.together("preparing the data"):
        if distributed.is_main() and run.info().get("state") == "created":
            fresh = prepare(run, load_resolved(run.config), run.info().get("origins", {}), say)
    _require_shared(run)
    return fresh or reopen(run, load_resolved(run.config), say, begun=bool(Checkpoints(run.checkpoints).entries()))


def _require_shared(run: Run) -> None:
    """Every rank must see the run's folder.

    Raises:
        RunError: names the ranks that do not.
    """
    blind = [rank for rank, sees in enumerate(distributed.gathered(run.contract.is_file())) if not sees]
    if blind:
        raise RunError(
            "not every process sees the run folder", where=str(run.folder), got=f"nothing there on ranks {blind}",
            hint="give a folder that all machines share, by a path that is the same on all",
        )  # fmt: skip


def _checkpoint(run: Run, start_from: str | None, say: Say) -> dict[str, Any] | None:
    """The checkpoint to go on from, on every rank; ``None`` before the first one."""
    checkpoints = Checkpoints(run.checkpoints)
    if not checkpoints.entries():
        if start_from is not None:
            raise RunError(
                f"no checkpoint '{start_from}': there is none yet", where=str(checkpoints.folder),
                hint=f"sightline resume {run.folder} begins at the first step",
            )  # fmt: skip
        return None
    entry: Entry | None = None
    with distributed.together("choosing a checkpoint"):
        if distributed.is_main():
            entry = _chosen(checkpoints, start_from, say)
    entry = distributed.from_main(entry)
    if entry is None:
        raise RankError("rank 0 chose no checkpoint", where=str(run.checkpoints))
    content = checkpoints.load(entry)
    with distributed.together("reading a checkpoint"):
        pass
    if distributed.is_main() and entry != checkpoints.named("last"):
        checkpoints.rewind(entry, content["state"]["best_step"])
        run.note(state="prepared")
    say.note(f"going on from step {entry.step} ({entry.file})")
    return content


def _chosen(checkpoints: Checkpoints, start_from: str | None, say: Say) -> Entry:
    """The one that was asked for, or else the newest good one: damaged ones are told of and left out.

    Raises:
        RunError: there is none of that name.
        CheckpointError: none is good.
    """
    if start_from is not None:
        entries = checkpoints.entries()
        named = [one for one in entries if one.file == Path(start_from).name]
        if not named:
            allowed = [one.file for one in entries]
            raise RunError(f"no checkpoint '{start_from}'", where=str(checkpoints.folder), allowed=allowed)
        return named[0]
    last = checkpoints.named("last")
    good = last if checkpoints.is_good(last) else checkpoints.good_before(last)
    if good is not None and good != last:
        lost = last.step - good.step
        say.note(
            f"WARNING: the checkpoint {last.file} is damaged or missing; going back to {good.file}, and training the "
            f"{lost} steps after it again"
        )
    return good or last


def _conclude(run: Run, job: Job, digest: str, ended: str, usage: Usage | None, say: Say) -> None:
    from sightline.evaluation.plots import draw_curves  # noqa: PLC0415  matplotlib is slow to import

    if usage is not None:
        say.note(usage.told())
        run.note(memory=dataclasses.asdict(usage))
    draw_curves(run.read_records(), run.plots)
    run.note(
        state="interrupted" if ended.startswith("SIG") else "done",
        ended=ended,
        finished=now(),
        steps_done=job.state.step,
        weights_sha256=digest,
        best_weights_sha256=best_weights(run),
        **({"rollbacks": job.state.rollbacks} if job.state.rollbacks else {}),
    )
    conclude_diagnosis(run, job, say)


def now() -> str:
    """The time of day, for people to read; nothing is decided by it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
