"""Predictions: scores stored once, measured as often as you like."""

import dataclasses
import json
import zipfile
import zlib
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.outputs import Kind, Outputs
from sightline.data.samples import Names
from sightline.errors import DataError, RunError
from sightline.files import whole_file

_COLUMNS = ("path_bytes", "path_offsets", "labels", "logits", "about")
_WORDS = ("classes", "contract_hash", "weights_sha256", "part", "source")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """What a model said about a list of images, and which model it was. Image ``i`` is row ``i``."""

    paths: Names
    """Path of each image, as in the samples."""
    labels: NDArray[np.int32]
    """True class of each image as a place in ``classes``; -1: not known."""
    logits: NDArray[np.float32]
    """The model's outputs before softmax or sigmoid, ``[n, classes]``; of numbers their values in their units."""
    classes: tuple[str, ...]
    """Names of the classes, labels or numbers in the order of the model's outputs."""
    contract_hash: str
    """Hash of the preprocessing contract that the images went through."""
    weights_sha256: str
    """Fingerprint of the weights that answered."""
    part: str
    """``train``, ``val``, ``test``, or the name of another data set."""
    source: str
    """The folder (or array) that the paths are relative to."""
    outputs: Outputs | None = None
    """What the outputs mean where they are labels or numbers; ``None``: one class an image."""
    truths: NDArray[np.float32] | None = None
    """Of labels 0 or 1, of numbers each in its unit, ``[n, classes]``."""
    temperature: float = 1.0
    """What the logits of one class an image are divided by before they become probabilities."""

    def __post_init__(self) -> None:
        count, shape = len(self.labels), (len(self.labels), len(self.classes))
        if len(self.paths) != count or self.logits.shape != shape:
            raise DataError(
                "predictions do not fit together",
                where=self.part,
                got=f"{len(self.paths)} paths, {count} labels, logits {list(self.logits.shape)}",
                allowed=[f"logits [{count}, {len(self.classes)}] and one path and label per row"],
            )
        if not np.isfinite(self.logits).all():
            row = int(np.flatnonzero(~np.isfinite(self.logits).all(axis=1))[0])
            raise DataError(
                "the model's outputs are not finite",
                where=self.paths[row],
                got=self.logits[row].tolist(),
                hint="train again with a smaller learning rate or in fp32",
            )
        if (self.outputs is None) != (self.truths is None) or (self.truths is not None and self.truths.shape != shape):
            raise DataError("predictions of labels or numbers need truths [n, classes]", where=self.part)
        if count and not -1 <= int(self.labels.min()) <= int(self.labels.max()) < len(self.classes):
            raise DataError(
                "labels outside the classes",
                where=self.part,
                got=f"{int(self.labels.min())} to {int(self.labels.max())}",
                allowed=[f"-1 to {len(self.classes) - 1}"],
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def kind(self) -> Kind:
        """What was answered with: one ``class``, any of several ``labels``, or ``numbers``."""
        return "class" if self.outputs is None else self.outputs.kind

    @property
    def targets(self) -> NDArray[np.float32]:
        """The true labels or numbers, ``[n, classes]``; only where there are such."""
        assert self.truths is not None
        return self.truths

    @property
    def threshold(self) -> float:
        """Probability from which on an image has a label."""
        return 0.5 if self.outputs is None else float(self.outputs.threshold)

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean of each number over the training part."""
        return () if self.outputs is None else self.outputs.mean

    @property
    def units(self) -> tuple[str, ...]:
        """Unit of each number; empty where none was told."""
        return () if self.outputs is None else self.outputs.units

    @cached_property
    def given(self) -> NDArray[np.bool_]:
        """Which labels each image was given, ``[n, classes]``."""
        return self.logits >= np.float32((self.outputs or Outputs(kind="labels")).least_logit)

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """Softmax of the logits over the temperature (of labels the sigmoid) in double precision, ``[n, classes]``."""
        return sigmoid(self.logits) if self.kind == "labels" else softmax(self.logits / np.float64(self.temperature))

    @cached_property
    def log_probabilities(self) -> NDArray[np.float64]:
        """Logarithm of the softmax, which stays finite where a probability underflows, ``[n, classes]``."""
        return log_softmax(self.logits / np.float64(self.temperature))

    @cached_property
    def predicted(self) -> NDArray[np.int32]:
        """The class with the highest logit for each image; of equal ones the first."""
        return self.logits.argmax(axis=1).astype(np.int32)

    @cached_property
    def confidence(self) -> NDArray[np.float64]:
        """Probability of the predicted class for each image, 0-1."""
        return self.probabilities[np.arange(len(self)), self.predicted]

    def take(self, places: NDArray[np.integer[Any]]) -> "Predictions":
        """The predictions at these places, in this order."""
        return dataclasses.replace(
            self,
            paths=self.paths.take(places),
            labels=self.labels[places],
            logits=self.logits[places],
            truths=None if self.truths is None else self.truths[places],
        )

    def save(self, path: str | Path) -> None:
        """Write one ``.npz`` of plain arrays (no pickle in it), whole or not at all.

        Raises:
            RunError: the disk is full or the folder cannot be written.
        """
        words: dict[str, Any] = {word: getattr(self, word) for word in _WORDS}
        more: dict[str, Any] = {}
        if self.temperature != 1.0:
            words["temperature"] = self.temperature
        if self.outputs is not None:
            words["outputs"] = self.outputs.as_dict()
            more["truths"] = self.targets.astype(np.float32)
        about = json.dumps(words).encode("ascii")
        with whole_file(Path(path)) as file:
            np.savez_compressed(
                file,
                path_bytes=self.paths.block,
                path_offsets=self.paths.offsets,
                labels=self.labels.astype(np.int32),
                logits=self.logits.astype(np.float32),
                about=np.frombuffer(about, np.uint8),
                **more,
            )

    @classmethod
    def load(cls, path: str | Path) -> "Predictions":
        """Read what ``save`` wrote.

        Raises:
            RunError: the file is missing, damaged, or no predictions.
        """
        path = Path(path)
        try:
            with np.load(path, allow_pickle=False) as stored:
                columns: dict[str, NDArray[Any]] = {name: stored[name] for name in _COLUMNS}
                about = json.loads(columns["about"].tobytes())
                words: dict[str, Any] = {word: about[word] for word in _WORDS}
                words["temperature"] = about.get("temperature", 1.0)
                if "outputs" in about:
                    words |= {"outputs": Outputs.from_dict(about["outputs"]), "truths": stored["truths"]}
        except FileNotFoundError as error:
            raise RunError(f"no predictions at {path}", hint="sightline evaluate RUN writes them") from error
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise RunError(
                f"{path.name} does not hold predictions",
                where=str(path.parent),
                got=str(error),
                hint="remove it; sightline evaluate RUN writes it again",
            ) from error
        return cls(
            paths=Names(columns["path_bytes"], columns["path_offsets"]),
            labels=columns["labels"],
            logits=columns["logits"],
            classes=tuple(words.pop("classes")),
            **words,
        )


def log_softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Logarithm of the softmax of each row in double precision, ``[n, classes]``."""
    values = logits.astype(np.float64)
    shifted = values - values.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Softmax of each row in double precision, ``[n, classes]``."""
    return np.exp(log_softmax(logits))


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sigmoid of each value in double precision, of the same shape."""
    return np.exp(-np.logaddexp(0.0, -logits.astype(np.float64)))
