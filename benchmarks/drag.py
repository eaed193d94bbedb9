"""Two seconds of dragging in Chromium: a corner on the stage, beside the slider of a plain st.slider + plotly page.

    python -m benchmarks.drag [--run FOLDER] [--repeats 3]

The pointer moves 125 times a second, as a mouse does, through the browser's own input. frames.js, put into both pages,
notes every animation frame: its interval, the JS in it (listeners and frame callbacks, without what frames.js itself
reads), and what of theta, grid, V and the probabilities changed in it.
"""

import argparse
import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, CDPSession, Locator, Page, async_playwright

from benchmarks.browsers import FLAGS, SIZE, chromium_path
from benchmarks.figures import middle, percentile, spread
from benchmarks.servers import APP, add_run_option, serving

SECONDS = 2.0
MOVES_A_SECOND = 125
REST_SECONDS = 2.0
FRAMES = (Path(__file__).parent / "frames.js").read_text(encoding="utf-8")
PLAIN = Path(__file__).parent / "plain_slider_page.py"

Point = tuple[float, float]


@dataclass(frozen=True)
class Drag:
    """What one drag showed; times in ms."""

    intervals: list[float]
    js: list[float]
    updates: int
    updates_moving: int
    to_final: float
    with_theta: int
    same_frame: Counter[str]
    answer_after: list[float]
    frames_after: Counter[int]
    moves: int
    first_answer: float = math.nan

    @property
    def frames_a_second(self) -> float:
        return 1000 / middle(self.intervals)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_run_option(parser)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    run, repeats = options.run, options.repeats
    with serving(APP, runs=run.parent) as stage_at, serving(PLAIN, str(run)) as plain_at:
        async with async_playwright() as play:
            browser = await play.chromium.launch(executable_path=chromium_path(), args=FLAGS)
            version = browser.version
            stage, plain = [], []
            for _ in range(repeats):
                stage.append(await drag_corner(browser, f"http://{stage_at}/?run={run.name}"))
                plain.append(await drag_slider(browser, f"http://{plain_at}/"))
            await browser.close()

    print(f"{SECONDS:g} s of dragging, {repeats} times each in turn, Chromium {version} headless, run {run.name}")
    print("medians of the drags; ms are p50 / p95 over all their frames")
    print(f"{'':20}frames/s   frame interval   JS a frame   moves/s   V changes/s   last move to final V")
    for name, drags in (("stage, a corner", stage), ("st.slider + plotly", plain)):
        print(
            f"{name:20}{middle([drag.frames_a_second for drag in drags]):8.1f}"
            f"{spread([ms for drag in drags for ms in drag.intervals]):>17}"
            f"{spread([ms for drag in drags for ms in drag.js]):>13}"
            f"{middle([drag.moves / SECONDS for drag in drags]):10.1f}"
            f"{middle([drag.updates_moving / SECONDS for drag in drags]):14.1f}"
            f"{middle([drag.to_final for drag in drags]):20.0f} ms"
        )
    print_together(stage)
    ours, theirs = (middle([float(drag.updates) for drag in drags]) for drags in (stage, plain))
    shared = f"{ours / theirs:.0f}" if theirs else "no number: the other page never changed"
    print(f"ratio: changes of V from grab to rest, stage / st.slider + plotly = {ours:.0f} / {theirs:.0f} = {shared}")


def print_together(drags: list[Drag]) -> None:
    """How much of the picture arrives in the frame that shows a new theta, and when the answer to that theta does."""
    frames = sum(drag.with_theta for drag in drags)
    same: Counter[str] = sum((drag.same_frame for drag in drags), Counter())
    shares = ", ".join(f"{name} {same[name] / max(1, frames):.1%}" for name in ("grid", "V"))
    print(f"changed in the same frame as theta ({frames} frames): {shares}")
    after = [ms for drag in drags for ms in drag.answer_after]
    later: Counter[int] = sum((drag.frames_after for drag in drags), Counter())
    counts = ", ".join(f"{n / max(1, later.total()):.0%} after {k}" for k, n in sorted(later.items()) if k <= 3)
    print(
        f"probabilities of that theta, ms from the pointer's move to their frame: median {middle(after):.1f}, "
        f"p95 {percentile(after, 0.95):.1f} ({len(after)} answers; frames after theta's own: {counts})"
    )
    first = [drag.first_answer for drag in drags]
    later_pages = f"; of a new page later: {middle(first[1:]):.0f} ms" if first[1:] else ""
    print(f"first answer of a new server: {first[0]:.0f} ms{later_pages}")


