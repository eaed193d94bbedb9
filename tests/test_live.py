"""The live line answers every message on the same line, good or bad, and opens to its own pages alone."""

import asyncio
import base64
import json
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from small_run import make_run
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from stn_viz import live as line
from stn_viz.runs import open_run
from stn_viz.view import View

APP = Starlette(routes=[WebSocketRoute("/live", line.live)])
HERE = "127.0.0.1:8501"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    make_run(folder / "small")
    (folder / "broken").mkdir()
    return folder


@pytest.fixture(autouse=True)
def look_there(folder, monkeypatch):
    monkeypatch.setenv("STN_VIZ_RUNS", str(folder))


class Client:
    """The browser's end of one line, spoken to in ASGI's own messages; no socket in between."""

    def __init__(self) -> None:
        self.to_server: asyncio.Queue[dict] = asyncio.Queue()
        self.from_server: asyncio.Queue[dict] = asyncio.Queue()

    async def say(self, message: object) -> None:
        """Send a text as it is, bytes as bytes, anything else as JSON."""
        kind = "bytes" if isinstance(message, bytes) else "text"
        content = message if isinstance(message, str | bytes) else json.dumps(message)
        await self.to_server.put({"type": "websocket.receive", kind: content})

    async def hear(self) -> dict:
        message = await asyncio.wait_for(self.from_server.get(), 30)
        assert message["type"] == "websocket.send", message
        return json.loads(message["text"])

    async def ask(self, message: object) -> dict:
        await self.say(message)
        return await self.hear()


def on_the_line(talk: Callable[[Client], Awaitable[object]], *, origin: str | None = f"http://{HERE}") -> list[dict]:
    """Connect, wait for the handshake, talk, hang up. Gives what the server sent that was not heard."""

    async def run() -> list[dict]:
        client = Client()
        headers = [(b"host", HERE.encode())] + ([(b"origin", origin.encode())] if origin is not None else [])
        scope = {"type": "websocket", "path": "/live", "headers": headers, "query_string": b"", "subprotocols": []}
        await client.to_server.put({"type": "websocket.connect"})
        server = asyncio.ensure_future(APP(scope, client.to_server.get, client.from_server.put))
        await talk(client)
        await client.to_server.put({"type": "websocket.disconnect", "code": 1001})
        await asyncio.wait_for(server, 30)
        return [client.from_server.get_nowait() for _ in range(client.from_server.qsize())]

    with ThreadPoolExecutor(1) as thread:  # of its own: while a browser is open, playwright's loop runs in this one
        return thread.submit(asyncio.run, run()).result()


async def until_ready(client: Client) -> None:
    assert (await client.from_server.get())["type"] == "websocket.accept"
    state = await client.hear()
    if state == {"state": "loading"}:
        state = await client.hear()
    assert state == {"state": "ready"}


def question(identity: object = 1, **view: object) -> dict:
    return {"id": identity, "lens": "predictions", "view": {"run": "small", "image": 1, "step": 12} | view}


def test_a_question_is_answered_with_the_networks_probabilities(folder):
    answers = []

    async def talk(client):
        await until_ready(client)
        answers.append(await client.ask(question(7)))
        answers.append(await client.ask(question(8, theta=[0.5, 0, 0, 0, 0.5, 0])))

    on_the_line(talk)
    run = open_run(folder / "small")
    assert [answer["id"] for answer in answers] == [7, 8]
    np.testing.assert_allclose(answers[0]["answer"]["probabilities"], run.probabilities[-1, 1], atol=2**-11)
    assert answers[0]["answer"]["snapshot"] == 12
    assert answers[1]["answer"]["probabilities"] != answers[0]["answer"]["probabilities"]


def sent(U: np.ndarray) -> dict:
    return {"shape": list(U.shape), "data": base64.b64encode(U.tobytes()).decode()}


def test_a_question_may_bring_an_image_of_its_own(folder):
    run = open_run(folder / "small")
    U = np.round(run.probes.U[3] * 255).astype(np.uint8)
    answers = []

    async def talk(client):
        await until_ready(client)
        answers.append(await client.ask(question(1, picture="drawn") | {"U": sent(U)}))
        answers.append(await client.ask(question(2, image=3)))
        answers.append(await client.ask(question(3, image=3) | {"U": None}))

    on_the_line(talk)
    brought, known, again = (answer["answer"] for answer in answers)
    assert brought["probabilities"] == known["probabilities"] == again["probabilities"]
    assert brought["theta"] == known["theta"]
    assert (brought["loss"], known["loss"] is None) == (None, False)


