"""Pictures of one's own in the app: each way in, what is done to them before U, and the camera at work."""

import base64
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from driver import DEADLINE, Stage
from oracle import BYTE
from PIL import Image
from playwright.sync_api import Browser, Page

import stn_viz.data
from tests.conftest import FLAGS

IMAGES = Path(stn_viz.data.__file__).parent / "images"
CAMERA = ["--use-fake-device-for-media-stream=fps=30", "--use-fake-ui-for-media-stream"]
_V = """(root) => {
  const canvas = root.querySelector(".frame canvas");
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let text = "";
  for (let i = 0; i < data.length; i += 32768) text += String.fromCharCode(...data.subarray(i, i + 32768));
  return [canvas.height, canvas.width, btoa(text)];
}"""
_DROP = """(root, [name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name));
  for (const type of ["dragover", "drop"]) {
    const event = new DragEvent(type, {dataTransfer: data, bubbles: true, cancelable: true, composed: true});
    root.querySelector(".pad").dispatchEvent(event);
  }
}"""
_PASTE = """(text) => {
  const data = new DataTransfer();
  data.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], "image.png"));
  document.body.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, composed: true}));
}"""


def picture_of_noise(height: int, width: int, seed: int) -> bytes:
    """A smooth one: no two are alike, and no flip or rotation leaves it the same."""
    noise = torch.rand((1, 3, 5, 7), generator=torch.Generator().manual_seed(seed))
    smooth = F.interpolate(noise, (height, width), mode="bicubic", align_corners=False)[0].clamp(0, 1)
    out = io.BytesIO()
    Image.fromarray((smooth.permute(1, 2, 0).numpy() * 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def floats(content: bytes) -> torch.Tensor:
    """(1, C, H, W) as PIL reads it."""
    return torch.from_numpy(np.array(Image.open(io.BytesIO(content)).convert("RGB"))).permute(2, 0, 1)[None] / 255


def pixels(stage: Stage) -> np.ndarray:
    """V as it is drawn: (H', W', 3) bytes."""
    height, width, text = stage.root.evaluate(_V)
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)[..., :3]


def expected(U: torch.Tensor, theta: torch.Tensor, size: tuple[int, int]) -> np.ndarray:
    """V by torch, (H', W', 3), in bytes."""
    grid = F.affine_grid(theta.view(1, 2, 3), [1, 3, *size], align_corners=False)
    V = F.grid_sample(U.double(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)[0]
    return (V.permute(1, 2, 0) * 255).numpy()


def until_shown(stage: Stage, U: torch.Tensor, size: tuple[int, int]) -> None:
    """Until V is torch's V of this U under the theta that is shown."""

    def holds(look) -> bool:
        V = pixels(stage)
        return V.shape[:2] == size and np.abs(V - expected(U, look.theta, size)).max() <= 255 * BYTE

    stage.until(holds, f"V of the picture, {size}")


def open_pictures(stage: Stage, way: str) -> None:
    stage.root.locator("#tab-pictures").click()
    sources = stage.root.get_by_role("radiogroup", name="source of the image")
    sources.get_by_role("radio", name=way, exact=True).click()


def choose_file(stage: Stage, name: str, content: bytes) -> None:
    stage.root.locator("input[type=file]").set_input_files({"name": name, "mimeType": "", "buffer": content})


def test_a_gallery_image_is_u_and_the_grid_stays(stage) -> None:
    before = stage.at_rest()
    open_pictures(stage, "Gallery")
    stage.root.get_by_role("button", name="Cat").click()
    until_shown(stage, floats((IMAGES / "chelsea.png").read_bytes()), (213, 320))
    assert torch.allclose(stage.at_rest().theta, before.theta, atol=1e-6)
    stage.until_address(lambda query: query.get("picture") == "chelsea", "the picture")


def test_a_chosen_file_is_u(stage) -> None:
    open_pictures(stage, "File")
    content = picture_of_noise(50, 90, 1)
    choose_file(stage, "mine.png", content)
    until_shown(stage, floats(content), (50, 90))
    assert "mine.png: 90 × 50" in stage.root.locator(".files .said").inner_text()


def test_a_file_dropped_on_u_is_u_whatever_is_open(stage) -> None:
    content = picture_of_noise(64, 40, 2)
    stage.root.evaluate(_DROP, ["mine.png", base64.b64encode(content).decode()])
    until_shown(stage, floats(content), (64, 40))


def test_a_pasted_image_is_u_whatever_has_the_focus(stage) -> None:
    content = picture_of_noise(33, 77, 3)
    stage.page.evaluate(_PASTE, base64.b64encode(content).decode())
    until_shown(stage, floats(content), (33, 77))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "mine.png is empty (0 bytes). Save or download it again."),
        (b"<html>", "mine.png is a web page, which is not read here."),
        (picture_of_noise(50, 90, 4)[:900], "mine.png is a PNG that is broken or ends too early."),
    ],
    ids=["empty", "a web page", "cut"],
)
def test_what_is_no_picture_is_said_and_nothing_is_lost(stage, content, says) -> None:
    good = picture_of_noise(50, 90, 5)
    stage.root.evaluate(_DROP, ["good.png", base64.b64encode(good).decode()])
    until_shown(stage, floats(good), (50, 90))
    stage.root.evaluate(_DROP, ["mine.png", base64.b64encode(content).decode()])
    stage.until(lambda look: look.passing.startswith(says), "the sentence")
    until_shown(stage, floats(good), (50, 90))


