"""A training is diagnosed while it goes on and afterwards; remedies go into a new file and never into the run."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml

import sightline
from sightline.cli import main
from sightline.config_file import load_resolved
from sightline.diagnosis.case import Case
from sightline.errors import ConfigError, NonFiniteError, PlugError, RunError
from sightline.machine import whole_memory
from sightline.run import Run
from sightline.training.checkpoint import Checkpoints
from sightline.workflow import live
from sightline.workflow.facts import facts_of
from sightline.workflow.remedies import apply_remedies
from small_training import LOSS, content, settings, steps_of, train_small, write_pictures

COPIES = "copies_across_parts"
RULE = '''
from sightline import Finding


def always(case):
    """Says something about every training."""
    told = {"steps": len(case.history.steps)}
    return Finding(rule="always", severity="note", message="it trains", remedy="go on", evidence=told)


def broken(case):
    """Cannot be asked."""
    raise ZeroDivisionError("oops")
'''


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("diagnosed") / "pictures")


@pytest.fixture(scope="module")
def copied(pictures: Path) -> Path:
    """A table whose validation part has copies of training images, and which is evaluated often."""
    rows = ["path,label,part"]
    for place, image in enumerate(sorted(pictures.glob("*/*.png"))):
        rows.append(f"{image},{image.parent.name},{'train' if place % 3 else 'val'}")
        if place % 9 == 0:
            other = image.with_name(f"copy-{image.name}")
            shutil.copy(image, other)
            rows.append(f"{other},{image.parent.name},train")
    table = pictures.parent / "copied.csv"
    table.write_text("\n".join(rows) + "\n")
    return table


@pytest.fixture(scope="module")
def sick(copied: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with copies and a warm-up that takes most of it."""
    run = tmp_path_factory.mktemp("runs") / "sick"
    train_small(copied, run, data__check="warn", train__schedule__warmup="80%")
    return run


def rules_of(run: Path) -> list[str]:
    return [finding.rule for finding in sightline.diagnose(run)]


def test_findings_lie_in_the_run_with_the_step_at_which_they_were_told(sick: Path):
    document = json.loads((sick / "findings.json").read_text())
    assert {one["rule"] for one in document["findings"]} >= {COPIES, "long_warmup"}
    assert document["told"]["long_warmup"] == 1 or document["told"]["long_warmup"] == 4
    assert all(one["page"] == f"docs/diagnosis.md#{one['rule']}" for one in document["findings"])


def test_a_run_is_diagnosed_as_it_was_at_its_end(sick: Path):
    document = json.loads((sick / "findings.json").read_text())
    assert rules_of(sick) == [one["rule"] for one in document["findings"]]


