"""Sightline carries a vision model through its whole life: check, split, train, evaluate, export.

The names below are the public interface. Each is loaded when it is first used, so that ``import sightline`` costs
nothing and an environment without torch can use what needs none.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sightline.config import RunConfig as RunConfig
    from sightline.data.contract import Contract as Contract
    from sightline.data.read import read as read
    from sightline.data.samples import Samples as Samples
    from sightline.data.torch_transform import torch_transform as torch_transform
    from sightline.errors import SightlineError as SightlineError
    from sightline.evaluation.metrics import measure as measure
    from sightline.evaluation.predictions import Predictions as Predictions
    from sightline.export.bundle import Bundle as Bundle
    from sightline.findings import Finding as Finding
    from sightline.records import Record as Record
    from sightline.run import Run as Run
    from sightline.workflow.check import check_data as check
    from sightline.workflow.compare import compare_runs as compare
    from sightline.workflow.diagnose import diagnose_run as diagnose
    from sightline.workflow.ensemble import make_ensemble as ensemble
    from sightline.workflow.evaluate import evaluate_run as evaluate
    from sightline.workflow.explain import explain_run as explain
    from sightline.workflow.export import export_run as export_run
    from sightline.workflow.folds import train_folds as train_folds
    from sightline.workflow.lr_find import find_lr as find_lr
    from sightline.workflow.mistakes import find_errors as find_errors
    from sightline.workflow.outline import outline as outline
    from sightline.workflow.predict import predict_run as predict
    from sightline.workflow.replay import replay_runs as replay
    from sightline.workflow.report import report_run as report
    from sightline.workflow.sanity import check_sanity as sanity
    from sightline.workflow.say import Say as Say
    from sightline.workflow.schedule import show_schedule as show_schedule
    from sightline.workflow.soup import make_soup as soup
    from sightline.workflow.split import split_data as split
    from sightline.workflow.train import resume_run as resume
    from sightline.workflow.train import train_run as train
    from sightline.workflow.trained import open_trained as open_trained

_HOMES = {
    "Bundle": "export.bundle",
    "Contract": "data.contract",
    "Finding": "findings",
    "Predictions": "evaluation.predictions",
    "Record": "records",
    "Run": "run",
    "RunConfig": "config",
    "Samples": "data.samples",
    "Say": "workflow.say",
    "SightlineError": "errors",
    "check": "workflow.check:check_data",
    "compare": "workflow.compare:compare_runs",
    "diagnose": "workflow.diagnose:diagnose_run",
    "ensemble": "workflow.ensemble:make_ensemble",
    "evaluate": "workflow.evaluate:evaluate_run",
    "explain": "workflow.explain:explain_run",
    "export_run": "workflow.export",
    "find_errors": "workflow.mistakes",
    "find_lr": "workflow.lr_find",
    "measure": "evaluation.metrics",
    "open_trained": "workflow.trained",
    "outline": "workflow.outline",
    "predict": "workflow.predict:predict_run",
    "read": "data.read",
    "replay": "workflow.replay:replay_runs",
    "report": "workflow.report:report_run",
    "resume": "workflow.train:resume_run",
    "sanity": "workflow.sanity:check_sanity",
    "show_schedule": "workflow.schedule",
    "soup": "workflow.soup:make_soup",
    "split": "workflow.split:split_data",
    "torch_transform": "data.torch_transform",
    "train": "workflow.train:train_run",
    "train_folds": "workflow.folds",
}
"""Where each public name lives: ``module`` under this package, or ``module:other name``."""

__all__ = [
    "Bundle",
    "Contract",
    "Finding",
    "Predictions",
    "Record",
    "Run",
    "RunConfig",
    "Samples",
    "Say",
    "SightlineError",
    "check",
    "compare",
    "diagnose",
    "ensemble",
    "evaluate",
    "explain",
    "export_run",
    "find_errors",
    "find_lr",
    "measure",
    "open_trained",
    "outline",
    "predict",
    "read",
    "replay",
    "report",
    "resume",
    "sanity",
    "show_schedule",
    "soup",
    "split",
    "torch_transform",
    "train",
    "train_folds",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sightline' has no attribute '{name}'")
    home, _, other = _HOMES[name].partition(":")
    value = getattr(importlib.import_module(f"sightline.{home}"), other or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
