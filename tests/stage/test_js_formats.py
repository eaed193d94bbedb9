"""Theta out and in: each program, run on what the stage writes for it, shows torch's V; and theta is read back."""

import json
import math
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

from stn_viz.transformer import family

U, V = (46, 70), (40, 53)
AFFINE = [0.62, -0.31, 0.08, 0.24, 0.55, -0.06, 0, 0, 1]
PROJECTIVE = [0.62, -0.31, 0.08, 0.24, 0.55, -0.06, 0.12, -0.09, 1]
ALIGN = pytest.mark.parametrize("align", [False, True])
MATRICES = pytest.mark.parametrize("matrix", [AFFINE, PROJECTIVE], ids=["affine", "projective"])
PROGRAMS = ["torch", "opencv", "opencv_forward", "pil", "skimage", "scipy", "kornia"]
WRITE = "(m, t, name, spec) => m.formats.written(name, spec)"
READ = "(m, t, text, around) => m.pasted.pasted(text, around)"


def spec(matrix: list[float] | None, **rest: Any) -> dict[str, Any]:
    align = rest.pop("align", False)
    frame = {"U": U, "V": V, "align": align, "gridAlign": rest.pop("grid_align", align)}
    rule = {
        "kernel": rest.pop("kernel", "bilinear"),
        "padding": rest.pop("padding", "zeros"),
        "area": rest.pop("area", 1),
    }
    plane = {"family": "affine" if matrix and matrix[6:] == [0, 0, 1] else "projective", "points": None}
    theta = None if matrix is None else matrix[: 6 if plane["family"] == "affine" else 8]
    return {"matrix": matrix, "frame": frame, "rule": rule, "theta": theta} | plane | rest


def write(numbers: Any, name: str, spec: dict[str, Any]) -> str:
    found = numbers.call(WRITE, name, spec)
    assert found["problem"] is None, found
    return str(found["text"])


def read(numbers: Any, text: str, spec: dict[str, Any], assumed: str = "auto", P: int = 6) -> dict[str, Any]:
    return dict(numbers.call(READ, text, {"assumed": assumed, "frame": spec["frame"], "P": P}))


@pytest.fixture(scope="module")
def image() -> NDArray[np.float64]:
    """Smooth, not square, the same under no turn and no mirror."""
    y, x = np.mgrid[: U[0], : U[1]]
    waves = np.sin(x / 5) * np.cos(y / 7 + x / 30) + np.exp(-((x - 45) ** 2 + (y - 12) ** 2) / 90)
    return (waves - waves.min()) / np.ptp(waves)


def torchs(image: NDArray[np.float64], spec: dict[str, Any]) -> NDArray[np.float64]:
    """V as torch shows it, by its own affine_grid and grid_sample."""
    frame, rule = spec["frame"], spec["rule"]
    target = F.affine_grid(torch.eye(2, 3, dtype=torch.float64)[None], [1, 1, *frame["V"]], frame["gridAlign"])
    H = torch.cat([target, torch.ones_like(target[..., :1])], -1) @ torch.tensor(spec["matrix"]).double().view(3, 3).T
    given = {"mode": rule["kernel"], "padding_mode": rule["padding"], "align_corners": frame["align"]}
    return F.grid_sample(torch.from_numpy(image)[None, None], H[..., :2] / H[..., 2:], **given)[0, 0].numpy()


def run(text: str, image: NDArray[np.float64], program: str) -> NDArray[np.float64]:
    """What the code makes of the image, in the type that the program takes."""
    given: Any = {
        "torch": lambda: torch.from_numpy(image).float()[None, None],
        "kornia": lambda: torch.from_numpy(image).float()[None, None],
        "pil": lambda: Image.fromarray(image.astype(np.float32)),
        "opencv": lambda: image.astype(np.float32),
        "opencv_forward": lambda: image.astype(np.float32),
    }.get(program, lambda: image)()
    names = {"U": given}
    exec(text, names)
    V = names["V"]
    return np.asarray(V).squeeze().astype(np.float64)


# Of a smooth image whose neighbours differ by 0.2 at most: some OpenCV round places to 1/32 pixel; half a pixel is 0.1.
CLOSE = 0.01


@pytest.mark.parametrize("program", PROGRAMS)
@MATRICES
@ALIGN
def test_the_code_for_a_program_gives_torchs_v(numbers, image, program, matrix, align) -> None:
    here = spec(matrix, align=align)
    theirs = run(write(numbers, program, here), image, program)
    ours = torchs(image, here)
    assert theirs.shape == V
    far = np.abs(theirs - ours)
    np.testing.assert_array_less(far[inside(here)], CLOSE)
    assert inside(here).mean() > 0.5


def inside(spec: dict[str, Any], margin: float = 1.5) -> NDArray[np.bool_]:
    """Pixels of V that read U away from its borders."""
    frame = spec["frame"]
    target = F.affine_grid(torch.eye(2, 3, dtype=torch.float64)[None], [1, 1, *frame["V"]], frame["gridAlign"])[
        0
    ].numpy()
    H = np.concatenate([target, np.ones((*V, 1))], -1) @ np.reshape(spec["matrix"], (3, 3)).T
    at = np.abs(H[..., :2] / H[..., 2:])
    return (at < 1 - 2 * margin / np.array(U[::-1])).all(-1)


