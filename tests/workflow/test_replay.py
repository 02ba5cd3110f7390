"""Where two runs part: found in their records, or by training their first steps again."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sightline import resume
from sightline.cli.replay import command
from sightline.errors import RunError
from sightline.run import Run
from sightline.workflow.replay import Parting, replay_runs
from small_training import content, timeless, train_small

DIGESTS: dict[str, Any] = {"train.digests": True, "train.steps": 6, "train.evaluate": "100%", "train.save": "100%"}

STAIRS = {"train.schedule.name": "milestones", "train.schedule.warmup": "1st"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Path:
    """Runs that differ in one thing each."""
    root = tmp_path_factory.mktemp("parting")
    for name, changes in {
        "one": {},
        "same": {},
        "silent": {"train.digests": False},
        "rate": {"train.schedule.name": "milestones", "train.schedule.at": ["3st"], "train.schedule.warmup": "1st"},
        "steady": {
            "train.schedule.name": "milestones",
            "train.schedule.at": ["5st"],
            "train.schedule.warmup": "1st",
        },
        "smooth": {"train.loss.label_smoothing": 0.2},
        "seed": {"seed": 1},
    }.items():
        train_small(pictures, root / name, **DIGESTS | changes)
    return root


def test_digests_change_neither_weights_nor_what_else_is_recorded(runs: Path):
    assert Run(runs / "one").info()["weights_sha256"] == Run(runs / "silent").info()["weights_sha256"]
    plain = [{k: v for k, v in one.items() if not k.startswith("digest_")} for one in timeless(runs / "one")]
    assert plain == timeless(runs / "silent")
    assert len({one["digest_batch"] for one in timeless(runs / "one", "step")}) == 6


def test_runs_that_are_equal_are_told_so_by_their_records(runs: Path):
    found = replay_runs(runs / "one", runs / "same")
    assert found == Parting(settings={}, compared=6, retrained=False, step=None)


@pytest.mark.parametrize(
    ("pair", "step", "parts", "setting"),
    [
        (("rate", "steady"), 4, ("weights",), "train.schedule.at"),
        (("one", "smooth"), 1, ("gradients", "weights"), "train.loss.label_smoothing"),
        (("one", "seed"), 1, ("batch", "gradients", "weights"), "seed"),
    ],
)
def test_the_records_tell_the_first_step_and_what_differs(
    pair: tuple[str, str], step: int, parts: tuple[str, ...], setting: str, runs: Path
):
    found = replay_runs(runs / pair[0], runs / pair[1])
    assert (found.step, found.parts, found.retrained) == (step, parts, False)
    assert setting in found.settings


def test_training_again_names_the_tensors_and_leaves_the_runs_alone(runs: Path):
    before = content(runs)
    found = replay_runs(runs / "one", runs / "smooth", steps=2)
    assert (found.step, found.parts, found.retrained, found.unlike) == (1, ("gradients", "weights"), True, {})
    assert found.tensors[0] == "head.bias" and "stem.0.weight" in found.tensors and found.of == len(found.tensors)
    other = replay_runs(runs / "rate", runs / "steady", steps=5)
    assert (other.step, other.parts) == (4, ("weights",))
    weights = replay_runs(runs / "one", runs / "seed", steps=1)
    assert (weights.step, weights.parts) == (0, ("weights",)) and "head.weight" in weights.tensors
    assert content(runs) == before


def test_without_digests_the_first_steps_are_trained_again_and_agree_with_the_records(runs: Path):
    found = replay_runs(runs / "one", runs / "silent")
    assert (found.step, found.compared, found.retrained, found.unlike) == (None, 6, True, {})
    assert set(found.settings) == {"train.digests"}


def test_a_run_that_does_not_repeat_itself_is_found(runs: Path, tmp_path: Path):
    shutil.copytree(runs / "one", tmp_path / "run")
    records = Run(tmp_path / "run").records
    lines = [json.loads(line) for line in records.read_text().splitlines()]
    next(line for line in lines if line["kind"] == "step" and line["step"] == 3)["loss"] += 1e-6
    records.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert replay_runs(tmp_path / "run", tmp_path / "run", steps=4).unlike == {str(tmp_path / "run"): 3}


def test_a_run_that_was_never_prepared_is_no_run_to_compare(tmp_path: Path, runs: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError):
        replay_runs(runs / "one", tmp_path / "empty")
    shutil.copytree(runs / "one", tmp_path / "young")
    Run(tmp_path / "young").contract.unlink()
    with pytest.raises(RunError, match="has not been trained"):
        replay_runs(runs / "one", tmp_path / "young")


def test_a_resumed_run_has_the_digests_of_one_that_was_not(runs: Path, tmp_path: Path, pictures: Path):
    train_small(pictures, tmp_path / "run", **DIGESTS | {"train.save": "2st"})
    resume(tmp_path / "run", start_from="step-00000004.pt")
    found = replay_runs(tmp_path / "run", runs / "one")
    assert (found.step, found.compared, set(found.settings)) == (None, 6, {"train.save"})


@pytest.mark.parametrize(
    ("pair", "more", "lines"),
    [
        (("one", "same"), [], ["6 steps of the records are equal"]),
        (
            ("one", "smooth"),
            [],
            [
                "differs: train.loss.label_smoothing  0.1 | 0.2",
                "they part at step 1: the gradients differ, its batch is the same (weights follow)",
            ],
        ),
        (
            ("one", "seed"),
            ["--steps", "1"],
            ["they part before the first step: the weights at the start differ", "first: stem.0.weight  ("],
        ),
        (("silent", "silent"), [], ["the first 6 steps, trained again, are equal"]),
    ],
)
def test_the_verb_says_it_in_lines(pair: tuple[str, str], more: list[str], lines: list[str], runs: Path):
    done = CliRunner().invoke(command, [str(runs / pair[0]), str(runs / pair[1]), *more])
    assert done.exit_code == 0
    for line in lines:
        assert line in done.stdout
    document = CliRunner().invoke(command, [str(runs / pair[0]), str(runs / pair[1]), *more, "--json"])
    assert json.loads(document.stdout)["compared"] in (1, 6)
