"""What axe finds on the workbench: nothing, in each of its states, light and dark."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from driver import Stage

# The stage lies in a shadow root, where axe takes an element and no selector. The rest of the page is Streamlit's own.
RUN = """async () => {
  const host = [...document.querySelectorAll("*")].find((element) => element.shadowRoot?.querySelector(".stn-stage"));
  const {violations} = await axe.run(host.shadowRoot.querySelector(".stn-stage"));
  const why = ({any, all, none}) => [...any, ...all, ...none].map(({message}) => message).join("; ").slice(0, 300);
  return violations.flatMap(({id, nodes}) => nodes.map((node) => `${id}: ${node.html.slice(0, 200)} (${why(node)})`));
}"""


def faults(stage: Stage) -> list[str]:
    stage.page.evaluate(AXE_SCRIPT)
    found: list[str] = stage.page.evaluate(RUN)
    return found


@pytest.fixture(params=["light", "dark"])
def seen(request, chromium, watch, open_stage) -> Iterator[Stage]:
    context = chromium.new_context(viewport={"width": 1366, "height": 768}, color_scheme=request.param)
    yield open_stage(watch(context.new_page()))
    context.close()


def test_axe_finds_nothing_at_the_start_in_a_drag_and_in_the_dialog(seen: Stage) -> None:
    assert faults(seen) == [], "at the start"
    at = seen.look().handles["bottom right"]
    with seen.holding(at) as move:
        move(at[0] - 30, at[1] - 20)
        assert faults(seen) == [], "in a drag"
    seen.press("?")
    seen.root.locator("dialog.help[open]").wait_for()
    assert faults(seen) == [], "with the list of keys"
    seen.press("Escape")


def test_axe_finds_nothing_in_any_lens_and_any_family(seen: Stage) -> None:
    tabs = seen.root.get_by_role("tab")
    for name in tabs.all_inner_texts():
        tabs.get_by_text(name, exact=True).click()
        seen.frames()
        assert faults(seen) == [], f"in the lens {name}"
    tabs.first.click()
    families: list[Any] = seen.root.get_by_role("radiogroup", name="family", exact=True).get_by_role("radio").all()
    for family in families:
        text = family.inner_text()
        family.click()
        seen.until(lambda now, text=text: now.family == text, f"the family {text}")
        assert faults(seen) == [], f"in the family {text}"