@pytest.mark.parametrize("program", ["torch", "opencv", "skimage", "scipy"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@ALIGN
def test_padding_is_carried_over_where_the_program_has_it(numbers, image, program, padding, align) -> None:
    out = [1.3, -0.2, 0.35, 0.15, 1.25, -0.3, 0, 0, 1]
    here = spec(out, align=align, padding=padding)
    far = np.abs(run(write(numbers, program, here), image, program) - torchs(image, here))
    # skimage's and OpenCV's zeros start at the outermost centre; torch's fade over the pixel beyond it.
    edge = ~inside(here, -1.5) | inside(here, 1.5)
    np.testing.assert_array_less(far[edge], CLOSE)


@pytest.mark.parametrize("kernel", ["nearest", "bicubic"])
@ALIGN
def test_opencv_has_torchs_other_kernels_too(numbers, image, kernel, align) -> None:
    here = spec(AFFINE, align=align, kernel=kernel)
    far = np.abs(run(write(numbers, "opencv", here), image, "opencv") - torchs(image, here))
    assert (
        np.quantile(far[inside(here, 2.5)], 0.9) < CLOSE
    )  # a nearest sample that lies between two pixels may fall to either


@ALIGN
def test_grid_and_sampler_set_apart_are_both_in_the_code(numbers, image, align) -> None:
    here = spec(AFFINE, align=align, grid_align=not align)
    for program in PROGRAMS:
        far = np.abs(run(write(numbers, program, here), image, program) - torchs(image, here))
        np.testing.assert_array_less(far[inside(here)], CLOSE, err_msg=program)


def test_the_mean_over_finer_samples_is_in_torchs_code_and_missing_elsewhere_in_words(numbers, image) -> None:
    here = spec(AFFINE, area=2)
    finer = spec(AFFINE)
    finer["frame"] = here["frame"] | {"V": [2 * side for side in V]}
    mean = torchs(image, finer).reshape(V[0], 2, V[1], 2).mean((1, 3))
    np.testing.assert_allclose(run(write(numbers, "torch", here), image, "torch"), mean, atol=1e-5)
    assert "# without the mean of 2 × 2 samples" in write(numbers, "opencv", here)


@pytest.mark.parametrize(("name", "points"), [("tps", 3), ("free", 5)])
def test_a_family_that_bends_is_written_as_control_points_and_torch_code(numbers, image, name, points) -> None:
    made = family(name, size=V, align_corners=True, points=points)
    theta = made.identity * 0.8 + 0.05 * torch.randn(2 * points**2, generator=torch.Generator().manual_seed(1)).double()
    here = spec(None, align=True, family=name, points=points, theta=theta.tolist())
    text = write(numbers, "torch", here)
    grid = made.grid(theta[None])
    expected = F.grid_sample(torch.from_numpy(image)[None, None], grid, align_corners=True)[0, 0]
    np.testing.assert_allclose(run(text, image, "torch"), expected, atol=1e-4)
    for written in (text, write(numbers, "json", here)):
        found = read(numbers, written, here)
        assert (found["family"], found["points"]) == (name, points)
        np.testing.assert_allclose(found["theta"], theta, atol=1e-6)
    assert "copy them as JSON" in numbers.call(WRITE, "opencv", here)["problem"]


@pytest.mark.parametrize("name", ["row", "two", "three", *PROGRAMS])
@MATRICES
@ALIGN
def test_what_is_copied_comes_back_as_theta(numbers, name, matrix, align) -> None:
    here = spec(matrix, align=align, grid_align=not align)
    if name == "two" and matrix is PROJECTIVE:
        assert "third row" in numbers.call(WRITE, name, here)["problem"]
        return
    found = read(numbers, write(numbers, name, here), here)
    assert found["problem"] is None, found
    np.testing.assert_allclose(found["matrix"], matrix, atol=1e-6)


@ALIGN
def test_a_forward_opencv_matrix_about_the_centre_pixel_is_the_theta_of_the_case(numbers, align) -> None:
    """CASES 3: M = T(13.5) R(30) T(-13.5) is theta [.86603 .5 0 | -.5 .86603 0]: with the half pixel, and exactly."""
    M = np.vstack([cv2.getRotationMatrix2D((13.5, 13.5), -30, 1), [0, 0, 1]])
    here = spec(AFFINE, align=align)
    here["frame"] |= {"U": (28, 28), "V": (28, 28)}
    found = read(numbers, json.dumps(M[:2].tolist()), here, "opencv_forward")
    c, s = math.cos(math.radians(30)), 0.5
    np.testing.assert_allclose(found["matrix"], [c, s, 0, -s, c, 0, 0, 0, 1], atol=1e-9)
    there = read(numbers, write(numbers, "opencv_forward", here | {"matrix": found["matrix"]}), here)
    np.testing.assert_allclose(there["matrix"], found["matrix"], atol=1e-6)


IDENTITY = [1, 0, 0, 0, 1, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("text", "matrix"),
    [
        ("[[1,0,0],[0,1,0]]", IDENTITY),
        ("[[1,0,0],[0,1,0],[0,0,1]]", IDENTITY),
        ("1 0 0 0 1 0", IDENTITY),
        ("1, 0, 0\n0, 1, 0", IDENTITY),
        ("[[1,0,0],[0,1,0],[0,0,2]]", [0.5, 0, 0, 0, 0.5, 0, 0, 0, 1]),
        (repr(torch.tensor([[[1.0, 0, 1e-3], [0, 1, 0]]])), [1, 0, 1e-3, 0, 1, 0, 0, 0, 1]),
        (repr(torch.eye(2, 3, dtype=torch.float64, requires_grad=True) * 1), IDENTITY),
        (repr(torch.nn.Parameter(torch.eye(2, 3))), IDENTITY),
        (str(np.array([[1, 0, 2.5e-7], [0, -1, 0]])), [1, 0, 2.5e-7, 0, -1, 0, 0, 0, 1]),
        (repr(np.eye(3, dtype=np.float32)), IDENTITY),
        (str(AFFINE), AFFINE),
        ("theta = [[1/2, 0, 0], [0, −1, 0]]", [0.5, 0, 0, 0, -1, 0, 0, 0, 1]),
    ],
)
def test_matrices_are_read_as_they_are_printed(numbers, text, matrix) -> None:
    """CASES 7, and what torch, numpy and Python print."""
    found = read(numbers, text, spec(AFFINE))
    assert found["problem"] is None, found
    np.testing.assert_allclose(found["matrix"], matrix, atol=1e-12)


def test_a_last_row_of_0_0_2_is_told_as_what_it_does(numbers) -> None:
    says = read(numbers, "[[1,0,0],[0,1,0],[0,0,2]]", spec(AFFINE))["says"]
    assert says == "Last row 0 0 2: as a homography it is all divided by 2, so the scale is 1/2."


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1, 0, 0, 0, 1", "2x3 needs six numbers, got five"),
        ("[[1,0,0],[0,1]]", "The rows have 3 and 2 numbers. 2x3 needs six numbers, got five."),
        ("1 2 3 4 5 6 7", "2x3 needs six numbers, got seven"),
        ("[[1,0],[0,1],[0,0]]", "A matrix of θ has 2 × 3 or 3 × 3 entries, got 3 × 2. Is it transposed?"),
        ("[[1,0,0],[0,nan,0]]", "One entry is nan, which is no number. Every entry must be finite."),
        ("inf 0 0 0 1 0", "One entry is infinite. Every entry must be finite."),
        ("hello", "“hello” is no number. Paste numbers, a matrix, or code of a program in the list."),
        ("", "Nothing to read: paste six numbers, a matrix or code."),
        (
            "[[1,0,0],[0,1,0],[0,0,0]]",
            "The last row is 0 0 0: its last entry must not be 0. Expected 0 0 1, or a homography's.",
        ),
        ("2e6 0 0 0 1 0", "An entry of theta would be 2.0e+6, and a million is the most."),
        ("cv2.warpAffine(U, M, (28, 28))", "Found no matrix in this code. Paste the numbers alone."),
        (
            '{"family": "tps", "points": 3, "control": [[0, 1]]}',
            "tps with 3 × 3 control points needs 18 numbers, got two.",
        ),
        ('{"family": "spiral", "theta": [1]}', "There is no family “spiral” here."),
        ("1 " * 20000, "That is 40,000 characters long. Paste the matrix alone."),
    ],
)
def test_what_is_no_theta_is_refused_with_the_reason(numbers, text, problem) -> None:
    assert read(numbers, text, spec(AFFINE)) == {"problem": problem}


def test_as_many_numbers_as_the_family_has_are_its_own_theta(numbers) -> None:
    assert read(numbers, "0.5 0.1 0", spec(AFFINE), P=3)["theta"] == [0.5, 0.1, 0]


def test_a_matrix_over_pixels_that_is_read_as_theta_is_suspected(numbers) -> None:
    assert "if these are pixels" in read(numbers, "[[1, 0, 12.5], [0, 1, 3]]", spec(AFFINE))["says"]


def test_a_forward_matrix_without_a_way_back_is_refused(numbers) -> None:
    problem = read(numbers, "[[1, 0, 0], [1, 0, 0]]", spec(AFFINE), "opencv_forward")["problem"]
    assert problem == "This M takes the picture to a line or a point: it has no way back from V to U."
    singular = [0, 0, 0.2, 0, 1, 0, 0, 0, 1]
    assert "no matrix from U to V" in numbers.call(WRITE, "kornia", spec(singular))["problem"]
    assert numbers.call(WRITE, "opencv", spec(singular))["problem"] is None
