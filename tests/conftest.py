"""What tests of every stage share: real data where it lies, small image folders, a cache of their own."""

import gc
import gzip
import os
import signal
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

# Before anything imports torch: tiny networks are quickest on one thread, and threads that spin while they wait take
# the cores from everything else.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A shell without job control starts background jobs deaf to Ctrl-C, and programs under test would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets and weights; the test is skipped where there is none."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SIGHTLINE_SHARED_DATA") or beside)
    if not folder.is_dir():
        pytest.skip(f"shared data not present: {folder} (set SIGHTLINE_SHARED_DATA)")
    return folder


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for this session, so that tests neither use nor leave anything in the user's."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["SIGHTLINE_CACHE"] = str(folder)
    return folder


@pytest.fixture(autouse=True)
def no_run_in_the_checkout() -> Iterator[None]:
    """A test that forgets to say where its run goes is found, not the one that trips over it."""
    was_there = (Path.cwd() / "runs").exists()
    yield
    assert was_there or not (Path.cwd() / "runs").exists(), "this test wrote into the folder the tests are run from"


@pytest.fixture(scope="session", autouse=True)
def libraries_are_no_garbage() -> Iterator[None]:
    """Half a million objects of torch and its like are not searched again whenever a training frees memory: it would
    take a fifth of the time of the small ones."""
    import timm
    import torch

    assert torch is not None and timm is not None
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session", autouse=True)
def no_curves_drawn() -> Iterator[Callable[..., list[Path]]]:
    """Trainings within a test draw no curves, which takes longer than their steps; in a process of their own they do.

    What draws them is given to ``curves_drawn``.
    """
    from sightline.evaluation import plots

    own = plots.draw_curves
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "draw_curves", lambda *_: [])
        yield own


@pytest.fixture
def curves_drawn(no_curves_drawn: Callable[..., list[Path]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the trainings of a test draw their curves all the same."""
    monkeypatch.setattr("sightline.evaluation.plots.draw_curves", no_curves_drawn)


def write_image(path: Path, size: tuple[int, int] = (32, 24)) -> Path:
    """An image whose pixels follow from the last three names of its path: always the same, never those of another."""
    width, height = size
    random = np.random.default_rng(zlib.crc32("/".join(path.parts[-3:]).encode("utf-8", "surrogateescape")))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def image_folder() -> Callable[..., Path]:
    """A function that writes class folders: ``image_folder(root, {"cat": 3, "dog": 4})`` returns ``root``.

    With ``parts=("train", "val")`` each part gets that many images of each class.
    """

    def make(
        root: Path,
        counts: Mapping[str, int],
        size: tuple[int, int] = (32, 24),
        parts: Sequence[str] | None = None,
        suffix: str = ".png",
    ) -> Path:
        for part in parts or ("",):
            for name, count in counts.items():
                (root / part / name).mkdir(parents=True, exist_ok=True)
                for number in range(count):
                    write_image(root / part / name / f"{number}{suffix}", size)
        return root

    return make


def write_idx(path: Path, values: object) -> Path:
    """An idx file of unsigned bytes, gzipped where its name ends in ``.gz``."""
    array = np.asarray(values, np.uint8)
    raw = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


@pytest.fixture
def idx_file() -> Callable[[Path, object], Path]:
    """``write_idx`` for tests."""
    return write_idx


@pytest.fixture
def idx_pair() -> Callable[..., np.ndarray]:
    """A function that writes images and labels named like those of MNIST and returns the pixels."""

    def make(
        folder: Path,
        stem: str,
        labels: Sequence[int],
        seed: int = 0,
        form: str = "-idx{}-ubyte",
        ending: str = ".gz",
        size: tuple[int, int] = (5, 4),
    ) -> np.ndarray:
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (len(labels), *size), dtype=np.uint8)
        write_idx(folder / f"{stem}images{form.format(3)}{ending}", pixels)
        write_idx(folder / f"{stem}labels{form.format(1)}{ending}", labels)
        return pixels

    return make
