"""The panels through which pictures come in, each on a page of its own: what is chosen, what is said, what stays."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

MOUNT = """async () => {
  const {createPreparer} = await import("/pictures/prepare.js");
  const {createGalleryPanel} = await import("/pictures/gallery.js");
  const {createFilesPanel} = await import("/pictures/files.js");
  const {createWebcamPanel} = await import("/pictures/webcam.js");
  window.ending = new AbortController();
  const {signal} = ending;
  window.state = {picture: null};
  window.chosen = [];
  window.said = [];
  window.opened = 0;
  const say = (sentence) => said.push(sentence);
  const choose = (picture) => { state = {picture}; chosen.push(picture.title); };
  window.preparer = createPreparer({choose, inputSize: () => [1, 28, 28]});
  const address = (file) => `http://stage.test/images/${file}`;
  const common = {choose: preparer.take, say, signal};
  const panels = [
    preparer,
    createGalleryPanel({...common, address}),
    createFilesPanel({...common, opened: () => { opened += 1; }}),
    createWebcamPanel({...common, current: () => state.picture}),
  ];
  const stage = document.querySelector("main");
  stage.className = "stn-stage";
  stage.replaceChildren(...panels.map((panel) => panel.element));
  const draw = () => { for (const panel of panels) panel.set({}, state); requestAnimationFrame(draw); };
  draw();
}"""
DROP = """(root, [files, kind]) => {
  const data = new DataTransfer();
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  for (const [name, text] of files) data.items.add(new File([bytes(text)], name));
  if (!files.length) data.setData(kind, "https://example.com/cat.png");
  const event = (type) => new DragEvent(type, {dataTransfer: data, bubbles: true, cancelable: true, composed: true});
  const over = event("dragover");
  root.dispatchEvent(over);
  const shown = document.querySelector("main").classList.contains("dropping");
  const drop = event("drop");
  root.dispatchEvent(drop);
  return [over.defaultPrevented, shown, drop.defaultPrevented];
}"""
PASTE = """([name, text, kind]) => {
  const data = new DataTransfer();
  if (name) data.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name));
  else data.setData(kind, text);
  const event = new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true, composed: true});
  (document.activeElement ?? document.body).dispatchEvent(event);
  return event.defaultPrevented;
}"""
REFUSE = """(name) => Object.defineProperty(navigator, "mediaDevices", {configurable: true, value: {
  getUserMedia: () => Promise.reject(new DOMException("no", name)),
}})"""


def png(width: int, height: int, colour: str = "red") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, "PNG")
    return out.getvalue()


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.fixture
def panels(page, serve):
    serve(page)
    page.route(
        "http://stage.test/images/chelsea.png", lambda route: route.fulfill(content_type="image/png", body=png(9, 6))
    )
    for missing in ("astronaut.jpg", "brick.png", "china.jpg", "coffee.jpg", "coins.png", "horse.png", "text.png"):
        page.route(
            f"http://stage.test/images/{missing}", lambda route: route.fulfill(content_type="text/html", body="<p>")
        )
    page.evaluate(MOUNT)
    return page


def shape(page) -> list[int]:
    return page.evaluate("() => [state.picture.U.channels, state.picture.U.height, state.picture.U.width]")


def until_chosen(page, count: int = 1) -> None:
    page.wait_for_function("(count) => chosen.length >= count", arg=count)


def until_said(page) -> str:
    page.wait_for_function("() => said.length > 0")
    return page.evaluate("said.at(-1)")


def choose_file(page, name: str, content: bytes) -> None:
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "", "buffer": content})


def test_a_chosen_file_becomes_the_picture_and_may_be_chosen_again(panels) -> None:
    choose_file(panels, "red.png", png(30, 20))
    until_chosen(panels)
    assert shape(panels) == [3, 20, 30]
    assert panels.locator(".files .said").inner_text() == "red.png: 30 × 20"
    choose_file(panels, "red.png", png(30, 20))
    until_chosen(panels, 2)
    assert panels.evaluate("[state.picture.id, state.picture.label, state.picture.note]") == [
        None,
        -1,
        "30 × 20 colour, as it is",
    ]


def test_what_is_no_picture_is_said_and_the_one_that_was_there_stays(panels) -> None:
    choose_file(panels, "red.png", png(30, 20))
    until_chosen(panels)
    choose_file(panels, "empty.png", b"")
    assert until_said(panels) == "empty.png is empty (0 bytes). Save or download it again."
    assert panels.locator(".files .said").inner_text() == "empty.png is empty (0 bytes). Save or download it again."
    assert panels.evaluate("[chosen.length, state.picture.title]") == [1, "red.png"]


GATE = """() => {
  const real = window.createImageBitmap;
  window.let_go = 0;
  const opening = new Promise((done) => { window.open_gate = done; });
  window.createImageBitmap = async (file, options) => {
    window.createImageBitmap = real; // the first file alone waits
    const bitmap = await real(file, options);
    const close = bitmap.close.bind(bitmap);
    bitmap.close = () => { let_go += 1; close(); };
    await opening;
    return bitmap;
  };
}"""


def test_the_file_chosen_last_is_the_one_shown_however_long_the_first_takes(panels) -> None:
    panels.evaluate(GATE)
    choose_file(panels, "slow.png", png(6, 4))
    choose_file(panels, "last.png", png(5, 4))
    until_chosen(panels)
    panels.evaluate("open_gate()")
    panels.wait_for_function("() => let_go === 1")
    panels.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert panels.evaluate("[chosen, said]") == [["last.png"], []]
    assert panels.locator(".files .said").inner_text() == "last.png: 5 × 4"


DROP_ON_MAIN = f"(args) => ({DROP})(document.querySelector('main').firstChild, args)"
DROP_BESIDE = f"(args) => ({DROP})(document.body, args)"


def test_a_drop_anywhere_on_the_stage_is_taken(panels) -> None:
    dropped = panels.evaluate(DROP_ON_MAIN, [[["a.png", text(png(7, 5))], ["b.png", text(png(8, 5))]], ""])
    assert dropped == [True, True, True]
    until_chosen(panels)
    assert panels.evaluate("[chosen, opened]") == [["a.png"], 1]
    assert panels.locator(".files .said").inner_text() == "a.png: 7 × 5; the first of 2 files"
    assert not panels.locator("main.dropping").count()


def test_a_drop_beside_the_stage_is_the_browsers(panels) -> None:
    assert panels.evaluate(DROP_BESIDE, [[["a.png", text(png(7, 5))]], ""]) == [False, False, False]


def test_a_dropped_link_is_told_from_a_file(panels) -> None:
    assert panels.evaluate(DROP_ON_MAIN, [[], "text/uri-list"]) == [True, True, True]
    assert until_said(panels) == "That was a link, not a file. Save the image first, then drop the file."


def test_dragged_text_is_left_alone(panels) -> None:
    assert panels.evaluate(DROP_ON_MAIN, [[], "text/plain"]) == [False, False, False]


def test_a_pasted_image_is_taken_and_pasted_text_is_left_alone(panels) -> None:
    assert not panels.evaluate(PASTE, [None, "1 0 0 0 1 0", "text/plain"])
    assert panels.evaluate(PASTE, ["image.png", text(png(7, 5)), ""])
    until_chosen(panels)
    assert panels.evaluate("[state.picture.title, opened]") == ["The pasted image", 1]


def test_after_its_end_the_stage_hears_no_paste_and_no_drop(panels) -> None:
    panels.evaluate("ending.abort()")
    assert not panels.evaluate(PASTE, ["image.png", text(png(7, 5)), ""])
    assert panels.evaluate(DROP_ON_MAIN, [[["a.png", text(png(7, 5))]], ""]) == [False, False, False]


def test_the_gallery_gives_its_images_by_name_and_says_whose_they_are(panels) -> None:
    panels.get_by_role("button", name="Cat").click()
    until_chosen(panels)
    assert shape(panels) == [3, 6, 9]
    assert panels.evaluate("state.picture.id") == "chelsea"
    assert panels.locator(".credit").inner_text() == "Cat: Stefan van der Walt, CC0"
    assert panels.get_by_role("button", name="Cat").get_attribute("aria-pressed") == "true"
    panels.get_by_role("button", name="Sign").click()
    until_chosen(panels, 2)
    assert [panels.evaluate("state.picture.id"), shape(panels)] == ["sign", [3, 300, 240]]
    assert panels.get_by_role("button", name="Cat").get_attribute("aria-pressed") == "false"


def test_an_image_that_is_not_on_the_server_is_said(panels) -> None:
    panels.get_by_role("button", name="Coffee").click()
    assert until_said(panels) == "The image “Coffee” is not on the server (it sent a page instead). Reload this page."
    assert panels.evaluate("chosen") == []


OPEN = """async (id) => {
  const {openNamed} = await import("/pictures/gallery.js");
  const picture = await openNamed(id, {address: (file) => `http://stage.test/images/${file}`, input: [1, 28, 28]});
  return picture && [picture.id, picture.note, picture.U.height, picture.U.width, picture.refusal];
}"""


def test_a_link_opens_a_picture_with_its_pre_processing(panels) -> None:
    note = "9 × 6 colour → centre square 6 × 6 → 28 × 28, enlarged bilinearly → "
    note += "grey (0.299, 0.587, 0.114) → rounded to 1/255"
    opened = panels.evaluate(OPEN, "chelsea:square:28x28:grey")
    assert opened == ["chelsea:square:28x28:grey", note, 28, 28, None]
    assert panels.evaluate(OPEN, "mnist:12") is None
    assert panels.evaluate(OPEN, "toString") is None


def radio(page, group: str, name: str):
    return page.get_by_role("radiogroup", name=group, exact=True).get_by_role("radio", name=name, exact=True)


def test_each_choice_of_pre_processing_changes_u_and_the_line_says_so(panels) -> None:
    choose_file(panels, "red.png", png(30, 20))
    until_chosen(panels)
    line = panels.locator(".pipeline")
    radio(panels, "crop", "centre square").click()
    assert shape(panels) == [3, 20, 20]
    radio(panels, "size", "28 × 28").click()
    radio(panels, "colour", "grey").click()
    assert shape(panels) == [1, 28, 28]
    panels.wait_for_function("() => document.querySelector('.refusal').hidden")
    red = round(255 * 0.299) / 255
    assert panels.evaluate("state.picture.U.data[400]") == pytest.approx(red, abs=1e-6)
    radio(panels, "values", "inverted").click()
    assert panels.evaluate("state.picture.U.data[400]") == pytest.approx(1 - red, abs=1 / 255)
    panels.get_by_label("normalise").select_option("half")
    assert panels.evaluate("state.picture.U.data[400]") == pytest.approx((1 - 0.299 - 0.5) / 0.5, abs=1e-5)
    panels.wait_for_function("() => document.querySelector('.pipeline').textContent.includes('(v − 0.5) / 0.5')")
    assert "values from 0 to 1" in panels.locator(".refusal").inner_text()
    assert line.inner_text().startswith("30 × 20 colour → centre square 20 × 20 → 28 × 28, enlarged bilinearly → grey")
    panels.get_by_role("button", name="As it is").click()
    assert shape(panels) == [3, 20, 30]


def test_one_button_makes_any_picture_fit_the_network(panels) -> None:
    choose_file(panels, "red.png", png(300, 200))
    until_chosen(panels)
    button = panels.get_by_role("button", name="As the network takes it")
    button.click()
    assert [shape(panels), panels.evaluate("state.picture.refusal")] == [[1, 28, 28], None]
    panels.wait_for_function("() => [...document.querySelectorAll('.ways button')][0].disabled")


def test_the_form_follows_a_picture_that_comes_back_by_undo_or_link(panels) -> None:
    choose_file(panels, "red.png", png(30, 20))
    until_chosen(panels)
    panels.evaluate("window.first = state.picture")
    radio(panels, "values", "inverted").click()
    panels.wait_for_selector(".prepare [role=radio][aria-checked=true] >> text=inverted")
    panels.evaluate("state = {picture: first}")
    panels.wait_for_selector(".prepare [role=radio][aria-checked=true] >> text=as they are")
    panels.evaluate("state = {picture: null}")
    panels.wait_for_selector(".prepare", state="hidden")


def test_the_previews_show_before_and_after(panels) -> None:
    choose_file(panels, "red.png", png(30, 20))
    until_chosen(panels)
    radio(panels, "values", "inverted").click()
    panels.wait_for_function("() => document.querySelectorAll('.previews canvas')[1].width === 30")
    panels.wait_for_function(
        """() => {
          const [before, after] = [...document.querySelectorAll(".previews canvas")].map((canvas) =>
            [...canvas.getContext("2d").getImageData(3, 3, 1, 1).data].join());
          return before === "255,0,0,255" && after === "0,255,255,255";
        }"""
    )


def test_a_large_picture_is_averaged_for_its_preview(panels) -> None:
    stripes = np.zeros((1000, 1500), np.uint8)
    stripes[:, ::2] = 255
    out = io.BytesIO()
    Image.fromarray(stripes).save(out, "PNG")
    choose_file(panels, "stripes.png", out.getvalue())
    until_chosen(panels)
    panels.wait_for_function("() => document.querySelector('.previews canvas').width === 240")
    pixels = panels.evaluate(
        "() => [...document.querySelector('.previews canvas').getContext('2d').getImageData(0, 0, 240, 160).data]"
    )
    assert set(pixels[::4]) <= set(range(85, 171))  # 6.25 stripes a pixel: no pixel is black or white


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("NotAllowedError", "The camera was not allowed. Allow it beside the page's address, then start it again."),
        ("NotFoundError", "No camera was found. Connect one, then start it again."),
        (
            "NotReadableError",
            "The camera is in use by another program, or broken. Close that program, then start it again.",
        ),
        ("AbortError", "The camera did not start (no). Try again, or use a file."),
    ],
)
def test_a_camera_that_does_not_start_is_said(panels, name, sentence) -> None:
    panels.evaluate(REFUSE, name)
    panels.get_by_role("button", name="Start the camera").click()
    assert until_said(panels) == sentence
    panels.get_by_role("button", name="Start the camera").wait_for()


def test_without_a_secure_page_there_is_no_camera_and_this_is_said(panels) -> None:
    panels.get_by_role("button", name="Start the camera").click()
    assert until_said(panels).startswith("The browser gives a camera to https and localhost pages only.")


WAITING = """() => {
  window.stopped = 0;
  const canvas = document.createElement("canvas");
  canvas.getContext("2d");
  window.make = () => {
    const stream = canvas.captureStream(30);
    const [track] = stream.getTracks();
    const stop = track.stop.bind(track);
    track.stop = () => { stopped += 1; stop(); };
    return stream;
  };
  Object.defineProperty(navigator, "mediaDevices", {configurable: true, value: {
    getUserMedia: () => new Promise((done) => { window.grant = () => done(make()); }),
  }});
}"""


def test_a_camera_that_is_allowed_after_another_picture_was_chosen_is_let_go(panels) -> None:
    panels.evaluate(WAITING)
    panels.get_by_role("button", name="Start the camera").click()
    choose_file(panels, "red.png", png(30, 20))
    until_chosen(panels)
    panels.evaluate("grant()")
    panels.wait_for_function("() => stopped === 1")
    panels.get_by_role("button", name="Start the camera").wait_for()
    assert panels.evaluate("chosen") == ["red.png"]


def test_a_camera_that_is_cancelled_before_it_is_allowed_is_let_go(panels) -> None:
    panels.evaluate(WAITING)
    panels.get_by_role("button", name="Start the camera").click()
    panels.get_by_role("button", name="Cancel").click()
    panels.evaluate("grant()")
    panels.wait_for_function("() => stopped === 1")
    assert panels.evaluate("chosen") == []


FILMING = """() => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [640, 360];
  const context = canvas.getContext("2d");
  const draw = () => {
    context.fillStyle = "#f00";
    context.fillRect(0, 0, 320, 360);
    context.fillStyle = "#00f";
    context.fillRect(320, 0, 320, 360);
    requestAnimationFrame(draw);
  };
  draw();
  Object.defineProperty(navigator, "mediaDevices", {configurable: true, value: {
    getUserMedia: async () => { window.track = canvas.captureStream(30); return track; },
  }});
}"""


@pytest.fixture
def filming(panels):
    panels.evaluate(FILMING)
    panels.get_by_role("button", name="Start the camera").click()
    until_chosen(panels, 3)
    return panels


def test_a_cameras_frames_are_reduced_mirrored_and_prepared_as_any_picture(filming) -> None:
    assert shape(filming) == [3, 180, 320]
    blue_minus_red = "state.picture.U.data[2 * 180 * 320 + 5] - state.picture.U.data[5]"  # near the left edge
    filming.wait_for_function(f"() => {blue_minus_red} < -0.8")
    filming.get_by_role("button", name="Mirror").click()
    filming.wait_for_function(f"() => {blue_minus_red} > 0.8")
    filming.get_by_role("button", name="As the network takes it").click()
    filming.wait_for_function("() => state.picture.live && state.picture.U.data.length === 28 * 28")
    note = filming.evaluate("state.picture.note")
    assert note.startswith("320 × 180 colour → centre square 180 × 180 → 28 × 28, averaged")


def test_a_cameras_frames_take_turns_in_two_buffers(filming) -> None:
    """The frame that is drawn is not the one being written; none is made anew."""
    filming.get_by_role("button", name="As the network takes it").click()
    buffers = filming.evaluate(
        """async () => {
          const seen = [];
          for (let last = null; seen.length < 6; ) {
            await new Promise((done) => requestAnimationFrame(done));
            const {picture} = state;
            if (picture === last || !picture.live) continue;
            last = picture;
            seen.push(picture);
          }
          return ["U", "original"].map((name) => new Set(seen.map((picture) => picture[name].data)).size);
        }"""
    )
    assert buffers == [2, 2]


def test_a_camera_that_goes_away_is_said(filming) -> None:
    filming.evaluate("() => track.getVideoTracks()[0].dispatchEvent(new Event('ended'))")
    assert until_said(filming) == "The camera went away. Connect it, then start it again."
    assert filming.locator(".camera .said").inner_text() == "The camera is off; its last frame stays."
