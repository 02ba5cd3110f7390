"""The gate lets an equal artefact pass and stops every damaged one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn
from trained_digits import Digits, logits_of

from sightline.errors import ExportError, GateError
from sightline.export.config import ExportConfig
from sightline.export.parity import Parity, check_parity
from sightline.export.session import Session

Fits = Callable[[NDArray[Any]], bool]
Change = Callable[[NDArray[Any]], NDArray[Any]]


def measured(path: Path, network: nn.Module, data: Digits, **budgets: Any) -> Parity:
    return check_parity(
        lambda images: logits_of(network, data.contract, images),
        Session(path.read_bytes(), path.name),
        data.samples(),
        ExportConfig(**budgets),
    )


def damaged(exported: Path, folder: Path, fits: Fits, change: Change) -> Path:
    """A copy of the ONNX file in which the first constant that ``fits`` is changed."""
    graph = onnx.load(exported)
    for tensor in graph.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if fits(values):
            tensor.CopyFrom(numpy_helper.from_array(change(values.copy()), tensor.name))
            onnx.save(graph, folder / "damaged.onnx")
            return folder / "damaged.onnx"
    raise AssertionError("the graph has no such constant")


def is_mean(values: NDArray[Any]) -> bool:
    return values.size == 1 and bool(np.isclose(values, 0.3).all())


def is_head(values: NDArray[Any]) -> bool:
    return values.shape in ((10, 64), (64, 10))


def swap_classes(values: NDArray[Any]) -> NDArray[Any]:
    axis = values.shape.index(10)
    return np.take(values, [1, 0, *range(2, 10)], axis)


def nudge(values: NDArray[Any]) -> NDArray[Any]:
    values.flat[7] += 0.05
    return values


def test_an_equal_export_passes(parity: Parity, gray: Digits, network: nn.Module) -> None:
    assert parity.misses == []
    assert parity.n == 60
    assert parity.relative_error < 1e-5
    assert parity.agreement == 1.0
    expected = logits_of(network, gray.contract, np.stack([pixels for _, pixels, _ in gray.samples()]))
    truths = np.asarray([label for _, _, label in gray.samples()])
    assert parity.logit_scale == pytest.approx(float(np.abs(expected).max()), rel=1e-6)
    assert parity.accuracy_model == parity.accuracy_export == (expected.argmax(1) == truths).mean()
    parity.require("model.onnx")
    assert json.loads(json.dumps(parity.as_dict()))["passed"] is True


@pytest.mark.parametrize(
    ("fits", "change"),
    [
        (is_mean, lambda values: values + 0.02),
        (is_head, swap_classes),
        (is_head, nudge),
        (lambda values: values.shape == (16, 8, 3, 3), lambda values: values * 1.001),
    ],
    ids=["altered mean", "swapped classes", "one weight nudged", "scaled filters"],
)
def test_a_damaged_graph_is_stopped(
    exported: Path,
    tmp_path: Path,
    network: nn.Module,
    gray: Digits,
    fits: Callable[[NDArray[Any]], bool],
    change: Change,
) -> None:
    found = measured(damaged(exported, tmp_path, fits, change), network, gray)
    assert not found.passed
    assert found.relative_error > 1e-5
    with pytest.raises(GateError) as caught:
        found.require("model.onnx")
    text = str(caught.value)
    assert text.startswith(
        "the exported model does not equal the trained one on 60 images (model.onnx)\n  got: largest "
    )
    times = found.relative_error / 1e-5
    assert f"{times:.3g} times the budget of 1e-05 (export.tolerance)" in text
    path, error = found.worst[0]
    assert f"worst images: {path} ({error:.3g}); " in text
    assert f"accuracy: model {found.accuracy_model:.4f}, export {found.accuracy_export:.4f}" in text
    assert "next: nothing was exported." in text


def test_swapped_classes_cost_agreement_and_accuracy(
    exported: Path, tmp_path: Path, network: nn.Module, gray: Digits
) -> None:
    found = measured(damaged(exported, tmp_path, is_head, swap_classes), network, gray, tolerance=100.0)
    differ = round(60 * (1 - found.agreement))
    assert differ > 0
    assert found.accuracy_export is not None and found.accuracy_model is not None
    assert found.accuracy_export < found.accuracy_model
    assert found.misses == [
        f"{differ} of 60 images get another label: agreement {found.agreement:.4f} is "
        f"{1 - found.agreement:.4f} below the 1 of export.agreement",
        f"accuracy fell by {found.loss:.4f}, more than the 0 of export.loss",
    ]


def test_raised_budgets_let_a_difference_pass(exported: Path, tmp_path: Path, network: nn.Module, gray: Digits) -> None:
    path = damaged(exported, tmp_path, is_head, nudge)
    assert not measured(path, network, gray).passed
    assert measured(path, network, gray, tolerance=0.5, agreement=0.5, loss=0.5).passed


def test_an_output_that_is_not_finite_is_stopped(
    exported: Path, tmp_path: Path, network: nn.Module, gray: Digits
) -> None:
    path = damaged(exported, tmp_path, is_head, lambda values: values * np.float32("nan"))
    found = measured(path, network, gray, tolerance=1e9, agreement=0.01)
    with pytest.raises(GateError, match="an output is not finite"):
        found.require("model.onnx")


def fake(logits: NDArray[Any]) -> tuple[Any, Any]:
    """A reference that returns stated logits, and a candidate built from others."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True), logits


