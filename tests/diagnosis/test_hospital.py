"""The hospital's patients, two sick ones and a healthy one, from the training to the mended settings."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from sightline.diagnosis.diagnose import RULES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        yield importlib.import_module("hospital")


def patient(hospital: Any, name: str) -> Any:
    return next(one for one in (*hospital.SICK, *hospital.HEALTHY) if one.name == name)


def test_a_rate_far_too_low_is_found_and_cured(hospital: Any, tmp_path: Path):
    found = hospital.treated(patient(hospital, "lr_low"), 0, tmp_path)
    assert "lr_low" in found["rules"] and "lr_low" not in found["cure"]["left"]
    assert found["cure"]["before"] < 0.5
    assert found["cure"]["after"] > 0.8


def test_a_clip_that_always_acts_is_found(hospital: Any, tmp_path: Path):
    assert "always_clipped" in hospital.treated(patient(hospital, "always_clipped"), 0, tmp_path)["rules"]


def test_a_healthy_training_hears_of_nothing(hospital: Any, tmp_path: Path):
    assert hospital.treated(patient(hospital, "cnn"), 0, tmp_path)["rules"] == {}


def test_every_rule_has_a_patient(hospital: Any):
    assert {one.name for one in hospital.SICK} == set(RULES)


def test_the_results_are_kept_run_by_run(hospital: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    done: list[str] = []

    def treated(one: Any, seed: int, _: Path) -> dict[str, Any]:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(f"{one.name}/{seed}")
        return {"rules": {}, "steps": 1, "seconds": 1.0}

    monkeypatch.setattr(hospital, "treated", treated)
    words = [
        "hospital",
        "--results",
        str(tmp_path / "found.json"),
        "--seeds",
        "1",
        "--only",
        "lr_low",
        "memory",
        "frozen",
        "cnn",
    ]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(KeyboardInterrupt):
        hospital.main()
    assert list(json.loads((tmp_path / "found.json").read_text())) == done
    done.append("room for one more")
    hospital.main()
    assert len(json.loads((tmp_path / "found.json").read_text())) == 4


def test_every_rule_has_a_section_in_the_docs_and_a_row_in_the_hospital():
    page = (ROOT / "docs" / "diagnosis.md").read_text(encoding="utf-8")
    rows = (ROOT / "docs" / "hospital.md").read_text(encoding="utf-8")
    for name in RULES:
        assert f"\n### {name}\n" in page, name
        assert f"| [{name}](diagnosis.md#{name}) |" in rows, name


def test_every_healthy_training_stands_on_the_page(hospital: Any):
    page = importlib.import_module("hospital_page")
    visitors = importlib.import_module("hospital_visitors").visitors(Path("photos"), Path("weights"), Path("pictures"))
    names = [one.name for one in (*hospital.HEALTHY, *hospital.TASKS, *visitors)]
    assert list(page.WELL) == names
    assert len(set(names)) == len(names)
