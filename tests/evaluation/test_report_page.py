"""The report without a browser: what it says, from whatever a run folder holds."""

import html.parser
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from test_predictions import some

from sightline.errors import ImageError, RunError
from sightline.evaluation.metrics import measure
from sightline.evaluation.page.chart import nice_ticks
from sightline.evaluation.page.markup import percent
from sightline.evaluation.report import write_report
from sightline.files import write_json
from sightline.run import Run

NASTY = ("<script>alert(1)</script>", "\" onerror='x' &amp;", "\u202egnp.txe", "</style><img src=x>")


def bare_run(folder: Path) -> Run:
    run = Run.create(folder / "run")
    run.config.write_text("seed: 3\ntrain:\n  lr: 0.1\n", encoding="utf-8")
    return run


def evaluate(run: Run, logits, labels, classes, part: str = "test", **changes) -> None:
    predictions = some(logits, labels, classes=classes, paths=[f"{classes[0]}/{row}.png" for row in range(len(labels))])
    predictions.save(run.predictions(part))
    figures = measure(predictions, resamples=200, confidence=0.95, seed=0, train_counts=[1] * len(classes))
    write_json(run.figures(part), figures | {"part": part} | changes)


def page_of(run: Run, picture=lambda path: None) -> str:
    """The page without the places of its figures, which ``test_report_places.py`` looks up."""
    page = write_report(run, picture).read_text(encoding="utf-8")
    return re.sub(r"</?data\b[^>]*>", "", page)


