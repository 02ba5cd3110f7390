"""The forms that a model can be written in, by the names of ``sightline export --to``."""

from pathlib import Path

from sightline.export.form import Form, Order, Runner
from sightline.export.formats import onnx_small, openvino, torch_files
from sightline.export.formats.onnx import export_onnx
from sightline.export.openvino_session import OpenVinoSession
from sightline.export.session import Session

_ONNX = "model.onnx"


def _write_onnx(order: Order, folder: Path) -> None:
    export_onnx(order.model, order.contract, folder / _ONNX, weights_sha256=order.weights_sha256, taps=order.taps)


def _open_onnx(folder: Path, threads: int, answers: int) -> Runner:
    del answers  # the session knows them by name
    return Session((folder / _ONNX).read_bytes(), _ONNX, threads)


def _open_openvino(folder: Path, threads: int, answers: int) -> Runner:
    del answers
    model, weights = ((folder / name).read_bytes() for name in (openvino.MODEL, openvino.WEIGHTS))
    return OpenVinoSession(model, weights, openvino.MODEL, threads)


FORMS: dict[str, Form] = {
    "onnx": Form(write=_write_onnx, files=(_ONNX,), open=_open_onnx),
    "onnx-fp16": Form(write=onnx_small.write_half, files=(_ONNX,), open=_open_onnx, precision="fp16"),
    "onnx-int8": Form(write=onnx_small.write_int8, files=(_ONNX,), open=_open_onnx, precision="int8"),
    "openvino": Form(
        write=openvino.write_openvino, files=(openvino.MODEL, openvino.WEIGHTS), open=_open_openvino,
        extra="openvino", note="run it with INFERENCE_PRECISION_HINT=f32, as it was compared",
    ),
    "openvino-int8": Form(
        write=openvino.write_int8, files=(openvino.MODEL, openvino.WEIGHTS), open=_open_openvino,
        precision="int8", extra="openvino", note="run it with INFERENCE_PRECISION_HINT=f32, as it was compared",
    ),
    "pt2": Form(write=torch_files.write_pt2, files=(torch_files.PT2,), open=torch_files.open_pt2),
    "torchscript": Form(
        write=torch_files.write_torchscript, files=(torch_files.SCRIPT,), open=torch_files.open_torchscript,
        note="PyTorch has declared TorchScript deprecated; pt2 takes its place",
    ),
}  # fmt: skip
"""Every form. A name ends in the arithmetic where it is not float32."""
