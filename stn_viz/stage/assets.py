"""What the browser fetches once: arrays by content hash, and bases by name, each with an immutable cache header.

    /asset/{key}                                            bytes that `put` was given; key = sha256, 32 hex digits
    /basis/{version}/{family}-{H}x{W}-{0|1}[-K].safetensors  a family's drawing basis, built on demand by torch;
                                                            K control points a side, for tps and free

The version is a hash of the code that builds a basis, so an upgrade never meets an old one in a browser's cache.
Everything is a safetensors file, which cannot execute anything.
"""

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import safetensors.numpy
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

ASSET_LIMIT = 256 * 2**20
BASIS_LIMIT = 128 * 2**20
LARGEST_SIDE = 1024
LARGEST_BENT_SIDE = 512  # of families in which straight lines bend: nine control points a side make it 85 MB

_IMMUTABLE = "public, max-age=31536000, immutable"
_BASIS = re.compile(r"([a-z][a-z0-9_]*)-([0-9]{1,4})x([0-9]{1,4})-([01])(?:-([0-9]{1,2}))?\.safetensors")
_TRANSFORMER = Path(__file__).parents[1] / "transformer"


class Store:
    """Bytes by key, at most `limit` of them in all; what was not asked for longest goes first. Safe across threads."""

    def __init__(self, limit: int) -> None:
        """An empty store for `limit` bytes."""
        self._limit = limit
        self._held: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def __setitem__(self, key: str, data: bytes) -> None:
        """Keep `data`; the newest stays even where it alone is over the limit."""
        with self._lock:
            self._size += len(data) - len(self._held.pop(key, b""))
            self._held[key] = data
            while self._size > self._limit and len(self._held) > 1:
                self._size -= len(self._held.popitem(last=False)[1])

    def get(self, key: str) -> bytes | None:
        """The bytes, now the newest; None if they were never put or had to go."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)


_assets = Store(ASSET_LIMIT)
_bases = Store(BASIS_LIMIT)
_one_at_a_time = threading.Lock()  # a basis takes torch and memory: thirty browsers that ask for one build it once


def put(data: bytes) -> str:
    """Keep `data` for the browser and return its key, the same for the same bytes everywhere."""
    key = hashlib.sha256(data).hexdigest()[:32]
    _assets[key] = data
    return key


def get(key: str) -> bytes | None:
    """What was put under `key`, or None."""
    return _assets.get(key)


def pack(arrays: Mapping[str, np.ndarray[Any, Any]]) -> bytes:
    """Arrays as one safetensors file; the stage reads float16/32/64, int32/64 and uint8."""
    return safetensors.numpy.save({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def paths(base: str = "") -> dict[str, str]:
    """Where the browser asks: {"asset": "/asset/", "basis": "/basis/{version}/"}, below `base`, server.baseUrlPath."""
    prefix = _prefix(base)
    return {"asset": f"{prefix}/asset/", "basis": f"{prefix}/basis/{_basis_version()}/"}


def routes(base: str = "") -> list[Route]:
    """The App's routes for both. They are not put under baseUrlPath by Streamlit, so `base` is written before each."""
    prefix = _prefix(base)
    return [
        Route(f"{prefix}/asset/{{key}}", _asset, methods=["GET"]),
        Route(f"{prefix}/basis/{{version}}/{{name}}", _basis, methods=["GET"]),
    ]


def basis_file(name: str) -> bytes:
    """The drawing basis that a file name stands for, such as "tps-28x28-0-4.safetensors". Imports torch; blocks.

    Raises:
        ValueError: one sentence, if the name is malformed, a side too long, or the family does not take these points.
    """
    match = _BASIS.fullmatch(name)
    if match is None:
        raise ValueError(f"no basis is named {name[:80]!r}: expected family-HxW-0.safetensors, such as affine-28x28-0.")
    family_name, H, W, align, K = match[1], int(match[2]), int(match[3]), match[4] == "1", match[5]
    if not (1 <= H <= LARGEST_SIDE and 1 <= W <= LARGEST_SIDE):
        raise ValueError(f"the basis is asked for at {H}x{W}: each side must be from 1 to {LARGEST_SIDE}.")
    with _one_at_a_time:
        if (held := _bases.get(name)) is None:
            held = _built(family_name, (H, W), align, None if K is None else int(K))
            _bases[name] = held
    return held


def _built(name: str, size: tuple[int, int], align_corners: bool, points: int | None) -> bytes:
    from safetensors.torch import save  # imported here: the first picture does not wait for torch

    from stn_viz.transformer import FAMILIES, family
    from stn_viz.transformer.drawing import drawing_basis

    if name not in FAMILIES:
        raise ValueError(f"no family is named {name!r}: expected one of {', '.join(FAMILIES)}.")
    try:
        made = family(name, size=size, align_corners=align_corners, **({} if points is None else {"points": points}))
    except TypeError:
        raise ValueError(f"family {name!r} takes no number of points: leave -{points} out of the name.") from None
    if not made.straight and max(size) > LARGEST_BENT_SIDE:
        raise ValueError(
            f"the basis is asked for at {size[0]}x{size[1]}: for family {name!r} each side must be from 1 to "
            f"{LARGEST_BENT_SIDE}. Choose a smaller V, or fewer points to average."
        )
    return save({key: tensor.contiguous() for key, tensor in drawing_basis(made).items()})


@cache
def _basis_version() -> str:
    digest = hashlib.sha256()
    for path in sorted(_TRANSFORMER.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def _prefix(base: str) -> str:
    return "/" + base.strip("/") if base.strip("/") else ""


async def _asset(request: Request) -> Response:
    data = get(request.path_params["key"])
    if data is None:
        return _missing("This asset is no longer held by the server. Reload the page.")
    return _file(data, _IMMUTABLE)


async def _basis(request: Request) -> Response:
    try:
        data = await to_thread.run_sync(basis_file, request.path_params["name"], limiter=_limiter())
    except ValueError as error:
        return _missing(str(error))
    # A page of before an upgrade asks under the old version: it gets today's basis, but must not keep it.
    current = request.path_params["version"] == _basis_version()
    return _file(data, _IMMUTABLE if current else "no-store")


@cache
def _limiter() -> anyio.CapacityLimiter:
    """Two threads for bases, so that a crowd that asks for them leaves Streamlit's own threads free."""
    return anyio.CapacityLimiter(2)


def _file(data: bytes, caching: str) -> Response:
    return Response(data, media_type="application/octet-stream", headers={"Cache-Control": caching})


def _missing(sentence: str) -> Response:
    return PlainTextResponse(sentence, status_code=404, headers={"Cache-Control": "no-store"})
