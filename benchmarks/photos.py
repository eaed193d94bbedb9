"""Dragging the grid over photographs: three families and two kernels at 224 x 224 in colour and at 2000 pixels.

    python -m benchmarks.photos [--repeats 3]

A run without a network is made for the measurement, so that what is measured is the stage alone. Beside each row stands
the same page left alone: frames that come with nothing to do, the most that this browser gives on this machine.
"""

import argparse
import asyncio
import tempfile
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.async_api import Browser, async_playwright

from benchmarks.browsers import FLAGS, SIZE, chromium_path
from benchmarks.drag import Drag, drag_corner
from benchmarks.figures import middle, spread
from benchmarks.servers import APP, ROOT, serving
from stn_viz.runs import Probes, RunInfo, RunWriter, Site
from stn_viz.transformer import drawing_basis, family

PHOTO = ROOT / "stn_viz" / "data" / "images" / "chelsea.png"
SIZES = {"224": ((224, 224), (224, 224)), "2000": ((1330, 2000), (213, 320))}  # U and V, (H, W)
FAMILIES = {
    "affine": (0.8, -0.2, 0.1, 0.2, 0.8, 0.0),
    "projective": (0.8, -0.2, 0.1, 0.2, 0.8, 0.0, 0.1, 0.05),
    "tps": tuple(float(v) for y in (-0.8, -0.3, 0.3, 0.8) for x in (-0.8, -0.3, 0.3, 0.8) for v in (x, y)),
}
KERNELS = ("bilinear", "bicubic")
GOAL = 55


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, (U, V) in SIZES.items():
            make_run(Path(folder) / name, U, V)
        with serving(APP, runs=Path(folder)) as at:
            async with async_playwright() as play:
                browser = await play.chromium.launch(executable_path=chromium_path(), args=FLAGS)
                print(f"2 s of dragging a corner, {options.repeats} times each; goal {GOAL} frames/s; ms are p50 / p95")
                print(f"{'':28}frames/s  of an idle page   JS a frame   changes of V/s   last move to full V")
                for name, kind, kernel in product(SIZES, FAMILIES, KERNELS):
                    theta = ",".join(f"{value:g}" for value in FAMILIES[kind])
                    link = f"http://{at}/?run={name}&family={kind}&kernel={kernel}&theta={theta}"
                    drags = [await drag_corner(browser, link, ask=False) for _ in range(options.repeats)]
                    tell(f"{name} {kind} {kernel}", drags, await idle(browser, link))
                await browser.close()


def make_run(path: Path, U: tuple[int, int], V: tuple[int, int]) -> None:
    """A run of one colour photograph, its grid affine and not quite the identity."""
    photo = Image.open(PHOTO).convert("RGB").resize(U[::-1], Image.Resampling.LANCZOS)
    probes = Probes(U=np.asarray(photo).transpose(2, 0, 1)[None].copy(), labels=np.array([-1]))
    info = RunInfo(
        name=path.name,
        source="benchmark",
        task="photo",
        classes=(),
        network=None,
        seed=0,
        training={"steps": 1},
    )
    site = Site(
        name="photo",
        family="affine",
        options={},
        kernel="bilinear",
        padding="zeros",
        align_corners=False,
        input_size=U,
        output_size=V,
        channels=3,
    )
    writer = RunWriter(path, info, probes)
    writer.describe([site], [drawing_basis(family("affine", size=V))])
    for step in range(2):
        theta = np.array([FAMILIES["affine"]])
        writer.record(step=step, images=step, loss=1.0, error=1.0, rate=0.1, thetas={0: theta})
    writer.finish("finished", {})


async def idle(browser: Browser, link: str) -> float:
    """Frames a second of the page when nobody touches it."""
    page = await browser.new_page(viewport=SIZE)
    await page.goto(link)
    await page.locator(".stn-stage .handle.centre").wait_for()
    await page.wait_for_timeout(1500)
    frames: float = await page.evaluate(
        """() => new Promise((done) => {
          const times = [];
          const tick = (now) => {
            times.push(now);
            if (times.length < 121) requestAnimationFrame(tick);
            else done(times.slice(1).map((t, i) => t - times[i]).sort((a, b) => a - b)[60]);
          };
          requestAnimationFrame(tick);
        })"""
    )
    await page.close()
    return 1000 / frames


def tell(name: str, drags: list[Drag], alone: float) -> None:
    frames = middle([drag.frames_a_second for drag in drags])
    print(
        f"{name:28}{frames:8.1f}{frames / alone:17.2f}"
        f"{spread([ms for drag in drags for ms in drag.js]):>13}"
        f"{middle([drag.updates_moving / 2 for drag in drags]):17.1f}"
        f"{middle([drag.to_final for drag in drags]):19.0f} ms",
        flush=True,
    )


if __name__ == "__main__":
    asyncio.run(main())
