"""The Runs page in a browser: there and back, open, import by path and by dropping, on a phone, and what axe finds."""

import re
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from axe_playwright_python.base import AXE_SCRIPT
from driver import Stage
from small_run import make_run
from test_phone import WIDER

THETA = [0.9, 0.1, 0.05, -0.1, 0.8, -0.1]


@pytest.fixture(scope="module")
def own(tmp_path_factory, server_on) -> Iterator:
    """A server for this file alone: its folder of runs grows."""
    folder = tmp_path_factory.mktemp("own runs")
    make_run(folder / "first")
    make_run(folder / "second", seed=1)
    (folder / "void").mkdir()
    patch = pytest.MonkeyPatch()
    patch.setenv("STN_VIZ_HOME", str(tmp_path_factory.mktemp("home")))
    server = server_on(folder, tmp_path_factory.mktemp("server") / "log")
    server.start()
    yield server
    server.stop()
    patch.undo()
    said = (server._log).read_text()
    assert "Traceback" not in said, said[-3000:]


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """Two checkpoints of the tutorial's net, whose theta is the same for every image."""
    folder = tmp_path_factory.mktemp("training")
    for epoch in (3, 12):
        state = {"localization.0.weight": torch.zeros(8, 1, 7, 7), "localization.3.weight": torch.zeros(10, 8, 5, 5)}
        state |= {"fc_loc.0.weight": torch.zeros(32, 90), "fc_loc.2.weight": torch.zeros(6, 32)}
        state |= {name.replace("weight", "bias"): torch.zeros(len(weight)) for name, weight in state.items()}
        state["fc_loc.2.bias"] = torch.tensor(THETA)
        torch.save(state, folder / f"epoch_{epoch}.pt")
    return folder


@pytest.fixture
def runs(own, page):
    """The Runs page, opened by its address."""
    page.set_default_timeout(60_000)
    page.goto(f"{own.url}runs")
    page.locator(".stn-runs li").first.wait_for()
    page.faults.clear()  # Streamlit 1.67 looks for its server below /runs first, and finds it at the root
    return page


def look_into(page, path) -> None:
    page.get_by_role("radio", name="Import").click()
    page.get_by_label("folder or file on this machine").fill(str(path))
    page.keyboard.press("Enter")
    page.locator(".stn-preview img").nth(1).wait_for()


# What is our own on the page: the list (in a shadow root, which axe is given whole), cards, tables, pictures.
RUN = """async () => {
  const host = [...document.querySelectorAll("*")].find((element) => element.shadowRoot?.querySelector(".stn-runs"));
  const list = host ? [host.shadowRoot.querySelector(".stn-runs")] : [];
  const found = [];
  for (const part of [...list, ...document.querySelectorAll("[data-testid=stHtml]")]) {
    const {violations} = await axe.run(part);
    found.push(...violations.flatMap(({id, nodes}) => nodes.map((node) => `${id}: ${node.html.slice(0, 200)}`)));
  }
  return found;
}"""


def looks_right(page) -> None:
    """axe finds nothing, light and dark; and nothing scrolls sideways on a phone."""
    page.evaluate(AXE_SCRIPT)
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(
            "(page) => getComputedStyle(document.querySelector('.stApp')).backgroundColor === page",
            arg={"dark": "rgb(15, 20, 27)", "light": "rgb(255, 255, 255)"}[scheme],
        )
        assert page.evaluate(RUN) == [], scheme
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate(WIDER) == []
    page.set_viewport_size({"width": 1366, "height": 768})


def matrix(page) -> list[float]:
    words = page.locator(".stn-theta td").all_inner_texts()
    return [float(word.replace("−", "-")) for word in words]


