"""Parts of a run by HTTP: one image's raw grids or feature maps, cached by the run's version, refused in a sentence."""

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from asking import get
from foreign_folder import deep, pair, raw

from stn_viz import parts, shelf
from stn_viz.runs import open_run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(shelf.ROOTS_VARIABLE, str(tmp_path))
    raw(tmp_path / "wave grid")
    deep(tmp_path / "deep")
    return tmp_path


def ask(address: str) -> tuple[int, dict[str, str], bytes]:
    return get(parts.routes("some/base"), f"/some/base/part/{address}")


def test_a_part_is_all_records_of_one_image_and_stays_in_the_cache_for_its_version(folder) -> None:
    run = open_run(folder / "wave grid")
    assert parts.path("some/base") == "/some/base/part/"
    status, headers, body = ask(f"wave grid/{run.version}/grid-0-2.safetensors")
    assert status == 200
    found = safetensors.numpy.load(body)
    np.testing.assert_array_equal(found["grid"], np.load(folder / "wave grid" / "trace.npz")["grid_0"][:, 2])
    assert found["grid"].dtype == np.float16
    np.testing.assert_array_equal(found["step"], [0, 10, 20])
    assert "immutable" in headers["cache-control"]
    # A page of before the run was written on gets the records of today, and may not keep them.
    _, headers, older = ask("wave grid/0123/grid-0-2.safetensors")
    assert older == body
    assert headers["cache-control"] == "no-store"


def test_feature_maps_come_with_one_scale_for_all_steps_and_images(folder) -> None:
    run = open_run(folder / "deep")
    whole = np.load(folder / "deep" / "features.npz")["features_1"]
    for image in range(2):
        found = safetensors.numpy.load(ask(f"deep/{run.version}/features-1-{image}.safetensors")[2])
        np.testing.assert_array_equal(found["features"], whole[:, image])
        np.testing.assert_array_equal(found["step"], [0, 800])
        np.testing.assert_allclose(found["range"], np.percentile(whole.astype(np.float64), [0.5, 99.5]), rtol=1e-5)


def test_a_map_of_one_value_has_a_scale_all_the_same() -> None:
    low, high = parts.value_range(np.full((2, 1, 1, 4, 4), 3, np.float16))
    assert low < 3 < high


@pytest.mark.parametrize(
    ("run", "name", "sentence"),
    [
        ("wave grid", "grid-0-3.safetensors", "Image 3 was asked for, but this run has 3."),
        ("wave grid", "grid-1-0.safetensors", "Site 1 was asked for, but this run has 1."),
        ("wave grid", "run.json", "No part of a run is named 'run.json'"),
        ("wave grid", "features-0-0.safetensors", "This run keeps no feature maps of site 0."),
        ("deep", "grid-0-0.safetensors", "Site 0 is of a family: its grid is made from theta."),
        ("nobody's", "grid-0-0.safetensors", "There is no run named"),
    ],
)
def test_what_is_not_there_is_refused_in_a_sentence(folder, run, name, sentence) -> None:
    status, headers, body = ask(f"{run}/0/{name}")
    assert status == 404
    assert body.decode().startswith(sentence)
    assert headers["cache-control"] == "no-store"


def test_sites_that_sample_the_same_are_told_apart_from_those_that_do_not(folder) -> None:
    assert parts.inputs(open_run(pair(folder / "pair"))) == [0, 0, 0]
    path = folder / "deep"
    content = json.loads((path / "run.json").read_text())
    second = content["sites"][1]
    content["sites"] += [second | {"name": "third"}, second | {"name": "fourth"}, second | {"name": "fifth"}]
    (path / "run.json").write_text(json.dumps(content))
    trace, kept = (dict(np.load(path / name)) for name in ("trace.npz", "features.npz"))
    for site in (2, 3, 4):
        trace[f"theta_{site}"] = trace["theta_1"]
        (path / f"basis_{site}.safetensors").write_bytes((path / "basis_1.safetensors").read_bytes())
    kept |= {"features_2": kept["features_1"], "features_3": kept["features_1"] + np.float16(1)}
    np.savez(path / "trace.npz", **trace)
    np.savez(path / "features.npz", **kept)
    assert parts.inputs(open_run(path)) == [0, 1, 1, 2, None]
