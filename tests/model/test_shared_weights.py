"""Published weights in other people's names, on photos with a known answer."""

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from sightline.data.contract import Contract
from sightline.model.build import build
from sightline.model.heads import class_rows
from sightline.model.weights import load_weights
from sightline.model.weights_file import class_names

SQUEEZENET = "weights/squeezenet1_1-imagenet-torchvision.pth"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PLUG = """
from torchvision.models import squeezenet1_1


def squeezenet(num_classes, in_chans):
    assert in_chans == 3
    return squeezenet1_1(num_classes=num_classes)
"""


@pytest.fixture
def plugged(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_squeeze.py").write_text(PLUG)
    yield lambda classes: build("my_squeeze:squeezenet", classes, 3, {})
    sys.modules.pop("sightline_plug_my_squeeze", None)


@pytest.mark.parametrize("photo", ["chelsea.png", "coffee.png", "tfjs_coffee.jpg"])
def test_the_expected_outputs_of_the_photos_are_reproduced(shared_data, plugged, photo):
    names = class_names(shared_data / "weights" / "imagenet-classes.txt")
    built = plugged(1000)
    report = load_weights(built.module, shared_data / SQUEEZENET)
    assert len(report.loaded) == 52 and not report.missing + report.mismatched + report.unused
    contract = Contract(
        classes=("a", "b"), color="rgb", height=224, width=224, resize="crop", shorter=256, interpolation="bilinear",
        mean=MEAN, std=STD,
    )  # fmt: skip
    pixels = contract.pixels(Image.open(shared_data / "photos" / photo).convert("RGB"))
    scaled = (np.asarray(pixels, np.float32) / 255 - np.float32(MEAN)) / np.float32(STD)
    with torch.no_grad():
        logits = built.module.eval()(torch.from_numpy(scaled).permute(2, 0, 1)[None])[0]
    expected = json.loads((shared_data / "photos" / "expected-squeezenet1_1.json").read_text())["images"][photo]
    assert (logits[:8] - torch.tensor(expected["first8_logits"])).abs().max() <= 1e-3
    chances, best = logits.softmax(0).topk(5)
    assert [names[place] for place in best] == [entry["class"] for entry in expected["top5"]]
    assert [entry["index"] for entry in expected["top5"]] == best.tolist()
    assert (chances - torch.tensor([entry["prob"] for entry in expected["top5"]])).abs().max() <= 1e-3


def test_rows_of_a_head_of_single_pixels_are_reused_by_name(shared_data, plugged):
    names = class_names(shared_data / "weights" / "imagenet-classes.txt")
    wanted = ("espresso", "my own cup", "tiger_cat")
    built = plugged(3)
    head = ["classifier.1.weight", "classifier.1.bias"]
    assert built.head == set(head) and class_rows(built, 3) == head
    from dataclasses import replace

    from sightline.model.weights_file import read_weights

    file = replace(read_weights(shared_data / SQUEEZENET), classes=names)
    report = load_weights(built.module, file, head=head, rows=head, classes=wanted)
    assert report.rows.shared == ("espresso", "tiger_cat") and len(report.loaded) == 52
    own, source = built.module.state_dict(), file.tensors
    for row, name in ((0, "espresso"), (2, "tiger_cat")):
        assert torch.equal(own[head[0]][row], source[head[0]][names.index(name)])
