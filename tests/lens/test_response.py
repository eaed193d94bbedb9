"""The response curve, against localisers whose answer is known and images that scipy has moved."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
import torch
import torch.nn.functional as F
from foreign_folder import raw
from torch import Tensor, nn

from stn_viz.foreign.network import network_of
from stn_viz.lens import LensError
from stn_viz.lens.laying import Newest
from stn_viz.lens.learning import ask, moving, response
from stn_viz.runs import Run, open_run
from stn_viz.view import View

MAIN = {"turn": 0, "scale": 1, "shift_x": 2, "shift_y": 3}


class Localiser(nn.Module):
    """Reads where, how large and how turned a bright spot is, from its moments, and undoes a share of that."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, U: Tensor) -> Tensor:
        h, w = U.shape[2:]
        mass = U.double().sum(1)
        mass = mass / mass.sum((1, 2), keepdim=True)
        y = torch.arange(h, dtype=torch.float64)[:, None] - (h - 1) / 2
        x = torch.arange(w, dtype=torch.float64)[None] - (w - 1) / 2

        def mean(values: Tensor) -> Tensor:
            return (mass * values).sum((1, 2))

        cx, cy = mean(x), mean(y)
        xx, yy, xy = mean(x * x) - cx**2, mean(y * y) - cy**2, mean(x * y) - cx * cy
        angle = self.share * 0.5 * torch.atan2(2 * xy, xx - yy)
        scale = ((xx * yy - xy**2) ** 0.25 / 5) ** self.share
        cos, sin = scale * angle.cos(), scale * angle.sin()
        shift = self.share * 2 / torch.tensor([w, h], dtype=torch.float64) * torch.stack([cx, cy], -1)
        theta = torch.stack([cos, -sin, shift[:, 0], sin, cos, shift[:, 1]], -1).view(-1, 2, 3).float()
        V = F.grid_sample(U, F.affine_grid(theta, [len(U), U.shape[1], 28, 28], False), align_corners=False)
        return V.flatten(1)[:, :10]


