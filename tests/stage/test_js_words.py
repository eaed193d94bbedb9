"""words.js: the share outside and the sentence for screen readers."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

SAY = "(m, t, state) => m.words.sentence({...state, gauge: m.gauge.gaugeOf(state.family)})"


@pytest.mark.parametrize(
    ("theta", "inside"),
    [
        ([0.5382, -0.4099, 0.3478, 0.3325, 0.8449, -0.2290], 0.8763),  # CASES 8, epoch 70
        ([3.6801, 0.3164, 0.5781, 0.3031, 0.9529, -2.3116], 0.0),  # epoch 75: the whole grid lies above the image
        ([1.0, 0, 0, 0, 1, 0], 1.0),
    ],
)
def test_the_share_outside_is_that_of_affine_grid(numbers, theta, inside) -> None:
    grid = F.affine_grid(torch.tensor(theta).view(1, 2, 3), [1, 1, 28, 28], align_corners=False)
    share = numbers.call("(m, t) => m.words.outsideShare(t.grid.data, 784)", grid=grid.view(-1, 2).numpy())
    assert 1 - share == pytest.approx(inside, abs=5e-5)


def test_what_is_not_finite_is_outside_and_the_edge_is_inside(numbers) -> None:
    grid = np.array([[np.nan, 0], [0, np.inf], [1, -1], [1.0001, 0]], np.float32)
    assert numbers.call("(m, t) => m.words.outsideShare(t.grid.data, 4)", grid=grid) == 0.75


AFFINE = """(m, t, values, state) => {
  const gauge = m.gauge.gaugeOf("affine");
  return m.words.sentence({family: "affine", gauge, theta: gauge.toTheta(values), ...state});
}"""


@pytest.mark.parametrize(
    ("values", "state", "sentence"),
    [
        (
            [23, 1.6, 1, 0, 0, 0],
            {"outside": 0.12, "prediction": {"label": "7", "probability": 0.93}},
            "rotated 23 degrees, zoom 1.6, 12 % outside, reads 7 at 0.93",
        ),
        ([0, 1, 1, 0, 0, 0], {"outside": 0}, "zoom 1, 0 % outside"),
        (
            [-1, 0.5, -1.5, 0.3, 0.25, 0],
            {"outside": 0.001, "prediction": None},
            "rotated -1 degree, zoom 0.5, mirrored, aspect 1.5, shear 0.3, shift x 0.25, under 1 % outside",
        ),
    ],
)
def test_the_sentence_says_what_a_screen_shows(numbers, values, state, sentence) -> None:
    assert numbers.call(AFFINE, values, state) == sentence


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ({"family": "translation", "theta": [0.5, -0.1]}, "shift x 0.5, shift y -0.1, 0 % outside"),
        ({"family": "tps", "theta": [0] * 32}, "thin plate spline, 0 % outside"),
        ({"family": "projective", "theta": [1] * 8}, "projective, 0 % outside"),
        ({"family": None, "theta": None}, "0 % outside"),
    ],
)
def test_a_family_without_a_gauge_is_named(numbers, state, sentence) -> None:
    assert numbers.call(SAY, {**state, "outside": 0}) == sentence
