"""The real app in a real browser: `streamlit run app.py` on a folder of small runs, made once for all tests."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import numpy as np
import pytest
from driver import Stage
from oracle import Truth
from playwright.sync_api import Browser, BrowserContext, Page
from room_driver import Room

from stn_viz.runs import open_run

ROOT = Path(__file__).parents[2]
MAIN = "small-st-cnn"
PLAIN = "small-cnn"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs that the app shows, read by all tests and changed by none."""
    return make_runs(tmp_path_factory.mktemp("runs"))


def make_runs(folder: Path) -> Path:
    """Two runs, cut short, and four copies of the first that are broken, each in its own way.

    They are parts of the bundled ones: a training of our own would end elsewhere on another processor, and with it
    every place that a test points at.
    """
    shorten(ROOT / "checkpoints" / "rts-st-cnn-affine", folder / MAIN, snapshots=(0, 124, 467, 833, 2713, 16848))
    shorten(ROOT / "checkpoints" / "rts-cnn", folder / PLAIN, snapshots=(0, 16848))
    (folder / "void").mkdir()
    newer = shutil.copytree(folder / MAIN, folder / "newer") / "run.json"
    newer.write_text(json.dumps(json.loads(newer.read_text()) | {"format": 99}))
    last = sorted(shutil.copytree(folder / MAIN, folder / "cut").glob("step_*"))[-1]
    last.write_bytes(last.read_bytes()[:1000])
    trace = shutil.copytree(folder / MAIN, folder / "diverged") / "trace.npz"
    columns = dict(np.load(trace))
    columns["theta_0"][40:] = np.nan
    np.savez(trace, **columns)
    return folder


def shorten(source: Path, folder: Path, *, snapshots: tuple[int, ...], records: int = 60, probes: int = 10) -> None:
    """Some of a run's records, probes and snapshots, as a run of its own."""
    folder.mkdir()
    run = open_run(source)
    even = np.linspace(0, len(run.steps) - 1, records - len(snapshots)).round().astype(int)
    kept = np.union1d(even, np.searchsorted(run.steps, snapshots))
    by_probe = ("probe_loss", "probabilities", "theta_0")
    with np.load(source / "trace.npz") as trace:
        rows = {name: trace[name][kept] for name in trace.files}
    np.savez(folder / "trace.npz", **{n: row[:, :probes] if n in by_probe else row for n, row in rows.items()})
    with np.load(source / "probes.npz") as stored:
        np.savez(folder / "probes.npz", **{name: stored[name][:probes] for name in stored.files})
    about = json.loads((source / "run.json").read_text())
    about["name"] = folder.name
    about["snapshots"] = {step: size for step, size in about["snapshots"].items() if int(step) in snapshots}
    (folder / "run.json").write_text(json.dumps(about))
    for file in (*(f"step_{step:06d}.safetensors" for step in snapshots), "basis_0.safetensors"):
        if (source / file).exists():
            shutil.copy(source / file, folder)


@pytest.fixture(scope="session")
def truth(folder: Path) -> Truth:
    """What torch says about the main run."""
    return Truth(open_run(folder / MAIN))


class Server:
    """`streamlit run app.py` on one port, to be started, stopped and started again."""

    def __init__(self, folder: Path, log: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self._environment = os.environ | {"STN_VIZ_RUNS": str(folder)}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(self.port)]
        command += ["--server.headless", "true", "--server.fileWatcherType", "none"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}_stcore/health", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"the server did not start:\n{self._log.read_text()}")
                time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()  # as a laptop that is closed: nothing is said to the browser
            self._process.wait()
            self._process = None


@pytest.fixture(scope="session")
def server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that most tests share. What it says on the way must not hold a traceback."""
    log = tmp_path_factory.mktemp("server") / "log"
    server = Server(folder, log)
    server.start()
    yield server
    server.stop()
    said = log.read_text()
    assert "Traceback" not in said, said[said.find("Traceback") :][:5000]


@pytest.fixture(scope="session")
def server_on() -> type[Server]:
    """For tests that bring a folder of runs of their own: Server(folder, log)."""
    return Server


@pytest.fixture
def own_server(folder: Path, tmp_path: Path) -> Iterator[Server]:
    """A server for one test alone: cold at first, and it may be stopped."""
    server = Server(folder, tmp_path / "log")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def browsing(chromium: Browser) -> Iterator[BrowserContext]:
    """One context for the desktop tests: Streamlit's own files are fetched and compiled once."""
    context = chromium.new_context(viewport={"width": 1366, "height": 768})
    yield context
    context.close()


@pytest.fixture
def watch() -> Iterator[Callable[[Page], Page]]:
    """Watch a page: console errors, uncaught exceptions and requests that leave the machine fail the test.

    A test that expects some (a server that is stopped) empties `page.faults`.
    """
    pages: list[Any] = []

    def watch(page: Any) -> Page:
        faults: list[str] = []
        page.faults = faults
        pages.append(page)

        def leaves(url: str) -> bool:
            parts = urlsplit(url)
            return parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1"

        def seeks_server(says: Any) -> bool:
            """Streamlit's own, opened at a page's address: it asks below that first, then one level up."""
            return "404" in says.text and "/learning/_stcore/" in says.location.get("url", "")

        def complain(says: Any) -> None:
            if says.type == "error" and not seeks_server(says):
                faults.append(f"console: {says.text}")

        page.on("console", complain)
        page.on("pageerror", lambda error: faults.append(f"uncaught: {error}"))
        page.on("request", lambda asks: faults.append(f"leaves: {asks.url}") if leaves(asks.url) else None)
        page.on("websocket", lambda line: faults.append(f"leaves: {line.url}") if leaves(line.url) else None)
        return page

    yield watch
    for page in pages:
        assert not page.faults, "the page reported: " + "; ".join(page.faults)


@pytest.fixture
def page(browsing: BrowserContext, watch: Callable[[Page], Page]) -> Iterator[Page]:
    """A watched page, 1366x768."""
    page = watch(browsing.new_page())
    yield page
    page.close()


@pytest.fixture
def open_stage(server: Server, page: Page) -> Callable[..., Stage]:
    """Open the app, by a link's query, and wait for the first picture and for the network."""

    def open_stage(on: Page = page, at: Server = server, **query: object) -> Stage:
        stage = Stage(on)
        on.goto(at.url + ("?" + urlencode(query, safe=",") if query else ""))
        stage.wait_for_picture()
        stage.wait_for_network()
        return stage

    return open_stage


@pytest.fixture
def open_room(server: Server, page: Page) -> Callable[..., Room]:
    """Open the page Learning, by a link's query (run, image, step, lens, beside), and wait for its lens."""

    def open_room(on: Page = page, at: Server = server, **query: object) -> Room:
        room = Room(on)
        on.goto(f"{at.url}learning" + ("?" + urlencode(query, safe=",") if query else ""))
        return room.wait()

    return open_room


@pytest.fixture
def stage(open_stage: Callable[..., Stage]) -> Stage:
    """The stage as a newcomer finds it."""
    return open_stage()