def with_image(shape: object, data: object) -> dict:
    return question(3) | {"U": {"shape": shape, "data": data}}


NO_IMAGE = "U is no image: send its shape as [C, H, W], whole numbers from 1 up, and its data."
BAD = [
    (question(3) | {"U": "AAAA"}, 3, NO_IMAGE),
    (question(3) | {"U": {}}, 3, NO_IMAGE),
    (with_image([42, 42], ""), 3, NO_IMAGE),
    (with_image([1, 42, 42.0], ""), 3, NO_IMAGE),
    (with_image([1, True, 3], "AAAA"), 3, NO_IMAGE),
    (with_image([1, -1, -3], "AAAA"), 3, NO_IMAGE),
    (with_image([1, 10**30, 1], "AAAA"), 3, NO_IMAGE),
    (
        with_image([1, 2, 3], "AAAA"),
        3,
        "U of 1 x 2 x 3 came with 3 values: send one byte for each, in base64.",
    ),
    (with_image([1, 1, 3], "AA*AA"), 3, "U of 1 x 1 x 3 came with 0 values: send one byte for each, in base64."),
    (with_image([1, 1, 3], "ÄÄÄÄ"), 3, "U of 1 x 1 x 3 came with 0 values: send one byte for each, in base64."),
    (with_image([1, 1, 3], 7), 3, "U of 1 x 1 x 3 came with 0 values: send one byte for each, in base64."),
    (
        with_image([1, 1, 3], "AAAA"),
        3,
        "U is 1 x 1 x 3, but this network takes 1 x 42 x 42 (channels, height, width). Resize it first.",
    ),
    (question(3, picture="mnist:1"), 3, "picture is 'mnist:1', which is no image of this run. Send it along as U."),
    (question(3, size=[56, 56], theta=[1, 0, 0, 0, 1, 0]), 3, "The network takes 28 x 28; this V is 56 x 56."),
    (question(3, size=[5000, 56]), 3, "size is 5000x56; it must be V's height and width, each from 1 to 1024 pixels."),
    ("not JSON at all", None, "The message is not JSON: send one object with id, lens and view."),
    ("[" * 60_000, None, "The message is not JSON: send one object with id, lens and view."),
    ('{"id": ' + "9" * 5000 + "}", None, "The message is not JSON: send one object with id, lens and view."),
    ("[1, 2]", None, "The message is not an object: send one with id, lens and view."),
    ("x" * 600_000, None, "The message has 600,000 letters; at most 524,288 are read."),
    (b"\x00\x01", None, "The line takes text, not bytes: send one JSON object."),
    ('{"id": 3, "view": {"theta": [NaN]}}', None, "The message holds NaN, which is not a number. Send finite numbers."),
    ({"id": 3}, 3, "There is no such lens to ask. The line answers: predictions, site_input."),
    ({"id": "a", "lens": "__class__"}, "a", "There is no such lens to ask. The line answers: predictions, site_input."),
    ({"id": 3, "lens": "predictions"}, 3, "A view is an object with a run, an image and a step, not None."),
    ({"id": [1], "lens": "predictions", "view": {}}, None, "A view needs the name of a run."),
    (question(3, run="../../etc"), 3, "There is no run named '../../etc'. Choose one from the list."),
    (question(3, run="small/../small"), 3, "There is no run named 'small/../small'. Choose one from the list."),
    (question(3, run="small/"), 3, "There is no run named 'small/'. Choose one from the list."),
    (question(3, run="/"), 3, "There is no run named '/'. Choose one from the list."),
    (question(3, run="\x00"), 3, "There is no run named '\\x00'. Choose one from the list."),
    (question(3, run="broken"), 3, "broken is empty. Delete it, or train a run into it."),
    (question(3, image=5), 3, "image is 5, but run 'small' has 5 images: 0 to 4."),
    (question(3, image="1"), 3, "image is '1'; it must be a whole number from 0 up."),
    (question(3, theta=[1.0, 0.0]), 3, "theta has 2 entries, but family 'affine' has 6."),
    ('{"id": 3, "lens": "predictions", "view": {"run": "small", "theta": [1e999]}}', 3, None),
    (question(3, theta=[0.0] * 163), 3, "theta is list; it must be a list of 1 to 162 numbers."),
    (question(3, family="spiral", theta=[1.0]), 3, None),
    (question(3, family="projective", theta=[1, 0, 0, 0, 1, 0, -28, 0]), 3, None),
    (question(3, family="tps", points=4, theta=[0.0] * 31), 3, "theta has 31 entries, but family 'tps' has 32."),
]


