"""What trained runs cost, measured side by side on this machine."""

from collections.abc import Sequence
from typing import Any

import torch

from sightline import plug
from sightline.evaluation.costs import forward, interleaved, joules, latencies, multiply_adds, parameters, weights_bytes
from sightline.evaluation.energy import Energy
from sightline.machine import cores, processor
from sightline.run import Run
from sightline.workflow.say import Say
from sightline.workflow.trained import TrainedModel, open_trained


def costs_of(runs: Sequence[Run], say: Say) -> list[dict[str, Any]]:
    """Parameters, multiply-adds, bytes of the weights, latency, training time and energy of each run.

    Args:
        runs: they are opened at their best checkpoints.
        say: where notes go.

    Returns:
        JSON-ready, in the order of the runs. ``joules_absent`` says why there is no energy, where there is none.
    """
    models = list[TrainedModel]()
    for run in runs:
        with plug.elsewhere():
            models.append(open_trained(run))
    say.note(f"timing {len(models)} models in turns, one image at a time")
    threads = torch.get_num_threads()
    torch.set_num_threads(cores())  # opening a run takes the threads of its training
    try:
        images = [_image(model) for model in models]
        works = [forward(model.module, image) for model, image in zip(models, images, strict=True)]
        times = interleaved(works)
        device = models[0].device
        spent, absent = joules(works, Energy(device.index or 0 if device.type == "cuda" else None))
    finally:
        torch.set_num_threads(threads)
    found: list[dict[str, Any]] = []
    for model, image, latency, own, seconds in zip(models, images, latencies(times), spent, times, strict=True):
        latency |= {"batch": 1, "passes": len(seconds)}
        place = {"device": model.device.type, "machine": processor(), "threads": cores()}
        found.append(
            {
                "parameters": parameters(model.module),
                "multiply_adds": multiply_adds(model.module, image),
                "weights_bytes": weights_bytes(model.module),
                "latency_ms": latency | place,
                "training_seconds": _training_seconds(model.run),
                "joules_per_image": own,
                **({"joules_absent": absent} if absent else {}),
            }
        )
    return found


def _image(model: TrainedModel) -> torch.Tensor:
    """One gray image as the network sees it."""
    contract = model.contract
    pixels = torch.full((1, contract.height, contract.width, contract.channels), 128, dtype=torch.uint8)
    return model.task.inputs(pixels, model.device, model.layout)


def _training_seconds(run: Run) -> float | None:
    """Seconds of all steps of the training; ``None`` where there was none in this folder."""
    steps = {record["step"]: record["seconds"] for record in run.read_records() if record["kind"] == "step"}
    return sum(steps.values()) if steps else None
