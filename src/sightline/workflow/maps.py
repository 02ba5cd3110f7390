"""Feature maps of given images after given steps, as PNG in the run and as pictures in TensorBoard."""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from sightline.data.loader import Piece, Pieces
from sightline.data.transforms import Evaluation
from sightline.diagnosis.maps import drawn, maps_of
from sightline.diagnosis.samples import chosen_layers
from sightline.files import whole_file
from sightline.model.blocks import blocks_of
from sightline.records import Record
from sightline.run import Run
from sightline.sinks.guarded import Guarded
from sightline.sinks.tensorboard_shown import grid_of, show_picture
from sightline.training.job import LAYOUTS, Job
from sightline.workflow.prepare import Prepared
from sightline.workflow.watching import places_of


class Maps:
    """Draws the maps when a record tells of one of the steps. The loop puts the network back into training mode.

    Args:
        job: its network is drawn, or the average that is judged in its place.
        prepared: knows the images.
        run: gets ``maps/step-000100/cat-0-jpg/LAYER.png``.
        board: shows them too, where there is one.
    """

    def __init__(self, job: Job, prepared: Prepared, run: Run, board: Guarded | None):
        self.job, self.folder, self.board = job, run.folder / "maps", board
        config = prepared.config
        self.steps = set(config.watch.maps_at or (job.plan.steps,))
        self.patterns = config.watch.layers
        self.names = config.watch.maps
        places = places_of(prepared.samples, config)
        made = Pieces(prepared.samples, Evaluation(prepared.contract), config.seed)[Piece(0, places)]
        if isinstance(made, Exception):
            raise made
        self.pixels: torch.Tensor = made[0]

    def write(self, record: Record) -> None:
        """Take a record."""
        if record.kind == "step" and record.step in self.steps:
            self._draw(record.step)

    def close(self) -> None:
        """The training has ended."""

    def _draw(self, step: int) -> None:
        job, module = self.job, self.job.judged
        images = job.task.inputs(self.pixels, job.plan.device, LAYOUTS[job.plan.layout])
        for name, found in zip(self.names, maps_of(module, drawn_layers(module, self.patterns), images), strict=True):
            for layer, maps in found.items():
                picture = drawn(maps)
                with whole_file(self.folder / f"step-{step:06d}" / _safe(name) / f"{layer}.png") as file:
                    Image.fromarray(picture).save(file, format="PNG")
                self._show(f"maps/{layer}/{name}", picture, step)

    def _show(self, name: str, picture: NDArray[np.uint8], step: int) -> None:
        if self.board is not None:
            grid = grid_of(picture[None, :, :, None])
            self.board.use(lambda sink: show_picture(sink.writer, name, grid, step))


def drawn_layers(module: nn.Module, patterns: str | tuple[str, ...]) -> dict[str, nn.Module]:
    """The layers whose maps are drawn: those that the patterns name, or the stages of the network."""
    return chosen_layers(module, patterns) or dict(blocks_of(module))


def _safe(name: str) -> str:
    """An image's path as the name of one folder."""
    return "".join(letter if letter.isalnum() or letter in "_-" else "-" for letter in name)