@pytest.mark.parametrize(("message", "identity", "sentence"), BAD)
def test_a_bad_message_is_answered_with_a_sentence_and_the_line_goes_on(message, identity, sentence):
    replies = []

    async def talk(client):
        await until_ready(client)
        replies.append(await client.ask(message))
        replies.append(await client.ask(question("after")))

    on_the_line(talk)
    assert set(replies[0]) == {"id", "error"}
    assert replies[0]["id"] == identity
    assert len(replies[0]["error"]) < 300
    if sentence is not None:
        assert replies[0]["error"] == sentence
    assert "answer" in replies[1]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    some.recursive(
        some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
        lambda inner: (
            some.lists(inner, max_size=4)
            | some.dictionaries(
                some.sampled_from([*View("r").to_message(), "id", "view", "U", "shape", "data"]), inner, max_size=6
            )
        ),
        max_leaves=20,
    ),
    some.booleans(),
)
def test_no_message_whatever_breaks_the_line(content, as_view):
    replies = []

    async def talk(client):
        await until_ready(client)
        await client.say({"id": 1, "lens": "predictions", "view": content} if as_view else content)
        replies.append(await client.hear())

    on_the_line(talk)
    assert set(replies[0]) in ({"id", "error"}, {"id", "answer"})


def test_a_fault_of_ours_is_logged_and_the_line_goes_on(monkeypatch, caplog):
    def faulty(run, view):
        raise ZeroDivisionError("a secret of the house")

    monkeypatch.setattr(line, "LENSES", {**line.LENSES, "faulty": faulty, "nan": lambda run, view: {"a": float("nan")}})
    replies = []

    async def talk(client):
        await until_ready(client)
        replies.append(await client.ask(question(1) | {"lens": "faulty"}))
        replies.append(await client.ask(question(2) | {"lens": "nan"}))
        replies.append(await client.ask(question(3)))

    on_the_line(talk)
    for reply in replies[:2]:
        assert reply["error"] == "The network could not answer this; the server's log says why."
    assert "ZeroDivisionError: a secret of the house" in caplog.text
    assert "answer" in replies[2]


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        f"http://{HERE}.evil.example",
        "http://127.0.0.1:8502",
        "https://127.0.0.1",
        "null",
        "",
        "x:y:z",
    ],
)
def test_a_page_from_elsewhere_is_refused_before_the_line_opens(origin):
    async def talk(client):
        message = await asyncio.wait_for(client.from_server.get(), 10)
        assert message == {"type": "websocket.close", "code": 1008, "reason": ""}

    assert on_the_line(talk, origin=origin) == []


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://localhost:8501", "localhost:8501", True),
        ("HTTP://LocalHost:8501", "localhost:8501", True),
        ("https://viz.example", "viz.example", True),
        ("https://viz.example", "viz.example:443", True),
        ("http://viz.example", "viz.example:443", False),
        ("http://[::1]:8501", "[::1]:8501", True),
        ("file://", "localhost", False),
        ("http://a:8501", None, False),
        ("http://a:99999999", "a:99999999", False),
        (None, "localhost:8501", True),
    ],
)
def test_an_origin_is_the_servers_own_host_and_port(origin, host, same):
    assert line._same_origin(origin, host) is same


