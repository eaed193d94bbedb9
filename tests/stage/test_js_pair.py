"""Two runs, piece by piece: how far two grids are apart, which image and record stand beside one, the shared axis."""

import base64

import numpy as np
import pytest
import torch

from stn_viz.stage.assets import pack
from stn_viz.stage.join import join
from stn_viz.transformer import drawing_basis, family

MODULES = ("tensors", "grid", "apart", "alike", "lockaxis", "sides", "arrivals", "pairinvitation")
APART = """(m, [a, b], [tensorsA, tensorsB]) => {
  const laid = (each, t) => ({ ...each, basis: m.grid.makeBasis(t) });
  const buffer = (name, length) => new Float32Array(length);
  const [one, two] = [laid(a, tensorsA), laid(b, tensorsB)];
  return { ...m.apart.apart(one, two, buffer), lattice: m.apart.latticeOf(one, two) };
}"""


@pytest.fixture(scope="module")
def call(chromium, serve):
    """Run a JS function (modules, arguments, lists of tensors)."""
    page = chromium.new_page()
    serve(
        page,
        joined="window.m = {};\n" + "".join(f"{{\n{join(name)}Object.assign(window.m, m);\n}}\n" for name in MODULES),
    )
    page.evaluate("() => import('/joined.js')")

    def call(body, args, *tensors):
        packed = [base64.b64encode(pack(each)).decode() for each in tensors]
        return page.evaluate(
            """([body, args, packed]) => {
              const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
              return eval(body)(window.m, args, packed.map((each) => window.m.tensors.readTensors(bytes(each))));
            }""",
            [body, args, packed],
        )

    yield call
    page.close()


def made(name, *, size=(28, 28), align=False, **options):
    return family(name, size=size, align_corners=align, **options)


def laid(fam, theta, U=(42, 42), align=False):
    """What JS is told of one grid, and its basis."""
    told = {"theta": theta.tolist(), "align": align, "U": {"height": U[0], "width": U[1]}}
    return told, {name: value.numpy() for name, value in drawing_basis(fam).items()}


