"""Images that are unlike the rest of their class stand out by the distance of their embeddings."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from sightline.data.check.outliers import DEVIATIONS, NEIGHBORS, embedding_outliers, outliers
from sightline.data.samples import Names


def clouds(seed=0, count=200, features=32):
    random = np.random.default_rng(seed)
    centers = random.normal(size=(2, features)) * 3
    labels = np.repeat([0, 1], count)
    return centers[labels] + random.normal(size=(2 * count, features)), labels, random


def beyond(found):
    return [index for index in found.indices.tolist() if found.score[index] >= DEVIATIONS]


def test_planted_foreign_images_are_the_outliers():
    embeddings, labels, random = clouds()
    foreign = [3, 250, 399]
    embeddings[foreign] = random.normal(size=(3, embeddings.shape[1])) * 3
    found = outliers(embeddings, labels)
    assert sorted(beyond(found)) == foreign


def test_an_image_of_another_class_is_an_outlier_in_this_one():
    embeddings, labels, _ = clouds()
    labels[7] = 1
    assert beyond(outliers(embeddings, labels)) == [7]


@pytest.mark.parametrize("seed", range(5))
def test_a_usual_class_has_none(seed):
    embeddings, labels, _ = clouds(seed)
    assert beyond(outliers(embeddings, labels)) == []


def test_distances_are_those_of_scikit_learn():
    embeddings, labels, _ = clouds()
    unit = embeddings - embeddings.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    found = outliers(embeddings, labels)
    for label in (0, 1):
        rows = np.flatnonzero(labels == label)
        expected = NearestNeighbors(n_neighbors=NEIGHBORS).fit(unit[rows]).kneighbors()[0][:, -1]
        assert found.distance[rows] == pytest.approx(expected, abs=1e-3)


def test_small_classes_have_no_usual_distance():
    embeddings, labels, _ = clouds(count=19)
    found = outliers(embeddings, labels)
    assert np.isnan(found.score).all() and len(found.indices) == 0


def test_large_classes_are_compared_with_a_part(monkeypatch):
    monkeypatch.setattr("sightline.data.check.outliers._REFERENCES", 50)
    embeddings, labels, random = clouds()
    embeddings[10] = random.normal(size=embeddings.shape[1]) * 3
    assert beyond(outliers(embeddings, labels))[:1] == [10]


def test_findings_name_image_class_and_threshold():
    embeddings, labels, _ = clouds()
    embeddings[5] *= -1
    paths = Names.of(f"{row}.png" for row in range(len(labels)))
    finding, *others = embedding_outliers(outliers(embeddings, labels), paths, labels.astype(np.int32), ("cat", "dog"))
    assert finding.rule == "embedding.outlier" and finding.paths == ("5.png",)
    assert finding.message.startswith("5.png is unlike the rest of cat: ") and "3.5 are suspect" in finding.message
    assert {other.rule for other in others} <= {"embedding.notable"}
