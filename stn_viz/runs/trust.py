"""What this user has said yes to: files that hold code, remembered by the SHA-256 of their content.

A yes is for one very content: a file that changes by one bit is another file. The list is the user's own and lies in
their data folder, never beside a run, since a run's folder comes from anywhere.
"""

import json
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .info import RunError

MOST = 10_000  # the oldest are forgotten beyond that; asking again costs one click
MAX_BYTES = 16 * 2**20

_DIGEST = re.compile(r"[0-9a-f]{64}")


def data_folder() -> Path:
    """Where this user's own things lie: $STN_VIZ_HOME, else $XDG_DATA_HOME/stn-viz, else ~/.local/share/stn-viz."""
    home = os.environ.get("STN_VIZ_HOME")
    if home:
        return Path(home)
    data = os.environ.get("XDG_DATA_HOME")
    # The standard has a relative path ignored.
    return (Path(data) if data and Path(data).is_absolute() else Path.home() / ".local" / "share") / "stn-viz"


def trust(digest: str, what: str) -> None:
    """Remember a yes. `digest` is the SHA-256 of the file's content in hex; `what` says what it is, for the person.

    Raises: RunError if the digest is none, or if the list cannot be written.
    """
    if not _DIGEST.fullmatch(digest):
        raise RunError(f"{digest[:80]!r} is not a SHA-256 in hex (64 digits), so nothing can be trusted by it.")
    path = _path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _locked(path.parent):
            known = _read(path)
            known.pop(digest, None)  # the newest last
            known[digest] = {"what": what[:500], "when": datetime.now(UTC).isoformat(timespec="seconds")}
            _write(path, dict(list(known.items())[-MOST:]))
    except OSError as error:
        raise RunError(
            f"What you said yes to cannot be remembered in {path.parent} ({error.strerror}). "
            "Make the folder writable, or set STN_VIZ_HOME to one that is."
        ) from error


def is_trusted(digest: str) -> bool:
    """Whether this user said yes to the content with this SHA-256. A list that cannot be read trusts nothing.

    Neither does one that others than this user may write.
    """
    return bool(_DIGEST.fullmatch(digest)) and digest in _read(_path())


def _path() -> Path:
    return data_folder() / "trusted.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not _ours(os.fstat(file.fileno())):
                return {}
            content = file.read(MAX_BYTES + 1)
        known = json.loads(content) if len(content) <= MAX_BYTES else {}
    except (OSError, ValueError, RecursionError):
        return {}  # missing, or written by something else: then every yes is asked for again
    return known if isinstance(known, dict) else {}


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe in the list's place is no reason to hang


def _ours(found: os.stat_result) -> bool:
    """Whether nobody but this user (or root) can have written the list: a yes is theirs alone."""
    if not stat.S_ISREG(found.st_mode):
        return False
    if not hasattr(os, "getuid"):  # Windows says it otherwise
        return True
    return found.st_uid in (os.getuid(), 0) and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _write(path: Path, known: dict[str, Any]) -> None:
    # mkstemp makes the file 0600 from its first moment
    handle, waiting = tempfile.mkstemp(prefix=path.name, suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(known, file, indent=1)
        os.replace(waiting, path)
    except BaseException:
        Path(waiting).unlink(missing_ok=True)
        raise


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer at a time, where the system has file locks; two trainings that end together lose no yes."""
    with open(folder / "trusted.lock", "a") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        except (ImportError, OSError):
            pass  # Windows, some network disks: the rename alone still keeps the list whole
        yield
