"""The pictures of README and docs, taken from the real app on the bundled runs.

    python docs/pictures.py [NAME ...]

Each is one view of the app, by its link, and a few acts. Written as docs/NAME.png; with names, only these.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, sync_playwright

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))

from benchmarks.browsers import FLAGS, chromium_path  # noqa: E402  (the project is not installed)
from benchmarks.servers import APP, serving  # noqa: E402

LAPTOP = {"width": 1366, "height": 768}
RUN = "run=rts-st-cnn-affine"


def nothing(stage: Locator) -> None:
    """The view as its link gives it."""


def tab(name: str) -> Callable[[Locator], None]:
    return lambda stage: stage.get_by_role("tab", name=name).click()


VIEWS: dict[str, tuple[str, Callable[[Locator], None]]] = {
    "workbench": (RUN, nothing),
}


def main() -> None:
    """Take them."""
    wanted = sys.argv[1:] or list(VIEWS)
    with serving(APP) as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        context = browser.new_context(viewport=LAPTOP, color_scheme="light")
        context.add_init_script('localStorage.setItem("stn-viz-nudged", "1")')  # "drag me" is for newcomers
        for name in wanted:
            query, act = VIEWS[name]
            page = context.new_page()
            take(page, f"http://{address}/?{query}", act, DOCS / f"{name}.png")
            page.close()
        browser.close()


def take(page: Page, link: str, act: Callable[[Locator], None], path: Path) -> None:
    """One picture, when the network has answered and the chart below has come."""
    page.goto(link)
    stage = page.locator(".stn-stage")
    stage.locator(".matrix").wait_for(timeout=60_000)
    page.locator(".js-plotly-plot").first.wait_for(timeout=60_000)
    act(stage)
    page.mouse.move(0, 0)
    page.wait_for_timeout(1500)  # glides, the view of U, the chart
    page.screenshot(path=path)
    print(path.relative_to(DOCS.parent))


if __name__ == "__main__":
    main()
