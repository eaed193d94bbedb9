"""Other people's runs on the stage, in numbers: raw grids against torch, a family fitted, values on the screen."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from foreign_folder import MEAN, STD, blobs

from stn_viz.stage.assets import pack
from stn_viz.transformer import drawing_basis, family

IMAGENET = {"mean": MEAN, "std": STD, "channel_order": "rgb", "value_range": 1}
SCENE = """async (t, rule, record) => {
  const {rawScene} = await import("/state/rawscene.js");
  const {buffers} = await import("/state/scene.js");
  const [S, H, W] = t.grid.shape;
  const [channels, height, width] = t.U.shape;
  const site = {family: null, input_size: [height, width], output_size: [H, W]};
  const address = "/part/a/v/grid-0-2.safetensors";
  const state = {
    data: {run: {name: "a", version: "v"}, routes: {part: "/part/"}, sites: [site]},
    site, siteIndex: 0, image: 2, index: record,
    trace: {step: Array.from({length: S}, (_, i) => 10 * i)}, rule, picture: null, pixel: 5,
    parts: new Map([[address, {step: Array.from({length: S}, (_, i) => 10 * i), size: [H, W], grid: t.grid.data}]]),
  };
  return rawScene(state, {data: t.U.data, channels, height, width}, buffers());
}"""


def wave(H: int, W: int, amount: float = 0.2) -> torch.Tensor:
    """A bent grid (H, W, 2), as float16 keeps it."""
    y, x = torch.meshgrid(torch.linspace(-1.2, 1.1, H), torch.linspace(-0.9, 1.3, W), indexing="ij")
    return torch.stack([x + amount * torch.cos(4 * y), y + amount * torch.sin(3 * x)], -1).half()


def arrays(**given: torch.Tensor) -> dict[str, np.ndarray]:
    return {name: tensor.contiguous().numpy() for name, tensor in given.items()}


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize(
    ("kernel", "align"), [("bilinear", False), ("bilinear", True), ("bicubic", False), ("nearest", True)]
)
def test_v_of_a_raw_grid_is_torchs_at_the_recorded_points(numbers, kernel, padding, align) -> None:
    U = blobs(1, 3, 13, 17, seed=4)
    grids = torch.stack([wave(9, 11, 0.1), wave(9, 11, 0.3)])
    rule = {"kernel": kernel, "padding": padding, "align_corners": align}
    body = f"async (m, t, rule) => {{ const scene = await ({SCENE})(t, rule, 1); return scene.V.data; }}"
    V = numbers.call(body, rule, **arrays(U=U[0], grid=grids)).reshape(3, 9, 11)
    expected = F.grid_sample(U, grids[1:].float(), mode=kernel, padding_mode=padding, align_corners=align)[0]
    np.testing.assert_allclose(V, expected.numpy(), atol=1e-4)


def test_edges_and_lines_are_the_grids_own_points_and_the_rest_is_counted(numbers) -> None:
    grid = wave(40, 30)
    body = f"""async (m, t) => {{
      const scene = await ({SCENE})(t, {{kernel: "bilinear", padding: "zeros", align_corners: false}}, 0);
      const {{points, L, m: count}} = scene.lines;
      const {{outside, marks, theta, raw, pixel}} = scene;
      return [Array.from(points), L, count, outside, marks.outside, marks.n, theta, raw, pixel];
    }}"""
    points, L, m, outside, marked, n, theta, raw, pixel = numbers.call(
        body, **arrays(U=blobs(1, 1, 9, 9)[0], grid=grid[None])
    )
    lines = np.array(points, np.float32).reshape(2 * L, m, 2)
    own = grid.float().numpy()
    for line, edge in ((lines[0], own[:, 0]), (lines[L - 1], own[:, -1]), (lines[L], own[0]), (lines[-1], own[-1])):
        np.testing.assert_allclose(line[[0, -1]], edge[[0, -1]])
        places = {tuple(point) for point in edge.tolist()}
        assert all(tuple(point) in places for point in line.tolist())
    assert L < 30, "inner lines are thinned"
    expected = float((grid.float().abs() > 1).any(-1).double().mean())
    assert outside == pytest.approx(expected)
    assert (marked, n) == (round(expected * 1200), 1200)
    assert theta is None
    assert raw
    np.testing.assert_allclose([pixel["x"], pixel["y"]], own[0, 5], rtol=1e-6)
    assert sum(tap["weight"] for tap in pixel["taps"]) == pytest.approx(1)


FIT = """(m, t, pixel) => {
  const basis = m.grid.makeBasis(t);
  const {theta, off, most} = m.rawgrid.fitRaw(basis, t.grid.data, pixel);
  return [Array.from(theta), off, most];
}"""


@pytest.mark.parametrize("size", [(12, 14), (60, 52)], ids=["small", "thinned"])
@pytest.mark.parametrize("name", ["affine", "similarity", "tps"])
def test_a_family_is_fitted_by_least_squares_and_told_in_pixels(numbers, name, size) -> None:
    made = family(name, size=size, align_corners=False)
    grid = wave(*size).float()
    basis = {key: tensor.contiguous().numpy() for key, tensor in drawing_basis(made).items()}
    theta, off, most = numbers.call(FIT, [2 / 24, 2 / 20], grid=grid.numpy(), **basis)
    best = made.fit(grid[None]).theta
    distance = (made.grid(best)[0] - grid).double() * torch.tensor([12.0, 10.0])
    least = float(distance.square().sum(-1).mean().sqrt())
    ours = (made.grid(torch.tensor([theta], dtype=best.dtype))[0] - grid).double() * torch.tensor([12.0, 10.0])
    assert off == pytest.approx(float(ours.square().sum(-1).mean().sqrt()), rel=1e-4)
    assert most == pytest.approx(float(ours.square().sum(-1).max().sqrt()), rel=1e-4)
    # Least squares in normalised units weighs x and y otherwise than pixels do; of a thinned grid it is of some points.
    assert off <= 1.02 * least + 1e-3
    if size[0] == 12:
        np.testing.assert_allclose(theta, best[0].numpy(), atol=2e-4)


def test_a_grid_that_is_of_the_family_is_found_again(numbers) -> None:
    made = family("affine", size=(20, 16), align_corners=True)
    known = torch.tensor([[0.6, -0.3, 0.1, 0.2, 0.7, -0.2]])
    basis = {key: tensor.contiguous().numpy() for key, tensor in drawing_basis(made).items()}
    theta, off, _ = numbers.call(FIT, [0.1, 0.1], grid=made.grid(known)[0].half().numpy(), **basis)
    np.testing.assert_allclose(theta, known[0].numpy(), atol=1e-3)
    assert off < 0.02


BYTES = """(m, t, preparation) => {
  const [channels, height, width] = t.U.shape;
  const screen = preparation && m.screen.screenOf(preparation, channels);
  const bytes = new Uint8ClampedArray(4 * height * width);
  m.screen.bytesInto({data: t.U.data, channels, height, width, screen}, bytes);
  return new Uint8Array(bytes.buffer);
}"""


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("order", "white"), [("rgb", 1), ("bgr", 1), ("rgb", 255)])
def test_what_is_painted_is_the_picture_before_its_preparation(numbers, channels, order, white) -> None:
    P = blobs(1, channels, 6, 9, seed=5)[0]
    mean, std = (torch.tensor(values[:channels]) * white for values in (MEAN, STD))
    ordered = P.flip(0) if order == "bgr" else P
    U = (white * ordered - mean.view(-1, 1, 1)) / std.view(-1, 1, 1)
    preparation = {"mean": mean.tolist(), "std": std.tolist(), "channel_order": order, "value_range": white}
    painted = numbers.call(BYTES, preparation, U=U.numpy()).reshape(6, 9, 4)
    expected = (255 * P).round().expand(3, -1, -1).permute(1, 2, 0).numpy()
    assert np.abs(painted[..., :3].astype(int) - expected).max() <= 1
    assert (painted[..., 3] == 255).all()
    back = """(m, t, preparation) => {
      const [channels, height, width] = t.P.shape;
      const P = {data: t.P.data, channels, height, width};
      return m.screen.preparedU(P, preparation, m.screen.screenOf(preparation, channels)).data;
    }"""
    prepared = numbers.call(back, preparation, P=P.numpy()).reshape(U.shape)
    np.testing.assert_allclose(prepared, U.numpy(), atol=1e-4)


def test_zeros_are_the_colour_that_0_means_and_a_plain_picture_is_painted_as_ever(numbers) -> None:
    call = "(m, t, preparation) => m.screen.zeroColour(preparation && m.screen.screenOf(preparation, 3))"
    assert numbers.call(call, IMAGENET) == "rgb(124, 116, 104)"  # 255 times ImageNet's mean
    assert numbers.call(call, None) == "rgb(0, 0, 0)"
    U = np.linspace(-0.2, 1.2, 24, dtype=np.float32).reshape(1, 4, 6)
    painted = numbers.call(BYTES, None, U=U).reshape(24, 4)
    np.testing.assert_array_equal(painted[:, 0], np.rint(255 * U.clip(0, 1)).ravel())


@pytest.fixture
def parts(page, serve):
    """createParts of a state in the page; the addresses that it asks for are answered by the test."""
    serve(page)
    page.evaluate("async () => { window.m = {parts: await import('/state/parts.js')}; }")
    return lambda body, *args: page.evaluate(f"(args) => ({body})(window.m, ...args)", list(args))


FETCHING = """
  const sizes = {input_size: [4, 4], output_size: [2, 3]};
  const site = {family: null, ...sizes, on_image: true, input: 0, features: false};
  let state = {
    data: {run: {name: "my run", version: "v1"}, routes: {part: "/base/part/"}, sites: [site]},
    site, siteIndex: 0, image: 0, index: 1,
    trace: {step: [0, 10]}, picture: null, parts: new Map(),
  };
  const asked = [], said = [];
  const fetching = async (address) => {
    asked.push(address.slice(address.lastIndexOf("/") + 1));
    if (state.broken) throw new Error("is the server running? Choose it again.");
    return {step: {data: [0, 10]}, grid: {shape: [2, 2, 3, 2], data: Float32Array.from({length: 24}, (_, i) => i)}};
  };
  const set = (change) => { state = {...state, ...(typeof change === "function" ? change(state) : change)}; };
  const store = {get: () => state, set};
  const need = m.parts.createParts(store, (sentence) => said.push(sentence), fetching);
  const draw = async (change = {}) => {
    set(change);
    need(state);
    need(state);
    await new Promise((done) => setTimeout(done));
  };
