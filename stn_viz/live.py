"""The live line: a WebSocket on which the stage asks the network while the hand moves.

Wire, written down beside stage/state/line.js too; every message is one JSON object:

    server -> {"state": "loading" | "ready"}, or {"state": "failed", "error": sentence}
    client -> {"id": 7, "lens": "predictions", "view": {...}}, for an image that the run has not with
              "U": {"shape": [C, H, W], "data": base64 of its bytes, value x 255}
    server -> {"id": 7, "answer": {...}} or {"id": 7, "error": sentence}; with "again": true it was asked too fast

torch is slow to load, and the first picture does not need it: it is loaded here, behind the first connection. All
questions of all clients are answered by one thread with one torch thread: two of them inside a server answer a
twentieth as many questions (STAGE.md), and a question takes about a millisecond. A client's questions are
answered one after the other, so a client never has more than one in the queue.
"""

import asyncio
import base64
import json
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from starlette.websockets import WebSocket, WebSocketDisconnect

from stn_viz import shelf
from stn_viz.lens import LENSES, LensError
from stn_viz.runs import RunError
from stn_viz.view import View, ViewError

LONGEST_MESSAGE = 512 * 1024
"""Letters; a theta of 162 numbers takes 4,000, an image of 224 x 224 in colour 200,000."""

QUESTIONS_A_SECOND = 150.0
"""For one client, on average. A stage asks once a frame at most, and the fastest common screens draw 144 a second."""

_log = logging.getLogger(__name__)


class Engine:
    """The one thread that runs torch, and whether it is ready. `load` runs in it once, before any question."""

    def __init__(self, load: Callable[[], None]) -> None:
        """Nothing runs until `start`."""
        self._load = load
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._loaded: Future[None] | None = None

    def start(self) -> Future[None]:
        """Begin to load in the background, unless that has begun. The future is done when questions can be asked."""
        with self._lock:
            if self._pool is None or self._loaded is None:
                self._pool = ThreadPoolExecutor(1, thread_name_prefix="stn-viz-network")
                self._loaded = self._pool.submit(self._load)
            return self._loaded

    @property
    def ready(self) -> bool:
        """Whether loading has ended, well or not: waiting longer brings nothing."""
        return self._loaded is not None and self._loaded.done()

    @property
    def problem(self) -> str | None:
        """Why nothing can be asked, as one sentence or two; None while it loads and when it is loaded."""
        error = self._loaded.exception() if self._loaded is not None and self._loaded.done() else None
        reinstall = "Reinstall with: pip install -r requirements.txt"
        return None if error is None else f"The network cannot be loaded ({error}). {reinstall}"

    def submit(self, question: Callable[[], Any]) -> Future[Any]:
        """Run a question in the one thread, after those that wait."""
        self.start()
        assert self._pool is not None
        return self._pool.submit(question)


def _load() -> None:
    import torch

    torch.set_num_threads(1)  # holds for every thread of the process
    import stn_viz.networks
    import stn_viz.transformer  # noqa: F401  (loaded now, so that the first question need not)


engine = Engine(_load)


async def live(websocket: WebSocket) -> None:
    """One client's line, from its opening to its end. A bad message is answered with a sentence and never ends it."""
    if not _same_origin(websocket.headers.get("origin"), websocket.headers.get("host")):
        await websocket.close(1008)  # before accept: the handshake is refused with 403
        return
    await websocket.accept()
    try:
        await _say_when_ready(websocket)
        bucket = _Bucket(QUESTIONS_A_SECOND)
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if not bucket.take():
                await asyncio.sleep(0.05)  # a flood is read slowly, so it costs its sender more than us
                sentence = "Too fast: ask at most once a frame."
                reply = {"id": _id_of(message.get("text")), "error": sentence, "again": True}
            else:
                reply = await _reply(message.get("text"))
            await websocket.send_text(json.dumps(reply, allow_nan=False))
    except WebSocketDisconnect:
        return


async def _say_when_ready(websocket: WebSocket) -> None:
    loaded = engine.start()
    if not loaded.done():
        await websocket.send_json({"state": "loading"})
    try:
        await asyncio.shield(asyncio.wrap_future(loaded))
    except Exception:
        _log.exception("torch could not be loaded")
        await websocket.send_json({"state": "failed", "error": engine.problem})
        return
    await websocket.send_json({"state": "ready"})


