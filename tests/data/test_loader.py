"""Batches are the same whoever makes them, and every sample is used once."""

import functools
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sightline.data.contract import Contract
from sightline.data.loader import Pieces, evaluation_pieces, load, training_pieces
from sightline.data.order import epoch_order
from sightline.data.read import read
from sightline.data.samples import Samples
from sightline.data.transforms import AUGMENTS, Evaluation
from sightline.errors import DataError, ImageError


def contract(**changes):
    plain = {
        "classes": ("cat", "dog"), "color": "rgb", "height": 16, "width": 16, "resize": "squash", "shorter": 16,
        "interpolation": "bilinear", "mean": (0.5,) * 3, "std": (0.25,) * 3,
    }  # fmt: skip
    return Contract(**plain | changes)


def pieces_of(indices, first=0, last=4, **changes):
    order = functools.partial(epoch_order, 3, count=len(indices))
    plain = {"order": order, "batch_size": 4, "accumulate": 1, "rank": 0, "world": 1}
    return list(training_pieces(np.asarray(indices), first_step=first, last_step=last, **plain | changes))


@pytest.fixture(scope="module")
def animals(tmp_path_factory):
    root = tmp_path_factory.mktemp("animals")
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (root / name).mkdir()
        for number in range(5):
            Image.fromarray(random.integers(0, 256, (20, 24, 3), dtype=np.uint8)).save(root / name / f"{number}.png")
    return read(root)


@pytest.mark.parametrize("augment", AUGMENTS)
def test_batches_do_not_depend_on_the_number_of_workers(animals, augment):
    dataset = Pieces(animals, AUGMENTS[augment](contract(), True), seed=5)
    made = [list(load(dataset, pieces_of(range(10), last=6), workers)) for workers in (0, 1, 2)]
    assert len(made[0]) == 6
    for one, *others in zip(*made, strict=True):
        assert one.pixels.dtype == torch.uint8 and one.pixels.shape[1:] == (16, 16, 3)
        assert one.targets.tolist() == animals.labels[one.indices.numpy()].tolist()
        for other in others:
            assert torch.equal(one.pixels, other.pixels) and torch.equal(one.indices, other.indices)
            assert torch.equal(one.targets, other.targets)


def test_a_sample_is_augmented_anew_in_each_epoch(animals):
    dataset = Pieces(animals, AUGMENTS["standard"](contract(), True), seed=5)
    first, second = (next(load(dataset, pieces_of([4], first=step, last=step + 1), 0)) for step in (0, 1))
    assert first.indices.tolist() == second.indices.tolist() == [4] and not torch.equal(first.pixels, second.pixels)


def test_evaluation_sees_what_the_contract_says(animals):
    batches = list(load(Pieces(animals, Evaluation(contract()), seed=0), evaluation_pieces(np.arange(10), 4), 0))
    assert [len(batch.targets) for batch in batches] == [4, 4, 2]
    seen = torch.cat([batch.pixels for batch in batches]).numpy()
    expected = [contract().read(animals.file(index)) for index in range(10)]
    assert np.array_equal(seen, np.stack(expected))


def test_arrays_need_no_files():
    pixels = np.random.default_rng(0).integers(0, 256, (6, 16, 16), dtype=np.uint8)
    samples = Samples.from_arrays(pixels, [0, 1] * 3)
    gray = contract(classes=("0", "1"), color="gray", mean=(0.5,), std=(0.5,))
    (batch,) = load(Pieces(samples, Evaluation(gray), seed=0), evaluation_pieces(np.arange(6), 8), 0)
    assert np.array_equal(batch.pixels.numpy(), pixels[..., None])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_damaged_image_is_named(tmp_path, image_folder, workers):
    samples = read(image_folder(tmp_path, {"cat": 3, "dog": 3}))
    path = tmp_path / "dog" / "1.png"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ImageError) as error:
        list(load(Pieces(samples, Evaluation(contract()), seed=0), evaluation_pieces(np.arange(6), 2), workers))
    assert str(error.value) == "dog/1.png cannot be decoded\n  got: the file is truncated"
    assert error.value.what == "dog/1.png cannot be decoded"


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_a_transform_refuses_is_named(tmp_path, image_folder, workers):
    image_folder(tmp_path, {"cat": 1, "dog": 1})
    Image.fromarray(np.zeros((8, 8), np.float32)).save(tmp_path / "cat" / "a.tif")
    samples = read(tmp_path)
    for transform in (Evaluation(contract()), AUGMENTS["standard"](contract(), True)):
        with pytest.raises(ImageError, match=r"pixels have no agreed range \(cat/a.tif\)\n  got: mode F\n  allowed: 8"):
            list(load(Pieces(samples, transform, seed=0), evaluation_pieces(np.arange(3), 3), workers))


@given(
    count=st.integers(8, 200),
    batch_size=st.integers(6, 50),
    world=st.integers(1, 3),
    accumulate=st.integers(1, 2),
    resumed=st.integers(0, 1000),
)
@settings(deadline=None)
def test_an_epoch_uses_every_sample_once_whatever_the_ranks_and_the_resume_point(
    count, batch_size, world, accumulate, resumed
):
    indices = np.random.default_rng(count).permutation(1000)[:count]
    per_epoch = -(-count // batch_size)
    if count // per_epoch < world * accumulate:
        return
    plan = {"batch_size": batch_size, "accumulate": accumulate, "world": world}
    ranks = [pieces_of(indices, last=2 * per_epoch, rank=rank, **plan) for rank in range(world)]
    for epoch in (0, 1):
        used = [piece.indices for pieces in ranks for piece in pieces if piece.epoch == epoch]
        assert sorted(np.concatenate(used).tolist()) == sorted(indices.tolist())
    first = resumed % (2 * per_epoch)
    for rank, whole in enumerate(ranks):
        rest = pieces_of(indices, first=first, last=2 * per_epoch, rank=rank, **plan)
        for piece, again in zip(whole[first * accumulate :], rest, strict=True):
            assert piece.epoch == again.epoch and np.array_equal(piece.indices, again.indices)


def test_ranks_and_micro_batches_divide_the_very_batch_of_one_process():
    whole = pieces_of(range(50), last=5, batch_size=12)
    parts = [pieces_of(range(50), last=5, batch_size=12, accumulate=2, rank=rank, world=2) for rank in (0, 1)]
    for step, piece in enumerate(whole):
        shares = list(itertools.chain.from_iterable(pieces[2 * step : 2 * step + 2] for pieces in parts))
        assert sorted(np.concatenate([share.indices for share in shares])) == sorted(piece.indices)
        assert all(len(share.indices) for share in shares)


def test_batches_too_small_for_their_ranks_are_refused():
    with pytest.raises(DataError) as error:
        pieces_of(range(9), batch_size=4, accumulate=2, world=2)
    assert str(error.value) == (
        "a batch has fewer samples than there are ranks and micro-batches (train.batch_size, train.accumulate)\n"
        "  got: 3 samples for 2 ranks x 2 micro-batches\n"
        "  next: use a larger batch, less accumulation or fewer ranks"
    )


@given(count=st.integers(0, 60), batch_size=st.integers(1, 20), world=st.integers(1, 4))
def test_evaluation_covers_every_sample_once(count, batch_size, world):
    pieces = [piece for rank in range(world) for piece in evaluation_pieces(np.arange(count), batch_size, rank, world)]
    assert sorted(index for piece in pieces for index in piece.indices) == list(range(count))
    assert all(0 < len(piece.indices) <= batch_size for piece in pieces)
