"""The contract of exporters; ``sightline.testing`` hands it out with the others."""

import copy
import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sightline.errors import PlugError
from sightline.export.budget import BUDGETS
from sightline.export.form import Form, Order, Runner
from sightline.export.served import served_copy
from sightline.export.session import OUTPUTS

_BATCHES = (1, 2, 5, 17)


def check_exporter(form: Form, order: Order, images: NDArray[np.uint8]) -> None:
    """Check that an exporter honours its contract on a trained model.

    It writes the files that it declares and no others, and leaves the model as it was. What it wrote is opened from
    another folder, takes any number of pictures, gives finite probabilities and logits of float32, the same ones when
    it is asked again and for a picture alone as among others, and keeps the budget of its arithmetic.

    Args:
        form: the exporter.
        order: a model that has learnt something: of random weights every output is alike.
        images: real pictures as its contract makes them, uint8 ``[n, height, width, channels]``, 17 at least.

    Raises:
        PlugError: names the clause that is broken.
    """
    before = copy.deepcopy(order.model.state_dict())
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        form.write(order, Path(one))
        written = sorted(path.name for path in Path(one).iterdir())
        _need(written == sorted(form.files), "writes the files it declares", f"{written}, not {sorted(form.files)}")
        after = order.model.state_dict()
        same = all(torch.equal(value, after[name]) for name, value in before.items())
        _need(same, "leaves the model as it was", "changed weights")
        for name in written:
            Path(one, name).rename(Path(other, name))
        _check_answers(form, form.open(Path(other), 1, len(OUTPUTS[order.contract.kind])), order, images)


def _check_answers(form: Form, run: Runner, order: Order, images: NDArray[np.uint8]) -> None:
    whole = served_copy(order.model, order.contract)
    with torch.inference_mode():
        outputs = whole(torch.from_numpy(images))
    wanted = outputs[len(OUTPUTS[order.contract.kind]) - 1].numpy()
    scale, most = float(np.abs(wanted).max()), BUDGETS[form.precision].tolerance
    for count in _BATCHES:
        found = run(images[:count])
        shapes = {one.shape for one in found} | {(count, wanted.shape[1])}
        _need(len(shapes) == 1, "takes any number of pictures", f"{[one.shape for one in found]} for {count}")
        plain = all(one.dtype == np.float32 and bool(np.isfinite(one).all()) for one in found)
        _need(plain, "gives finite numbers of float32", f"{[str(one.dtype) for one in found]}")
        error = float(np.abs(found[1] - wanted[:count]).max()) / scale
        _need(error <= most, "keeps the budget of its arithmetic", f"{error:.3g} of the largest output")
    again = list(run(images[:5]))
    same = all(np.array_equal(*pair) for pair in zip(again, run(images[:5]), strict=True))
    _need(same, "gives the same when it is asked again", "other numbers")
    alone = np.concatenate([run(images[place : place + 1])[1] for place in range(5)])
    near = float(np.abs(alone - again[1]).max()) / scale
    _need(near <= min(most, 1e-2), "answers alike for a picture alone and among others", f"{near:.3g} apart")


def _need(holds: bool, clause: str, got: str) -> None:
    if not holds:
        raise PlugError(f"this is no exporter: it must be one that {clause}", where="check_exporter", got=got)