def test_a_model_that_is_not_finite_itself_is_stopped(gray: Digits) -> None:
    bad = np.full((17, 10), np.nan, np.float32)
    found = check_parity(lambda i: bad[: len(i)], lambda i: (bad[: len(i)],) * 2, gray.samples(9), ExportConfig())
    assert "an output is not finite" in found.misses


def test_probabilities_that_are_no_softmax_of_the_logits_are_stopped(gray: Digits) -> None:
    logits = np.random.default_rng(0).normal(size=(17, 10)).astype(np.float32)

    def sharpened(images: NDArray[np.uint8]) -> tuple[Any, Any]:
        rows = logits[: len(images)]
        return fake(rows * 2)[0].astype(np.float32), rows

    found = check_parity(lambda images: logits[: len(images)], sharpened, gray.samples(9), ExportConfig())
    assert found.relative_error == 0
    assert found.agreement == 1
    assert [miss.split(" is above")[0] for miss in found.misses] == [
        f"largest probability difference {found.probability_error:.3g}"
    ]


def test_the_error_is_absolute_and_the_worst_images_come_first(gray: Digits) -> None:
    samples = gray.samples(25)
    place = {pixels.tobytes(): row for row, (_, pixels, _) in enumerate(samples)}
    truth = np.random.default_rng(0).normal(size=(25, 10))
    off = truth.copy()
    off[11, 3] -= 0.5
    off[24, 0] += 0.25

    def rows(images: NDArray[np.uint8]) -> list[int]:
        return [place[image.tobytes()] for image in images]

    found = check_parity(lambda i: truth[rows(i)], lambda i: fake(off[rows(i)]), samples, ExportConfig())
    assert found.max_logit_error == pytest.approx(0.5)
    assert found.relative_error == pytest.approx(0.5 / np.abs(truth).max())
    assert [path for path, _ in found.worst[:2]] == ["digit-12.png", "digit-25.png"]
    assert [error for _, error in found.worst[:2]] == pytest.approx([0.5, 0.25])


def test_batches_of_several_sizes_are_run_and_no_more_images_than_asked(gray: Digits) -> None:
    sizes: list[int] = []

    def candidate(images: NDArray[np.uint8]) -> tuple[Any, Any]:
        sizes.append(len(images))
        return fake(np.zeros((len(images), 10)))

    found = check_parity(lambda i: np.zeros((len(i), 10)), candidate, gray.samples(60), ExportConfig(images=40))
    assert sizes == [1, 2, 5, 17, 1, 2, 5, 7]
    assert found.n == 40


def test_images_without_a_true_label_count_for_everything_but_accuracy(gray: Digits) -> None:
    samples = [(path, pixels, -1) for path, pixels, _ in gray.samples(4)]
    logits = np.eye(10, dtype=np.float32)
    found = check_parity(lambda i: logits[: len(i)], lambda i: fake(logits[: len(i)]), samples, ExportConfig())
    assert found.accuracy_model is None and found.accuracy_export is None
    assert found.passed


def test_nothing_to_compare_is_no_pass(gray: Digits) -> None:
    with pytest.raises(ExportError, match="no image to compare the export with\n  next: the gate needs validation"):
        check_parity(lambda i: np.zeros((len(i), 10)), lambda i: fake(np.zeros((len(i), 10))), [], ExportConfig())


def test_another_shape_is_named(gray: Digits) -> None:
    with pytest.raises(ExportError, match=r"another shape than the model's\n  got: .*logits \[1, 9\]"):
        check_parity(
            lambda i: np.zeros((len(i), 10)), lambda i: fake(np.zeros((len(i), 9))), gray.samples(3), ExportConfig()
        )
