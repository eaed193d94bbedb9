"""Probes in all the forms that people have them in, and the sentences where they have none."""

import re

import numpy as np
import pytest
import torch

from stn_viz.runs import RunError
from stn_viz.runs.probing import preparation_of, probes_of

BYTES = np.random.default_rng(0).integers(0, 256, (5, 3, 6, 4)).astype(np.uint8)
NUMBERS = BYTES.astype(np.float32) / 255


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (NUMBERS, NUMBERS),
        (NUMBERS.astype(np.float64), NUMBERS),
        (BYTES, NUMBERS),
        (torch.from_numpy(BYTES), NUMBERS),
        (torch.from_numpy(NUMBERS).requires_grad_(), NUMBERS),
        (torch.from_numpy(NUMBERS).bfloat16(), torch.from_numpy(NUMBERS).bfloat16().float().numpy()),
        (list(torch.from_numpy(NUMBERS)), NUMBERS),
        (tuple(NUMBERS), NUMBERS),
        (NUMBERS.tolist(), NUMBERS),
        (NUMBERS[:, 0], NUMBERS[:, :1]),
        (BYTES.astype(np.int64), BYTES.astype(np.float32)),
        (NUMBERS[:, :, None], NUMBERS[:, :, None]),
        (BYTES[:, 0] > 127, (BYTES[:, :1] > 127).astype(np.float32)),
    ],
    ids=lambda value: f"{type(value).__name__} {getattr(value, 'dtype', '')}",
)
def test_images_come_in_many_forms(given, expected):
    probes, said = probes_of(given)
    assert said is None
    assert probes.U.dtype == np.float32
    np.testing.assert_array_equal(probes.U, expected)
    np.testing.assert_array_equal(probes.labels, [-1] * 5)


@pytest.mark.parametrize(
    "given",
    [
        [0, 1, 2, 0, 1],
        np.array([0.0, 1, 2, 0, 1]),
        torch.tensor([0, 1, 2, 0, 1]),
        torch.tensor([[0.0], [1], [2], [0], [1]]),
        np.eye(3)[[0, 1, 2, 0, 1]],
    ],
)
def test_labels_come_in_many_forms(given):
    np.testing.assert_array_equal(probes_of(NUMBERS, given)[0].labels, [0, 1, 2, 0, 1])


def test_of_many_probes_some_spread_over_them_are_taken():
    U = np.arange(1000, dtype=np.float32)[:, None, None, None] * np.ones((1, 1, 3, 2), np.float32)
    probes, said = probes_of(U, np.arange(1000))
    assert said == "Of 1000 probes, 64 spread over them are recorded."
    np.testing.assert_array_equal(probes.labels, probes.U[:, 0, 0, 0])
    assert (probes.labels[0], probes.labels[-1]) == (0, 999)
    assert np.ptp(np.diff(probes.labels)) <= 1
    assert len(probes_of(U, most=100)[0].labels) == 100


@pytest.mark.parametrize(
    ("images", "labels", "sentence"),
    [
        (NUMBERS[0, 0], None, "The probes have shape (6, 4); expected images (n, C, h, w) or (n, h, w)"),
        (NUMBERS[:0], None, "The probes have shape (0, 3, 6, 4)"),
        (np.zeros((5, 32, 32, 3)), None, "looks like (n, h, w, channels). Give (n, channels, h, w), as the model gets"),
        ([NUMBERS[0], NUMBERS[0, :, :3]], None, "The probes are images of different sizes, or not images at all."),
        (
            [torch.from_numpy(NUMBERS), torch.arange(5)],
            None,
            "The probes are 2 things of different shapes, as a loader's batch of images and labels is. Give the images",
        ),
        ("digits", None, "The probes are of type <U6; expected numbers"),
        (None, None, "The probes are of type object; expected numbers"),
        (NUMBERS * 1j, None, "The probes are of type complex64"),
        (np.where(NUMBERS > 0.99, np.nan, NUMBERS), None, "holds nan or inf. Leave it out"),
        (np.zeros((2, 1, 1, 20000)), None, "of sides up to 16384"),
        (NUMBERS, [0, 1, 2], "The labels have shape (3,), but there are 5 probes. Give one class number for each."),
        (NUMBERS, [0, 0.5, 1, 1, 1], "The labels are [0.0, 0.5, 1.0, 1.0, 1.0]; expected class numbers 0, 1, 2, ..."),
        (NUMBERS, ["a"] * 5, "expected class numbers 0, 1, 2, ..."),
        (NUMBERS, np.full(5, np.nan), "or labels=None for a network that does not classify"),
        (NUMBERS, np.zeros((5, 3)), "The labels have shape (5, 3), but there are 5 probes."),
    ],
)
def test_what_no_network_could_be_given_is_said(images, labels, sentence):
    with pytest.raises(RunError, match=re.escape(sentence)):
        probes_of(images, labels)


def test_how_pictures_were_prepared():
    assert preparation_of(None, None, 3) is None
    assert preparation_of(0.5, torch.tensor(0.25), 3) == {
        "mean": (0.5, 0.5, 0.5),
        "std": (0.25, 0.25, 0.25),
        "channel_order": "rgb",
        "value_range": 1,
    }
    told = preparation_of([104, 117, 123], None, 3, channel_order="bgr", value_range=255)
    assert (told["mean"], told["std"]) == ((104.0, 117.0, 123.0), (1.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"mean": [0.5, 0.5], "std": 1}, r"mean is \[0\.5, 0\.5\]; expected a number, or one for each of 3 channels\."),
        ({"mean": 0, "std": [1, 0, 1]}, r"std is \[1, 0, 1\]; .* 3 channels, all above 0"),
        ({"mean": "imagenet", "std": 1}, "mean is 'imagenet'; expected a number"),
        ({"mean": float("nan"), "std": 1}, "mean is nan; expected a number"),
        ({"mean": 0, "std": 1, "channel_order": "hsv"}, 'expected "rgb" or "bgr", and 1 or 255'),
    ],
)
def test_a_preparation_that_is_none_is_said(told, sentence):
    with pytest.raises(RunError, match=sentence):
        preparation_of(channels=3, **told)
