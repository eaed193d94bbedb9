"""Theta over training below the stage: a click in the chart takes the stage to that step without a flicker."""

import numpy as np
import pytest

CHART = "[data-testid=stPlotlyChart]"
MOUNTS = """(chart) => {
  // Every frame from now on: is it the same chart, and does it show its curves?
  window.frames_seen = [];
  const watch = () => {
    const now = document.querySelector("[data-testid=stPlotlyChart]");
    window.frames_seen.push(now === chart && now.querySelector("path.js-line") !== null);
    requestAnimationFrame(watch);
  };
  watch();
}"""


@pytest.fixture
def panel(open_stage):
    stage = open_stage(run="small-st-cnn", image=3, step=833)
    chart = stage.page.locator(CHART)
    chart.locator("path.js-line").first.wait_for(state="attached")
    chart.scroll_into_view_if_needed()
    stage.until_quiet()
    return stage, chart


def place(chart, panel, record, records, y=None):
    """Where a record (and a value) stands on the page, from plotly's own axes."""
    return chart.locator(".js-plotly-plot").evaluate(
        """(plot, [panel, x, y]) => {
          const box = plot.getBoundingClientRect();
          const name = (axis) => axis + "axis" + (panel ? panel + 1 : "");
          const [across, down] = [plot._fullLayout[name("x")], plot._fullLayout[name("y")]];
          const top = y === null ? down._length * 0.2 : down.d2p(y);
          return [box.left + across._offset + across.d2p(x), box.top + down._offset + top];
        }""",
        [panel, record, y],
    )


def click(stage, spot):
    stage.page.mouse.move(*spot)
    stage.page.wait_for_timeout(150)  # plotly looks what is under the pointer at its own pace
    stage.page.mouse.click(*spot)


def test_a_click_anywhere_in_a_panel_takes_the_stage_to_that_step(panel, truth):
    stage, chart = panel
    steps = truth.run.steps
    chart.evaluate(MOUNTS)
    for record in (12, len(steps) - 5):
        click(stage, place(chart, 1, record, len(steps)))
        look = stage.until(lambda now, record=record: now.index == record, f"record {record}")
        assert look.step == steps[record]
        assert look.image == 3
        stage.until_address(lambda query, look=look: query.get("step") == str(look.step), "the step")
        heads = stage.page.locator(".playheads")
        stage.page.wait_for_function(
            "(record) => document.querySelector('.playheads')?.dataset.record === record", arg=str(record)
        )
        line = heads.locator("i").nth(1).bounding_box()
        assert abs(line["x"] + line["width"] / 2 - place(chart, 1, record, len(steps))[0]) < 1.5
    seen = stage.page.evaluate("window.frames_seen")
    assert all(seen), f"the chart was away in {seen.count(False)} of {len(seen)} frames"
    stage.press("ArrowLeft")  # and the wish is granted once
    look = stage.until(lambda now: now.index == len(steps) - 6, "one step back")
    stage.until_quiet()
    assert stage.look().index == len(steps) - 6


def test_a_click_on_another_images_line_brings_that_image(panel, truth):
    stage, chart = panel
    run = truth.run
    stage.page.get_by_role("radio", name="raw theta").click()
    stage.page.get_by_role("radio", name="all images").click()
    stage.page.wait_for_function("document.querySelectorAll('[data-testid=stPlotlyChart] path.js-line').length > 15")
    stage.until_quiet()
    theta = run.theta(0)[-1, :, 2]  # t13 of each image at the last step
    gap = np.abs(theta[:, None] - theta[None])
    np.fill_diagonal(gap, np.inf)
    gap[3] = gap[:, 3] = 0
    lonely = int(np.min(np.where(gap == 0, np.inf, gap), axis=1)[np.arange(len(theta)) != 3].argmax())
    lonely = [image for image in range(len(theta)) if image != 3][lonely]
    click(stage, place(chart, 2, len(run.steps) - 1, len(run.steps), float(theta[lonely])))
    look = stage.until(lambda now: now.image == lonely, f"image {lonely}")
    assert look.index == len(run.steps) - 1
