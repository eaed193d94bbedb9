"""Pictures beside the run's own: MNIST's test set with a distortion of one's own choosing, and the gallery's files.

    /picture/{version}/digits/{0..9|all}-{page}.safetensors   thumbnails: U (n, 28, 28) bytes, index, label, total
    /picture/{version}/digit/{id}/{H}x{W}                     one digit, distorted, as JSON with its true pose
    /picture/{version}/gallery/{file}                         an image of the package

An id is "1234:rts:3" (index in the test set, task of the paper, seed), "1234:own:30:0.9:4:-2" (angle in degrees,
scale, shift in pixels x and y), or "1234:held:rts:0" (task and seed of a run): image 1234 of those that trainings of
this task and seed are tested on, byte for byte, where "1234:rts:0" is a draw of its own. The same id gives the same
picture, so a link brings it back; the version in the address is a hash of what makes the pictures, so an upgrade never
meets an old one in a browser's cache.
"""

import base64
import hashlib
import math
import re
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

import anyio
import numpy as np
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from stn_viz.stage import assets

PAGE = 60
IMAGES = Path(__file__).parent / "data" / "images"
FILES = {
    "astronaut.jpg": "image/jpeg",
    "brick.png": "image/png",
    "chelsea.png": "image/png",
    "china.jpg": "image/jpeg",
    "coffee.jpg": "image/jpeg",
    "coins.png": "image/png",
    "horse.png": "image/png",
    "text.png": "image/png",
}
LARGEST_SIDE = 256
LARGEST_SEED = 10**6
FARTHEST = 10**3  # of an own distortion's numbers: beyond it there is nothing to see

_PAGE_NAME = re.compile(r"([0-9]|all)-([0-9]{1,4})\.safetensors")
_SIZE = re.compile(r"([0-9]{1,4})x([0-9]{1,4})")


class PictureError(ValueError):
    """A picture that cannot be given; its text is one sentence for the person who asked."""


def path(base: str = "") -> str:
    """Where the browser asks, below `base`, server.baseUrlPath."""
    return f"{_root(base)}{_version()}/"


def routes(base: str = "") -> list[Route]:
    """The App's routes; `base` is written before each, since Streamlit does not do it."""
    at = _root(base) + "{version}/"
    return [
        Route(f"{at}digits/{{name}}", _digits, methods=["GET"]),
        Route(f"{at}digit/{{id}}/{{size}}", _digit, methods=["GET"]),
        Route(f"{at}gallery/{{name}}", _gallery, methods=["GET"]),
    ]


def _root(base: str) -> str:
    base = base.strip("/")
    return f"/{base}/picture/" if base else "/picture/"


@cache
def _version() -> str:
    digest = hashlib.sha256()
    for file in [Path(__file__), *sorted(IMAGES.parent.glob("*.py")), *sorted(IMAGES.iterdir())]:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:8]


def digits_page(name: str) -> bytes:
    """A page of the test set's digits as a safetensors file; "7-0.safetensors" is the first of the sevens. Blocks.

    Raises: PictureError for another name or a page beyond the last.
    """
    match = _PAGE_NAME.fullmatch(name)
    if match is None:
        raise PictureError(f"no page of digits is named {name[:40]!r}: expected 7-0.safetensors or all-0.safetensors.")
    U, labels = _test_set()
    chosen = np.arange(len(labels)) if match[1] == "all" else np.flatnonzero(labels == int(match[1]))
    page = chosen[int(match[2]) * PAGE :][:PAGE]
    if not len(page):
        raise PictureError(
            f"there are {len(chosen)} of these digits, {PAGE} a page: page {match[2]} is beyond the last."
        )
    return assets.pack(
        {
            "U": U[page],
            "index": page.astype(np.int32),
            "label": labels[page].astype(np.int32),
            "total": np.array([len(chosen)], np.int32),
        }
    )


