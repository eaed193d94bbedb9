"""Scrubbing a wall of 256 images over 1000 recorded steps: frames a second, and what memory does meanwhile.

    python -m benchmarks.wall [--run FOLDER] [--probes 256] [--records 1000] [--repeats 3] [--minutes 1]

The pointer is pressed on the timeline and then moves in every frame, over all of it and back, so that each frame shows
another step. Beside each row stands the same page left alone: frames that come with nothing to do, the most that this
browser gives on this machine. The heap is what JavaScript holds after a garbage collection; the server's memory is that
of its process after every lens was scrubbed.
"""

import argparse
import asyncio
import math
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from playwright.async_api import CDPSession, Page, async_playwright

from benchmarks.browsers import FLAGS, SIZE, chromium_path
from benchmarks.figures import middle, spread
from benchmarks.longer_run import make_longer
from benchmarks.servers import APP, BUNDLED, free_port, start, stop, wait_until_up

GOAL = 30
SECONDS = 4.0
SWEEP_SECONDS = 2.0  # from one end of the timeline to the other
SHOWN = {"U with grid": "U with grid", "V": "V"}
# Notes each animation frame: when it came, the JavaScript in it, and the record under the scrubber after it.
RECORDER = """(() => {
  const native = window.requestAnimationFrame.bind(window);
  let frames = null;
  let js = 0;
  window.requestAnimationFrame = (callback) => native((now) => {
    const from = performance.now();
    callback(now);
    js += performance.now() - from;
  });
  const find = () => {
    for (const each of document.querySelectorAll("*")) {
      const found = each.shadowRoot?.querySelector(".stn-room .timeline canvas");
      if (found) return found;
    }
    return null;
  };
  const after = new MessageChannel();
  let slider = null;
  after.port1.onmessage = ({ data: now }) => {
    frames?.push({ now, js, at: slider.getAttribute("aria-valuenow") });
    js = 0;
  };
  const tick = (now) => {
    if (frames) after.port2.postMessage(now);
    native(tick);
  };
  native(tick);
  window.recorder = {
    start: () => { slider = find(); frames = []; js = 0; },
    stop: () => { const all = frames; frames = null; return all; },
    sweep: (seconds, half) => new Promise((done) => {
      const canvas = find();
      const box = canvas.getBoundingClientRect();
      const from = performance.now();
      const move = (now) => {
        const t = (now - from) / 1000;
        const share = 0.5 - 0.5 * Math.cos((Math.PI * t) / half);
        const at = { clientX: box.left + 10 + share * (box.width - 20), clientY: box.top + box.height / 2 };
        canvas.dispatchEvent(new PointerEvent("pointermove", { ...at, bubbles: true, composed: true }));
        if (t < seconds) native(move);
        else done();
      };
      native(move);
    }),
  };
})();"""


