"""A bundle is written whole or not at all, and its card says what its document says."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from trained_digits import WEIGHTS, Digits, edit

from sightline.errors import BundleError, RunError
from sightline.export.bundle import Bundle
from sightline.export.parity import Parity

Write = Callable[..., Bundle]


def test_a_file_that_is_no_graph_is_refused(write: Write, tmp_path: Path) -> None:
    (tmp_path / "junk.onnx").write_bytes(b"junk")
    with pytest.raises(BundleError, match="ONNX Runtime cannot load the model"):
        write(tmp_path / "bundle", onnx=tmp_path / "junk.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["junk.onnx"]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_bundle_is_replaced_by_the_next_one(write: Write, folder: Path) -> None:
    edit(folder, weights_license="an older one")
    bundle = write(folder, weights_license="MIT")
    assert bundle.document["weights_license"] == "MIT"
    assert [path.name for path in folder.parent.iterdir()] == ["digits"]


def test_a_bundle_stays_when_the_next_one_fails(write: Write, folder: Path, tmp_path: Path) -> None:
    before = contents(folder)
    (tmp_path / "junk.onnx").write_bytes(b"junk")
    with pytest.raises(BundleError):
        write(folder, onnx=tmp_path / "junk.onnx")
    with pytest.raises(BundleError, match="metrics or provenance cannot be written as JSON\n  got: "):
        write(folder, metrics={"accuracy": float("nan")})
    assert contents(folder) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["digits", "junk.onnx"]


def test_a_kill_between_the_two_renames_loses_nothing(write: Write, folder: Path, tmp_path: Path) -> None:
    before = contents(folder)
    folder.rename(tmp_path / ".digits.old")
    (tmp_path / "junk.onnx").write_bytes(b"junk")
    with pytest.raises(BundleError):
        write(folder, onnx=tmp_path / "junk.onnx")
    assert contents(folder) == before


@pytest.mark.parametrize("stands", ["a folder", "a file"])
def test_what_is_no_bundle_is_not_replaced(write: Write, tmp_path: Path, stands: str) -> None:
    place = tmp_path / "thesis"
    if stands == "a folder":
        place.mkdir()
        (place / "chapter1.txt").write_text("years of work")
    else:
        place.write_text("years of work")
    before = contents(tmp_path)
    with pytest.raises(BundleError, match=r"thesis holds something that is not a bundle\n  next: it was left as it is"):
        write(place)
    assert contents(tmp_path) == before


def test_a_bundle_with_somebodys_notes_in_it_is_not_replaced(write: Write, tmp_path: Path) -> None:
    write(tmp_path / "bundle")
    (tmp_path / "bundle" / "notes.txt").write_text("mine")
    with pytest.raises(BundleError, match=r"holds other files beside a bundle\n  got: notes\.txt\n"):
        write(tmp_path / "bundle")
    assert (tmp_path / "bundle" / "notes.txt").read_text() == "mine"


def test_an_empty_folder_is_filled(write: Write, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert write(tmp_path / "empty").labels[0] == "digit 0"


def test_a_failed_write_leaves_nothing(write: Write, tmp_path: Path) -> None:
    (tmp_path / "parent").write_text("a file where a folder is needed")
    with pytest.raises(RunError, match="cannot write: bundle was not saved"):
        write(tmp_path / "parent" / "bundle")
    assert [path.name for path in tmp_path.iterdir()] == ["parent"]


def test_a_full_disk_leaves_nothing(write: Write, tmp_path: Path, exported: Path) -> None:
    """The limit on a file's size stands for the disk: the copy of the model fails half-way."""
    program = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000));"
        "from pathlib import Path; from sightline.export.write import _new_folder; import shutil\n"
        "try:\n"
        f"    with _new_folder(Path({str(tmp_path / 'bundle')!r})) as fresh:\n"
        f"        shutil.copyfile({str(exported)!r}, fresh / 'model.onnx')\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("RunError cannot write: bundle was not saved"), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_moved_bundle_is_the_same_bundle(
    folder: Path, tmp_path: Path, gray: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Bundle.load(folder).predict(gray.images[:3])
    shutil.move(folder, tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    assert np.array_equal(Bundle.load(Path("elsewhere")).predict(gray.images[:3]), expected)


def test_the_card_tells_people_the_same_facts(folder: Path, parity: Parity) -> None:
    card, bounds = (folder / "card.md").read_text(), parity.bounds_model
    assert bounds is not None
    low, high = bounds
    for words in (
        "# digits",
        "0. digit 0\n1. digit 1",
        "| accuracy | 0.9870 | 0.9700 to 0.9950 |",
        "| figure | value | 95% interval |",
        "Measured on 270 images of the test part.",
        "Always answering “digit 3” would reach an accuracy of 0.1040.",
        "gray, 16 x 16 pixels: straight to the size",
        f"with 95 % intervals: {parity.accuracy_model:.4f} ({low:.4f} to {high:.4f})",
        "Licence of the weights that training started from: none: trained from random weights",
        "- command: sightline train digits",
        f"- weights sha256: {WEIGHTS}",
    ):
        assert words.replace("_", "\\_") in card or words in card


def test_the_program_on_the_card_runs_as_it_stands(folder: Path, tmp_path: Path, gray: Digits) -> None:
    card = (folder / "card.md").read_text()
    program = card.split("```python\n")[1].split("```")[0]
    assert len(program.splitlines()) <= 10
    Image.fromarray(gray.images[0][:, :, 0]).save(tmp_path / "one.png")
    done = subprocess.run(
        [sys.executable, "-c", program, "one.png"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    scores = Bundle.load(folder).predict(gray.images[:1])[0]
    assert done.stderr == ""
    name, *label, score = done.stdout.split()
    assert (name, " ".join(label)) == ("one.png", gray.contract.classes[int(scores.argmax())])
    assert float(score) == pytest.approx(float(scores.max()))


def test_labels_cannot_turn_the_card_into_something_else(write: Write, tmp_path: Path, facts: dict[str, Any]) -> None:
    facts["provenance"]["command"] = "<script>alert(1)</script> | [x](http://x) `y`\n# title"
    card = (write(tmp_path / "b", provenance=facts["provenance"]).folder / "card.md").read_text()
    assert "\\<script\\>alert(1)\\</script\\> \\| \\[x\\](http://x) \\`y\\` \\# title" in card
