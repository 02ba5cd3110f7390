"""Do the rules of the diagnosis find what they are for, and nothing else? ``scripts/hospital``.

Runs are made sick on purpose, one for each rule and some with two diseases, each with several seeds; others are well.
Each is diagnosed as it trains and at its end. Patients whose remedies shall cure them are trained once more with the
settings that ``--apply`` wrote. What was found goes into a JSON file, run by run, so that it can be interrupted and go
on; ``--page`` writes docs/hospital.md from it.

    python benchmarks/hospital.py --seeds 5 --results hospital.json --page
"""

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from hospital_page import write_page
from hospital_patients import HEALTHY, MIXED, SICK, Patient
from hospital_visitors import TASKS, visitors

from sightline import train
from sightline.diagnosis.gather import read_history
from sightline.errors import NonFiniteError
from sightline.files import write_json
from sightline.findings import Finding
from sightline.run import Run
from sightline.workflow import live
from sightline.workflow.diagnose import diagnose_run
from sightline.workflow.evaluate import evaluate_run
from sightline.workflow.remedies import apply_remedies

HEALTHY_SEEDS = 2
"""Of each healthy training: there are as many of them as it takes for 30 and more."""


def main() -> int:
    """Train what is missing in the results, and write the page."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seeds", type=int, default=5, help="of each sick patient")
    options.add_argument("--results", type=Path, default=Path("hospital.json"))
    options.add_argument("--only", nargs="*", default=[], help="names of patients")
    options.add_argument("--work", type=Path, help="folder for data and runs; where missing, a temporary one")
    options.add_argument("--minutes", type=float, default=1e9, help="begin no run after so many")
    options.add_argument("--page", action="store_true", help="write docs/hospital.md")
    options.add_argument("--photos", type=Path, help="photographs in class folders, such as TrashNet, to train well on")
    options.add_argument("--weights", type=Path, help="of mobilenetv2_035, to fine-tune on the photographs")
    options.add_argument("--pictures", type=Path, help="Fashion-MNIST, to train well on")
    chosen = options.parse_args()
    begun = time.monotonic()
    with contextlib.ExitStack() as stack:
        work = chosen.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        work.mkdir(parents=True, exist_ok=True)
        results = load(chosen.results)
        healthy = (*HEALTHY, *TASKS, *visitors(chosen.photos, chosen.weights, chosen.pictures))
        for patient, seed in wanted(chosen.seeds, chosen.only, healthy):
            key = f"{patient.name}/{seed}"
            if key in results or time.monotonic() - begun > 60 * chosen.minutes:
                continue
            results[key] = treated(patient, seed, work)
            write_json(chosen.results, results)
            told = ", ".join(results[key]["rules"]) or "nothing"
            print(f"{key}: {told}  ({results[key]['seconds']:.1f} s)", file=sys.stderr, flush=True)
    if chosen.page:
        print(write_page(results, Path(__file__).parents[1] / "docs" / "hospital.md"))
    return 0


def load(path: Path) -> dict[str, Any]:
    """What was found before."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def wanted(seeds: int, only: list[str], healthy: tuple[Patient, ...] = HEALTHY) -> Iterator[tuple[Patient, int]]:
    """Patients and seeds: first one of everything, so that whatever is missing at the end is missing evenly."""
    for seed in range(seeds):
        patients = (*SICK, *MIXED, *(healthy if seed < HEALTHY_SEEDS else ()))
        yield from ((patient, seed) for patient in patients if not only or patient.name in only)


def treated(patient: Patient, seed: int, work: Path) -> dict[str, Any]:
    """Train a patient, diagnose it, and where its remedies shall cure it, train it again with them."""
    folder = work / "runs" / f"{patient.name.replace(' ', '-')}-{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    begun = time.perf_counter()
    findings = trained(patient, seed, work, folder / "sick")
    run = Run(folder / "sick")
    told: dict[str, int] = json.loads(run.findings.read_text(encoding="utf-8"))["told"]
    found: dict[str, Any] = {
        "rules": {
            one.rule: {"severity": one.severity, "step": told.get(one.rule), "message": one.message} for one in findings
        },
        "steps": len(read_history(run.records).steps),
        "seconds": round(time.perf_counter() - begun, 2),
    }
    if patient.cured:
        new = folder / "mended.yaml"
        applied = apply_remedies(run.folder, findings, new)
        with contextlib.suppress(NonFiniteError):
            train(None, config=new, run=folder / "mended")
        before, after = (figure(patient.cured, Run(folder / name)) for name in ("sick", "mended"))
        found["cure"] = {"figure": patient.cured, "before": before, "after": after, "settings": list(applied.taken)}
        found["cure"]["left"] = [one.rule for one in diagnose_run(folder / "mended")]
    shutil.rmtree(folder)
    return found


def trained(patient: Patient, seed: int, work: Path, run: Path) -> list[Finding]:
    """Train and evaluate; what is found then, with what was told while it trained."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch("sightline.evaluation.plots.draw_curves"))  # nobody looks at them
        if patient.memory:
            stack.enter_context(
                mock.patch.object(
                    live, "memory_limit", lambda _: int(Run(run).info()["memory"]["peak"] / patient.memory)
                )
            )
        try:
            train(patient.data(work, seed), run=run, settings=patient.wanted(seed))
            evaluate_run(run)
        except NonFiniteError:
            pass
        return diagnose_run(run)


def figure(name: str, run: Run) -> float:
    """The figure by which a cure is judged, at the end of a run."""
    history = read_history(run.records)
    evals, steps = history.evals, history.steps
    if name == "waiting":
        return float(steps.wait[5:].sum() / steps.seconds[5:].sum())
    if not len(evals):
        return float("nan") if name == "val_loss" else 0.0
    if name == "rare_recall":
        return float(evals.hits[-1, -3:].sum() / evals.true[-1, -3:].sum())
    return float(evals.loss[-1] if name == "val_loss" else np.nanmax(evals.score))


if __name__ == "__main__":
    sys.exit(main())
