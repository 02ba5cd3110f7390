"""The report in a real browser, as a person opens it: from disk, at a desk and on a phone, light and dark."""

import functools
import http.server
import threading

import pytest
from browser_pages import CHROMIUM, DRIVER, opened

from sightline.run import Run

pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_fits_the_width_without_console_errors(digits_run: Run, browser, width, scheme):
    opened(browser, digits_run.report, width, scheme)
    browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    root = "document.documentElement"
    assert browser.execute_script(f"return {root}.scrollWidth") <= width
    assert browser.execute_script(f"return {root}.clientWidth") == width
    assert browser.get_log("browser") == []


def test_every_picture_is_there(digits_run: Run, browser):
    opened(browser, digits_run.report, 1280)
    widths = browser.execute_script("return [...document.images].map(image => image.naturalWidth)")
    assert len(widths) == 24
    assert set(widths) == {8}


def test_asks_the_network_for_nothing_but_itself(digits_run: Run, browser):
    handler = functools.partial(QuietHandler, directory=digits_run.folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.asked = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        opened(browser, f"http://127.0.0.1:{server.server_port}/report.html", 1280)
        requests = [entry["message"] for entry in browser.get_log("performance")]
        server.shutdown()
    assert server.asked == ["/report.html"]
    sent = [message for message in requests if '"Network.requestWillBeSent"' in message]
    assert len([message for message in sent if '"url":"data:' not in message]) == 1


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        super().do_GET()

    def log_message(self, *arguments):
        pass


def test_a_column_head_sorts_and_sorts_back(digits_run: Run, browser):
    opened(browser, digits_run.report, 1280)

    def after_click(column: int) -> list[float]:
        browser.execute_script("document.querySelectorAll('table.sortable thead button')[arguments[0]].click()", column)
        return browser.execute_script(
            "return [...document.querySelectorAll('table.sortable tbody tr')]"
            ".map(row => row.cells[arguments[0]].dataset.value ?? row.cells[0].textContent)",
            column,
        )

    recalls = [float(value) for value in after_click(2)]
    assert len(recalls) == 10
    assert recalls == sorted(recalls, reverse=True)
    assert [float(value) for value in after_click(2)] == sorted(recalls)
    names = after_click(0)
    assert names[:3] == ["five", "four", "nine"]
    heads = browser.execute_script("return [...document.querySelectorAll('[aria-sort]')].map(h => h.textContent)")
    assert heads == ["Class"]


def test_markup_in_a_label_stays_words(digits_run: Run, browser):
    opened(browser, digits_run.report, 1280)
    heads = browser.execute_script(
        "return [...document.querySelectorAll('table.sortable th[scope=row]')].map(h => h.textContent)"
    )
    assert "sept & <b>sieben</b>" in heads
    assert browser.execute_script("return document.querySelectorAll('bdi b').length") == 0


def test_the_policy_blocks_injected_script_and_style(digits_run: Run, browser):
    opened(browser, digits_run.report, 1280)
    browser.execute_script(
        "const s = document.createElement('script'); s.textContent = 'window.injected = 1'; document.body.append(s);"
        "document.body.insertAdjacentHTML('beforeend', '<p id=probe style=\"color: rgb(1, 2, 3)\">x</p>')"
    )
    assert browser.execute_script("return window.injected === undefined")
    color = browser.execute_script("return getComputedStyle(document.getElementById('probe')).color")
    assert color != "rgb(1, 2, 3)"


def test_dark_and_light_follow_the_reader(digits_run: Run, browser):
    colors = []
    for scheme in ("light", "dark"):
        opened(browser, digits_run.report, 1280, scheme)
        colors.append(browser.execute_script("return getComputedStyle(document.body).backgroundColor"))
    assert colors == ["rgb(251, 250, 247)", "rgb(20, 23, 26)"]
