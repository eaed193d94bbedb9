"""Pictures beside the run's own: the test set by class and index, distorted as asked, and the gallery's files."""

import base64
import io
import json

import numpy as np
import pytest
import safetensors.numpy
import torch
import torch.nn.functional as F
from asking import get
from PIL import Image
from skimage.transform import SimilarityTransform, warp

from stn_viz import pictures
from stn_viz.data import TASKS, held_out, held_out_chunk, mnist
from stn_viz.transformer import family

SIZE = (42, 42)


def ask(address: str) -> tuple[int, dict[str, str], bytes]:
    return get(pictures.routes("base"), pictures.path("base") + address)


def pixels(found: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(found["U"]), np.uint8).reshape(found["shape"])


@pytest.mark.parametrize("kind", ["all", "7"])
def test_pages_hold_every_digit_of_a_class_once(kind) -> None:
    stored = mnist()
    expected = np.arange(10000) if kind == "all" else (stored.test_labels == 7).nonzero()[:, 0].numpy()
    found, page = [], 0
    while len(found) < len(expected):
        status, headers, body = ask(f"digits/{kind}-{page}.safetensors")
        assert status == 200
        assert "immutable" in headers["cache-control"]
        tensors = safetensors.numpy.load(body)
        assert tensors["total"].tolist() == [len(expected)]
        np.testing.assert_array_equal(tensors["U"], stored.test[tensors["index"]])
        np.testing.assert_array_equal(tensors["label"], stored.test_labels[tensors["index"]])
        found += tensors["index"].tolist()
        page += 1
    assert found == expected.tolist()
    status, _, body = ask(f"digits/{kind}-{page}.safetensors")
    assert status == 404
    assert b"beyond the last" in body


@pytest.mark.parametrize("task", TASKS)
def test_the_true_pose_brings_the_digit_back(task) -> None:
    found = pictures.digit(f"5:{task}:3", SIZE)
    assert found["shape"] == [1, *TASKS[task].size]
    assert found["label"] == mnist().test_labels[5]
    pose = found["pose"]
    options = {} if pose["points"] is None else {"points": pose["points"]}
    grid = family(pose["family"], size=(28, 28), **options).grid(torch.tensor([pose["theta"]]))
    U = torch.from_numpy(pixels(found).copy()).float()[None] / 255
    V = F.grid_sample(U, grid, align_corners=False)[0, 0]
    # Two bilinear samplings blur; clutter stays where it covers the digit.
    assert (V - mnist().test[5] / 255).abs().mean() < (0.08 if task == "tc" else 0.05)


def test_the_same_id_is_the_same_picture_and_another_seed_another() -> None:
    once, again, other = (pictures.digit(name, SIZE) for name in ("9:rts:1", "9:rts:1", "9:rts:2"))
    assert once == again
    assert once["U"] != other["U"]


