"""The user's own parts, from a file beside the config, found again from any folder."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sightline import Say, evaluate, export_run, open_trained, predict, report, resume, train
from sightline.errors import CheckpointError, NonFiniteError, PlugError
from sightline.run import Run
from sightline.workflow.environment import versions
from small_training import settings, steps_of, timeless, train_small, weights_of

MINE = """
import torch
from torch import nn
from torch.nn import functional

from sightline import Samples, read
from sightline.task.classification import Classification


def net(num_classes, in_chans, hidden=8):
    return nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16 * in_chans, hidden), nn.ReLU(),
                         nn.Linear(hidden, num_classes))


def squared(config):
    def loss(logits, targets):
        wanted = functional.one_hot(targets, logits.shape[1]).float()
        return ((logits - wanted) ** 2).mean(dim=1)

    return loss


def lion(groups, config):
    return torch.optim.RMSprop(groups)


def steps_down(config):
    return lambda progress: 1.0 if progress < 0.5 else 0.25


def only_two(path):
    samples = read(path)
    kept = [place for place, label in enumerate(samples.labels) if samples.classes[label] != "cat"]
    return Samples(root=samples.root, paths=samples.paths.take(kept), labels=samples.labels[kept],
                   classes=("ant", "bee"), parts=samples.parts[kept])


class Task(Classification):
    name = "mine"
"""
CONFIG = """
model: {name: "mine:net", options: {hidden: 6}}
task: {name: "mine:Task"}
data: {reader: "mine:only_two"}
train:
  loss: {name: "mine:squared"}
  optimizer: {name: "mine:lion"}
  schedule: {name: "mine:steps_down", warmup: 0st}
"""
LATE = """
from torch.nn import functional


def loss(config):
    done = []

    def each(logits, targets):
        if logits.requires_grad:
            done.append(0)
        if len(done) == 2:
            raise ValueError("no more")
        return functional.cross_entropy(logits, targets, reduction="none")

    return each
"""
OURS = {"model.name": None, "model.options": None}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a config and the user's file; the working folder is another one."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "mine.py").write_text(MINE)
    (folder / "my.yaml").write_text(CONFIG)
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "else")
    return folder


@pytest.fixture(autouse=True)
def found_anew(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Forget where plugs were found, as a new process would."""
    monkeypatch.setattr("sightline.plug._search", [])
    return lambda: monkeypatch.setattr("sightline.plug._search", [])


def test_every_part_may_be_the_users_own(project: Path, pictures: Path, tmp_path: Path, found_anew: Callable[[], None]):
    run = tmp_path / "run"
    trained = train(pictures, config=project / "my.yaml", settings=settings(**OURS), run=run)
    assert trained.ended == "finished"
    assert {name.split(".")[0] for name in weights_of(run)} == {"2", "4"}
    assert weights_of(run)["2.weight"].shape == (6, 48)
    assert weights_of(run)["4.weight"].shape == (2, 6)
    rates = [record["lr"] for record in timeless(run, "step")]
    assert rates[7:] == [rates[0] / 4] * 7
    assert "cat" not in Run(run).split.read_text()

    for verb in (resume, evaluate, report, export_run):
        found_anew()
        verb(run)
    found_anew()
    assert {answer.label for answer in predict(run, [pictures])} <= {"ant", "bee"}
    assert 'src="data:image/png;base64,' in Run(run).report.read_text()


def test_a_resumed_run_finds_the_users_parts(
    project: Path, pictures: Path, tmp_path: Path, found_anew: Callable[[], None], disturbed: Callable[[str], None]
):
    (project / "disturbed.py").write_text((tmp_path / "disturbed.py").read_text())
    own = settings(**OURS) | {"train.loss.name": "disturbed:loss"}
    disturbed("")
    whole = train(pictures, config=project / "my.yaml", settings=own, run=tmp_path / "whole")
    disturbed("6 SIGTERM")
    train(pictures, config=project / "my.yaml", settings=own, run=tmp_path / "run")
    disturbed("")
    found_anew()
    assert resume(tmp_path / "run").weights_sha256 == whole.weights_sha256


