import io
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from runs_helpers import K, N, P, a_row, a_site, an_info

from stn_viz.runs import RunError, RunWriter, files, list_runs, open_run


def change_json(path: Path, **changes) -> None:
    content = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps(content | changes))


def change_trace(path: Path, **changes) -> None:
    """Other arrays in a trace; it no longer says which rows are finite, as one that was made by hand."""
    with np.load(path / "trace.npz") as stored:
        arrays = dict(stored) | {"finite": None}
    arrays = {name: array for name, array in (arrays | changes).items() if array is not None}
    np.savez(path / "trace.npz", **arrays)


def cut(file: Path, size: int) -> None:
    file.write_bytes(file.read_bytes()[:size])


def stored(path: Path, name: str) -> np.ndarray:
    with np.load(path / "trace.npz") as arrays:
        return arrays[name]


def test_a_run_comes_back_as_it_was_written(write_run, probes):
    run = open_run(write_run())
    steps = np.array([0, 1, 2, 5, 10, 20, 40])
    np.testing.assert_array_equal(run.steps, steps)
    np.testing.assert_array_equal(run.images, 10 * steps)
    np.testing.assert_array_equal(run.loss, (1 / (1 + steps)).astype(np.float32))
    np.testing.assert_array_equal(run.theta(0), np.broadcast_to(steps[:, None, None] / 8, (7, N, P)))
    np.testing.assert_array_equal(run.probe_loss, np.broadcast_to(steps[:, None] / 4, (7, N)))
    np.testing.assert_array_equal(run.probabilities, np.full((7, N, K), 0.25))
    np.testing.assert_array_equal(run.probes.U, probes.U)
    np.testing.assert_array_equal(run.probes.labels, probes.labels)
    assert run.sites == (a_site(),)
    assert run.info.status == "finished"
    assert run.info.metrics == {"test_error": 0.0078}
    assert run.snapshots == (0, 5, 40)
    assert run.problems == ()
    assert run.grid(0) is None
    assert run.theta(1) is None


def test_the_snapshot_in_force_is_the_last_one_before(write_run):
    run = open_run(write_run())
    assert [run.snapshot_at(step) for step in (0, 4, 5, 39, 40, 99)] == [0, 0, 5, 5, 40, 40]


def test_weights_come_back_in_their_own_types(write_run):
    import torch

    weights = open_run(write_run()).weights(5)
    assert weights["layer.weight"].dtype == torch.float16
    assert weights["layer.weight"].tolist() == [[1.25] * 3] * 2
    assert weights["count"].item() == 5


def test_opening_needs_no_torch(write_run):
    path = write_run()
    code = """
import sys
from stn_viz.runs import list_runs, open_run
run = open_run(sys.argv[1])
run.theta(0), run.basis(0), list_runs([sys.argv[2]])
print(sorted({"torch", "safetensors"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code, path, path.parent], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_basis_is_handed_on_as_it_lies_in_the_run(write_run):
    path = write_run()
    assert open_run(path).basis(0) == (path / "basis_0.safetensors").read_bytes()
    assert open_run(path).basis(1) is None


def test_a_site_of_no_family_keeps_its_grid(tmp_path, probes):
    writer = RunWriter(tmp_path / "free", an_info(), probes)
    writer.describe([a_site(family=None)], [None])
    grid = np.linspace(-1, 1, N * 4 * 6 * 2).reshape(N, 4, 6, 2)
    row = a_row(0)
    writer.record(**{**row, "thetas": {}, "grids": {0: grid}})
    writer.finish("finished")
    run = open_run(tmp_path / "free")
    assert run.theta(0) is None
    np.testing.assert_array_equal(run.grid(0), grid[None].astype(np.float16))


def test_a_run_without_a_transformer_opens(tmp_path, probes):
    writer = RunWriter(tmp_path / "cnn", an_info(network={"name": "cnn"}), probes)
    writer.record(**{**a_row(0), "thetas": None})
    writer.finish("finished")
    run = open_run(tmp_path / "cnn")
    assert run.sites == ()
    assert run.theta(0) is None
    assert run.probabilities.shape == (1, N, K)


def test_the_version_changes_with_the_run(write_run):
    path = write_run()
    before = open_run(path).version
    assert open_run(path).version == before
    (path / "resume.pt").write_bytes(b"not a part of what is read")
    assert open_run(path).version == before
    change_trace(path, loss=np.zeros(7, np.float32))
    assert open_run(path).version != before


def test_opening_does_not_look_into_snapshots(write_run, monkeypatch):
    path = write_run()
    opened = []
    read = files.read_file
    monkeypatch.setattr(files, "read_file", lambda *a: opened.append(a[1]) or read(*a))
    open_run(path)
    assert sorted(opened) == ["basis_0.safetensors", "probes.npz", "run.json", "trace.npz"]


def empty_it(path: Path) -> None:
    shutil.rmtree(path)
    path.mkdir()


def big_header(path: Path) -> None:
    """A step array whose own header promises a terabyte."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<i8", "fortran_order": False, "shape": (2**37,)})
    with zipfile.ZipFile(path / "trace.npz", "w") as archive:
        archive.writestr("step.npy", header.getvalue())


