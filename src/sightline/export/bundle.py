"""A bundle: the folder that is served. Exported model, preprocessing contract, labels, evidence and card.

::

    BUNDLE/
    ├── model.onnx       uint8 pictures in, probabilities and logits (of numbers their values) out
    ├── bundle.json      contract, labels, checksums, figures, parity, provenance, licence of the weights
    └── card.md          the same facts for people

Reading one needs no torch and runs nothing that the folder brings along but the graph itself.
"""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.contract import Contract
from sightline.errors import BundleError, DataError
from sightline.export.document import DOCUMENT, MODEL, RESTORE, contract_of, read_document, verified
from sightline.export.session import Session


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Bundle:
    """A checked bundle in memory; ``load`` makes it."""

    folder: Path
    """Where it was read from. Nothing is read from there again."""
    document: dict[str, Any] = dataclasses.field(repr=False)
    """What ``bundle.json`` holds."""
    contract: Contract = dataclasses.field(repr=False)
    """How pictures are prepared, and the names of the outputs."""
    model: bytes = dataclasses.field(repr=False)
    """The bytes of ``model.onnx`` whose checksum was verified."""
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
        contents = verified(document["files"], folder)
        return cls(folder=folder, document=document, contract=contract, model=contents[MODEL], threads=threads)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, labels or numbers in the order of the model's output."""
        return self.contract.classes

    @functools.cached_property
    def session(self) -> Session:
        """The model in ONNX Runtime, started when it is first needed.

        Raises:
            BundleError: the graph cannot be loaded, or was made for another contract or from other weights.
        """
        session = Session(self.model, str(self.folder / MODEL), self.threads)
        stored = session.metadata
        wanted = {
            "contract_hash": self.contract.hash,
            "weights_sha256": str(self.document["provenance"]["weights_sha256"]),
        }
        for key, value in wanted.items():
            if stored.get(key) != value:
                raise BundleError(
                    f"{MODEL} and {DOCUMENT} do not belong together: {key} differs",
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
