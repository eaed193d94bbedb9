"""Probe images: the user's own in any usual layout, our digits and photographs, prepared as the network wants them."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stn_viz.foreign import Choices, ForeignError
from stn_viz.foreign.probes import make_probes, preparation


def npz(**arrays: Any) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 3, 6, 8), dtype=np.uint8)


def test_every_usual_layout_and_name_gives_the_same_images(pictures: np.ndarray) -> None:
    expected = pictures.astype(np.float32) / np.float32(255)
    layouts = [
        {"U": pictures},
        {"images": np.moveaxis(pictures, 1, -1)},
        {"x": pictures.astype(np.float32)},
        {"X_test": np.moveaxis(pictures, 1, -1).astype(np.float64) / 255},
        {"data": np.asfortranarray(pictures)},
        {"anything": pictures},
    ]
    for arrays in layouts:
        made = make_probes(size=(6, 8), channels=3, source=npz(**arrays))
        assert made.U.dtype == np.float32
        np.testing.assert_allclose(made.U, expected, atol=1e-7, err_msg=str(list(arrays)))
        assert (made.labels == -1).all()


def test_grey_images_without_an_axis_for_channels(pictures: np.ndarray) -> None:
    grey = pictures[:, 0]
    made = make_probes(size=(6, 8), channels=1, source=npz(images=grey, y=np.array([4, 3, 2, 1, 0])))
    np.testing.assert_array_equal(made.U, grey[:, None] / np.float32(255))
    assert made.labels.tolist() == [4, 3, 2, 1, 0]
    flat = make_probes(size=None, channels=1, source=npz(x=grey[:, :6, :6].reshape(5, 36)))
    np.testing.assert_array_equal(flat.U[:, 0], grey[:, :6, :6] / np.float32(255))


def test_labels_of_one_hot_rows_are_their_places_and_others_are_left_out(pictures: np.ndarray) -> None:
    hot = np.eye(4)[[3, 0, 1, 2, 0]]
    assert make_probes(size=(6, 8), channels=3, source=npz(U=pictures, targets=hot)).labels.tolist() == [3, 0, 1, 2, 0]
    wrong = make_probes(size=(6, 8), channels=3, source=npz(U=pictures, labels=np.arange(7)))
    assert (wrong.labels == -1).all()
    assert any("7 entries for 5 images" in note for note in wrong.notes)


def test_preparation_is_the_formula_by_channel(pictures: np.ndarray) -> None:
    choices = Choices(size=(6, 8), mean=(10.0, 20.0, 30.0), std=(2.0, 4.0, 8.0), channel_order="bgr", value_range=255)
    made = make_probes(size=(6, 8), channels=3, choices=choices, source=npz(U=pictures))
    for channel, (mean, std) in enumerate([(10, 2), (20, 4), (30, 8)]):
        by_hand = (pictures[:, 2 - channel].astype(np.float64) - mean) / std
        np.testing.assert_allclose(made.U[:, channel], by_hand, rtol=1e-5, atol=1e-5)
    assert preparation(choices, 3) == {
        "mean": [10, 20, 30],
        "std": [2, 4, 8],
        "channel_order": "bgr",
        "value_range": 255,
    }
    assert preparation(Choices(size=(6, 8)), 3) is None
    one = preparation(Choices(size=(6, 8), mean=(0.5,)), 3)
    assert one is not None
    assert (one["mean"], one["std"]) == ([0.5] * 3, [1.0] * 3)


def test_prepared_values_are_not_prepared_again() -> None:
    U = np.linspace(-2, 3, 48, dtype=np.float32).reshape(1, 1, 6, 8)
    made = make_probes(size=(6, 8), channels=1, choices=Choices(size=(6, 8), mean=(0.1,), std=(0.3,)), source=npz(U=U))
    np.testing.assert_array_equal(made.U, U)
    assert any("prepared already" in note for note in made.notes)


def test_other_sizes_are_resized_and_told(pictures: np.ndarray) -> None:
    grey = pictures[:, :1]
    smaller = make_probes(size=(3, 4), channels=1, source=npz(U=grey))
    by_hand = grey.reshape(5, 1, 3, 2, 4, 2).astype(np.float64).mean((3, 5)) / 255
    np.testing.assert_allclose(smaller.U, by_hand, atol=1e-6)
    assert smaller.notes == ("The images were resized from 6 x 8 to 3 x 4.",)
    assert make_probes(size=(12, 10), channels=1, source=npz(U=grey)).U.shape == (5, 1, 12, 10)


def test_channels_are_brought_to_the_networks(pictures: np.ndarray) -> None:
    grey = make_probes(size=(6, 8), channels=1, source=npz(U=pictures))
    by_hand = (pictures / 255.0 * np.array([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdims=True)
    np.testing.assert_allclose(grey.U, by_hand, atol=1e-6)
    threefold = make_probes(size=(6, 8), channels=3, source=npz(U=pictures[:, :1]))
    assert (threefold.U[:, :1] == threefold.U).all()
    assert threefold.U.shape[1] == 3
    with pytest.raises(ForeignError, match=r"3 channel\(s\), but the network takes 7"):
        make_probes(size=(6, 8), channels=7, source=npz(U=pictures))


def test_only_the_first_images_are_read() -> None:
    many = np.arange(200, dtype=np.uint8).repeat(4).reshape(200, 2, 2)
    made = make_probes(size=(2, 2), channels=1, source=npz(x_test=many, y_test=np.arange(200)))
    assert made.U.shape == (64, 1, 2, 2)
    assert made.labels.tolist() == list(range(64))
    assert made.notes == ("The first 64 of 200 images are followed.",)


def test_volumes_are_taken_with_and_without_an_axis_for_channels() -> None:
    volumes = np.random.default_rng(0).random((2, 4, 6, 8)).astype(np.float32)
    made = make_probes(size=(4, 6, 8), channels=1, source=npz(volumes=volumes))
    np.testing.assert_array_equal(made.U, volumes[:, None])
    smaller = make_probes(size=(2, 3, 4), channels=1, source=npz(U=volumes[:, None]))
    by_hand = volumes.reshape(2, 2, 2, 3, 2, 4, 2).mean((2, 4, 6))
    np.testing.assert_allclose(smaller.U[:, 0], by_hand, atol=1e-6)
    with pytest.raises(ForeignError, match="volumes, and we have none"):
        make_probes(size=(4, 6, 8), channels=1)
    with pytest.raises(ForeignError, match="Images were given, but the network's input has 3 sides"):
        make_probes(size=(4, 6, 8), channels=3, source=npz(U=np.zeros((2, 5, 5), np.uint8)))


def test_our_digits_have_their_true_size_and_their_labels() -> None:
    from stn_viz.data import mnist

    stored = mnist()
    made = make_probes(size=(40, 60), channels=1)
    assert made.U.shape == (32, 1, 40, 60)
    assert made.labels.tolist() == [index % 10 for index in range(32)]
    first = stored.test[stored.test_labels == 0][0].numpy() / np.float32(255)
    np.testing.assert_allclose(made.U[0, 0, 6:34, 16:44], first, atol=1e-6)
    assert made.U[0].sum() == pytest.approx(float(first.sum()), rel=1e-5)  # black around it
    upright = stored.test[stored.test_labels == 3][0].numpy() / np.float32(255)
    assert np.abs(made.U[3, 0, 6:34, 16:44] - upright).max() > 0.5  # distorted
    assert made.U[3].sum() > 10  # and still inside the picture
    assert made.classes == tuple("0123456789")
    assert make_probes(size=(24, 94), channels=1).U.shape == (32, 1, 24, 94)


def test_our_photographs_fill_the_networks_size_unstretched() -> None:
    made = make_probes(size=(24, 94), channels=3)
    assert made.U.shape == (16, 3, 24, 94)
    assert (made.labels == -1).all()
    assert made.classes == ()
    assert made.U.min() >= 0
    assert made.U.max() <= 1
    assert made.U.reshape(16, -1).std(1).min() > 0.02  # each shows something
    with pytest.raises(ForeignError, match="takes 64 channels"):
        make_probes(size=(10, 10), channels=64)


def test_files_that_are_no_images(tmp_path: Path) -> None:
    cases: list[tuple[bytes, str]] = [
        (b"", "no npz that can be read"),
        (b"<html>", "no npz that can be read"),
        (npz(weights=np.zeros(3), bias=np.zeros(3)), "has no array named as images are .* it holds weights, bias"),
        (npz(U=np.array([{"a": 1}], dtype=object)), "U is of type object, expected plain numbers"),
        (npz(U=np.zeros((2, 5, 6, 7))), "in which no side is the channels'"),
        (npz(U=np.full((1, 1, 2, 2), np.nan)), "holds nan or inf"),
        (npz(U=np.zeros((0, 1, 2, 2))), "holds no image"),
        (npz(U=np.zeros((3, 1, 2, 2)))[:300], "no npz that can be read"),
    ]
    for content, sentence in cases:
        with pytest.raises(ForeignError, match=sentence):
            make_probes(size=(2, 2), channels=None, source=content)
    with pytest.raises(ForeignError, match=r"images\.npz cannot be read"):
        make_probes(size=(2, 2), channels=1, source=tmp_path / "images.npz")
    with pytest.raises(ForeignError, match="std is 0"):
        make_probes(size=(28, 28), channels=1, choices=Choices(size=(28, 28), std=(0.0,)))
    with pytest.raises(ForeignError, match="mean has 2 numbers"):
        make_probes(size=(28, 28), channels=1, choices=Choices(size=(28, 28), mean=(0.0, 1.0)))
