import csv  # python onnx_predict.py BUNDLE IMAGE_CSV_OR_FOLDER... prints path,label,confidence, or labels, or numbers
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

c = json.loads(Path(sys.argv[1], "bundle.json").read_text(encoding="utf-8"))["contract"]
o = c.get("outputs", {})  # any of several labels, or numbers; for one class an image there is none
model = onnxruntime.InferenceSession(Path(sys.argv[1], "model.onnx"), providers=["CPUExecutionProvider"])
for given in map(Path, sys.argv[2:]):
    rows = csv.DictReader(given.open(encoding="utf-8-sig")) if given.suffix == ".csv" else []
    for path in [given.parent / row["path"] for row in rows] or sorted(given.rglob("*.*[fgpFGP]")) or [given]:
        image = ImageOps.exif_transpose(Image.open(path))
        image = Image.fromarray((np.asarray(image) >> 8).astype("uint8")) if "I;16" in image.mode else image
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
        paper = Image.new("L", (c["width"], c["height"]), c["fill"]).convert("RGB" if c["color"] == "rgb" else "L")
        size, seen = np.array(paper.size), np.array(image.size)
        pad = np.maximum(1, np.round(seen * min(size / seen))).astype(int)
        fit = {"crop": seen * c["shorter"] // min(seen), "pad": pad, "squash": size}[c["resize"]]
        image = image.convert(paper.mode).resize(tuple(fit), Image.Resampling[c["interpolation"].upper()])
        paper.paste(image, tuple(np.where(fit > size, -np.round((fit - size) / 2), (size - fit) // 2).astype(int)))
        p = model.run(None, {"images": np.asarray(paper).reshape(1, c["height"], c["width"], -1)})[0][0]
        has = [name for name, p_of in zip(c["classes"], p, strict=True) if p_of >= o.get("threshold", p.max())]
        row = [str(number) for number in p] if "mean" in o else ["|".join(has), f"{p.max():.6f}"]
        csv.writer(sys.stdout, lineterminator="\n").writerow([path, *row])
