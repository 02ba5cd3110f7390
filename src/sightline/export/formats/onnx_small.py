"""ONNX files with fewer bits a number: float16 weights and sums, or whole numbers of eight bits."""

import contextlib
import logging
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from sightline.errors import ExportError
from sightline.export.form import Order
from sightline.export.formats.onnx import export_onnx
from sightline.export.session import INPUT
from sightline.files import whole_file

MODEL = "model.onnx"
BATCH = 8
"""Images that the ranges of activations are taken from at a time."""


def write_half(order: Order, folder: Path) -> None:
    """Weights and arithmetic in float16; what goes in and out keeps its type.

    Raises:
        ExportError: the model cannot be written as ONNX, or a weight does not fit into float16.
    """
    from onnxruntime.transformers import float16  # noqa: PLC0415  it logs and imports much

    whole = _whole(order, folder)
    largest = max((float(np.abs(onnx.numpy_helper.to_array(one)).max(initial=0)) for one in _floats(whole)), default=0)
    if largest > np.finfo(np.float16).max:
        raise ExportError("a weight does not fit into float16", got=f"{largest:.3g}", allowed=["at most 65504"])
    half: Any = float16.convert_float_to_float16(whole, keep_io_types=True)
    _write(half, folder / MODEL, whole)


def write_int8(order: Order, folder: Path) -> None:
    """Products and convolutions in whole numbers of eight bits, with the ranges that training images take (QDQ).

    Weights have a scale for each channel. The first arithmetic on pixels and the softmax stay in float32.

    Raises:
        ExportError: the model cannot be written as ONNX or quantized, or there is no image to calibrate with.
    """
    from onnxruntime.quantization import (  # noqa: PLC0415
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process  # noqa: PLC0415

    whole = _whole(order, folder)
    with tempfile.TemporaryDirectory(prefix="sightline-int8-") as name, _silent():
        before, ready, after = (Path(name) / f"{step}.onnx" for step in ("before", "ready", "after"))
        onnx.save(whole, before)
        try:
            quant_pre_process(before, ready, skip_symbolic_shape=True)
            quantize_static(
                ready, after, _reader(order.calibration()), quant_format=QuantFormat.QDQ, per_channel=True,
                activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                op_types_to_quantize=["Conv", "MatMul", "Gemm"], calibrate_method=CalibrationMethod.MinMax,
            )  # fmt: skip
        except ExportError:
            raise
        except Exception as error:  # whatever its passes raise
            raise ExportError(
                "the model cannot be quantized", where=MODEL, got=f"{type(error).__name__}: {error}",
                hint="export it in float32 or float16",
            ) from error  # fmt: skip
        _write(onnx.load(after), folder / MODEL, whole)


def _reader(images: Iterator[NDArray[np.uint8]]) -> Any:
    """What the quantizer asks for batches: it wants no more of it than ``get_next``."""
    return _Pictures(images)


class _Pictures:
    """Batches of real pictures, as the quantizer asks for them."""

    def __init__(self, images: Iterator[NDArray[np.uint8]]):
        self._images, self._given = images, 0

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        batch = [image for _, image in zip(range(BATCH), self._images, strict=False)]
        self._given += len(batch)
        if not self._given:
            raise ExportError(
                "no image to calibrate the export with", hint="int8 needs training images: give the run its data"
            )
        return {INPUT: np.stack(batch)} if batch else None


def _whole(order: Order, folder: Path) -> onnx.ModelProto:
    """The same in float32; its file is not kept."""
    path = folder / "whole.onnx"
    export_onnx(order.model, order.contract, path, weights_sha256=order.weights_sha256, taps=order.taps)
    try:
        return onnx.load(path)
    finally:
        path.unlink()


def _floats(proto: onnx.ModelProto) -> list[onnx.TensorProto]:
    return [one for one in proto.graph.initializer if one.data_type == onnx.TensorProto.FLOAT]


def _write(proto: onnx.ModelProto, path: Path, whole: onnx.ModelProto) -> None:
    """With the facts of the whole file, which converters drop, and none of what they note."""
    del proto.metadata_props[:]
    proto.metadata_props.extend(whole.metadata_props)
    proto.producer_name, proto.doc_string = whole.producer_name, ""
    with whole_file(path) as file:
        file.write(proto.SerializeToString(deterministic=True))


@contextlib.contextmanager
def _silent() -> Generator[None]:
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(level)
