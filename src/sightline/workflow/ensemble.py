"""Make one model of several runs, or of several views of an image: averages, fitted shares, votes."""

import csv
import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sightline import plug
from sightline.config_file import dump, load_resolved
from sightline.data.augment.motion import motions_of
from sightline.data.config import is_own
from sightline.data.contract import Contract
from sightline.data.samples import PARTS
from sightline.data.split import read_split
from sightline.data.transforms import active_steps
from sightline.errors import ConfigError, RunError
from sightline.evaluation.ensemble import VIEWS, How
from sightline.evaluation.mixture import fit_shares, log_loss_of
from sightline.files import whole_file
from sightline.run import Run
from sightline.training.checkpoint import Checkpoints
from sightline.workflow import environment
from sightline.workflow.evaluate import predicted, run_samples
from sightline.workflow.members import combined, fingerprint
from sightline.workflow.say import Say
from sightline.workflow.soup import require_free
from sightline.workflow.trained import TrainedModel, open_trained

HOWS: tuple[How, ...] = ("average", "weighted", "vote")
LEAST = 1e-3
"""Fitted shares below this are left out: the member would cost its time and change nothing."""
_TAKEN_OVER = ("origins", "settings", "plugs", "balance")
_Rows = list[list[str]]
_SAME_PIXELS = ("color", "height", "width", "resize", "shorter", "interpolation", "fill")


@dataclasses.dataclass(frozen=True)
class Made:
    """What came of it."""

    run: Run
    """Its folder, used like a run's."""
    weights: dict[str, float]
    """Share of each run; 0: left out."""
    fitted: dict[str, Any] | None
    """On what the shares were fitted, and the loss of equal shares and of these; ``None``: they are equal."""
    weights_sha256: str


def make_ensemble(
    runs: Sequence[str | Path],
    out: str | Path,
    *,
    how: str = "average",
    tta: Sequence[str] = (),
    say: Say | None = None,
) -> Made:
    """Combine the best weights of several runs into one model that is evaluated, asked and exported like a run.

    The members may differ in everything but what they see of an image and what they answer about. Their splits may
    differ too: an image that any member was trained on counts as a training image of the ensemble.

    Args:
        runs: folders; one is enough where it looks at several views.
        out: folder for the result.
        how: ``average`` (of the probabilities, of numbers the values), ``weighted`` (with shares that are fitted on
            the validation part, never on the test part), or ``vote``.
        tta: names of ``VIEWS``: several views of each image, averaged.
        say: where notes go.

    Raises:
        RunError: runs do not fit together, or the folder is not free.
        ConfigError: unknown words, or views that the training did not allow.
    """
    say, out = say or Say(quiet=True), Path(out)
    opened = [Run.open(folder) for folder in runs]
    _refuse_words(opened, how, tta)
    require_free(out)
    models: list[TrainedModel] = []
    for run in opened:
        with plug.elsewhere():
            models.append(open_trained(run))
            _refuse_unfit(models)
            _refuse_views(models[-1], tta)
    contract = _contract(models, how)
    account: dict[str, Any] = {"runs": [str(run.folder) for run in opened], "how": how, "tta": list(tta)}
    account["weights"] = [1 / len(models)] * len(models)
    _refuse_sizes(models, contract, account)
    rows, taken = merged_split(opened)
    if taken:
        say.note(f"{taken} images count as more than {opened[0].folder} says: another member was trained on them")
    fitted = _fitted(models, contract, account, rows, say) if how == "weighted" else None
    weights = dict(zip(account["runs"], account["weights"], strict=True))
    kept = [place for place, share in enumerate(account["weights"]) if share > 0]
    account |= {key: [account[key][place] for place in kept] for key in ("runs", "weights")}
    account |= {"fitted": fitted} if fitted else {}
    run = _written(opened[0], [models[place] for place in kept], out, contract, rows, account)
    return Made(run, weights, fitted, run.info()["weights_sha256"])


