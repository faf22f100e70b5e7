"""One headless Chromium for all tests of the page, and the pages that they open from disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recipe.mrpo.evaluate.scores.options import ScoreOptions
from recipe.mrpo.report.page.make import PageOptions, make_page
from tests.unit.report.page.made import data_file, evaluated, picture, training_run

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def chromium() -> Iterator:
    """A running browser; tests are left out, with the reason, where there is none.

    One for each module: playwright keeps an event loop running in this thread, and other rooms' tests start their own.
    """
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (it is in the extra dev)")
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is on the PATH (Debian: apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        browser.close()


class Opened:
    """A page in the browser, and everything that went wrong in it."""

    def __init__(self, tab):
        self.tab, self.faults, self.requests = tab, [], []
        tab.on("console", lambda said: self.faults.append(said.text) if said.type in ("error", "warning") else None)
        tab.on("pageerror", lambda error: self.faults.append(str(error)))
        tab.on("dialog", lambda dialog: (self.faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        tab.on("request", lambda request: self.requests.append(request.url))

    def go(self, file: Path, address: str = "") -> None:
        self.requests.clear()
        self.tab.goto("about:blank")
        self.tab.goto(file.as_uri() + address)
        self.tab.wait_for_function("() => document.documentElement.dataset.ready === 'true'")

    def loaded(self) -> list[str]:
        """Addresses that were asked for besides the file itself and data inside it."""
        return [url for url in self.requests[1:] if not url.startswith(("data:", "about:"))]

    def text(self, selector: str) -> str:
        return self.tab.inner_text(selector)


@pytest.fixture
def opened(chromium) -> Iterator[Callable[..., Opened]]:
    """`opened(file, address, width=…, scheme=…)`: a fresh tab; no fault may be left at the end of the test."""
    made: list[tuple] = []

    def open_page(
        file: Path, address: str = "", *, width: int = 1280, height: int = 900, scheme: str = "light"
    ) -> Opened:
        context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        context.set_default_timeout(600_000)  # milliseconds; Playwright's own 30 s are short on a busy machine
        page = Opened(context.new_page())
        made.append((context, page))
        page.go(file, address)
        return page

    yield open_page
    faults = [fault for _, page in made for fault in page.faults]
    for context, _ in made:
        context.close()
    assert faults == []


OPTIONS = PageOptions(
    max_rollouts=5000,
    max_images=100,
    image_side=64,
    private_images=True,
    data=(),
    title="Two evaluations and a run",
    scores=ScoreOptions(draws=200),
)


@pytest.fixture(scope="session")
def pages(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="session")
def three_runs(pages) -> Path:
    """A training run with images and two evaluations of the same questions."""
    run = training_run(pages / "run", rows=32, steps=2)
    rows = [{"index": i, "image": picture(20 * i), "source": ("vqa-rad", "slake")[i % 2]} for i in range(12)]
    data_file(run / "data" / "test.parquet", rows)
    first, second = (
        evaluated(pages / name, count=20, seed=seed, samples=2) for name, seed in (("first", 1), ("second", 2))
    )
    file = pages / "three.html"
    make_page([run, first, second], file, OPTIONS)
    return file
