"""From `streamlit run` to the first drawn stage in Chromium, beside a page of one line (goal: 1.5 times).

    python -m benchmarks.start [--run FOLDER] [--repeats 5]

The two take turns. Each time the server is a new process and the browser a new one, open before the clock starts; the
first turn of both warms the disk and is not counted. The clock stops in the frame after V, or the text, stands there.
"""

import argparse
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks.browsers import FLAGS, SIZE, chromium_path
from benchmarks.figures import middle
from benchmarks.servers import APP, add_run_option, free_port, start, stop, wait_until_up

GOAL = 1.5
ONE_LINE = 'import streamlit as st; st.write("first text")\n'

# Looks once a frame; what it finds has been painted when the next frame begins.
WATCH = """
(() => {
  const shadows = (root) => [...root.querySelectorAll("*")].flatMap((e) => (e.shadowRoot ? [e.shadowRoot] : []));
  const bright = (canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.some((value, i) => i % 4 < 3 && value > 0);
  };
  const stage = () => [document, ...shadows(document)].some((root) => {
    const V = root.querySelector(".stn-stage:not(.waiting) .frame canvas");
    return V && V.width && bright(V);
  });
  const texts = () => [...document.querySelectorAll("[data-testid=stMarkdown] p")];
  const text = () => texts().some((p) => p.textContent === "first text");
  const look = () => requestAnimationFrame(() => {
    if (stage() || text()) requestAnimationFrame(() => { window.drawnAt = Date.now(); });
    else look();
  });
  look();
})();
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_run_option(parser)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "one_line.py"
        page.write_text(ONE_LINE)
        stages: list[tuple[float, float]] = []
        lines: list[tuple[float, float]] = []
        for turn in range(options.repeats + 1):
            one = first_paint(page, None)
            ours = first_paint(APP, options.run.parent, f"?run={options.run.name}")
            if turn:
                stages.append(ours)
                lines.append(one)
    print(f"seconds from launch, medians of {options.repeats} (server answers, then drawn; all)")
    for name, times in (("one-line page", lines), ("stage", stages)):
        each = " ".join(f"{drawn:.2f}" for _, drawn in times)
        print(f"{name:14}{middle([up for up, _ in times]):6.2f}{middle([drawn for _, drawn in times]):6.2f}   ({each})")
    ratio = middle([drawn for _, drawn in stages]) / middle([drawn for _, drawn in lines])
    print(f"ratio: first drawn stage / first text of a one-line page = {ratio:.2f} (goal {GOAL})")


def first_paint(script: Path, runs: Path | None, query: str = "") -> tuple[float, float]:
    """Seconds from the launch until the server answers, and until the page is drawn."""
    port = free_port()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        page = browser.new_page(viewport=SIZE)
        page.add_init_script(WATCH)
        page.goto("about:blank")
        launched = time.time()
        server = start(port, script, runs=runs)
        try:
            wait_until_up(server, port)
            up = time.time()
            page.goto(f"http://127.0.0.1:{port}/{query}", wait_until="commit")
            page.wait_for_function("window.drawnAt", timeout=60_000)
            drawn = page.evaluate("window.drawnAt") / 1000
        finally:
            stop(server)
            browser.close()
    return up - launched, drawn - launched


if __name__ == "__main__":
    main()
