"""Write the split that TrashNet is compared on: the test part is every photo whose number is divisible by 5.

python examples/trashnet_csv.py trashnet-384x288.zip trashnet.csv
sightline train trashnet.csv -c recipes/trashnet.yaml -s data.root=trashnet-384x288.zip -s model.weights=WEIGHTS
"""

import csv
import re
import sys
import zipfile
from pathlib import PurePosixPath

archive, table = sys.argv[1:]
photos = sorted(name for name in zipfile.ZipFile(archive).namelist() if name.lower().endswith(".jpg"))
with open(table, "w", newline="", encoding="utf-8") as file:  # noqa: PTH123  as short as can be
    rows = csv.writer(file)
    rows.writerow(("path", "label", "split"))
    for name in photos:
        path = PurePosixPath(name)
        number = int(re.findall(r"\d+", path.stem)[-1])
        rows.writerow((name, path.parent.name, "test" if number % 5 == 0 else "train"))
