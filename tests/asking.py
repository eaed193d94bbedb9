"""One GET through an app's routes by ASGI alone, without a server or a client library."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute


def get(routes: Sequence[BaseRoute], path: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers, body."""
    app = Starlette(routes=routes)
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "client": None,
        "root_path": "",
    }
    with ThreadPoolExecutor(1) as thread:  # of its own: while a browser is open, playwright's loop runs in this one
        thread.submit(asyncio.run, app(scope, receive, send)).result()
    headers = {key.decode(): value.decode() for key, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:])
