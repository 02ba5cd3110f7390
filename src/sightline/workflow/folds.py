"""Cross-validation: one run a fold in one folder, gone on with where it stood, and measured as a whole.

::

    FOLDER/
    ├── cross-validation.json  what was asked for, and at the end the figures of all folds
    ├── split.fold0.csv …      which image is in which part of each fold
    ├── fold0/ …               a run each, like any other
    └── predictions/           out-of-fold.npz: every image, by the run that was not trained on it; .json: figures
"""

import contextlib
import dataclasses
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sightline import distributed
from sightline.config import RunConfig
from sightline.config_file import Loaded, dump, flat, load_resolved, resolve
from sightline.config_schema import all_settings
from sightline.data.split import written
from sightline.errors import ConfigError, RunError
from sightline.evaluation.design import IMAGES, Design
from sightline.evaluation.pooled import PART, joined_sha256, measured, pooled
from sightline.evaluation.predictions import Predictions
from sightline.files import cannot_write, write_json
from sightline.run import Run, next_run_folder
from sightline.workflow.fit import Trained
from sightline.workflow.same_images import groups_of
from sightline.workflow.say import Say
from sightline.workflow.split import SETTINGS, split_data
from sightline.workflow.stored import predictions_of
from sightline.workflow.train import provenance, resume_run
from sightline.workflow.wishes import Settings, wished, with_absolute_paths

ACCOUNT = "cross-validation.json"
_SPLIT_ONLY = tuple(f"data.{name}" for name in ("val", "test", "group", "duplicates", "time", "exclude", "reader"))
"""Settings that have done their work once the folds are written."""


@dataclasses.dataclass(frozen=True)
class Folds:
    """How a cross-validation stands."""

    folder: Path
    """Folder of all folds."""
    trained: tuple[Trained, ...]
    """Of each fold that was trained in this process, how it ended."""
    report: dict[str, Any] | None
    """The figures, as ``measured`` gives them; ``None``: it was interrupted."""

    @property
    def ended(self) -> str:
        """``finished``, or the signal that interrupted it."""
        return self.trained[-1].ended if self.report is None else "finished"


def is_folds(folder: str | Path) -> bool:
    """Whether a folder holds a cross-validation."""
    return (Path(folder) / ACCOUNT).is_file()


def train_folds(
    data: str | Path | None,
    *,
    folds: int,
    config: str | Path | None = None,
    settings: Settings | None = None,
    run: str | Path | None = None,
    say: Say | None = None,
) -> Folds:
    """Train one run for each fold, and measure what each says of the images that it was not trained on.

    The data set is divided as ``sightline split --folds`` does it. Where ``data`` is a name that was given to
    ``split --out``, the files that lie there are taken.

    Args:
        data: the data set, or ``split.csv`` for files ``split.fold0.csv``, ``split.fold1.csv`` and so on.
        folds: how many.
        config: YAML file.
        settings: values by dotted path, or ``key=value`` words; they go over the file.
        run: folder for all of it; where missing, the next free one under ``runs/``.
        say: where notes go.

    Raises:
        SightlineError: anything that keeps it from training. Where no step was taken, no folder is left behind.
    """
    say = say or Say(quiet=True)
    if folds < 2:
        raise ConfigError("there are at least two folds", where="--folds", got=folds, allowed=["a whole number from 2"])
    if distributed.world() > 1:
        raise ConfigError(
            "folds are trained by one process", where="--folds", got=f"{distributed.world()} processes",
            hint="make the files with sightline split --folds, and train each of them by torchrun",
        )  # fmt: skip
    loaded = wished(data, config, settings, "train")
    loaded = Loaded(with_absolute_paths(loaded.config), loaded.origins)
    name = f"{Path(loaded.config.data.path).name.split('.')[0]}-folds"
    folder = next_run_folder(Path("runs"), name) if run is None else Path(run)
    try:
        _make(folder, loaded, folds, provenance(config), say)
    except BaseException:
        with contextlib.suppress(OSError):
            folder.rmdir()
        raise
    try:
        return _go_on(folder, say)
    except Exception:
        if not any(Run(own).read_records() for own in _runs(folder)):
            shutil.rmtree(folder, ignore_errors=True)
        raise


def resume_folds(folder: str | Path, *, say: Say | None = None) -> Folds:
    """Go on with a cross-validation where it stood: with the fold that was interrupted, at its last checkpoint.

    Args:
        folder: of all folds.
        say: where notes go.

    Raises:
        RunError: there is no cross-validation there, or a fold is being trained.
    """
    if not is_folds(folder):
        raise RunError(f"{folder} holds no cross-validation", hint="sightline train DATA --folds 5 makes one")
    return _go_on(Path(folder), say or Say(quiet=True))


def first_fold(folder: str | Path) -> Run:
    """The run of the first fold; its split lists every image of the data set."""
    return Run.open(_runs(Path(folder))[0])


