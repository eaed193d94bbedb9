"""Run folders that were made to do harm: to this machine's memory, to the list of all other runs, to a terminal."""

import dataclasses
import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from stn_viz.foreign.network import network_of
from stn_viz.lens import LensError
from stn_viz.lens.laying import laid
from stn_viz.pages import runrows
from stn_viz.runs import RunError, RunInfo, list_runs, open_run, trust
from stn_viz.runs import reading as runs_reading
from stn_viz.runs.plainly import plain

SITE: dict[str, Any] = {
    "name": "site",
    "family": "affine",
    "options": {},
    "kernel": "bilinear",
    "padding": "zeros",
    "align_corners": False,
    "input_size": [8, 8],
    "output_size": [8, 8],
    "channels": 1,
}
WEIGHTS = safetensors.numpy.save({"a": np.zeros(3, np.float32)})


def make(folder: Path, *, site: dict[str, Any] | None = None, more: bytes | None = None, **info: Any) -> Path:
    """A whole little run; `info` stands in run.json as it is given, `more` in place of the basis."""
    folder.mkdir(parents=True)
    told = {"format": 1, "sites": [SITE | (site or {})], "snapshots": {"0": len(WEIGHTS)}} | info
    (folder / "run.json").write_text(json.dumps(told))
    np.savez(folder / "probes.npz", U=np.zeros((2, 1, 8, 8), np.uint8), labels=np.zeros(2, np.int64))
    theta = np.tile(np.array([1, 0, 0, 0, 1, 0], np.float32), (3, 2, 1))
    np.savez(folder / "trace.npz", step=np.arange(3), theta_0=theta, extra=np.zeros((3, 5)))
    basis = safetensors.numpy.save({"identity": np.zeros(6, np.float32)}) if more is None else more
    (folder / "basis_0.safetensors").write_bytes(basis)
    (folder / "step_000000.safetensors").write_bytes(WEIGHTS)
    return folder


def header(words: bytes) -> bytes:
    return struct.pack("<Q", len(words)) + words


ODD: dict[str, dict[str, Any]] = {
    "a side without end": {"more": header(b'{"identity":{"shape":[1e999],"dtype":"F32","data_offsets":[0,0]}}')},
    "an end without end": {"more": header(b'{"identity":{"shape":[6],"dtype":"F32","data_offsets":[0,1e999]}}')},
    "a mean of 400 digits": {"preparation": {"mean": [10**400], "std": [1.0]}},
    "a std of 400 digits": {"preparation": {"mean": [0.0], "std": [10**400]}},
    "channels of 30 digits": {"site": {"channels": 10**30}},
    "no channels": {"site": {"channels": 0}},
    "a V that no screen has": {"site": {"output_size": [16384, 16384]}},
    "a volume that no memory has": {"site": {"output_size": [16384] * 3, "family": "affine3"}},
    "a million classes": {"classes": ["a"] * 100_000},
}


@pytest.mark.parametrize("what", ODD)
def test_an_odd_run_is_a_sentence_and_the_list_goes_on(tmp_path, what):
    make(tmp_path / "a")
    make(tmp_path / "b", **ODD[what])
    good, odd = list_runs([tmp_path])
    assert good.problem is None
    assert odd.problem is not None
    assert len(odd.problem) < 400
    assert [row.usable for row in runrows.rows([good])] == [True]


def test_what_nobody_thought_of_is_a_sentence_too(tmp_path, monkeypatch):
    make(tmp_path / "a")

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(runs_reading, "read_probes", broken)
    problem = list_runs([tmp_path])[0].problem
    assert problem is not None
    assert problem.startswith("a cannot be read (ZeroDivisionError: a fault of ours). Take it from the original folder")
    monkeypatch.setattr(runs_reading, "_scan", broken)
    assert "ZeroDivisionError" in str(list_runs([tmp_path])[0].problem)


def test_words_are_cut_and_arrays_that_mean_nothing_are_left(tmp_path):
    run = open_run(make(tmp_path / "a", name="n" * 10_000, notes=["x" * 5000] * 300, source="s" * 10_000))
    assert (len(run.info.name), len(run.info.source), len(run.info.notes)) == (2000, 2000, 200)
    assert {len(note) for note in run.info.notes} == {2000}
    assert set(run.rows) == {"step", "theta_0"}


def test_probes_that_unpack_to_more_than_memory_is_taken_for(tmp_path, monkeypatch):
    monkeypatch.setattr(runs_reading, "MAX_PIXELS", 100)
    with pytest.raises(RunError, match="U has 128 numbers; at most 100 are read"):
        open_run(make(tmp_path / "a"))


def test_a_trace_that_is_nothing_but_a_table_of_contents(tmp_path):
    folder = make(tmp_path / "a")
    entry = b"PK\x01\x02" + struct.pack("<6H3L5H2L", 20, 20, *[0] * 7, 1, *[0] * 6) + b"a"
    count = 2**20 // len(entry) + 1
    end = b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, count & 0xFFFF, count & 0xFFFF, count * len(entry), 0, 0)
    (folder / "trace.npz").write_bytes(entry * count + end)
    with pytest.raises(RunError, match=r"table of contents of 1,048,\d\d\d bytes"):
        open_run(folder)


def test_a_folder_of_an_impossible_year(tmp_path):
    folder = make(tmp_path / "a", created="?")
    for name in os.listdir(folder):
        os.utime(folder / name, (10**12, 10**12))
    assert [row.name for row in runrows.rows(list_runs([tmp_path]))] == ["a"]