class Tags(html.parser.HTMLParser):
    """Counts tags and checks that every one that opens is closed in order."""

    VOID = frozenset({"meta", "link", "img", "br"})

    def __init__(self, page: str):
        super().__init__()
        self.open: list[str] = []
        self.seen: Counter[str] = Counter()
        self.attributes: Counter[str] = Counter()
        self.words: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen[tag] += 1
        self.attributes.update(name for name, _ in attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen[tag] += 1

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_a_run_without_anything_says_what_to_do(tmp_path):
    run = bare_run(tmp_path)
    page = page_of(run)
    assert "This run has not been evaluated yet." in page
    assert f"sightline evaluate {run.folder}" in page
    assert "The run has no training steps yet." in page
    assert "<code>train.lr</code>" in page and "<code>0.1</code>" in page
    Tags(page)


def test_labels_and_paths_are_escaped_everywhere(tmp_path):
    run = bare_run(tmp_path)
    run.split.write_text("path,label,part,sha256\n" + "a.png,<i>x</i>,train,0\n", encoding="utf-8")
    run.note(
        command="sightline <u>", settings={"a.<b>": "<em>"}, origins={"a.<b>": "auto: <s>"}, skipped=["<q>.png"],
        versions={"<var>": "<var>"}, machine="<kbd>", weights_report={"<dfn>": ["<dfn>"]},
    )  # fmt: skip
    generator = np.random.default_rng(0)
    evaluate(run, generator.normal(size=(40, 4)), generator.integers(0, 4, 40), NASTY)
    page = page_of(run)
    tags = Tags(page)
    assert tags.seen["script"] == tags.seen["style"] == 1
    assert not set(tags.seen) & {"u", "q", "var", "kbd", "dfn", "s", "img"}
    assert "<i>x</i>" not in page
    assert tags.seen["b"] == 1  # the name at the top
    assert not {"style", "onerror", "onload", "onclick"} & set(tags.attributes)
    assert NASTY[0] in tags.words and NASTY[1] in tags.words
    assert "\u202e" not in page and "\\u202egnp.txe" in page


def test_nothing_points_outside(tmp_path):
    run = bare_run(tmp_path)
    evaluate(run, np.eye(3), [0, 1, 0], ("a", "b", "c"))
    page = page_of(run, lambda path: Image.new("RGB", (300, 200), "red"))
    assert re.findall(r"https?://|@import|url\(", page) == []
    assert page.count("data:image/jpeg;base64,") == 1
    assert "default-src 'none'; img-src data:; style-src 'sha256-" in page
    Tags(page)


def test_pictures_that_are_gone_or_broken_say_so(tmp_path):
    run = bare_run(tmp_path)
    evaluate(run, np.eye(3), [1, 2, 0], ("a", "b", "c"))

    def picture(path: str):
        if path == "a/0.png":
            raise ImageError("a/0.png cannot be decoded", got="the file is truncated")
        return None if path == "a/1.png" else Image.new("F", (4, 4))

    page = page_of(run, picture)
    assert "a/0.png cannot be decoded" in page
    assert page.count("the image file is gone") == 1
    assert "pixels have no agreed range" in page


def test_the_surest_mistake_comes_first(tmp_path):
    run = bare_run(tmp_path)
    evaluate(run, [[1, 0], [9, 0], [4, 0], [0, 1]], [1, 1, 1, 1], ("a", "b"))
    asked: list[str] = []
    page = page_of(run, asked.append)
    assert asked == ["a/1.png", "a/2.png", "a/0.png"]
    assert "3 wrong answers; the surest first." in page


def test_the_test_part_goes_before_the_validation_part(tmp_path):
    run = bare_run(tmp_path)
    evaluate(run, np.eye(2), [1, 1], ("a", "b"), part="train")
    assert "of 2 training images correctly" in page_of(run) and "the figures flatter it" in page_of(run)
    evaluate(run, np.eye(2), [0, 0], ("a", "b"), part="val")
    assert "the figures flatter it" not in page_of(run)
    assert "of 2 validation images correctly" in page_of(run)
    evaluate(run, np.eye(2), [0, 1], ("a", "b"), part="test")
    assert "of 2 test images correctly" in page_of(run)


@pytest.mark.parametrize(
    ("labels", "answers", "words"),
    [
        ([0, 1] * 100, [0, 1] * 100, "put the true rate above 98.0% (95% bound)"),
        ([0, 1] * 100, [1, 0] * 100, "the model has learnt nothing useful"),
        ([0] * 100 + [1] * 100, [0] * 104 + [1] * 0 + [0] * 92 + [1] * 4, "the gain may be luck"),
        ([0] * 100 + [1] * 100, [0] * 100 + [1] * 80 + [0] * 20, "With 95% confidence the true rate lies between"),
    ],
)
def test_the_verdict_fits_the_figures(tmp_path, labels, answers, words):
    run = bare_run(tmp_path)
    evaluate(run, np.eye(2)[answers], labels, ("a", "b"))
    page = page_of(run)
    assert words in page
    assert ("Always answering <bdi>a</bdi> would be right 50.0% of the time" in page) is True


def test_figures_of_other_weights_are_called_out(tmp_path):
    run = bare_run(tmp_path)
    evaluate(run, np.eye(2), [0, 1], ("a", "b"))
    run.note(weights_sha256="def")
    assert "other weights" not in page_of(run)
    run.note(weights_sha256="123", best_weights_sha256="def")
    assert "other weights" not in page_of(run), "the best weights of the run are its own"
    run.note(best_weights_sha256=None)
    assert "These figures were measured on other weights than the run holds now." in page_of(run)


def test_lost_predictions_leave_the_rest_of_the_page(tmp_path):
    run = bare_run(tmp_path)
    evaluate(run, np.eye(2), [0, 1], ("a", "b"))
    run.predictions("test").unlink()
    page = page_of(run)
    assert "The stored predictions are gone." in page and "of 2 test images correctly" in page


def test_damaged_figures_are_an_error_that_keeps_the_old_page(tmp_path):
    run = bare_run(tmp_path)
    before = page_of(run)
    run.figures("test").parent.mkdir()
    run.figures("test").write_text('{"accuracy": ', encoding="utf-8")
    with pytest.raises(RunError, match=r"test.json is damaged .*\n(.*\n)*  next: sightline evaluate writes it again"):
        page_of(run)
    assert run.report.read_text(encoding="utf-8") == before


@pytest.mark.parametrize(("classes", "cells", "squares"), [(2, 4, 0), (20, 400, 0), (21, 0, 1), (150, 0, 1)])
def test_the_matrix_suits_the_number_of_classes(tmp_path, classes, cells, squares):
    run = bare_run(tmp_path)
    generator = np.random.default_rng(0)
    labels = np.arange(classes).repeat(3)
    evaluate(run, generator.normal(size=(len(labels), classes)), labels, tuple(f"k{k}" for k in range(classes)))
    page = page_of(run)
    assert len(re.findall(r'<td class="(?:hit|miss) s\d"', page)) == cells
    assert page.count('<svg class="squares"') == squares
    assert ("Shown are the 100 of 150 classes with the most mistakes." in page) == (classes == 150)
    assert len(re.findall(r'<td class="number meter" data-value=', page)) == 3 * classes
    Tags(page)


def test_counts_settings_and_origins_are_listed(tmp_path):
    run = bare_run(tmp_path)
    rows = ["a.png,cat,train,0", "b.png,cat,test,0", "c.png,dog,train,0", "d.png,dog,train,0"]
    run.split.write_text("\n".join(["path,label,part,sha256", *rows]) + "\n", encoding="utf-8")
    run.note(
        settings={"train.lr": 0.002, "train.ema": None, "model.options": {"pad": "same"}},
        origins={"train.lr": "auto: 0.002 because AdamW", "model.options": "flag"},
        command=["sightline", "train", "my data"], parameters=5_480_000,
        started="2026-01-01T00:00:00+00:00", finished="2026-01-01T01:02:03+00:00",
    )  # fmt: skip
    page = page_of(run)
    assert "4 images in 2 classes, each in exactly one part: 3 train, 1 test." in page
    assert '<span class="origin auto">auto</span> 0.002 because AdamW' in page
    assert "2 settings given on the command line or in a file, or chosen by auto; 1 left at their default." in page
    assert "<code>none</code>" in page and "sightline train &#x27;my data&#x27;" in page
    assert "<dd>5.48 M</dd>" in page and "<dd>1 h 2 min</dd>" in page


def test_the_least_loss_under_smoothing_is_that_of_perfect_answers(tmp_path):
    run = bare_run(tmp_path)
    run.split.write_text("path,label,part,sha256\na.png,cat,train,0\nb.png,dog,train,0\n", encoding="utf-8")
    run.records.write_text('{"kind":"step","step":1,"epoch":1.0,"loss":0.5,"time":0}\n', encoding="utf-8")
    run.note(settings={"train.loss.name": "cross_entropy", "train.loss.label_smoothing": 0.1})
    perfect = torch.tensor([[0.95, 0.05]], dtype=torch.float64).log()
    least = torch.nn.functional.cross_entropy(perfect, torch.tensor([0]), label_smoothing=0.1)
    assert f"perfect answers have a loss of {least:.3f} and not of 0" in page_of(run)
    run.note(settings={"train.loss.name": "cross_entropy", "train.loss.label_smoothing": 0.0})
    assert "perfect answers" not in page_of(run)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.5, "50.0%"), (1, "100%"), (0, "0%"), (0.99999, "99.999%"), (0.0001, "0.01%"), (0.9996, "99.96%")],
)
def test_rounding_never_reaches_all_or_nothing(value, shown):
    assert percent(value) == shown


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0, 12, [0, 2, 4, 6, 8, 10, 12]), (0.97, 0.98, None), (0, 3e-5, None)],
)
def test_ticks_are_round_and_inside(low, high, ticks):
    found = nice_ticks(low, high)
    assert ticks is None or found == ticks
    assert 3 <= len(found) <= 7
    assert low <= found[0] and found[-1] <= high
