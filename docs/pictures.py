"""The pictures of README and docs, taken from the real app on the bundled runs.

    python docs/pictures.py [NAME ...]

Each is one view of the app, by its link, and a few acts. Written as docs/NAME.png; with names, only these.
"""

import math
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, sync_playwright

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))

from benchmarks.browsers import FLAGS, chromium_path  # noqa: E402  (the project is not installed)
from benchmarks.servers import APP, serving  # noqa: E402

LAPTOP = {"width": 1366, "height": 768}


def nothing(stage: Locator) -> None:
    """The view as its link gives it."""


def tab(name: str) -> Callable[[Locator], None]:
    """Open a lens."""
    return lambda stage: stage.get_by_role("tab", name=name).click()


def read_a_pixel(stage: Locator) -> None:
    """Pin a pixel on a stroke of the digit."""
    tab("Pixel")(stage)
    box = stage.locator(".frame canvas").first.bounding_box()
    assert box is not None
    stage.page.mouse.click(box["x"] + 0.36 * box["width"], box["y"] + 0.62 * box["height"])


def gallery(stage: Locator) -> None:
    """The images that come with the app."""
    tab("Images")(stage)
    stage.get_by_role("radio", name="Gallery", exact=True).click()


RUN = "run=rts-st-cnn-affine"
BENT = ",".join(
    f"{value:.3f}"
    for row in range(4)
    for column in range(4)
    for value in (-0.75 + 0.5 * column + 0.09 * math.sin(2.1 * row), -0.7 + 0.47 * row + 0.12 * math.cos(1.7 * column))
)
VIEWS: dict[str, tuple[str, Callable[[Locator], None]]] = {
    "workbench": (RUN, nothing),
    "direction": (f"{RUN}&way=0.5", tab("Direction")),
    "pixel": (RUN, read_a_pixel),
    "rules": (RUN, tab("Rules")),
    "numbers": (f"{RUN}&picture=chelsea&theta=0.866,-0.5,0,0.5,0.866,0", tab("Numbers")),
    "horizon": (f"{RUN}&picture=brick&family=projective&theta=0.7,-0.1,0.1,0.1,0.7,0,1.2,0.3", nothing),
    "images": (f"{RUN}&picture=chelsea&family=tps&points=4&theta={BENT}", gallery),
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
    stage.locator(".passing").wait_for(state="hidden")  # sentences that go by themselves
    page.screenshot(path=path)
    print(path.relative_to(DOCS.parent))


if __name__ == "__main__":
    main()
