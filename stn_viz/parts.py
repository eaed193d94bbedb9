"""What is too large of a run to be handed over whole: all records of one probe image at one site, asked for when shown.

    /part/{run}/{version}/grid-{site}-{image}.safetensors      step (S,), grid (S, H', W', 2) float16, of no family
    /part/{run}/{version}/features-{site}-{image}.safetensors  step (F,), features (F, c, h, w) float16: what a site
                                                               deep in the network samples; range (2,)

The version is the run's own, so that a run that is still being written never meets an older part in a browser's cache.
`range`, what is drawn black and white, is one for all steps and images of a site: what grows in training is seen to.
"""

import re
from functools import cache
from hashlib import blake2b
from typing import Any

import anyio
import numpy as np
from anyio import to_thread
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from stn_viz import shelf
from stn_viz.runs import Run, RunError
from stn_viz.stage import assets

LIMIT = 64 * 2**20
_NAME = re.compile(r"(grid|features)-([0-9]{1,3})-([0-9]{1,6})\.safetensors")
_TAILS = (0.5, 99.5)  # percent of a feature map's values: the few beyond are drawn black or white
_MOST = 2**20  # values that the tails are read from: a feature map has many more

_held = assets.Store(LIMIT)


class PartError(ValueError):
    """A part that cannot be given; its text is one sentence for the person who asked."""


def path(base: str = "") -> str:
    """Where the browser asks, below `base`, server.baseUrlPath."""
    base = base.strip("/")
    return f"/{base}/part/" if base else "/part/"


def routes(base: str = "") -> list[Route]:
    """The App's route; `base` is written before it, since Streamlit does not do it."""
    return [Route(f"{path(base)}{{run}}/{{version}}/{{name}}", _part, methods=["GET"])]


def part(run: Run, name: str) -> bytes:
    """One part of a run as a safetensors file, such as "grid-0-3.safetensors". Blocks.

    Raises: PartError for another name, or where the run has no such site, image, grid or feature map.
    """
    key = f"{run.path}/{run.version}/{name}"
    data = _held.get(key)
    if data is None:
        data = assets.pack(_arrays(run, name))
        _held[key] = data
    return data


def value_range(features: NDArray[Any]) -> NDArray[np.float32]:
    """The values of a feature map that are drawn black and white, (2,): one scale for all its steps and images.

    Shapes: features (F, n, c, h, w).
    """
    values = features.reshape(-1)
    values = values[:: max(1, values.size // _MOST)].astype(np.float32)
    low, high = np.percentile(values, _TAILS)
    # A map of one value has no range of its own: it is drawn mid-grey.
    return np.array([low, high] if high > low else [low - 0.5, low + 0.5], np.float32)


def inputs(run: Run) -> list[int | None]:
    """For each site, which sites share its U: the same number for equal inputs, 0 for the image, None where unknown."""
    known: dict[bytes, int] = {}
    numbers: list[int | None] = []
    for index, site in enumerate(run.sites):
        if site.on_image:
            numbers.append(0)
            continue
        found = run.features(index)
        if found is None:
            numbers.append(None)
            continue
        digest = blake2b(np.ascontiguousarray(found[1]).data, digest_size=16).digest()
        numbers.append(known.setdefault(digest + repr(found[1].shape).encode(), len(known) + 1))
    return numbers


def _arrays(run: Run, name: str) -> dict[str, NDArray[Any]]:
    match = _NAME.fullmatch(name)
    if match is None:
        raise PartError(f"no part of a run is named {name[:40]!r}: expected grid-0-0.safetensors, site and image.")
    kind, site, image = match[1], int(match[2]), int(match[3])
    if site >= len(run.sites):
        raise PartError(f"site {site} was asked for, but this run has {len(run.sites)}.")
    if image >= len(run.probes.labels):
        raise PartError(f"image {image} was asked for, but this run has {len(run.probes.labels)}.")
    if kind == "grid":
        grid = run.grid(site)
        if grid is None:
            raise PartError(f"site {site} is of a family: its grid is made from theta.")
        return {"step": _steps(run.steps), "grid": grid[:, image]}
    found = run.features(site)
    if found is None:
        raise PartError(f"this run keeps no feature maps of site {site}.")
    steps, features = found
    return {"step": _steps(steps), "features": features[:, image], "range": value_range(features)}


def _steps(steps: NDArray[Any]) -> NDArray[np.float64]:
    return steps.astype(np.float64)  # exact up to 2^53, which the browser reads without BigInt


async def _part(request: Request) -> Response:
    try:
        data, current = await to_thread.run_sync(_of_request, dict(request.path_params), limiter=_limiter())
    except (PartError, RunError) as error:
        sentence = str(error)
        return PlainTextResponse(
            sentence[:1].upper() + sentence[1:], status_code=404, headers={"Cache-Control": "no-store"}
        )
    # A page of before the run was rewritten gets today's records, each with its step, but must not keep them.
    caching = "public, max-age=31536000, immutable" if current else "no-store"
    return Response(data, media_type="application/octet-stream", headers={"Cache-Control": caching})


def _of_request(asked: dict[str, str]) -> tuple[bytes, bool]:
    run = shelf.opened(asked["run"])
    return part(run, asked["name"]), asked["version"] == run.version


@cache
def _limiter() -> anyio.CapacityLimiter:
    """Two threads, so that a class that scrubs through a run leaves Streamlit's own threads free."""
    return anyio.CapacityLimiter(2)
