"""Hugging Face datasets: a folder that ``save_to_disk`` wrote, or ``hf:owner/name`` from the hub.

Images are decoded by us, like all others: the library hands out the bytes.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.data.formats.arrays import LABELS, coded, column_of, require_classes
from sightline.data.formats.parts import part_of
from sightline.data.samples import PARTS, UNASSIGNED, Names, Samples
from sightline.data.store import Segments, Store
from sightline.errors import DataError, ImageError, MissingExtra, SightlineError, shortened

PREFIX = "hf:"
"""What a name from the hub begins with: ``hf:owner/name`` or ``hf:owner/name:configuration``."""
_SIGNS = ("dataset_dict.json", "state.json", "dataset_info.json")


def is_saved(names: list[str]) -> bool:
    """Whether a folder with these names in it was written by ``save_to_disk``."""
    return _SIGNS[0] in names or set(_SIGNS[1:]) <= set(names)


def is_hub_name(path: Path | str) -> bool:
    """Whether a path is a name from the hub."""
    return str(path).startswith(PREFIX)


def read_huggingface(path: Path) -> Samples:
    """Samples from a Hugging Face data set with a column of images and a column of labels.

    The names of a ``ClassLabel`` are kept, and so are the splits train, validation and test.

    Raises:
        DataError: the data set cannot be had, or has no such columns; names what it has.
        SplitError: the splits do not hold the same classes.
        MissingExtra: datasets is not installed.
    """
    where = str(path)
    tables = _tables(path)
    image, label = _columns(tables[0][1], where)
    names = _class_names(tables[0][1].features[label])
    labels: list[NDArray[Any]] = []
    for split, table in tables:
        column = table.select_columns([label]).with_format("arrow")[:].column(label)
        if column.null_count:
            raise DataError(
                f"{column.null_count} images have no label", where=where, got=f"nothing in {label} of {split}"
            )
        labels.append(column_of(label, column.to_numpy(), where))
    classes, codes = coded(labels, names, where)
    counts = [len(column) for column in labels]
    parts = np.repeat(np.asarray([_part_of_split(split) for split, _ in tables], np.int8), counts)
    require_classes(classes, codes, parts, where)
    store = HuggingFaceStore({split: table.select_columns([image]) for split, table in tables}, image)
    return Samples(
        root=path,
        paths=Names.of(
            f"{split}/{row:06d}" for (split, _), count in zip(tables, counts, strict=True) for row in range(count)
        ),
        labels=codes,
        classes=classes,
        parts=parts,
        store=store,
        rows=np.arange(len(codes), dtype=np.int64),
        format="huggingface",
    )


class HuggingFaceStore(Store):
    """Rows of tables that the library maps into memory; they survive forks and pickling."""

    def __init__(self, tables: dict[str, Any], column: str):
        self.tables, self.column = tables, column
        self.segments = Segments(list(tables), [len(table) for table in tables.values()])

    def __len__(self) -> int:
        return len(self.segments)

    def read(self, row: int) -> bytes:
        """The bytes of an image, from the table or from the file that it names."""
        split, place = self.segments.place(row)
        try:
            cell: dict[str, Any] = self.tables[split][place][self.column] or {}
            raw = cell.get("bytes")
            return raw if raw is not None else Path(cell["path"]).read_bytes()
        except Exception as error:  # the library and pyarrow have many
            raise ImageError(f"cannot read {split}[{place}]", got=str(error) or type(error).__name__) from error

    def state(self, row: int) -> tuple[int, int]:
        """No size, and the library's own number for the content of the table."""
        fingerprint = str(self.tables[self.segments.place(row)[0]]._fingerprint)
        return 0, int(fingerprint[:15], 16)


def _tables(path: Path) -> list[tuple[str, Any]]:
    """Name and table of each split, their images as bytes."""
    datasets = _library(str(path))
    datasets.disable_progress_bars()
    try:
        if is_hub_name(path):
            name, _, configuration = str(path).removeprefix(PREFIX).partition(":")
            found = datasets.load_dataset(name, configuration or None)
        else:
            found = datasets.load_from_disk(str(path))
    except SightlineError:
        raise
    except Exception as error:  # whatever the network, the hub and the library may answer
        remote = is_hub_name(path)
        raise DataError(
            f"cannot {'fetch' if remote else 'read'} the data set {path}",
            where="data.path",
            got=(str(error) or type(error).__name__).strip().splitlines()[0],
            hint="check the name and the network, or fetch it elsewhere, save_to_disk it, and give that folder"
            if remote
            else "write it again with save_to_disk",
        ) from error
    tables = dict(found) if isinstance(found, dict) else {"train" if is_hub_name(path) else "all": found}
    filled = [(str(split), table) for split, table in tables.items() if len(table)]
    if not filled:
        raise DataError("the data set holds no rows", where=str(path))
    image = _columns(filled[0][1], str(path))[0]
    return [(split, table.cast_column(image, datasets.Image(decode=False))) for split, table in filled]


def _library(where: str) -> Any:
    try:
        import datasets  # noqa: PLC0415  an extra
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "datasets is not installed", where=where, hint='pip install "sightline[huggingface]"'
        ) from error
    return datasets


def _columns(table: Any, where: str) -> tuple[str, str]:
    """The column of images and the column of labels."""
    kinds = {str(name): type(feature).__name__ for name, feature in table.features.items()}
    images = [name for name, kind in kinds.items() if kind == "Image"]
    labels = [name for name in kinds if name.lower() in LABELS] or [
        n for n, kind in kinds.items() if kind == "ClassLabel"
    ]
    if len(images) == 1 and len(labels) == 1:
        return images[0], labels[0]
    raise DataError(
        "it is not clear which columns hold images and labels",
        where=where,
        got=shortened([f"{name} ({kind})" for name, kind in kinds.items()], most=12),
        allowed=["one column of the kind Image", "one column called label, or of the kind ClassLabel"],
        hint="rename or remove columns and save_to_disk it again",
    )


def _class_names(feature: Any) -> tuple[str, ...] | None:
    names = getattr(feature, "names", None)
    return tuple(str(name) for name in names) if names else None


def _part_of_split(split: str) -> int:
    part = part_of(split)
    return UNASSIGNED if part is None else PARTS.index(part)
