"""The whole stage without a server: what happens when things come late, twice, or while a hand holds something."""

import json
import time

import numpy as np
import pytest
from safetensors.torch import save

from stn_viz.stage.assets import basis_file, pack
from stn_viz.transformer import drawing_basis, family

SITE = {
    "family": "affine",
    "options": {},
    "kernel": "bilinear",
    "padding": "zeros",
    "align_corners": False,
    "output_size": [6, 8],
    "families": ["affine", "attention", "projective", "tps"],
}
MOUNT = """async (css) => {
  const {createStage} = await import("/stage.js");
  const root = document.createElement("div");
  root.className = "stn-stage";
  const style = document.createElement("style");
  style.textContent = css;
  document.body.replaceChildren(style, root);
  window.told = [];
  window.WebSocket = class extends EventTarget { send() {} close() {} };
  window.stage = createStage(root, {setState: (name, view) => told.push(view)});
}"""


def trace(steps: list[int]) -> bytes:
    S, generator = len(steps), np.random.default_rng(0)
    theta = np.array([0.8, 0, 0, 0, 0.8, 0]) + generator.normal(0, 0.02, (S, 2, 6))
    return pack(
        {
            "step": np.array(steps, np.float32),
            "loss": np.full(S, np.nan, np.float32),
            "error": np.full(S, np.nan, np.float32),
            "probe_loss": np.ones((S, 2), np.float32),
            "probabilities": np.full((S, 2, 2), 0.5, np.float32),
            "theta_0": theta.astype(np.float32),
        }
    )


class Stage:
    """The stage in a page, its assets, and a delay for those whose address holds a word."""

    def __init__(self, page, serve) -> None:
        from stn_viz.stage.join import STAGE

        self.page = page
        self.slow: dict[str, float] = {}
        U = (np.random.default_rng(1).random((2, 1, 9, 12)) * 255).astype(np.uint8)
        affine = drawing_basis(family("affine", size=(6, 8), align_corners=False))
        self.assets = {
            "probes": pack({"U": U, "labels": np.array([0, -1], np.int32)}),
            "short": trace([0, 10, 20]),
            "long": trace([0, 5, 10, 15, 20, 30]),
            "affine": save({name: tensor.contiguous() for name, tensor in affine.items()}),
        }
        serve(page)
        page.route("http://stage.test/*/*.safetensors", self._answer)
        page.route("http://stage.test/asset/*", self._answer)
        page.route("http://stage.test/picture/**", lambda route: route.fulfill(content_type="image/png", body=b""))
        page.evaluate(MOUNT, (STAGE / "stage.css").read_text())

    def _answer(self, route) -> None:
        name = route.request.url.rsplit("/", 1)[1]
        body = self.assets[name] if name in self.assets else basis_file(name)
        wait = next((seconds for word, seconds in self.slow.items() if word in name), 0)
        if wait:
            self.page.wait_for_timeout(1000 * wait)
        route.fulfill(content_type="application/octet-stream", body=body)

    def update(self, name: str = "a", trace: str = "short", **view: object) -> None:
        data = {
            "runs": [{"name": each, "title": each, "problem": None, "usable": True} for each in "ab"],
            "run": {"name": name, "classes": ["0", "1"], "has_network": False, "snapshots": [0]},
            "sites": [SITE],
            "assets": {"probes": "probes", "trace": trace, "bases": ["affine"]},
            "routes": {"asset": "/asset/", "basis": "/basis/", "line": "/live", "picture": "/picture/"},
            "view": {"image": 0, "step": 10, "site": 0} | view,
            "problems": [],
        }
        self.page.evaluate("(data) => { stage.update(JSON.parse(data)); }", json.dumps(data))

    def open(self, name: str = "a", **view: object) -> None:
        self.update(name, **view)
        self.page.locator(".matrix .number").first.wait_for()
        self.page.wait_for_timeout(100)

    def theta(self) -> list[float]:
        self.page.wait_for_timeout(60)
        read = "(all) => all.map((number) => Number(number.getAttribute('aria-valuenow')))"
        return self.page.locator(".matrix .number").evaluate_all(read)

    def step(self) -> str:
        self.page.wait_for_timeout(60)
        return self.page.locator("input.step").input_value()

    def chosen(self, group: str) -> str:
        return self.page.locator(f"[role=radiogroup][aria-label='{group}'] [aria-checked=true]").inner_text()

    def choose(self, group: str, text: str) -> None:
        choice = self.page.locator(f"[role=radiogroup][aria-label='{group}']")
        choice.get_by_text(text, exact=True).evaluate("(button) => button.click()")

    def until(self, holds) -> None:
        end = time.monotonic() + 15
        while not holds():
            assert time.monotonic() < end
            self.page.wait_for_timeout(50)


@pytest.fixture
def stage(page, serve):
    return Stage(page, serve)


def test_a_drag_right_after_the_wheel_is_a_gesture_of_its_own(stage) -> None:
    stage.open()
    own = stage.theta()
    box = stage.page.locator(".handle.centre").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    stage.page.mouse.move(x, y)
    stage.page.mouse.wheel(0, 100)
    stage.page.mouse.down()
    stage.page.mouse.move(x + 15, y)
    stage.page.wait_for_timeout(400)  # the wheel would have come to rest by now
    stage.page.mouse.move(x + 30, y)
    dragged = stage.theta()
    stage.page.keyboard.press("Escape")
    wheeled = stage.theta()
    stage.page.mouse.up()
    assert dragged[0] == pytest.approx(wheeled[0], abs=1e-5)
    assert dragged[2] > wheeled[2] + 0.05
    assert wheeled[0] > own[0] * 1.05
    stage.page.keyboard.press("Control+z")
    assert stage.theta() == own
    assert stage.page.get_by_label("undo").is_disabled()


