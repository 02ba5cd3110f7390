"""A training that learns from a teacher: a run or a bundle, asked at each step or once."""

import shutil
from pathlib import Path

import pytest
import torch

from sightline import export_run, resume
from sightline.data.contract import Contract
from sightline.errors import ChangedDataError, ConfigError, ModelError
from sightline.run import Run
from sightline.training.checkpoint import Checkpoints
from sightline.workflow.teacher import Teacher
from small_training import apart, steps_of, timeless, train_small, write_pictures

WIDE = {"model.options": {"width": 8, "norm": "group"}, "train.steps": 6}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("distilled") / "pictures")


@pytest.fixture(scope="module")
def teacher(pictures, tmp_path_factory):
    run = tmp_path_factory.mktemp("distilled") / "teacher"
    train_small(pictures, run, **WIDE)
    return run


def distilled(pictures, run, teacher, **own):
    given = {f"train.distill.{key}": value for key, value in own.items() if "." not in key}
    return train_small(pictures, run, **({"train.distill.teacher": str(teacher)} | given), **{
        key: value for key, value in own.items() if "." in key
    })  # fmt: skip


@pytest.mark.parametrize(
    "own",
    [{}, {"temperature": 5.0}, {"share": 1.0}, {"attention": 50.0}, {"sees": "original"}],
    ids=["as it is", "temperature", "share", "attention", "original"],
)
def test_every_setting_of_it_changes_the_weights_and_resumes_exactly(pictures, teacher, tmp_path, own):
    whole = distilled(pictures, tmp_path / "whole", teacher, **own)
    alone = train_small(pictures, tmp_path / "alone")
    assert apart(whole.run.folder, alone.run.folder) > 1e-4
    if own:
        plain = distilled(pictures, tmp_path / "plain", teacher)
        assert apart(whole.run.folder, plain.run.folder) > 1e-5
    index = sorted(path.name for path in whole.run.checkpoints.glob("step-*.pt"))
    again = resume(whole.run.folder, start_from=index[0])
    assert again.weights_sha256 == whole.weights_sha256 and steps_of(again.run.folder) == list(range(1, 15))


def test_validation_is_judged_by_the_labels_alone(pictures, teacher, tmp_path):
    own = {"train.steps": 4, "train.lr": 1e-12, "train.loss.label_smoothing": 0.0}
    taught = distilled(pictures, tmp_path / "taught", teacher, share=0.9, **own)
    alone = train_small(pictures, tmp_path / "alone", **own)
    figures = [timeless(one.run.folder, "eval")[0] for one in (taught, alone)]
    assert figures[0] == figures[1]
    losses = [timeless(one.run.folder, "step")[0]["loss"] for one in (taught, alone)]
    assert losses[0] != losses[1]


def test_a_bundle_teaches_what_its_run_does(pictures, teacher, tmp_path):
    export_run(teacher)
    from_run = distilled(pictures, tmp_path / "run", teacher, **{"train.steps": 3})
    from_bundle = distilled(pictures, tmp_path / "bundle", teacher / "bundle", **{"train.steps": 3})
    assert apart(from_run.run.folder, from_bundle.run.folder) < 1e-4
    with pytest.raises(ConfigError, match="the inside of a bundle"):
        distilled(pictures, tmp_path / "inside", teacher / "bundle", attention=1.0)


def test_what_was_answered_once_is_kept(pictures, teacher, tmp_path, own_cache, monkeypatch):
    first = distilled(pictures, tmp_path / "first", teacher, sees="original")
    asked = []
    monkeypatch.setattr(Teacher, "in_order", lambda *_: asked.append(1))
    second = distilled(pictures, tmp_path / "second", teacher, sees="original")
    assert second.weights_sha256 == first.weights_sha256 and not asked
    assert list((own_cache / "teacher").glob("*.npy"))