def spot(size: int = 42) -> np.ndarray:
    """An oblong of soft edges, turned by 10 degrees, off the middle: as large as the localiser expects."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2.0
    x, y = x - 1.5, y + 1.0
    cos, sin = np.cos(np.deg2rad(10)), np.sin(np.deg2rad(10))
    along, beside = cos * x + sin * y, -sin * x + cos * y
    return np.exp(-0.5 * ((along / 6) ** 2 + (beside / 3) ** 2)).astype(np.float32)


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_NETWORKS", "_RESPONSES"):
        monkeypatch.setattr(response, name, Newest(most=4))


@pytest.fixture
def spotted(run: Run) -> Run:
    return replace(run, probes=replace(run.probes, U=np.repeat(spot()[None, None], 5, axis=0)))


@pytest.mark.parametrize("by", moving.BY)
@pytest.mark.parametrize(("share", "slope"), [(1.0, -1.0), (0.0, 0.0), (0.5, -0.5)])
def test_who_undoes_a_share_of_a_pose_answers_with_that_slope(monkeypatch, spotted, by, share, slope):
    monkeypatch.setattr(response, "_network", lambda run, snapshot: Localiser(share).eval())
    answer = ask(spotted, View(spotted.name, image=1, step=5), "response", {"by": by})
    assert answer.facts["main"] == MAIN[by]
    assert answer.facts["slopes"] == pytest.approx([slope] * 3, abs=0.03)
    x, undone = answer.arrays["x"], answer.arrays["undone"][1, :, MAIN[by]]
    middle = np.abs(x) <= x[-1] / 2
    np.testing.assert_allclose((undone - undone[answer.facts["zero"]])[middle], slope * x[middle], atol=0.06 * x[-1])


def test_a_turn_runs_on_past_half_a_circle(run):
    angles = np.deg2rad(np.arange(-300.0, 301.0, 10.0))
    cos, sin, zero = np.cos(angles), np.sin(angles), np.zeros_like(angles)
    theta = np.stack([cos, -sin, zero, sin, cos, zero], -1)
    undone = response.undone_of(theta, run.sites[0], 30)
    np.testing.assert_allclose(undone[:, 0], -np.rad2deg(angles), atol=1e-4)


def test_the_slope_is_that_of_numpy(run):
    x = moving.amounts("scale", (42, 42))
    y = np.random.default_rng(0).normal(size=len(x))
    middle = (x >= x[0] / 2) & (x <= x[-1] / 2)
    assert response.slope(x, y) == pytest.approx(np.polyfit(x[middle], y[middle], 1)[0])
    assert response.slope(x, np.where(np.arange(len(x)) == 30, np.nan, y)) is None


@pytest.mark.parametrize("by", moving.BY)
def test_images_are_moved_as_scipy_moves_them(by):
    U = np.random.default_rng(1).random((2, 9, 13)).astype(np.float32)
    U[:, 0] = U[:, -1] = U[:, :, 0] = U[:, :, -1] = 0.25  # a background that is not 0
    U[1] += 1
    x = moving.amounts(by, (9, 13))
    images = moving.moved(torch.from_numpy(U), by, x).numpy()
    assert images.shape == (61, 2, 9, 13)
    assert x[moving.ZERO[by]] == 0
    np.testing.assert_allclose(images[moving.ZERO[by]], U, atol=1e-5)
    for place in (0, 11, 40, 60):
        amount = x[place]
        if by == "turn":
            a = np.deg2rad(amount)
            back = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])  # rows first, as scipy has them
        else:
            back = np.eye(2) * (2.0**-amount if by == "scale" else 1)
        centre = np.array([4.0, 6.0])
        offset = centre - back @ centre - {"shift_x": [0, amount], "shift_y": [amount, 0]}.get(by, np.zeros(2))
        for channel, background in ((0, 0.25), (1, 1.25)):
            expected = scipy.ndimage.affine_transform(
                U[channel].astype(float), back, offset, order=1, mode="grid-constant", cval=background
            )
            np.testing.assert_allclose(images[place, channel], expected, atol=1e-5)


def test_a_turn_goes_from_x_towards_y():
    U = torch.zeros(1, 11, 11)
    U[0, 5, 9] = 1  # right of the middle
    (turned,) = moving.moved(U, "turn", np.array([90.0]))
    assert turned[0, 9, 5] == pytest.approx(1, abs=1e-5)  # below it


def test_real_networks_answer_as_they_do_by_themselves(run):
    view = View(run.name, image=2, step=7)
    answer = ask(run, view, "response", {"by": "turn"})
    assert answer.facts["snapshots"] == [run.snapshots[0], run.snapshot_at(7), run.snapshots[-1]]
    zero = answer.facts["zero"]
    for row, snapshot in enumerate(answer.facts["snapshots"]):
        index = run.steps.tolist().index(snapshot)
        np.testing.assert_allclose(answer.arrays["theta"][row, zero], run.theta(0)[index, 2], atol=2e-3)
        np.testing.assert_allclose(answer.arrays["likely"][row, zero], run.probabilities[index, 2, 2], atol=2e-3)
    images = moving.moved(torch.from_numpy(run.probes.U[2]), "turn", answer.arrays["x"].astype(float))
    model = network_of(run, answer.facts["snapshots"][1])
    with torch.inference_mode():
        alone = torch.cat([model(images[i : i + 1]) for i in (3, 50)]).softmax(1)[:, 2]
    np.testing.assert_allclose(answer.arrays["likely"][1, [3, 50]], alone, atol=1e-5)
    low, high = answer.facts["U"]
    sent = low + answer.arrays["U"].astype(float) * (high - low) / 255
    np.testing.assert_allclose(sent, images, atol=(high - low) / 500)


def test_v_is_what_the_grid_picks_up(run):
    answer = ask(run, View(run.name, image=0, step=12), "response", {"by": "shift_x"})
    images = moving.moved(torch.from_numpy(run.probes.U[0]), "shift_x", answer.arrays["x"].astype(float))
    theta = torch.from_numpy(answer.arrays["theta"][1]).view(-1, 2, 3)
    V = F.grid_sample(images, F.affine_grid(theta, [61, 1, 28, 28], False), align_corners=False)
    low, high = answer.facts["V"]
    sent = low + answer.arrays["V"].astype(float) * (high - low) / 255
    np.testing.assert_allclose(sent, V, atol=2e-3 * (high - low))


def test_a_spline_is_read_as_the_nearest_affine_grid(spline):
    answer = ask(spline, View(spline.name, image=1, step=12), "response", {"by": "turn"})
    assert answer.arrays["theta"].shape == (3, 61, 18)
    assert answer.arrays["undone"].shape == (3, 61, 4)
    assert np.isfinite(answer.arrays["undone"]).all()


def test_without_a_label_the_curve_stands_and_the_probability_is_not_known(run):
    unlabelled = replace(run, probes=replace(run.probes, labels=np.full(5, -1)))
    answer = ask(unlabelled, View(run.name), "response", {})
    assert answer.facts["label"] is None
    assert np.isnan(answer.arrays["likely"]).all()
    assert np.isfinite(answer.arrays["undone"]).all()


def test_what_cannot_answer_says_why(run, plain):
    with pytest.raises(LensError, match="There is no transformer in this network"):
        ask(plain, View(plain.name), "response", {})
    bare = replace(run, info=replace(run.info, network=None))
    with pytest.raises(LensError, match="This run came without its network: nobody can ask it"):
        ask(bare, View(run.name), "response", {})
    volumes = replace(run, probes=replace(run.probes, U=np.zeros((5, 1, 4, 42, 42), np.float32)))
    with pytest.raises(LensError, match="takes volumes, which are not turned here"):
        ask(volumes, View(run.name), "response", {})
    with pytest.raises(LensError, match="by is 'bend'; it must be one of turn, scale, shift_x, shift_y"):
        ask(run, View(run.name), "response", {"by": "bend"})


class Flow(nn.Module):
    """Site 0 bends the image by a wave that follows its brightness; site 1 samples a map of two channels."""

    def forward(self, U: Tensor) -> Tensor:
        plain = F.affine_grid(torch.eye(2, 3).expand(len(U), 2, 3), [len(U), 1, 12, 14], False)
        wave = 0.3 * U.mean((1, 2, 3)).view(-1, 1, 1) * torch.sin(3 * plain[..., 0])
        V = F.grid_sample(U, torch.stack([plain[..., 0], plain[..., 1] + wave], -1), align_corners=False)
        W = torch.cat([V, 2 * V], 1)
        theta = 0.5 * torch.eye(2, 3).expand(len(U), 2, 3)
        return F.grid_sample(W, F.affine_grid(theta, [len(U), 2, 6, 7], False), align_corners=False).flatten(1)


@pytest.fixture
def flowing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    made = open_run(raw(tmp_path / "raw"))
    deep = replace(
        made.sites[0], name="deep", family="affine", input_size=(12, 14), output_size=(6, 7), channels=2, on_image=False
    )
    monkeypatch.setattr(response, "_network", lambda run, snapshot: Flow().eval())
    info = replace(made.info, network={"name": "stub"}, sites=(made.sites[0], deep))
    return replace(made, info=info, snapshots=(0, 20))


def test_a_grid_of_no_family_is_told_by_its_edges_and_read_as_the_nearest_affine_one(flowing):
    answer = ask(flowing, View("raw", image=1, step=10), "response", {"by": "scale"})
    assert "theta" not in answer.arrays
    edges = answer.arrays["edges"]
    assert edges.shape == (3, 61, 2 * (12 + 14), 2)
    top, right = edges[:, :, :14], edges[:, :, 14 : 14 + 12]
    np.testing.assert_allclose(top[..., 0], np.broadcast_to((np.arange(14) + 0.5) / 7 - 1, top.shape[:3]), atol=1e-6)
    np.testing.assert_allclose(right[..., 0], 13.5 / 7 - 1, atol=1e-6)
    np.testing.assert_array_equal(top[:, :, -1], right[:, :, 0])
    assert np.isfinite(answer.arrays["undone"]).all()
    assert not answer.facts["mapped"]


def test_of_a_site_deep_in_the_network_v_is_the_mean_of_its_channels(flowing):
    answer = ask(flowing, View("raw", image=1, step=10, site=1), "response", {"by": "turn"})
    assert answer.facts["mapped"]
    assert answer.arrays["U"].shape == (61, 1, 20, 24)
    assert answer.arrays["V"].shape == (61, 1, 6, 7)
    np.testing.assert_allclose(answer.arrays["undone"], np.tile([0, 1, 0, 0], (3, 61, 1)), atol=1e-4)
    assert answer.facts["slopes"] == pytest.approx([0, 0, 0], abs=1e-6)
