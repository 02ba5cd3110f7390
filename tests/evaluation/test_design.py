"""How images are drawn again: what stays together, what keeps its size, and how far the draws spread."""

import numpy as np
import pytest

from sightline.evaluation.design import Design


def drawn(design: Design, images: int, resamples: int = 4000, seed: int = 0) -> np.ndarray:
    return np.concatenate(list(design.weights(images, resamples, seed)))


def test_every_design_weighs_all_images_together_as_many():
    codes = np.array([3, 3, 3, 7, 7, 9, 9, 9, 9, 9])
    for design in (Design(), Design("classes", codes)):
        np.testing.assert_allclose(drawn(design, 10).sum(axis=1), 10)
    np.testing.assert_allclose(drawn(Design("groups", codes), 10).mean(axis=0), 1, atol=0.05)


def test_classes_keep_their_sizes_and_a_lone_image_stays():
    codes = np.array([0, 1, 0, 1, 1, 2])
    weights = drawn(Design("classes", codes), 6)
    for code, size in ((0, 2), (1, 3), (2, 1)):
        np.testing.assert_allclose(weights[:, codes == code].sum(axis=1), size)
    assert (weights[:, 5] == 1).all()
    assert weights[:, 0].std() > 0


def test_images_of_a_group_are_drawn_together():
    codes = np.array([5, 1, 5, 1, 8, 8, 8])
    weights = drawn(Design("groups", codes), 7)
    for code in (1, 5, 8):
        members = weights[:, codes == code]
        assert (members == members[:, :1]).all() and members.std() > 0
    assert not np.array_equal(weights[:, 0], weights[:, 4])


@pytest.mark.parametrize("how", ["images", "classes", "groups"])
def test_the_variance_of_a_mean_is_the_unbiased_one(how: str):
    random = np.random.default_rng(1)
    values, codes = random.normal(size=24), np.repeat(np.arange(6), 4)
    design = Design() if how == "images" else Design(how, codes)
    means = drawn(design, 24, 40_000) @ values / 24
    groups = values.reshape(6, 4)
    wanted = {
        "images": values.var(ddof=1) / 24,
        "classes": groups.var(axis=1, ddof=1).mean() / 24,
        "groups": groups.mean(axis=1).var(ddof=1) / 6,
    }[how]
    assert means.var() == pytest.approx(wanted, rel=0.03)


def test_a_seed_decides_and_pieces_change_nothing(monkeypatch: pytest.MonkeyPatch):
    design = Design("classes", np.arange(30) % 4)
    whole = drawn(design, 30, 200)
    assert np.array_equal(whole, drawn(design, 30, 200)) and not np.array_equal(whole, drawn(design, 30, 200, seed=1))
    monkeypatch.setattr("sightline.evaluation.design.CELLS_AT_ONCE", 100)
    assert np.array_equal(whole, drawn(design, 30, 200))


def test_units_freedom_and_parts_of_a_design():
    codes = np.array([4, 4, 6, 6, 6])
    assert (Design().units(5), Design().freedom(5), Design().freedom(1)) == (5, 4, 1)
    assert (Design("groups", codes).units(5), Design("groups", codes).freedom(5)) == (2, 1)
    assert (Design("classes", codes).units(5), Design("classes", codes).freedom(5)) == (5, 3)
    assert Design("groups", codes).take(np.array([0, 1])).units(2) == 1
    assert Design().take(np.array([0])).codes is None