@dataclass(frozen=True)
class Scrub:
    """One scrub: ms between frames, ms of JavaScript in each, steps shown a second."""

    intervals: list[float]
    js: list[float]
    steps_a_second: float

    @property
    def frames_a_second(self) -> float:
        """By the mean, so that a frame that comes late counts with all its length."""
        return 1000 * len(self.intervals) / sum(self.intervals)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--run", type=Path, default=BUNDLED, help="what the run is made from (default the bundled affine)"
    )
    parser.add_argument("--probes", type=int, default=256)
    parser.add_argument("--records", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=1.0, help="of scrubbing before the heap is looked at again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_longer(Path(folder) / "many", probes=options.probes, records=options.records, source=options.run)
        port = free_port()
        server = start(port, APP, runs=Path(folder))
        try:
            wait_until_up(server, port)
            async with async_playwright() as play:
                browser = await play.chromium.launch(executable_path=chromium_path(), args=FLAGS)
                page = await browser.new_page(viewport={"width": SIZE["width"], "height": SIZE["height"]})
                await page.add_init_script(RECORDER)
                await page.goto(f"http://127.0.0.1:{port}/learning?run=many")
                await page.locator(".stn-room .wall [role=option]").first.wait_for(state="attached", timeout=120_000)
                await page.wait_for_timeout(3000)
                session = await page.context.new_cdp_session(page)
                print(
                    f"{options.probes} images, {options.records} steps, {SECONDS:g} s of scrubbing, {options.repeats} "
                    f"times each, Chromium {browser.version} headless; goal {GOAL} frames/s; ms are p50 / p95"
                )
                print(f"{'':14}frames/s  of an idle page   frame interval    JS a frame   steps shown/s")
                for name in SHOWN:
                    await page.locator(".stn-room .wall").get_by_role("radio", name=name, exact=True).click()
                    scrubs = [await scrub(page, SECONDS) for _ in range(options.repeats)]
                    tell(name, scrubs, await idle(page))
                await tell_heap(page, session, options.minutes)
                await tell_server(page, session, server.pid)
                await browser.close()
        finally:
            stop(server)


async def scrub(page: Page, seconds: float, *, recorded: bool = True) -> Scrub:
    """Press on the timeline, sweep over it, let go."""
    box = await page.locator(".stn-room .timeline canvas").bounding_box()
    if box is None:
        raise SystemExit("There is no timeline on the page.")
    await page.mouse.move(box["x"] + 10, box["y"] + box["height"] / 2)
    await page.mouse.down()
    if recorded:
        await page.evaluate("window.recorder.start()")
    await page.evaluate("([seconds, half]) => window.recorder.sweep(seconds, half)", [seconds, SWEEP_SECONDS])
    frames = await page.evaluate("window.recorder.stop()") if recorded else []
    await page.mouse.up()
    if not frames:
        return Scrub([], [], 0.0)
    shown = [b["at"] != a["at"] for a, b in pairwise(frames)]
    intervals = [b["now"] - a["now"] for a, b in pairwise(frames)]
    return Scrub(intervals, [frame["js"] for frame in frames[1:]], 1000 * sum(shown) / sum(intervals))


async def idle(page: Page) -> float:
    """Frames a second of the page when nobody touches it."""
    await page.wait_for_timeout(1500)
    await page.evaluate("window.recorder.start()")
    await page.wait_for_timeout(1000 * SECONDS)
    frames = await page.evaluate("window.recorder.stop()")
    return 1000 * (len(frames) - 1) / float(frames[-1]["now"] - frames[0]["now"])


def tell(name: str, scrubs: list[Scrub], alone: float) -> None:
    frames = middle([each.frames_a_second for each in scrubs])
    print(
        f"{name:14}{frames:8.1f}{frames / alone:17.2f}"
        f"{spread([ms for each in scrubs for ms in each.intervals]):>18}"
        f"{spread([ms for each in scrubs for ms in each.js]):>14}"
        f"{middle([each.steps_a_second for each in scrubs]):15.1f}",
        flush=True,
    )


async def tell_heap(page: Page, session: CDPSession, minutes: float) -> None:
    """What JavaScript holds before and after the time of scrubbing, half of it as U and half as V."""
    before = await heap(session)
    for name in SHOWN:
        await page.locator(".stn-room .wall").get_by_role("radio", name=name, exact=True).click()
        await scrub(page, 30 * minutes, recorded=False)
    after = await heap(session)
    print(f"JS heap: {before:.1f} MB before, {after:.1f} MB after {60 * minutes:.0f} s of scrubbing the wall")


async def heap(session: CDPSession) -> float:
    await session.send("HeapProfiler.collectGarbage")
    used = (await session.send("Runtime.getHeapUsage"))["usedSize"]
    return float(used) / 2**20


async def tell_server(page: Page, session: CDPSession, pid: int) -> None:
    """The server's memory and the heap while each of the other lenses is scrubbed once, and once more."""
    tabs = page.locator(".stn-room [role=tab]")
    for turn in ("first", "again"):
        for tab in range(await tabs.count()):
            await tabs.nth(tab).click()
            for _ in range(4):
                await scrub(page, SWEEP_SECONDS / 2, recorded=False)
                await page.wait_for_timeout(1000)
        print(f"every lens scrubbed, {turn}: server {resident(pid):.0f} MB, JS heap {await heap(session):.1f} MB")


def resident(pid: int) -> float:
    """MB of memory that a process holds."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return math.nan


if __name__ == "__main__":
    asyncio.run(main())
