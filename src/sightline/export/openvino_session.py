"""OpenVINO as a plain function: pictures in, answers out. Needs no torch."""

import contextlib
import sys
from collections.abc import Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.errors import BundleError, MissingExtra
from sightline.machine import cores

MODEL, WEIGHTS = "model.xml", "model.bin"
HINT = 'pip install "sightline[openvino]"'
_HINTS = {"INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": 1}
"""Left alone, OpenVINO computes in bfloat16 where the processor can, and loses digits that no gate would let pass."""


def library() -> Any:
    """The library, imported without what would report its use to its makers.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        with without_telemetry():
            import openvino  # noqa: PLC0415  optional
    except ImportError as error:
        raise MissingExtra("OpenVINO is not installed", where="openvino", hint=HINT) from error
    return openvino


@contextlib.contextmanager
def without_telemetry() -> Generator[None]:
    """Let what is imported meanwhile find no ``openvino_telemetry``; it works without."""
    name = "openvino_telemetry"
    missing = name not in sys.modules
    before = sys.modules.get(name)
    sys.modules[name] = None  # pyright: ignore[reportArgumentType]  an import of it then fails
    try:
        yield
    finally:
        if missing:
            del sys.modules[name]
        else:
            sys.modules[name] = before  # pyright: ignore[reportArgumentType]


class OpenVinoSession:
    """An OpenVINO model in memory, ready to run on the CPU in float32.

    Args:
        model: the text of ``model.xml``.
        weights: the bytes of ``model.bin``.
        name: what to call it in messages.
        threads: CPU threads of one call; none: the cores this process may use.

    Raises:
        BundleError: they are no model.
        MissingExtra: OpenVINO is not installed.
    """

    def __init__(self, model: bytes, weights: bytes, name: str, threads: int | None = None):
        openvino = library()
        core: Any = openvino.Core()
        blob = openvino.Tensor(np.frombuffer(weights, np.uint8).copy())
        hints = _HINTS | {"INFERENCE_NUM_THREADS": threads or cores()}
        try:
            graph: Any = core.read_model(model, blob)
            self._compiled: Any = core.compile_model(graph, "CPU", hints)
        except RuntimeError as error:
            raise BundleError("OpenVINO cannot load the model", where=name, got=str(error)[:500]) from error
        self.metadata: dict[str, str] = {
            key: str(graph.get_rt_info(["sightline", key]).astype(str))
            for key in ("contract_hash", "weights_sha256")
            if graph.has_rt_info(["sightline", key])
        }
        """Facts stored in the file, by which it belongs to its bundle."""
        names = [output.get_any_name() for output in self._compiled.outputs]
        self._places = [0, names.index("logits") if "logits" in names else 0]

    def __call__(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Probabilities and logits, float32 ``[n, classes]``, of uint8 ``[n, height, width, channels]``."""
        found: Any = self._compiled(images)
        first, last = (np.array(found[place]) for place in self._places)
        return first, last