async def _reply(text: str | None) -> dict[str, Any]:
    identity: int | str | None = None
    try:
        message = _parsed(text)
        identity = _identity(message)
        lens, view, U = _asked(message)
        return {"id": identity, "answer": await asyncio.wrap_future(engine.submit(lambda: _answer(lens, view, U)))}
    except (_BadMessageError, ViewError, LensError, RunError) as error:
        return {"id": identity, "error": str(error)}
    except Exception:  # a fault of ours: loud in the log, and the line goes on
        _log.exception("a question on the live line failed")
        return {"id": identity, "error": "The network could not answer this; the server's log says why."}


def _answer(lens: str, view: View, U: NDArray[np.float32] | None) -> dict[str, Any]:
    run = shelf.opened(view.run)
    answer = LENSES[lens](run, view) if U is None else LENSES[lens](run, view, U)
    json.dumps(answer, allow_nan=False)  # a lens that lets a nan through is at fault here, not at the socket
    return answer


class _BadMessageError(ValueError):
    """A message that is no question."""


def _parsed(text: str | None) -> dict[str, Any]:
    if text is None:
        raise _BadMessageError("The line takes text, not bytes: send one JSON object.")
    if len(text) > LONGEST_MESSAGE:
        raise _BadMessageError(f"The message has {len(text):,} letters; at most {LONGEST_MESSAGE:,} are read.")
    try:
        message = json.loads(text, parse_constant=_no_constant)
    except _BadMessageError:
        raise
    except (ValueError, RecursionError):
        raise _BadMessageError("The message is not JSON: send one object with id, lens and view.") from None
    if not isinstance(message, dict):
        raise _BadMessageError("The message is not an object: send one with id, lens and view.")
    return message


def _no_constant(name: str) -> None:
    raise _BadMessageError(f"The message holds {name}, which is not a number. Send finite numbers.")


def _asked(message: dict[str, Any]) -> tuple[str, View, NDArray[np.float32] | None]:
    lens = message.get("lens")
    if not isinstance(lens, str) or lens not in LENSES:
        raise _BadMessageError(f"There is no such lens to ask. The line answers: {', '.join(LENSES)}.")
    view = View.from_message(message.get("view"))
    return lens, view, None if message.get("U") is None else _image(message["U"])


def _image(sent: object) -> NDArray[np.float32]:
    """U of a question, (C, H, W), from 0 to 1. Whether it is of the network's size is for the lens to say."""
    shape = sent.get("shape") if isinstance(sent, dict) else None
    data = sent.get("data") if isinstance(sent, dict) else None
    sides = shape if isinstance(shape, list) and len(shape) == 3 else []
    if not sides or not all(type(side) is int and 1 <= side <= LONGEST_MESSAGE for side in sides):
        raise _BadMessageError("U is no image: send its shape as [C, H, W], whole numbers from 1 up, and its data.")
    try:
        values = base64.b64decode(data, validate=True) if isinstance(data, str) else b""
    except ValueError:
        values = b""
    if len(values) != sides[0] * sides[1] * sides[2]:
        raise _BadMessageError(
            f"U of {' x '.join(str(side) for side in sides)} came with {len(values):,} values: send one byte for each, "
            "in base64."
        )
    return np.frombuffer(values, np.uint8).reshape(sides).astype(np.float32) / np.float32(255)


def _identity(message: dict[str, Any]) -> int | str | None:
    """The question's id, if it is one that may be sent back as it came."""
    identity = message.get("id")
    if isinstance(identity, bool) or not isinstance(identity, int | str):
        return None
    return identity if len(str(identity)) <= 64 else None


def _id_of(text: str | None) -> int | str | None:
    try:
        return _identity(_parsed(text))
    except _BadMessageError:
        return None


def _same_origin(origin: str | None, host: str | None) -> bool:
    """Whether the page that connects came from this server. Without an Origin it is no browser, and holds no trust.

    Any page on the web may open a socket to a server on this machine; its Origin, which it cannot forge, tells.
    """
    if origin is None:
        return True
    try:
        parts = urlsplit(origin)
        asked = urlsplit(f"//{host}")
        standard = {"http": 80, "https": 443}.get(parts.scheme)
        return (
            standard is not None
            and parts.hostname is not None
            and parts.hostname == asked.hostname
            and (parts.port or standard) == (asked.port or standard)
        )
    except ValueError:  # a port that is no number
        return False


class _Bucket:
    """A token bucket: `rate` a second on average, and up to a second's worth at once."""

    def __init__(self, rate: float, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._now = now
        self._tokens = rate
        self._at = now()

    def take(self) -> bool:
        at = self._now()
        self._tokens = min(self._rate, self._tokens + (at - self._at) * self._rate)
        self._at = at
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
