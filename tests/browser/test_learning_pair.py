"""Two runs under one scrubber on the page Learning; and a run that is being written, where nothing moves unasked."""

import json
import re
import shutil

import numpy as np
import pytest

from stn_viz.runs import open_run

STEP = 467


@pytest.fixture(scope="module")
def pair_folder(folder, tmp_path_factory):
    """The small run; its like with another theta, pace and order of images; a plain network; two that are written."""
    runs = tmp_path_factory.mktemp("pair")
    for name in ("small-st-cnn", "small-cnn"):
        shutil.copytree(folder / name, runs / name)
    moved = shutil.copytree(folder / "small-st-cnn", runs / "moved")
    columns = dict(np.load(moved / "trace.npz"))
    by_probe = ("theta_0", "probabilities", "probe_loss")
    columns = {name: np.roll(rows, 1, axis=1) if name in by_probe else rows for name, rows in columns.items()}
    # half as long, and every other record: the same step and the same share are two records
    columns = {name: rows[: 2 * len(rows) // 3 : 2] for name, rows in columns.items()}
    columns["theta_0"] = columns["theta_0"] * np.float32(0.8) + np.float32(0.07)
    np.savez(moved / "trace.npz", **columns)
    probes = dict(np.load(moved / "probes.npz"))
    np.savez(moved / "probes.npz", **{name: np.roll(rows, 1, axis=0) for name, rows in probes.items()})
    for name in ("growing", "written"):
        shutil.copytree(folder / "small-st-cnn", runs / name)
    return runs


@pytest.fixture(scope="module")
def pair_server(pair_folder, server_on, tmp_path_factory):
    server = server_on(pair_folder, tmp_path_factory.mktemp("server") / "log")
    server.start()
    yield server
    server.stop()
    said = server._log.read_text()
    assert "Traceback" not in said, said[-3000:]


def lattice(theta):
    """Where the 28 x 28 points of V look in a U of 42 x 42, pixels; align_corners is false."""
    middle = (2 * np.arange(28) + 1) / 28 - 1
    x, y = np.meshgrid(middle, middle)
    A = theta.reshape(2, 3).astype(float)
    return np.stack([A[0, 0] * x + A[0, 1] * y + A[0, 2], A[1, 0] * x + A[1, 1] * y + A[1, 2]], -1) * 42 / 2


def told(text):
    """RMS and largest out of "RMS 1.23 px · max 4.56 px"."""
    found = re.fullmatch(r"RMS ([\d.]+) px · max ([\d.]+) px", text)
    assert found, text
    return [float(number) for number in found.groups()]


def where(room):
    """The steps of A and of B, as they are written."""
    found = re.fullmatch(r"A step ([\d,]+) · B step ([\d,]+)", room.text(".controls .where"))
    return [int(number.replace(",", "")) for number in found.groups()]


def nearest(steps, step):
    return int(np.argmin(np.abs(steps - step)))


def test_two_runs_stand_at_the_same_step_and_their_difference_is_numpys(open_room, pair_server, pair_folder):
    a, b = open_run(pair_folder / "small-st-cnn"), open_run(pair_folder / "moved")
    room = open_room(at=pair_server, run=a.name, beside=b.name, lens="pair", step=STEP, image=2)
    assert room.tab == "Two runs"

    def holds(i, j, image=2):
        assert where(room) == [a.steps[i], b.steps[j]]
        # the same picture has another number there: its theta is meant
        far = np.linalg.norm(lattice(a.theta()[i, image]) - lattice(b.theta()[j, image + 1]), axis=-1)
        np.testing.assert_allclose(
            told(room.text(".apart")), [np.sqrt((far**2).mean()), far.max()], rtol=2e-3, atol=6e-3
        )

    at = nearest(a.steps, STEP)
    holds(at, nearest(b.steps, STEP))
    assert "image 3" in room.text(".pairside.ofB .aside")
    room.choose("locked on", "Share")
    share = a.steps[at] / a.steps[-1]
    by_share = nearest(b.steps, share * b.steps[-1])
    assert by_share != nearest(b.steps, STEP)
    holds(at, by_share)
    room.until(lambda: room.address().get("lock") == "share", "the lock in the address")
    room.press("PageDown")
    later = nearest(b.steps, a.steps[at + 10] / a.steps[-1] * b.steps[-1])
    holds(at + 10, later)
    room.press("]")
    holds(at + 10, later, image=3)
    # a click on the chart of differences goes where it points: its left end is the beginning
    chart = room.lens.locator(".pairchart canvas").nth(2)
    chart.click(position={"x": 11, "y": 40})
    room.until(lambda: room.index == 0, "the first record")
    assert "RMS" in chart.get_attribute("aria-label")
    probabilities = [float(bar.split(": ")[1].split(" %")[0]) for bar in bars(room, "A")]
    np.testing.assert_allclose(probabilities, 100 * a.probabilities[0, 3], atol=0.06)


def bars(room, letter):
    return [bar.get_attribute("aria-label") for bar in room.lens.locator(f".pairside.of{letter} [role=listitem]").all()]


def test_a_plain_network_beside_and_swapped_and_reloaded(open_room, pair_server, pair_folder):
    room = open_room(at=pair_server, run="small-st-cnn", beside="small-cnn", lens="pair", step=STEP, image=2)
    assert room.text(".pairside.ofB .without") == "No transformer: the classifier reads U as it is."
    assert room.text(".pairapart .without") == "B has no transformer: there is no θ to compare."
    before = where(room)
    room.lens.get_by_role("button", name="Swap A and B").click()
    room.until(lambda: where(room) == before[::-1], "A is B")
    room.until(
        lambda: (room.address().get("run"), room.address().get("beside")) == ("small-cnn", "small-st-cnn"),
        "the address",
    )
    assert room.text(".pairapart .without") == "A has no transformer: there is no θ to compare."
    room.page.wait_for_timeout(1500)  # what Python hands over on the way must not come through
    assert where(room) == before[::-1]
    selects = room.root.locator(".head select")
    assert [selects.nth(i).input_value() for i in range(2)] == ["small-cnn", "small-st-cnn"]
    room.page.reload()
    room.wait()
    assert (room.tab, where(room)) == ("Two runs", before[::-1])
    selects.nth(1).select_option("")
    invitation = room.lens.locator(".pairinvitation")
    room.until(invitation.is_visible, "the invitation")
    room.until(lambda: "beside" not in room.address(), "nobody beside in the address")
    assert invitation.locator("select").input_value() in ("small-st-cnn", "moved", "growing", "written")
    invitation.get_by_role("button", name="Put it beside").click()
    room.until(lambda: room.lens.locator(".pairside").first.is_visible(), "two runs again")


class Written:
    """A run whose first records are on disk; the rest comes when it is asked for."""

    def __init__(self, path):
        self.path = path
        self.columns = dict(np.load(path / "trace.npz"))
        self.about = json.loads((path / "run.json").read_text())

    def write(self, records, status="running"):
        beside = self.path / "trace.tmp.npz"
        np.savez(beside, **{name: rows[:records] for name, rows in self.columns.items()})
        beside.rename(self.path / "trace.npz")
        last = int(self.columns["step"][records - 1])
        kept = {step: size for step, size in self.about["snapshots"].items() if int(step) <= last}
        (self.path / "run.json").write_text(json.dumps(self.about | {"status": status, "snapshots": kept}))


def test_a_run_that_is_written_never_moves_the_scrubber(open_room, pair_server, pair_folder):
    run = Written(pair_folder / "growing")
    run.write(30)
    room = open_room(at=pair_server, run="growing", beside="small-cnn", lens="pair")
    room.seek_to(1.0)
    step = room.step
    assert (room.index, room.last) == (29, 29)
    newer = room.root.locator(".newer button")
    assert newer.count() == 0
    run.write(33)
    room.until(lambda: newer.count() == 1, "the newer steps")
    assert newer.inner_text() == "3 newer steps"
    assert (room.index, room.last, room.step) == (29, 29, step)
    newer.click()
    room.until(lambda: room.last == 32, "33 records")
    assert (room.index, room.step) == (29, step)
    assert newer.count() == 0
    run.write(12)  # begun anew: what stood there is gone
    room.until(lambda: room.last == 11, "the new beginning")


def test_newer_steps_wait_on_the_workbench_too(open_stage, pair_server, pair_folder):
    run = Written(pair_folder / "written")
    run.write(30)
    stage = open_stage(at=pair_server, run="written")
    look = stage.type_step(int(run.columns["step"][20]))
    assert (look.index, look.last) == (20, 29)
    run.write(31)
    stage.root.locator(".thumb").nth(4).click()  # a rerun: Python has seen the newer record
    newer = stage.root.locator(".newer button")
    newer.wait_for()
    assert newer.inner_text() == "1 newer step"
    assert stage.look().last == 29
    newer.click()
    look = stage.until(lambda now: now.last == 30, "31 records")
    assert (look.index, look.image) == (20, 4)
    assert newer.count() == 0
