"""A model becomes one ONNX file: uint8 pictures in; probabilities and logits, or numbers in their units, out.

Two more outputs serve what comes after an answer: the embedding, which finds pictures that are alike, and the last map
with places, from which heat maps are made.
"""

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Generator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from sightline.data.contract import Contract
from sightline.errors import ExportError
from sightline.export.served import NO_TAPS, Served, Taps, served_copy
from sightline.files import whole_file

OPSET = 18
"""Version of the operators in the file: the one that PyTorch's exporter writes without converting."""
_MOST_BYTES = 2**31 - 1  # a protobuf message, and so a single ONNX file, cannot be larger


def export_onnx(model: nn.Module, contract: Contract, path: Path, *, weights_sha256: str, taps: Taps = NO_TAPS) -> None:
    """Write the model as a single ONNX file without external data.

    The file takes ``images``, uint8 ``[batch, height, width, channels]`` as ``Contract.pixels`` makes them, with any
    batch size. It gives ``probabilities`` and ``logits``, float32 ``[batch, classes]``; for numbers ``values``; then
    what ``taps`` asks for. Its metadata holds the labels, the contract with its hash, the checksum of the weights and
    Sightline's version.

    Args:
        model: float32 normalised ``[n, channels, height, width]`` to logits ``[n, classes]``; it is not altered.
        contract: how pictures are prepared, and the names of the outputs.
        path: the file to write, whole or not at all.
        weights_sha256: checksum of the weights as the training printed it.
        taps: the embedding and the last map, which are outputs as well.

    Raises:
        ExportError: the model cannot be expressed, or its output does not fit the contract.
    """
    served = served_copy(model, contract, taps)
    # Two images: a batch of one would be taken for a constant.
    example = torch.zeros(2, contract.height, contract.width, contract.channels, dtype=torch.uint8)
    _check_output(served, example, contract)
    with _quiet() as chatter:
        try:
            proto = _graph(served, example)
            onnx.checker.check_model(proto, full_check=True)
        except Exception as error:  # the exporter raises whatever its many passes raise
            said = chatter.getvalue().strip()[-2000:]
            raise ExportError(
                "the model cannot be written as ONNX",
                where=str(path),
                got=f"{type(error).__name__}: {_first_lines(error)}" + (f"\n{said}" if said else ""),
                hint="rewrite the part of the model that the message names with plain tensor operations",
            ) from error
    _describe(proto, contract, weights_sha256)
    if proto.ByteSize() > _MOST_BYTES:
        raise ExportError(
            "the model is too large for one ONNX file", got=f"{proto.ByteSize():,} bytes", where=str(path)
        )
    with whole_file(path) as file:
        file.write(proto.SerializeToString(deterministic=True))


def _check_output(served: Served, example: Tensor, contract: Contract) -> None:
    wanted = (len(example), len(contract.classes))
    with torch.inference_mode():
        try:
            shape = tuple(served(example)[0].shape)
        except (RuntimeError, TypeError, AttributeError, IndexError) as error:
            pictures = f"{contract.channels} x {contract.height} x {contract.width}"
            raise ExportError(
                f"the model does not take pictures of {pictures}",
                got=_first_lines(error),
                hint="export with the contract that the model was trained with",
            ) from error
    if shape != wanted:
        raise ExportError(
            f"the model's output does not fit the contract's {len(contract.classes)} classes",
            got=f"shape {list(shape)}",
            allowed=[f"shape {list(wanted)}"],
            hint="the model must return one column per class, label or number",
        )


def _graph(served: Served, example: Tensor) -> onnx.ModelProto:
    program = torch.onnx.export(
        served,
        (example,),
        input_names=["images"],
        output_names=list(served.names),
        opset_version=OPSET,
        dynamic_shapes={"images": {0: torch.export.Dim("batch", min=1)}},
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    assert program is not None  # None is for the old exporter
    return program.model_proto


def _describe(proto: onnx.ModelProto, contract: Contract, weights_sha256: str) -> None:
    """Replace what the exporter noted (source lines and paths of this machine) by what a reader needs."""
    del proto.metadata_props[:], proto.graph.metadata_props[:]
    for part in (*proto.graph.node, *proto.graph.value_info, *proto.graph.input, *proto.graph.output):
        del part.metadata_props[:]
        part.ClearField("doc_string")
    proto.graph.name, proto.doc_string = "sightline", ""
    facts: dict[str, Any] = {
        "labels": json.dumps(contract.classes, ensure_ascii=False),
        "contract": json.dumps(contract.as_dict(), ensure_ascii=False),
        "contract_hash": contract.hash,
        "weights_sha256": weights_sha256,
        "sightline_version": version("sightline"),
    }
    onnx.helper.set_model_props(proto, facts)


@contextlib.contextmanager
def _quiet() -> Generator[io.StringIO]:
    """Catch what the exporter prints, logs and warns; the text is shown only if the export fails."""
    text = io.StringIO()
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
            warnings.simplefilter("ignore")
            yield text
    finally:
        logging.disable(level)


def _first_lines(error: BaseException) -> str:
    return "\n".join(str(error).strip().splitlines()[:6])