def zip_bomb(path: Path) -> None:
    with (
        zipfile.ZipFile(path / "trace.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("step.npy", "w") as out,
    ):
        for _ in range(600):
            out.write(bytes(2**20))


def pickled(path: Path) -> None:
    np.savez(path / "trace.npz", step=np.array([{"a": 1}], dtype=object), allow_pickle=True)


def link_out(path: Path) -> None:
    (path / "trace.npz").rename(path.parent / "elsewhere.npz")
    (path / "trace.npz").symlink_to(path.parent / "elsewhere.npz")


def a_pipe(path: Path) -> None:
    (path / "trace.npz").unlink()
    os.mkfifo(path / "trace.npz")


BROKEN = {
    "empty": (empty_it, "mine is empty. Delete it, or train a run into it."),
    "no json": (lambda path: (path / "run.json").unlink(), "run.json is missing from mine. Take it from the original"),
    "not json": (lambda path: (path / "run.json").write_text("<html>"), r"run.json is not JSON \(Expecting value"),
    "not text": (lambda path: (path / "run.json").write_bytes(b"\xff\xfe\x00"), "run.json is not JSON"),
    "deep json": (lambda path: (path / "run.json").write_text("[" * 10**5), "run.json is not JSON"),
    "list": (lambda path: (path / "run.json").write_text("[]"), "run.json holds a list, not an object"),
    "huge json": (
        lambda path: (path / "run.json").write_text(" " * (2**22 + 1)),
        r"run.json is 4,194,305 bytes long; at most 4,194,304 are read",
    ),
    "newer": (
        lambda path: change_json(path, format=2),
        r"written by a newer STN Viz \(format 2; this one reads 1\): update STN Viz",
    ),
    "no probes": (lambda path: (path / "probes.npz").unlink(), "probes.npz is missing from mine"),
    "probes without U": (
        lambda path: np.savez(path / "probes.npz", V=np.zeros(3)),
        "probes.npz has no U; it holds V. Take it",
    ),
    "no trace": (lambda path: (path / "trace.npz").unlink(), "trace.npz is missing from mine"),
    "half a trace": (lambda path: cut(path / "trace.npz", 700), r"trace.npz is truncated or damaged \(700 bytes"),
    "trace of nothing": (lambda path: cut(path / "trace.npz", 0), r"trace.npz is truncated or damaged \(0 bytes"),
    "web page": (
        lambda path: (path / "trace.npz").write_text("<html>404</html>"),
        r"trace.npz is truncated or damaged \(16 bytes: File is not a zip file\)",
    ),
    "pickle": (pickled, "trace.npz: step is of type object, expected plain numbers"),
    "bomb": (zip_bomb, r"trace.npz unpacks to 1 arrays of 629,145,600 bytes in all; at most"),
    "big header": (big_header, r"trace.npz: step says shape \(137438953472,\), more than its \d+ bytes"),
    "link": (link_out, "trace.npz is a link that leads out of the run's folder. Put a copy of the file in its place"),
    "pipe": (a_pipe, "trace.npz is not a plain file"),
    "no steps": (lambda path: change_trace(path, step=None), r"trace.npz has no list of steps"),
    "steps in disorder": (
        lambda path: change_trace(path, step=np.array([0, 1, 2, 2, 3, 4, 5])),
        "the steps do not grow from record to record",
    ),
    "rows missing": (
        lambda path: change_trace(path, loss=np.zeros(3)),
        r"trace.npz: loss has shape \(3,\), but there are 7 steps",
    ),
    "theta missing": (
        lambda path: change_trace(path, theta_0=None),
        "trace.npz has no theta_0, but run.json says that site 0 has family 'affine', so its theta is recorded",
    ),
    "theta of another run": (
        lambda path: change_trace(path, theta_0=np.zeros((7, N, 3))),
        "trace.npz: theta_0 has 3 entries, but the family in basis_0.safetensors has 6. One of the two",
    ),
    "probes of another run": (
        lambda path: change_trace(path, theta_0=np.zeros((7, N + 1, P))),
        r"trace.npz: theta_0 has shape \(6, 6\) at each step, expected \(5, any\)",
    ),
    "classes of another run": (
        lambda path: change_json(path, classes=["a"]),
        r"trace.npz: probabilities has shape \(5, 3\) at each step, expected \(5, 1\)",
    ),
    "nan from the start": (
        lambda path: change_trace(path, theta_0=np.full((7, N, P), np.nan)),
        r"trace.npz: theta_0 holds nan or inf from its first step on \(0\), so there is nothing to draw",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_run_is_named_and_the_others_stay(write_run, kind):
    good, bad = write_run("good"), write_run("mine")
    damage, sentence = BROKEN[kind]
    damage(bad)
    with pytest.raises(RunError, match=sentence):
        open_run(bad)
    listed = {one.name: one for one in list_runs([good.parent])}
    assert listed["good"].problem is None
    assert listed["good"].usable
    assert not listed["mine"].usable
    with pytest.raises(RunError, match=sentence):
        raise RunError(listed["mine"].problem)


def spoil(path: Path, name: str, *steps: int) -> None:
    array = stored(path, name).astype(np.float32)
    array[list(steps)] = np.nan
    change_trace(path, **{name: array})


USABLE = {
    "truncated snapshot": (
        lambda path: cut(path / "step_000005.safetensors", 100),
        r"step_000005.safetensors is truncated or changed: 100 bytes, expected \d+. Take the file",
    ),
    "snapshot missing": (
        lambda path: (path / "step_000005.safetensors").unlink(),
        "step_000005.safetensors is missing. Take the file from the original folder; until then an earlier",
    ),
    "nan in theta": (
        lambda path: spoil(path, "theta_0", 5, 6),
        "trace.npz: theta_0 holds nan or inf from step 20 on, so the run is shown up to step 10. The training diverged",
    ),
    "nan in the loss to the end": (
        lambda path: spoil(path, "loss", 4, 5, 6),
        "trace.npz: loss holds nan or inf from step 10 on, so the run is shown up to step 5",
    ),
    "no basis": (
        lambda path: (path / "basis_0.safetensors").unlink(),
        "basis_0.safetensors is missing from mine",
    ),
    "truncated basis": (
        lambda path: cut(path / "basis_0.safetensors", 200),
        r"basis_0.safetensors is truncated: 200 bytes of \d+",
    ),
}


@pytest.mark.parametrize("kind", USABLE)
def test_the_rest_of_a_damaged_run_stays_usable(write_run, kind):
    path = write_run()
    damage, sentence = USABLE[kind]
    damage(path)
    run = open_run(path)
    assert len(run.problems) == 1
    with pytest.raises(RunError, match=sentence):
        raise RunError(run.problems[0])
    (listed,) = list_runs([path.parent])
    assert listed.usable
    assert listed.problem == run.problems[0]
    assert np.isfinite(run.theta(0)).all()
    assert np.isfinite(run.loss).all()
    assert len(run.steps) == len(run.theta(0)) == len(run.probabilities) == len(run.loss)


def test_a_truncated_snapshot_is_not_offered(write_run):
    path = write_run()
    cut(path / "step_000005.safetensors", 100)
    run = open_run(path)
    assert run.snapshots == (0, 40)
    assert run.snapshot_at(20) == 0
    with pytest.raises(RunError, match=r"mine has no weights at step 5. Ask for one of its snapshots: 0, 40"):
        run.weights(5)


def test_a_gap_in_the_loss_does_not_end_the_run(write_run):
    path = write_run()
    spoil(path, "loss", 2)
    run = open_run(path)
    (problem,) = run.problems
    assert "loss holds nan or inf at step 2 and comes back later, so its curve has a gap" in problem
    assert np.isnan(run.loss[2])
    assert len(run.steps) == 7


def test_weights_that_are_not_numbers_are_named(write_run):
    import safetensors.torch
    import torch

    path = write_run()
    name = path / "step_000005.safetensors"
    weights = safetensors.torch.load_file(name)
    weights["layer.weight"] = torch.full((2, 3), torch.nan).half()
    name.write_bytes(safetensors.torch.save(weights))
    run = open_run(path)
    with pytest.raises(
        RunError, match=r"step_000005.safetensors: layer.weight holds nan or inf, so the network cannot"
    ):
        run.weights(5)
    assert run.weights(0)["layer.weight"].sum() == 0


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", r"step_000005.safetensors is not a safetensors file \(0 bytes\)"),
        ((20 * 2**30).to_bytes(8, "little") + b"{}", r"is not a safetensors file \(10 bytes\)"),
        ((99).to_bytes(8, "little") + b"{}", "is truncated: 10 bytes of at least 107"),
        ((2).to_bytes(8, "little") + b"[]", "is not a safetensors file: its header is damaged"),
    ],
)
def test_a_damaged_snapshot_is_named_when_it_is_asked_for(write_run, content, sentence):
    path = write_run()
    (path / "step_000005.safetensors").write_bytes(content)
    content = json.loads((path / "run.json").read_text())
    del content["snapshots"]  # a run without sizes: only the file itself can tell
    (path / "run.json").write_text(json.dumps(content))
    run = open_run(path)
    assert run.snapshots == (0, 5, 40)
    with pytest.raises(RunError, match=sentence):
        run.weights(5)


def test_a_run_that_has_nothing_yet_says_wait(tmp_path, probes):
    RunWriter(tmp_path / "young", an_info(), probes)
    with pytest.raises(RunError, match=r"nothing is recorded yet. Wait for the first record"):
        open_run(tmp_path / "young")


def test_names_in_a_list_are_unique_and_files_are_no_runs(write_run, tmp_path):
    write_run("a/mine")
    write_run("b/mine")
    write_run("b/other", network={"name": "cnn"})
    (tmp_path / "b" / "notes.txt").write_text("no run")
    (tmp_path / "b" / ".hidden").mkdir()
    listed = list_runs([tmp_path / "a", tmp_path / "b", tmp_path / "nowhere"])
    assert [(one.name, one.title, one.problem) for one in listed] == [
        ("mine", "rts · ST-CNN · affine", None),
        ("mine-2", "rts · ST-CNN · affine", None),
        ("other", "rts · CNN · affine", None),
    ]
    assert [one.path for one in listed] == [tmp_path / "a/mine", tmp_path / "b/mine", tmp_path / "b/other"]


def test_opening_takes_no_longer_for_many_snapshots(write_run):
    def seconds(path: Path) -> float:
        times = []
        for _ in range(7):
            start = time.perf_counter()
            open_run(path)
            times.append(time.perf_counter() - start)
        return min(times)

    few = write_run("few", snapshots=(0,))
    many = write_run("many", steps=range(120), snapshots=range(120))
    one_step = write_run("one", steps=range(120), snapshots=(0,))
    assert len(open_run(many).snapshots) == 120
    assert seconds(many) < 2 * seconds(one_step) + 0.005, "opening grows with the number of snapshots"
    assert seconds(few) < 0.5


def test_a_site_of_another_size_than_the_images_is_not_on_them_whatever_the_run_says(write_run):
    path = write_run()
    assert open_run(path).sites[0].on_image, "an older run does not say it"
    content = json.loads((path / "run.json").read_text())
    for change in ({"input_size": [9, 8]}, {"channels": 3}, {"on_image": False}):
        site = content["sites"][0] | change
        (path / "run.json").write_text(json.dumps(content | {"sites": [site]}))
        assert not open_run(path).sites[0].on_image
