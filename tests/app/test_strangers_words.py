"""What a stranger's names, files and web pages can do to the app: nothing."""

import asyncio
import io
from typing import Any

import pytest

from stn_viz import shelf
from stn_viz.hosts import KnownHosts
from stn_viz.pages import taking
from stn_viz.pages.cards import literal


class Dropped(io.BytesIO):
    def __init__(self, name: str) -> None:
        super().__init__(b"x")
        self.name, self.size = name, 1


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/x.pt", "x.pt"),
        ("C:\\nets\\x.pt", "x.pt"),
        ("..", "file"),
        ("", "file"),
        (".hidden.pt", "hidden.pt"),
        ("a\0b.pt", "ab.pt"),
        ("\ud800.pt", "_.pt"),
        ("\x1b]0;owned\x07.pt", "_]0;owned_.pt"),
        ("x" * 400 + ".pt", "x" * 57 + ".pt"),
    ],
)
def test_a_dropped_files_name_is_a_name_in_one_folder(name, kept):
    folder, paths = taking.keep([Dropped(name), Dropped(name)])
    assert paths[0].name == kept
    assert len({*paths}) == 2
    assert {path.parent for path in paths} == {paths[0].parent}
    folder.cleanup()


def test_markdown_shows_the_words_as_they_stand():
    assert literal("![i](http://x) :red[y] $z$") == r"\!\[i\]\(http\:\/\/x\) \:red\[y\] \$z\$"
    assert literal("plain words\n\n# here") == r"plain words \# here"


def answered(host: str, *, through: str = "127.0.0.1", kind: str = "http", **headers: str) -> bool:
    """Whether a request gets past the door."""
    passed, sent = [], []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        passed.append(scope)

    async def receive() -> Any:
        return {"type": f"{kind}.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": kind, "server": (through, 8501), "headers": [(b"host", host.encode()), *named], "method": "GET"}
    asyncio.run(KnownHosts(app, also=["stn.example", "https://other.example:443", ""])(scope, receive, send))
    assert passed or sent[0]["type"] in ("http.response.start", "websocket.close")
    return bool(passed)


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_through_the_loopback_only_this_machines_names_are_answered(kind):
    for host in ("localhost:8501", "LOCALHOST", "127.0.0.1:8501", "[::1]:8501", "stn.example", "other.example:8501"):
        assert answered(host, kind=kind), host
    for host in ("evil.example:8501", "localhost.evil.example", "127.0.0.1.evil.example", "", "[::1", "10.0.0.1"):
        assert not answered(host, kind=kind), host


def test_a_proxy_and_another_machine_are_answered():
    assert answered("stn.school.example", x_forwarded_for="10.0.0.7")
    assert answered("teacher.local:8501", through="192.168.1.5")
    assert answered("evil.example", kind="lifespan")


def test_open_runs_are_held_within_a_bound(monkeypatch):
    names = [entry.name for entry in shelf.listed() if entry.usable][:3]
    monkeypatch.setattr(shelf, "_OPEN_BYTES", 1)
    for name in names:
        shelf.opened(name)
    assert len(shelf._open) == 1
