"""A phone, 390 x 844: nothing wider than the screen, and the grid is dragged by a finger."""

from collections.abc import Iterator

import numpy as np
import pytest
from driver import Fingers, Stage
from oracle import BYTE

WIDER = """() => {
  const wide = [];
  const walk = (root) => root.querySelectorAll("*").forEach((element) => {
    const scrolls = ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
    if (scrolls && element.scrollWidth > element.clientWidth + 1 && !element.matches(".thumbs")) {
      wide.push(`${element.tagName} ${element.className} ${element.scrollWidth} > ${element.clientWidth}`);
    }
    if (element.shadowRoot) walk(element.shadowRoot);
  });
  walk(document);
  if (document.scrollingElement.scrollWidth > innerWidth) wide.push("the page");
  return wide;
}"""


@pytest.fixture
def phone(chromium, watch, open_stage) -> Iterator[Stage]:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    yield open_stage(watch(context.new_page()))
    context.close()


def test_nothing_scrolls_sideways(phone):
    assert phone.page.evaluate(WIDER) == []
    phone.choose("family", "TPS")
    phone.until(lambda now: now.family == "TPS", "the widest matrix")
    assert phone.page.evaluate(WIDER) == []


def test_a_finger_drags_a_corner_and_the_page_stays(phone, truth):
    phone.handle("bottom right").scroll_into_view_if_needed()
    before = phone.look()
    x, y = before.handles["bottom right"]
    Fingers(phone.page).drag(((x, y), (x - 40, y - 25)))
    phone.frames()
    look = phone.at_rest()
    assert look.mode == "hand"
    np.testing.assert_allclose(look.handles["bottom right"], (x - 40, y - 25), atol=2)
    np.testing.assert_allclose(look.handles["top left"], before.handles["top left"], atol=2)
    np.testing.assert_allclose(look.V / 255, truth.picture(look.image, look.theta), atol=BYTE)
    assert look.pad == before.pad, "the page scrolled under the finger"
