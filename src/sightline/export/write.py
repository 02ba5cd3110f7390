"""Writing a bundle: the whole folder appears at once, or nothing does."""

import contextlib
import dataclasses
import datetime
import os
import shutil
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sightline.data.contract import Contract
from sightline.data.outputs import TASK_OF
from sightline.errors import BundleError, shortened
from sightline.export.bundle import Bundle, Golden
from sightline.export.card import render_card
from sightline.export.document import (
    CARD,
    DOCUMENT,
    FORMAT_VERSION,
    GOLDEN,
    PARTS,
    engine_of,
    read_document,
    signature,
)
from sightline.export.parity import Parity
from sightline.files import cannot_write, sha256_of, whole_file, write_json


@dataclasses.dataclass(frozen=True, kw_only=True)
class Artefact:
    """An exported model before it is a bundle."""

    folder: Path
    """Where its files are."""
    form: str
    """What it is written in, such as ``onnx-int8``."""
    tapped: Mapping[str, Sequence[int]] = dataclasses.field(default_factory=dict[str, Sequence[int]])
    """Shapes of what it gives after its answers, without the batch."""
    golden: Golden | None = None
    """Pictures with their answers, by which it can be tested wherever it is loaded."""


def write_bundle(
    folder: Path,
    *,
    artefact: Artefact,
    contract: Contract,
    metrics: dict[str, Any],
    parity: Parity,
    provenance: dict[str, Any],
    weights_license: str,
) -> Bundle:
    """Write the bundle of a model that passed the gate, load it from there and return it.

    A bundle that stands at the place is replaced only after the new one has been written and verified.

    Args:
        folder: where the bundle shall stand. Its name becomes the bundle's name.
        artefact: the exported model, whose files are copied.
        contract: how pictures are prepared, and the names of the outputs.
        metrics: figures on the test part with their intervals.
        parity: the gate's measurement.
        provenance: ``run``, ``command``, ``versions``, ``data`` (a fingerprint) and ``weights_sha256``.
        weights_license: licence of the weights that the training started from.

    Raises:
        GateError: the gate was not passed.
        BundleError: something else than a bundle stands at the place, or the facts are no plain JSON.
        RunError: the disk is full or the folder cannot be written.
    """
    folder = folder.resolve()
    parity.require(artefact.form)
    refuse_other(folder)
    with _new_folder(folder) as fresh:
        names = _place(artefact, fresh)
        inputs, outputs = signature(contract, artefact.tapped)
        document: dict[str, Any] = {
            "format_version": FORMAT_VERSION,
            "name": folder.name,
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "task": TASK_OF[contract.kind],
            "form": artefact.form,
            "labels": list(contract.classes),
            "contract": contract.as_dict() | {"hash": contract.hash},
            "files": {},
            "inputs": inputs,
            "outputs": outputs,
            "metrics": metrics,
            "parity": parity.as_dict(),
            "provenance": provenance,
            "weights_license": weights_license,
        }
        with whole_file(fresh / CARD, "w") as file:
            file.write(render_card(document))
        document["files"] = {name: _stated(fresh / name) for name in (*names, CARD)}
        _write_document(fresh / DOCUMENT, document)
        bundle = Bundle.load(fresh)
        if bundle.runs_here:
            bundle.test()
    return Bundle.load(folder)


def _place(artefact: Artefact, folder: Path) -> list[str]:
    """Copy the files of an exported model, and give their names."""
    names = [*PARTS[engine_of(artefact.form)]]
    for name in names:
        shutil.copyfile(artefact.folder / name, folder / name)
        with (folder / name).open("rb+") as file:
            os.fsync(file.fileno())
    if artefact.golden is not None:
        with whole_file(folder / GOLDEN) as file:
            np.savez(file, images=artefact.golden.images, answers=artefact.golden.answers)
        names.append(GOLDEN)
    return names


def refuse_other(folder: Path) -> None:
    """Make sure that only a bundle, an empty folder or nothing would be replaced.

    Raises:
        BundleError: something else stands there.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        known = {DOCUMENT, *read_document(folder)["files"]}
    except BundleError as error:
        raise BundleError(
            f"{folder} holds something that is not a bundle",
            hint="it was left as it is; choose another folder with --out, or move that one away",
        ) from error
    foreign = sorted(path.name for path in folder.iterdir() if path.name not in known)
    if foreign:
        raise BundleError(
            f"{folder} holds other files beside a bundle",
            got=shortened(foreign),
            hint="it was left as it is; choose another folder with --out, or move those files away",
        )


@contextlib.contextmanager
def _new_folder(folder: Path) -> Generator[Path]:
    """A temporary neighbour that takes the place of ``folder`` if the block succeeds, and vanishes if not."""
    fresh = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    aside = folder.with_name(f".{folder.name}.old")
    try:
        if aside.exists() and not folder.exists():  # a process was killed between the two renames
            aside.rename(folder)
        for leftover in (fresh, aside):
            shutil.rmtree(leftover, ignore_errors=True)
        fresh.mkdir(parents=True)
        yield fresh
        _swap(fresh, folder, aside)
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _swap(fresh: Path, folder: Path, aside: Path) -> None:
    if not folder.exists():
        fresh.rename(folder)
        return
    folder.rename(aside)
    try:
        fresh.rename(folder)
    except BaseException:
        aside.rename(folder)
        raise
    shutil.rmtree(aside)


def _stated(path: Path) -> dict[str, Any]:
    return {"sha256": sha256_of(path), "bytes": path.stat().st_size}


def _write_document(path: Path, document: dict[str, Any]) -> None:
    try:
        write_json(path, document)
    except (TypeError, ValueError) as error:
        raise BundleError(
            "metrics or provenance cannot be written as JSON",
            got=str(error),
            hint="give plain finite numbers, texts, lists and dictionaries",
        ) from error
