"""A user's own augmentation, kept from drawing numbers that belong to anybody else."""

import contextlib
import random
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from sightline import plug
from sightline.data.augment.pipeline import as_image
from sightline.data.contract import Contract
from sightline.data.image import to_color
from sightline.errors import PlugError

_WHERE = "data.augment"


def own_augment(name: str, contract: Contract) -> Callable[[Any, int], NDArray[np.uint8]]:
    """The transform that ``my_file:make`` makes of the contract, tried once.

    It gets a Pillow image in the contract's color and a seed. While it works, the global generators of Python, NumPy
    and torch are seeded for this picture; afterwards they are as before. So a library that draws from one of them
    is a pure function of image and seed too.

    Raises:
        PlugError: it cannot be made, fails, or gives something else than uint8 pixels of the contract's size.
    """
    make = plug.load(name, _WHERE)
    try:
        transform = make(contract)
    except Exception as error:
        raise _failed(f"'{name}' could not be made from the contract", error) from error
    if not callable(transform):
        got = f"{type(transform).__name__}"
        raise PlugError(f"'{name}' did not give a transform", where=_WHERE, got=got, hint="return a function")

    def apply(image: Any, seed: int) -> NDArray[np.uint8]:
        picture = to_color(image if isinstance(image, Image.Image) else as_image(image), contract.color)
        with lent_generators(seed):
            seen: Any = transform(picture, seed)
        return _checked(seen, name, contract)

    paper = Image.new("RGB", (2 * contract.width, 2 * contract.height), "gray")
    try:
        apply(paper, 0)
    except PlugError:
        raise
    except Exception as error:
        raise _failed(f"'{name}' failed on a gray picture", error) from error
    return apply


@contextlib.contextmanager
def lent_generators(seed: int) -> Generator[None]:
    """Seed the global generators of Python, NumPy and torch for the block, and put them back after it."""
    python, numpy, torchs = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed & 0xFFFFFFFF)
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(torchs)


def _checked(seen: Any, name: str, contract: Contract) -> NDArray[np.uint8]:
    array = np.asarray(seen)
    array = array[:, :, None] if array.ndim == 2 else array
    wanted = (contract.height, contract.width, contract.channels)
    if array.dtype != np.uint8 or array.shape != wanted:
        raise PlugError(
            f"'{name}' does not give what the model sees",
            where=_WHERE,
            got=f"{array.dtype} {list(array.shape)}",
            allowed=[f"uint8 {list(wanted)}: contract.height, contract.width, contract.channels"],
            hint="end with a crop or a resize to that size",
        )
    return np.ascontiguousarray(array)


def _failed(what: str, error: Exception) -> PlugError:
    got = f"{type(error).__name__}: {error}"
    return PlugError(what, where=_WHERE, got=got, hint="it is called as make(contract)(Pillow image, seed)")
