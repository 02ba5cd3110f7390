"""Whether the pages can be read: contrast in light and dark, on a phone, on paper, without a script, without sight."""

import base64
from pathlib import Path

import pytest
from browser_pages import CHROMIUM, DRIVER, opened

from sightline.evaluation.comparison import write_comparison
from sightline.run import Run

pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")

CONTRAST = """
const rgb = (words) => { const n = words.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
const over = (top, below) => [0, 1, 2].map((k) => top[k] * top[3] + below[k] * (1 - top[3])).concat(1);
const light = (color) => {
  const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const part = color.slice(0, 3).map((v) => linear(v / 255));
  return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2];
};
const behind = (element) => {
  const layers = [];
  for (let at = element; at; at = at.parentElement) layers.push(rgb(getComputedStyle(at).backgroundColor));
  return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
};
const poor = new Set();
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node; (node = walker.nextNode()); ) {
  const element = node.parentElement;
  if (!node.data.trim() || !element.checkVisibility() || element.matches("title, desc, script")) continue;
  const style = getComputedStyle(element), below = behind(element);
  const color = over(rgb(element.closest("svg") ? style.fill : style.color), below);
  const [a, b] = [light(color), light(below)].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < 4.5) poor.add(`${ratio.toFixed(2)} ${element.tagName} ${element.getAttribute("class")}: ${node.data}`);
}
return [...poor];
"""
"""Texts whose contrast with what lies behind them is below 4.5 to 1 (WCAG 2.2, 1.4.3)."""
WIDE = """
const inside = (element) => element.closest(".scroll, svg, nav") || ["SCRIPT", "STYLE"].includes(element.tagName);
return [...document.body.querySelectorAll("*")]
  .filter((one) => !inside(one) && one.checkVisibility() && one.getBoundingClientRect().right > innerWidth + 1)
  .map((one) => `${one.tagName}.${one.className}`);
"""
OPEN = "document.querySelectorAll('details').forEach((one) => (one.open = true))"


@pytest.fixture(scope="module")
def comparison(digits_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page about three runs, written from what a comparison gives."""
    names = ["runs/small", "runs/a rather long name of a run", "runs/<b>"]
    share = {"value": 0.9, "low": 0.87, "high": 0.93}
    costs = {
        "parameters": 12345, "multiply_adds": 10**7, "weights_bytes": 49380, "training_seconds": 12.5,
        "latency_ms": {"p50": 2.5, "p95": 3.5, "device": "cpu", "machine": "a processor", "threads": 2},
        "joules_per_image": None, "joules_absent": "there is no counter",
    }  # fmt: skip
    figures = dict.fromkeys(("accuracy", "balanced_accuracy", "macro_f1", "log_loss"), share)
    test = {"name": "McNemar's exact test", "right_to_wrong": 4, "wrong_to_right": 9, "other_wrong_answer": 2}
    change = {"value": 0.01, "low": -0.01, "high": 0.03}
    pairs = [
        {"one": names[a], "other": names[b], "differences": dict.fromkeys(figures, change), "verdict": verdict,
         "test": test | {"p": 0.2, "p_holm": 0.4}}
        for a, b, verdict in ((0, 1, "not distinguishable"), (0, 2, "other better"), (1, 2, "equivalent"))
    ]  # fmt: skip
    found = {
        "part": "test", "left_out": {names[0]: 3}, "n": 497, "kind": "class", "figure": "accuracy", "confidence": 0.95,
        "runs": [{"run": name, "figures": figures, "costs": costs} for name in names], "pairs": pairs,
    }  # fmt: skip
    page = tmp_path_factory.mktemp("compared") / "comparison.html"
    settings = digits_run.info()["settings"]
    own = {name: settings | {"train.lr": 0.01 * place} for place, name in enumerate(names)}
    return write_comparison(page, found, dict.fromkeys(names, digits_run.read_records()), own)


@pytest.fixture(params=["report", "comparison"])
def page(request: pytest.FixtureRequest, digits_run: Run, comparison: Path) -> Path:
    return digits_run.report if request.param == "report" else comparison


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(page: Path, browser, scheme: str):
    opened(browser, page, 1280, scheme)
    browser.execute_script(OPEN)
    assert browser.execute_script(CONTRAST) == []


def test_a_phone_shows_everything_without_scrolling_sideways(page: Path, browser):
    opened(browser, page, 375)
    browser.execute_script(OPEN)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 375
    assert browser.execute_script(WIDE) == []
    boxes = browser.execute_script(
        "return [...document.querySelectorAll('.scroll')].filter(b => b.scrollWidth > b.clientWidth)"
        ".map(b => getComputedStyle(b).overflowX + b.tabIndex)"
    )
    assert set(boxes) <= {"auto0"} and boxes, "wide tables scroll by themselves, from the keyboard as well"


def test_on_paper_nothing_is_cut_or_left_out(page: Path, browser):
    opened(browser, page, 718)  # the width of A4 within its margins, in pixels of CSS
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    cut = browser.execute_script(
        "return [...document.querySelectorAll('table, svg, img, pre, p')].filter(one => one.checkVisibility() && "
        "one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 90))"
    )
    closed = browser.execute_script(
        "return [...document.querySelectorAll('details > :not(summary)')]"
        ".filter(one => !one.getBoundingClientRect().height).map(one => one.outerHTML.slice(0, 90))"
    )
    colors = browser.execute_script("const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]")
    links = browser.execute_script(
        "return [...document.querySelectorAll('a')].filter(a => a.checkVisibility()).map(a => a.textContent)"
    )
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert (cut, closed, links) == ([], [], [])
    assert colors == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]
    printed = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {})["data"])
    assert printed.startswith(b"%PDF") and printed.count(b"/Type /Page\n") > 1


def test_every_picture_and_chart_can_be_read_without_seeing_it(page: Path, browser):
    opened(browser, page, 1280)
    silent = browser.execute_script(
        "return [...document.querySelectorAll('svg:not([aria-hidden]), img')].filter(one => {"
        "const ids = (one.getAttribute('aria-labelledby') || '').split(' ').filter(Boolean);"
        "const told = ids.map(id => document.getElementById(id)?.textContent || '').join(' ');"
        "return !(one.alt || one.getAttribute('aria-label') || told.trim()); }).map(one => one.outerHTML.slice(0, 80))"
    )
    twice = browser.execute_script(
        "const ids = [...document.querySelectorAll('[id]')].map(one => one.id);"
        "return ids.filter((id, place) => ids.indexOf(id) !== place)"
    )
    assert (silent, twice) == ([], [])


def test_links_lead_to_sections_of_the_page(page: Path, browser):
    opened(browser, page, 1280)
    dead = browser.execute_script(
        "return [...document.querySelectorAll('a')].map(a => a.getAttribute('href'))"
        ".filter(to => !to.startsWith('#') || !document.querySelector(to))"
    )
    assert dead == [] and browser.execute_script("return document.querySelectorAll('nav a').length") > 3


def test_the_verdict_is_read_first_and_without_a_script(page: Path, browser):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        opened(browser, page, 1280)
        told = browser.find_elements("css selector", "header.top .verdict")
        assert len(told) >= 2 and all(one.is_displayed() and one.text for one in told)
        assert browser.find_element("css selector", "main > section").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