def test_of_two_quick_families_the_second_is_shown_whichever_basis_comes_first(stage) -> None:
    stage.open()
    stage.slow["projective"] = 0.6
    stage.choose("family", "projective")
    stage.choose("family", "attention")
    stage.until(lambda: stage.chosen("family") == "attention")
    stage.page.wait_for_timeout(1000)
    assert stage.chosen("family") == "attention"
    stage.page.get_by_label("undo").click()
    assert len(stage.theta()) == 6
    assert stage.page.get_by_label("undo").is_disabled()


def test_a_family_and_corners_chosen_at_once_are_both_shown(stage) -> None:
    stage.open()
    stage.slow["projective-6x8-0"] = 0.4
    stage.choose("family", "projective")
    stage.choose("align corners", "on")
    stage.until(lambda: (stage.chosen("family"), stage.chosen("align corners")) == ("projective", "on"))
    stage.until(lambda: stage.page.locator(".handle.centre").is_visible())


def test_a_kernel_chosen_while_corners_wait_for_their_basis_stays(stage) -> None:
    stage.open()
    stage.slow["affine-6x8-1"] = 0.6
    stage.choose("align corners", "on")
    stage.choose("kernel", "nearest")
    stage.until(lambda: (stage.chosen("align corners"), stage.chosen("kernel")) == ("on", "nearest"))


def test_two_rules_chosen_while_the_first_waits_for_its_basis_both_come(stage) -> None:
    stage.open()
    stage.choose("family", "TPS")
    stage.until(lambda: stage.chosen("family") == "TPS")
    stage.slow["tps-6x8-1"] = 0.6
    stage.choose("align corners", "on")
    stage.choose("kernel", "bicubic")
    stage.until(lambda: (stage.chosen("align corners"), stage.chosen("kernel")) == ("on", "bicubic"))


def test_an_undo_on_a_picture_that_the_network_does_not_take_stays_by_hand(stage) -> None:
    stage.open()
    stage.page.locator(".handle.centre").press("ArrowRight")
    stage.page.get_by_role("tab", name="Images").click()
    stage.choose("source of the image", "Gallery")
    stage.page.get_by_role("button", name="Sign").click()
    stage.page.locator(".strip .chosen").wait_for()
    before = stage.theta()
    stage.page.keyboard.press("Control+z")
    assert stage.theta() == before
    assert stage.chosen("theta") == "by hand"


def test_a_run_that_is_written_on_moves_nothing_under_the_viewer(stage) -> None:
    stage.open()
    stage.page.locator(".handle.centre").press("ArrowRight")
    before = stage.theta()
    stage.update(trace="long")
    stage.until(lambda: stage.page.locator(".where span").last.inner_text() == "/ 30")
    assert (stage.theta(), stage.step()) == (before, "10")
    assert stage.page.get_by_label("undo").is_enabled()


def test_a_rerun_while_another_run_is_on_its_way_does_not_mix_the_two(stage) -> None:
    stage.open()
    stage.page.wait_for_timeout(400)
    stage.slow["long"] = 0.8
    stage.update("b", "long", step=30)
    stage.update("b", "long", step=30)
    stage.page.keyboard.press("ArrowRight")
    stage.page.wait_for_timeout(400)
    assert [view["run"] for view in stage.page.evaluate("told")] == ["a"]
    stage.until(lambda: stage.step() == "30")
    stage.until(lambda: [view["run"] for view in stage.page.evaluate("told")] == ["a", "b"])


def test_a_drag_in_which_another_run_opens_ends_there(stage) -> None:
    stage.open()
    box = stage.page.locator(".handle.centre").bounding_box()
    stage.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    stage.page.mouse.down()
    stage.page.mouse.move(box["x"] + 40, box["y"] + 20)
    stage.update("b", "long", step=30)
    stage.until(lambda: stage.step() == "30")
    own = stage.theta()
    stage.page.mouse.move(box["x"] + 80, box["y"] + 20)
    stage.page.mouse.up()
    assert stage.theta() == own
    assert stage.page.get_by_label("undo").is_disabled()


def test_a_page_without_frames_for_a_while_goes_on_playing_where_it_stood(stage) -> None:
    stage.open(trace="long", step=0)
    stage.page.evaluate("() => { window.frames = requestAnimationFrame; window.waiting = []; }")
    stage.page.keyboard.press("Space")
    stage.page.evaluate("() => { window.requestAnimationFrame = (draw) => waiting.push(draw); }")
    stage.page.wait_for_timeout(1500)
    stage.page.evaluate(
        """() => {
          window.requestAnimationFrame = window.frames;
          for (const draw of waiting.splice(0)) requestAnimationFrame(draw);
        }"""
    )
    assert stage.step() != "30"
    stage.until(lambda: stage.step() == "30")


def test_a_network_whose_grid_is_of_no_family_opens_and_says_so(stage, monkeypatch) -> None:
    monkeypatch.setitem(SITE, "family", None)
    stage.update()
    note = stage.page.locator(".theta > .note")
    note.wait_for()
    assert "of no family" in note.inner_text()
    stage.page.keyboard.press("ArrowRight")
    assert stage.step() == "20"
    # A link's theta brings its family: a hand's grid over such a network, with a way back.
    stage.update("b", theta=[1.0, 0, 0], family="attention")
    note.wait_for(state="hidden")
    assert stage.theta() == [1.0, 0.0, 1.0, 0.0] or stage.theta()[0] == 1.0
    stage.page.keyboard.press("Escape")
    note.wait_for()