def test_a_distortion_of_ones_own_is_scikit_images() -> None:
    status, headers, body = ask("digit/11:own:25:1.1:4:-3/40x50")
    assert status == 200
    assert "immutable" in headers["cache-control"]
    found = json.loads(body)
    assert found["shape"] == [1, 40, 50]
    # Pixel centres at half integers: the digit's (14, 14) goes to the picture's centre, moved by (4, -3).
    there = (
        SimilarityTransform(translation=(-13.5, -13.5))
        + SimilarityTransform(scale=1.1, rotation=np.radians(25))
        + SimilarityTransform(translation=(24.5 + 4, 19.5 - 3))
    )
    expected = warp(mnist().test[11].numpy() / 255, there.inverse, output_shape=(40, 50), order=1)
    np.testing.assert_allclose(pixels(found)[0] / 255, expected, atol=0.6 / 255)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("10000:rts:1", "digits 0 to 9999"),
        ("-1:rts:1", "digits 0 to 9999"),
        ("x:rts:1", "digits 0 to 9999"),
        ("5", "no distortion ''"),
        ("5:none:1", "no distortion 'none'"),
        ("5:rts:1.5", "takes one seed"),
        ("5:rts:99999999999999999999", "takes one seed"),
        ("5:rts", "takes one seed"),
        ("5:own:1:1:0", "takes 4 numbers"),
        ("5:own:nan:1:0:0", "takes 4 numbers"),
        ("5:own:1e9:1:0:0", "takes 4 numbers"),
        ("5:own:1:0:0:0", "scale is 0"),
    ],
)
def test_what_does_not_read_is_answered_in_a_sentence(name, sentence) -> None:
    status, headers, body = ask(f"digit/{name}/42x42")
    assert status == 404
    assert sentence in body.decode()
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("digit/5:own:0:1:0:0/9999x1", "from 1 to 256"),
        ("digit/5:own:0:1:0:0/large", "written as 42x42"),
        ("digits/../../app.py", None),
        ("digits/11-0.safetensors", "o page of digits"),
        ("gallery/LICENCES.md", "no such image"),
        ("gallery/..%2f..%2fview.py", None),
    ],
)
def test_addresses_that_are_none(address, sentence) -> None:
    status, _, body = ask(address)
    assert status == 404
    assert sentence is None or sentence in body.decode()


@pytest.mark.parametrize("name", pictures.FILES)
def test_the_gallerys_files_are_images_of_the_kind_they_say(name) -> None:
    _, headers, body = ask(f"gallery/{name}")
    assert headers["content-type"] == pictures.FILES[name]
    with Image.open(io.BytesIO(body)) as image:
        image.verify()
        assert Image.MIME[image.format] == pictures.FILES[name]


def test_every_image_of_the_package_is_in_the_list_and_has_its_licence() -> None:
    licences = (pictures.IMAGES / "LICENCES.md").read_text()
    files = {path.name for path in pictures.IMAGES.iterdir()} - {"LICENCES.md"}
    assert files == set(pictures.FILES)
    assert all(f"| {name} |" in licences for name in files)


def test_under_an_older_version_the_picture_comes_and_is_not_kept() -> None:
    status, headers, _ = get(pictures.routes(), "/picture/00000000/digit/5:rts:1/42x42")
    assert (status, headers["cache-control"]) == (200, "no-store")


@pytest.mark.parametrize("task", TASKS)
def test_an_image_of_the_test_set_is_the_one_that_trainings_are_tested_on(task) -> None:
    expected = held_out(task, 1234, 7)
    for index in (0, 499, 500, 1233):
        status, headers, body = ask(f"digit/{index}:held:{task}:7/42x42")
        assert status == 200
        assert "immutable" in headers["cache-control"]
        found = json.loads(body)
        np.testing.assert_array_equal(pixels(found), (expected.U[index] * 255).round().byte())
        np.testing.assert_array_equal(pixels(found) / np.float32(255), expected.U[index])  # what the network is given
        np.testing.assert_array_equal(np.float32(found["pose"]["theta"]), expected.pose[index])
        assert found["pose"]["family"] == expected.family
        assert found["label"] == expected.labels[index]


def test_the_last_chunk_of_the_test_set_is_there_and_none_behind_it() -> None:
    chunk = held_out_chunk("rts", 19, 0)
    np.testing.assert_array_equal(chunk.labels, mnist().test_labels[9500:])
    with pytest.raises(ValueError, match="chunks 0 to 19, but 20"):
        held_out_chunk("rts", 20, 0)


@pytest.mark.parametrize("name", ["5:held", "5:held:rts", "5:held:none:0", "5:held:rts:x", "5:held:rts:0:0"])
def test_an_image_of_the_test_set_is_named_by_task_and_seed(name) -> None:
    status, _, body = ask(f"digit/{name}/42x42")
    assert status == 404
    assert b"named by its task (r, rts, p, e, t, tc) and a seed" in body
