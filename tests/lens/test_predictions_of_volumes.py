"""The network is asked about theta over space by hand: what it says of the volume that torch samples."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from volume_run import OUTPUT, make_volume_run

from stn_viz.lens.laying import laid
from stn_viz.lens.predictions import predictions
from stn_viz.lens.question import LensError
from stn_viz.runs import open_run
from stn_viz.view import View


def test_a_theta_by_hand_is_answered_by_the_rest_of_the_network(tmp_path: Path, monkeypatch) -> None:
    model = make_volume_run(tmp_path / "turner").eval()
    run = open_run(tmp_path / "turner")
    run = replace(run, info=replace(run.info, network={"name": "a 3-D network"}))
    monkeypatch.setattr(sys.modules["stn_viz.lens.predictions"], "_network", lambda run, snapshot: model)
    theta = torch.eye(3, 4) + 0.2 * torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
    view = View(run="turner", image=2, step=10, theta=tuple(theta.flatten().tolist()), padding="border")
    answer = predictions(run, view)
    grid = F.affine_grid(theta[None], [1, 1, *OUTPUT], align_corners=False)
    U = torch.from_numpy(run.probes.U[2:3])
    with torch.no_grad():
        V = F.grid_sample(U, grid, padding_mode="border", align_corners=False)
        expected = model.classifier(V.sum(2).flatten(1)).softmax(1)[0]
    np.testing.assert_allclose(answer["probabilities"], expected.numpy(), atol=1e-5)


def test_a_planar_family_is_not_laid_over_a_volume() -> None:
    with pytest.raises(LensError, match=r"There is no family 'affine'\. Choose one of: affine3\."):
        laid("affine", (4, 6, 8), False, {})
    with pytest.raises(LensError, match=r"There is no family 'affine3'\. Choose one of: affine, "):
        laid("affine3", (6, 8), False, {})