def test_each_finding_is_told_once(copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    sightline.train(
        copied,
        run=tmp_path / "run",
        settings=settings(data__check="warn", train__schedule__warmup="80%"),
        say=sightline.Say(),
    )
    told = capsys.readouterr().err
    assert told.count("[long_warmup]; try -s train.schedule.warmup=5%") == 1
    assert told.count(f"[{COPIES}]") == 1


def test_a_resumed_run_does_not_repeat_what_was_told(copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    wish = settings(data__check="warn", train__schedule__warmup="80%", train__save="2st")
    sightline.train(copied, run=tmp_path / "run", settings=wish)
    checkpoints = Checkpoints(tmp_path / "run" / "checkpoints").entries()
    sightline.resume(tmp_path / "run", start_from=checkpoints[-2].file, say=sightline.Say())
    assert "[long_warmup]" not in capsys.readouterr().err
    assert steps_of(tmp_path / "run") == list(range(1, 15))


def test_nothing_changes_in_a_run_that_is_diagnosed(sick: Path, tmp_path: Path):
    before = content(sick)
    apply_remedies(sick, sightline.diagnose(sick), tmp_path / "mended.yaml")
    assert content(sick) == before


def test_remedies_go_into_a_file_that_can_be_trained_with(sick: Path, copied: Path, tmp_path: Path):
    applied = apply_remedies(sick, sightline.diagnose(sick), tmp_path / "mended.yaml")
    assert applied.taken["train.schedule.warmup=5%"] == "long_warmup" and not applied.left
    text = (tmp_path / "mended.yaml").read_text()
    assert "    warmup: 5%  # for long_warmup" in text
    assert yaml.safe_load(text)["data"]["path"] == str(copied)
    sightline.train(None, config=tmp_path / "mended.yaml", run=tmp_path / "mended")
    assert "long_warmup" not in rules_of(tmp_path / "mended")
    config = load_resolved(tmp_path / "mended" / "config.yaml")
    assert config.train.batch_size == 7 and config.train.schedule.warmup == "5%"


def test_the_best_baseline_of_an_evaluation_is_what_a_run_is_held_against(sick: Path, tmp_path: Path):
    run = shutil.copytree(sick, tmp_path / "run")
    figures = sightline.evaluate(run, part="val")
    facts = facts_of(Run(run))
    assert facts.baseline == max(one["value"] for one in figures["baselines"])
    assert facts.baseline_name in {one["name"] for one in figures["baselines"]}
    assert facts_of(Run(sick)).baseline is None


def test_what_auto_chose_is_left_to_be_chosen_anew(sick: Path, tmp_path: Path):
    apply_remedies(sick, sightline.diagnose(sick), tmp_path / "mended.yaml")
    text = (tmp_path / "mended.yaml").read_text()
    assert "weight_decay" not in text and "sampler" not in text and "batch_size: 7" in text


def test_a_remedy_that_is_refused_beside_the_others_is_left_out(sick: Path, tmp_path: Path):
    wishes = ("train.schedule.name=constant", "train.schedule.final=0.5", "train.lr=0.01")
    finding = sightline.Finding(rule="mine", severity="note", message="m", remedy="r", settings=wishes)
    applied = apply_remedies(sick, [finding], tmp_path / "mended.yaml")
    assert list(applied.taken) == ["train.schedule.name=constant", "train.lr=0.01"]
    assert "train.schedule.final has no effect" in applied.left["train.schedule.final=0.5"]


def test_of_two_findings_the_first_decides(sick: Path, tmp_path: Path):
    findings = [
        sightline.Finding(rule=name, severity="note", message="m", remedy="r", settings=(f"train.lr={rate}",))
        for name, rate in (("one", 0.25), ("two", 0.5))
    ]
    applied = apply_remedies(sick, findings, tmp_path / "mended.yaml")
    assert applied.taken == {"train.lr=0.25": "one"}
    assert yaml.safe_load((tmp_path / "mended.yaml").read_text())["train"]["lr"] == 0.25


def test_an_entry_of_a_table_is_changed_beside_the_others(sick: Path, tmp_path: Path):
    wish = ("model.options.width=8",)
    finding = sightline.Finding(rule="mine", severity="note", message="m", remedy="r", settings=wish)
    apply_remedies(sick, [finding], tmp_path / "mended.yaml")
    assert yaml.safe_load((tmp_path / "mended.yaml").read_text())["model"]["options"] == {"width": 8, "norm": "group"}


def test_a_file_that_is_there_is_not_replaced(sick: Path, tmp_path: Path):
    (tmp_path / "mended.yaml").write_text("mine")
    with pytest.raises(ConfigError, match="is there already"):
        apply_remedies(sick, [], tmp_path / "mended.yaml")
    assert (tmp_path / "mended.yaml").read_text() == "mine"


def test_a_number_that_is_none_is_diagnosed_with_its_step(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "disturbed.py").write_text(LOSS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIGHTLINE_TEST_AT", "6 nan")
    with pytest.raises(NonFiniteError):
        train_small(pictures, tmp_path / "run", train__loss__name="disturbed:loss")
    finding = next(one for one in sightline.diagnose(tmp_path / "run") if one.rule == "non_finite")
    assert finding.evidence["step"] == 6 and "became NaN or infinite at step 6" in finding.message
    assert json.loads((tmp_path / "run" / "findings.json").read_text())["told"]["non_finite"] == 6
    monkeypatch.delenv("SIGHTLINE_TEST_AT")
    heard = list[tuple[int, bool]]()

    def listening(case: Case, *_: object) -> list[sightline.Finding]:
        heard.append((case.done, case.over))
        return []

    monkeypatch.setattr(live, "diagnose", listening)
    sightline.resume(tmp_path / "run")
    assert heard == [(8, False), (12, False), (14, True), (14, True)]  # what had ended it is forgotten
    assert "non_finite" not in rules_of(tmp_path / "run")


def test_the_warm_up_after_a_freeze_is_a_share_of_what_is_left(copied: Path, tmp_path: Path):
    wish = {"train__freeze": "6st", "train__freezing.lr_while": 0.01, "train__schedule__warmup": "50%"}
    train_small(copied, tmp_path / "run", data__check="warn", **wish)
    facts = facts_of(Run(tmp_path / "run"))
    assert (facts.frozen, facts.warmup, facts.steps) == (6, 4, 14)


def test_the_processes_that_shared_a_batch_are_known(sick: Path):
    assert Run(sick).info()["world"] == facts_of(Run(sick)).world == 1


def test_the_memory_of_several_devices_is_that_of_all_of_them(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=10))
    assert live.memory_limit([torch.device("cuda", 0), torch.device("cuda", 1)]) == 20
    assert live.memory_limit([torch.device("cpu")]) == whole_memory()


def test_a_rule_of_ones_own_is_asked_while_training_and_later(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "my_rules.py").write_text(RULE)
    monkeypatch.chdir(tmp_path)
    train_small(pictures, tmp_path / "run", watch__rules=["my_rules:always"])
    assert "always" in json.loads(Run("run").findings.read_text())["told"]
    assert "always" in rules_of(tmp_path / "run")


def test_a_rule_that_fails_ends_no_training(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "my_rules.py").write_text(RULE)
    monkeypatch.chdir(tmp_path)
    wish = settings(watch__rules=["my_rules:broken"])
    trained = sightline.train(pictures, run=tmp_path / "run", settings=wish, say=sightline.Say())
    assert trained.ended == "finished"
    assert "warning: the diagnosis failed" in capsys.readouterr().err
    with pytest.raises(PlugError, match=r"the rule my_rules:broken failed"):
        sightline.diagnose(tmp_path / "run")


def test_a_rule_that_is_not_there_is_told_before_the_training(pictures: Path, tmp_path: Path):
    with pytest.raises(PlugError, match="no_such_file"):
        train_small(pictures, tmp_path / "run", watch__rules=["no_such_file:rule"])
    assert not (tmp_path / "run").exists()


def test_a_folder_without_a_run_is_told(tmp_path: Path):
    with pytest.raises(RunError, match="is not a run"):
        sightline.diagnose(tmp_path)


def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: Any) -> tuple[str, str]:
    monkeypatch.setattr("sys.argv", ["sightline", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None)
    return capsys.readouterr()


def test_the_verb_lists_findings_and_writes_settings(
    sick: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    out, err = call(capsys, monkeypatch, "diagnose", sick)
    assert "long_warmup" in out and "-s train.schedule.warmup=5%" in out and "docs/diagnosis.md#long_warmup" in out
    assert f"next: sightline diagnose {sick} --apply" in err
    _, err = call(capsys, monkeypatch, "diagnose", sick, "--apply", tmp_path / "new.yaml")
    assert f"next: look at {tmp_path / 'new.yaml'}" in err and (tmp_path / "new.yaml").exists()


def test_the_verb_gives_json(sick: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    out, _ = call(capsys, monkeypatch, "diagnose", sick, "--json")
    found = {one["rule"]: one for one in json.loads(out)["findings"]}
    assert found["long_warmup"]["settings"] == ["train.schedule.warmup=5%"]
    assert found["long_warmup"]["evidence"]["share"] > found["long_warmup"]["threshold"]["share"]


def test_the_report_shows_the_findings(sick: Path):
    page = sightline.report(sick).read_text(encoding="utf-8")
    assert "Diagnosis" in page and "<code>-s train.schedule.warmup=5%</code>" in page
