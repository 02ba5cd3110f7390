"""Labels and numbers in a table: read, told, divided, weighed."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sightline.data.balance import balance, weights_of_labels
from sightline.data.mix import Mixing, draw, mixed
from sightline.data.read import read
from sightline.data.samples import Names, Samples
from sightline.data.split import fold_parts, split
from sightline.data.split.strata import with_strata
from sightline.data.wanted import Wanted
from sightline.errors import ConfigError, DataError

LABELS, NUMBERS = Wanted("labels"), Wanted("numbers")


def table(tmp_path: Path, *lines: str, name: str = "data.csv") -> Path:
    for line in lines[1:]:
        image = tmp_path / line.split(",")[0]
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(image)
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n")
    return path


def test_labels_stand_in_one_field(tmp_path):
    path = table(tmp_path, "path,label", "a.png,red|round", "b.png,", 'c.png," round ; large "', "d.png,red|red")
    samples = read(path, wanted=LABELS)
    assert (samples.classes, samples.kind, samples.labels.tolist()) == (("large", "red", "round"), "labels", [-1] * 4)
    assert samples.targets.tolist() == [[0, 1, 1], [0, 0, 0], [1, 0, 1], [0, 1, 0]]
    assert [samples.told(row) for row in range(4)] == ["red|round", "", "large|round", "red"]
    assert samples.counts().tolist() == [1, 2, 2]
    assert samples.take(np.asarray([2, 1])).targets.tolist() == [[1, 0, 1], [0, 0, 0]]


def test_labels_have_columns_of_their_own(tmp_path):
    path = table(tmp_path, "path,Red,round,weight", "a.png,1,0,1", "b.png,true,No,0", "c.png,0.0,YES,1")
    samples = read(path, wanted=Wanted("labels", ("Red", "weight", "round")))
    assert samples.classes == ("Red", "weight", "round")
    assert samples.targets.tolist() == [[1, 1, 0], [1, 0, 0], [0, 1, 1]]
    assert samples.weights is None  # it is learnt, and so it is nothing else


def test_numbers_stand_in_the_label_column_or_in_their_own(tmp_path):
    path = table(tmp_path, "path,target,age,group", "a.png,1.5,30,x", "b.png,-2e3,41,y")
    samples = read(path, wanted=NUMBERS)
    assert (samples.classes, samples.targets.tolist()) == (("target",), [[1.5], [-2000.0]])
    both = read(path, wanted=Wanted("numbers", ("age", "target")))
    assert both.targets.tolist() == [[30, 1.5], [41, -2000]]
    assert both.told(0) == "30.0|1.5" and both.group_names == ("x", "y")


@pytest.mark.parametrize(
    ("wanted", "lines", "told"),
    [
        (NUMBERS, ("path,label", "a.png,1", "b.png,", "c.png,many"), r"no number: line 3, line 4 \('many'\)"),
        (NUMBERS, ("path,label", "a.png,nan", "b.png,1e39"), r"no number: line 2 \('nan'\), line 3 \('1e39'\)"),
        (Wanted("labels", ("red",)), ("path,red", "a.png,1", "b.png,2"), r"neither 0 nor 1: line 3 \('2'\)"),
        (Wanted("numbers", ("agee",)), ("path,age", "a.png,1"), r"no column 'agee' \(.*data.targets\)[\s\S]*'age'"),
        (LABELS, ("path,red", "a.png,1"), "has no label column"),
        (NUMBERS, ("path,label", "a.png,1", "a.png,2"), r"path listed twice: lines 2, 3 \('a.png'\)"),
    ],
)
def test_faulty_tables_are_told_with_their_lines(tmp_path, wanted, lines, told):
    with pytest.raises(DataError, match=told):
        read(table(tmp_path, *lines), wanted=wanted)


def test_a_folder_with_a_table_beside_its_images(tmp_path):
    table(tmp_path / "all", "path,label", "in/a.png,red", "in/b.png,red|round", name="labels.csv")
    assert read(tmp_path / "all", wanted=LABELS).classes == ("red", "round")
    with pytest.raises(DataError, match="the folders reader gives one class an image, and the regression task needs"):
        read(tmp_path / "all" / "in", wanted=NUMBERS)
    with pytest.raises(ConfigError, match=r"data\.targets has no effect with the reader folders"):
        read(tmp_path / "all" / "in", wanted=Wanted("numbers", ("age",)))


def made(kind: str, targets: object, classes: tuple[str, ...] = ("a", "b", "c"), **more: object) -> Samples:
    values = np.asarray(targets, np.float32)
    count = len(values)
    return Samples(
        root=Path("x"), paths=Names.of(f"{row}.png" for row in range(count)), labels=np.full(count, -1, np.int32),
        classes=classes, parts=np.full(count, -1, np.int8), kind=kind, targets=values, **more,
    )  # fmt: skip


def test_names_are_matched_and_what_is_not_known_is_left_out():
    samples = made("labels", [[1, 0, 1], [0, 1, 0]])
    assert samples.with_classes(["c", "new", "a"]).targets.tolist() == [[1, 0, 1], [0, 0, 0]]
    with pytest.raises(DataError, match=r"numbers are missing .*\n  got: new"):
        made("numbers", [[1, 2, 3]]).with_classes(["a", "new"])


@pytest.mark.parametrize("kind", ["labels", "numbers"])
def test_samples_need_targets_that_fit(kind):
    with pytest.raises(DataError, match=r"samples.targets is not \[n, classes\]"):
        made(kind, [[1, 0]])
    with pytest.raises(DataError, match=f"samples of {kind} without targets"):
        Samples(
            root=Path("x"), paths=Names.of("a"), labels=np.zeros(1, np.int32), classes=("a",),
            parts=np.zeros(1, np.int8), kind=kind,
        )  # fmt: skip


def test_every_part_gets_its_share_of_each_label():
    random = np.random.default_rng(0)
    samples = made("labels", random.random((400, 3)) < [0.5, 0.3, 0.08])
    parted = split(samples, val=0.2, test=0.2, seed=0)
    whole = samples.targets.mean(axis=0)
    for part, size in (("train", 240), ("val", 80), ("test", 80)):
        places = parted.part(part)
        assert abs(len(places) - size) <= 2
        np.testing.assert_allclose(parted.targets[places].mean(axis=0), whole, atol=0.04)
    rare = [parted.targets[parted.part(part), 2].sum() / samples.targets[:, 2].sum() for part in ("val", "test")]
    assert rare == pytest.approx([0.2, 0.2], abs=0.03)
    assert parted.targets is samples.targets and parted.kind == "labels"
    folds = fold_parts(samples, folds=4, val=0.2, seed=0)
    assert sorted(np.concatenate([fold.part("test") for fold in folds]).tolist()) == list(range(400))


def test_every_part_gets_its_share_of_small_and_large_numbers():
    samples = made("numbers", np.random.default_rng(0).lognormal(size=(300, 1)), classes=("size",))
    parted = split(samples, val=0.2, test=0.2, seed=0)
    for part in ("val", "test"):
        held = parted.targets[parted.part(part), 0]
        for share in (0.1, 0.5, 0.9):
            edge = np.quantile(samples.targets, share)
            assert (held < edge).mean() == pytest.approx(share, abs=0.03)


def test_what_is_too_rare_is_divided_with_the_rest_and_refused_nowhere():
    targets = np.zeros((30, 3), np.float32)
    targets[0, 2] = 1  # one image has it
    targets[:12, 0] = 1
    parted = split(made("labels", targets), val=0.2, test=0.2, seed=0)
    assert min(len(parted.part(part)) for part in ("val", "test")) >= 5
    one = with_strata(made("numbers", np.ones((9, 1)), classes=("x",)), 3, np.arange(2, 9))
    assert one.classes == ("stratum 0",) and one.labels.tolist() == [-1, -1, *[0] * 7]


def test_weights_of_labels_are_how_many_more_images_lack_them():
    counts = np.asarray([50.0, 10.0, 25.0])
    np.testing.assert_allclose(weights_of_labels("inverse", counts, 100.0, "abc", 0.999), [1, 9, 3])
    effective = weights_of_labels("effective", counts, 100.0, "abc", 0.99)
    np.testing.assert_allclose(effective, (1 - 0.99 ** (100 - counts)) / (1 - 0.99**counts))
    assert weights_of_labels("none", counts, 100.0, "abc", 0.9) is None
    assert weights_of_labels({"b": 4}, counts, 100.0, ["a", "b", "c"], 0.9).tolist() == [1, 4, 1]
    assert weights_of_labels([2, 2, 2], counts, 100.0, "abc", 0.9).tolist() == [2, 2, 2]
    with pytest.raises(ConfigError, match="no class is called 'd'"):
        weights_of_labels({"d": 4}, counts, 100.0, ["a", "b", "c"], 0.9)
    with pytest.raises(ConfigError, match="has no effect"):
        weights_of_labels([1, 1, 1], counts, 100.0, "abc", 0.9)


def test_only_what_can_be_weighed_is():
    samples = made("labels", [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]], weights=np.float32([1, 1, 1, 3]))
    how = {"seed": 0, "sampler": "none", "beta": 0.999}
    found = balance(samples, np.arange(4), class_weights="inverse", **how)
    # Images count by their weights: 4 of 6 have the first label.
    np.testing.assert_allclose(found.class_weights, [0.5, 5, 5])
    assert found.account["class_weights"] == {"a": 0.5, "b": 5.0, "c": 5.0}
    drawn = balance(samples, np.arange(4), class_weights="none", **(how | {"sampler": "weights"}))
    assert sorted(drawn.order(0).tolist()).count(3) == 2
    with pytest.raises(ConfigError, match="an image has no single class to be drawn by"):
        balance(samples, np.arange(4), class_weights="none", **(how | {"sampler": "classes"}))
    with pytest.raises(ConfigError, match="numbers have no classes to weigh"):
        balance(made("numbers", [[1, 2, 3], [2, 3, 4]]), np.arange(2), class_weights="inverse", **how)


@pytest.mark.parametrize("weighed", [False, True])
def test_labels_and_numbers_are_mixed_as_their_images_are(weighed):
    random = torch.Generator().manual_seed(0)
    images, targets = torch.rand(6, 3, 8, 8, generator=random), torch.rand(6, 4, generator=random) * 9
    weights = torch.rand(6, generator=random) if weighed else None
    mixing = Mixing(classes=4, mixup=0.4, cutmix=0.0, probability=1.0)
    drawn = draw(mixing, 6, 8, 8, key=5)
    _, found, total = mixed(images, targets, weights, mixing, key=5)
    own = 1.0 if weights is None else weights.numpy()[:, None]
    other = 1.0 if weights is None else weights.numpy()[drawn.partner][:, None]
    ours, theirs = drawn.share * own, (1 - drawn.share) * other
    wanted = (ours * targets.numpy() + theirs * targets.numpy()[drawn.partner]) / (ours + theirs)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    assert (total is None) == (weights is None)
