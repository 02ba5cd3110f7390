"""What happens to a run goes by its files: damage is noticed and left behind, clocks do not matter, SIGTERM is kept."""

import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ranks import Alone
from sightline import Say, resume
from sightline.errors import CheckpointError, RunError
from sightline.run import Run
from sightline.training.checkpoint import Checkpoints
from small_training import best_of, steps_of, timeless, train_small, words


def spoil(run: Path, count: int) -> list[str]:
    """Damage the latest checkpoints; gives their names, newest first."""
    checkpoints = Checkpoints(run / "checkpoints")
    names = [entry.file for entry in checkpoints.entries()][::-1][:count]
    for name in names:
        path = checkpoints.folder / name
        path.write_bytes(path.read_bytes()[:-1])
    return names


def test_a_damaged_checkpoint_is_left_out_with_a_loud_word_and_the_end_is_the_same(
    tmp_path: Path, pictures: Path, capfd: pytest.CaptureFixture[str]
):
    run = tmp_path / "run"
    trained = train_small(pictures, run)
    expected, best = timeless(run, "step", "eval", "save"), best_of(run)
    last, good = spoil(run, 1)[0], Checkpoints(run / "checkpoints").entries()[-2]
    again = resume(run, say=Say())
    told = capfd.readouterr().err
    lost = 14 - good.step
    assert f"WARNING: the checkpoint {last} is damaged or missing; going back to {good.file}" in told
    assert f"training the {lost} steps after it again" in told
    assert (again.weights_sha256, again.ended) == (trained.weights_sha256, "finished")
    assert timeless(run, "step", "eval", "save") == expected and best_of(run) == best
    assert Checkpoints(run / "checkpoints").is_good(Checkpoints(run / "checkpoints").named("last"))


def test_without_a_good_checkpoint_nothing_is_made_up(tmp_path: Path, pictures: Path):
    train_small(pictures, tmp_path / "run")
    spoil(tmp_path / "run", 9)
    with pytest.raises(CheckpointError, match="no other checkpoint is good; train again with -c"):
        resume(tmp_path / "run")


def test_a_checkpoint_that_was_asked_for_by_name_is_not_replaced_by_another(tmp_path: Path, pictures: Path):
    train_small(pictures, tmp_path / "run")
    name = spoil(tmp_path / "run", 1)[0]
    with pytest.raises(CheckpointError, match=f"the checkpoint {name} is damaged"):
        resume(tmp_path / "run", start_from=name)


def test_a_checkpoint_is_not_asked_for_in_vain_before_the_first(tmp_path: Path, pictures: Path):
    run = train_small(pictures, tmp_path / "run", train__steps=2).run
    shutil.rmtree(run.checkpoints)
    with pytest.raises(RunError, match=r"no checkpoint 'step-2\.pt': there is none yet"):
        resume(run.folder, start_from="step-2.pt")


def test_clocks_that_jump_change_nothing(
    tmp_path: Path, pictures: Path, disturbed: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
):
    run = tmp_path / "run"
    disturbed(f"0 copy {run} {tmp_path / 'at'}")
    now = iter(range(10**9, 0, -(10**6)))
    monkeypatch.setattr(time, "time", lambda: float(next(now)))  # every look at the clock is eleven days earlier
    whole = train_small(pictures, run, **{"train.loss.name": "disturbed:loss"})
    disturbed("")
    for number, path in enumerate(sorted((tmp_path / "at" / "9").rglob("*"))):
        os.utime(path, (4e9 - 1e9 * (number % 5),) * 2)  # files from 1970 to 2096, newer and older than one another
    resumed = resume(tmp_path / "at" / "9")
    assert resumed.weights_sha256 == whole.weights_sha256
    assert timeless(tmp_path / "at" / "9") == timeless(run)


def test_nothing_is_decided_by_the_time_of_day():
    """Durations are measured with clocks that only go forward; a date is written for people alone."""
    source = Path(__file__).parents[2] / "src"
    found = [
        str(path.relative_to(source))
        for path in source.rglob("*.py")
        if re.search(r"\btime\.time\(|\btime\(\)|getmtime|datetime\.now", path.read_text(encoding="utf-8"))
    ]
    assert sorted(found) == [
        "sightline/evaluation/check_page.py", "sightline/evaluation/comparison.py", "sightline/export/write.py",
        "sightline/sinks/mlflow_run.py", "sightline/workflow/fit.py",
    ], "these write a date into a document"  # fmt: skip


READER = """
import time
from sightline import read

def slow(path):
    print("reading", flush=True)
    time.sleep(600)
    return read(path)
"""


def test_sigterm_while_the_data_is_read_ends_at_once_and_the_run_can_go_on(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reader.py").write_text(READER)
    process = Alone("train", str(pictures), "--run", "run", *words(**{"data.reader": "reader:slow"}))
    process.wait_for("reading")
    process.signal(signal.SIGTERM)
    assert process.end() == 0
    assert process.told().splitlines()[-2:] == [
        "ended by SIGTERM before the first step; nothing that was trained is lost",
        "next: sightline resume run",
    ]
    (tmp_path / "reader.py").write_text(READER.replace("600", "0"))
    assert resume(tmp_path / "run").weights_sha256 == train_small(pictures, tmp_path / "whole").weights_sha256


JUDGE = """
import signal
from torch.nn.functional import cross_entropy

def loss(config):
    judged = []

    def each(logits, targets):
        if not logits.requires_grad:
            judged.append(0)
            if len(judged) == 3:  # the first is a trial before the first step
                signal.raise_signal(signal.SIGTERM)
        return cross_entropy(logits, targets, reduction="none", label_smoothing=config.label_smoothing)

    return each
"""


def test_sigterm_in_an_evaluation_lets_it_end_and_saves(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    whole = train_small(pictures, tmp_path / "whole", watch__seen=0)
    Path("judge.py").write_text(JUDGE)
    own = {"train.loss.name": "judge:loss", "evaluation.batch_size": 9, "watch.seen": 0}
    stopped = train_small(pictures, tmp_path / "run", **own)
    assert (stopped.ended, stopped.step) == ("SIGTERM", 8)
    assert timeless(tmp_path / "run", "eval")[-1]["step"] == 8
    resumed = resume(tmp_path / "run")
    assert resumed.weights_sha256 == whole.weights_sha256
    assert steps_of(tmp_path / "run") == list(range(1, 15)) and timeless(tmp_path / "run") == timeless(
        tmp_path / "whole"
    )
    assert Run(tmp_path / "run").info()["state"] == "done"
