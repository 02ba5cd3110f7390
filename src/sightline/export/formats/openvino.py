"""OpenVINO's two files, computed in float32 unless bf16 was asked for."""

import json
from pathlib import Path
from typing import Any

from sightline.errors import ExportError, MissingExtra
from sightline.export.form import Order
from sightline.export.formats.onnx import export_onnx
from sightline.export.openvino_session import HINT, MODEL, WEIGHTS, library, without_telemetry


def write_openvino(order: Order, folder: Path) -> None:
    """Convert the ONNX file, without letting weights be compressed to float16.

    Raises:
        MissingExtra: OpenVINO is not installed.
        ExportError: the model cannot be converted.
    """
    openvino = library()
    source = folder / "whole.onnx"
    export_onnx(order.model, order.contract, source, weights_sha256=order.weights_sha256, taps=order.taps)
    try:
        found: Any = openvino.Core().read_model(str(source))
        describe(found, order)
        openvino.save_model(found, str(folder / MODEL), compress_to_fp16=False)
    except RuntimeError as error:
        raise ExportError(
            "the model cannot be converted for OpenVINO", where=MODEL, got=str(error).strip()[:500]
        ) from error
    finally:
        source.unlink()


def write_int8(order: Order, folder: Path) -> None:
    """Quantize by NNCF with the ranges that training images take.

    Raises:
        MissingExtra: OpenVINO or NNCF is not installed.
        ExportError: the model cannot be converted, or there is no image to calibrate with.
    """
    openvino = library()
    try:
        with without_telemetry():
            import nncf  # noqa: PLC0415  optional
    except ImportError as error:
        raise MissingExtra("NNCF is not installed", where="--to openvino-int8", hint=HINT) from error
    images = [image[None] for image in order.calibration()]
    if not images:
        raise ExportError(
            "no image to calibrate the export with", hint="int8 needs training images: give the run its data"
        )
    write_openvino(order, folder)
    whole = openvino.Core().read_model(str(folder / MODEL))
    quantized: Any = nncf.quantize(whole, nncf.Dataset(images), subset_size=len(images))
    describe(quantized, order)
    for name in (MODEL, WEIGHTS):
        (folder / name).unlink()
    openvino.save_model(quantized, str(folder / MODEL), compress_to_fp16=False)


def describe(found: Any, order: Order) -> None:
    """Put the facts into the file that its bundle checks it by."""
    facts = {
        "labels": json.dumps(order.contract.classes, ensure_ascii=False),
        "contract_hash": order.contract.hash,
        "weights_sha256": order.weights_sha256,
        "inference_precision": "f32",
    }
    for key, value in facts.items():
        found.set_rt_info(value, ["sightline", key])
