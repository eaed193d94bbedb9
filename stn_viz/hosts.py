"""Under which names this server answers, where it listens for this machine alone.

A page on the web may let its own name stand for 127.0.0.1 a moment after it was loaded ("DNS rebinding"). For the
browser it is then of one origin with this server, and may read and click like the person before it. What it cannot
change is the Host that the browser names: so a request that came in through the loopback has to name this machine.

A proxy on this machine forwards the outer name, and says that it forwards; other names are Streamlit's own settings.
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

FORWARDS = (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip")
REFUSED = "This server answers on this machine as localhost. For another name set browser.serverAddress to it."


class KnownHosts:
    """Middleware: refuses requests through the loopback for names that are not this machine's."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], also: Iterable[str] = ()) -> None:
        """`also`: further names, or addresses with a scheme, by which it may be called."""
        self.app = app
        self.also = frozenset(name for name in map(_name, also) if name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may be answered."""
        if scope["type"] not in ("http", "websocket") or self.may(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await PlainTextResponse(REFUSED, status_code=421)(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})  # before accept: refused with 403

    def may(self, scope: Scope) -> bool:
        """Whether a request may be answered."""
        through = (scope.get("server") or ("",))[0]
        if not _loopback(str(through)):
            return True
        headers = dict(scope.get("headers") or ())
        if any(name in headers for name in FORWARDS):
            return True
        host = _name(headers.get(b"host", b"").decode("latin1"))
        return host == "localhost" or host.endswith(".localhost") or _loopback(host) or host in self.also


def _name(address: str) -> str:
    try:
        return (urlsplit(address if "//" in address else f"//{address}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
