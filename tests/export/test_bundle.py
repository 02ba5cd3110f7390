"""A bundle is whole or absent, and is believed only after everything in it was checked."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image
from trained_digits import WEIGHTS, Digits

from sightline.data.contract import Contract
from sightline.errors import BundleError, DataError, RunError
from sightline.export.bundle import Bundle
from sightline.export.document import KEYS
from sightline.export.parity import Parity
from sightline.export.write import write_bundle
from sightline.files import sha256_of

Write = Callable[..., Bundle]


@pytest.fixture
def write(exported: Path, gray: Digits, parity: Parity, facts: dict[str, Any]) -> Write:
    def make(folder: Path, **changes: Any) -> Bundle:
        given = {"onnx": exported, "contract": gray.contract, "parity": parity} | facts | changes
        return write_bundle(folder, **given)

    return make


@pytest.fixture
def folder(write: Write, tmp_path: Path) -> Path:
    return write(tmp_path / "digits").folder


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_the_folder_holds_three_files_and_the_stated_facts(
    folder: Path, gray: Digits, parity: Parity, facts: dict[str, Any]
) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["bundle.json", "card.md", "model.onnx"]
    document = json.loads((folder / "bundle.json").read_text())
    assert tuple(document) == KEYS
    assert document["name"] == "digits"
    assert document["task"] == "classification"
    assert document["labels"] == list(gray.contract.classes)
    assert document["contract"] == gray.contract.as_dict() | {"hash": gray.contract.hash}
    assert document["parity"] == parity.as_dict()
    assert {key: document[key] for key in facts} == facts
    assert document["inputs"] == [{"name": "images", "dtype": "uint8", "shape": ["batch", 16, 16, 1]}]
    for name in ("model.onnx", "card.md"):
        stated = {"sha256": sha256_of(folder / name), "bytes": (folder / name).stat().st_size}
        assert document["files"][name] == stated


def test_what_the_document_says_of_inputs_and_outputs_is_what_the_runtime_says(folder: Path) -> None:
    document = json.loads((folder / "bundle.json").read_text())
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    types = {"tensor(uint8)": "uint8", "tensor(float)": "float32"}
    for key, items in (("inputs", session.get_inputs()), ("outputs", session.get_outputs())):
        assert document[key] == [{"name": i.name, "dtype": types[i.type], "shape": list(i.shape)} for i in items]


def test_predictions_are_those_of_the_exported_graph(folder: Path, exported: Path, gray: Digits) -> None:
    bundle = Bundle.load(folder, threads=1)
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    images = gray.images[:19]
    (expected,) = session.run(["probabilities"], {"images": images})
    got = bundle.predict(images)
    assert bundle.labels == gray.contract.classes
    assert bundle.contract == gray.contract
    assert got.dtype == np.float32
    assert np.abs(got - expected).max() <= 1e-6
    assert np.abs(got.sum(1) - 1).max() <= 1e-6
    assert bundle.predict(images[:0]).shape == (0, 10)


@pytest.mark.parametrize(
    ("images", "got"),
    [
        (np.zeros((2, 16, 16, 3), np.uint8), r"uint8 \[2, 16, 16, 3\]"),
        (np.zeros((16, 16, 1), np.uint8), r"uint8 \[16, 16, 1\]"),
        (np.zeros((2, 16, 16, 1), np.float32), r"float32 \[2, 16, 16, 1\]"),
    ],
)
def test_other_pictures_than_the_contracts_are_refused(folder: Path, images: Any, got: str) -> None:
    with pytest.raises(DataError, match=rf"got: {got}\n  allowed: uint8 \[n, 16, 16, 1\]\n  next: prepare them"):
        Bundle.load(folder).predict(images)


def test_reading_and_running_a_bundle_loads_no_torch(folder: Path) -> None:
    program = (
        "import sys, numpy; from pathlib import Path; from sightline.export.bundle import Bundle;"
        f"bundle = Bundle.load(Path({str(folder)!r}));"
        "assert 'onnxruntime' not in sys.modules;"
        "print(bundle.predict(numpy.zeros((1, 16, 16, 1), 'uint8')).shape);"
        "assert not {'torch', 'torchvision', 'onnx', 'timm', 'sklearn'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "(1, 10)\n", "")


@pytest.mark.parametrize("name", ["model.onnx", "card.md"])
def test_a_changed_file_is_named(folder: Path, name: str) -> None:
    path = folder / name
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(BundleError) as caught:
        Bundle.load(folder)
    text = str(caught.value)
    assert text.startswith(f"{name} is not the file that was exported ({path})\n  got: ")
    assert sha256_of(path) in text
    assert json.loads((folder / "bundle.json").read_text())["files"][name]["sha256"] in text


@pytest.mark.parametrize("name", ["model.onnx", "card.md"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BundleError, match=rf"{name} of the bundle cannot be read \(.*\)\n  got: No such file"):
        Bundle.load(folder)


def test_a_folder_without_a_document_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"is not a bundle\n  got: bundle\.json: No such file or directory\n  next: "):
        Bundle.load(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00"])
def test_a_damaged_document_is_named(folder: Path, text: str) -> None:
    (folder / "bundle.json").write_text(text)
    with pytest.raises(BundleError, match=r"bundle\.json is damaged \(.*bundle\.json\)\n  got: "):
        Bundle.load(folder)


@pytest.mark.parametrize("key", KEYS[1:])
def test_a_missing_field_is_named(folder: Path, key: str) -> None:
    path = folder / "bundle.json"
    document = json.loads(path.read_text())
    del document[key]
    path.write_text(json.dumps(document))
    with pytest.raises(BundleError, match=rf"missing or unknown fields \(.*\)\n  got: {key}\n  next: export the run"):
        Bundle.load(folder)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format_version": 2}, "bundle of another version .*\n  got: format_version 2\n  allowed: 1"),
        ({"format_version": True}, "bundle of another version"),
        ({"hooks": "run.py"}, "missing or unknown fields .*\n  got: hooks"),
        ({"labels": ["a"]}, "labels are not those of its contract"),
        ({"inputs": []}, "inputs or outputs do not fit its contract"),
        ({"metrics": 3}, "damaged .*\n  got: metrics is not an object"),
        ({"name": 3}, "damaged .*\n  got: name is not a text"),
        ({"parity": {"passed": False}}, "damaged .*\n  got: parity was not passed"),
        ({"provenance": {}}, "damaged .*\n  got: provenance has no weights_sha256"),
        ({"files": {}}, "does not list card.md, model.onnx"),
    ],
)
def test_what_does_not_fit_is_refused(folder: Path, changes: dict[str, Any], words: str) -> None:
    edit(folder, **changes)
    with pytest.raises(BundleError, match=words):
        Bundle.load(folder)


def test_a_contract_changed_by_hand_is_refused(folder: Path) -> None:
    contract = json.loads((folder / "bundle.json").read_text())["contract"]
    edit(folder, contract=contract | {"mean": [0.5]})
    with pytest.raises(BundleError, match=r"the bundle's contract was changed .*\n  got: hash [0-9a-f]{64}\n"):
        Bundle.load(folder)
    edit(folder, contract=contract | {"resize": "zoom"})
    with pytest.raises(BundleError, match="the bundle's contract is damaged"):
        Bundle.load(folder)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/b", "..", "", "a\\b", "C:\\x", "a\0b"])
def test_a_file_outside_the_bundle_is_refused(folder: Path, name: str) -> None:
    files = json.loads((folder / "bundle.json").read_text())["files"]
    (folder.parent / "secret").write_text("x")
    edit(folder, files=files | {name: {"sha256": sha256_of(folder.parent / "secret"), "bytes": 1}})
    with pytest.raises(BundleError, match=r"lists a file outside the bundle .*\n  got: .*\n  allowed: a file name"):
        Bundle.load(folder)


def replace_model(folder: Path, change: Callable[[onnx.ModelProto], None]) -> None:
    """Another graph under the same name, with the checksum adjusted as a careful forger would."""
    graph = onnx.load(folder / "model.onnx")
    change(graph)
    onnx.save(graph, folder / "model.onnx")
    files = json.loads((folder / "bundle.json").read_text())["files"]
    path = folder / "model.onnx"
    edit(folder, files=files | {"model.onnx": {"sha256": sha256_of(path), "bytes": path.stat().st_size}})


def test_a_graph_made_for_another_contract_is_refused(folder: Path) -> None:
    contract = json.loads((folder / "bundle.json").read_text())["contract"]
    contract.pop("hash")
    other = Contract.from_dict(contract | {"mean": [0.5]})
    edit(folder, contract=other.as_dict() | {"hash": other.hash})
    with pytest.raises(
        BundleError, match=r"model\.onnx and bundle\.json do not belong together: contract_hash differs"
    ):
        Bundle.load(folder).predict(np.zeros((1, 16, 16, 1), np.uint8))


def test_a_graph_of_other_weights_is_refused(folder: Path) -> None:
    replace_model(folder, lambda graph: onnx.helper.set_model_props(graph, {}))
    with pytest.raises(BundleError, match="do not belong together"):
        Bundle.load(folder).predict(np.zeros((1, 16, 16, 1), np.uint8))


def test_a_graph_of_another_form_is_refused(folder: Path) -> None:
    replace_model(folder, lambda graph: graph.graph.output.pop(0))
    with pytest.raises(BundleError, match="takes or gives something else than a Sightline export"):
        Bundle.load(folder).predict(np.zeros((1, 16, 16, 1), np.uint8))


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
    card = (folder / "card.md").read_text()
    for words in (
        "# digits",
        "0. digit 0\n1. digit 1",
        "| accuracy | 0.9870 | 0.9700 to 0.9950 |",
        "| figure | value | 95% interval |",
        "Measured on 270 images of the test part.",
        "Always answering “digit 3” would reach an accuracy of 0.1040.",
        "gray, 16 x 16 pixels: straight to the size",
        f"model {parity.accuracy_model:.4f}, export {parity.accuracy_export:.4f}",
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