def test_a_flood_is_refused_and_ends_no_line(monkeypatch):
    monkeypatch.setattr(line, "QUESTIONS_A_SECOND", 5.0)
    replies = []

    async def talk(client):
        await until_ready(client)
        for number in range(12):
            await client.say(question(number))
        replies.extend([await client.hear() for _ in range(12)])
        await asyncio.sleep(0.5)
        replies.append(await client.ask(question("later")))

    on_the_line(talk)
    assert [reply["id"] for reply in replies] == [*range(12), "later"]
    refused = [reply for reply in replies[:12] if reply.get("error") == "Too fast: ask at most once a frame."]
    assert 3 <= len(refused) <= 7  # five at once, and one more every fifth of a second
    assert all(reply["again"] for reply in refused)
    assert "answer" in replies[12]


def test_a_bucket_holds_a_seconds_worth_and_refills_by_the_clock():
    now = [0.0]
    bucket = line._Bucket(10.0, now=lambda: now[0])
    assert [bucket.take() for _ in range(11)] == [True] * 10 + [False]
    now[0] = 0.25
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    now[0] = 60.0
    assert [bucket.take() for _ in range(11)] == [True] * 10 + [False]


def test_loading_is_said_first_and_ready_when_it_is_done(monkeypatch):
    gate = threading.Event()
    monkeypatch.setattr(line, "engine", line.Engine(lambda: gate.wait(30) and None))
    heard = []

    async def talk(client):
        assert (await client.from_server.get())["type"] == "websocket.accept"
        heard.append(await client.hear())
        assert not line.engine.ready
        gate.set()
        heard.append(await client.hear())
        assert line.engine.ready

    on_the_line(talk)
    assert heard == [{"state": "loading"}, {"state": "ready"}]


def test_a_torch_that_cannot_be_loaded_is_said(monkeypatch, caplog):
    def load():
        raise ImportError("no torch here")

    monkeypatch.setattr(line, "engine", line.Engine(load))
    heard = []

    async def talk(client):
        assert (await client.from_server.get())["type"] == "websocket.accept"
        heard.append(await client.hear())
        if heard[-1] == {"state": "loading"}:
            heard.append(await client.hear())

    on_the_line(talk)
    assert heard[-1]["state"] == "failed"
    assert heard[-1]["error"].startswith("The network cannot be loaded (no torch here).")


def test_the_loop_is_free_while_the_network_thinks(monkeypatch):
    def slow(run, view):
        time.sleep(0.3)
        return {}

    monkeypatch.setattr(line, "LENSES", {"slow": slow})
    ticks = []

    async def talk(client):
        await until_ready(client)
        await client.say(question(1) | {"lens": "slow"})
        start = time.monotonic()
        while client.from_server.empty():
            await asyncio.sleep(0.01)
            ticks.append(time.monotonic() - start)
        await client.hear()

    on_the_line(talk)
    assert len(ticks) > 10
    assert max(np.diff(ticks)) < 0.15


@pytest.fixture(scope="module")
def served(folder):
    """The line on a real server, as uvicorn has it."""
    server = uvicorn.Server(uvicorn.Config(APP, host="127.0.0.1", port=0, log_level="error", ws="websockets-sansio"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


def test_over_a_real_socket_two_clients_are_answered(served):
    address = f"ws://127.0.0.1:{served}/live"
    with connect(address, origin=f"http://127.0.0.1:{served}") as one, connect(address) as two:
        for socket in (one, two):
            while json.loads(socket.recv(timeout=30)) != {"state": "ready"}:
                pass
        one.send(json.dumps(question(1)))
        two.send(json.dumps(question(2, image=2)))
        assert "answer" in json.loads(one.recv(timeout=30))
        assert "answer" in json.loads(two.recv(timeout=30))


def test_over_a_real_socket_a_foreign_page_is_forbidden(served):
    with pytest.raises(InvalidStatus, match="403"):
        connect(f"ws://127.0.0.1:{served}/live", origin="http://evil.example").close()


LIGHT = """
import sys
import app, stn_viz, stn_viz.pages.charts, stn_viz.pages.handover, stn_viz.pages.session
from stn_viz import lens, shelf
from stn_viz.view import View
for entry in shelf.listed():
    if entry.usable:
        lens.within(shelf.opened(entry.name), View(entry.name), lens.opening(shelf.opened(entry.name)))
print("torch" in sys.modules, len(shelf.listed()))
"""


def test_what_the_first_picture_needs_is_imported_without_torch(folder):
    done = subprocess.run(
        [sys.executable, "-c", LIGHT], cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "2"]
