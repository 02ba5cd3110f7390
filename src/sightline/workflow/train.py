"""Train a run from the beginning, or go on with one that was interrupted."""

import contextlib
import shutil
from pathlib import Path
from typing import Any

import torch

from sightline import distributed, plug
from sightline.config import RunConfig
from sightline.config_file import dump, load_resolved
from sightline.errors import ConfigError, TrainingError
from sightline.run import Run, next_run_folder
from sightline.training.checkpoint import Checkpoints
from sightline.training.memory import keep_freed_memory
from sightline.training.parallel import parallel_of
from sightline.workflow import environment
from sightline.workflow.fit import Trained, fit, now
from sightline.workflow.say import Say
from sightline.workflow.stopping import Stop
from sightline.workflow.track import refuse_missing_trackers
from sightline.workflow.wishes import Settings, wished, with_absolute_paths


def train_run(
    data: str | Path | None,
    *,
    config: str | Path | None = None,
    settings: Settings | None = None,
    run: str | Path | None = None,
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
        SightlineError: anything that keeps it from training. A run that never took a step leaves no folder behind,
            whatever ended it.
    """
    say, run = _speaker(say), None if run is None else Path(run)
    loaded = wished(data, config, settings, "train")
    settled = with_absolute_paths(loaded.config)
    if run is None and distributed.restarts()[1]:
        raise ConfigError("a run that torchrun may restart needs a folder of its own", hint="add --run DIR")
    refuse_missing_trackers(settled)
    meet(settled, fresh=True)
    name, made = Path(settled.data.path).name.split(".")[0], _absent(run or Path("runs"))
    folder = distributed.from_main((run or next_run_folder(Path("runs"), name)) if distributed.is_main() else None)
    if _is_restart(folder):
        return resume_run(folder, say=say)
    here = Run(folder)
    with Stop() as stop, contextlib.ExitStack() as stack:
        with distributed.together("making the run folder"):
            if distributed.is_main():
                here = Run.create(folder)
                stack.enter_context(here.locked())
        try:
            with distributed.together("writing the settings"):
                if distributed.is_main():
                    # The settings come last: a folder that has them is a run, and one that was killed before is none.
                    here.note(state="created", origins=loaded.origins, **provenance(config))
                    dump(settled, loaded.origins, here.config)
            stop.folder = folder
            return fit(here, say, stop)
        except TrainingError:
            raise
        except Exception:
            if distributed.is_main() and not here.read_records() and not Checkpoints(here.checkpoints).entries():
                _sweep(here, made)
            raise


def resume_run(run: str | Path, *, start_from: str | None = None, say: Say | None = None) -> Trained:
    """Go on with a run as if it had never stopped.

    Args:
        run: the run folder.
        start_from: name of a checkpoint file to go back to; where missing, the last one that is not damaged.
        say: where notes go.

    Raises:
        RunError: there is no run, or it is in use, or it is a soup of runs, or there is no checkpoint of that name.
        CheckpointError: the checkpoint that was asked for is damaged, or all are.
        ChangedDataError: images are no longer what they were.
    """
    say = _speaker(say)
    here = Run.open(run)
    here.require_training("to go on with")
    meet(load_resolved(here.config))
    plug.search_in(*here.user_folders())
    with Stop() as stop, contextlib.ExitStack() as stack:
        with distributed.together("opening the run"):
            if distributed.is_main():
                stack.enter_context(here.locked())
        stop.folder = here.folder
        return fit(here, say, stop, start_from)


def _absent(folder: Path) -> list[Path]:
    """Which folders have to be made for this one, the innermost first."""
    return [one for one in (folder, *folder.parents) if not one.exists()]


def _sweep(run: Run, made: list[Path]) -> None:
    """Remove what a run wrote that never took a step, so that the same command can be given again.

    Args:
        run: has no checkpoint and no records.
        made: the folders around it that it made, the innermost first.
    """
    shutil.rmtree(run.tensorboard, ignore_errors=True)
    for path in (run.config, run.info_file, run.split, run.contract, run.records, run.findings, run.folder / ".lock"):
        path.unlink(missing_ok=True)
    for folder in (run.checkpoints, run.folder, *made):
        with contextlib.suppress(OSError):
            folder.rmdir()


def provenance(config: str | Path | None) -> dict[str, Any]:
    """What a new run notes of the command, the machine and the folders of the user's files."""
    plugs = [str(Path.cwd()), *([str(Path(config).parent.resolve())] if config else [])]
    return {
        "command": environment.command(),
        "versions": environment.versions(),
        "machine": environment.machine(),
        "started": now(),
        "plugs": plugs,
        **({"launch": distributed.launch()} if distributed.launch() else {}),
    }


def _is_restart(folder: Path) -> bool:
    """Whether torchrun started this command before, made the run, lost a process and started all anew."""
    if not distributed.restarts()[0]:
        return False
    launches = distributed.gathered(distributed.launch())
    here = Run(folder)
    return here.config.is_file() and here.info().get("launch") in launches


def meet(config: RunConfig, *, fresh: bool = False) -> None:
    """Make the process ready to train on its device, and meet the other ranks.

    Args:
        config: the settings.
        fresh: whether a run begins with it.
    """
    keep_freed_memory()
    name, found = config.train.device, "cuda" if torch.cuda.is_available() else "cpu"
    device = environment.usable_device(found if name == "auto" else name)
    environment.compute_exactly(device, config.train.deterministic)
    parallel_of(config.train.distributed, device, fresh=fresh)  # what cannot be is told before anything is made
    distributed.start(device)


def _speaker(say: Say | None) -> Say:
    return (say or Say(quiet=True)) if distributed.is_main() else Say(quiet=True)
