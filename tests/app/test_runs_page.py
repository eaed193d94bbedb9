"""The Runs page's script: the list, the doctor's panel, the import from files to a run, and who may do what."""

import base64
import hashlib
import json
import os
import re
import shutil
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from small_run import make_run
from torch.nn import functional as F

from stn_viz import live, shelf
from stn_viz.foreign import Choices
from stn_viz.foreign import importing as foreign
from stn_viz.lens import doctor
from stn_viz.pages import cards, here, jobs, naming, previewing, runrows, taking
from stn_viz.pages.cards import literal
from stn_viz.runs import RunError, open_run, trust

PAGE = "stn_viz/pages/runs.py"
LOCAL = {"Host": "localhost:8501", "Origin": "http://localhost:8501"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Runs of somebody, the newest last by name."""
    folder = tmp_path_factory.mktemp("runs")
    make_run(folder / "b-old")
    changed(folder, "c-imported", counter="epoch", notes=["The prefix module. was taken off."])
    changed(folder, "a-new", status="running")
    changed(folder, "killed", status="running")
    changed(folder, "program", network={"name": "program", "file": "network.pt2", "sha256": "a" * 64})
    (folder / "void").mkdir()
    for age, name in enumerate(("a-new", "c-imported", "b-old", "program", "killed")):
        for file in (folder / name).iterdir():
            os.utime(file, (file.stat().st_mtime - 1000 * age,) * 2)
    return folder


def changed(folder, name, **entries):
    shutil.copytree(folder / "b-old", folder / name)
    info = folder / name / "run.json"
    info.write_text(json.dumps(json.loads(info.read_text()) | entries | {"name": name}))


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """A user's data folder of the test's own, a request from this machine, an engine that is ready."""
    monkeypatch.setenv("STN_VIZ_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(here, "is_here", lambda: True)
    engine = live.Engine(lambda: None)
    engine.start().result()
    monkeypatch.setattr(live, "engine", engine)


@pytest.fixture
def runs_page(app):
    """Open the app on a folder of runs, and go to the Runs page."""

    def open_page(folder):
        tester = app(folder)
        shelf.look_again()
        return tester.switch_page(PAGE).run()

    return open_page


def listed(tester):
    """What the list was given."""
    assert not tester.exception, tester.exception
    (component,) = [element for element in tester.main if element.type == "bidi_component"]
    return json.loads(component.proto.json)


def said(tester):
    return [element.proto.body for element in tester.get("html")]


def until(tester, holds):
    """Run the script again until it holds; each run takes some milliseconds."""
    for _ in range(2000):
        assert not tester.exception, tester.exception
        if holds():
            return
        tester.run()
    raise AssertionError(f"still not: {said(tester)}")


def click_in_list(tester, do, run):
    tester.session_state["runs list"] = {"asked": {"do": do, "run": run, "at": 1}}
    return tester.run()


def test_own_runs_stand_newest_first_with_what_is_known_of_each(runs_page, folder):
    rows = {row["name"]: row for row in listed(runs_page(folder))["runs"]}
    assert list(rows) == ["a-new", "c-imported", "b-old", "program", "killed", "void"]
    size = sum(file.stat().st_size for file in (folder / "b-old").iterdir())
    created = open_run(folder / "b-old").info.created[:10]
    assert rows["b-old"]["facts"] == ["13 records to step 12", runrows.megabytes(size), created, "a test"]
    assert rows["b-old"]["title"] == "rts · ST-CNN · affine"
    assert rows["c-imported"]["facts"][0] == "13 records to epoch 12"
    assert rows["c-imported"]["notes"] == ["The prefix module. was taken off."]
    assert [rows[name]["marks"] for name in ("a-new", "killed", "b-old")] == [["being written"], ["not finished"], []]
    assert not rows["void"]["usable"]
    assert rows["void"]["problem"] == "void is empty. Delete it, or train a run into it."
    assert [name for name, row in rows.items() if row["asks"]] == ["program"]


def test_bundled_runs_are_marked_and_stand_last(monkeypatch, folder):
    monkeypatch.setattr(runrows, "BUNDLED", folder)
    entries = shelf.list_runs([folder])
    moved = [entry for entry in entries if entry.name != "b-old"]
    assert all("bundled" in row.marks for row in runrows.rows(moved))
    monkeypatch.setattr(runrows, "BUNDLED", folder / "elsewhere")
    assert not any("bundled" in row.marks for row in runrows.rows(entries))


def test_an_empty_folder_says_what_to_do(runs_page, tmp_path):
    data = listed(runs_page(tmp_path))
    assert data["runs"] == []
    assert data["empty"].startswith("No run here yet. Import checkpoints")


def test_a_hundred_runs_are_one_element_and_their_traces_are_read_once(monkeypatch, tmp_path, folder):
    for number in range(100):
        (tmp_path / f"run-{number}").mkdir()
        for name in ("run.json", "probes.npz", "trace.npz", "basis_0.safetensors"):
            os.link(folder / "b-old" / name, tmp_path / f"run-{number}" / name)
    entries = shelf.list_runs([tmp_path])
    assert len(runrows.rows(entries)) == 100
    monkeypatch.setattr(runrows, "read_npz", lambda *_, **__: pytest.fail("a trace was read again"))
    assert len(runrows.rows(entries)) == 100


def test_sizes_are_written_as_file_managers_write_them():
    assert [runrows.megabytes(size) for size in (1, 640_400, 3_140_000, 1.24e9)] == [
        "1 kB",
        "640 kB",
        "3.1 MB",
        "1.2 GB",
    ]


@pytest.mark.parametrize(
    ("headers", "address", "local"),
    [
        (LOCAL, None, True),
        ({"Host": "127.0.0.1:8501"}, "127.0.0.1", True),
        ({"Host": "[::1]:8501"}, "::1", True),
        ({"Host": "lab.example.org"}, None, False),
        ({"Host": "localhost:8501", "Origin": "https://lab.example.org"}, None, False),  # a proxy that rewrites Host
        (LOCAL | {"X-Forwarded-For": "10.0.0.7"}, None, False),
        (LOCAL, "10.0.0.7", False),  # a Host that is made up
        ({"Host": "localhost.example.org"}, None, False),
        ({}, None, False),
    ],
)
def test_only_a_browser_on_this_machine_is_local(headers, address, local):
    assert here.is_local(headers, address) is local


def test_questions_are_answered_between_two_steps_of_a_job_and_never_within_one():
    order = []

    def work(job):
        with job.computing():
            waiting = live.engine.submit(lambda: order.append("answered"))
            order.append("first step")
            job.progress(1, 2)
            order.append("second step")
            assert waiting.done()
        return "kept"

    job = jobs.Job(work)
    job.thread.join()
    assert order == ["first step", "answered", "second step"]
    assert (job.state, job.result, job.done, job.total) == ("done", "kept", 1, 2)
    live.engine.submit(lambda: order.append("given back")).result()


def test_a_job_that_fails_says_its_sentence_and_gives_the_engine_back():
    def work(job):
        with job.computing():
            raise RunError("the disk is full.")

    job = jobs.Job(work)
    job.thread.join()
    assert (job.state, job.error) == ("failed", "the disk is full.")
    assert live.engine.submit(lambda: 7).result() == 7


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (["digits.pt"], "digits.pt"),
        (["epoch_1.pt", "epoch_2.pt"], "imported"),
        (["a/model-3.pt", "b/model-31.pt"], "imported"),
        (["signs_epoch_08.pt", "signs_epoch_11.pt"], "signs"),
        (["stepper_1.pt", "stepper_2.pt"], "stepper"),
        (["a.pt", "b.pt"], "imported"),
    ],
)
def test_files_together_are_called_what_their_names_begin_with(files, name):
    assert naming.called([Path(file) for file in files]) == name


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 81, "a b", "ends.", "nul\0"])
def test_a_name_that_is_none_is_refused(name, monkeypatch, tmp_path):
    monkeypatch.setenv(shelf.ROOTS_VARIABLE, str(tmp_path))
    with pytest.raises(RunError, match="letters, digits, hyphens"):
        naming.destination(name)


def test_a_run_is_never_overwritten_and_a_free_name_is_suggested(monkeypatch, tmp_path):
    monkeypatch.setenv(shelf.ROOTS_VARIABLE, os.pathsep.join([str(tmp_path / "first"), str(tmp_path / "own")]))
    (tmp_path / "own" / "mine").mkdir(parents=True)
    shelf.look_again()
    with pytest.raises(RunError, match="There is a run named mine already"):
        naming.destination("mine")
    assert naming.suggested("/somewhere/mine") == "mine-2"
    assert naming.suggested("best model (3).pt") == "best-model-3"
    assert naming.destination("mine-2") == tmp_path / "own" / "mine-2"


class File:
    def __init__(self, name, content):
        self.name, self.content, self.size, self.at = name, content, len(content), 0

    def seek(self, offset, /):
        self.at = offset
        return offset

    def read(self, size, /):
        piece = self.content[self.at : self.at + size]
        self.at += len(piece)
        return piece


def test_dropped_files_are_kept_inside_their_folder_and_go_with_it():
    folder, paths = taking.keep([File("../../a.pt", b"1"), File("a.pt", b"22"), File("x\\b.pt", b"333")])
    assert [(path.name, path.read_bytes()) for path in paths] == [("a.pt", b"1"), ("a-2.pt", b"22"), ("b.pt", b"333")]
    assert {str(path.parent) for path in paths} == {folder.name}
    folder.cleanup()
    assert not paths[0].exists()


def test_too_much_is_refused_before_anything_is_written():
    large = File("large.pt", b"")
    large.size = taking.MOST_BYTES + 1
    with pytest.raises(RunError, match=r"1\.1 GB together; at most 1\.1 GB"):
        taking.keep([large])


def test_the_doctor_says_what_it_found_and_what_it_looked_at(runs_page, folder):
    tester = runs_page(folder)
    click_in_list(tester, "doctor", "b-old")
    expected = doctor.examination(open_run(folder / "b-old"))
    until(tester, lambda: not any("Looking at every record" in html for html in said(tester)))
    page = "".join(said(tester))
    assert "Doctor: b-old" in page
    for finding in expected.findings:
        assert finding.cause.replace("'", "&#x27;") in page
    assert bool(expected.findings) or "The doctor looked at 13 records of 5 images at 1 transformer" in page


THETAS = {  # of a real training, epoch by epoch (CASES, 8)
    65: [0.4298, -0.5704, 0.2316, 0.3221, 0.8255, -0.3517],
    70: [0.5382, -0.4099, 0.3478, 0.3325, 0.8449, -0.2290],
    75: [3.6801, 0.3164, 0.5781, 0.3031, 0.9529, -2.3116],
}


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """Checkpoints as somebody's training left them: zero weights, and a last bias that is theta. One file is broken."""
    folder = tmp_path_factory.mktemp("their training")
    for epoch, theta in THETAS.items():
        weights = {
            "localization.0": torch.zeros(8, 1, 7, 7),
            "localization.3": torch.zeros(10, 8, 5, 5),
            "fc_loc.0": torch.zeros(32, 90),
            "fc_loc.2": torch.zeros(6, 32),
        }
        state = {f"module.{name}.weight": weight for name, weight in weights.items()}
        state |= {f"module.{name}.bias": torch.zeros(len(weight)) for name, weight in weights.items()}
        state["module.fc_loc.2.bias"] = torch.tensor(theta)
        torch.save({"epoch": epoch, "state_dict": state, "best_acc": 0.5}, folder / f"net_{epoch}.pt")
    (folder / "broken.pt").write_text("<!DOCTYPE html><html>not found</html>")
    return folder


@pytest.fixture
def importing(runs_page, tmp_path):
    """Open the import on a folder of runs that is empty, and look into a path."""

    def look(path):
        tester = runs_page(tmp_path / "runs")
        tester.session_state["runs view"] = "Import"
        tester.run()
        tester.text_input(key="path").set_value(str(path))
        click(tester, "Look")
        until(tester, lambda: not tester.get("progress"))
        return tester

    return look


def click(tester, label):
    (button,) = [button for button in tester.button if button.label == label]
    button.click()
    return tester.run()


def choose(tester, label, option):
    (group,) = [group for group in tester.get("button_group") if group.label == label]
    group.set_value(option)
    return tester.run()


def field(tester, label):
    (found,) = [field for field in tester.text_input if field.label.split(",")[0] == label]
    return found


def matrix(tester):
    """Theta as the page shows it."""
    (html,) = [html for html in said(tester) if 'class="stn-theta"' in html]
    return [float(cell.replace("−", "-")) for cell in re.findall(r"<td>([^<]+)</td>", html.split('"stn-theta"')[1])]


def test_files_are_recognised_corrected_under_the_eye_imported_and_opened(importing, training, tmp_path):
    tester = importing(training)
    page = "".join(said(tester))
    assert "3 checkpoints recognised" in page
    assert [page.index(f"net_{epoch}.pt") for epoch in THETAS] == sorted(page.index(f"net_{e}.pt") for e in THETAS)
    assert "broken.pt is a web page" in page
    assert "module." in page
    np.testing.assert_allclose(matrix(tester), THETAS[75], atol=5e-4)
    choose(tester, "activation of the outputs", "tanh")
    np.testing.assert_allclose(matrix(tester), np.tanh(THETAS[75]), atol=5e-4)
    choose(tester, "activation of the outputs", "none")

    field(tester, "name of the run").set_value("theirs")
    click(tester, "Import")
    until(tester, lambda: any("is in the list" in html for html in said(tester)))
    run = open_run(tmp_path / "runs" / "theirs")
    assert run.info.counter == "epoch"
    assert list(run.steps) == list(THETAS)
    for row, theta in zip(run.theta(0), THETAS.values(), strict=True):
        np.testing.assert_allclose(row, np.tile(theta, (len(row), 1)), atol=2e-3)
    until(tester, lambda: any("stn-card fault" in html for html in said(tester)))  # the doctor sees the way out
    click(tester, "Open")
    (stage,) = [element for element in tester.main if element.type == "bidi_component"]
    assert json.loads(stage.proto.json)["run"]["name"] == "theirs"


def test_a_field_that_does_not_read_and_a_name_that_is_taken_are_said_beside_the_form(importing, training, tmp_path):
    tester = importing(training)
    field(tester, "size of V").set_value("wide")
    tester.run()
    assert any("The size of V does not read: type height × width" in html for html in said(tester))
    assert next(button for button in tester.button if button.label == "Import").disabled
    field(tester, "size of V").set_value("14 x 20")
    tester.run()
    field(tester, "name of the run").set_value("../out")
    click(tester, "Import")
    assert any("letters, digits, hyphens" in html for html in said(tester))
    assert not (tmp_path / "out").exists()


def test_a_field_that_does_not_read_leaves_all_others_and_the_last_picture_in_place(importing, training):
    tester = importing(training)
    (norm,) = [box for box in tester.selectbox if box.label == "mean and std of the images"]
    norm.set_value("other …").run()
    labels = [*(each.label for each in tester.text_input), *(each.label for each in tester.get("button_group"))]
    drawn = matrix(tester)
    field(tester, "mean").set_value("x").run()
    assert any("The mean does not read" in html for html in said(tester))
    assert [
        *(each.label for each in tester.text_input),
        *(each.label for each in tester.get("button_group")),
    ] == labels
    assert matrix(tester) == drawn
    field(tester, "mean").set_value("0.5").run()
    field(tester, "std").set_value("0").run()
    assert any("std is 0" in html for html in said(tester))
    assert matrix(tester) == drawn


def test_a_theta_that_is_the_same_for_every_picture_is_suspected(importing, training):
    """Which one picture cannot show."""
    assert any("The same crop for every image" in html for html in said(importing(training / "net_65.pt")))


def test_of_several_transformers_each_is_suspected_by_its_name(importing, tmp_path):
    shapes = {
        "localization.0": (8, 1, 7, 7),
        "localization.3": (10, 8, 5, 5),
        "fc_loc.0": (32, 90),
        "fc_loc.2": (6, 32),
    }
    state = {}
    for layer, shape in shapes.items():
        for factor, name in enumerate(("wide", "tiny"), 1):
            state |= {f"{name}.{layer}.weight": torch.full(shape, 1e-4 * factor)}
            state |= {f"{name}.{layer}.bias": torch.zeros(shape[0])}
    state["wide.fc_loc.2.bias"] = torch.tensor([0.9, 0, 0.1, 0, 0.9, 0])
    state["tiny.fc_loc.2.bias"] = torch.tensor([0.1, 0, 0.1, 0, 0.1, 0])
    torch.save(state, tmp_path / "two.pt")
    page = "".join(said(importing(tmp_path / "two.pt")))
    assert "tiny: The grid has shrunk to 0.01 of the image" in page
    assert "wide: The same crop for every image" in page
    assert re.search("The first probe image, through (wide|tiny); the form holds for all", page)


def test_a_page_that_is_reloaded_finds_its_import_again_and_a_made_up_token_finds_none(
    importing, training, app, tmp_path
):
    tester = importing(training)
    token = tester.query_params["import"]
    for given, title in ((token, "3 checkpoints recognised"), ("a" * 22, None)):
        again = app(tmp_path / "runs")
        again.query_params["import"] = given
        again.switch_page(PAGE).run()
        assert not again.exception
        found = [html for html in said(again) if "checkpoints recognised" in html]
        assert bool(found) == bool(title)
        assert again.get("button_group")[0].value == ("Import" if title else "All runs")


def test_an_import_can_be_stopped_and_says_how_far_it_came(importing, training, tmp_path, monkeypatch):
    pressed = threading.Event()
    cancel, write = jobs.Job.cancel, foreign.import_run

    def slow(*args, progress, **kwargs):
        def and_wait(done, total):
            progress(done, total)
            if done == 1:
                pressed.wait(60)

        return write(*args, progress=and_wait, **kwargs)

    monkeypatch.setattr(foreign, "import_run", slow)
    monkeypatch.setattr(jobs.Job, "cancel", lambda job: (cancel(job), pressed.set()))
    tester = importing(training)
    field(tester, "name of the run").set_value("theirs")
    click(tester, "Import")
    until(tester, lambda: any("checkpoint 2 of 3" in bar.proto.text for bar in tester.get("progress")))
    click(tester, "Cancel")
    until(tester, lambda: any("is in the list, stopped after" in html for html in said(tester)))
    run = open_run(tmp_path / "runs" / "theirs")
    assert run.info.status == "stopped"
    assert list(run.steps) == [65, 70]  # the one that was under way is finished


def test_without_a_transformer_the_page_shows_what_the_file_holds(importing, tmp_path):
    path = tmp_path / "plain.pt"
    torch.save(torch.nn.Sequential(torch.nn.Linear(784, 10)).state_dict(), path)
    page = "".join(said(importing(path)))
    assert "There is no transformer in plain.pt" in page
    assert "784" in page[page.index("stn-tree") :]


def test_a_path_that_is_none_is_refused_in_a_sentence(runs_page, tmp_path):
    tester = runs_page(tmp_path)
    tester.session_state["runs view"] = "Import"
    tester.run()
    tester.text_input(key="path").set_value(str(tmp_path / "absent"))
    click(tester, "Look")
    assert any("There is no file or folder" in html for html in said(tester))


@pytest.fixture(scope="module")
def scripted(tmp_path_factory):
    """A TorchScript archive: code, that marks a list when it is opened."""

    class Net(torch.nn.Module):
        def forward(self, U):
            grid = F.affine_grid(torch.eye(2, 3).expand(len(U), 2, 3), [len(U), 1, 28, 28], align_corners=False)
            return F.grid_sample(U, grid, align_corners=False)

    path = tmp_path_factory.mktemp("code") / "net.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(Net()), path)
    return path


def test_code_opens_after_a_yes_for_that_file_alone_and_only_here(importing, scripted, monkeypatch):
    monkeypatch.setattr(torch.jit, "load", lambda *_, **__: pytest.fail("opened without a yes"))
    tester = importing(scripted)
    digest = hashlib.sha256(scripted.read_bytes()).hexdigest()
    assert "net.pt is a TorchScript archive" in "".join(said(tester))
    assert not trust.is_trusted(digest)
    monkeypatch.setattr(here, "is_here", lambda: False)
    tester.run()
    assert not [button for button in tester.button if button.label == "Yes, open it"]
    assert any("belong to the person at that machine" in html for html in said(tester))
    monkeypatch.setattr(here, "is_here", lambda: True)
    opened = []
    monkeypatch.setattr(torch.jit, "load", lambda *_, **__: opened.append(True) or torch.nn.Linear(1, 1))
    tester.run()
    click(tester, "Yes, open it")
    until(tester, lambda: not tester.get("progress"))
    assert trust.is_trusted(digest)
    assert opened


def test_from_another_machine_there_is_no_path_field(runs_page, tmp_path, monkeypatch):
    monkeypatch.setattr(here, "is_here", lambda: False)
    tester = runs_page(tmp_path)
    tester.session_state["runs view"] = "Import"
    tester.run()
    assert not tester.text_input
    assert any("open on another machine" in html for html in said(tester))


def test_a_yes_to_a_runs_program_is_for_the_bytes_that_lie_there(runs_page, folder, tmp_path):
    shutil.copytree(folder / "program", tmp_path / "program")
    (tmp_path / "program" / "network.pt2").write_bytes(b"other bytes")
    tester = click_in_list(runs_page(tmp_path), "trust", "program")
    assert literal("is not the file that run.json tells of") in tester.warning[0].value
    assert not trust.is_trusted("a" * 64)
    own = hashlib.sha256(b"other bytes").hexdigest()
    changed_info = json.loads((tmp_path / "program" / "run.json").read_text())
    changed_info["network"]["sha256"] = own
    (tmp_path / "program" / "run.json").write_text(json.dumps(changed_info))
    shelf.look_again()
    tester.session_state["runs list"] = {"asked": {"do": "trust", "run": "program", "at": 2}}
    tester.run()
    assert trust.is_trusted(own)
    assert [row["asks"] for row in listed(tester)["runs"]] == [None]


def test_the_preview_shows_the_pictures_with_the_preparation_undone():
    choices = Choices(size=(6, 5), mean=(0.2, 0.4, 0.6), std=(0.5, 0.25, 0.125), channel_order="bgr", value_range=255)
    P = np.random.default_rng(0).integers(0, 256, (3, 6, 5)).astype(np.float32)
    U = (P[::-1] - np.array(choices.mean)[:, None, None]) / np.array(choices.std)[:, None, None]
    np.testing.assert_array_equal(previewing.shown(U.astype(np.float32), choices), np.moveaxis(P, 0, -1))


def test_the_previews_grid_stands_where_torch_samples():
    theta = torch.tensor([[0.5, 0.2, 0.1, -0.2, 0.5, -0.1]])
    grid = F.affine_grid(theta.view(1, 2, 3), [1, 1, 7, 9], align_corners=True)[0].numpy()
    U = np.zeros((1, 6, 12), np.float32)
    html = previewing.drawn(
        U, U, grid, theta=theta[0].numpy(), family="affine", choices=Choices(size=(6, 12), align_corners=True)
    )
    drawing = base64.b64decode(re.search(r"svg\+xml;base64,([^\"]+)", html)[1]).decode()
    first, *_, last = re.search(rf'points="([^"]+)" stroke="{previewing.EDGES["top"]}"', drawing)[1].split()
    # The view spans the longer side by -1..1, and the shorter by its share.
    np.testing.assert_allclose([float(n) for n in first.split(",")], grid[0, 0] * [1, 0.5], atol=2e-3)
    np.testing.assert_allclose([float(n) for n in last.split(",")], grid[0, -1] * [1, 0.5], atol=2e-3)
    # With align_corners, -1 is the centre of the first pixel: half a pixel of picture lies beyond it.
    x, width = (float(re.search(rf'<image [^>]*\b{name}="([^"]+)"', drawing)[1]) for name in ("x", "width"))
    np.testing.assert_allclose([x, width], [-12 / 11, 24 / 11], atol=1e-3)


def test_a_stranger_file_name_is_text_on_the_page():
    assert "<script>" not in cards.card("fault", "<script>alert(1)</script>", "<script>", word="<script>")
    assert "&lt;script&gt;" in cards.texts(["<script>"])
