"""``sightline split`` as a person uses it: groups, folds, reports, and files that changed since."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sightline.files import sha256_of

Command = Callable[..., object]
QUICK = ("train.steps=2", "model.name=cnn", "model.options={width: 4}", "data.image_size=12", "train.precision=fp32")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def scans(tmp_path: Path, image_folder: Callable[..., Path]) -> Path:
    """Pictures of twelve patients, three or four of each in either class, and a copy in another patient's name."""
    root = tmp_path / "scans"
    source = image_folder(tmp_path / "source", {"sick": 42, "well": 40})
    for name in ("sick", "well"):
        (root / name).mkdir(parents=True)
        for number, path in enumerate(sorted((source / name).iterdir())):
            shutil.copy(path, root / name / f"patient{number % 12}_{number}.png")
    shutil.copy(root / "sick" / "patient3_3.png", root / "sick" / "patient8_99.png")
    return root


def test_groups_and_copies_are_kept_together_and_check_finds_no_leak(command: Command, scans: Path, tmp_path: Path):
    out, report = tmp_path / "split.csv", tmp_path / "split.json"
    done = command("split", scans, "-s", r"data.group=patient(\d+)", "--out", out, "--report", report)
    assert done.code == 0, done.err
    assert "kept together: 12 groups" in done.err
    assert "kept together: 2 images that are copies of one another (1 pictures)" in done.err
    parts: dict[str, set[str]] = {}
    for row in rows_of(out):
        parts.setdefault(row["group"], set()).add(row["part"])
    assert len(parts) == 12 and all(len(names) == 1 for names in parts.values())
    assert parts["3"] == parts["8"], "the copy joins two patients"
    checked = command("check", out, "-s", f"data.root={scans}")
    assert checked.code == 0 and "across_parts" not in checked.out

    written = json.loads(report.read_text())
    assert written["copies"] == [["sick/patient3_3.png", "sick/patient8_99.png"]]
    assert written["groups"]["3"] == 8 and sum(written["groups"].values()) == written["images"] == 83
    assert written["settings"]["data.group"] == r"patient(\d+)" and written["settings"]["seed"] == 0
    [file] = written["files"]
    assert file["sha256"] == sha256_of(out) and sum(file["parts"].values()) == 83
    assert file["classes"]["well"]["test"] == sum(
        row["label"] == "well" and row["part"] == "test" for row in rows_of(out)
    )


def test_apart_they_leak_and_check_says_so(command: Command, scans: Path, tmp_path: Path):
    out = tmp_path / "split.csv"
    for seed in range(20):  # some seed divides the two copies
        command("split", scans, "-s", "data.duplicates=apart", "-s", f"seed={seed}", "--out", out)
        checked = command("check", out, "-s", f"data.root={scans}", "-s", r"data.group=patient(\d+)", "--json")
        told = [(one["rule"], one["message"]) for one in json.loads(checked.out)["findings"]]
        torn = [message for rule, message in told if rule == "groups.across_parts"]
        assert any(message.startswith("group '0' lies in several parts: train") for message in torn)
        if checked.code == 1:
            assert "duplicates.across_parts" in dict(told)
            return
    pytest.fail("twenty seeds kept two images together")


def test_folds_are_disjoint_and_complete_and_one_can_be_trained_on(command: Command, scans: Path, tmp_path: Path):
    done = command(
        "split", scans, "-s", r"data.group=patient(\d+)", "--folds", 3, "--out", tmp_path / "s.csv", "--report",
        tmp_path / "s.md",
    )  # fmt: skip
    assert done.code == 0, done.err
    files = [tmp_path / f"s.fold{fold}.csv" for fold in range(3)]
    assert [line.split("  ")[0] for line in done.out.splitlines()] == [
        *(f"split {path}" for path in files), f"report {tmp_path / 's.md'}",
    ]  # fmt: skip
    tested = [{row["path"] for row in rows_of(path) if row["part"] == "test"} for path in files]
    assert sum(map(len, tested)) == len(set.union(*tested)) == 83
    for path in files:
        assert {row["part"] for row in rows_of(path)} == {"train", "val", "test"}
        assert f"SHA-256 `{sha256_of(path)}`" in (tmp_path / "s.md").read_text()
    settings = [word for setting in (f"data.root={scans}", *QUICK) for word in ("-s", setting)]
    trained = command("train", files[2], "--run", tmp_path / "run", *settings)
    assert trained.code == 0, trained.err
    used = {row["path"] for row in rows_of(tmp_path / "run" / "split.csv") if row["part"] == "test"}
    assert used == tested[2]
    again = command("split", scans, "--folds", 2, "--out", tmp_path / "s.csv")
    assert "of another division, left as they are: s.fold2.csv" in again.err