"""


def test_a_part_is_fetched_once_and_the_newest_few_are_kept(parts) -> None:
    body = f"""async (m) => {{{FETCHING}
      await draw();
      const grid = Array.from(m.parts.rawGridOf(state));
      for (const image of [1, 2, 3, 4, 5, 6, 0]) await draw({{image}});
      return [grid, asked, state.parts.size, [...state.parts.keys()][0]];
    }}"""
    grid, asked, kept, first = parts(body)
    assert grid == list(range(12, 24))  # of the second record
    assert asked == [f"grid-0-{image}.safetensors" for image in (0, 1, 2, 3, 4, 5, 6, 0)]
    assert kept == 6
    assert first == "/base/part/my%20run/v1/grid-0-2.safetensors"


def test_a_part_that_does_not_come_is_said_once_and_asked_again_when_somebody_comes_back(parts) -> None:
    body = f"""async (m) => {{{FETCHING}
      await draw({{broken: true}});
      await draw();
      const missing = m.parts.rawMissing(state);
      await draw({{image: 1, broken: false}});
      await draw({{image: 0}});
      return [asked.length, said, missing, Boolean(m.parts.rawGridOf(state))];
    }}"""
    count, said, missing, here = parts(body)
    assert count == 3
    assert said == ["The recorded grids of this image did not arrive: is the server running? Choose it again."]
    assert missing
    assert here


def test_a_part_is_waited_for_a_moment_and_no_longer(parts) -> None:
    body = f"""async (m) => {{{FETCHING}
      let now = 0, arrive;
      const slow = (address) => new Promise((done) => {{ arrive = () => done(fetching(address)); }});
      const wait = m.parts.createParts(store, () => {{}}, slow, () => now);
      const seen = [wait(state)];
      now = 100;
      seen.push(wait(state));
      now = 1000;
      seen.push(wait(state));
      now = 100;
      arrive();
      await new Promise((done) => setTimeout(done));
      seen.push(wait(state));
      return seen;
    }}"""
    assert parts(body) == [True, True, False, False]


PREPARED = """async (preparation, classes) => {
  const {createPreparer} = await import("/pictures/prepare.js");
  const {forNetwork} = await import("/state/pictured.js");
  const own = {data: new Float32Array(12), channels: 3, height: 2, width: 2};
  let state = {data: {run: {preparation, classes}}, probes: {image: () => own}, picture: null};
  const preparer = createPreparer({
    choose: (picture) => { state = {...state, picture: forNetwork(picture, state)}; },
    inputSize: () => [3, 2, 2],
  });
  document.querySelector("main").replaceChildren(preparer.element);
  const press = (group, name) => {
    const buttons = document.querySelectorAll(`[role=radiogroup][aria-label="${group}"] button`);
    [...buttons].find((button) => button.textContent === name).click();
    preparer.set({}, state);
  };
  const original = {data: Float32Array.from({length: 12}, (_, i) => (i + 0.4) / 13), channels: 3, height: 2, width: 2};
  preparer.take({name: "a", title: "a", label: 3, pose: null, original});
  preparer.set({}, state);
  press("values", "inverted");
  const {U, sent, label} = state.picture;
  const normalise = document.querySelector("select[aria-label=normalise]");
  normalise.value = "half";
  normalise.dispatchEvent(new Event("change"));
  preparer.set({}, state);
  const {refusal} = state.picture;
  const shown = document.querySelector(".refusal").textContent;
  return [Array.from(U.data), Array.from(sent.data), label, refusal, shown];
}"""


@pytest.mark.parametrize("classes", [[str(i) for i in range(10)], ["ball", "box", "tube"]], ids=["digits", "others"])
def test_a_picture_that_is_changed_is_prepared_anew_and_normalised_once(page, serve, classes) -> None:
    serve(page)
    preparation = {"mean": MEAN, "std": STD, "channel_order": "bgr", "value_range": 255}
    U, sent, label, refusal, shown = page.evaluate(f"(args) => ({PREPARED})(...args)", [preparation, classes])
    P = np.round(255 * (1 - (np.arange(12) + 0.4) / 13)).reshape(3, 4)  # to whole bytes, as the line carries them
    np.testing.assert_allclose(np.reshape(sent, (3, 4)), P / 255, atol=1e-6)
    mean, std = (np.array(values)[:, None] for values in (MEAN, STD))
    np.testing.assert_allclose(np.reshape(U, (3, 4)), (P[::-1] - mean) / std, rtol=1e-5, atol=1e-3)
    assert label == (3 if len(classes) == 10 else -1), "a 3 is no third class of something else"
    assert refusal == shown
    assert "own mean and std" in refusal


def test_packed_half_floats_are_read_as_they_were_recorded(numbers) -> None:
    grid = wave(5, 7).numpy()
    assert grid.dtype == np.float16
    assert pack({"grid": grid})
    read = numbers.call("(m, t) => t.grid.data", grid=grid)
    np.testing.assert_array_equal(read, grid.astype(np.float32).ravel())
