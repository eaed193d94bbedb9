"""A network over volumes is recorded like any other: its grid is its theta's, twelve numbers a probe."""

from pathlib import Path

import numpy as np
import pytest
import torch
from volume_run import INPUT, OUTPUT, PROBES, make_volume_run

from stn_viz.pages import volumes
from stn_viz.runs import Probes, open_run
from stn_viz.view import families


@pytest.mark.parametrize("align_corners", [False, True])
def test_a_3d_training_is_recorded_as_its_own_theta(tmp_path: Path, align_corners: bool) -> None:
    model = make_volume_run(tmp_path / "turner", align_corners=align_corners)
    run = open_run(tmp_path / "turner")
    assert run.problems == ()
    (site,) = run.sites
    assert (site.family, site.input_size, site.output_size) == ("affine3", INPUT, OUTPUT)
    assert site.align_corners == align_corners
    theta = run.theta()
    assert theta is not None
    assert theta.shape == (11, PROBES, 12)
    with torch.no_grad():
        expected = model.localisation(torch.from_numpy(run.probes.U)).numpy()
    np.testing.assert_allclose(theta[-1], expected, rtol=0, atol=2e-3)  # the last record keeps its weights as float16
    assert np.abs(theta[-1] - theta[0]).max() > 0.01
    assert run.basis() is not None
    assert families(len(site.output_size)) == ("affine3",)


def test_more_volumes_than_a_browser_holds_are_cut_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    many = Probes(U=np.zeros((6, 1, 4, 5, 8), np.float32), labels=np.arange(6))
    assert volumes.kept(many) == 6
    assert volumes.problem(many) is None
    monkeypatch.setattr(volumes, "MOST_BYTES", 4 * 640)
    assert volumes.shown(many).shape == (4, 1, 4, 5, 8)
    assert "The 6 probe volumes take" in str(volumes.problem(many))
    assert "the first 4 are shown" in str(volumes.problem(many))
    monkeypatch.setattr(volumes, "MOST_BYTES", 1)
    assert volumes.kept(many) == 1
    flat = Probes(U=np.zeros((6, 1, 40, 50), np.float32), labels=np.arange(6))
    assert volumes.kept(flat) == 6
