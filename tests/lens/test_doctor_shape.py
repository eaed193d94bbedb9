"""What the grid does to the image: too large, too small, too long, mirrored, folded."""

import numpy as np
import pytest
import torch
from doctor_runs import IDENTITY, a_site, healthy, rules, write
from torch.nn import functional as F

from stn_viz.transformer import family


def scaled(to_x: float, to_y: float, S: int = 30, n: int = 12) -> np.ndarray:
    """A healthy training whose scales grow by these factors over its second half."""
    way = np.linspace(-1, 1, S).clip(0)[:, None]
    thetas = healthy(S, n)
    thetas[..., :3] *= (1 + way * (to_x - 1))[..., None]
    thetas[..., 3:] *= (1 + way * (to_y - 1))[..., None]
    return thetas


@pytest.mark.parametrize(("factor", "severity"), [(1.3, None), (3.0, "warning"), (6.0, "fault")])
def test_zoom_out_drift(tmp_path, factor, severity):
    thetas = scaled(factor, factor)
    found = rules(write(tmp_path / "run", thetas))
    if severity is None:
        assert "zoom-out" not in found
        return
    finding = found["zoom-out"]
    det = np.linalg.det(thetas.reshape(30, 12, 2, 3)[..., :2])
    sides = np.sqrt(np.abs(det))
    assert finding.severity == severity
    assert f"{np.median(sides[-1]):.2f} image sides long at the last record (it was 1.00 at step 0)" in finding.sentence
    record = finding.step // 10
    assert (sides[record] >= 1.75).mean() >= 0.85  # all but a few from there on, and not yet before
    assert (sides[record - 1] >= 1.75).mean() <= 0.92


def test_collapse_to_a_point_and_to_a_line(tmp_path):
    point = rules(write(tmp_path / "point", scaled(0.01, 0.01)))
    assert point["collapse"].severity == "fault"
    assert "all 12 images" in point["collapse"].sentence
    line = rules(write(tmp_path / "line", scaled(1.0, 0.01)))
    assert line["collapse"].severity == "fault"
    assert "stretched" not in line  # said once
    assert "collapse" not in rules(write(tmp_path / "small", scaled(0.3, 0.3)))


@pytest.mark.parametrize(("factor", "severity"), [(2.0, None), (6.0, "warning"), (14.0, "fault")])
def test_a_stretched_grid(tmp_path, factor, severity):
    thetas = scaled(factor**0.5, factor**-0.5)
    found = rules(write(tmp_path / "run", thetas))
    if severity is None:
        assert "stretched" not in found
        return
    values = np.linalg.svd(thetas.reshape(30, 12, 2, 3)[..., :2], compute_uv=False)
    ratio = values[..., 0] / values[..., 1]
    finding = found["stretched"]
    assert finding.severity == severity
    assert f"{ratio[finding.step // 10].max():.1f} times as long as wide" in finding.sentence
    assert ratio[finding.step // 10].argmax() == finding.image


def test_the_identity_of_a_long_image_in_a_square_is_not_stretched(tmp_path):
    site = a_site(input_size=(24, 96), output_size=(20, 20))
    assert "stretched" not in rules(write(tmp_path / "run", healthy(), site=site))


@pytest.mark.parametrize(("mirrored", "severity"), [(0, None), (1, "note"), (4, "warning"), (12, "fault")])
def test_mirrored_grids(tmp_path, mirrored, severity):
    thetas = healthy()
    thetas[17:, :mirrored, :2] *= -1
    found = rules(write(tmp_path / "run", thetas))
    if severity is None:
        assert "mirrored" not in found
        return
    finding = found["mirrored"]
    assert (finding.severity, finding.step) == (severity, 170)
    assert np.linalg.det(thetas.reshape(30, 12, 2, 3)[17, finding.image, :, :2]) < 0


def spline(fold: float, S: int = 6, n: int = 3) -> np.ndarray:
    """Splines of 4 x 4 points, of which one is carried past its right neighbour in images 1 and later."""
    identity = family("tps", size=(28, 28), points=4).identity.numpy()
    thetas = np.tile(identity, (S, n, 1))
    thetas[:, 1:, 2 * 5] += np.linspace(0, fold, S)[:, None]  # x of the point in row 1, column 1
    return thetas


def test_a_folded_spline(tmp_path):
    site = a_site(family="tps", options={"points": 4})
    thetas = spline(1.6)  # its neighbour is 2/3 away
    finding = rules(write(tmp_path / "run", thetas, site=site))["folded"]
    assert finding.severity == "fault"
    # by torch: does any pixel's step to its right neighbour go left, or the cell turn over?
    made = family("tps", size=(201, 201), align_corners=True, points=4)
    grids = made.grid(torch.from_numpy(thetas).view(-1, 32)).view(6, 3, 201, 201, 2)
    right, down = grids[..., :-1, 1:, :] - grids[..., :-1, :-1, :], grids[..., 1:, :-1, :] - grids[..., :-1, :-1, :]
    over = (right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0] < 0).flatten(2).float().mean(-1)
    record, image = finding.step // 10, finding.image
    assert over[record, image] > 0
    assert over[record - 1, image] < 0.02  # the lattice is coarser than this
    assert over[-1, 0] == 0
    assert "2 of 3 images have such a fold" in finding.sentence
    told = float(finding.sentence.split("at the last record ")[1].split(" %")[0]) / 100
    assert told == pytest.approx(float(over[-1, image]), abs=0.03)
    assert "folded" not in rules(write(tmp_path / "bent", spline(0.4), site=site))


def test_a_folded_raw_grid(tmp_path):
    grids = F.affine_grid(torch.tensor(IDENTITY).view(1, 2, 3).float(), (1, 1, 10, 14), align_corners=False)
    grids = grids.view(1, 1, 10, 14, 2).repeat(4, 2, 1, 1, 1).numpy().copy()
    site = a_site(family=None, output_size=(10, 14))
    assert "folded" not in rules(write(tmp_path / "plain", grids, site=site, raw=True))
    grids[2:, 1, 4:6, 6:8, 0] += 0.6
    finding = rules(write(tmp_path / "run", grids, site=site, raw=True))["folded"]
    assert (finding.step, finding.image) == (20, 1)