def digit(name: str, size: tuple[int, int]) -> dict[str, Any]:
    """One distorted digit, fit for JSON. Imports torch; blocks.

    Args:
        name: "1234:rts:3", "1234:own:30:0.9:4:-2" or "1234:held:rts:0", as the module says.
        size: (H, W) of the picture for a distortion of one's own; the paper's tasks have their own sizes.

    Returns:
        {"U": base64 of bytes, "shape": [1, H, W], "label", "pose": {"family", "points", "theta"}}; U in steps of 1/255.

    Raises:
        PictureError: one sentence, for an id that does not read or numbers out of bounds.
    """
    import torch

    from stn_viz.data import TASKS, distort, mnist, place

    index, kind, *given = [*name.split(":"), ""] if ":" not in name else name.split(":")
    labels = mnist().test_labels
    if not index.isdecimal() or len(index) > 5 or int(index) >= len(labels):
        raise PictureError(f"the test set has digits 0 to {len(labels) - 1}, but {index[:20]!r} was asked for.")
    at = int(index)
    if kind == "own":
        values = _numbers(given, 4)
        angle, scale, x, y = values
        if not 0.1 <= abs(scale) <= 10:
            raise PictureError(f"the scale is {scale:g}: it must be from 0.1 to 10.")
        _check_size(size)
        drawn = place(mnist().test[at : at + 1], angle_deg=angle, scale=scale, shift_px=(x, y), size=size)
    elif kind == "held":
        drawn = _held_out(at, given)
    elif kind in TASKS:
        if len(given) != 1 or not _is_seed(given[0]):
            raise PictureError(f"a distortion {kind!r} takes one seed, a whole number from 0 to {LARGEST_SEED:,}.")
        # Clutter comes from the other digits of a batch: these, so that the same id gives the same picture.
        batch = [at, *((at + 1 + k) % len(labels) for k in range(8))] if kind == "tc" else [at]
        drawn = distort(mnist().test[batch], kind, torch.Generator().manual_seed(int(given[0])))
    else:
        raise PictureError(f"there is no distortion {kind[:20]!r}: choose one of {', '.join(TASKS)}, held or own.")
    U = drawn.U[0].mul(255).round().byte().numpy()
    return {
        "U": base64.b64encode(U.tobytes()).decode(),
        "shape": list(U.shape),
        "label": int(labels[at]),
        "pose": {
            "family": drawn.family,
            "points": 4 if drawn.family == "tps" else None,
            "theta": [float(value) for value in drawn.pose[0]],
        },
    }


def _held_out(index: int, given: list[str]) -> Any:
    """The image of a run's test set, its pose and family; `given` is its task and seed."""
    from stn_viz.data import CHUNK, TASKS, Distorted

    if len(given) != 2 or given[0] not in TASKS or not _is_seed(given[1]):
        raise PictureError(
            f"an image of a run's test set is named by its task ({', '.join(TASKS)}) and a seed from 0 to "
            f"{LARGEST_SEED:,}: 1234:held:rts:0."
        )
    chunk = _chunk(given[0], index // CHUNK, int(given[1]))
    only = slice(index % CHUNK, index % CHUNK + 1)
    return Distorted(chunk.U[only], chunk.pose[only], chunk.family)


def _is_seed(word: str) -> bool:
    return word.isdecimal() and int(word[:8]) <= LARGEST_SEED


@lru_cache(maxsize=8)
def _chunk(task: str, number: int, seed: int) -> Any:
    """At most 7 MB each; somebody looks through the errors of one run, and most of them lie in its first chunks."""
    from stn_viz.data import held_out_chunk

    return held_out_chunk(task, number, seed)


def _numbers(given: list[str], count: int) -> list[float]:
    try:
        values = [float(word) for word in given]
    except ValueError:
        values = []
    if len(values) != count or not all(math.isfinite(value) and abs(value) <= FARTHEST for value in values):
        raise PictureError(
            f"a distortion of one's own takes {count} numbers up to {FARTHEST}: angle, scale, shift x and y."
        )
    return values


def _check_size(size: tuple[int, int]) -> None:
    if not all(1 <= side <= LARGEST_SIDE for side in size):
        raise PictureError(
            f"the picture is asked for at {size[0]} x {size[1]}: each side must be from 1 to {LARGEST_SIDE}."
        )


@cache
def _test_set() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Digits (10000, 28, 28) and labels, without torch: thumbnails need not wait for it."""
    with np.load(IMAGES.parent / "mnist.npz", allow_pickle=False) as stored:
        return stored["x_test"], stored["y_test"]


async def _digits(request: Request) -> Response:
    try:
        data = await to_thread.run_sync(digits_page, request.path_params["name"], limiter=_limiter())
    except PictureError as error:
        return _missing(error)
    return Response(data, media_type="application/octet-stream", headers=_caching(request))


async def _digit(request: Request) -> Response:
    try:
        match = _SIZE.fullmatch(request.path_params["size"])
        if match is None:
            raise PictureError("a picture's size is written as 42x42.")
        ask = partial(digit, request.path_params["id"], (int(match[1]), int(match[2])))
        found = await to_thread.run_sync(ask, limiter=_limiter())
    except PictureError as error:
        return _missing(error)
    return JSONResponse(found, headers=_caching(request))


async def _gallery(request: Request) -> Response:
    kind = FILES.get(request.path_params["name"])
    if kind is None:
        return _missing(PictureError("the gallery has no such image."))
    data = await to_thread.run_sync((IMAGES / request.path_params["name"]).read_bytes, limiter=_limiter())
    return Response(data, media_type=kind, headers=_caching(request))


def _caching(request: Request) -> dict[str, str]:
    """A page of before an upgrade asks under the old version: it gets today's picture, but must not keep it."""
    current = request.path_params["version"] == _version()
    return {"Cache-Control": "public, max-age=31536000, immutable" if current else "no-store"}


def _missing(error: PictureError) -> Response:
    sentence = str(error)
    return PlainTextResponse(
        sentence[:1].upper() + sentence[1:], status_code=404, headers={"Cache-Control": "no-store"}
    )


@cache
def _limiter() -> anyio.CapacityLimiter:
    """Two threads, so that a class that browses the digits leaves Streamlit's own threads free."""
    return anyio.CapacityLimiter(2)
