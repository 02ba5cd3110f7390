"""Energy counters: read where there are some, and said why not where there are none."""

import stat
import sys
from pathlib import Path

import pytest

from sightline.evaluation.costs import interleaved, joules
from sightline.evaluation.energy import Energy


def counter(folder: Path, name: str, microjoules: int) -> Path:
    package = folder / name
    package.mkdir(exist_ok=True)
    (package / "energy_uj").write_text(f"{microjoules}\n")
    (package / "max_energy_range_uj").write_text("10000000\n")
    return package


def test_the_counters_of_all_packages_are_added(tmp_path: Path):
    for name in ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"):
        counter(tmp_path, name, 1_000_000)
    meter = Energy(powercap=tmp_path)
    assert meter.absent == ""
    meter.start()
    for name, value in {"intel-rapl:0": 3_500_000, "intel-rapl:1": 1_500_000, "intel-rapl:0:0": 9_000_000}.items():
        counter(tmp_path, name, value)
    assert meter.stop() == 3.0  # the domain inside of a package is in its figure already


def test_a_counter_that_began_again_is_read_rightly(tmp_path: Path):
    counter(tmp_path, "intel-rapl:0", 9_000_000)
    meter = Energy(powercap=tmp_path)
    meter.start()
    counter(tmp_path, "intel-rapl:0", 500_000)
    assert meter.stop() == 1.5


def test_what_is_absent_is_said(tmp_path: Path):
    assert "is not shown to this system" in Energy(powercap=tmp_path).absent
    package = counter(tmp_path, "intel-rapl:0", 1)
    (package / "energy_uj").unlink()
    (package / "energy_uj").mkdir()
    assert "may be read by root only" in Energy(powercap=tmp_path).absent
    assert "no-such-program tells no power of GPU 0" in Energy(gpu=0, command="no-such-program").absent
    assert joules([lambda: None], Energy(powercap=tmp_path)) == ([None], Energy(powercap=tmp_path).absent)


def test_the_power_of_a_gpu_is_sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!{sys.executable}\nprint('200.00')\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr("sightline.evaluation.costs._COUNTED", 0.2)
    (found,), absent = joules([lambda: None], Energy(gpu=0, command=str(program)))
    assert absent == "" and found is not None and found > 0


def test_works_take_turns():
    order: list[str] = []
    times = interleaved([lambda: order.append("a"), lambda: order.append("b")], rounds=4)
    assert [len(one) for one in times] == [4, 4]
    assert "".join(order[6:]) == "abbaabba"


def test_a_slow_work_is_timed_three_times_at_least():
    assert [len(one) for one in interleaved([lambda: None], rounds=50, seconds=0.0)] == [3]
