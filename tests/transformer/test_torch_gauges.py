"""Gauges: there and back for every theta that has a way back, and finite for every other."""

import math
import re

import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st

from stn_viz.transformer import Gauge, ShapeError, gauge

NAMES = ["affine", "attention", "similarity"]
SIZE = {"affine": 6, "attention": 3, "similarity": 4}
entries = st.floats(-8, 8)


def of(name: str) -> Gauge:
    found = gauge(name)
    assert found is not None
    return found


def there_and_back(name: str, theta: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    values = of(name).from_theta(torch.tensor([theta], dtype=torch.float64))
    return values[0], of(name).to_theta(values)[0]


@given(st.lists(entries, min_size=6, max_size=6))
@example([0.0, -1.0, 0.0, 1.0, 0.0, 0.0])  # exactly 90 degrees
@example([-1.0, 0.0, 0.0, 0.0, 1.0, 0.0])  # mirrored left to right
@example([1.0, 0.0, 0.0, 0.0, -1.0, 0.0])  # mirrored top to bottom
@example([0.0, 1.0, 0.0, 1.0, 0.0, 0.0])  # mirrored on the diagonal
@example([-1.0, -0.0, 0.0, -0.0, -1.0, 0.0])  # 180 degrees
@example([0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
@example([0.0, 3.0, 0.0, 0.0, 4.0, 0.0])  # no first column
@example([3.0, 6.0, 0.0, 4.0, 8.0, 0.0])  # one direction only
@example([1e-9, 2.0, 0.0, 1e-9, 1.0, 0.0])
@example([5e-324, 2.0, 0.0, 0.0, 1.0, 0.0])
def test_affine_there_and_back_is_theta_and_finite_even_where_singular(theta: list[float]) -> None:
    values, back = there_and_back("affine", theta)
    assert values.isfinite().all()
    torch.testing.assert_close(back, torch.tensor(theta, dtype=torch.float64), rtol=0, atol=1e-11)


@given(st.lists(entries, min_size=4, max_size=4))
@example([0.0, 0.0, 0.5, -0.5])
@example([-1.0, -0.0, 0.0, 0.0])
def test_similarity_there_and_back_is_theta(theta: list[float]) -> None:
    values, back = there_and_back("similarity", theta)
    assert values.isfinite().all()
    torch.testing.assert_close(back, torch.tensor(theta, dtype=torch.float64), rtol=0, atol=1e-11)


@given(st.lists(entries, min_size=3, max_size=3))
@example([0.0, 0.5, -0.5])
@example([-2.0, 0.0, 0.0])
def test_attention_there_and_back_is_theta(theta: list[float]) -> None:
    values, back = there_and_back("attention", theta)
    assert values.isfinite().all()
    torch.testing.assert_close(back, torch.tensor(theta, dtype=torch.float64), rtol=0, atol=1e-11)


@given(st.floats(-179, 179), st.floats(0.1, 9), st.floats(-4, 4), st.floats(-3, 3), st.floats(-2, 2), st.floats(-2, 2))
def test_the_affine_formula_is_the_one_that_is_written(
    rotation: float, zoom: float, aspect: float, shear: float, x: float, y: float
) -> None:
    """R(rotation) [[1, shear], [0, 1]] diag(s_x, s_y), multiplied out with torch's matrices; and back to the values."""
    assume(abs(aspect) > 0.01)
    a = math.radians(rotation)
    s_x = 1 / (zoom * math.sqrt(abs(aspect)))
    turn = torch.tensor([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]], dtype=torch.float64)
    skew = torch.tensor([[1, shear], [0, 1]], dtype=torch.float64)
    A = turn @ skew @ torch.diag(torch.tensor([s_x, aspect * s_x], dtype=torch.float64))
    expected = torch.cat([A, torch.tensor([[x], [y]], dtype=torch.float64)], 1).flatten()
    values = torch.tensor([rotation, zoom, aspect, shear, x, y], dtype=torch.float64)
    theta = of("affine").to_theta(values)
    torch.testing.assert_close(theta, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(of("affine").from_theta(theta), values, rtol=1e-9, atol=1e-9)
    assert torch.linalg.det(A).abs().item() == pytest.approx(1 / zoom**2, rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_the_identity_is_zoom_one_and_nothing_else(name: str) -> None:
    theta = {"affine": [1.0, 0, 0, 0, 1, 0], "attention": [1.0, 0, 0], "similarity": [1.0, 0, 0, 0]}[name]
    plain = {"rotation": 0, "zoom": 1, "aspect": 1, "shear": 0, "shift_x": 0, "shift_y": 0}
    values = of(name).from_theta(torch.tensor(theta))
    assert dict(zip(of(name).names, values.tolist(), strict=True)) == {key: plain[key] for key in of(name).names}


def test_what_people_call_zoom_shrinks_theta() -> None:
    assert of("affine").from_theta(torch.tensor([0.5, 0, 0, 0, 0.5, 0]))[1].item() == pytest.approx(2)
    assert of("similarity").from_theta(torch.tensor([0.0, 0.5, 0, 0])).tolist() == pytest.approx([90, 2, 0, 0])
    assert of("attention").from_theta(torch.tensor([-0.5, 0, 0])).tolist() == pytest.approx([-2, 0, 0])


def test_rotation_is_in_degrees_and_a_reflection_has_negative_aspect() -> None:
    turned = of("affine").from_theta(torch.tensor([math.sqrt(0.75), -0.5, 0, 0.5, math.sqrt(0.75), 0]))
    assert turned.tolist() == pytest.approx([30, 1, 1, 0, 0, 0], abs=1e-5)
    mirrored = of("affine").from_theta(torch.tensor([-1.0, 0, 0, 0, 1, 0]))
    assert mirrored.tolist() == pytest.approx([180, 1, -1, 0, 0, 0])


def test_without_a_first_column_the_second_says_the_rotation() -> None:
    turned = of("affine").from_theta(torch.tensor([0.0, -2.0, 0, 0, 0, 0]))  # R(90) turns (0, 2) to (-2, 0)
    assert turned[0].item() == pytest.approx(90)
    assert turned[3].item() == pytest.approx(0)
    turned = of("affine").from_theta(torch.tensor([0.0, 1.0, 0, 0, math.sqrt(3), 0]))
    assert turned[0].item() == pytest.approx(-30)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (torch.float64, torch.float64),
        (torch.float32, torch.float32),
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
    ],
)
def test_any_float_dtype_stays_finite_and_comes_back(name: str, dtype: torch.dtype, expected: torch.dtype) -> None:
    theta = torch.randn(50, SIZE[name], generator=torch.Generator().manual_seed(0)).to(dtype)
    theta[:5] = 0
    values = of(name).from_theta(theta)
    assert values.dtype == expected
    assert values.isfinite().all()
    torch.testing.assert_close(of(name).to_theta(values), theta.to(expected), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_zoom_or_aspect_of_zero_is_finite(name: str) -> None:
    assert of(name).to_theta(torch.zeros(1, SIZE[name])).isfinite().all()


@pytest.mark.parametrize("name", ["translation", "projective", "tps", "nothing"])
def test_other_families_have_no_gauge(name: str) -> None:
    assert gauge(name) is None


@pytest.mark.parametrize("name", NAMES)
def test_wrong_lengths_and_values_are_refused(name: str) -> None:
    with pytest.raises(ShapeError, match=re.escape(f"theta has shape (2, 5), expected (..., {SIZE[name]})")):
        of(name).from_theta(torch.zeros(2, 5))
    with pytest.raises(ShapeError, match=re.escape(f"gauge has shape (2, 5), expected (..., {SIZE[name]})")):
        of(name).to_theta(torch.zeros(2, 5))
    values = torch.ones(2, SIZE[name])
    values[1, -1] = torch.nan
    with pytest.raises(ValueError, match="gauge: shift_y is not a finite number"):
        of(name).to_theta(values)
    with pytest.raises(ValueError, match=f"theta: {of(name).parameter_names[-1]} is not a finite number"):
        of(name).from_theta(values)
