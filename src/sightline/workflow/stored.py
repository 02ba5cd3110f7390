"""Predictions that lie in a run: taken where they are those of its best checkpoint, else made."""

from sightline import plug
from sightline.data.contract import Contract
from sightline.data.samples import PARTS
from sightline.data.split import read_split
from sightline.errors import ConfigError
from sightline.evaluation.predictions import Predictions
from sightline.run import Run
from sightline.workflow.evaluate import evaluate_run
from sightline.workflow.say import Say
from sightline.workflow.trained import best_weights


def usual_part(run: Run, part: str | None) -> str:
    """The part that is asked for; where none is, test, or else val, or else train.

    Raises:
        ConfigError: there is no such part.
    """
    if part is not None and part not in PARTS:
        raise ConfigError(f"unknown part '{part}'", where="--part", allowed=PARTS)
    if part is not None:
        return part
    there = set(read_split(run.split).parts) if run.split.is_file() else set[str]()
    return next((name for name in ("test", "val") if name in there), "train")


def stored_predictions(run: Run, part: str) -> Predictions | None:
    """The predictions of the best checkpoint for a part; ``None`` where there are none, or those of other weights."""
    if not run.predictions(part).is_file():
        return None
    found = Predictions.load(run.predictions(part))
    fits = found.weights_sha256 == (run.info().get("best_weights_sha256") or best_weights(run))
    return found if fits and found.contract_hash == Contract.load(run.contract).hash else None


def predictions_of(run: Run, part: str, say: Say) -> Predictions:
    """What the best checkpoint of a run says of a part: stored, or measured now."""
    found = stored_predictions(run, part)
    if found is None:
        say.note(f"{run.folder} is measured on its {part} part first")
        with plug.elsewhere():
            evaluate_run(run.folder, part=part, say=say)
        found = Predictions.load(run.predictions(part))
    return found
