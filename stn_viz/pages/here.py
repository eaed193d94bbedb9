"""Who asks: whether the browser runs on the server's own machine, where its user's files and their yes are at hand."""

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

import streamlit as st

NOT_HERE = (
    "This page is open on another machine than the app runs on. So it takes dropped files alone, and no yes to code: "
    "both belong to the person at that machine. Open it there as localhost, or run python -m stn_viz import there."
)
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip")


def is_here() -> bool:
    """Whether this session's browser is local."""
    return is_local(st.context.headers, st.context.ip_address)


def is_local(headers: Mapping[str, str], address: str | None) -> bool:
    """Whether a request came from this very machine; in doubt, it did not.

    `address` is the other end of the connection, None for this machine (as Streamlit tells it). A proxy on this
    machine connects from it too, but forwards the outer host, keeps the page's Origin, or says that it forwards.
    """
    if any(name in headers for name in _FORWARDED) or not _loopback(address or "127.0.0.1"):
        return False
    origin = headers.get("Origin")
    return _local_host(f"//{headers.get('Host') or ''}") and (origin is None or _local_host(origin))


def _local_host(url: str) -> bool:
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return False
    return host is not None and (host == "localhost" or _loopback(host))


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
