"""A bundle is believed only after everything in it was checked."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from trained_digits import Digits, edit

from sightline.data.contract import Contract
from sightline.errors import BundleError, DataError
from sightline.export.bundle import Bundle
from sightline.export.document import KEYS
from sightline.export.parity import Parity
from sightline.files import sha256_of


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
        ({"format_version": 3}, "bundle of another version .*\n  got: format_version 3\n  allowed: 2"),
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
