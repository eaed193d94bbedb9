"""A Streamlit server of our own for the time of a measurement, and the run that it shows."""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
APP = ROOT / "app.py"
BUNDLED = ROOT / "checkpoints" / "rts-st-cnn-affine"
START_SECONDS = 60


def add_run_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--run", type=_run_folder, default=str(BUNDLED), help=f"folder of the run (default checkpoints/{BUNDLED.name})"
    )


def _run_folder(word: str) -> Path:
    folder = Path(word).resolve()
    try:
        sites = json.loads((folder / "run.json").read_text(encoding="utf-8"))["sites"]
    except (OSError, ValueError, KeyError):
        raise argparse.ArgumentTypeError(f"{word} holds no run.json that reads: give the folder of a run") from None
    if not sites:
        raise argparse.ArgumentTypeError(f"{word} is a run without a transformer: give one that has a grid to drag")
    return folder


def start(port: int, script: Path, *words: str, runs: Path | None = None) -> subprocess.Popen[bytes]:
    """Launch `streamlit run`; it is not up yet when this returns. `runs`: the folder whose subfolders are the runs."""
    environment = dict(os.environ)
    if runs is not None:
        environment["STN_VIZ_RUNS"] = str(runs)
    options = ["--server.address=127.0.0.1", f"--server.port={port}", "--server.headless=true"]
    return subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(script), *options, "--", *words],
        cwd=ROOT,  # every page under the same .streamlit/config.toml
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def wait_until_up(server: subprocess.Popen[bytes], port: int) -> None:
    """Ask for the server's health every 10 ms until it answers."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise SystemExit(f"The server ended with code {server.returncode}. Try: streamlit run app.py")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.01)
    raise SystemExit(f"The server did not answer within {START_SECONDS} s.")


@contextmanager
def serving(script: Path, *words: str, runs: Path | None = None) -> Iterator[str]:
    """A server that is up, by its address without a slash at the end; it ends with the block."""
    port = free_port()
    server = start(port, script, *words, runs=runs)
    try:
        wait_until_up(server, port)
        yield f"127.0.0.1:{port}"
    finally:
        stop(server)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
