"""The stage as a person has it: what stands on the screen, and the hand that moves it.

Everything is read from the page as it is (canvas pixels, accessible names and values, places of elements); nothing of
the stage's inner state is touched. Waiting is always for a condition, with a deadline.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import torch
from numpy.typing import NDArray
from playwright.sync_api import CDPSession, Locator, Page
from torch import Tensor

DEADLINE = 60.0  # seconds; only a fault, or a very busy machine, comes near
HALF = 1.34  # U's canvas spans -HALF..HALF (ink/viewport.js), and opens by steps of a quarter for a grid that leaves it
CORNERS = ("top left", "top right", "bottom right", "bottom left")

_ORDER = {"similarity": ("a", "b", "tx", "ty")}  # where the matrix does not read as theta does
_READ = """(root) => {
  const one = (selector) => root.querySelector(selector);
  const text = (selector) => one(selector)?.textContent ?? "";
  const box = (element) => { const b = element.getBoundingClientRect(); return [b.left, b.top, b.width, b.height]; };
  const checked = (label) => {
    const group = root.querySelector(`[role=radiogroup][aria-label="${label}"]`);
    return [...(group?.children ?? [])].find((b) => b.getAttribute("aria-checked") === "true")?.textContent ?? null;
  };
  const canvas = one(".frame canvas");
  const bytes = canvas.width > 1 ? canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data : [];
  const theta = {};
  for (const cell of root.querySelectorAll(".matrix [role=spinbutton]")) {
    const name = cell.getAttribute("aria-label");
    if (!name.startsWith("−")) theta[name] = Number(cell.getAttribute("aria-valuenow"));
  }
  const slider = one(".timeline canvas");
  return {
    handles: Object.fromEntries([...root.querySelectorAll(".handle")].filter((h) => !h.hidden).map((h) => {
      const [left, top, width, height] = box(h);
      return [h.getAttribute("aria-label").split(":")[0].replace(" corner", ""), [left + width / 2, top + height / 2]];
    })),
    pad: box(one(".pad")),
    theta,
    V: [canvas.height, canvas.width, Array.from(bytes).filter((_, i) => i % 4 === 0)],
    probabilities: [...root.querySelectorAll(".bar .track i")].map((i) => Number(i.style.transform.slice(7, -1))),
    known: !text(".bar .value").includes("–"),
    source: text(".source"),
    stale: one(".answers").classList.contains("stale"),
    mode: (checked("theta") ?? "").startsWith("network") ? "network" : "hand",
    family: checked("family"),
    kernel: checked("kernel"),
    padding: checked("outside"),
    align: checked("align corners"),
    step: Number(one("input.step").value.replace(/,/g, "")),
    index: Number(slider.getAttribute("aria-valuenow")),
    last: Number(slider.getAttribute("aria-valuemax")),
    playing: text("button.play") !== "▶",
    image: [...root.querySelectorAll(".thumb")].findIndex((thumb) => thumb.getAttribute("aria-selected") === "true"),
    says: text(".spoken[role=status]"),
    passing: one(".passing").hidden ? "" : text(".passing"),
    notices: [...root.querySelectorAll(".notices p")].map((p) => p.firstChild.textContent),
    undo: !one("button[aria-label=undo]").disabled,
    redo: !one("button[aria-label=redo]").disabled,
  };
}"""


@dataclass(frozen=True)
class Look:
    """What stands on the stage at one moment. Points are pixels of the page; V is (28, 28) bytes."""

    handles: dict[str, tuple[float, float]]
    pad: tuple[float, float, float, float]
    theta: Tensor
    V: NDArray[np.int64] = field(repr=False)
    probabilities: Tensor
    known: bool
    source: str
    stale: bool
    mode: str
    family: str
    kernel: str
    padding: str
    align: str
    step: int
    index: int
    last: int
    playing: bool
    image: int
    says: str
    passing: str
    notices: list[str]
    undo: bool
    redo: bool

    @property
    def corners(self) -> list[tuple[float, float]]:
        """The four corner handles, clockwise from the top left."""
        return [self.handles[name] for name in CORNERS]

    def to_screen(self, points: Tensor) -> list[tuple[float, float]]:
        """Normalised source points on the page, in the narrowest of U's views that holds them."""
        left, top, side, _ = self.pad
        half = HALF
        while half < float(points.abs().max()) + 0.02:
            half *= 1.25
        scale = side / 2 / half
        return [(left + side / 2 + x * scale, top + side / 2 + y * scale) for x, y in points.tolist()]


