"""The families of networks that the field expects: each learns, resumes exactly, and passes the gate of the export.

``benchmarks/model_families.py`` writes the same into the table of docs/models.md.
"""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("model_families", ROOT / "benchmarks" / "model_families.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["model_families"] = module
    spec.loader.exec_module(module)
    return module


PROGRAM = program()


@pytest.mark.slow
@pytest.mark.parametrize("family", PROGRAM.FAMILIES, ids=lambda family: family.member.rpartition(":")[2])
def test_a_family_learns_resumes_exactly_and_passes_the_gate(family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shuffle.py").write_text(PROGRAM.SHUFFLENET)
    PROGRAM.write_pictures(tmp_path / "pictures")
    tried = PROGRAM.try_family(family, tmp_path)
    sys.modules.pop("sightline_plug_shuffle", None)
    assert tried.learnt and tried.same and tried.gate < 1e-3


def test_the_table_of_the_docs_tells_of_every_family_that_is_tried():
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    table = page.partition(PROGRAM.BEGIN)[2].partition(PROGRAM.END)[0]
    told = [re.split(r" \| ", line.strip("| ")) for line in table.splitlines() if line.startswith("| ")][2:]
    assert [row[0] for row in told] == [family.name for family in PROGRAM.FAMILIES]
    assert all(row[3:5] == ["yes", "yes"] and row[5].startswith("passed") for row in told)
    expected = ["shufflenet_v2_x0_5" if ":" in one.member else one.member for one in PROGRAM.FAMILIES]
    assert [row[1].strip("`").rpartition(" ")[2] for row in told] == expected
