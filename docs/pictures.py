"""The pictures of README and docs, taken from the real app on the bundled runs.

    python docs/pictures.py [NAME ...]

Each is one view of the app, by its link, and a few acts. Written as docs/NAME.png; with names, only these. For "runs" a
network is trained first, for a minute: benchmarks/ordinary_training.py.
"""

import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, sync_playwright

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))

from benchmarks.browsers import FLAGS, chromium_path  # noqa: E402  (the project is not installed)
from benchmarks.servers import APP, BUNDLED, ROOT, serving  # noqa: E402

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
    "film": (f"{RUN}&step=833&lens=film", nothing),
}
LESSONS = "lens=%s&run=rts-st-cnn-affine&image=8"
LEARNING = {  # name: its link, and milliseconds until its answers have come
    "wall": (f"{LESSONS % 'wall'}&step=16848", 2500),
    "congealing": (f"{LESSONS % 'congealing'}&step=2713", 15_000),
    "pose": (f"{LESSONS % 'poses'}&step=16848", 6000),
    "response": (f"{LESSONS % 'response'}&step=2713", 6000),
    "inside": (f"{LESSONS % 'inside'}&step=2713", 5000),
    "errors": (f"{LESSONS % 'errors'}&step=16848", 6000),
    "pair": ("lens=pair&run=r-st-cnn-affine&beside=r-cnn&image=8&step=2000", 3000),
}
"""Lenses of the Learning page."""


RUNS = "runs"  # the import form of the Runs page


def main() -> None:
    """Take them."""
    wanted = sys.argv[1:] or [*VIEWS, *LEARNING, RUNS]
    with serving(APP, runs=BUNDLED.parent) as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        context = browser.new_context(viewport=LAPTOP, color_scheme="light")
        context.add_init_script('localStorage.setItem("stn-viz-nudged", "1")')  # "drag me" is for newcomers
        for name in wanted:
            page = context.new_page()
            if name == RUNS:
                take_import(page, f"http://{address}/runs", DOCS / f"{name}.png")
            elif name in LEARNING:
                query, patience = LEARNING[name]
                take_lens(page, f"http://{address}/learning?{query}", patience, DOCS / f"{name}.png")
            else:
                query, act = VIEWS[name]
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


def take_lens(page: Page, link: str, patience: int, path: Path) -> None:
    """A lens of the Learning page, once its answers have come."""
    page.goto(link)
    page.locator(".stn-room:not(.waiting)").wait_for(timeout=60_000)
    page.mouse.move(0, 0)
    page.wait_for_timeout(patience)
    page.screenshot(path=path)
    print(path.relative_to(DOCS.parent))


def take_import(page: Page, link: str, path: Path) -> None:
    """The files of an ordinary training, recognised, and the form beside its picture."""
    with tempfile.TemporaryDirectory() as name:
        files = Path(name) / "my_checkpoints"
        script = ROOT / "benchmarks" / "ordinary_training.py"
        trained = os.environ | {"EPOCHS": "5", "IMAGES": "20000", "FILES": str(files)}
        subprocess.run([sys.executable, str(script)], cwd=ROOT, env=trained, check=True)
        page.goto(link)
        page.get_by_role("radio", name="Import").click()
        page.locator("input[type=file]").set_input_files(sorted(files.iterdir()))
        page.get_by_text("epoch_5.pt").first.wait_for()
        page.get_by_role("button", name="Look").click()
        page.locator(".stn-preview img").nth(1).wait_for(timeout=60_000)
        page.get_by_role("combobox", name="mean and std").click()  # this training takes none off
        page.get_by_role("option", name="none").click()
        page.mouse.move(0, 0)
        page.wait_for_timeout(1500)
        page.screenshot(path=path)
        print(path.relative_to(DOCS.parent))


if __name__ == "__main__":
    main()