def test_a_teacher_with_other_images_in_mind_gets_them_its_way(pictures, tmp_path):
    own = {"data.image_size": 20, "data.color": "gray", **WIDE}
    teacher = train_small(pictures, tmp_path / "teacher", **own).run
    student = distilled(pictures, tmp_path / "student", teacher.folder, **{"train.steps": 2})
    assert student.step == 2 and Contract.load(teacher.contract).channels == 1


def test_the_classes_are_matched_by_name():
    contract = Contract(
        classes=("c", "a", "b"), color="gray", height=2, width=2, resize="squash", shorter=2,
        interpolation="bilinear", mean=(0.5,), std=(0.25,),
    )  # fmt: skip
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))
    student = Contract(**{**vars(contract), "classes": ("a", "c")})
    images = torch.rand(5, 1, 2, 2)
    answers = Teacher(contract, module, "", student, True).answers(images)
    assert torch.equal(answers, module(images)[:, [1, 0]])


def test_the_teacher_of_a_resumed_run_must_be_the_same(pictures, teacher, tmp_path):
    own = tmp_path / "teacher"
    shutil.copytree(teacher, own)
    run = distilled(pictures, tmp_path / "run", own, **{"train.steps": 6}).run
    shutil.rmtree(own)
    train_small(pictures, own, **WIDE, seed=5)
    first = sorted(path.name for path in run.checkpoints.glob("step-*.pt"))[0]
    with pytest.raises(ChangedDataError, match="no longer the one that the run began with"):
        resume(run.folder, start_from=first)


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ({"train.distill.temperature": 3.0}, "train.distill.temperature has no effect: there is no teacher"),
        ({"train.distill.teacher": "PICTURES"}, "the teacher is neither a run nor a bundle"),
        (
            {"train.distill.teacher": "TEACHER", "train.distill.share": 1.0, "train.loss.label_smoothing": 0.2},
            "train.loss.label_smoothing has no effect: with train.distill.share=1",
        ),
        (
            {"train.distill.teacher": "TEACHER", "train.distill.sees": "original", "data.mixup": 0.2},
            "data.mixup cannot be learnt from: a teacher that is asked once",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(pictures, teacher, tmp_path, own, told):
    places = {"PICTURES": str(pictures), "TEACHER": str(teacher)}
    own = {key: places.get(value, value) if isinstance(value, str) else value for key, value in own.items()}
    with pytest.raises(ConfigError, match=told):
        train_small(pictures, tmp_path / "run", **own)
    assert not (tmp_path / "run" / "records.jsonl").exists()


def test_a_teacher_that_lacks_a_class_is_refused(teacher, tmp_path):
    other = write_pictures(tmp_path / "pictures")
    (other / "cat").rename(other / "cow")
    with pytest.raises(ConfigError, match="the teacher does not know these classes") as raised:
        distilled(other, tmp_path / "run", teacher)
    assert "cow" in str(raised.value)


def test_a_student_without_feature_maps_cannot_pay_attention(pictures, teacher, tmp_path):
    (tmp_path / "flat.py").write_text(
        "from torch import nn\n\n\ndef flat(num_classes, in_chans):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(144 * in_chans, num_classes))\n"
    )
    own = {"model.name": f"{tmp_path / 'flat.py'}:flat", "model.options": {}}
    with pytest.raises(ModelError, match="the student computes no feature maps"):
        distilled(pictures, tmp_path / "run", teacher, attention=1.0, **own)


def test_the_run_remembers_its_teacher(pictures, teacher, tmp_path):
    run = distilled(pictures, tmp_path / "run", teacher, **{"train.steps": 1}).run
    assert run.info()["teacher"]["weights_sha256"] == Run(teacher).info()["best_weights_sha256"]


def test_a_resumed_student_computes_with_its_own_threads(tmp_path: Path, pictures: Path):
    train_small(pictures, tmp_path / "teacher", **{"train.threads": 1})
    lesson = {"train.distill.teacher": str(tmp_path / "teacher"), "train.threads": 2}
    train_small(pictures, tmp_path / "run", **lesson)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
    resume(tmp_path / "run", start_from=Checkpoints(tmp_path / "run" / "checkpoints").entries()[0].file)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