def test_a_picture_made_to_fit_is_answered_by_the_network(stage, truth) -> None:
    """The whole way: file, grey, 42 x 42, bytes on the line, the network's own theta, its probabilities."""
    run = truth.run
    digit = (run.probes.U[0, 0] * 255).round().astype(np.uint8)
    doubled = np.repeat(np.repeat(digit, 2, 0), 2, 1)  # averaged back to what it was
    out = io.BytesIO()
    Image.fromarray(np.stack([doubled] * 3, -1)).save(out, "PNG")
    open_pictures(stage, "File")
    choose_file(stage, "digit.png", out.getvalue())
    stage.root.get_by_role("button", name="As the network takes it").click()
    look = stage.until(lambda now: now.V.shape == (28, 28) and now.known and not now.stale, "the network's answer")
    U = torch.from_numpy(digit)[None, None] / 255
    grid = F.affine_grid(look.theta.view(1, 2, 3).float(), (1, 1, 28, 28), False)
    V = F.grid_sample(U, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    np.testing.assert_allclose(look.V / 255, V[0, 0].numpy(), atol=BYTE)
    truth.answer(0, look.theta, look.step)  # opens the model
    with torch.inference_mode():
        answer = truth._models[run.snapshot_at(look.step)].classifier(V).softmax(-1)[0]
    stage.until(lambda now: torch.allclose(now.probabilities, answer, atol=2e-3), "the network's probabilities")


def test_normalised_values_are_drawn_clipped_and_the_picture_says_so(stage) -> None:
    open_pictures(stage, "File")
    content = picture_of_noise(50, 90, 6)
    choose_file(stage, "mine.png", content)
    until_shown(stage, floats(content), (50, 90))
    stage.root.get_by_label("normalise").select_option("half")
    look = stage.until(lambda now: "drawn clipped" in stage.root.locator(".pipeline").inner_text(), "the words")
    low, high = map(
        float,
        re.search(r"values (\S+) to (\S+),", stage.root.locator(".pipeline").inner_text().replace("−", "-")).groups(),
    )
    U = (floats(content) - 0.5) / 0.5
    assert (low, high) == pytest.approx((U.min().item(), U.max().item()), abs=0.006)
    stage.frames()
    off = pixels(stage) - expected(U, look.theta, (50, 90)).clip(0, 255)
    assert np.abs(off).max() <= 255 * BYTE


# --- the camera ---


@pytest.fixture(scope="module")
def filming(chromium: Browser) -> Iterator[Browser]:
    """A browser with a camera: Chromium's own, that shows a clock and 30 frames a second."""
    browser = chromium.browser_type.launch(executable_path=executable(), args=FLAGS + CAMERA)
    yield browser
    browser.close()


def executable() -> str:
    return next(path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name)))