def out_of_fold(folder: str | Path) -> Predictions:
    """What each fold says of the images that it was not trained on.

    Raises:
        RunError: not all folds are trained, or one was trained again since they were measured.
    """
    stored = Run(folder).predictions(PART)
    if not stored.is_file():
        raise RunError(f"not all folds of {folder} are trained", hint=f"sightline resume {folder}")
    found, now = Predictions.load(stored), [Run(own).info().get("best_weights_sha256") for own in _runs(Path(folder))]
    if found.weights_sha256 != joined_sha256([str(digest) for digest in now]):
        raise RunError(f"a fold of {folder} was trained again since", hint=f"sightline resume {folder} measures all")
    return found


def read_account(folder: Path) -> dict[str, Any]:
    """What ``cross-validation.json`` says.

    Raises:
        RunError: it cannot be read.
    """
    try:
        return json.loads((folder / ACCOUNT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{ACCOUNT} cannot be read", where=str(folder), got=str(error)) from error


def _runs(folder: Path) -> list[Path]:
    return [folder / name for name in read_account(folder)["runs"]]


def _make(folder: Path, loaded: Loaded, folds: int, about: dict[str, Any], say: Say) -> None:
    """Write the fold files and a run for each that was not begun; the folder appears with all of it, or not at all."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        hint = f"sightline resume {folder}" if is_folds(folder) else "choose another folder with --run"
        raise RunError(f"{folder} is not empty", hint=hint)
    whole = folder.absolute()
    fresh = whole.with_name(f".{whole.name}.part")
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        files, root = _divided(loaded, folds, fresh, say)
        names = [f"fold{number}" for number in range(folds)]
        origins = {key: value for key, value in loaded.origins.items() if key not in _SPLIT_ONLY}
        for name, file in zip(names, files, strict=True):
            run = Run.create(fresh / name)
            run.note(state="created", origins=origins, **about)
            dump(_settled(loaded.config, whole / file, root), origins, run.config)
        account = {"data": loaded.config.data.path, "root": root, "command": about["command"], "runs": names}
        write_json(fresh / ACCOUNT, account)
        fresh.rename(folder)
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _settled(config: RunConfig, file: Path, root: str) -> RunConfig:
    """The settings of one fold: what the split has done is not asked for again."""
    own = {key: all_settings()[key].default for key in _SPLIT_ONLY}
    return resolve(config, own | {"data.path": str(file), "data.root": root})


def _divided(loaded: Loaded, folds: int, folder: Path, say: Say) -> tuple[list[str], str]:
    """The fold files in the folder, and what their paths are relative to."""
    path = Path(loaded.config.data.path)
    if not path.exists() and (there := sorted(path.parent.glob(f"{path.stem}.fold*{path.suffix}"))):
        return _copied(path, there, folds, folder), loaded.config.data.root or str(path.parent)
    values = flat(loaded.config)
    given = {key: values[key] for key in SETTINGS if loaded.origins.get(key, "default") != "default"}
    if loaded.origins.get("data.test") != "flag":
        given.pop("data.test", None)  # a recipe serves trainings with and without folds
    done = split_data(loaded.config.data.path, settings=given, out=folder / "split.csv", folds=folds, say=say)
    if not done.root:
        raise ConfigError(
            "these images are rows of an array, which a split file cannot name", where="--folds", got=str(path),
            hint="write them as files or with sightline pack, and give that",
        )  # fmt: skip
    return [file.name for file in done.files], done.root


def _copied(path: Path, there: Sequence[Path], folds: int, folder: Path) -> list[str]:
    wanted = [f"{path.stem}.fold{number}{path.suffix}" for number in range(folds)]
    if sorted(wanted) != sorted(one.name for one in there):
        raise ConfigError(
            f"there are not {folds} folds", where=str(path.parent), got=", ".join(one.name for one in there),
            hint=f"add --folds {len(there)}, or make them again with sightline split --folds {folds}",
        )  # fmt: skip
    names = [f"split.fold{number}.csv" for number in range(folds)]
    for name, new in zip(wanted, names, strict=True):
        shutil.copyfile(path.parent / name, folder / new)
    return names


def _go_on(folder: Path, say: Say) -> Folds:
    """Train what is not trained, in the order of the folds, then measure."""
    runs = [Run.open(own) for own in _runs(folder)]
    trained: list[Trained] = []
    for number, run in enumerate(runs):
        if run.info().get("state") == "done":
            continue
        say.note(f"fold {number} of {len(runs)}: {run.folder}")
        trained.append(resume_run(run.folder, say=say))
        if trained[-1].interrupted:
            return Folds(folder, tuple(trained), None)
    return Folds(folder, tuple(trained), _measured(folder, runs, say))


def _measured(folder: Path, runs: Sequence[Run], say: Say) -> dict[str, Any]:
    found = [predictions_of(run, "test", say) for run in runs]
    config = load_resolved(runs[0].config)
    evaluation = config.evaluation
    whole, every = Run(folder), pooled(found)
    groups = groups_of(runs[0], [written(path) for path in every.paths])
    report = measured(
        found, resamples=evaluation.resamples, confidence=evaluation.confidence, seed=config.seed,
        design=IMAGES if groups is None else Design("groups", groups),
    )  # fmt: skip
    every.save(whole.predictions(PART))
    write_json(whole.figures(PART), report["pooled"])
    write_json(folder / ACCOUNT, read_account(folder) | {"report": report})
    return report
