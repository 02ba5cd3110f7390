"""What TensorBoard shows of a run beside its records: the graph, the settings, points with their pictures."""

import numpy as np
import torch
from PIL import Image

from sightline.config_file import flat
from sightline.data.contract import Contract
from sightline.data.loader import Batch, evaluation_pieces
from sightline.diagnosis.graph import Node, graph_of
from sightline.errors import SightlineError
from sightline.evaluation.embed import embeddings_of
from sightline.records import Record
from sightline.run import Run
from sightline.sinks.guarded import Guarded
from sightline.sinks.tensorboard import TensorboardSink
from sightline.sinks.tensorboard_shown import Pixels, show_graph, show_points, show_settings
from sightline.training.job import Job
from sightline.training.parallel import is_sharded
from sightline.workflow.feed import Feed
from sightline.workflow.prepare import Prepared
from sightline.workflow.say import Say

MOST_POINTS = 500
_THUMBNAIL = 32


class Board:
    """TensorBoard as a consumer of records, and what it is shown at the beginning and at the end.

    Args:
        job: what is trained.
        prepared: what it was made from.
        run: gets the files.
        feed: gives the validation images.
        say: is told once, where TensorBoard is dropped.
    """

    def __init__(self, job: Job, prepared: Prepared, run: Run, feed: Feed, say: Say):
        self.job, self.prepared, self.run, self.feed = job, prepared, run, feed
        self.warn, self.last = say.warn, dict[str, float]()
        shares = shares_of(job)
        classes = prepared.contract.classes
        step = job.state.step
        self.sink = Guarded("TensorBoard", lambda: TensorboardSink(run.tensorboard, step, shares, classes), say.warn)
        if not step:
            self.sink.use(self._show_graph)

    def write(self, record: Record) -> None:
        """Take a record."""
        self.sink.write(record)
        if record.kind == "eval":
            self.last = {key: value for key, value in record.plain().items() if isinstance(value, float)}
        if record.kind == "save" and (record.step == self.job.plan.steps or self.job.state.enough):
            self.sink.use(self._show_end)

    def close(self) -> None:
        """The training has ended."""
        self.sink.close()

    def _show_graph(self, sink: TensorboardSink) -> None:
        try:
            nodes = _graph(self.job, self.prepared.contract)
        except Exception as error:  # noqa: BLE001 - whatever a network of the user's own raises; the rest can be shown
            self.warn(f"warning: TensorBoard gets no graph of the network ({type(error).__name__}: {error})")
            return
        if nodes:
            show_graph(sink.writer, nodes)

    def _show_end(self, sink: TensorboardSink) -> None:
        figures = {key.replace("_", "/", 1): value for key, value in self.last.items() if key.startswith("val_")}
        show_settings(sink.writer, flat(self.prepared.config), figures)
        own, job = self.prepared, self.job
        indices = own.samples.part("val")
        if is_sharded(job.built.module) or not len(indices):
            return
        indices = indices[np.unique(np.linspace(0, len(indices) - 1, min(MOST_POINTS, len(indices))).astype(np.int64))]
        pieces = evaluation_pieces(indices, own.config.evaluation.batch_size)
        batches = list(self.feed.batches(self.feed.judging(job.plan.device), pieces, job.plan.device))
        try:
            features = embeddings_of(job.built, own.judge, batches, job.plan.device)
        except SightlineError:  # a network without a single last layer has no points
            return
        places = np.concatenate([batch.indices.numpy() for batch in batches])
        labels = [_label(own, int(place)) for place in places]
        images = np.concatenate([_thumbnails(batch) for batch in batches])
        show_points(sink.writer, self.run.tensorboard, features, labels, images, job.state.step)


def shares_of(job: Job) -> dict[str, float]:
    """Of the learning rate, the different shares of the groups of parameters, by a name; none where all have one."""
    shares = sorted({float(group["lr_share"]) for group in job.optimizer.param_groups})
    return {f"share_{share:.4g}": share for share in shares} if len(shares) > 1 else {}


def _graph(job: Job, contract: Contract) -> list[Node]:
    module = job.built.module
    if is_sharded(module):
        return []
    image = torch.zeros(1, contract.channels, contract.height, contract.width, device=job.plan.device)
    return graph_of(module, image)


def _label(own: Prepared, place: int) -> str:
    """Class of an image, or its name where it has no single one."""
    label = int(own.samples.labels[place])
    single = own.judge.kind == "class" and label >= 0
    return own.contract.classes[label] if single else str(own.samples.paths[place])


def _thumbnails(batch: Batch) -> Pixels:
    """Small pictures of a batch, ``[n, side, side, channels]``."""
    pixels = batch.pixels.cpu().numpy()
    small = [
        np.asarray(Image.fromarray(one[:, :, 0] if one.shape[2] == 1 else one).resize((_THUMBNAIL, _THUMBNAIL)))
        for one in pixels
    ]
    return np.stack(small).reshape(len(pixels), _THUMBNAIL, _THUMBNAIL, -1)
