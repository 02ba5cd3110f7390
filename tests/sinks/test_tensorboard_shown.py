"""Histograms, pictures, curves, points, graph and settings, as TensorBoard's own readers give them back."""

import io
import math

import numpy as np
import pytest
import torch
from google.protobuf import text_format
from PIL import Image
from sklearn.metrics import precision_score, recall_score
from tensorboard.backend.event_processing.event_accumulator import DEFAULT_SIZE_GUIDANCE, EventAccumulator
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig
from tensorboard.util.tensor_util import make_ndarray

from sightline.records import Record
from sightline.sinks.tensorboard import TensorboardSink
from sightline.sinks.tensorboard_shown import (
    confusion_picture,
    grid_of,
    show_graph,
    show_picture,
    show_points,
    show_settings,
)

CLASSES = ("ant", "bee", "cat")


@pytest.fixture
def written(tmp_path):
    """A function that writes with a sink and gives what TensorBoard reads."""

    def write(act):
        sink = TensorboardSink(tmp_path, classes=CLASSES)
        act(sink)
        sink.close()
        events = EventAccumulator(str(tmp_path), size_guidance=dict.fromkeys(DEFAULT_SIZE_GUIDANCE, 0))
        events.Reload()
        return events

    return write


def record(kind="look", **arrays):
    values = {"val_loss": 1.0, "best": True} if kind == "eval" else LOOKED
    return Record(kind=kind, step=10, epoch=1.0, values=values, arrays=arrays)


LOOKED = {"layers": ["a"], "kinds": ["Linear"], "figures": ["weight_norm", "gradient_norm", "update_ratio"],
          "table": torch.ones(1, 3)}  # fmt: skip


def test_histograms_count_what_is_finite(written):
    values = torch.tensor([0.5, -1.0, 2.0, math.nan, 0.5, math.inf])
    found = written(lambda sink: sink.write(record(histograms={"weights/a": values, "gradients/a": values * math.nan})))
    assert found.Tags()["histograms"] == ["weights/a"]
    (event,) = found.Histograms("weights/a")
    told = event.histogram_value
    assert (event.step, told.num, told.min, told.max, told.sum) == (10, 4, -1.0, 2.0, 2.0)


def test_a_probe_that_found_no_number_leaves_a_gap(written):
    def write(sink):
        for step, value in ((1, 0.5), (2, None), (3, 0.75)):
            sink.write(Record(kind="look", step=step, epoch=1.0, values={**LOOKED, "probe/a/width": value}))

    assert [(one.step, one.value) for one in written(write).Scalars("probe/a/width")] == [(1, 0.5), (3, 0.75)]


@pytest.mark.parametrize("channels", [1, 3])
def test_inputs_are_one_picture(written, channels):
    images = torch.randint(0, 256, (6, 5, 7, channels), dtype=torch.uint8)
    found = written(lambda sink: sink.write(record(inputs=images)))
    (event,) = found.Images("inputs")
    seen = np.asarray(Image.open(io.BytesIO(event.encoded_image_string)))
    assert np.array_equal(seen, grid_of(images.numpy()))
    assert seen.shape == (2 * 5 + 2, 4 * 7 + 3 * 2, 3)
    assert np.array_equal(seen[7:12, 9:16], np.broadcast_to(images[5].numpy(), (5, 7, 3)))


def test_curves_are_those_of_scikit_learn_at_each_threshold(written):
    random = np.random.default_rng(0)
    labels, scores = random.integers(0, 2, 400), random.random(400)
    levels = np.floor(scores * 126).astype(int)
    counts = np.zeros((2, 3, 127))
    for label, level in zip(labels, levels, strict=True):
        counts[label, 1, level] += 1
    found = written(lambda sink: sink.write(record("eval", scores=counts)))
    assert [tag for tag in found.Tags()["tensors"] if tag.startswith("val/")] == ["val/bee"]
    rows = make_ndarray(found.Tensors("val/bee")[0].tensor_proto)
    for threshold in (0, 20, 63, 100):
        given = levels >= threshold
        assert rows[4, threshold] == pytest.approx(precision_score(labels, given, zero_division=0))
        assert rows[5, threshold] == pytest.approx(recall_score(labels, given))
        assert rows[:4, threshold].tolist() == [
            (given & (labels == 1)).sum(), (given & (labels == 0)).sum(),
            (~given & (labels == 0)).sum(), (~given & (labels == 1)).sum(),
        ]  # fmt: skip


