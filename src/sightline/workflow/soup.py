"""One network from the weights of several runs."""

import contextlib
import dataclasses
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from sightline import plug
from sightline.config_file import dump, load_resolved
from sightline.data.contract import Contract
from sightline.errors import ConfigError, RunError
from sightline.run import Run
from sightline.training.batch_statistics import estimate_statistics, learning_norms
from sightline.training.checkpoint import Checkpoints, weights_sha256
from sightline.training.job import Job
from sightline.workflow import environment
from sightline.workflow.feed import Feed
from sightline.workflow.job import make_job
from sightline.workflow.prepare import Prepared, reopen
from sightline.workflow.say import Say
from sightline.workflow.train import meet
from sightline.workflow.trained import open_trained

Weights = dict[str, torch.Tensor]
_TAKEN_OVER = ("origins", "settings", "plugs", "contract", "balance", "parameters", "parts_made")
"""What the soup's ``run.json`` says as the first run's does: they have it in common."""


@dataclasses.dataclass(frozen=True)
class Soup:
    """What came of it."""

    run: Run
    """Its folder: like a run's that has been trained, but there is nothing to resume."""
    figure: str
    """What is compared, such as ``val_accuracy``; empty without a validation part."""
    scores: dict[str, float]
    """The figure of each run's best checkpoint."""
    used: tuple[str, ...]
    """The runs in it, in the order in which they were taken."""
    score: float | None
    """The figure of the soup."""
    weights_sha256: str


def make_soup(runs: Sequence[Path], out: Path, *, greedy: bool = False, say: Say | None = None) -> Soup:
    """Average the best weights of runs that were fine-tuned from the same weights (Wortsman et al. 2022).

    Batch norms get statistics of their own, over the training images of the first run.

    Args:
        runs: folders, of the same architecture, preprocessing and split.
        out: folder for the result.
        greedy: take a run only where the soup is no worse for it on the validation part, the best run first.
        say: where notes go.

    Raises:
        RunError: runs do not fit together, or the folder is not free.
        ConfigError: greedy without a validation part.
    """
    say = say or Say(quiet=True)
    opened = [Run.open(folder) for folder in runs]
    names = [str(folder) for folder in runs]
    if len({run.folder.resolve() for run in opened}) < max(2, len(opened)):
        raise RunError("a soup needs two runs at least, each once", got=", ".join(names))
    require_free(out)
    meet(load_resolved(opened[0].config))
    weights = dict(zip(names, _fitting(opened), strict=True))
    _warn(opened, say)
    require_free(out, make=True)
    job, judge = _kitchen(opened[0], say)
    if greedy and job.evaluate is None:
        raise ConfigError("without a validation part nobody can say which run to take", where="--greedy")
    figure = f"val_{job.task.figure}"
    scores = {name: judge([own]) for name, own in weights.items()} if job.evaluate is not None else {}
    used = _greedy(weights, scores, judge, job.task.higher) if greedy else names
    score = judge([weights[name] for name in used])
    state = {key: value.detach().cpu().clone() for key, value in job.built.module.state_dict().items()}
    cooked = [opened[names.index(name)] for name in used]
    run = _written(opened[0], cooked, out, state, {"runs": names, "used": used, "greedy": greedy, "figure": figure})
    return Soup(run, figure if scores else "", scores, tuple(used), score if scores else None, weights_sha256(state))


def averaged(ingredients: Sequence[Weights]) -> Weights:
    """The mean of each tensor, computed in float64; whole numbers are those of the first."""
    return {
        key: torch.stack([one[key].double() for one in ingredients]).mean(0).to(first.dtype)
        if first.dtype.is_floating_point
        else first.clone()
        for key, first in ingredients[0].items()
    }


def require_free(out: Path, *, make: bool = False) -> None:
    """Let a folder pass that is empty or not there; with ``make`` it is there afterwards.

    Raises:
        RunError: it holds something, or it cannot be a folder.
    """
    try:
        if make:
            out.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            if any(out.iterdir()):
                raise RunError(f"{out} is not empty", hint="choose another folder with --out")
    except OSError as error:
        raise RunError(
            f"cannot make the folder {out}", got=error.strerror or error, hint="choose another folder with --out"
        ) from error


