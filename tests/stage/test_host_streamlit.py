"""hosts/streamlit.js with a stage that writes down what it was told: mount once, update after, clean up at unmount."""

import pytest

from stn_viz.stage.join import STAGE

FAKE = """
export function createStage(root, host) {
  const told = [];
  (window.stages ??= []).push({root, host, told});
  return {update: (data) => told.push(data), destroy: () => told.push("destroyed")};
}
"""
MOUNT = """async () => {
  const {render} = await import("/hosts/streamlit.js");
  document.querySelector("main").innerHTML = '<div class="stn-stage"></div>';
  const parentElement = document.querySelector("main");
  window.sent = [];
  const sender = (who) => (name, value) => window.sent.push([who, name, value]);
  window.call = (data, who) => render({data, parentElement, setStateValue: sender(who)});
}"""


@pytest.fixture
def mounted(page, serve):
    serve(page, root=STAGE, stage=FAKE)
    page.evaluate(MOUNT)
    return page


def test_the_second_call_is_an_update(mounted) -> None:
    found = mounted.evaluate(
        "() => { call(1, 'a'); call(2, 'b'); return [stages.length, stages[0].told, stages[0].root.className]; }"
    )
    assert found == [1, [1, 2], "stn-stage"]


def test_the_newest_set_state_value_is_used(mounted) -> None:
    mounted.evaluate("() => { call(1, 'a'); call(2, 'b'); stages[0].host.setState('view', {step: 3}); }")
    assert mounted.evaluate("() => sent") == [["b", "view", {"step": 3}]]


def test_a_cleanup_of_an_overtaken_call_leaves_the_stage_alone(mounted) -> None:
    assert mounted.evaluate(
        "() => { const cleanup = call(1, 'a'); call(2, 'b'); cleanup(); return stages[0].told; }"
    ) == [1, 2]


def test_an_unmount_destroys_once_and_a_later_mount_is_a_new_stage(mounted) -> None:
    found = mounted.evaluate(
        """() => {
          const cleanup = call(1, 'a'), main = document.querySelector("main"), body = main.parentElement;
          main.remove(); cleanup(); cleanup();
          body.append(main); call(2, 'b');
          return stages.map((stage) => stage.told);
        }"""
    )
    assert found == [[1, "destroyed"], [2]]