@pytest.fixture
def camera(filming, watch, open_stage) -> Iterator[Stage]:
    """The stage with the camera's panel open."""
    context = filming.new_context(viewport={"width": 1366, "height": 768})
    page: Page = watch(context.new_page())
    stage = open_stage(page)
    open_pictures(stage, "Camera")
    yield stage
    context.close()


# Counts, over two seconds, the frames of the page on which V differs from the frame before.
_DISTINCT = """(root) => new Promise((done) => {
  const canvas = root.querySelector(".frame canvas");
  const read = () => {
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let sum = 0;
    for (let i = 0; i < data.length; i += 4) sum = (31 * sum + data[i] + 7 * data[i + 1]) | 0;
    return sum;
  };
  const started = performance.now();
  let last = read(), distinct = 0;
  const next = () => {
    const now = read();
    if (now !== last) distinct += 1;
    last = now;
    if (performance.now() - started < 2000) requestAnimationFrame(next);
    else done((1000 * distinct) / (performance.now() - started));
  };
  requestAnimationFrame(next);
})"""


def start(stage: Stage) -> None:
    stage.root.get_by_role("button", name="Start the camera").click()
    said = stage.root.locator(".camera .said")
    stage.until(lambda look: look.image == -1 and "Camera 320 × 240" in said.inner_text(), "a frame of the camera")


def test_twenty_frames_of_the_camera_a_second_go_through_the_sampler(camera) -> None:
    """Different pictures on V are counted; on a busy machine a pair of seconds may be slow, so the best counts."""
    start(camera)
    best = 0.0
    for _ in range(int(DEADLINE / 2)):
        best = max(best, camera.root.evaluate(_DISTINCT))
        if best >= 20:
            break
    assert best >= 20


def test_the_camera_mirrors_and_stops_with_its_last_frame(camera) -> None:
    start(camera)
    camera.root.get_by_role("button", name="Mirror").click()
    assert camera.root.get_by_role("button", name="Mirror").get_attribute("aria-pressed") == "true"
    camera.root.get_by_role("button", name="Stop", exact=True).click()
    camera.until(lambda look: look.V.shape == (240, 320), "the last frame in full")
    still = pixels(camera)
    camera.frames(30)
    np.testing.assert_array_equal(pixels(camera), still)
    assert still.std() > 10
    assert camera.root.get_by_role("button", name="Start the camera").is_visible()


def test_the_camera_stops_when_another_picture_is_chosen(camera) -> None:
    start(camera)
    camera.root.locator(".thumb").nth(3).click()
    camera.root.get_by_role("button", name="Start the camera").wait_for()
    camera.until(lambda look: look.image == 3 and look.V.shape == (28, 28), "the run's image")
    start(camera)
    open_pictures(camera, "Gallery")
    camera.root.get_by_role("button", name="Sign").click()
    camera.until(lambda look: look.V.shape == (300, 240), "the sign")
    open_pictures(camera, "Camera")
    camera.root.get_by_role("button", name="Start the camera").wait_for()


def test_the_camera_goes_on_while_the_hand_turns_theta_and_other_lenses_are_open(camera) -> None:
    start(camera)
    camera.root.locator("#tab-sliders").click()
    before = camera.look()
    camera.drag(before.handles["top left"], (30, 20))
    assert camera.root.evaluate(_DISTINCT) > 0
    assert not torch.allclose(camera.look().theta, before.theta)


def test_the_camera_stops_when_the_page_is_hidden(camera) -> None:
    start(camera)
    camera.page.evaluate(
        """() => {
          Object.defineProperty(document, "hidden", {configurable: true, get: () => true});
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    camera.root.get_by_role("button", name="Start the camera").wait_for()


def test_a_camera_that_is_not_allowed_is_said(stage) -> None:
    open_pictures(stage, "Camera")
    stage.root.get_by_role("button", name="Start the camera").click()
    stage.until(lambda look: "camera" in look.passing and "then start it again" in look.passing, "the sentence")