def near_identity(fam, seed):
    noise = torch.randn(len(fam.identity), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return fam.identity + 0.15 * noise


def pixels(fam, theta, U, align):
    """Source points as positions of pixels, (n, 2): torch's own two rules, written out."""
    points = fam.grid(theta[None].double()).flatten(0, 2).numpy()
    sides = np.array(U[::-1])
    return (points + 1) / 2 * (sides - 1) if align else ((points + 1) * sides - 1) / 2


PAIRS = [
    ("affine", {}, "affine", {}),
    ("affine", {}, "tps", {"points": 4}),
    ("projective", {}, "attention", {}),
]


@pytest.mark.parametrize(("one", "options", "other", "others"), PAIRS)
@pytest.mark.parametrize("align", [False, True])
def test_the_difference_is_numpys_in_pixels_of_u(call, one, options, other, others, align):
    U = (42, 30)
    fams = made(one, align=align, **options), made(other, align=align, **others)
    thetas = [near_identity(fam, seed) for seed, fam in enumerate(fams)]
    a, b = (laid(fam, theta, U, align) for fam, theta in zip(fams, thetas, strict=True))
    found = call(APART, [a[0], b[0]], a[1], b[1])
    first, second = (pixels(fam, theta, U, align) for fam, theta in zip(fams, thetas, strict=True))
    far = np.linalg.norm(first - second, axis=1)
    assert found["lattice"] == "pixels"
    assert (found["unit"], found["n"], found["lost"]) == ("px", 28 * 28, 0)
    np.testing.assert_allclose(found["rms"], np.sqrt((far**2).mean()), rtol=1e-5)
    np.testing.assert_allclose(found["largest"], far.max(), rtol=1e-5)


def test_where_v_or_u_differ_in_size_the_frame_is_compared_and_u_counts_as_a_hundred(call):
    """A shift by .2 of a theta in [-1, 1] is a tenth of the image, whatever its size."""
    shifted = torch.tensor([1, 0, 0.2, 0, 1, 0])
    still = torch.tensor([1, 0, 0.0, 0, 1, 0])
    a = laid(made("affine"), shifted, (42, 42))
    b = laid(made("affine", size=(14, 20)), still, (42, 42))
    found = call(APART, [a[0], b[0]], a[1], b[1])
    assert (found["lattice"], found["n"], found["unit"]) == ("frame", 81, "px")
    np.testing.assert_allclose([found["rms"], found["largest"]], 4.2, rtol=1e-5)
    b = laid(made("affine"), still, (28, 28))
    found = call(APART, [a[0], b[0]], a[1], b[1])
    assert found["unit"] == "%"
    np.testing.assert_allclose([found["rms"], found["largest"]], 10, rtol=1e-5)


def test_points_behind_a_horizon_or_of_no_number_do_not_count(call):
    fam = made("projective")
    horizon = torch.tensor([1, 0, 0, 0, 1, 0, 1.5, 0])  # H_w = 1 + 1.5 x: behind it where x < -2/3
    a = laid(fam, horizon)
    b = laid(fam, fam.identity)
    found = call(APART, [a[0], b[0]], a[1], b[1])
    column = (2 * np.arange(28) + 1) / 28 - 1
    assert found["lost"] == 28 * (1 + 1.5 * column <= 0).sum()
    assert np.isfinite(found["rms"])
    found = call(APART.replace("return {", "one.theta[0] = NaN; return {"), [a[0], b[0]], a[1], b[1])
    assert found["lost"] == 28 * 28
    assert np.isnan(found["rms"])


def test_the_same_picture_is_found_under_another_number_and_a_missing_one_is_said(call):
    random = np.random.default_rng(0)
    U = random.integers(0, 255, (6, 1, 4, 5)).astype(np.float32)
    labels = np.arange(6, dtype=np.int32)
    body = """(m, images, tensors) => {
      const [a, b] = tensors.map(({U, labels}) => ({
        count: U.shape[0], labels: labels.data,
        image: (i) => ({data: U.data.subarray(20 * i, 20 * i + 20), channels: 1, height: 4, width: 5}),
      }));
      return images.map((image) => m.alike.imageBeside(a, b, image));
    }"""
    order = [3, 0, 2]
    other = {"U": U[order], "labels": labels[order]}
    other["labels"][2] = 9  # image 2 has another label there: it is not the same
    found = call(body, [0, 2, 3, 5], {"U": U, "labels": labels}, other)
    assert found == [
        {"image": 1, "same": True, "clamped": False},
        {"image": 2, "same": False, "clamped": False},
        {"image": 0, "same": True, "clamped": False},
        {"image": 2, "same": False, "clamped": True},
    ]


def test_a_share_is_one_of_the_steps_whatever_the_pace_of_recording(call):
    body = """(m, [a, b, index]) => ["step", "images", "share"].map((lock) => m.sides.indexBeside(a, b, index, lock))"""
    a = {"count": 5, "step": [0, 1, 2, 500, 1000], "images": [0, 10, 20, 5000, 10000]}
    b = {"count": 4, "step": [0, 1000, 2000, 4000], "images": [0, 5000, 10000, 20000]}
    # 500: nearest step 0 or 1,000; 5,000 images; half of the training
    assert call(body, [a, b, 3])[1:] == [1, 2]
    assert call(body, [a, b, 4]) == [1, 2, 3]


def test_the_axis_goes_there_and_back_and_ends_at_the_longer_run(call):
    body = """(m, [a, b]) => {
      const axis = m.lockaxis.lockAxis(a, b, "step");
      const places = [0, 7, 300, 4000].map(axis.place);
      return {places, back: places.map(axis.value), ticks: m.lockaxis.ticksOf(axis, "step", 0.05)};
    }"""
    a = {"count": 5, "step": [0, 1, 2, 500, 1000], "images": None}
    b = {"count": 4, "step": [0, 1000, 2000, 4000], "images": None}
    found = call(body, [a, b])
    np.testing.assert_allclose(found["back"], [0, 7, 300, 4000], atol=1e-9)
    assert np.all(np.diff(found["places"]) > 0)
    assert [tick["text"] for tick in found["ticks"]] == ["0", "1", "10", "100", "1,000", "4,000"]
    assert (found["ticks"][0]["place"], found["ticks"][-1]["place"]) == (0, 1)


def test_what_cannot_be_locked_says_why_and_the_share_stands_for_it(call):
    body = """(m, [a, b]) => ["step", "images", "share"].map((lock) =>
      [m.lockaxis.refusalOf(lock, a, b), m.lockaxis.lockBetween(lock, a, b)])"""

    def side(counter, images):
        return {"data": {"run": {"counter": counter}}, "trace": {"images": images}}

    assert call(body, [side("step", [0]), side("step", [0])]) == [[None, "step"], [None, "images"], [None, "share"]]
    assert call(body, [side("step", None), side("epoch", [0])]) == [
        ["A is counted in steps, B in epochs", "share"],
        ["Run A did not count its images", "share"],
        [None, "share"],
    ]


def test_more_records_of_the_same_run_wait_and_a_run_that_began_anew_does_not(call):
    body = "(m, [loaded, arrived]) => m.arrivals.newerSteps(loaded, arrived)"

    def data(records, probes="p", sites=("affine",)):
        run = {"name": "mine", "records": records}
        return {"run": run, "assets": {"probes": probes, "bases": [], "trace": str(records)}, "sites": list(sites)}

    assert call(body, [data(60), data(63)]) == 3
    assert call(body, [data(60), data(60)]) == 0
    assert call(body, [data(60), data(12)]) == 0
    assert call(body, [data(60), data(63, probes="q")]) == 0
    assert call(body, [data(60), data(63, sites=("tps",))]) == 0
    assert call(body, [None, data(63)]) == 0


def test_the_first_choice_is_of_the_same_task_and_another_network(call):
    body = "(m, [runs, name]) => m.pairinvitation.suggested(runs, name)?.name ?? null"

    def run(name, title, usable=True, problem=None):
        return {"name": name, "title": title, "usable": usable, "problem": problem}

    runs = [
        run("p", "p · ST-CNN · projective"),
        run("twin", "rts · ST-CNN · affine"),
        run("ill", "rts · FCN", problem="a file is cut"),
        run("void", "rts · CNN", usable=False),
        run("cnn", "rts · CNN"),
        run("mine", "rts · ST-CNN · affine"),
    ]
    assert call(body, [runs, "mine"]) == "cnn"
    assert call(body, [runs[:3] + runs[5:], "mine"]) == "twin"
    assert call(body, [runs[:1] + runs[5:], "mine"]) == "p"
    assert call(body, [runs[5:], "mine"]) is None
