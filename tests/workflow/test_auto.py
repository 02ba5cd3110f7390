"""What is chosen where nothing is said."""

import pytest

from sightline.config import RunConfig
from sightline.config_file import resolve
from sightline.workflow.auto import Settling


def settled(side: float, **changes: object) -> Settling:
    """After the choice of the model."""
    settling = Settling(resolve(RunConfig(), {key.replace("__", "."): value for key, value in changes.items()}), {})
    settling.choose_model(side)
    return settling


@pytest.mark.parametrize(
    ("side", "weights", "model", "size"),
    [(28, "auto", "cnn", "auto"), (300, "auto", "mobilenetv3_large_100", "auto"), (300, "none", "cnn", 64)],
)
def test_the_model_fits_the_images_and_the_weights(side, weights, model, size):
    config = settled(side, model__weights=weights).config
    assert (config.model.name, config.data.image_size) == (model, size)


def test_a_size_that_is_given_is_kept():
    assert settled(300, model__weights="none", data__image_size=96).config.data.image_size == 96
