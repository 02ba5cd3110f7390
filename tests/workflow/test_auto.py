"""What is chosen where nothing is said."""

import pytest

from sightline.config import RunConfig
from sightline.config_file import resolve
from sightline.workflow.auto import Settling


def settled(side: float, seen: int, **changes: object) -> Settling:
    """After the choices about the model and the data."""
    settling = Settling(resolve(RunConfig(), {key.replace("__", "."): value for key, value in changes.items()}), {})
    settling.choose_model(side)
    settling.choose_data(seen, side, False)
    return settling


@pytest.mark.parametrize(
    ("side", "weights", "model", "size"),
    [(28, "auto", "cnn", "auto"), (300, "auto", "mobilenetv3_large_100", "auto"), (300, "none", "cnn", 64)],
)
def test_the_model_fits_the_images_and_the_weights(side, weights, model, size):
    config = settled(side, 64, model__weights=weights).config
    assert (config.model.name, config.data.image_size) == (model, size)


def test_a_size_that_is_given_is_kept():
    assert settled(300, 96, model__weights="none", data__image_size=96).config.data.image_size == 96


def test_photos_are_decoded_by_workers_however_small_the_model_sees_them(monkeypatch):
    monkeypatch.setattr("sightline.workflow.auto.cores", lambda: 4)
    assert settled(300, 64).config.data.workers == 4
    assert settled(28, 28).config.data.workers == 0