def test_changed_files_are_refused_in_training_evaluation_and_check(command: Command, scans: Path, tmp_path: Path):
    out, run = tmp_path / "split.csv", tmp_path / "run"
    root = f"data.root={scans}"
    command("split", scans, "--out", out)
    settings = [word for setting in (root, *QUICK) for word in ("-s", setting)]
    assert command("train", out, "--run", run, *settings).code == 0
    copied = tmp_path / "scans.csv"
    copied.write_text(out.read_text().replace("sick/", f"{scans}/sick/").replace("well/", f"{scans}/well/"))
    assert command("evaluate", run, "--data", copied).code == 0
    [changed, *_] = [row["path"] for row in rows_of(out) if row["part"] == "test"]
    other = next(path for path in (scans / changed).parent.iterdir() if path.name != Path(changed).name)
    shutil.copy(other, scans / changed)

    for words in (("train", out, "--run", tmp_path / "second", *settings), ("evaluate", run, "--data", copied)):
        done = command(*words)
        assert done.code == 1
        assert "1 of 83 images are not those that the split was made with" in done.err
        assert changed in done.err
    done = command("evaluate", run)
    assert done.code == 1 and f"1 images changed since the run was made ({scans})\n  got: {changed}\n" in done.err
    done = command("check", out, "-s", root, "--json")
    told = {one["rule"]: one["message"] for one in json.loads(done.out)["findings"]}
    assert done.code == 1
    assert told["files.changed"] == f"1 files are not those that the split was made with: {changed}"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--folds", "5", "-s", "data.test=0.2"), "data.test has no effect: the folds are the test parts"),
        (("-s", "train.epochs=3", "-s", "data.image_size=64"), "train.epochs, data.image_size have no effect: a split"),
        (("-s", "data.targets=[a]"), "data.targets has no effect: a class stands in the label column"),
        (("--folds", "5", "-s", "data.time=true"), "data.time has no effect: folds are not in order of time"),
        (("-s", "data.time=true"), "there are no times to divide by (data.time)"),
        (("-s", "data.group=none"), "data.group has no effect: the data set has no groups"),
        (("-s", r"data.group=doctor\d"), "finds no group in 83 of 83 paths (data.group)"),
        (("-s", "data.val=0", "-s", "data.test=0", "-s", "data.duplicates=apart"), "there is nothing to divide"),
        (("--report", "split.txt"), "the ending of the report says how to write it (--report)"),
        (("--out", "x.json", "--report", "x.json"), "the report would be written over the split"),
    ],
)
def test_what_has_no_effect_or_no_sense_is_refused(
    command: Command, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], told: str
):
    monkeypatch.chdir(tmp_path)
    done = command("split", scans, *words)
    assert done.code != 0 and told in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scans", "source"], "nothing was written"


def test_settings_that_given_parts_leave_without_effect(command: Command, scans: Path, tmp_path: Path):
    out = tmp_path / "split.csv"
    command("split", scans, "--out", out)
    for setting in ("data.val=0.2", "data.test=0.2", "data.time=true", r"data.group=patient\d+"):
        done = command("split", out, "-s", f"data.root={scans}", "-s", setting, "--out", tmp_path / "again.csv")
        assert done.code == 2 and f"{setting.partition('=')[0]} has no effect: " in done.err
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("data:\n  val: 0.2\n")
    settings = [word for setting in (f"data.root={scans}", *QUICK) for word in ("-s", setting)]
    done = command("train", out, "--config", recipe, "--run", tmp_path / "run", *settings)
    assert done.code == 0 and "data.val in recipe.yaml:2 has no effect" in done.err


def test_the_data_set_is_never_written_over(command: Command, scans: Path, tmp_path: Path):
    out = tmp_path / "split.csv"
    command("split", scans, "--out", out)
    before = out.read_bytes()
    done = command("split", out, "-s", f"data.root={scans}", "--out", out)
    assert done.code == 2 and "the split would be written over the data set itself (--out)" in done.err
    assert out.read_bytes() == before


def test_weights_and_groups_of_a_table_reach_the_split_file(command: Command, scans: Path, tmp_path: Path):
    names = sorted(path.relative_to(scans).as_posix() for path in scans.rglob("*.png"))
    lines = [
        f"{name},{name.split('/')[0]},{name.split('patient')[1].split('_')[0]},{1 + k % 3}"
        for k, name in enumerate(names)
    ]
    table = scans / "data.csv"
    table.write_text("\n".join(["path,label,group,weight", *lines]) + "\n")
    done = command("split", table, "--out", tmp_path / "split.csv")
    assert done.code == 0, done.err
    assert f"-s data.root={scans}" in done.err
    for line, row in zip(lines, rows_of(tmp_path / "split.csv"), strict=True):
        assert line.split(",")[2] == row["group"] and float(line.split(",")[3]) == float(row["weight"])


@pytest.mark.parametrize("folds", [0, 4])
def test_trashnet_with_planted_copies_has_no_leak(command: Command, shared_data: Path, tmp_path: Path, folds: int):
    shutil.unpack_archive(shared_data / "trashnet-384x288.zip", tmp_path)
    root, planted = tmp_path / "trashnet", 0
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        for path in sorted(folder.glob("*.jpg"))[::12]:
            shutil.copy(path, folder / f"again-{path.name}")
            planted += 1
    assert planted > 200
    out = tmp_path / "split.csv"
    done = command("split", root, "--out", out, *(("--folds", folds) if folds else ()))
    assert done.code == 0, done.err
    files = sorted(tmp_path.glob("split*.csv"))
    assert len(files) == (folds or 1)
    for path in files:
        checked = command("check", path, "-s", f"data.root={root}")
        assert checked.code == 0 and "across_parts" not in checked.out