def test_there_and_back_and_what_was_on_the_workbench_is_still_there(own, open_stage):
    stage = open_stage(at=own, run="first", image=3, step=7)
    look = stage.look()
    look = stage.drag(look.handles["top left"], (25, 14))
    stage.page.screenshot()  # the frame is drawn
    box = stage.root.bounding_box()
    stage.button("Runs").click()
    stage.page.locator(".stn-runs li").first.wait_for()
    assert stage.page.url == f"{own.url}runs"
    stage.page.get_by_role("button", name="Workbench").click()
    stage.wait_for_picture()
    back = stage.until(lambda now: now.mode == "hand", "theta by hand")
    assert (back.image, back.step) == (3, 7)
    torch.testing.assert_close(back.theta, look.theta, rtol=1e-5, atol=1e-6)
    assert stage.root.bounding_box() == box
    assert not stage.page.locator("[data-testid=stTopNavSection], [data-testid=stTopNavLink]").count()
    stage.until_address(lambda query: query.get("run") == "first" and "theta" in query, "the view")


def test_the_list_tells_of_each_run_and_the_doctor_of_one(runs):
    rows = runs.locator(".stn-runs > ul > li")
    assert "13 records to step 12" in rows.filter(has_text="second").inner_text()
    void = rows.filter(has_text="void is empty")
    assert void.get_by_role("button", name="open void").is_disabled()
    runs.get_by_role("button", name="doctor for first").click()
    runs.get_by_text(re.compile("The doctor looked at|Likely cause")).first.wait_for()
    looks_right(runs)
    runs.get_by_role("button", name="open second").focus()
    runs.keyboard.press("Enter")
    stage = Stage(runs)
    stage.wait_for_picture()
    stage.until_address(lambda query: query.get("run") == "second", "the run that was opened")
    assert stage.root.locator("select.run").input_value() == "second"


def test_a_folder_is_looked_into_corrected_imported_and_opened(runs, training):
    look_into(runs, training)
    np.testing.assert_allclose(matrix(runs), THETA, atol=6e-4)
    drawn = "(all) => all.every((image) => image.complete && image.naturalWidth > 1)"
    assert runs.locator(".stn-preview img").evaluate_all(drawn)
    looks_right(runs)
    runs.get_by_role("radio", name="tanh").click()
    runs.wait_for_function(
        "(was) => document.querySelector('.stn-theta td').textContent !== was", arg=f"{THETA[0]:+.3f}"
    )
    np.testing.assert_allclose(matrix(runs), np.tanh(THETA), atol=6e-4)
    runs.get_by_label("name of the run").fill("theirs")
    runs.get_by_role("button", name="Import", exact=True).click()
    runs.get_by_text("The run theirs is in the list, complete.").wait_for()
    runs.get_by_role("heading", name="Doctor: theirs").wait_for()
    runs.get_by_role("button", name="Open", exact=True).click()
    stage = Stage(runs)
    stage.wait_for_picture()
    look = stage.until(lambda now: now.last == 1, "two records")
    np.testing.assert_allclose(look.theta, np.tanh(THETA), atol=2e-3)
    assert stage.root.locator("select.run").input_value() == "theirs"


def test_dropped_files_are_recognised_too_and_the_import_outlives_the_page(runs, training):
    runs.get_by_role("radio", name="Import").click()
    runs.locator("input[type=file]").set_input_files([str(path) for path in sorted(training.iterdir())])
    runs.get_by_text("epoch_12.pt").first.wait_for()
    runs.get_by_role("button", name="Look").click()
    runs.get_by_text("2 checkpoints recognised").wait_for()
    runs.locator(".stn-preview img").nth(1).wait_for()
    runs.get_by_role("radio", name="border").click()
    runs.get_by_role("button", name="Workbench").click()
    stage = Stage(runs)
    stage.wait_for_picture()
    stage.button("Runs").click()
    runs.get_by_role("radio", name="Import").click()
    runs.get_by_text("2 checkpoints recognised").wait_for()
    runs.locator(".stn-preview img").nth(1).wait_for()
    assert runs.get_by_role("radio", name="border").is_checked()
