"""Round trip of the live line: theta by hand -> warp -> the rest of the network -> probabilities, back at the client.

    python -m benchmarks.line [--run FOLDER] [--clients 30] [--rate 10] [--seconds 10]

One client that asks as soon as it is answered; then many at a steady rate each; beside them the bare call of the same
lens in a process of its own thread, which is what torch alone takes. Server and clients share this machine.
"""

import argparse
import asyncio
import json
import math
import time
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from benchmarks.figures import middle, percentile
from benchmarks.servers import APP, add_run_option, serving

GOAL_MS = 50
ALONE_SECONDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_run_option(parser)
    parser.add_argument("--clients", type=int, default=30)
    parser.add_argument("--rate", type=float, default=10, help="questions a second of each client")
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()

    from stn_viz.runs import open_run

    run = open_run(options.run)
    step = run.snapshots[-1]
    images = len(run.probes.labels)
    name, many, rate, seconds = run.name, options.clients, options.rate, options.seconds
    bare = bare_calls(options.run, step)
    with serving(APP, runs=options.run.parent) as server:
        alone = asyncio.run(closed_loop(server, name, step))
        crowd, late = asyncio.run(steady(server, name, step, images, many, rate, seconds))

    alone_ms, p95 = middle(alone), percentile(crowd, 0.95)
    print(f"live line, run {name}, weights of step {step}; ms from question to answer")
    print(f"bare call of the lens           median {middle(bare):5.1f}   p95 {percentile(bare, 0.95):5.1f}")
    print(
        f"one client, closed loop         median {alone_ms:5.1f}   p95 {percentile(alone, 0.95):5.1f}   "
        f"{len(alone) / ALONE_SECONDS:.0f} answers/s"
    )
    print(
        f"{many} clients at {rate:g}/s each       median {middle(crowd):5.1f}   p95 {p95:5.1f}   "
        f"{len(crowd) / seconds:.0f} answers/s of {many * rate:.0f} asked; {late} asked late"
    )
    print(f"ratio: one client's round trip / bare call = {alone_ms / middle(bare):.1f}")
    print(f"ratio: p95 of {many} clients / goal of {GOAL_MS} ms = {p95 / GOAL_MS:.2f}")


def view(name: str, step: int, image: int, turn: float) -> dict[str, Any]:
    """A hand that turns the grid a little further with every question, so that no answer is a repetition."""
    c, s = 0.7 * math.cos(turn), 0.7 * math.sin(turn)
    return {"run": name, "image": image, "step": step, "theta": [c, -s, 0.1, s, c, -0.1]}


def bare_calls(folder: Path, step: int) -> list[float]:
    """The lens without a line, one torch thread, after a warm-up."""
    import torch

    from stn_viz.lens import LENSES
    from stn_viz.runs import open_run
    from stn_viz.view import View

    torch.set_num_threads(1)
    run = open_run(folder)
    times = []
    for turn in range(320):
        asked = View.from_message(view(run.name, step, 0, turn / 50))
        started = time.perf_counter()
        LENSES["predictions"](run, asked)
        times.append(1000 * (time.perf_counter() - started))
    return times[20:]


async def open_line(server: str) -> ClientConnection:
    """A line as a browser opens it, ready to be asked."""
    line = await connect(f"ws://{server}/live", origin=f"http://{server}", compression=None)  # type: ignore[arg-type]
    while True:
        said = json.loads(await line.recv())
        if said.get("state") == "failed":
            raise SystemExit(said["error"])
        if said.get("state") == "ready":
            return line


async def ask(line: ClientConnection, number: int, asked: dict[str, Any]) -> None:
    await line.send(json.dumps({"id": number, "lens": "predictions", "view": asked}))
    reply = json.loads(await line.recv())
    if reply.get("id") != number or "answer" not in reply:
        raise SystemExit(f"The line answered: {reply}")


async def closed_loop(server: str, name: str, step: int) -> list[float]:
    line = await open_line(server)
    times = []
    for number in range(20):  # the first of them load the network
        await ask(line, number, view(name, step, 0, 0.0))
    # A stage asks at most once a frame, and the line refuses more than 150 a second: so the loop rests in between.
    end = time.perf_counter() + ALONE_SECONDS
    number = 20
    while (started := time.perf_counter()) < end:
        await ask(line, number, view(name, step, 0, number / 50))
        times.append(1000 * (time.perf_counter() - started))
        number += 1
        await asyncio.sleep(max(0.0, 1 / 120 - (time.perf_counter() - started)))
    await line.close()
    return times


async def steady(
    server: str, name: str, step: int, images: int, clients: int, rate: float, seconds: float
) -> tuple[list[float], int]:
    """Every client asks on its own clock, phases spread evenly over a period; a question still open delays the next.

    Times run from the moment the question was due, so a delay counts.
    """
    lines = await asyncio.gather(*(open_line(server) for _ in range(clients)))
    for client, line in enumerate(lines):  # each client's image is cut out once
        await ask(line, 0, view(name, step, client % images, 0.0))
    times: list[float] = []
    late = 0
    begin = time.perf_counter() + 0.2

    async def one(client: int, line: ClientConnection) -> None:
        nonlocal late
        for turn in range(round(seconds * rate)):
            due = begin + (turn + client / clients) / rate
            wait = due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            else:
                late += 1
            await ask(line, turn + 1, view(name, step, client % images, turn / 20 + client))
            times.append(1000 * (time.perf_counter() - due))

    await asyncio.gather(*(one(client, line) for client, line in enumerate(lines)))
    await asyncio.gather(*(line.close() for line in lines))
    return times, late


if __name__ == "__main__":
    main()
