"""python -m stn_viz doctor: what a person reads, what a training job reads, and the exit status."""

import json
import subprocess
import sys

import numpy as np
import pytest
from doctor_runs import a_site, healthy, rules, write

from stn_viz import __main__
from stn_viz.lens.doctor import examination, examine
from stn_viz.runs import RunWriter, open_run


@pytest.fixture
def away(tmp_path, monkeypatch):
    """A run whose grids leave the image at step 200."""
    monkeypatch.setenv("STN_VIZ_RUNS", str(tmp_path))
    thetas = healthy()
    thetas[20:, :9, 5] = -2.5
    write(tmp_path / "away", thetas)
    return tmp_path / "away"


def test_a_fault_is_told_to_a_person(away, capsys):
    assert __main__.main(["doctor", str(away)]) == 1
    told = capsys.readouterr().out
    assert told.startswith(
        "away: 30 records of 12 images, step 0 to 290\n\nFAULT outside\n  At step 200 the whole grid"
    )
    for words in ("Likely cause: ", "Cure: ", "See it in the app: ?run=away&image=", "Looked at: outside, horizon"):
        assert words in told
    assert "- gradient, bypass, answer, align-corners: This run came without its network." in told
    assert "\x1b" not in told  # colours are for terminals
    assert max(len(line) for line in told.splitlines()) <= 100


def test_a_fault_is_told_to_a_training_job(away, capsys):
    assert __main__.main(["doctor", "away", "--json"]) == 1  # by its name
    told = json.loads(capsys.readouterr().out)
    assert told["healthy"] is False
    assert (told["run"], told["counter"], told["step"], told["status"]) == ("away", "step", 290, "finished")
    (fault,) = [finding for finding in told["findings"] if finding["severity"] == "fault"]
    assert (fault["rule"], fault["step"], fault["site"]) == ("outside", 200, 0)
    assert fault["view"] == {"run": "away", "image": str(fault["image"]), "step": "200"}
    assert set(fault) == {"rule", "severity", "step", "image", "site", "sentence", "cause", "cure", "view", "link"}
    assert {"rule": "bypass", "site": None, "reason": "This run came without its network."} in told["skipped"]


def test_before_the_fault_the_run_was_healthy(away, capsys):
    assert __main__.main(["doctor", str(away), "--at", "195", "--json", "--no-network"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["healthy"], told["step"], told["findings"]) == (True, 190, [])


def test_a_run_that_is_still_written_can_be_looked_at(tmp_path, capsys):
    whole = write(tmp_path / "whole", healthy())
    writer = RunWriter(tmp_path / "now", whole.info, whole.probes)
    writer.info = type(whole.info)(**{**vars(whole.info), "status": "running", "sites": ()})
    writer.describe(whole.sites, [None])
    for record in range(4):
        thetas = whole.theta(0)[record].copy()
        thetas[:, 2] += 3.0 * (record == 3)
        writer.record(step=record, loss=1.0, error=1.0, rate=1.0, thetas={0: thetas})
        writer.flush()
        assert __main__.main(["doctor", str(tmp_path / "now"), "--json"]) == (1 if record == 3 else 0)
        assert json.loads(capsys.readouterr().out)["status"] == "running"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nothing-of-that-name"], "'nothing-of-that-name' is neither a folder nor a run of the list"),
        (["{}/empty"], "empty is empty"),
        (["{}/away", "--at", "-5"], "The first record of away is of step 0. Ask for a later one."),
    ],
)
def test_what_cannot_be_read_is_a_sentence_and_2(away, capsys, words, sentence):
    (away.parent / "empty").mkdir()
    words = [word.format(away.parent) for word in words]
    assert __main__.main(["doctor", *words]) == 2
    assert sentence in capsys.readouterr().err
    assert __main__.main(["doctor", *words, "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["healthy"] is None
    assert sentence in told["error"]


def test_findings_come_worst_first_and_then_by_step(tmp_path):
    thetas = healthy()
    thetas[5:, :, :2] *= -1  # a fault at 50
    thetas[3:, 0, 5] = -2.6  # a warning at 30
    thetas[2:4, 3:6, 2] = 2.6
    order = [(finding.severity, finding.step) for finding in examine(write(tmp_path / "run", thetas))]
    assert order == sorted(order, key=lambda one: (["fault", "warning", "note"].index(one[0]), one[1]))
    assert len(order) >= 2


def test_a_site_of_an_unknown_family_is_skipped_and_the_others_are_not(tmp_path):
    run = write(tmp_path / "run", healthy())
    text = (run.path / "run.json").read_text().replace('"affine"', '"bent"')
    (run.path / "run.json").write_text(text)
    found = examination(open_run(run.path))
    assert found.findings == ()
    known = write(tmp_path / "posed", healthy(n=20), pose=healthy(n=20)[-1], pose_family="bent")
    assert [one.rule for one in examination(known, network=False).skipped] == ["pose", "all of the network"]
    assert any("There is no family 'bent'" in one.reason for one in found.skipped)
    assert found.looked == ()


def test_the_trace_is_looked_at_in_pieces_as_in_one(tmp_path, monkeypatch):
    thetas = healthy(40, 6)
    thetas[25:, 2, 5] = -2.5
    thetas[31:, :, 2] += 0.9
    thetas[31:, :, 5] += 0.9
    whole = write(tmp_path / "run", thetas)
    at_once = examine(whole)
    monkeypatch.setattr("stn_viz.lens.doctor.tracks.AT_ONCE", 1000)
    assert examine(whole) == at_once
    assert {"outside", "jump"} <= {finding.rule for finding in at_once}


def test_a_training_that_diverged_is_a_fault(tmp_path, capsys):
    thetas = healthy()
    thetas[24:, 5] = np.nan
    assert __main__.main(["doctor", str(write(tmp_path / "run", thetas).path)]) == 1
    told = capsys.readouterr().out
    assert "FAULT diverged\n  trace.npz: theta_0 holds nan or inf from step 240 on" in told
    assert __main__.main(["doctor", str(tmp_path / "run"), "--at", "150"]) == 0
    thetas = healthy()
    thetas[24:, :, [0, 4]] = 1e30  # finite, and past what can be multiplied
    assert rules(write(tmp_path / "far", thetas))["zoom-out"].severity == "fault"


def test_several_sites_are_named(tmp_path):
    run = write(tmp_path / "run", healthy())
    thetas = healthy(seed=5).astype(np.float32)
    thetas[20:, :, 5] = 2.5
    two = type(run)(
        **{**vars(run), "rows": {**run.rows, "theta_1": thetas}},
    )
    info = type(run.info)(**{**vars(run.info), "sites": (a_site(name="first"), a_site(name="second"))})
    object.__setattr__(two, "info", info)
    finding = rules(two)["outside"]
    assert finding.site == 1
    assert "at site 'second' lies below the image" in finding.sentence
    assert finding.view.to_query()["site"] == "1"


def test_importing_the_doctor_does_not_wait_for_torch():
    code = "import sys, stn_viz.lens.doctor.command; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
