"""A bundle: the folder that is served. Exported model, preprocessing contract, labels, evidence and card.

::

    BUNDLE/
    ├── model.onnx       uint8 pictures in, probabilities and logits (of numbers their values) out; another name or
    │                    two files in other forms
    ├── golden.npz       some pictures with their answers, to test it by
    ├── bundle.json      contract, labels, checksums, figures, parity, provenance, licence of the weights
    └── card.md          the same facts for people

Reading one needs no torch and runs nothing that the folder brings along but the graph itself.
"""

import dataclasses
import functools
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.contract import Contract
from sightline.errors import BundleError, DataError
from sightline.export.document import (
    DOCUMENT,
    GOLDEN,
    MODEL,
    PARTS,
    RESTORE,
    contract_of,
    engine_of,
    read_document,
    verified,
)
from sightline.export.openvino_session import OpenVinoSession
from sightline.export.session import Session


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Golden:
    """Pictures with the answers that the exported model gave about them."""

    images: NDArray[np.uint8]
    """``[n, height, width, channels]``."""
    answers: NDArray[np.float32]
    """Probabilities, or numbers in their units, ``[n, classes]``."""


NEAR = {"fp32": 1e-3, "fp16": 0.02, "int8": 0.1}
"""How far an answer about a golden picture may be from the one of the machine that exported it, by arithmetic:
probabilities, or shares of the largest number. Other processors round otherwise, and most so with whole numbers."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Bundle:
    """A checked bundle in memory; ``load`` makes it."""

    folder: Path
    """Where it was read from. Nothing is read from there again."""
    document: dict[str, Any] = dataclasses.field(repr=False)
    """What ``bundle.json`` holds."""
    contract: Contract = dataclasses.field(repr=False)
    """How pictures are prepared, and the names of the outputs."""
    contents: dict[str, bytes] = dataclasses.field(repr=False)
    """The bytes of each listed file, whose checksums were verified."""
    threads: int | None = None
    """CPU threads of one prediction; none: the cores this process may use."""

    @classmethod
    def load(cls, folder: str | Path, *, threads: int | None = None) -> "Bundle":
        """Read a bundle and verify everything in it.

        Raises:
            BundleError: a file is missing or not the one that was exported, a field is missing or unknown, the
                version is unknown, labels and contract do not agree. Names the file, what was got and expected.
        """
        folder = Path(folder)
        document = read_document(folder)
        contract = contract_of(document, folder / DOCUMENT)
        contents = verified(document["files"], folder, document["form"])
        return cls(folder=folder, document=document, contract=contract, contents=contents, threads=threads)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, labels or numbers in the order of the model's output."""
        return self.contract.classes

    @property
    def form(self) -> str:
        """In which form the model is, such as ``onnx`` or ``openvino-int8``."""
        return str(self.document["form"])

    @property
    def runs_here(self) -> bool:
        """Whether it is of a form that needs no PyTorch, which alone run from here."""
        return engine_of(self.form) in ("onnx", "openvino")

    @functools.cached_property
    def golden(self) -> Golden | None:
        """Pictures to test it by, where it has any.

        Raises:
            BundleError: they do not fit its contract.
        """
        if GOLDEN not in self.contents:
            return None
        try:
            with np.load(io.BytesIO(self.contents[GOLDEN]), allow_pickle=False) as stored:
                images, answers = stored["images"], stored["answers"]
        except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
            raise BundleError(f"{GOLDEN} is damaged", where=str(self.folder), got=str(error), hint=RESTORE) from error
        wanted = (self.contract.height, self.contract.width, self.contract.channels)
        fits = images.dtype == np.uint8 and images.shape[1:] == wanted
        if not fits or answers.dtype != np.float32 or answers.shape != (len(images), len(self.labels)):
            raise BundleError(
                f"{GOLDEN} does not fit the bundle's contract", where=str(self.folder),
                got=f"{images.dtype} {list(images.shape)} and {answers.dtype} {list(answers.shape)}", hint=RESTORE,
            )  # fmt: skip
        return Golden(images=images, answers=answers)

    def test(self) -> None:
        """Start the model and ask it about its golden pictures.

        Raises:
            BundleError: it cannot be started, does not belong to the bundle, or answers otherwise than it did.
        """
        session, golden = self.session, self.golden
        if golden is None or not len(golden.images):
            return
        got = session(golden.images)[0]
        scale = 1.0 if self.contract.kind != "numbers" else float(np.abs(golden.answers).max(initial=1e-12))
        error = float(np.abs(got - golden.answers).max()) / scale
        most = NEAR.get(self.form.partition("-")[2] or "fp32", NEAR["int8"])
        if not error <= most:
            raise BundleError(
                "the bundle answers otherwise here than where it was exported", where=str(self.folder),
                got=f"a difference of {error:.3g} on its {len(golden.images)} golden pictures",
                allowed=[f"at most {most:g}"], hint="export the run again on this kind of machine, in float32",
            )  # fmt: skip

    @functools.cached_property
    def session(self) -> Session | OpenVinoSession:
        """The model in its runtime, started when it is first needed.

        Raises:
            BundleError: the graph cannot be loaded, or was made for another contract or from other weights; or it is
                of a form that only PyTorch runs.
            MissingExtra: its runtime is not installed.
        """
        names = PARTS[engine_of(self.form)]
        where = str(self.folder / names[0])
        if not self.runs_here:
            raise BundleError(
                f"a bundle of the form {self.form} runs in PyTorch only", where=str(self.folder),
                hint="sightline bench measures it; to serve the model, export it --to onnx",
            )  # fmt: skip
        if engine_of(self.form) == "openvino":
            model, weights = (self.contents[name] for name in names)
            session = OpenVinoSession(model, weights, where, self.threads)
        else:
            session = Session(self.contents[MODEL], where, self.threads)
        stored = session.metadata
        wanted = {
            "contract_hash": self.contract.hash,
            "weights_sha256": str(self.document["provenance"]["weights_sha256"]),
        }
        for key, value in wanted.items():
            if stored.get(key) != value:
                raise BundleError(
                    f"{names[0]} and {DOCUMENT} do not belong together: {key} differs",
                    where=str(self.folder),
                    got=stored.get(key),
                    allowed=[value],
                    hint=RESTORE,
                )
        return session

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities, float32 ``[n, classes]``, of pictures as the contract makes them; numbers in their units.

        An image has the labels whose probability reaches ``contract.outputs.threshold``.

        Args:
            images: uint8 ``[n, height, width, channels]``, such as ``np.stack([bundle.contract.read(path)])``.

        Raises:
            DataError: the pictures have another shape or type.
        """
        wanted = (self.contract.height, self.contract.width, self.contract.channels)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != wanted:
            raise DataError(
                "these are not the pictures that the bundle's contract makes",
                where=str(self.folder),
                got=f"{images.dtype} {list(images.shape)}",
                allowed=[f"uint8 [n, {', '.join(map(str, wanted))}]"],
                hint="prepare them with bundle.contract.read(path)",
            )
        if not len(images):
            return np.zeros((0, len(self.labels)), np.float32)
        return self.session(images)[0]
