"""Every figure of a report stands in the file of the run that it names."""

import html.parser
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sightline.run import Run
from small_targets import write_lights, write_shapes
from small_training import train_small

LEARN = {"train.steps": 40, "train.evaluate": "10st", "train.lr": 0.01}
SHAPES = {"task.name": "multilabel", "task.threshold": 0.4}
LIGHTS = {"task.name": "regression", "data.targets": ["brightness", "width"], "task.units": {"brightness": "lux"}}
UNITS = {"%": 100, "points": 100, "k": 1e-3, "M": 1e-6, "MB": 1e-6, "MiB": 2**-20, "mJ": 1000}


@pytest.fixture(scope="module", params=["digits", "shapes", "lights"])
def reported(
    request: pytest.FixtureRequest, digits_run: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """A run that was evaluated, and its page."""
    import sightline

    run, folder = digits_run, tmp_path_factory.mktemp("reported")
    if request.param != "digits":
        write, own = {"shapes": (write_shapes, SHAPES), "lights": (write_lights, LIGHTS)}[request.param]
        run = folder / "run"
        train_small(write(folder), run, **LEARN, **own)
    sightline.evaluate(run)
    return run, sightline.report(run).read_text(encoding="utf-8")


class Figures(html.parser.HTMLParser):
    """The ``data`` elements of a page: exact value, place, and what a reader sees."""

    def __init__(self, page: str):
        super().__init__()
        self.found: list[tuple[str, str, str]] = []
        self.inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "data":
            own = dict(attrs)
            self.found.append((own["value"] or "", own["title"] or "", ""))
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "data"

    def handle_data(self, data: str) -> None:
        if self.inside:
            value, title, seen = self.found[-1]
            self.found[-1] = (value, title, seen + data)


def standing(run: Path, place: str) -> Any:
    """What stands at ``predictions/test.json#/accuracy/value`` in a run; ``… less #/other`` is a difference."""
    file, _, pointer = place.partition("#")
    pointer, _, other = pointer.partition(" less #")
    content = json.loads((run / file).read_text(encoding="utf-8"))

    def at(way: str) -> Any:
        found = content
        for key in (part.replace("~1", "/").replace("~0", "~") for part in way.split("/")[1:]):
            found = found[int(key)] if isinstance(found, list) else found[key]
        return found

    return at(pointer) - at(other) if other else at(pointer)


def matches(seen: str, value: float) -> bool:
    """Whether words such as ``+78.1%`` or ``404 k`` are a number, rounded as they are; signs may be in other words, and
    so may points, of which there are a hundred to 1."""
    number, unit = re.fullmatch(r"[+-]?([\d.,]+(?:e[+-]?\d+)?) ?(\S*).*", seen).groups()
    mantissa, _, power = number.replace(",", "").partition("e")
    last = 10.0 ** (int(power or 0) - len(mantissa.partition(".")[2]))
    told = float(mantissa) * 10.0 ** int(power or 0)

    def fits(scale: float) -> bool:
        scaled = abs(value) * scale
        short = 0.006 * scaled if "." not in mantissa and scaled >= 100 else 0.0  # three digits of a large number
        return abs(told - scaled) <= max(0.5001 * last, short)

    return any(map(fits, [UNITS[unit]] if unit in UNITS else [1, 100]))


def test_every_figure_is_found_in_the_file_that_it_names(reported: tuple[Path, str]):
    run, page = reported
    found = Figures(page).found
    assert len(found) > 60
    assert {place.partition("#")[0] for _, place, _ in found} >= {"predictions/test.json", "run.json"}
    for exact, place, seen in found:
        value = standing(run, place)
        if isinstance(value, str):
            assert exact == value, place
        else:
            assert json.loads(exact) == value, place
        if isinstance(value, int | float) and not isinstance(value, bool):
            assert matches(seen, value), (place, seen, value)


def test_no_number_of_the_verdict_is_without_a_place(reported: tuple[Path, str]):
    _, page = reported
    told = "".join(re.findall(r'<p class="verdict">(.*?)</p>', page))
    bare = re.sub(r"<data\b.*?</data>|<code>.*?</code>|<bdi>.*?</bdi>|“[^”]*”|\d+ (?:error|warning|note)s?\b", "", told)
    assert "<data" in told
    assert not re.findall(r"\d", re.sub(r"<[^>]*>", "", bare))


def test_the_table_of_the_training_is_what_was_recorded(reported: tuple[Path, str]):
    run, page = reported
    [body] = re.findall(r'aria-label="Figures at each evaluation">.*?<tbody>(.*?)</tbody>', page)
    rows = [re.findall(r">([^<>]+)</t[hd]>", row) for row in body.split("</tr>") if row]
    records = [one for one in Run(run).read_records() if one["kind"] == "eval"]
    assert [(row[1], row[3]) for row in rows] == [(str(one["step"]), f"{one['val_loss']:.4g}") for one in records]


def test_files_that_sections_name_are_there(reported: tuple[Path, str]):
    run, page = reported
    for told in re.findall(r'<p class="source">From (.*?)</p>', page):
        for file in re.findall(r"<code>(.*?)</code>", told):
            assert (run / file).is_file(), file


def test_findings_that_need_predictions_are_asked_for_by_the_report(command: Callable[..., Any], digits_run: Path):
    import sightline

    findings = digits_run / "findings.json"
    asked = [one.as_dict() for one in sightline.diagnose(digits_run)]
    findings.write_text(json.dumps({"findings": [], "told": {"noisy_metric": 7}}))
    assert command("report", digits_run).code == 0
    found = json.loads(findings.read_text())
    assert found["told"] == {"noisy_metric": 7}, "a training that goes on tells of the others itself"
    assert [{key: value for key, value in one.items() if key != "step"} for one in found["findings"]] == asked
    assert asked, "these digits have something to tell"


def test_a_comparison_stands_in_the_file_beside_it(
    command: Callable[..., Any], digits: Path, digits_run: Path, tmp_path: Path
):
    other = tmp_path / "other & <b>"
    changes = {"data.image_size": None, "data.limit": 640, "train.batch_size": 32, "train.steps": 20}
    train_small(digits, other, **changes, **{"train.lr": 0.003})
    done = command("report", digits_run, other)
    assert (done.code, done.out) == (0, f"report {digits_run / 'comparison.html'}\n")
    page = (digits_run / "comparison.html").read_text(encoding="utf-8")
    found = Figures(page).found
    assert len(found) > 30 and {place.partition("#")[0] for _, place, _ in found} == {"comparison.json"}
    for exact, place, seen in found:
        value = standing(digits_run, place)
        assert json.loads(exact) == value, place
        assert matches(seen, value), (place, seen, value)
    told = re.sub(r"<[^>]+>", "", page)
    assert "is better than the other" in told and "McNemar&#x27;s exact test" in told
    assert "<b>" not in page.replace("<b>Sightline</b>", "") and "other &amp; &lt;b&gt;" in page
    settings = re.findall(r"<th scope=\"row\"><code>(.*?)</code>", page[page.index('id="settings"') :])
    assert settings == ["train.lr", "train.steps"] or set(settings) >= {"train.lr", "train.steps"}
    assert "data.image_size" not in settings and page.count('class="line run1"') >= 3


def test_runs_that_cannot_be_compared_leave_no_page(
    command: Callable[..., Any], digits_run: Path, noise: Path, tmp_path: Path
):
    before = sorted(path.name for path in digits_run.iterdir())
    train_small(noise, tmp_path / "noise")
    done = command("report", tmp_path / "noise", digits_run)
    assert done.code != 0 and "answers another question than" in done.err
    assert not (tmp_path / "noise" / "comparison.html").exists()
    assert command("report", digits_run, digits_run).code != 0
    done = command("report", digits_run, "--common")
    assert done.code != 0 and "--common" in done.err
    assert sorted(path.name for path in digits_run.iterdir()) == before
