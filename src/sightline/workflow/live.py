"""Findings while a training goes on: each is told once."""

import dataclasses
import json
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch

from sightline import distributed
from sightline.config import RunConfig
from sightline.config_file import load_resolved
from sightline.diagnosis.case import Case, Facts, Rule
from sightline.diagnosis.diagnose import diagnose, due, rules_with
from sightline.diagnosis.gather import Tail, read_history
from sightline.errors import NonFiniteError
from sightline.files import write_json
from sightline.findings import Finding
from sightline.machine import whole_memory
from sightline.records import Record
from sightline.run import Run
from sightline.training.job import Job
from sightline.training.parallel import own_part
from sightline.workflow.facts import facts_of
from sightline.workflow.idle import idle_parameters
from sightline.workflow.say import Say

SHARE, GRACE = 0.003, 0.2
"""Of the time of a training, what the rules may take, and seconds beside it: a short run is looked at all the same."""


class LiveDiagnosis:
    """A consumer of records that asks the rules at evaluations and at looks.

    It reads what the sink before it has put on disk, so that nothing is copied from the device for it; after a resume
    it begins with the first record. Each rule is told of once in the life of a run: ``findings.json`` says when.
    Without a validation part there are no evaluations, and it asks at looks at the layers.

    Args:
        run: where the records go.
        facts: gives what is known of the run.
        rules: those that are asked.
        tell: takes a line.
        kind: of the records at which rules are asked, eval or look.
    """

    def __init__(
        self, run: Run, facts: Callable[[], Facts], rules: Mapping[str, Rule], tell: Callable[[str], None], kind: str
    ):
        self.run, self.facts, self.rules, self.tell = run, facts, rules, tell
        self.told = told_before(run)
        self.tail = Tail(run.records)
        self.kind, self.last, self.broken = kind, 0, False
        self.begun, self.spent = time.monotonic(), 0.0

    def write(self, record: Record) -> None:
        """Take a record."""
        if record.kind != self.kind or self.broken or not due(record.step, self.last):
            return
        begun = time.monotonic()
        if self.spent > GRACE + SHARE * (begun - self.begun):
            return
        try:
            self._look(record.step)
        except Exception as error:  # noqa: BLE001  watching never ends a training, whatever is wrong with a rule
            self.broken = True
            self.tell(f"warning: the diagnosis failed ({type(error).__name__}: {error}); going on without")
        self.last = record.step
        self.spent += time.monotonic() - begun

    def close(self) -> None:
        """Nothing is held."""

    def _look(self, step: int) -> None:
        findings = diagnose(Case(history=self.tail.history(), facts=self.facts()), self.rules)
        new = [one for one in findings if one.rule not in self.told]
        for finding in new:
            self.told[finding.rule] = step
            self.tell(line_of(finding))
        if new:
            write_findings(self.run, findings, self.told)


def line_of(finding: Finding) -> str:
    """A finding on one line."""
    settings = " ".join(f"-s {word}" for word in finding.settings)
    return f"{finding.severity}: {finding.message} [{finding.rule}]" + (f"; try {settings}" if settings else "")


def write_findings(run: Run, findings: list[Finding], told: Mapping[str, int]) -> None:
    """Keep findings in the run, with the step at which each rule was told of first."""
    listed = [finding.as_dict() | {"step": told.get(finding.rule)} for finding in findings]
    write_json(run.findings, {"findings": listed, "told": dict(told)})


def told_before(run: Run) -> dict[str, int]:
    """The rules that were told of before, and at which step."""
    try:
        document: Any = json.loads(run.findings.read_text(encoding="utf-8"))
        return {str(rule): int(at) for rule, at in document["told"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def live_diagnosis(job: Job, run: Run, config: RunConfig, say: Say) -> LiveDiagnosis:
    """What tells of findings while a job is trained; what ended an earlier try of it is over."""
    run.note(failure=None, world=distributed.world())
    known: list[Facts] = []

    def facts() -> Facts:
        known[:] = known or [facts_of(run)]  # the split is read once
        idle = {key: tuple(names) for key, names in idle_parameters(job).items()}
        return dataclasses.replace(known[0], **idle)

    return LiveDiagnosis(
        run, facts, rules_with(config.watch.rules), say.note, "look" if job.evaluate is None else "eval"
    )


def conclude_diagnosis(run: Run, job: Job, say: Say) -> None:
    """At the end of a training: what is known only now, and every finding into the run."""
    devices = {own_part(one).device for one in job.built.module.parameters()}
    run.note(idle=idle_parameters(job), memory_limit=memory_limit(devices))
    _tell_all(run, job.state.step, say)


def failed(run: Run, error: NonFiniteError, say: Say) -> None:
    """A training ended by a number that is none: it is noted, and diagnosed."""
    told = error.what + (f", {error.got}" if error.got else "")
    run.note(failure={"step": error.step, "told": told})
    _tell_all(run, error.step, say)


def _tell_all(run: Run, step: int, say: Say) -> None:
    """Ask every rule once more, tell of what was not told of before, and keep it all in the run."""
    try:
        findings = diagnose(Case(history=read_history(run.records), facts=facts_of(run)), rules_of_run(run))
        told = told_before(run)
        new = [one for one in findings if one.rule not in told]
        write_findings(run, findings, told | {one.rule: step for one in new})
    except Exception as error:  # noqa: BLE001  what was trained is whole, whatever is wrong with a rule or with the disk
        say.note(f"warning: the diagnosis failed ({type(error).__name__}: {error})")
        return
    for finding in new:
        say.note(line_of(finding))


def rules_of_run(run: Run) -> dict[str, Rule]:
    """The built-in rules and those that the run's settings name."""
    return rules_with(load_resolved(run.config).watch.rules)


def memory_limit(devices: Collection[torch.device]) -> int:
    """Bytes that a training on these devices may fill: of the GPUs together, or of this machine."""
    if any(device.type == "cuda" for device in devices):
        return sum(int(torch.cuda.get_device_properties(device).total_memory) for device in devices)
    return whole_memory()
