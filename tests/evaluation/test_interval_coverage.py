"""95 % intervals cover the truth about 95 times in 100: the benchmark of the same name, at small scale."""

import importlib.util
from pathlib import Path

import pytest

_PATH = Path(__file__).parents[2] / "benchmarks" / "interval_coverage.py"


def benchmark():
    spec = importlib.util.spec_from_file_location("interval_coverage", _PATH)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["60 images", "20 groups of about 10"])
def test_intervals_keep_their_promise(name, monkeypatch):
    own = benchmark()
    case = next(case for case in own.CASES if case.name == name)
    monkeypatch.setattr(own, "TRUTH", 60_000)
    found = own.coverage(case, parts=150, resamples=80)
    # The standard error of a coverage of 95 % over 150 parts is 1.8 %.
    assert all(share >= 0.89 for share in found.values()), found
    # Images of one group taken for independent ones: the test can tell.
    if case.how == "groups":
        monkeypatch.setattr(own, "Design", lambda *_: own.IMAGES)
        assert own.coverage(case, parts=60, resamples=60)["accuracy"] < 0.88
