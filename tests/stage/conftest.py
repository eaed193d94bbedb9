"""The stage's modules in a real Chromium, as files and as the joined string, with arrays handed in and out."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route

from stn_viz.stage.assets import pack
from stn_viz.stage.join import STAGE, join

NUMBERS = (
    "tensors",
    "grid",
    "sampler",
    "gauge",
    "fit",
    "words",
    "areas",
    "headers",
    "preparation",
    "average",
    "mismatch",
    "pixelwords",
    "horizon",
    "marks",
    "gradient",
    "footprint",
    "values",
    "remarks",
    "ways",
    "mesh",
    "raster",
    "direction",
    "arithmetic",
    "planes",
    "pixels",
    "formats",
    "pasted",
    "rawgrid",
    "screen",
    "volume",
    "sorting",
    "tiling",
    "quick",
    "film",
)
_PRELUDE = """() => {
window.bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
window.text = (array) => {
  const all = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  let out = "";
  for (let i = 0; i < all.length; i += 32768) out += String.fromCharCode(...all.subarray(i, i + 32768));
  return btoa(out);
};
}"""


class Numbers:
    """stage/numbers in a page. `call` runs a JS function with the modules, the tensors and the arguments."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def call(self, body: str, *args: Any, **arrays: np.ndarray) -> Any:
        """`body` is a JS function (m, t, ...args): m the modules, t tensors by name ({data, shape}).

        A typed array that it returns comes back as a numpy array of the same type.
        """
        answer = self.page.evaluate(
            """async ([packed, args, body]) => {
              const run = eval(body);
              const out = await run(window.m, window.m.tensors.readTensors(window.bytes(packed)), ...args);
              const typed = ArrayBuffer.isView(out);
              return typed ? {type: out.constructor.name, text: window.text(out)} : {value: out};
            }""",
            [base64.b64encode(pack(arrays)).decode(), list(args), body],
        )
        if "text" in answer:
            dtype = {"Float32Array": "f4", "Float64Array": "f8", "Int32Array": "i4", "Uint8Array": "u1"}[answer["type"]]
            return np.frombuffer(base64.b64decode(answer["text"]), dtype)
        return answer["value"]


@pytest.fixture(name="serve", scope="session")
def _serve() -> Callable[..., None]:
    """The function below, for tests that serve their own modules."""
    return serve


def serve(page: Page, root: Path = STAGE, **texts: str) -> None:
    """Answer http://stage.test/ from `root`'s files, and from `texts` by file name; the page goes there."""

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix("http://stage.test/")
        if path == "":
            route.fulfill(content_type="text/html", body="<!doctype html><link rel=icon href=data:,><main></main>")
        elif (name := path.removesuffix(".js")) in texts:
            route.fulfill(content_type="text/javascript", body=texts[name])
        else:
            route.fulfill(content_type="text/javascript", body=(root / path).read_text(encoding="utf-8"))

    page.route("http://stage.test/**", answer)
    page.goto("http://stage.test/")


@pytest.fixture(scope="session", params=["modules", "joined"])
def numbers(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[Numbers]:
    """The numbers, once as the files that they are and once as the joined string."""
    page = chromium.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    everything = "".join(f"{{\n{join(name)}Object.assign(window.m, m);\n}}\n" for name in NUMBERS)
    serve(page, joined="window.m = {};\n" + everything)
    page.evaluate(_PRELUDE)
    if request.param == "joined":
        page.evaluate("() => import('/joined.js')")
    else:
        page.evaluate(
            """async (names) => {
              window.m = {};
              for (const name of names) window.m[name] = await import(`/numbers/${name}.js`);
            }""",
            NUMBERS,
        )
    yield Numbers(page)
    page.close()
    assert not faults, faults
