"""The lenses over a training by address: what the Learning page and the film fetch, each answer once.

    /ask/{run}/{version}/{lens}.safetensors?image=3&step=833&site=0&count=1000

An answer is a safetensors file; its metadata "facts" is JSON. image, step and site are the view's, every other word is
the lens's own option. The version is the run's, so that a run that is being written never meets an older answer.
Answers are made one at a time beside the live line's thread, since a second thread of torch slows both down, and the
newest are kept.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import safetensors.numpy
from numpy import ascontiguousarray
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from stn_viz import shelf
from stn_viz.lens import LensError
from stn_viz.lens.learning import Answer, ask
from stn_viz.live import engine
from stn_viz.runs import RunError
from stn_viz.stage import assets
from stn_viz.view import View, ViewError

LIMIT = 64 * 2**20
_OPTION = re.compile(r"[a-z_]{1,20}")
_LONGEST = 400  # letters of an option

_held = assets.Store(LIMIT)


def path(base: str = "") -> str:
    """Where the browser asks, below `base`, server.baseUrlPath."""
    base = base.strip("/")
    return f"/{base}/ask/" if base else "/ask/"


def routes(base: str = "") -> list[Route]:
    """The App's route; `base` is written before it, since Streamlit does not do it."""
    return [Route(f"{path(base)}{{run}}/{{version}}/{{lens}}.safetensors", _ask, methods=["GET"])]


def pack(answer: Answer) -> bytes:
    """An answer as a safetensors file with its facts."""
    arrays = {name: ascontiguousarray(array) for name, array in answer.arrays.items()}
    return safetensors.numpy.save(arrays, metadata={"facts": json.dumps(dict(answer.facts), allow_nan=False)})


def answered(run_name: str, lens: str, query: Mapping[str, str]) -> tuple[bytes, str]:
    """The packed answer and the version of the run that gave it. Blocks; imports torch where the lens does.

    Raises: LensError, RunError or ViewError with one sentence for the person who asked.
    """
    options = dict(query)
    view = View.from_message({"run": run_name, **{name: _count(name, options) for name in ("image", "step", "site")}})
    for name, value in options.items():
        if not _OPTION.fullmatch(name) or len(value) > _LONGEST:
            raise LensError(f"{name[:20]!r} is no option of a lens.")
    run = shelf.opened(run_name)
    key = json.dumps([str(run.path), run.version, lens, view.to_message(), options], sort_keys=True)
    data = _held.get(key)
    if data is None:
        data = pack(ask(run, view, lens, options))
        _held[key] = data
    return data, run.version


def _count(name: str, options: dict[str, str]) -> int:
    text = options.pop(name, "0")
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise ViewError(f"{name} is {text[:40]!r}; it must be a whole number from 0 up.")
    return int(text)


async def _ask(request: Request) -> Response:
    asked = request.path_params
    try:
        await asyncio.shield(asyncio.wrap_future(engine.start()))  # torch, with one thread for the whole process
        query = dict(request.query_params)
        loop = asyncio.get_running_loop()
        data, version = await loop.run_in_executor(_worker(), answered, asked["run"], asked["lens"], query)
    except (LensError, RunError, ViewError) as error:
        sentence = str(error)
        return PlainTextResponse(
            sentence[:1].upper() + sentence[1:], status_code=404, headers={"Cache-Control": "no-store"}
        )
    caching = "public, max-age=31536000, immutable" if asked["version"] == version else "no-store"
    return Response(data, media_type="application/octet-stream", headers={"Cache-Control": caching})


@cache
def _worker() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="stn-viz-learning")
