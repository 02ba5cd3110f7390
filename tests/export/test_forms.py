"""Every form answers as the model does, brings its facts along, and is refused where it does not."""

import copy
import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn
from trained_digits import Digits, logits_of

from sightline.errors import BundleError, ExportError, GateError, PlugError
from sightline.export import gated
from sightline.export.bundle import Bundle
from sightline.export.config import ExportConfig
from sightline.export.document import PARTS, engine_of
from sightline.export.form import Order, Runner
from sightline.export.forms import FORMS
from sightline.export.gated import How, export_bundle, opened
from sightline.export.served import Taps, taps_of
from sightline.files import sha256_of
from sightline.testing import check_exporter

HEAD = frozenset({"10.weight", "10.bias"})


def run_export(network: nn.Module, data: Digits, out: Path, facts: dict[str, Any], **changes: Any) -> Bundle:
    def training() -> Iterator[NDArray[np.uint8]]:
        return iter(data.images[:200])

    own = {"config": ExportConfig(loss=0.05), "calibration": training, "taps": taps_of(network, HEAD, data.contract)}
    how = How(**(own | changes))
    return export_bundle(network, data.contract, out=out, validation=data.samples(), how=how, **facts)


@pytest.fixture(scope="module", params=list(FORMS))
def bundle(request: Any, network: nn.Module, gray: Digits, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The network in each form."""
    facts = {"metrics": {}, "provenance": {"weights_sha256": "5eed" * 16}, "weights_license": "none"}
    return run_export(network, gray, tmp_path_factory.mktemp("forms") / "bundle", facts, form=request.param)


def answers(bundle: Bundle, images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return opened(FORMS[bundle.form], bundle.folder, bundle.contract)(images)


def test_each_form_answers_as_the_model_does_for_any_number_of_pictures(
    bundle: Bundle, network: nn.Module, gray: Digits
) -> None:
    exact = FORMS[bundle.form].precision == "fp32"
    for count in (1, 2, 33):
        images = gray.images[-count:]
        expected = logits_of(network, gray.contract, images)
        probabilities, logits = answers(bundle, images)
        assert probabilities.shape == logits.shape == (count, 10)
        assert probabilities.dtype == logits.dtype == np.float32
        error = np.abs(logits - expected).max() / np.abs(expected).max()
        assert error <= 1e-5 if exact else 1e-7 < error < 0.2
        assert np.abs(probabilities.sum(1) - 1).max() < 1e-3


def test_a_bundle_says_in_which_form_it_is_and_lists_its_files(bundle: Bundle) -> None:
    document = json.loads((bundle.folder / "bundle.json").read_text())
    names = {*PARTS[engine_of(bundle.form)], "golden.npz", "card.md"}
    assert set(document["files"]) == names == {path.name for path in bundle.folder.iterdir()} - {"bundle.json"}
    assert set(FORMS[bundle.form].files) == set(PARTS[engine_of(bundle.form)])
    assert [one["name"] for one in document["outputs"]] == ["probabilities", "logits", "embedding", "features"]
    assert document["parity"]["passed"] is True
    assert Bundle.load(bundle.folder).document == bundle.document


def test_the_gate_has_the_budget_of_the_arithmetic(bundle: Bundle) -> None:
    parity = bundle.document["parity"]
    wanted = {"fp32": (1e-5, 1.0), "fp16": (1e-2, 0.99), "int8": (None, 0.0)}[FORMS[bundle.form].precision]
    assert (parity["tolerance"], parity["least_agreement"], parity["most_loss"]) == (*wanted, 0.05)
    low, high = parity["bounds_export"]
    assert 0 <= low <= parity["accuracy_export"] <= high <= 1 and high - low < 0.3
    assert parity["loss"] == pytest.approx(parity["accuracy_model"] - parity["accuracy_export"])
    assert parity["usual_error"] <= parity["relative_error"]


def test_forms_without_torch_run_from_the_bundle_and_the_others_say_what_to_do(bundle: Bundle, gray: Digits) -> None:
    fresh = Bundle.load(bundle.folder)
    if engine_of(bundle.form) in ("onnx", "openvino"):
        fresh.test()
        assert np.array_equal(fresh.predict(gray.images[:5]), answers(bundle, gray.images[:5])[0])
    else:
        with pytest.raises(BundleError, match=rf"{bundle.form} runs in PyTorch only.*\n  next: .*--to onnx"):
            fresh.predict(gray.images[:5])


def test_small_forms_are_small_in_fact(network: nn.Module, gray: Digits, facts: dict[str, Any], tmp_path: Path) -> None:
    kinds: dict[str, set[int]] = {}
    for form in ("onnx", "onnx-fp16", "onnx-int8"):
        folder = run_export(network, gray, tmp_path / form, facts, form=form).folder
        graph = onnx.load(folder / "model.onnx").graph
        weights = [one for one in graph.initializer if np.prod(one.dims) >= 64 * 10]
        kinds[form] = {one.data_type for one in weights}
        assert ("QuantizeLinear" in {node.op_type for node in graph.node}) == (form == "onnx-int8")
    kind = onnx.TensorProto
    assert kinds == {"onnx": {kind.FLOAT}, "onnx-fp16": {kind.FLOAT16}, "onnx-int8": {kind.INT8}}


def test_embedding_and_last_map_are_what_the_network_has_inside(
    network: nn.Module, gray: Digits, facts: dict[str, Any], tmp_path: Path
) -> None:
    bundle = run_export(network, gray, tmp_path / "bundle", facts)
    seen: dict[str, torch.Tensor] = {}
    hooks = [
        network[10].register_forward_pre_hook(lambda _, given: seen.update(embedding=given[0])),
        network[7].register_forward_hook(lambda _, given, made: seen.update(features=made)),
    ]
    logits_before = logits_of(network, gray.contract, gray.images[:3])
    network.eval()
    with torch.inference_mode():
        network(torch.from_numpy(gray.contract.scaled(gray.images[:3]).copy()))
    for hook in hooks:
        hook.remove()
    embedding, features, logits = bundle.session.run(gray.images[:3], ["embedding", "features", "logits"])
    assert np.allclose(embedding, seen["embedding"].numpy(), atol=1e-5)
    assert np.allclose(features, seen["features"].numpy(), atol=1e-5)
    assert np.allclose(logits, logits_before, atol=1e-5)
    shapes = {one["name"]: one["shape"] for one in bundle.document["outputs"]}
    assert shapes["embedding"] == ["batch", 64] and shapes["features"] == ["batch", 16, 2, 2]


def test_what_is_not_there_is_not_given(gray: Digits, facts: dict[str, Any], tmp_path: Path) -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(256, 32), nn.ReLU(), nn.Linear(32, 10))
    found = taps_of(flat, frozenset({"3.weight", "3.bias"}), gray.contract)
    assert found == Taps(embedding="3")
    bundle = run_export(flat, gray, tmp_path / "bundle", facts, taps=found)
    assert bundle.session.tapped == ("embedding",)
    assert run_export(flat, gray, tmp_path / "bundle", facts, taps=Taps()).session.tapped == ()


@pytest.mark.parametrize("form", list(FORMS))
def test_an_artefact_of_another_model_is_not_handed_over(
    form: str, network: nn.Module, gray: Digits, facts: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = gated.opened

    def damaged(*arguments: Any) -> Any:
        run = own(*arguments)
        return lambda images: tuple(np.roll(one, 1, axis=1) for one in run(images))

    monkeypatch.setattr(gated, "opened", damaged)
    with pytest.raises(GateError, match=r"nothing was exported") as caught:
        run_export(network, gray, tmp_path / "bundle", facts, form=form)
    assert "accuracy fell by" in str(caught.value) and form in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_bundle_that_answers_otherwise_than_it_did_is_refused(
    network: nn.Module, gray: Digits, facts: dict[str, Any], tmp_path: Path
) -> None:
    folder = run_export(network, gray, tmp_path / "bundle", facts).folder
    with np.load(folder / "golden.npz") as stored:
        images, given = stored["images"], stored["answers"]
    assert images.shape == (4, 16, 16, 1) and given.shape == (4, 10)
    np.savez(folder / "golden.npz", images=images, answers=np.roll(given, 1, axis=1))
    with pytest.raises(BundleError, match=r"golden\.npz is not the file that was exported"):
        Bundle.load(folder)
    document = json.loads((folder / "bundle.json").read_text())
    path = folder / "golden.npz"
    document["files"]["golden.npz"] = {"sha256": sha256_of(path), "bytes": path.stat().st_size}
    (folder / "bundle.json").write_text(json.dumps(document))
    with pytest.raises(BundleError, match="answers otherwise here than where it was exported"):
        Bundle.load(folder).test()


def test_golden_pictures_can_be_left_out(
    network: nn.Module, gray: Digits, facts: dict[str, Any], tmp_path: Path
) -> None:
    bundle = run_export(network, gray, tmp_path / "bundle", facts, config=ExportConfig(golden=0))
    assert bundle.golden is None and not (bundle.folder / "golden.npz").exists()
    bundle.test()


@pytest.mark.parametrize("form", ["onnx-int8", "openvino-int8"])
def test_without_training_images_nothing_is_quantized(
    form: str, network: nn.Module, gray: Digits, facts: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match=r"no image to calibrate the export with\n  next: int8 needs training images"):
        run_export(network, gray, tmp_path / "bundle", facts, form=form, calibration=lambda: iter(()))
    assert not list(tmp_path.iterdir())


def test_an_unknown_form_is_told_with_the_nearest(
    network: nn.Module, gray: Digits, facts: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match=r"unknown form 'onix' \(--to\)[\s\S]*onnx-int8[\s\S]*'onnx'"):
        run_export(network, gray, tmp_path / "bundle", facts, form="onix")


def test_the_program_on_the_card_of_each_form_runs_as_it_stands(bundle: Bundle, gray: Digits, tmp_path: Path) -> None:
    program = (bundle.folder / "card.md").read_text().split("```python\n")[1].split("```")[0]
    Image.fromarray(gray.images[0][:, :, 0]).save(tmp_path / "one.png")
    program = program.replace('Path("bundle")', f"Path({str(bundle.folder)!r})")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, "one.png"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    scores = answers(bundle, gray.images[:1])[0][0]
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"one.png {gray.contract.classes[int(scores.argmax())]} ")
    assert float(done.stdout.split()[-1]) == pytest.approx(float(scores.max()), rel=1e-5)


@pytest.fixture
def order(network: nn.Module, gray: Digits) -> Order:
    return Order(
        model=network,
        contract=gray.contract,
        weights_sha256="5eed" * 16,
        taps=taps_of(network, HEAD, gray.contract),
        calibration=lambda: iter(gray.images[:100]),
    )


@pytest.mark.parametrize("form", list(FORMS))
def test_each_form_honours_the_contract_of_exporters(form: str, order: Order, gray: Digits) -> None:
    check_exporter(FORMS[form], order, gray.images[-40:])


def test_exporters_that_do_not_are_told_which_clause(order: Order, gray: Digits) -> None:
    own = FORMS["onnx"]

    def more(wish: Order, folder: Path) -> None:
        own.write(wish, folder)
        (folder / "notes.txt").write_text("more")

    def altering(wish: Order, folder: Path) -> None:
        own.write(wish, folder)
        with torch.no_grad():
            wish.model[10].bias.add_(1.0)

    def one_by_one(folder: Path, threads: int, answers: int) -> Runner:
        run = own.open(folder, threads, answers)
        return lambda images: run(images[:1])

    def swapped(folder: Path, threads: int, answers: int) -> Runner:
        run = own.open(folder, threads, answers)
        return lambda images: tuple(np.roll(one, 1, axis=1) for one in run(images))

    moody = iter(range(1000))

    def changing(folder: Path, threads: int, answers: int) -> Runner:
        run = own.open(folder, threads, answers)
        return lambda images: tuple(one + np.float32(1e-6 * (next(moody) // 2 % 2)) for one in run(images))

    for changes, clause in (
        ({"write": more}, "writes the files it declares"),
        ({"open": one_by_one}, "takes any number of pictures"),
        ({"open": swapped}, "keeps the budget of its arithmetic"),
        ({"open": changing}, "gives the same when it is asked again"),
        ({"write": altering}, "leaves the model as it was"),
    ):
        fresh = dataclasses.replace(order, model=copy.deepcopy(order.model))
        with pytest.raises(PlugError, match=clause):
            check_exporter(dataclasses.replace(own, **changes), fresh, gray.images[-40:])