def _refuse_words(runs: Sequence[Run], how: str, tta: Sequence[str]) -> None:
    if how not in HOWS:
        raise ConfigError(f"unknown way to combine '{how}'", where="--how", allowed=HOWS)
    unknown = [name for name in tta if name not in VIEWS]
    if unknown:
        raise ConfigError(f"unknown view '{unknown[0]}'", where="--tta", allowed=VIEWS)
    if len(set(tta)) < len(tta):
        raise ConfigError("a view is given twice", where="--tta", got=", ".join(tta))
    names = ", ".join(str(run.folder) for run in runs)
    if not runs or len({run.folder.resolve() for run in runs}) < len(runs):
        raise RunError("an ensemble needs runs, each once", got=names)
    if len(runs) == 1 and (how != "average" or not tta):
        raise RunError(
            "one run alone is no ensemble", got=names,
            hint="give several runs, or views of the images with --tta" if how == "average" else "give several runs",
        )  # fmt: skip
    nested = [run for run in runs if "ensemble" in run.info()]
    if nested:
        raise RunError(f"{nested[0].folder} is an ensemble itself", hint="give its runs in its place")


def _refuse_unfit(models: Sequence[TrainedModel]) -> None:
    """Refuse a member that sees other pixels than the first, or answers about something else."""
    first, own = models[0].contract, models[-1].contract
    folder = models[-1].run.folder
    units = [dict(zip(one.classes, one.outputs.units, strict=False)) if one.outputs else {} for one in (first, own)]
    if own.kind != first.kind or set(own.classes) != set(first.classes) or units[0] != units[1]:
        raise RunError(
            f"{folder} answers about something else than {models[0].run.folder}",
            got=f"{own.kind}: {', '.join(own.classes)}", allowed=[f"{first.kind}: {', '.join(first.classes)}"],
        )  # fmt: skip
    keys = [
        key
        for key in _SAME_PIXELS
        if key not in ("shorter", "fill") or own.resize == {"shorter": "crop"}.get(key, "pad")
    ]
    pairs = [(key, getattr(own, key), getattr(first, key)) for key in keys]
    other = [f"{key} {mine} and {theirs}" for key, mine, theirs in pairs if mine != theirs]
    if other:
        raise RunError(
            f"{folder} sees other pixels than {models[0].run.folder}", where="preprocessing", got="; ".join(other),
            hint="members share size, color and resizing, so that one file can hold them; train with the same data.* "
            "settings",
        )  # fmt: skip


def _refuse_views(model: TrainedModel, tta: Sequence[str]) -> None:
    """Refuse mirror images where the training never showed any: mirrored, a b is a d."""
    data = model.config.data
    if isinstance(data.augment, str) and is_own(data.augment):
        return  # what a user's own function does is the user's to know
    known = motions_of(active_steps(data, model.contract))
    for view in tta:
        if view in ("hflip", "vflip") and view not in known:
            raise ConfigError(
                f"{model.run.folder} was not trained on images turned by {view}", where="--tta", got=view,
                allowed=[name for name in VIEWS if name in known or name in ("crops", "scales")],
                hint="leave it out, or train with data.flip=yes" if view == "hflip" else "leave it out",
            )  # fmt: skip


def _contract(models: Sequence[TrainedModel], how: str) -> Contract:
    """That of the first; a vote on labels is won from one half on."""
    contract = models[0].contract
    if how == "vote" and contract.kind == "numbers":
        raise ConfigError("numbers cannot be voted on", where="--how", got=how, allowed=["average", "weighted"])
    if how == "vote" and contract.outputs is not None:
        return dataclasses.replace(contract, outputs=dataclasses.replace(contract.outputs, threshold=0.5))
    return contract


def _refuse_sizes(models: Sequence[TrainedModel], contract: Contract, account: dict[str, Any]) -> None:
    """Try one image: some networks take one size only.

    Raises:
        ConfigError: with views of other sizes they do not.
    """
    whole = combined(models[0].run, models, contract, account)
    pixels = torch.zeros(2, contract.height, contract.width, contract.channels, dtype=torch.uint8)
    try:
        with torch.inference_mode():
            whole.module(whole.task.inputs(pixels, whole.device, whole.layout))
    except Exception as error:  # networks refuse a size by whatever comes to their mind
        if "scales" not in account["tta"]:
            raise
        raise ConfigError(
            "a network takes images of one size only", where="--tta", got=str(error).strip().split("\n")[0],
            allowed=[name for name in VIEWS if name != "scales"],
        ) from error  # fmt: skip