def _fitting(runs: Sequence[Run]) -> list[Weights]:
    """The best weights of each run.

    Raises:
        RunError: they differ in architecture, preprocessing or split.
    """
    first, found = runs[0], list[Weights]()
    models = [_network(run) for run in runs]
    for run, model in zip(runs, models, strict=True):
        trained = open_trained(run)
        state = {key: value.cpu() for key, value in trained.module.state_dict().items()}
        other = [f"model.{key} {value} and {models[0][key]}" for key, value in model.items() if value != models[0][key]]
        for what, same in {
            "split": first.split.read_bytes() == run.split.read_bytes(),
            "preprocessing or classes": Contract.load(first.contract).hash == trained.contract.hash,
            "architecture": not other and (not found or _shapes(found[0]) == _shapes(state)),
        }.items():
            if not same:
                raise RunError(
                    f"{run.folder} has another {what} than {first.folder}", where="soup",
                    got="; ".join(other) if other and what == "architecture" else None,
                    hint="train both on one split file (sightline split), with the same model and data settings"
                    if what != "architecture" else "only weights of the same network can be averaged",
                )  # fmt: skip
        found.append(state)
    return found


def _network(run: Run) -> dict[str, Any]:
    """What says which network a run has, beside the shapes of its weights; dropout of the head is none of it."""
    model = load_resolved(run.config).model
    head = {f"head.{key}": value for key, value in vars(model.head).items() if key != "dropout"}
    return {"name": model.name, "options": model.options} | head


def _warn(runs: Sequence[Run], say: Say) -> None:
    """Warn of runs that did not begin with the same weights."""
    begun = list(dict.fromkeys(str(_report(run).get("source", "not known")) for run in runs))
    seeds = {load_resolved(run.config).seed for run in runs}
    if len(begun) > 1:
        words = f"different weights ({', '.join(begun)})"
    elif begun == ["random"] and len(seeds) > 1:
        words = "different random weights"
    else:
        return
    say.note(f"warning: these runs began with {words}, and what came of such is rarely worth averaging")


def _report(run: Run) -> dict[str, Any]:
    """What a run says of the weights that it began with."""
    return run.info().get("weights_report", {})


def _shapes(state: Weights) -> dict[str, torch.Size]:
    return {key: value.shape for key, value in state.items()}


def _kitchen(run: Run, say: Say) -> tuple[Job, Callable[[list[Weights]], float]]:
    """The job of a run, and what puts the mean of some weights into its network and judges it."""
    plug.search_in(*run.user_folders())
    prepared: Prepared = reopen(run, load_resolved(run.config), say, begun=True)
    feed = Feed(prepared)
    feed.open(say)
    job = make_job(prepared, run, feed)
    norms = learning_norms(job.built, job.plan.frozen(job.plan.steps - 1))

    def judge(ingredients: list[Weights]) -> float:
        job.built.module.load_state_dict(averaged(ingredients))
        job.built.module.eval()
        if norms and len(ingredients) > 1:
            estimate_statistics(job.built.module, norms, job.batches(0, job.plan.per_epoch), job.task, job.plan)
        return 0.0 if job.evaluate is None else job.evaluate(job.built.module).figures[f"val_{job.task.figure}"]

    return job, judge


def _greedy(
    weights: dict[str, Weights], scores: dict[str, float], judge: Callable[[list[Weights]], float], higher: bool
) -> list[str]:
    sign = 1 if higher else -1
    order = sorted(weights, key=lambda name: -sign * scores[name])
    used, best = order[:1], scores[order[0]]
    for name in order[1:]:
        score = judge([weights[one] for one in (*used, name)])
        if sign * score >= sign * best:
            used, best = [*used, name], score
    return used


def _written(first: Run, used: Sequence[Run], out: Path, state: Weights, account: dict[str, Any]) -> Run:
    """A folder like that of a run; its settings come last, for without them it is none."""
    run, info = Run.create(out), first.info()
    shutil.copyfile(first.contract, run.contract)
    shutil.copyfile(first.split, run.split)
    Checkpoints(run.checkpoints).save({"model": state, "ema": None}, 0, best=True)
    digest = weights_sha256(state)
    joined = {key: " and ".join(dict.fromkeys(_said(used, key))) for key in ("source", "license")}
    run.note(
        **{key: info[key] for key in _TAKEN_OVER if key in info},
        weights_report=_report(first) | joined,
        soup=account, state="done", ended="soup", steps_done=0, command=environment.command(),
        versions=environment.versions(), machine=environment.machine(),
        weights_sha256=digest, best_weights_sha256=digest,
    )  # fmt: skip
    dump(load_resolved(first.config), info.get("origins", {}), run.config)
    return run


def _said(runs: Sequence[Run], key: str) -> list[str]:
    return [str(said) for run in runs if (said := _report(run).get(key))]
