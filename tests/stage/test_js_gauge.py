"""gauge.js against stn_viz.transformer.gauge: the one piece of mathematics that is written twice."""

import numpy as np
import pytest
import torch

from stn_viz.transformer import family, gauge

NAMES = ("affine", "similarity", "attention")
SPECIAL = {
    "affine": [
        [1, 0, 0, 0, 1, 0],
        [0, -1, 0, 1, 0, 0],  # exactly 90 degrees
        [-1, 0, 0.2, 0, -1, 0],  # 180
        [1, 0, 0, 0, -1, 0],  # mirrored
        [0, 1, 0, 1, 0, 0],
        [0, 0, 0.3, 0, 0, -0.3],  # nothing left
        [0, 0.5, 0, 0, 0.2, 0],  # no first column
        [1, 2, 0, 2, 4, 0],  # one line
        [1e-9, 0, 0, 0, 1e-9, 0],
        [0.4298, -0.5704, 0.2316, 0.3221, 0.8255, -0.3517],  # CASES 8
    ],
    "similarity": [[1, 0, 0, 0], [0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 0.1, 0]],
    "attention": [[1, 0, 0], [-0.5, 0.1, 0.2], [0, 0, 0]],
}


def thetas(name: str) -> np.ndarray:
    P = len(family(name, size=(2, 2), align_corners=False).identity)
    drawn = torch.randn((50, P), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return np.concatenate([np.array(SPECIAL[name], float), drawn.numpy()])


def through(numbers, name: str, way: str, rows: np.ndarray) -> np.ndarray:
    return np.array(
        numbers.call("(m, t, name, way, rows) => rows.map(m.gauge.gaugeOf(name)[way])", name, way, rows.tolist())
    )


@pytest.mark.parametrize("name", NAMES)
def test_from_theta_is_pythons(numbers, name) -> None:
    rows = thetas(name)
    expected = gauge(name).from_theta(torch.from_numpy(rows)).numpy()
    np.testing.assert_allclose(through(numbers, name, "fromTheta", rows), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_to_theta_is_pythons(numbers, name) -> None:
    values = gauge(name).from_theta(torch.from_numpy(thetas(name))).numpy()
    values = np.concatenate([values, np.zeros((1, values.shape[1]))])
    expected = gauge(name).to_theta(torch.from_numpy(values)).numpy()
    np.testing.assert_allclose(through(numbers, name, "toTheta", values), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_there_and_back_is_theta(numbers, name) -> None:
    rows = thetas(name)
    back = through(numbers, name, "toTheta", through(numbers, name, "fromTheta", rows))
    np.testing.assert_allclose(back, rows, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_names_are_pythons(numbers, name) -> None:
    assert numbers.call("(m, t, name) => m.gauge.gaugeOf(name).names", name) == list(gauge(name).names)


@pytest.mark.parametrize("name", ["translation", "projective", "tps", "constructor", ""])
def test_other_families_have_none(numbers, name) -> None:
    assert gauge(name) is None
    assert numbers.call("(m, t, name) => m.gauge.gaugeOf(name)", name) is None


def test_thirty_degrees_give_a_positive_t21(numbers) -> None:
    theta = through(numbers, "affine", "toTheta", np.array([[30, 1, 1, 0, 0, 0.0]]))[0]
    np.testing.assert_allclose(theta, [0.8660, -0.5, 0, 0.5, 0.8660, 0], atol=1e-4)
