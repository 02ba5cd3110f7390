"""The folder that holds everything about one training."""

import subprocess
import sys

import pytest

from sightline.errors import RunError
from sightline.run import Run, next_run_folder


@pytest.fixture
def run(tmp_path):
    made = Run.create(tmp_path / "run")
    made.config.write_text("seed: 1\n")
    return made


def test_a_new_run_is_opened_again(run):
    assert Run.open(run.folder).folder == run.folder and repr(run) == f"Run('{run.folder}')"
    assert run.predictions("test").name == "test.npz" and run.figures("test").name == "test.json"


def test_a_run_is_never_made_over_another(run):
    with pytest.raises(RunError) as error:
        Run.create(run.folder)
    assert str(error.value) == (
        f"{run.folder} already holds a run\n  next: sightline resume {run.folder}, or choose another folder with --run"
    )


def test_a_run_is_never_made_over_somebodys_files(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(RunError, match=r"is not empty\n  next: choose another folder with --run"):
        Run.create(tmp_path)
    with pytest.raises(RunError, match=r"cannot make the run folder .*thesis.tex\n  got: File exists"):
        Run.create(tmp_path / "thesis.tex")


def test_a_folder_without_a_run(tmp_path):
    with pytest.raises(
        RunError, match=r"x is not a run: it does not exist\n  next: give the folder that `sightline tr"
    ):
        Run.open(tmp_path / "x")
    with pytest.raises(RunError, match=r"is not a run: it has no config.yaml"):
        Run.open(tmp_path)


def test_notes_add_up(run):
    assert run.info() == {}
    run.note(state="training", versions={"torch": "2"})
    run.note(state="done")
    assert run.info() == {"state": "done", "versions": {"torch": "2"}}


def test_damaged_notes(run):
    run.info_file.write_text("{")
    with pytest.raises(RunError, match=r"run.json is damaged \(.*run.json\)\n  got: "):
        run.info()


def test_records_leave_out_a_line_that_is_being_written(run):
    assert run.read_records() == []
    run.records.write_text('{"step": 1}\n{"step": 2}\n{"st')
    assert run.read_records() == [{"step": 1}, {"step": 2}]


def test_one_process_trains_at_a_time(run):
    code = (
        "import sys\nfrom pathlib import Path\nfrom sightline.errors import RunError\nfrom sightline.run import Run\n"
        "try:\n    with Run(Path(sys.argv[1])).locked():\n        print('free')\n"
        "except RunError as error:\n    print(error)\n"
    )
    command = [sys.executable, "-c", code, str(run.folder)]
    with run.locked():
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told == f"{run.folder} is in use by another process\n  next: wait for it to end\n"
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "free\n"


def test_a_run_that_is_being_made_is_not_made_again(tmp_path):
    run = Run.create(tmp_path / "new")
    run.note(state="created")
    code = (
        "import sys\nfrom pathlib import Path\nfrom sightline.errors import RunError\nfrom sightline.run import Run\n"
        "try:\n    Run.create(Path(sys.argv[1]))\nexcept RunError as error:\n    print(error.what)\n"
    )
    command = [sys.executable, "-c", code, str(run.folder)]
    with run.locked():
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told == f"{run.folder} is in use by another process\n" and run.info() == {"state": "created"}


def test_somebodys_part_files_are_not_swept(tmp_path):
    (tmp_path / "film.part").write_text("half a film")
    with pytest.raises(RunError, match="is not empty"):
        Run.create(tmp_path)
    assert (tmp_path / "film.part").exists() and not (tmp_path / ".lock").exists()


def test_two_runs_at_once_get_two_folders(tmp_path):
    assert [next_run_folder(tmp_path, "a").name for _ in range(3)] == ["001-a", "002-a", "003-a"]


def test_runs_are_counted(tmp_path):
    assert next_run_folder(tmp_path / "runs", "digits") == tmp_path / "runs" / "001-digits"
    for name in ("001-a", "007-b", "x", "99-y"):
        (tmp_path / name).mkdir()
    assert next_run_folder(tmp_path, "my data/v2: ü").name == "008-my-data-v2--ü"
    assert next_run_folder(tmp_path, "/").name == "009-data"


def test_counting_does_not_end_at_999(tmp_path):
    for name in ("999-a", "1000-a"):
        (tmp_path / name).mkdir()
    assert next_run_folder(tmp_path, "a").name == "1001-a"


def test_damaged_records_are_named(run):
    run.records.write_text('{"kind": "step"}\n{"kind": "st\n{"kind": "step"}\n')
    with pytest.raises(RunError, match=r"the records are damaged \(.*records\.jsonl\)"):
        run.read_records()


def test_a_folder_that_cannot_be_written_is_not_trained_in(run):
    (run.folder / ".lock").unlink()
    (run.folder / ".lock").mkdir()
    with pytest.raises(RunError, match="cannot write into"), run.locked():
        pass
