"""What a trained network says about samples, as stored predictions."""

import numpy as np
from numpy.typing import NDArray

from sightline.data.loader import Pieces, evaluation_pieces, load
from sightline.data.samples import Samples
from sightline.data.transforms import Evaluation
from sightline.evaluation.predict import logits_of
from sightline.evaluation.predictions import Predictions
from sightline.workflow.source import decoders, is_kept
from sightline.workflow.trained import TrainedModel


def predicted(model: TrainedModel, samples: Samples, indices: NDArray[np.int64], name: str, source: str) -> Predictions:
    """The model's logits (of numbers: values in their units) for these samples, in their order."""
    config, outputs = model.config, model.contract.outputs
    dataset = Pieces(samples, Evaluation(model.contract), config.seed)
    # Workers that were settled for kept pixels say nothing about decoding.
    most = decoders(samples, len(indices))
    workers = most if is_kept(config) else min(most, int(config.data.workers))
    batches = load(dataset, evaluation_pieces(indices, config.evaluation.batch_size), workers)
    found = [logits for _, logits in logits_of(model.module, model.task, batches, model.device, model.layout)]
    logits = np.concatenate(found) if found else np.zeros((0, len(samples.classes)), np.float32)
    return Predictions(
        paths=samples.paths.take(indices),
        labels=samples.labels[indices],
        logits=outputs.values(logits) if outputs is not None and outputs.kind == "numbers" else logits,
        outputs=outputs,
        truths=None if samples.targets is None else samples.targets[indices],
        classes=model.contract.classes,
        contract_hash=model.contract.hash,
        weights_sha256=model.weights_sha256,
        part=name,
        source=source,
        temperature=model.temperature,
    )
