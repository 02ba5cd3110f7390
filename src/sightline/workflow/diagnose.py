"""Say what is wrong with a training, and what to change."""

from collections.abc import Sequence
from pathlib import Path

from sightline import plug
from sightline.diagnosis.case import Case
from sightline.diagnosis.diagnose import diagnose, rules_with
from sightline.diagnosis.gather import read_history
from sightline.findings import Finding
from sightline.run import Run
from sightline.workflow.facts import facts_of
from sightline.workflow.live import rules_of_run


def diagnose_run(run: str | Path, *, rules: Sequence[str] = ()) -> list[Finding]:
    """Apply every rule to a run, whatever state it is in. The run is not changed.

    Args:
        run: the run folder.
        rules: rules of your own, each ``my_rules.py:rule``, beside the built-in ones.

    Returns:
        The findings, errors first.

    Raises:
        RunError: there is no such run, it was never prepared, or its records are damaged.
        PlugError: a rule of your own cannot be found, or failed.
    """
    here = Run.open(run)
    plug.search_in(*here.user_folders())
    return diagnose(
        Case(history=read_history(here.records), facts=facts_of(here)), rules_of_run(here) | rules_with(rules)
    )
