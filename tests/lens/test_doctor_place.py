"""Where the grid lies: outside the image, or crossed by a horizon. And the bundled runs, where nothing is wrong."""

from pathlib import Path

import numpy as np
import pytest
import torch
from doctor_runs import IDENTITY, a_site, healthy, rules, write
from torch.nn import functional as F

from stn_viz.lens.doctor import examination, examine
from stn_viz.runs import open_run

BUNDLED = Path(__file__).parents[2] / "checkpoints"
REAL = {  # CASES 8: theta of one image of a real training, by epoch
    65: [0.4298, -0.5704, 0.2316, 0.3221, 0.8255, -0.3517],
    70: [0.5382, -0.4099, 0.3478, 0.3325, 0.8449, -0.2290],
    75: [3.6801, 0.3164, 0.5781, 0.3031, 0.9529, -2.3116],
    80: [3.6490, 0.3246, 0.5835, 0.3004, 0.9703, -2.2713],
    100: [3.6610, 0.3393, 0.5991, 0.3005, 0.9732, -2.2763],
}


@pytest.mark.parametrize("name", ["rts-st-cnn-affine", "rts-cnn"])
def test_the_bundled_runs_are_healthy(name):
    found = examination(open_run(BUNDLED / name))
    assert found.findings == ()
    assert found.healthy
    if name == "rts-cnn":
        assert [one.reason for one in found.skipped] == ["There is no transformer in this network."]
    else:
        assert found.skipped == ()
        assert {"outside", "gradient", "align-corners", "bypass"} <= set(found.looked)


def test_a_training_that_finds_its_places_is_healthy(tmp_path):
    assert examine(write(tmp_path / "run", healthy())) == []


def test_the_real_training_whose_grid_left_at_epoch_75(tmp_path):
    run = write(tmp_path / "run", np.array(list(REAL.values()))[:, None], steps=REAL, counter="epoch")
    finding = rules(run)["outside"]
    assert (finding.severity, finding.step, finding.image) == ("fault", 75, 0)
    assert finding.view.to_query() == {"run": "run", "image": "0", "step": "75"}
    assert finding.link == "?run=run&image=0&step=75"
    # what torch says of the two records
    grids = F.affine_grid(torch.tensor([REAL[70], REAL[75]]).view(2, 2, 3), (2, 1, 28, 28), align_corners=False)
    inside = (grids.abs() <= 1).all(-1).flatten(1).float().mean(1)
    assert inside.tolist() == pytest.approx([0.8763, 0], abs=5e-5)
    assert finding.sentence == (
        "At epoch 75 the whole grid of image 0 lies above the image (largest y = -1.056); at epoch 70, 88 % of its "
        "points lay inside (determinant 0.591, now 3.411)."
    )
    jump = rules(run)["jump"]
    assert jump.step == 75
    assert "Between epoch 70 and epoch 75 theta jumps" in jump.sentence


def test_the_first_of_many_that_leave_is_named_and_the_others_counted(tmp_path):
    thetas = healthy(30, 12)
    thetas[:, :9, 5] += 2.6 * np.linspace(0, 1, 30)[:, None] ** 4
    thetas[20:, 3, 2] = 2.5  # to the right, before the others go down
    x, y = (np.abs(thetas[..., row : row + 2]).sum(-1) for row in (0, 3))
    out = (thetas[..., 2] - x > 1) | (thetas[..., 5] - y > 1)
    assert out[:21].any(0).nonzero()[0].tolist() == [3]
    assert out[-1].sum() == 9
    finding = rules(write(tmp_path / "run", thetas))["outside"]
    assert (finding.severity, finding.step, finding.image) == ("fault", 200, 3)
    assert f"lies right of the image (least x = {2.5 - x[20, 3]:.3f})" in finding.sentence
    assert finding.sentence.endswith(". At the last record it is so for 9 of 12 images.")


def test_a_grid_that_was_out_and_came_back_is_a_note(tmp_path):
    thetas = healthy()
    thetas[12:15, :4, 2] = -2.4
    finding = rules(write(tmp_path / "run", thetas))["outside"]
    assert finding.severity == "note"
    assert "left of the image" in finding.sentence
    assert "4 of 12 images, and is back at step 150" in finding.sentence


def test_a_grid_of_which_little_is_left_inside_is_a_warning(tmp_path):
    thetas = healthy()
    thetas[20:, :, [2, 5]] += 1.3
    finding = rules(write(tmp_path / "run", thetas))["outside"]
    assert (finding.severity, finding.step) == ("warning", 200)


def test_a_horizon_inside_the_view(tmp_path):
    # CASES 12: rows [1 0 0; 0 1 0; 1.5 0 1], H_w = 1 + 1.5 x, behind left of x = -2/3: 1/6 of the grid
    thetas = np.zeros((6, 3, 8))
    thetas[:, :, [0, 4]] = 1
    thetas[:, :, 6] = np.linspace(0, 1.5, 6)[:, None] * [0.2, 1.0, 0.2]
    site = a_site(family="projective", output_size=(24, 24))
    run = write(tmp_path / "run", thetas, site=site)
    finding = rules(run)["horizon"]
    assert (finding.severity, finding.step, finding.image) == ("fault", 40, 1)  # 1.2 is the first above 1
    only_last = write(tmp_path / "last", thetas[-1:, 1:2], site=site)
    assert "H_w falls to -0.5, and 17 % of the sample points lie behind it" in rules(only_last)["horizon"].sentence
    bounded = write(tmp_path / "bounded", thetas * np.where(np.arange(8) == 6, 0.6, 1), site=site)
    assert "horizon" not in rules(bounded)


def test_a_volume_that_leaves_along_z(tmp_path):
    theta = np.tile(np.eye(3, 4).ravel(), (4, 2, 1))
    theta[2:, :, 11] = 2.5
    site = a_site(family="affine3", input_size=(12, 14, 16), output_size=(4, 6, 8))
    finding = rules(write(tmp_path / "run", theta, site=site))["outside"]
    assert "At step 20 the whole grid of image 0 lies behind the image (least z = 1.500)" in finding.sentence


def test_raw_grids_are_looked_at_too(tmp_path):
    thetas = healthy(8, 4)
    thetas[5:, 1, 5] = -2.5
    flat = torch.from_numpy(thetas).float().view(-1, 2, 3)
    grids = F.affine_grid(flat, (len(flat), 1, 10, 14), align_corners=False).view(8, 4, 10, 14, 2)
    site = a_site(family=None, output_size=(10, 14))
    finding = rules(write(tmp_path / "run", grids.numpy(), site=site, raw=True))["outside"]
    assert (finding.step, finding.image) == (50, 1)


def test_identity_is_healthy_where_nothing_is_to_be_found(tmp_path):
    rng = np.random.default_rng(0)
    thetas = np.tile(IDENTITY, (4, 3, 1)) + rng.normal(0, 0.02, (4, 3, 6))
    assert examine(write(tmp_path / "run", thetas)) == []
