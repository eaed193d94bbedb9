"""One real Chromium for all tests that need one."""

import shutil
from collections.abc import Iterator

import pytest
import torch
from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

torch.set_num_threads(1)  # small tensors: more threads only wait for one another


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless browser, started once."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        pytest.fail("No chromium on the PATH. Install one (Debian, Ubuntu: apt-get install chromium), then run again.")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page of its own context, 1366x768. Any console error or uncaught exception fails the test.

    A test that expects some (a server that is stopped) empties them: `page.faults.clear()`.
    """
    context = chromium.new_context(viewport={"width": 1366, "height": 768})
    page = context.new_page()
    faults: list[str] = []
    page.faults = faults  # type: ignore[attr-defined]
    page.on("console", lambda message: faults.append(f"console: {message.text}") if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(f"uncaught: {error}"))
    yield page
    context.close()
    assert not faults, "the page reported: " + "; ".join(faults)