OURS = {"name": "st-cnn", "size": [42, 42], "channels": 1, "classes": 10, "family": "affine", "output_size": [28, 28]}


@pytest.mark.parametrize(
    "absurd",
    [
        {"filters": [40_000, 2000]},
        {"filters": [10**9, 1]},
        {"filters": [1, -1]},
        {"filters": None},
        {"localisation_filters": 100_000},
        {"localisation_hidden": [60_000, 60_000]},
        {"localisation_hidden": []},
        {"localisation_hidden": [1] * 10_000},
        {"name": "fcn", "size": [20_000, 20_000]},
        {"size": [10**400, 1]},
        {"size": [1e9, 3]},
        {"size": "ab"},
        {"output_size": [9000, 9000]},
        {"output_size": [3000, 3000], "family": "tps", "points": 8},
        {"family": {"a": 1}},
        {"classes": 10**6},
    ],
    ids=str,
)
def test_a_network_of_ours_of_absurd_widths_takes_no_memory(tmp_path, absurd):
    run = open_run(make(tmp_path / "a", network=OURS | absurd))
    with pytest.raises(RunError, match="cannot build") as told:
        network_of(run, 0)
    assert len(str(told.value)) < 400


def test_our_own_networks_are_built_all_the_same(tmp_path):
    for name in ("st-cnn", "st-fcn", "cnn", "fcn"):
        run = open_run(make(tmp_path / name, network=OURS | {"name": name, "size": [60, 60]}))
        with pytest.raises(RunError, match="do not fit"):  # built, and then its weights are looked at
            network_of(run, 0)


def test_a_grid_for_a_question_is_measured_before_it_is_made():
    with pytest.raises(LensError, match="too large"):
        laid("affine", (10**6, 10**6), False, {})


def test_a_grid_of_a_finding_is_thinned_where_it_is_large(tmp_path):
    from stn_viz.lens.doctor import grids

    run = open_run(make(tmp_path / "a", site={"output_size": [4096, 4096]}))
    points, _ = grids.whole(run, 0, 0, 0)
    assert 2**17 < len(points) <= 2**19
    small = dataclasses.replace(run, info=dataclasses.replace(run.info, sites=(_sized(run.info, (20, 30)),)))
    assert len(grids.whole(small, 0, 0, 0)[0]) == 600


def _sized(info: RunInfo, size: tuple[int, int]) -> Any:
    return dataclasses.replace(info.sites[0], output_size=size)


def found(width: int) -> dict[str, Any]:
    """A network of few weights, each of whose layers gives `width` pictures."""
    from stn_viz.foreign.kinds import Choices, Transformer
    from stn_viz.foreign.shapes.stored import to_json

    conv = {"kind": "conv", "key": "0", "in": 1, "out": width, "kernel": [1, 1], "stride": [1, 1], "padding": [0, 0]}
    layers = (
        conv | {"groups": 1, "bias": True},
        {"kind": "adaptive", "mode": "avg", "size": [1, 1]},
        {"kind": "flatten"},
        {"kind": "linear", "key": "4", "in": width, "out": 6, "bias": True},
    )
    choices = Choices(size=(8, 8))
    transformer = Transformer(
        name="loc",
        place="",
        layers=layers,
        outputs=6,
        readings=("affine",),
        channels=1,
        sizes=((8, 8),),
        known=None,
        choices=choices,
    )
    return to_json(transformer, choices)


def test_a_found_network_is_asked_about_fewer_images_where_its_layers_are_large(tmp_path):
    from stn_viz.lens.doctor import patient

    assert patient._largest(open_run(make(tmp_path / "a", network=found(100_000)))) == 64 * 100_000
    assert patient._largest(open_run(make(tmp_path / "b", network=found(1) | {"beside": [found(500)]}))) == 64 * 500
    assert patient._largest(open_run(make(tmp_path / "c"))) == 1


def test_transformers_beside_each_other_are_counted_together(tmp_path):
    run = open_run(make(tmp_path / "a", network=found(1) | {"beside": [found(10**6)] * 30}))
    with pytest.raises(RunError, match=r"the transformers have 240,\d{3},\d{3} weights"):
        network_of(run, 0)


DIGEST = "a" * 64


def test_a_list_of_yeses_that_others_may_write_trusts_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("STN_VIZ_HOME", str(tmp_path))
    trust.trust(DIGEST, "x")
    assert trust.is_trusted(DIGEST)
    (tmp_path / "trusted.json").chmod(0o666)
    assert not trust.is_trusted(DIGEST)
    trust.trust("b" * 64, "y")  # the list begins anew, and is this user's alone
    assert not trust.is_trusted(DIGEST)
    assert trust.is_trusted("b" * 64)
    assert (tmp_path / "trusted.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kind", ["pipe", "endless"])
def test_something_else_in_the_lists_place_trusts_nothing(tmp_path, monkeypatch, kind):
    monkeypatch.setenv("STN_VIZ_HOME", str(tmp_path))
    if kind == "pipe":
        os.mkfifo(tmp_path / "trusted.json")
    else:
        (tmp_path / "trusted.json").symlink_to("/dev/zero")
    assert not trust.is_trusted(DIGEST)


def test_a_terminal_is_not_moved_by_a_name():
    assert plain("a\x1b]0;owned\x07b\x9bc\u202ed\n\te") == "a�]0;owned�b�c�d\n\te"
