"""``bundle.json``: its fields, and every check that it must pass before the bundle is used."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from sightline.data.contract import Contract
from sightline.errors import BundleError, DataError
from sightline.export.session import INPUT, OUTPUTS, TAPPED

FORMAT_VERSION = 2
DOCUMENT = "bundle.json"
MODEL = "model.onnx"
CARD = "card.md"
GOLDEN = "golden.npz"
PARTS = {
    "onnx": (MODEL,),
    "openvino": ("model.xml", "model.bin"),
    "pt2": ("model.pt2",),
    "torchscript": ("model.torchscript",),
}
"""Files of the model, by what runs it: the part of a form's name before the dash."""
KEYS = (
    "format_version",
    "name",
    "created",
    "task",
    "form",
    "labels",
    "contract",
    "files",
    "inputs",
    "outputs",
    "metrics",
    "parity",
    "provenance",
    "weights_license",
)
"""Every key of ``bundle.json``, in order. A reader refuses a document with others or without one of these."""

RESTORE = "export the run again, or restore the folder from where it came"
"""The next step for a bundle that is not as it was exported."""


def read_document(folder: Path) -> dict[str, Any]:
    """``bundle.json`` with its form checked, before any other file is looked at.

    Raises:
        BundleError: the folder holds none, it is damaged, of another version, or its fields are not the known ones.
    """
    path = folder / DOCUMENT
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BundleError(
            f"{folder} is not a bundle", got=f"{DOCUMENT}: {error.strerror}", hint="make one with sightline export RUN"
        ) from error
    except ValueError as error:
        raise BundleError(f"{DOCUMENT} is damaged", where=str(path), got=str(error), hint=RESTORE) from error
    if not isinstance(document, dict):
        raise BundleError(f"{DOCUMENT} is damaged", where=str(path), got=type(document).__name__, allowed=["an object"])
    number = document.get("format_version")
    if type(number) is not int or number != FORMAT_VERSION:
        raise BundleError(
            "bundle of another version",
            where=str(path),
            got=f"format_version {number!r}",
            allowed=[FORMAT_VERSION],
            hint="use the Sightline version that wrote it",
        )
    wrong = sorted(set(document) ^ set(KEYS))
    if wrong:
        raise BundleError(
            f"{DOCUMENT} has missing or unknown fields", where=str(path), got=", ".join(wrong), hint=RESTORE
        )
    _check_types(document, path)
    return document


def engine_of(form: str) -> str:
    """What runs a form: ``onnx`` of ``onnx-int8``."""
    return form.partition("-")[0]


def signature(
    contract: Contract, tapped: Mapping[str, Sequence[int]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the graph takes and what it gives, as ``bundle.json`` states it; ``tapped``: shapes of what comes after
    the answers, without the batch."""
    shape = ["batch", contract.height, contract.width, contract.channels]
    inputs = [{"name": INPUT, "dtype": "uint8", "shape": shape}]
    columns = ["batch", len(contract.classes)]
    outputs = [{"name": name, "dtype": "float32", "shape": columns} for name in OUTPUTS[contract.kind]]
    more = [{"name": name, "dtype": "float32", "shape": ["batch", *shape]} for name, shape in tapped.items()]
    return inputs, outputs + more


def tapped_of(outputs: Any) -> dict[str, list[int]]:
    """Shapes of what comes after the answers, as ``outputs`` of the document states them; damaged ones are left out."""
    found: dict[str, list[int]] = {}
    for one in outputs if isinstance(outputs, list) else []:
        name, shape = (one.get("name"), one.get("shape")) if isinstance(one, dict) else (None, None)
        if name not in TAPPED or not isinstance(shape, list) or len(shape) != TAPPED[name]:
            continue
        if all(type(side) is int and side > 0 for side in shape[1:]):
            found[str(name)] = shape[1:]
    return found


def _check_types(document: dict[str, Any], path: Path) -> None:
    provenance = document["provenance"]
    objects = ("contract", "files", "metrics", "parity", "provenance")
    faults = [f"{key} is not an object" for key in objects if not isinstance(document[key], dict)]
    words = ("name", "created", "task", "form", "weights_license")
    faults += [f"{key} is not a text" for key in words if not isinstance(document[key], str)]
    if isinstance(provenance, dict) and not isinstance(provenance.get("weights_sha256"), str):
        faults.append("provenance has no weights_sha256")
    if isinstance(document["parity"], dict) and document["parity"].get("passed") is not True:
        faults.append("parity was not passed")
    if not faults and engine_of(document["form"]) not in PARTS:
        faults.append(f"form {document['form']!r} is none of {', '.join(PARTS)}")
    if faults:
        raise BundleError(f"{DOCUMENT} is damaged", where=str(path), got="; ".join(faults), hint=RESTORE)


def contract_of(document: dict[str, Any], path: Path) -> Contract:
    """The contract in the document; ``path`` is for messages.

    Raises:
        BundleError: it was changed, or labels, inputs or outputs do not fit it.
    """
    fields = dict(document["contract"])
    stored = fields.pop("hash", None)
    try:
        contract = Contract.from_dict(fields)
    except DataError as error:
        raise BundleError("the bundle's contract is damaged", where=str(path), got=str(error), hint=RESTORE) from error
    if stored != contract.hash:
        raise BundleError(
            "the bundle's contract was changed",
            where=str(path),
            got=f"hash {stored}",
            allowed=[contract.hash],
            hint=RESTORE,
        )
    if document["labels"] != list(contract.classes):
        raise BundleError(
            "the bundle's labels are not those of its contract",
            where=str(path),
            got=document["labels"],
            allowed=[list(contract.classes)],
            hint=RESTORE,
        )
    stated, wanted = [document["inputs"], document["outputs"]], signature(contract, tapped_of(document["outputs"]))
    if stated != list(wanted):
        raise BundleError(
            "the bundle's inputs or outputs do not fit its contract",
            where=str(path),
            got=stated,
            allowed=[list(wanted)],
            hint=RESTORE,
        )
    return contract


def verified(files: dict[str, Any], folder: Path, form: str) -> dict[str, bytes]:
    """The contents of the listed files; what is checked here is what is used, nothing is opened twice.

    Raises:
        BundleError: a file is missing, is not the one that was exported, or would lie outside the folder.
    """
    for name in files:
        plain = PurePosixPath(name).name == PureWindowsPath(name).name == name
        if not plain or name in ("", ".", "..") or "\0" in name:
            raise BundleError(
                f"{DOCUMENT} lists a file outside the bundle",
                where=str(folder / DOCUMENT),
                got=repr(name),
                allowed=["a file name without folders"],
            )
    missing = sorted({*PARTS[engine_of(form)], CARD} - set(files))
    if missing:
        raise BundleError(f"{DOCUMENT} does not list {', '.join(missing)}", where=str(folder), hint=RESTORE)
    return {name: _verified_file(folder / name, stated) for name, stated in files.items()}


def _verified_file(path: Path, stated: Any) -> bytes:
    try:
        contents = path.read_bytes()
    except OSError as error:
        raise BundleError(
            f"{path.name} of the bundle cannot be read", where=str(path), got=error.strerror, hint=RESTORE
        ) from error
    found = {"sha256": hashlib.sha256(contents).hexdigest(), "bytes": len(contents)}
    if found != stated:
        raise BundleError(
            f"{path.name} is not the file that was exported",
            where=str(path),
            got=found,
            allowed=[stated],
            hint=RESTORE,
        )
    return contents
