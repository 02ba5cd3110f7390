import numpy as np
import pytest
import scipy.special

from sightline.data.samples import Names
from sightline.errors import DataError, RunError
from sightline.evaluation.predictions import Predictions

CLASSES = ("cat", "Übergröße 猫", "<b>dog</b>")


def some(logits, labels=None, paths=None, **changes) -> Predictions:
    logits = np.asarray(logits, np.float32)
    return Predictions(
        paths=Names.of(paths or [f"images/{row}.png" for row in range(len(logits))]),
        labels=np.asarray(labels if labels is not None else [0] * len(logits), np.int32),
        logits=logits,
        classes=changes.get("classes", CLASSES),
        contract_hash="abc",
        weights_sha256="def",
        part="test",
        source="../data",
    )


def test_what_is_loaded_is_what_was_saved(tmp_path):
    logits = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    paths = [f"dir {row}/größe-猫-\udcff.png" for row in range(50)]
    before = some(logits, labels=[-1, 0, 1, 2, 0] * 10, paths=paths)
    before.save(tmp_path / "predictions" / "test.npz")
    after = Predictions.load(tmp_path / "predictions" / "test.npz")
    assert list(after.paths) == paths
    assert np.array_equal(after.logits, logits) and after.logits.dtype == np.float32
    assert np.array_equal(after.labels, before.labels) and after.labels.dtype == np.int32
    words = ("classes", "contract_hash", "weights_sha256", "part", "source")
    assert [getattr(after, word) for word in words] == [getattr(before, word) for word in words]


def test_an_empty_list_of_images_survives(tmp_path):
    some(np.zeros((0, 3))).save(tmp_path / "empty.npz")
    assert len(Predictions.load(tmp_path / "empty.npz")) == 0


def test_probabilities_are_scipys_softmax_even_for_huge_logits():
    logits = [[1e4, 0, -1e4], [0, 0, 0], [1, 2, 3]]
    predictions = some(logits)
    assert np.array_equal(predictions.probabilities.argmax(1), [0, 0, 2])
    np.testing.assert_allclose(predictions.probabilities, scipy.special.softmax(logits, axis=1), rtol=1e-14)
    assert predictions.probabilities.dtype == np.float64
    assert predictions.log_probabilities[0, 2] == -2e4
    assert predictions.predicted.tolist() == [0, 0, 2]
    assert predictions.confidence.tolist() == predictions.probabilities.max(1).tolist()


def test_logits_that_are_not_finite_name_the_image():
    with pytest.raises(DataError, match=r"outputs are not finite \(images/1.png\)"):
        some([[1, 2, 3], [1, np.nan, 3]])


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        ([[1, 2]], [0], r"predictions do not fit together \(test\)"),
        ([[1, 2, 3]], [0, 1], r"1 paths, 2 labels, logits \[1, 3\]"),
        ([[1, 2, 3]], [3], r"labels outside the classes \(test\)\n  got: 3 to 3\n  allowed: -1 to 2"),
        ([[1, 2, 3]], [-2], r"labels outside the classes"),
    ],
)
def test_columns_that_do_not_fit_are_refused(logits, labels, message):
    with pytest.raises(DataError, match=message):
        some(logits, labels)


def test_a_missing_file_says_which_command_writes_it(tmp_path):
    with pytest.raises(RunError, match=r"no predictions at .*test.npz\n  next: sightline evaluate RUN"):
        Predictions.load(tmp_path / "test.npz")


@pytest.mark.parametrize("kind", ["empty", "half", "flipped", "words", "other arrays", "pickle"])
def test_a_damaged_file_is_named(tmp_path, kind):
    path = tmp_path / "test.npz"
    some(np.random.default_rng(0).normal(size=(500, 3))).save(path)
    whole = path.read_bytes()
    if kind == "other arrays":
        np.savez(path, labels=np.zeros(3))
    elif kind == "pickle":
        np.savez(path, **{name: np.array([{}]) for name in ("path_bytes", "path_offsets", "labels", "logits", "about")})
    else:
        middle = len(whole) // 2
        flipped = whole[:middle] + bytes(255 - byte for byte in whole[middle : middle + 40]) + whole[middle + 40 :]
        path.write_bytes({"empty": b"", "half": whole[:middle], "flipped": flipped, "words": b"hello"}[kind])
    with pytest.raises(RunError, match=r"test.npz does not hold predictions .*\n(.*\n)*  next: remove it"):
        Predictions.load(path)