def test_weights_that_the_users_changed_model_cannot_take_are_told(
    project: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run = tmp_path / "run"
    train(pictures, config=project / "my.yaml", settings=settings(**OURS, train__steps=2), run=run)
    before = Run(run).read_records()
    (project / "mine.py").write_text(MINE.replace("nn.Linear(16 * in_chans, hidden), nn.ReLU()", "nn.Identity()"))
    monkeypatch.delitem(sys.modules, "sightline_plug_mine")
    told = (
        r"^the weights of step.* do not fit the network as it is built now \(.*run\)\n"
        r"  got: 3.weight is not in the checkpoint, 3.bias is not in the checkpoint, 2.weight .* and 3 more"
        rf"\n  next: give .*mine.py back .* made with sightline {versions()['sightline']}, .*torch"
    )
    for again in (evaluate, resume):
        with pytest.raises(CheckpointError, match=told):
            again(run)
    assert Run(run).read_records() == before


def test_a_loss_that_becomes_nan_stops_the_run_which_then_goes_on(
    pictures: Path, tmp_path: Path, disturbed: Callable[[str], None]
):
    own = {"train.loss.name": "disturbed:loss"}
    disturbed("")
    whole = train_small(pictures, tmp_path / "whole", **own)
    disturbed("8 nan")
    with pytest.raises(NonFiniteError) as raised:
        train_small(pictures, tmp_path / "run", **own)
    assert raised.value.what == "the loss became NaN or infinite at step 8"
    assert raised.value.where == str(tmp_path / "run")
    assert "the last good checkpoint is step-00000006.pt (step 6)" in raised.value.hint
    assert steps_of(tmp_path / "run") == list(range(1, 8))
    disturbed("")
    assert resume(tmp_path / "run").weights_sha256 == whole.weights_sha256
    assert timeless(tmp_path / "run") == timeless(tmp_path / "whole")


@pytest.mark.parametrize(
    ("setting", "source", "message"),
    [
        ("model.name", "def thing(num_classes, in_chans):\n    return 3", "'bad:thing' did not give a module"),
        ("model.name", "def thing():\n    return 3", "model 'bad:thing' does not take these arguments"),
        ("train.loss.name", "def thing(config):\n    return 3", "'bad:thing' did not give a loss function"),
        ("train.loss.name", "other = 3", "'bad' has no 'thing'"),
        ("train.loss.name", "1 / 0", "'bad.py' failed while it was imported"),
        ("data.reader", "def thing(path):\n    return 3", "the reader bad:thing does not return Samples"),
    ],
)
def test_a_part_that_breaks_its_contract_is_named_and_leaves_no_run(
    setting: str, source: str, message: str, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "bad.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    changes = {setting: "bad:thing"} | ({"model.options": None} if setting == "model.name" else {})
    with pytest.raises((PlugError, Exception), match=message) as raised:
        train_small(pictures, tmp_path / "run", **changes)
    assert type(raised.value).__module__ == "sightline.errors"
    assert not (tmp_path / "run").exists()


NET = """
from torch import nn


def make(num_classes, in_chans):
    return nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * in_chans, {hidden}), nn.ReLU(),
                         nn.Linear({hidden}, num_classes))
"""


def test_two_runs_with_files_of_one_name_keep_their_own(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    changes = settings(**{"model.name": "net:make", "model.options": None, "train.steps": 2})
    for name, hidden in (("one", 5), ("two", 9)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "net.py").write_text(NET.format(hidden=hidden))
        monkeypatch.chdir(tmp_path / name)
        train(pictures, settings=changes, run=tmp_path / name / "run")
    for name, hidden in (("one", 5), ("two", 9), ("one", 5)):
        assert open_trained(Run(tmp_path / name / "run")).module[2].out_features == hidden
        resume(tmp_path / name / "run")
    lesson = {"train.distill.teacher": str(tmp_path / "one" / "run")}
    train(pictures, settings=changes | lesson, run=tmp_path / "two" / "student")
    assert weights_of(tmp_path / "two" / "student")["2.weight"].shape[0] == 9
    (tmp_path / "two" / "net.py").write_text(NET.format(hidden=9) + "# another line\n")
    monkeypatch.chdir(tmp_path / "one")
    resume(tmp_path / "two" / "run", say=Say())
    told = f"WARNING: {tmp_path / 'two' / 'net.py'} has changed since this run began"
    assert told in capfd.readouterr().err.replace("\n", " ")


def test_a_fault_in_the_users_own_model_is_the_users_to_see_and_leaves_no_run(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "bad.py").write_text("def thing(num_classes, in_chans):\n    raise ValueError('too deep')\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"^too deep$"):
        train_small(pictures, tmp_path / "run", **{"model.name": "bad:thing", "model.options": None})
    assert not (tmp_path / "run").exists()


def test_a_fault_after_the_first_step_leaves_the_run(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "late.py").write_text(LATE)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"^no more$"):
        train_small(pictures, tmp_path / "run", **{"train.loss.name": "late:loss"})
    assert steps_of(tmp_path / "run") == [1] and Run(tmp_path / "run").config.is_file()
