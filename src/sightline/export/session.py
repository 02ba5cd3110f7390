"""ONNX Runtime as a plain function: pictures in, answers out. Needs no torch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.outputs import Kind
from sightline.errors import BundleError, MissingExtra
from sightline.machine import cores

INPUT = "images"
OUTPUTS: dict[Kind, tuple[str, ...]] = {
    "class": ("probabilities", "logits"),
    "labels": ("probabilities", "logits"),
    "numbers": ("values",),
}
"""Names of the answers that a file gives; ``values`` are numbers in their units."""
TAPPED: dict[str, int] = {"embedding": 2, "features": 4}
"""What a file may give after them, and its dimensions: ``[n, width]`` and ``[n, channels, rows, columns]``."""


class Session:
    """An ONNX model in memory, ready to run on the CPU.

    Args:
        model: the bytes of the file.
        name: what to call it in messages.
        threads: CPU threads of one call; none: the cores this process may use.

    Raises:
        BundleError: the bytes are no model, or one that takes and gives something else than a Sightline export.
        MissingExtra: ONNX Runtime is not installed.
    """

    def __init__(self, model: bytes, name: str, threads: int | None = None):
        try:
            import onnxruntime  # noqa: PLC0415 - a bundle can be read and checked without it
        except ImportError as error:
            raise MissingExtra("ONNX Runtime is not installed", hint="pip install onnxruntime") from error
        options = onnxruntime.SessionOptions()
        # Said outright: left alone, the runtime pins threads to cores that a container may not give it.
        options.intra_op_num_threads = threads or cores()
        options.log_severity_level = 3
        try:
            self._session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the runtime's exceptions share no public ancestor
            raise BundleError("ONNX Runtime cannot load the model", where=name, got=str(error)) from error
        inputs = [(item.name, item.type, len(item.shape)) for item in self._session.get_inputs()]
        outputs = [(item.name, item.type, len(item.shape)) for item in self._session.get_outputs()]
        wanted = [[(name, "tensor(float)", 2) for name in names] for names in dict.fromkeys(OUTPUTS.values())]
        tapped = [item for item in outputs if TAPPED.get(item[0]) == item[2] and item[1] == "tensor(float)"]
        answers = outputs[: len(outputs) - len(tapped)]
        if inputs != [(INPUT, "tensor(uint8)", 4)] or answers not in wanted or answers + tapped != outputs:
            raise BundleError(
                "the model takes or gives something else than a Sightline export",
                where=name,
                got=f"{inputs} to {outputs}",
                allowed=[f"{[(INPUT, 'tensor(uint8)', 4)]} to {one}" for one in wanted],
            )
        self._outputs = [name for name, _, _ in answers]
        self.tapped = tuple(name for name, _, _ in tapped)
        """What is given beside the answers, of ``embedding`` and ``features``."""
        self._run_options = onnxruntime.RunOptions()
        self._run_options.only_execute_path_to_fetches = True  # what nobody asked for is not computed

    @property
    def metadata(self) -> dict[str, str]:
        """Facts stored in the file: ``labels``, ``contract``, ``contract_hash``, ``weights_sha256``, …."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def __call__(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Probabilities and logits, float32 ``[n, classes]``, of uint8 ``[n, height, width, channels]``.

        Numbers have neither: both are their values in their units.
        """
        found = self.run(images, self._outputs)
        return found[0], found[-1]

    def run(self, images: NDArray[np.uint8], outputs: Sequence[str]) -> list[NDArray[np.float32]]:
        """The named outputs for uint8 ``[n, height, width, channels]``, and nothing else is computed."""
        return self._session.run(list(outputs), {INPUT: images}, self._run_options)
