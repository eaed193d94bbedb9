"""assets.py: what was put comes back under its hash with an immutable header; bases are built on demand, or refused."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from asking import get

from stn_viz.stage import assets
from stn_viz.transformer import drawing_basis, family


def ask(path: str, base: str = "") -> tuple[int, dict[str, str], bytes]:
    return get(assets.routes(base), path)


def test_bytes_come_back_under_their_hash_and_may_be_kept_for_ever() -> None:
    key = assets.put(b"some bytes")
    assert key == hashlib.sha256(b"some bytes").hexdigest()[:32] == assets.put(b"some bytes")
    assert assets.get(key) == b"some bytes"
    status, headers, body = ask(assets.paths()["asset"] + key)
    assert (status, body) == (200, b"some bytes")
    assert headers["cache-control"] == "public, max-age=31536000, immutable"


def test_an_unknown_key_says_what_to_do_and_is_not_kept() -> None:
    status, headers, body = ask("/asset/" + "0" * 32)
    assert (status, headers["cache-control"]) == (404, "no-store")
    assert body == b"This asset is no longer held by the server. Reload the page."


def test_the_routes_stand_under_the_base_path() -> None:
    key = assets.put(b"x")
    assert assets.paths("/some/app/")["asset"] == "/some/app/asset/"
    assert ask(f"/some/app/asset/{key}", "some/app")[0] == 200
    assert ask(f"/asset/{key}", "some/app")[0] == 404


def test_the_store_is_bounded_and_forgets_what_was_not_asked_for_longest() -> None:
    store = assets.Store(limit=10)
    store["a"], store["b"] = b"1234", b"5678"
    assert store.get("a") == b"1234"  # now newer than b
    store["c"] = b"90ab"
    assert (store.get("a"), store.get("b"), store.get("c")) == (b"1234", None, b"90ab")
    store["a"] = b"123456"  # again, and larger: counted once
    assert (store.get("a"), store.get("c")) == (b"123456", b"90ab")
    store["d"] = b"x" * 11  # over the limit alone: kept, since the page that just put it will ask for it
    assert (store.get("a"), store.get("d")) == (None, b"x" * 11)


def test_pack_writes_what_safetensors_reads_also_from_a_view() -> None:
    arrays = {"x": np.arange(12, dtype="f4").reshape(3, 4).T, "y": np.array([1, 2], "i4")}
    found = safetensors.numpy.load(assets.pack(arrays))
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("affine-5x7-0", family("affine", size=(5, 7), align_corners=False)),
        ("projective-5x7-1", family("projective", size=(5, 7), align_corners=True)),
        ("tps-4x6-0-3", family("tps", size=(4, 6), align_corners=False, points=3)),
        ("tps-4x6-0", family("tps", size=(4, 6), align_corners=False)),
        ("free-4x6-1-5", family("free", size=(4, 6), align_corners=True, points=5)),
        ("attention-3x1024-0", family("attention", size=(3, 1024), align_corners=False)),
        ("tps-1x512-0-2", family("tps", size=(1, 512), align_corners=False, points=2)),
    ],
)
def test_a_basis_is_the_drawing_basis(name, made) -> None:
    status, headers, body = ask(f"{assets.paths()['basis']}{name}.safetensors")
    assert (status, headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    found, expected = safetensors.numpy.load(body), drawing_basis(made)
    assert found.keys() == expected.keys()
    for key, tensor in expected.items():
        torch.testing.assert_close(torch.from_numpy(found[key]), tensor, rtol=0, atol=0)


def test_a_page_of_before_an_upgrade_gets_todays_basis_and_does_not_keep_it() -> None:
    status, headers, _ = ask("/basis/0ldc0de/affine-5x7-0.safetensors")
    assert (status, headers["cache-control"]) == (200, "no-store")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("affine", "no basis is named 'affine': expected family-HxW-0.safetensors"),
        ("affine-5x7-2.safetensors", "no basis is named 'affine-5x7-2.safetensors'"),
        ("affine-0x7-0.safetensors", "the basis is asked for at 0x7: each side must be from 1 to 1024."),
        ("affine-5x1025-0.safetensors", "the basis is asked for at 5x1025: each side must be from 1 to 1024."),
        (
            "tps-5x513-0.safetensors",
            "the basis is asked for at 5x513: for family 'tps' each side must be from 1 to 512",
        ),
        (
            "free-5x513-1-5.safetensors",
            "the basis is asked for at 5x513: for family 'free' each side must be from 1 to",
        ),
        ("tps-5x7-0-9.safetensors", "A thin plate spline takes from 2 to 8 control points a side, got points=9."),
        ("tps-5x7-0-0.safetensors", "A thin plate spline takes from 2 to 8 control points a side, got points=0."),
        ("free-5x7-0-4.safetensors", "A free form takes from 5 to 9 control points a side, got points=4."),
        ("affine-5x7-0-4.safetensors", "family 'affine' takes no number of points: leave -4 out of the name."),
        ("swirl-5x7-0.safetensors", "no family is named 'swirl': expected one of affine"),
    ],
)
def test_a_bad_name_is_refused_in_one_sentence(name, sentence) -> None:
    status, headers, body = ask(assets.paths()["basis"] + name)
    assert (status, headers["cache-control"]) == (404, "no-store")
    assert body.decode().startswith(sentence)


def test_the_routes_do_not_wait_for_torch() -> None:
    """The server imports the routes before the first picture; torch is for the first basis."""
    code = "import sys, stn_viz.stage.assets as a; a.routes(); a.paths(); sys.exit('torch' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