def merged_split(runs: Sequence[Run]) -> tuple[_Rows, int]:
    """The rows of the first run's split, each image in the part that counts for all runs, told by its checksum.

    An image is a training image where any run was trained on it, and else a validation image where any chose its
    checkpoint by it.

    Returns:
        The rows with their header, and how many images changed their part.
    """
    exposed: dict[str, int] = {}
    for run in runs:
        split = read_split(run.split)
        for digest, part in zip(split.sha256, split.parts, strict=True):
            exposed[digest] = min(exposed.get(digest, len(PARTS)), PARTS.index(part))
    with runs[0].split.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    part, digest, changed = rows[0].index("part"), rows[0].index("sha256"), 0
    for row in rows[1:]:
        new = PARTS[exposed[row[digest]]]
        changed += new != row[part]
        row[part] = new
    return rows, changed


def _fitted(
    models: Sequence[TrainedModel], contract: Contract, account: dict[str, Any], rows: _Rows, say: Say
) -> dict[str, Any]:
    """Fit the shares on the validation part; they are put into ``account``.

    Raises:
        ConfigError: there is no validation part.
    """
    part = rows[0].index("part")
    indices = np.flatnonzero([row[part] == "val" for row in rows[1:]])
    if not len(indices):
        raise ConfigError(
            "there is no validation image that none of the runs was trained on, to fit shares on", where="--how",
            got="weighted", allowed=["average", "vote"],
        )  # fmt: skip
    samples = run_samples(models[0].run)
    said = [
        predicted(
            combined(models[0].run, [model], contract, account | {"weights": [1.0]}),
            samples, indices, "val", str(samples.root),
        )
        for model in models
    ]  # fmt: skip
    shares = fit_shares(said)
    shares = np.where(shares < LEAST, 0.0, shares)
    shares /= shares.sum()
    equal = np.full(len(models), 1 / len(models))
    account["weights"] = shares.tolist()
    left = [str(model.run.folder) for model, share in zip(models, shares, strict=True) if share == 0]
    if left:
        say.note(f"left out, for their shares are next to nothing: {', '.join(left)}")
    loss = "squared error" if contract.kind == "numbers" else "log loss"
    return {"part": "val", "images": len(indices), "loss": loss, "equal": log_loss_of(said, equal),
            "fitted": log_loss_of(said, shares)}  # fmt: skip


def _written(
    first: Run, models: Sequence[TrainedModel], out: Path, contract: Contract, rows: _Rows, account: dict[str, Any]
) -> Run:
    """A folder like that of a run; its settings come last, for without them it is none. Split and settings are those
    of the first run, also where its network is left out: the paths are relative to its data.
    """
    require_free(out, make=True)
    run = Run.create(out)
    for place, model in enumerate(models):
        _copied(model, Run.create(out / "members" / str(place)))
    contract.save(run.contract)
    with whole_file(run.split, "w") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    reports = [model.run.info().get("weights_report", {}) for model in models]
    joined = {
        key: " and ".join(dict.fromkeys(str(one[key]) for one in reports if one.get(key)))
        for key in ("source", "license")
    }
    info, same = first.info(), ("parts_made",) if run.split.read_bytes() == first.split.read_bytes() else ()
    digest = fingerprint([model.weights_sha256 for model in models], account)
    run.note(
        **{key: info[key] for key in (*_TAKEN_OVER, *same) if key in info},
        contract=contract.hash,
        parameters=sum(int(model.run.info().get("parameters", 0)) for model in models),
        weights_report=joined, ensemble=account, state="done", ended="ensemble", steps_done=0,
        command=environment.command(), versions=environment.versions(), machine=environment.machine(),
        weights_sha256=digest, best_weights_sha256=digest,
    )  # fmt: skip
    dump(load_resolved(first.config), info.get("origins", {}), run.config)
    return run


def _copied(model: TrainedModel, to: Run) -> None:
    state = {key: value.detach().cpu().clone() for key, value in model.module.state_dict().items()}
    shutil.copyfile(model.run.contract, to.contract)
    Checkpoints(to.checkpoints).save({"model": state, "ema": None}, 0, best=True)
    info = model.run.info()
    to.note(
        **{key: info[key] for key in ("plugs", "weights_report", "versions") if key in info},
        soup={"runs": [str(model.run.folder)]}, weights_sha256=model.weights_sha256,
    )  # fmt: skip
    dump(load_resolved(model.run.config), info.get("origins", {}), to.config)
