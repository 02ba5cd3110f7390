"""The folder of an ensemble: its members, opened together as one network.

::

    FOLDER/
    ├── members/0/ …     of each run what it takes to answer: settings, contract, best weights
    ├── split.csv        the parts that count for all: an image that any of them was trained on is a training image
    └── config.yaml, contract.json, run.json: as in a run; run.json says how the members are combined
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from sightline import plug
from sightline.config_file import load_resolved
from sightline.data.contract import Contract
from sightline.errors import RunError
from sightline.evaluation.ensemble import Ensemble, Member
from sightline.run import Run
from sightline.workflow.tasks import judging_task
from sightline.workflow.trained import TrainedModel, open_trained


def members_of(run: Run) -> list[Run]:
    """The runs in the folder of an ensemble."""
    return [Run(run.folder / "members" / str(place)) for place in range(len(run.info()["ensemble"]["runs"]))]


def open_members(run: Run, checkpoint: str) -> TrainedModel:
    """Open an ensemble as a trained model.

    Raises:
        RunError: another checkpoint than ``best`` or ``last`` is asked for, or a member is gone.
        CheckpointError: the weights of a member are damaged.
    """
    if checkpoint not in ("best", "last"):
        raise RunError(f"no checkpoint '{checkpoint}': {run.folder} is an ensemble", allowed=["best", "last"])
    models: list[TrainedModel] = []
    for one in members_of(run):
        with plug.elsewhere():
            models.append(open_trained(one))
    plug.search_in(*run.user_folders())
    return combined(run, models, Contract.load(run.contract), run.info()["ensemble"])


def combined(run: Run, models: Sequence[TrainedModel], contract: Contract, account: Mapping[str, Any]) -> TrainedModel:
    """Several trained models as one, on the device of the first.

    Args:
        run: the folder that the answers belong to.
        models: the members.
        contract: that of the ensemble.
        account: ``how``, ``tta`` and ``weights``.
    """
    first = models[0]
    module = Ensemble(
        [Member(model.module, model.contract, contract) for model in models],
        contract,
        weights=account["weights"],
        vote=account["how"] == "vote",
        views=account["tta"],
    )
    config = load_resolved(run.config) if run.config.is_file() else first.config
    digest = fingerprint([model.weights_sha256 for model in models], account)
    known = run.read_temperatures().get(digest, {}) if config.evaluation.temperature == "auto" else {}
    return dataclasses.replace(
        first,
        run=run,
        config=config,
        contract=contract,
        task=judging_task(config, contract),
        module=module.to(first.device).eval(),
        checkpoint=f"{len(models)} networks" if len(models) > 1 else "several views",
        weights_sha256=digest,
        head=frozenset(),
        temperature=float(known.get("temperature", 1.0)),  # its own: that of a member says nothing about the average
    )


def fingerprint(digests: Sequence[str], account: Mapping[str, Any]) -> str:
    """Hex SHA-256 over the members' weights and how they are combined."""
    how = {key: account[key] for key in ("how", "tta", "weights")}
    return hashlib.sha256(json.dumps([*digests, how], sort_keys=True).encode()).hexdigest()