class Stage:
    """The stage on a page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.root = page.locator(".stn-stage")
        self.sent: list[str] = []  # what was sent over any WebSocket, and asked by HTTP, since the page was opened
        self.received: list[str] = []
        page.on("websocket", self._follow)
        page.on("request", lambda request: self.sent.append(f"{request.method} {request.url}"))

    def _follow(self, line: Any) -> None:
        def note(into: list[str]) -> Callable[[Any], None]:
            return lambda payload: into.append(f"{urlsplit(line.url).path} {payload!r}")

        line.on("framesent", note(self.sent))
        line.on("framereceived", note(self.received))

    # --- looking ---

    def look(self) -> Look:
        raw = self.root.evaluate(_READ)
        height, width, bytes_ = raw.pop("V")
        names = _ORDER.get(raw["family"], tuple(raw["theta"]))
        return Look(
            **raw
            | {
                "handles": {name: tuple(spot) for name, spot in raw["handles"].items()},
                "theta": torch.tensor([raw["theta"][name] for name in names], dtype=torch.float64),
                "V": np.array(bytes_, dtype=np.int64).reshape(height, width) if bytes_ else np.zeros((0, 0), np.int64),
                "probabilities": torch.tensor(raw["probabilities"], dtype=torch.float32),
            }
        )

    def theta(self) -> Tensor:
        """Theta alone, in the frame after the one that is due."""
        values = self.root.evaluate(
            """(root) => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
              const cells = [...root.querySelectorAll(".matrix [aria-valuenow]")];
              done(cells.map((cell) => Number(cell.getAttribute("aria-valuenow"))));
            })))"""
        )
        return torch.tensor(values, dtype=torch.float64)

    def until(self, holds: Callable[[Look], object], what: str, seconds: float = DEADLINE) -> Look:
        """Look again and again until it holds."""
        deadline = time.monotonic() + seconds
        while True:
            look = self.look()
            if holds(look):
                return look
            assert time.monotonic() < deadline, f"after {seconds} s still not: {what}. The stage shows {look}"
            self.frames(1)

    def frames(self, count: int = 2) -> None:
        """Let the page draw."""
        self.page.evaluate(
            """(n) => new Promise((done) => {
              const next = () => (n-- > 0 ? requestAnimationFrame(next) : done());
              next();
            })""",
            count,
        )

    def at_rest(self) -> Look:
        """When nothing has moved for five frames, and the address tells what is shown."""
        self.page.wait_for_function(
            """(root) => new Promise((done) => {
              const all = (selector, read) => [...root.querySelectorAll(selector)].map(read).join();
              const shown = () => all(".handle", (handle) => handle.style.transform)
                + all(".matrix [aria-valuenow]", (cell) => cell.getAttribute("aria-valuenow"));
              let same = 0, before = shown();
              const next = () => {
                const now = shown();
                same = now === before ? same + 1 : 0;
                before = now;
                if (same >= 5) done(true); else requestAnimationFrame(next);
              };
              requestAnimationFrame(next);
            })""",
            arg=self.root.element_handle(),
        )
        return self.look()

    def until_quiet(self) -> None:
        """When nothing has been sent to the server for a second: what rests has been told, and answered."""
        deadline = time.monotonic() + DEADLINE
        count, since = len(self.sent), time.monotonic()
        while time.monotonic() < since + 1:
            assert time.monotonic() < deadline, f"the page does not stop talking: {self.sent[-3:]}"
            self.frames(1)
            if len(self.sent) != count:
                count, since = len(self.sent), time.monotonic()

    def address(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.page.url).query))

    def until_address(self, holds: Callable[[dict[str, str]], object], what: str) -> dict[str, str]:
        deadline = time.monotonic() + DEADLINE
        while not holds(self.address()):
            assert time.monotonic() < deadline, f"the address does not tell {what}: {self.page.url}"
            self.frames(1)
        return self.address()

    def until_told(self, look: Look) -> dict[str, str]:
        """When the address holds the theta of this look, to its six digits."""

        def told(query: dict[str, str]) -> bool:
            if "theta" not in query:
                return look.mode == "network"
            theta = torch.tensor([float(entry) for entry in query["theta"].split(",")], dtype=torch.float64)
            return theta.shape == look.theta.shape and torch.allclose(theta, look.theta, rtol=1e-5, atol=1e-9)

        return self.until_address(told, f"theta {look.theta.tolist()}")

    def wait_for_picture(self) -> Look:
        self.page.wait_for_function(
            """() => {
              const hosts = [...document.querySelectorAll("*")].filter((e) => e.shadowRoot);
              const root = hosts.map((e) => e.shadowRoot.querySelector(".stn-stage")).find(Boolean);
              const canvas = root?.querySelector(".pad canvas");
              if (!canvas || canvas.width < 2 || root.classList.contains("waiting")) return false;
              return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((b) => b > 0);
            }""",
            timeout=1000 * 2 * DEADLINE,
        )
        return self.look()

    def network_is_ready(self) -> bool:
        return any('"state"' in message and '"ready"' in message for message in self.received)

    def wait_for_network(self) -> None:
        deadline = time.monotonic() + 3 * DEADLINE
        while not self.network_is_ready():
            assert time.monotonic() < deadline, f"the line never said ready: {self.received}"
            self.frames(1)

    # --- the hand ---

    def handle(self, name: str) -> Locator:
        return self.root.locator(f'.handle[aria-label^="{name}"]')

    def number(self, name: str) -> Locator:
        return self.root.get_by_role("spinbutton", name=name, exact=True)

    def slider(self, name: str) -> Locator:
        return self.root.locator(f'input.range[aria-label="{name}"]')

    def button(self, name: str) -> Locator:
        return self.root.get_by_role("button", name=name, exact=True)

    def choose(self, group: str, option: str) -> None:
        self.root.get_by_role("radiogroup", name=group, exact=True).get_by_role("radio", name=option).click()

    @contextmanager
    def holding(self, at: tuple[float, float], *, shift: bool = False) -> Iterator[Callable[[float, float], Look]]:
        """Grab what is under a point; the block moves the pointer to places of the page; then let go."""
        mouse = self.page.mouse

        def move(x: float, y: float) -> Look:
            mouse.move(x, y, steps=4)
            self.frames()
            return self.look()

        if shift:
            self.page.keyboard.down("Shift")
        mouse.move(*at)
        mouse.down()
        try:
            yield move
        finally:
            mouse.up()
            if shift:
                self.page.keyboard.up("Shift")
            self.frames()

    def drag(self, at: tuple[float, float], by: tuple[float, float], *, shift: bool = False) -> Look:
        """Drag what is under a point, and see the stage come to rest."""
        with self.holding(at, shift=shift) as move:
            move(at[0] + by[0], at[1] + by[1])
        return self.at_rest()

    def press(self, keys: str, times: int = 1) -> Look:
        for _ in range(times):
            self.page.keyboard.press(keys)
        self.frames()
        return self.look()

    def type_step(self, step: int | str) -> Look:
        box = self.root.locator("input.step")
        box.fill(str(step))
        box.press("Enter")
        self.frames()
        return self.look()


class Fingers:
    """Touches, as a touch screen sends them."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._line: CDPSession = page.context.new_cdp_session(page)

    def _send(self, kind: str, points: list[tuple[float, float]]) -> None:
        touches = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        self._line.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    def drag(self, *paths: tuple[tuple[float, float], tuple[float, float]], moves: int = 6) -> None:
        """Each finger goes down at its start, one after the other, and all move together to their ends."""
        for count in range(1, len(paths) + 1):
            self._send("touchStart", [start for start, _ in paths[:count]])
        for move in range(1, moves + 1):
            share = move / moves
            self._send("touchMove", [(a + share * (c - a), b + share * (d - b)) for (a, b), (c, d) in paths])
        self._send("touchEnd", [])