def test_the_confusion_matrix_is_darker_where_more_are(written):
    matrix = np.array([[9.0, 1, 0], [5, 5, 0], [0, 0, 0]])
    found = written(lambda sink: sink.write(record("eval", confusion=matrix)))
    picture = np.asarray(Image.open(io.BytesIO(found.Images("val/confusion")[0].encoded_image_string)))
    assert np.array_equal(picture, confusion_picture(matrix, CLASSES))
    corners = [
        int(picture[151 + 28 * row, 151 + 28 * column].sum()) for row, column in ((0, 0), (1, 1), (0, 1), (2, 2))
    ]
    assert corners == sorted(corners) and len(set(corners)) == 4


def test_points_have_labels_and_pictures(written, tmp_path):
    random = np.random.default_rng(0)
    features = random.random((5, 4)).astype(np.float32)
    images = random.integers(0, 256, (5, 8, 8, 1), dtype=np.uint8)
    labels = ["ant", "bee\t2", "cat", "ant", "ant"]
    for _ in range(2):  # a run may come to its end twice
        written(lambda sink: show_points(sink.writer, tmp_path, features, labels, images, 20))
    config = text_format.Parse((tmp_path / "projector_config.pbtxt").read_text(), ProjectorConfig())
    (own,) = config.embeddings
    table = np.loadtxt(tmp_path / own.tensor_path, delimiter="\t")
    assert np.allclose(table, features) and own.tensor_path.startswith("00020/validation")
    assert (tmp_path / own.metadata_path).read_text().splitlines() == ["ant", "bee 2", "cat", "ant", "ant"]
    assert list(own.sprite.single_image_dim) == [8, 8]
    sprite = np.asarray(Image.open(tmp_path / own.sprite.image_path).convert("RGB"))
    assert np.array_equal(sprite[8:16, 8:16], np.broadcast_to(images[4], (8, 8, 3)))


def test_settings_stand_beside_figures(written):
    settings = {"train.lr": 0.1, "model.name": "cnn", "data.mean": [0.1, 0.2], "train.ema": None, "seed": 3}
    found = written(lambda sink: show_settings(sink.writer, settings, {"val/accuracy": 0.5}))
    plugin = found.PluginTagToContent("hparams")
    start = HParamsPluginData.FromString(plugin["_hparams_/session_start_info"]).session_start_info
    assert start.hparams["train.lr"].number_value == 0.1 and start.hparams["data.mean"].string_value == "[0.1, 0.2]"
    experiment = HParamsPluginData.FromString(plugin["_hparams_/experiment"]).experiment
    assert [one.name.tag for one in experiment.metric_infos] == ["val/accuracy"]


def test_the_graph_keeps_its_nodes(written):
    nodes = [("images", "Placeholder", [], [1, 3, 8, 8]), ("stem/conv2d", "conv2d", ["images"], [1, 4, 8, 8])]
    found = written(lambda sink: show_graph(sink.writer, nodes))
    graph = found.Graph()
    assert isinstance(graph, GraphDef)
    assert [(node.name, node.op, list(node.input)) for node in graph.node] == [
        ("images", "Placeholder", []), ("stem/conv2d", "conv2d", ["images"])
    ]  # fmt: skip
    shape = graph.node[1].attr["_output_shapes"].list.shape[0]
    assert [size.size for size in shape.dim] == [1, 4, 8, 8]


def test_a_picture_is_shown_as_it_is(written):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 4, 3), dtype=np.uint8)
    found = written(lambda sink: show_picture(sink.writer, "maps/a", pixels, 3))
    seen = np.asarray(Image.open(io.BytesIO(found.Images("maps/a")[0].encoded_image_string)))
    assert np.array_equal(seen, pixels)
