"""The oracle is what the network's own modules give when they are called by hand."""

import contextlib
import warnings

import kornia.geometry.transform as KT
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from stn_viz.runs.sites import answer, recorded, watch


class Tutorial(nn.Module):
    """Shaped as the net of PyTorch's STN tutorial: affine_grid and grid_sample in forward. Not square, on purpose."""

    def __init__(self, kernel="bilinear", padding="zeros", align_corners=False):
        super().__init__()
        self.localization = nn.Sequential(nn.Flatten(), nn.Linear(9 * 7, 6))
        self.fc = nn.Linear(9 * 7, 3)
        self.kernel, self.padding, self.align_corners = kernel, padding, align_corners

    def stn(self, U):
        theta = self.localization(U).view(-1, 2, 3)
        grid = F.affine_grid(theta, U.size(), align_corners=self.align_corners)
        return F.grid_sample(U, grid, mode=self.kernel, padding_mode=self.padding, align_corners=self.align_corners)

    def forward(self, U):
        return F.log_softmax(self.fc(F.relu_(self.stn(U)).flatten(1)), dim=1)


class Two(nn.Module):
    """Two sites in a row, the second on the features of the first, by kornia."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(63, 6)
        self.second = nn.Linear(63, 9)
        self.fc = nn.Linear(20, 3)

    def forward(self, U):
        V = KT.warp_affine(U, self.first(U.flatten(1)).view(-1, 2, 3), (9, 7))
        near = torch.eye(3) + 0.01 * self.second(V.flatten(1)).view(-1, 3, 3)
        W = KT.warp_perspective(V, near, (4, 5), mode="nearest", padding_mode="border", align_corners=True)
        return self.fc(W.flatten(1))


@pytest.fixture(name="U")
def images():
    return torch.rand(4, 1, 9, 7, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def net():
    torch.manual_seed(2)
    return Tutorial().eval()


def exported(net, U):
    return torch.export.export(net, (U,)).module()


def scripted(net, U):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch.jit is deprecated; files made with it remain
        return torch.jit.script(net)


def as_it_is(net, U):
    return net


WAYS = {
    "eager": (as_it_is, contextlib.nullcontext),
    "no_grad": (as_it_is, torch.no_grad),
    "inference mode": (as_it_is, torch.inference_mode),
    "exported": (exported, torch.no_grad),
    "exported, inference mode": (exported, torch.inference_mode),
    "scripted": (scripted, torch.no_grad),
    "scripted, inference mode": (scripted, torch.inference_mode),
    "float32 under autocast": (as_it_is, lambda: torch.autocast("cpu", torch.bfloat16, enabled=False)),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_site_is_seen_in_every_way_to_run_a_network(net, U, way):
    make, context = WAYS[way]
    made = make(net, U)
    with torch.no_grad():
        theta = net.localization(U)
        grid = F.affine_grid(theta.view(-1, 2, 3), U.shape, align_corners=False)
        V = F.grid_sample(U, grid, align_corners=False)
    for _ in range(3):  # TorchScript optimises after two runs
        with context(), watch() as seen:
            made(U)
        (call,) = seen
        with torch.no_grad():
            torch.testing.assert_close(call.grid, grid, rtol=0, atol=1e-6)
            torch.testing.assert_close(call.theta, theta, rtol=0, atol=1e-6)
            assert torch.equal(call.U, U)
            torch.testing.assert_close(call.V, F.relu(V), rtol=0, atol=1e-6)  # the net rectifies it in place
        assert (call.kernel, call.padding, call.align_corners) == ("bilinear", "zeros", False)


def test_a_site_is_seen_under_autocast(net, U):
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16), watch() as seen:
        net(U)
    (call,) = seen
    assert call.grid.shape == (4, 9, 7, 2)
    assert call.theta is None, "autocast rounded the grid between affine_grid and the sampler"


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("kernel", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_the_samplers_settings_are_read(U, kernel, padding, align_corners, context):
    with context(), watch() as seen:
        Tutorial(kernel, padding, align_corners)(U)
    assert [(call.kernel, call.padding, call.align_corners) for call in seen] == [(kernel, padding, align_corners)]


def test_a_volumes_site_is_seen(U):
    volume = torch.rand(2, 1, 4, 6, 8)
    theta = torch.eye(3, 4).expand(2, 3, 4)
    for context in (torch.no_grad, torch.inference_mode):
        with context(), watch() as seen:
            F.grid_sample(volume, F.affine_grid(theta, volume.shape, align_corners=False), align_corners=False)
        (call,) = seen
        assert call.grid.shape == (2, 4, 6, 8, 3)
        assert torch.equal(call.theta, theta.reshape(2, 12))


def test_sites_come_in_the_order_of_their_use_kornias_too(U):
    torch.manual_seed(0)
    net = Two()
    with torch.no_grad(), watch() as seen:
        net(U)
    first, second = seen
    assert torch.equal(first.V, second.U)
    assert (first.kernel, first.padding, first.align_corners) == ("bilinear", "zeros", True)
    assert (second.kernel, second.padding, second.align_corners) == ("nearest", "border", True)
    assert second.grid.shape == (4, 4, 5, 2)
    assert second.theta is None


def test_a_grid_that_was_changed_on_its_way_has_no_theta(U):
    grid = F.affine_grid(torch.eye(2, 3).expand(4, 2, 3), U.shape, align_corners=False)
    with watch() as seen:
        other = F.affine_grid(torch.eye(2, 3).expand(4, 2, 3), U.shape, align_corners=False)
        F.grid_sample(U, other + 0.1, align_corners=False)
        F.grid_sample(U, grid, align_corners=False)
    assert [call.theta for call in seen] == [None, None]


def test_nothing_is_watched_afterwards(net, U):
    with watch() as seen:
        pass
    net(U)
    assert seen == []


@pytest.mark.parametrize("way", WAYS)
def test_the_network_answers_on_the_v_that_it_is_given(net, U, way):
    make, context = WAYS[way]
    made = make(net, U)
    V = torch.randn(4, 1, 9, 7, generator=torch.Generator().manual_seed(3))
    kept = V.clone()
    with torch.no_grad():
        expected = F.log_softmax(net.fc(F.relu(V).flatten(1)), dim=1)
    with context():
        given = answer(made, U, V)
        other = answer(made, torch.zeros_like(U), V)
    with torch.no_grad():
        torch.testing.assert_close(given, expected, rtol=0, atol=1e-6)
        assert torch.equal(given, other), "the answer depends on U"
    assert torch.equal(V, kept), "the network's in-place step reached the caller's V"


def test_each_site_can_be_replaced(U):
    torch.manual_seed(0)
    net = Two()
    with torch.no_grad(), watch() as seen:
        plain = net(U)
    W = torch.rand(4, 1, 4, 5)
    with torch.no_grad():
        torch.testing.assert_close(answer(net, U, W, site=1), net.fc(W.flatten(1)), rtol=0, atol=1e-6)
        assert torch.equal(answer(net, U, seen[0].V, site=0), plain)
        assert not torch.equal(answer(net, U, torch.rand(4, 1, 9, 7), site=0), plain)


def test_the_answer_is_the_recorded_one_for_the_networks_own_v(net, U):
    with torch.no_grad():
        V = net.stn(U)
        assert torch.equal(answer(net, U, V), net(U))


def test_a_site_that_is_not_there_is_said(net, U):
    with pytest.raises(
        ValueError, match=r"no site 1: the network samples 1 grid\(s\) in a forward pass, counted from 0"
    ):
        answer(net, U, torch.zeros(4, 1, 9, 7), site=1)


def test_a_v_of_another_shape_is_refused(net, U):
    with pytest.raises(ValueError, match=r"V has shape \(1, 1, 9, 7\), but site 0 gives \(4, 1, 9, 7\): sample V at"):
        answer(net, U, torch.zeros(1, 1, 9, 7))


def test_several_glimpses_of_each_image_are_no_site_and_do_not_shift_the_count(U):
    class Glimpses(nn.Module):
        def __init__(self):
            super().__init__()
            self.tutorial = Tutorial()

        def forward(self, U):
            theta = torch.eye(2, 3).expand(2 * len(U), 2, 3)
            two = F.grid_sample(U.repeat(2, 1, 1, 1), F.affine_grid(theta, (2 * len(U), 1, 9, 7)))
            return self.tutorial(U + two[: len(U)])

    torch.manual_seed(0)
    net = Glimpses()
    V = torch.rand(4, 1, 9, 7)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore", UserWarning)  # align_corners left out, as people do
        with watch() as seen:
            net(U)
        assert [len(call.grid) for call in seen] == [8, 4]
        assert recorded(seen, 4) == seen[1:]
        expected = F.log_softmax(net.tutorial.fc(F.relu(V).flatten(1)), dim=1)
        torch.testing.assert_close(answer(net, U, V, site=0), expected, rtol=0, atol=1e-6)
        with pytest.raises(ValueError, match=r"no site 1: the network samples 1 grid"):
            answer(net, U, V, site=1)
