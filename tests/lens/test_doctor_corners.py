"""A grid and a sampler of two align_corners; a run that was imported. torch's own grids are the oracle."""

import numpy as np
import pytest
import torch
from doctor_runs import IDENTITY, a_site, healthy, rules, write
from torch.nn import functional as F


@pytest.mark.parametrize(("sampler", "size", "told"), [(False, (28, 28), "28/27"), (True, (20, 40), "39/40")])
def test_two_align_corners_are_told_by_the_first_grid(tmp_path, sampler, size, told):
    h, w = size
    theta = IDENTITY.copy()
    theta[0], theta[4] = ((w - 1) / w, (h - 1) / h) if sampler else (w / (w - 1), h / (h - 1))
    made, other = (
        F.affine_grid(torch.tensor(values).view(1, 2, 3), (1, 1, h, w), align_corners=corners)
        for values, corners in ((IDENTITY, not sampler), (theta, sampler))
    )
    torch.testing.assert_close(made, other)
    site = a_site(align_corners=sampler, input_size=size, output_size=size)
    thetas = np.concatenate([np.tile(theta, (1, 6, 1)), healthy(20, 6)])
    finding = rules(write(tmp_path / "mixed", thetas, site=site))["align-corners"]
    assert (finding.severity, finding.step) == ("warning", 0)
    assert f"= {told} times as large" in finding.sentence
    assert f"affine_grid was called with align_corners={not sampler} and grid_sample with {sampler}" in finding.cause
    for name, start in (("right", IDENTITY), ("zoomed", IDENTITY * 1.05)):
        thetas[0] = start
        assert "align-corners" not in rules(write(tmp_path / name, thetas, site=site))
    assert "align-corners" not in rules(write(tmp_path / "late", thetas, steps=range(1, 22), site=site))


def test_an_imported_run_is_first_suspected_of_other_images_than_the_training_had(tmp_path):
    thetas = np.tile(IDENTITY * 5, (2, 8, 1)) + healthy(2, 8)
    for source, first in (("imported from 2 files", True), ("stn_viz.record", False)):
        finding = rules(write(tmp_path / source, thetas, source=source))["zoom-out"]
        assert finding.cause.startswith("The run is imported: images that are prepared otherwise") is first
        assert "Zoom-out drift" in finding.cause
