"""The room of lenses over a training (page Learning) as a person has it: tabs, scrubber, what stands in the open lens.

As driver.py: everything is read from the page as it is (texts, accessible values, canvas pixels), nothing of the room's
inner state is touched, and waiting is always for a condition, with a deadline.
"""

import base64
import io
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page

DEADLINE = 60.0  # seconds; only a fault, or a very busy machine, comes near

_PIXELS = """(canvas) => canvas.toDataURL("image/png").split(",")[1]"""


class Room:
    """The room on a page. Locators pierce its shadow root."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.root = page.locator(".stn-room")
        self.asked: list[str] = []  # addresses of the lenses that were asked, since this was made
        page.on("request", lambda request: self.asked.extend([request.url] if "/ask/" in request.url else []))

    # --- looking ---

    def wait(self) -> "Room":
        """Until a run stands in it and the open lens is drawn."""
        self.page.wait_for_function(
            """() => {
              const hosts = [...document.querySelectorAll("*")].filter((e) => e.shadowRoot);
              const root = hosts.map((e) => e.shadowRoot.querySelector(".stn-room")).find(Boolean);
              if (!root || root.classList.contains("waiting")) return false;
              const drawn = root.querySelector(".timeline canvas")?.getAttribute("aria-valuemax");
              return drawn && root.querySelector('[role=tab][aria-selected="true"]');
            }""",
            timeout=1000 * 2 * DEADLINE,
        )
        self.frames()
        return self

    @property
    def slider(self) -> Locator:
        """The scrubber."""
        return self.root.locator(".timeline canvas")

    @property
    def index(self) -> int:
        """The record under the scrubber."""
        return int(self.slider.get_attribute("aria-valuenow") or 0)

    @property
    def last(self) -> int:
        return int(self.slider.get_attribute("aria-valuemax") or 0)

    @property
    def step(self) -> int:
        return int(self.root.locator("input.step").input_value().replace(",", ""))

    @property
    def lens(self) -> Locator:
        """The body of the lens that is open."""
        return self.root.locator("[role=tabpanel]:not([hidden])")

    @property
    def tab(self) -> str:
        """The title of the lens that is open."""
        return self.root.locator('[role=tab][aria-selected="true"]').text_content() or ""

    def text(self, selector: str | None = None) -> str:
        """What is written in the open lens, or in the first that a selector finds in it."""
        return (self.lens if selector is None else self.lens.locator(selector).first).inner_text()

    def texts(self, selector: str) -> list[str]:
        """What is written in each that a selector finds in the open lens."""
        return [text.strip() for text in self.lens.locator(selector).all_inner_texts()]

    def pixels(self, canvas: Locator | str = "canvas") -> NDArray[np.uint8]:
        """A canvas's own pixels, (H, W, 4) RGBA; a selector is looked for in the open lens."""
        found = self.lens.locator(canvas).first if isinstance(canvas, str) else canvas
        png = base64.b64decode(found.evaluate(_PIXELS))
        return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))

    def address(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.page.url).query))

    def frames(self, count: int = 2) -> None:
        """Let the page draw."""
        self.page.evaluate(
            """(n) => new Promise((done) => {
              const next = () => (n-- > 0 ? requestAnimationFrame(next) : done());
              next();
            })""",
            count,
        )

    def until(self, holds: Callable[[], Any], what: str, seconds: float = DEADLINE) -> Any:
        """Look again and again until `holds()` is true of something; returns that."""
        deadline = time.monotonic() + seconds
        while not (found := holds()):
            assert time.monotonic() < deadline, (
                f"after {seconds} s still not: {what}. The lens says {self.text()[:500]!r}"
            )
            self.frames(1)
        return found

    # --- the hand ---

    def open(self, title: str) -> Locator:
        """Open a lens by the title of its tab."""
        tab = self.root.get_by_role("tab", name=title, exact=True)
        tab.click()
        self.until(lambda: tab.get_attribute("aria-selected") == "true", f"the lens {title!r} opens")
        self.frames()
        return self.lens

    def seek(self, step: int | str) -> None:
        """Type a step: the nearest recorded one comes."""
        box = self.root.locator("input.step")
        box.fill(str(step))
        box.press("Enter")
        self.frames()

    def seek_to(self, share: float) -> None:
        """Press on the scrubber, at a share (0..1) of its records."""
        left, width = self.slider.evaluate("(c) => [c.getBoundingClientRect().left, c.clientWidth]")
        top = self.slider.evaluate("(c) => c.getBoundingClientRect().top + 20")
        self.page.mouse.click(left + 10 + share * (width - 20), top)  # 10: parts/timeline.js, PAD
        self.frames()

    def choose(self, group: str, option: str) -> None:
        """One of a switch's options, by their accessible names."""
        self.lens.get_by_role("radiogroup", name=group, exact=True).get_by_role(
            "radio", name=option, exact=True
        ).click()
        self.frames()

    def press(self, keys: str, times: int = 1) -> None:
        for _ in range(times):
            self.page.keyboard.press(keys)
        self.frames()
