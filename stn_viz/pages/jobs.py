"""Long work of a session: in a thread of its own, told how far it is, stopped when asked, its result kept.

torch is asked by one thread at a time in this server (live.py): an import traces and exports networks, which patches
torch for the whole process. So a job that computes borrows the engine's thread for as long as one checkpoint takes,
and gives it back in between: then the live line's questions, which wait, are answered first.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import thread as pools
from contextlib import contextmanager
from typing import Any, Literal

from stn_viz import live
from stn_viz.runs import RunError

State = Literal["running", "done", "cancelled", "failed"]

_log = logging.getLogger(__name__)


class CancelledError(Exception):
    """Somebody asked the job to stop, and it did."""


class Job:
    """One piece of work, begun at once. A page reads it at each rerun; no reader ever waits for it."""

    def __init__(self, work: Callable[["Job"], Any]) -> None:
        """Begin `work(job)`; what it returns is `result`, a RunError of it is `error`."""
        self.done, self.total = 0, 0
        self.result: Any = None
        self.error = ""
        self.state: State = "running"
        self._stop = threading.Event()
        self._work = work
        self._give_back: Callable[[], None] | None = None
        self.thread = threading.Thread(target=self._run, name="stn-viz-job", daemon=True)
        self.thread.start()

    @property
    def running(self) -> bool:
        """Whether it is still at work; also after a cancel, until it has stopped."""
        return self.state == "running"

    def cancel(self) -> None:
        """Ask it to stop at its next step."""
        self._stop.set()

    def cancelled(self) -> bool:
        """Whether it was asked to stop: what the work itself looks at."""
        return self._stop.is_set()

    def progress(self, done: int, total: int) -> None:
        """Say how far it is; between two steps, those who wait for the engine get their turn."""
        self.done, self.total = done, total
        if self._give_back is not None:
            self._give_back()
            self._give_back = _borrow()

    @contextmanager
    def computing(self) -> Iterator[None]:
        """For the block, no other thread of the server runs torch; `progress` lets the others in."""
        self._give_back = _borrow()
        try:
            yield
        finally:
            self._give_back()
            self._give_back = None

    def _run(self) -> None:
        try:
            self.result = self._work(self)
            self.state = "cancelled" if self._stop.is_set() and self.result is None else "done"
        except CancelledError:
            self.state = "cancelled"
        except RunError as error:
            self.error, self.state = str(error), "failed"
        except Exception:  # a fault of ours: loud in the log, one sentence on the page
            _log.exception("a job of the Runs page failed")
            self.error, self.state = "This could not be finished; the server's log says why.", "failed"


def _borrow() -> Callable[[], None]:
    """Wait for the engine's thread and hold it; the answer gives it back."""
    held, returned = threading.Event(), threading.Event()

    def lend() -> None:
        held.set()
        # A server that is told to stop waits for this thread, so it must not wait for a job.
        while not returned.wait(0.5) and not getattr(pools, "_shutdown", False):
            pass

    live.engine.submit(lend)
    held.wait()
    return returned.set
