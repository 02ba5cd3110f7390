"""A reader of your own: labels that stand in the file names, such as ``temple-17.jpg``.

sightline train FOLDER -s data.reader=my_reader:by_file_name
"""

from pathlib import Path

import numpy as np

from sightline.data.samples import UNASSIGNED, Names, Samples


def by_file_name(path: Path) -> Samples:
    """Everything before the last hyphen is the class; the split makes the parts."""
    files = sorted(file.name for file in path.glob("*-*.jpg"))
    labels = [name.rpartition("-")[0] for name in files]
    classes = tuple(sorted(set(labels)))
    return Samples(
        root=path,
        paths=Names.of(files),
        labels=np.asarray([classes.index(label) for label in labels], np.int32),
        classes=classes,
        parts=np.full(len(files), UNASSIGNED, np.int8),
        format="by_file_name",
    )