async def drag_corner(browser: Browser, address: str, *, ask: bool = True) -> Drag:
    """The stage's first visible corner on a circle through where it stands, the circle's centre toward the grid's.

    ask: whether there is a network, whose first answer is waited for.
    """
    context = await browser.new_context(viewport=SIZE)
    page = await context.new_page()
    await page.add_init_script(FRAMES)
    await page.goto(address)
    await page.wait_for_function("window.measured.line === 'ready'", timeout=60_000)
    await page.wait_for_timeout(1500)  # the lens below the stage has come too
    first_answer = await warmed(page) if ask else math.nan
    corner = page.locator(".stn-stage .handle.corner:visible").first
    at = await middle_of(corner)
    centre = await middle_of(page.locator(".stn-stage .handle.centre"))
    distance = math.dist(at, centre) or 1.0
    u = ((centre[0] - at[0]) / distance, (centre[1] - at[1]) / distance)
    radius = min(40.0, distance / 2)

    def where(t: float) -> Point:
        a, b = radius * (1 - math.cos(2 * math.pi * t)), radius * math.sin(2 * math.pi * t)
        return at[0] + a * u[0] - b * u[1], at[1] + a * u[1] + b * u[0]

    measured = await recorded(page, await context.new_cdp_session(page), where)
    await context.close()
    return replace(told(measured), first_answer=first_answer)


async def warmed(page: Page) -> float:
    """Touch theta once and go back: the first question loads the snapshot's network. ms until it is answered."""
    await page.evaluate("window.measured.start()")
    await page.locator(".stn-stage .handle.centre").press("ArrowRight")
    await page.wait_for_function("window.measured.answers() > 0", timeout=60_000)
    asked = (await page.evaluate("window.measured.stop()"))["asked"][0]
    await page.keyboard.press("Escape")
    await page.wait_for_timeout(500)
    first: float = asked["answered"] - asked["sent"]
    return first


async def drag_slider(browser: Browser, address: str) -> Drag:
    context = await browser.new_context(viewport=SIZE)
    page = await context.new_page()
    await page.add_init_script(FRAMES)
    await page.goto(address)
    await page.locator(".js-plotly-plot image").first.wait_for(state="attached", timeout=60_000)
    await page.wait_for_timeout(1500)
    at = await middle_of(page.locator("[data-testid=stSlider] [data-rac]:has([data-testid=stSliderThumbValue])").last)

    def where(t: float) -> Point:
        return at[0] + 150 * math.sin(2 * math.pi * (t / 4 + 0.1 * t * t)), at[1]

    measured = await recorded(page, await context.new_cdp_session(page), where)
    await context.close()
    return told(measured)


async def middle_of(locator: Locator) -> Point:
    box = await locator.bounding_box()
    if box is None:
        raise SystemExit(f"Nothing to grab: {locator}")
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


async def recorded(page: Page, session: CDPSession, where: Callable[[float], Point]) -> dict[str, Any]:
    """Press, move for the time, release, rest. Moves are sent without waiting for the page, which may be slow."""

    def mouse(kind: str, point: Point, **more: Any) -> asyncio.Future[Any]:
        event = {"type": kind, "x": point[0], "y": point[1], **more}
        return asyncio.ensure_future(session.send("Input.dispatchMouseEvent", event))

    left = {"button": "left", "buttons": 1}
    await mouse("mouseMoved", where(0))
    await page.evaluate("window.measured.start()")
    await mouse("mousePressed", where(0), clickCount=1, **left)
    started = time.perf_counter()
    sent = []
    for move in range(1, round(SECONDS * MOVES_A_SECOND) + 1):
        due = started + move / MOVES_A_SECOND
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        sent.append(mouse("mouseMoved", where(time.perf_counter() - started), **left))
    await asyncio.gather(*sent)
    await mouse("mouseReleased", where(SECONDS), clickCount=1, button="left")
    await page.wait_for_timeout(1000 * REST_SECONDS)
    measured: dict[str, Any] = await page.evaluate("window.measured.stop()")
    return measured


def told(measured: dict[str, Any]) -> Drag:
    """From the frames of one page to what is printed of them."""
    frames, asked = measured["frames"], measured["asked"]
    last_move = frames[-1]["moved"]
    first = next(i for i, frame in enumerate(frames) if frame["moved"] > frames[0]["moved"])
    # The frame that handles the last move belongs to the drag; what comes after is the rest.
    last = next(i for i, frame in enumerate(frames) if frame["moved"] == last_move)
    moving = frames[first : last + 1]
    changed = [frame for frame in frames if frame["changed"].get("V")]
    theta = [frame for frame in moving if frame["changed"].get("theta")]
    final = [frame["done"] - last_move for frame in changed if frame["done"] > last_move]
    drawn = [question for question in asked if question.get("drawn") and question["sent"] < moving[-1]["done"]]
    return Drag(
        intervals=[b["now"] - a["now"] for a, b in pairwise(moving)],
        js=[frame["js"] for frame in moving],
        updates=len(changed),
        updates_moving=sum(1 for frame in moving if frame["changed"].get("V")),
        to_final=final[-1] if final else math.nan,
        with_theta=len(theta),
        same_frame=Counter(name for frame in theta for name in ("grid", "V") if frame["changed"].get(name)),
        answer_after=[question["drawn"] - question["moved"] for question in drawn],
        frames_after=Counter(question["drawnFrame"] - question["frame"] for question in drawn),
        moves=len({frame["moved"] for frame in moving}),
    )


if __name__ == "__main__":
    asyncio.run(main())
