"""Class folders, with or without folders for the parts above them.

::

    DATA/cat/…  DATA/dog/…                       the split makes the parts
    DATA/train/cat/…  DATA/val/dog/…  …          the parts are given
    DATA/photos/cat/…  DATA/photos/dog/…         one folder around it all, as archives unpack to
"""

from pathlib import Path

from sightline.data.formats.columns import Columns
from sightline.data.formats.parts import part_of, require_same_classes, require_two_classes
from sightline.data.formats.walk import images_below, listing, subfolders
from sightline.data.image import is_image_name
from sightline.data.samples import PARTS, UNASSIGNED, Samples
from sightline.errors import DataError, SplitError, shortened


def read_folders(path: Path) -> Samples:
    """Samples from class folders; images at any depth below a class folder belong to that class.

    Samples are sorted by path, classes by name. Hidden and stray files and folders, files that are no images and
    images beside the class folders are listed in ``ignored``.

    Raises:
        DataError: no images, no class folders, one class only, a class without images; names them.
        SplitError: the parts do not hold the same classes; names what each lacks.
    """
    ignored: list[str] = []
    top = top_folder(path, ignored)
    found = _class_folders(path, _part_folders(path, top, ignored), ignored)
    require_same_classes({PARTS[part]: names for part, _, names in found if part != UNASSIGNED}, str(path))
    classes = sorted({name for _, _, names in found for name in names})
    code = {name: place for place, name in enumerate(classes)}
    columns, empty = Columns(), list[str]()
    for part, prefix, names in found:
        for name in sorted(names, key=lambda name: name + "/"):
            before = len(columns)
            for image in images_below(path, f"{prefix}{name}/", ignored, frozenset()):
                columns.add(image, code[name], part)
            if len(columns) == before:
                empty.append(prefix + name)
    _require_images(path, len(columns), empty)
    require_two_classes(classes, str(path))
    return columns.samples(path, classes, "folders", ignored)


def top_folder(path: Path, ignored: list[str] | None = None) -> str:
    """The folder that holds the classes or parts, relative to ``path``: ``""``, or ``"photos/"`` around it all."""
    prefix = ""
    while True:
        names = listing(path / prefix)
        inner = subfolders(names)
        if len(inner) != 1 or part_of(inner[0]) or not subfolders(listing(path / prefix / inner[0])):
            return prefix
        if ignored is not None:
            ignored.extend(prefix + name for name in names if name != inner[0] + "/")
        prefix += inner[0] + "/"


def has_class_folders(path: Path) -> bool:
    """Whether a folder can be read as class folders, as far as the folders alone can tell."""
    top = path / top_folder(path)
    names = subfolders(listing(top))
    given = [name for name in names if part_of(name)]
    if given and any(subfolders(listing(top / name)) for name in given):
        return True
    return len(names) - len(given) > 1


def _part_folders(path: Path, top: str, ignored: list[str]) -> list[tuple[int, str]]:
    """Part and folder (with ``/``) of each part given; the top folder itself, unassigned, where there are none."""
    names = listing(path / top)
    folders = subfolders(names)
    given = [name for name in folders if part_of(name)]
    # 'train' beside 'bus' and 'car' is a vehicle: as parts they hold folders, or stand alone.
    if not given or (len(given) < len(folders) and not any(subfolders(listing(path / top / name)) for name in given)):
        return [(UNASSIGNED, top)]
    by_part: dict[int, str] = {}
    for name in given:
        part = PARTS.index(part_of(name) or "")
        if part in by_part:
            raise SplitError(
                f"two folders for the {PARTS[part]} part: {by_part[part]} and {name}",
                where=str(path / top),
                hint="keep one of them",
            )
        by_part[part] = name
    ignored.extend(top + name for name in names if name.removesuffix("/") not in given)
    return sorted(((part, f"{top}{name}/") for part, name in by_part.items()), key=lambda item: item[1])


def _class_folders(path: Path, parts: list[tuple[int, str]], ignored: list[str]) -> list[tuple[int, str, list[str]]]:
    """Part, folder and names of the class folders in it, for each part."""
    found: list[tuple[int, str, list[str]]] = []
    bare: dict[str, int] = {}
    for part, prefix in parts:
        names = listing(path / prefix)
        classes = subfolders(names)
        if not classes:
            bare[prefix.rstrip("/") or path.name] = sum(is_image_name(name) for name in names)
        for name in classes:
            _require_text(name, path / prefix)
        ignored.extend(prefix + name for name in names if name.removesuffix("/") not in classes)
        found.append((part, prefix, classes))
    if bare:
        raise DataError(
            f"no class folders in {' and '.join(bare)}",
            where=str(path),
            got=f"{sum(bare.values())} images directly in it" if any(bare.values()) else "no images",
            hint="put the images of each class into a folder with the name of the class",
        )
    return found


def _require_text(name: str, folder: Path) -> None:
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            "the name of a class folder is not UTF-8 text", where=str(folder), got=ascii(name), hint="rename the folder"
        ) from error


def _require_images(path: Path, count: int, empty: list[str]) -> None:
    if not count:
        raise DataError(
            f"no images in {path}",
            got=f"{len(empty)} folders without images: {shortened(empty)}",
            hint="put the images of each class into a folder with the name of the class",
        )
    if empty:
        raise DataError(
            f"class folders without images: {shortened(empty, most=20)}",
            where=str(path),
            hint="add images, or remove the folders so that they are no classes",
        )
