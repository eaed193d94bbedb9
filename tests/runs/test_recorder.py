"""The oracle is the network itself, called by hand on the probes at the same step."""

import random
import warnings
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from runs_helpers import an_info
from scipy.interpolate import RBFInterpolator
from torch import nn

from stn_viz.runs import Probes, Recorder, RunError, RunWriter, open_run
from stn_viz.runs.recorder import schedule
from stn_viz.transformer import FAMILIES, SpatialTransformer, family, identity_start
from stn_viz.transformer.planar import Planar


class Net(nn.Module):
    """A transformer of ours, then a classifier with all that must not be disturbed: BatchNorm, dropout, randomness."""

    def __init__(self, fam=None):
        super().__init__()
        fam = fam or family("affine", size=(4, 6), align_corners=False)
        last = nn.Linear(8, len(fam.parameter_names))
        identity_start(last, fam)
        localisation = nn.Sequential(nn.Flatten(), nn.Linear(63, 8), nn.ReLU(), last)
        self.transformer = SpatialTransformer(localisation, fam, kernel="bilinear", padding="border")
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(24, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 3)
        )

    def forward(self, U):
        noise = random.random() + float(np.random.rand()) + torch.rand(1)  # drawn in eval mode too
        if self.training:
            U = U + 0.1 * noise
        return self.classifier(self.transformer(U))


class Gridded(nn.Module):
    """Somebody else's network: its grid is made by a function of theta, at the identity while theta is 0."""

    def __init__(self, P, make_grid, size=(5, 7)):
        super().__init__()
        self.theta = nn.Parameter(torch.zeros(P))
        self.make_grid, self.size = make_grid, size
        self.fc = nn.Linear(size[0] * size[1], 3)

    def forward(self, U):
        grid = self.make_grid(self.theta.expand(len(U), -1), self.size)
        return self.fc(F.grid_sample(U, grid, align_corners=False).flatten(1))


def target(size):
    H, W = size
    x = (torch.arange(W) * 2 + 1) / W - 1
    y = (torch.arange(H) * 2 + 1) / H - 1
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)


def affine_by_matmul(theta, size):
    A = torch.eye(2, 3) + theta.view(-1, 2, 3)
    ones = torch.ones(*size, 1)
    return torch.einsum("nij,hwj->nhwi", A, torch.cat([target(size), ones], -1))


def homography(theta, size):
    last = torch.zeros(len(theta), 1)
    M = torch.eye(3) + torch.cat([theta, last], 1).view(-1, 3, 3)
    ones = torch.ones(*size, 1)
    H = torch.einsum("nij,hwj->nhwi", M, torch.cat([target(size), ones], -1))
    return H[..., :2] / H[..., 2:]


def bent(theta, size):
    """Of no family: a wave of high frequency."""
    G = target(size).expand(len(theta), *size, 2)
    return G + theta[0, 0] * torch.sin(40 * G.flip(-1) + 7 * G)


def writer_of(tmp_path, probes, name="mine"):
    return RunWriter(tmp_path / name, an_info(), probes)


def train(net, steps, recorder=None, seed=0, start=0):
    """A small training with a call of the recorder before each update and one after the last."""
    generator = torch.Generator().manual_seed(seed + start)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    net.train()
    losses = []
    for step in range(start, steps):
        U, y = torch.rand(8, 1, 9, 7, generator=generator), torch.randint(0, 3, (8,), generator=generator)
        output = net(U)
        loss = F.cross_entropy(output, y)
        losses.append(loss.item())
        if recorder:
            wrong = (output.argmax(1) != y).float().mean()
            recorder.step(step, loss=loss, error=wrong, images=8 * (step + 1), rate=0.1)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    if recorder:
        recorder.step(steps, images=8 * steps, rate=0.1)
    return losses


@pytest.mark.parametrize(
    ("total", "records"), [(30000, 300), (500, 100), (299, 300), (300, 300), (7, 300), (1, 2), (50, 2)]
)
def test_the_schedule_is_dense_early_and_sparse_late(total, records):
    steps = schedule(total, records)
    assert steps[0] == 0
    assert steps[-1] == total
    assert list(steps) == sorted(set(steps))
    assert len(steps) <= max(records, 2)
    gaps = np.diff(steps)
    assert (np.diff(gaps[:-1]) >= -1).all(), "a gap shrinks by more than rounding"
    if total == 30000:
        assert len(steps) > 285
        assert steps[:6] == (0, 1, 2, 3, 4, 5)
        assert gaps.max() < 200


def test_a_training_ends_with_the_same_bits_with_and_without_a_recorder(tmp_path, probes):
    ends = []
    for recorded in (False, True):
        torch.manual_seed(5)
        np.random.seed(5)
        random.seed(5)
        net = Net()
        recorder = Recorder(writer_of(tmp_path, probes), net, probes, 20, snapshots=7) if recorded else None
        train(net, 20, recorder)
        after = (random.random(), float(np.random.rand()), torch.rand(1).item())
        ends.append((net.state_dict(), after))
    (plain, state), (recorded, recorded_state) = ends
    assert plain.keys() == recorded.keys()
    for name in plain:
        assert torch.equal(plain[name], recorded[name]), name
    assert state == recorded_state
    assert open_run(tmp_path / "mine").steps.tolist() == list(range(21))


def test_mode_gradient_and_last_theta_are_left_alone(tmp_path, probes):
    net = Net().train()
    net.classifier[2].eval()  # a frozen BatchNorm must stay frozen
    net(torch.rand(2, 1, 9, 7)).sum().backward()
    grads = {name: parameter.grad.clone() for name, parameter in net.named_parameters()}
    theta, modes = net.transformer.theta, [module.training for module in net.modules()]
    Recorder(writer_of(tmp_path, probes), net, probes, 20).step(0, loss=1.0)
    assert [module.training for module in net.modules()] == modes
    assert net.transformer.theta is theta
    assert all(torch.equal(parameter.grad, grads[name]) for name, parameter in net.named_parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def test_an_error_in_the_probe_pass_leaves_the_training_alone(tmp_path, probes):
    net = Net().train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    net.classifier[4].forward = lambda _: 1 / 0
    with pytest.raises(ZeroDivisionError):
        Recorder(writer_of(tmp_path, probes), net, probes, 20).step(0, loss=1.0)
    assert net.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_what_is_recorded_is_replayed_from_the_disk(tmp_path, probes):
    torch.manual_seed(1)
    net = Net()
    writer = writer_of(tmp_path, probes)
    train(net, 20, Recorder(writer, net, probes, 20, snapshots=5))
    writer.finish("finished")
    run = open_run(tmp_path / "mine")
    assert run.snapshots == (0, 5, 10, 15, 20)
    assert run.problems == ()
    for step in run.snapshots:
        replay = Net().eval()
        replay.load_state_dict(run.weights(step))
        with torch.no_grad():
            logits = replay(torch.from_numpy(run.probes.U))
        row = run.steps.tolist().index(step)
        np.testing.assert_array_equal(run.theta(0)[row], replay.transformer.theta.numpy())
        np.testing.assert_array_equal(run.probabilities[row], logits.softmax(1).numpy().astype(np.float16))
        losses = F.cross_entropy(logits, torch.from_numpy(run.probes.labels), reduction="none")
        np.testing.assert_array_equal(run.probe_loss[row], losses.numpy())
    assert run.basis(0) is not None
    assert run.sites[0].name == "transformer"
    assert run.sites[0].family == "affine"
    assert (run.sites[0].input_size, run.sites[0].output_size, run.sites[0].channels) == ((9, 7), (4, 6), 1)


def test_between_snapshots_the_live_weights_are_recorded(tmp_path, probes):
    torch.manual_seed(1)
    net = Net()
    writer = writer_of(tmp_path, probes)
    train(net, 3, Recorder(writer, net, probes, 20, snapshots=2))
    net.eval()
    with torch.no_grad():
        net(torch.from_numpy(probes.U))
    assert writer.steps == [0, 1, 2, 3]
    np.testing.assert_array_equal(writer.columns["theta_0"][-1], net.transformer.theta.numpy())


def test_loss_is_the_mean_since_the_record_before(tmp_path, probes):
    torch.manual_seed(1)
    net = Net()
    writer = writer_of(tmp_path, probes)
    losses = train(net, 60, Recorder(writer, net, probes, 60, records=12))
    steps = writer.steps
    means = [losses[0], *(np.mean(losses[a + 1 : b + 1]) for a, b in pairwise(steps[:-1]))]
    np.testing.assert_allclose(writer.columns["loss"][:-1], means, rtol=1e-5)
    np.testing.assert_allclose(writer.columns["loss"][-1], np.mean(losses[steps[-2] + 1 :]), rtol=1e-5)


def test_a_resumed_training_records_what_it_would_have(tmp_path, probes):
    def steps_of(recorder, steps):
        for step in steps:
            recorder.step(step, loss=torch.tensor(float(step) ** 2), error=0.1 * step, images=step)

    net = Net().eval()
    whole = writer_of(tmp_path, probes, "whole")
    steps_of(Recorder(whole, net, probes, 60, records=12, snapshots=4), range(61))
    first = writer_of(tmp_path, probes, "parts")
    before = Recorder(first, net, probes, 60, records=12, snapshots=4)
    steps_of(before, range(34))
    state = before.state()
    steps_of(before, range(34, 50))  # written after resume.pt was, then killed
    second = RunWriter.reopen(tmp_path / "parts", 33)
    after = Recorder(second, net, probes, 60, records=12, snapshots=4)
    after.restore(state)
    steps_of(after, range(34, 61))
    whole.finish("finished")
    second.finish("finished")
    one, two = open_run(tmp_path / "whole"), open_run(tmp_path / "parts")
    assert one.snapshots == two.snapshots
    assert one.rows.keys() == two.rows.keys()
    for name in one.rows:
        np.testing.assert_array_equal(one.rows[name], two.rows[name], err_msg=name)


def run_of(net, tmp_path, probes, change, steps=3):
    """Record a network whose theta is changed by hand from step to step, then open its run."""
    writer = writer_of(tmp_path, probes)
    recorder = Recorder(writer, net, probes, steps)
    for step in range(steps + 1):
        with torch.no_grad():
            change(net, step)
        recorder.step(step, loss=1.0)
    writer.finish("finished")
    run = open_run(tmp_path / "mine")
    assert run.problems == ()
    return run


def wander(net, step):
    if step:
        generator = torch.Generator().manual_seed(step)
        theta = 0.2 * torch.randn(net.theta.shape, generator=generator)
        net.theta.copy_(theta.half())  # what a snapshot's rounding does not change


def test_affine_grid_tells_theta(tmp_path, probes):
    def make_grid(theta, size):
        return F.affine_grid(torch.eye(2, 3) + theta.view(-1, 2, 3), (len(theta), 1, *size), align_corners=False)

    net = Gridded(6, make_grid)
    run = run_of(net, tmp_path, probes, wander)
    assert run.sites[0].family == "affine"
    assert run.sites[0].name == "site_0"
    np.testing.assert_array_equal(run.theta(0)[0], np.tile([1, 0, 0, 0, 1, 0], (5, 1)))
    expected = torch.eye(2, 3).flatten() + net.theta.detach()
    np.testing.assert_array_equal(run.theta(0)[-1], expected.expand(5, 6).numpy())


def test_theta_reproduces_the_grid_where_affine_grid_had_another_align_corners(tmp_path, probes):
    def make_grid(theta, size):
        return F.affine_grid(torch.eye(2, 3) + theta.view(-1, 2, 3), (len(theta), 1, *size), align_corners=True)

    net = Gridded(6, make_grid)
    run = run_of(net, tmp_path, probes, wander)
    theta = torch.from_numpy(run.theta(0)[-1]).view(-1, 2, 3)
    ours = F.affine_grid(theta, (5, 1, 5, 7), align_corners=False)
    torch.testing.assert_close(ours, make_grid(net.theta.detach().expand(5, 6), (5, 7)), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("P", "make_grid", "name"), [(6, affine_by_matmul, "affine"), (8, homography, "projective"), (1, bent, None)]
)
def test_a_grids_family_is_found_once_it_moves(tmp_path, probes, P, make_grid, name):
    """At step 0 every family fits; the steps recorded before the right one was known are there all the same."""
    net = Gridded(P, make_grid, size=(9, 11))
    run = run_of(net, tmp_path, probes, wander)
    assert run.sites[0].family == name
    grids = [make_grid(torch.zeros(5, P), (9, 11)), make_grid(net.theta.detach().expand(5, P), (9, 11))]
    if name is None:
        assert run.theta(0) is None
        for row, grid in zip((0, -1), grids, strict=True):
            np.testing.assert_allclose(run.grid(0)[row], grid, rtol=0, atol=2e-3)  # kept as float16
        return
    fam = family(name, size=(9, 11), align_corners=False)
    for row, grid in zip((0, -1), grids, strict=True):
        torch.testing.assert_close(fam.grid(torch.from_numpy(run.theta(0)[row])), grid, rtol=0, atol=1e-4)


@pytest.mark.parametrize("points", [3, 4])
def test_somebody_elses_thin_plate_spline_is_found(tmp_path, probes, points):
    line = torch.linspace(-1, 1, points)
    lattice = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).reshape(-1, 2)

    def scipys(theta, size):
        moved = lattice + theta[0].detach().view(-1, 2)
        spline = RBFInterpolator(lattice.numpy(), moved.numpy(), kernel="thin_plate_spline", degree=1)
        grid = torch.from_numpy(spline(target(size).reshape(-1, 2).numpy())).float()
        return grid.view(1, *size, 2).expand(len(theta), -1, -1, -1)

    net = Gridded(2 * points**2, scipys, size=(14, 12))
    run = run_of(net, tmp_path, probes, wander)
    assert (run.sites[0].family, run.sites[0].options) == ("tps", {"points": points})
    expected = (lattice.flatten() + net.theta.detach()).expand(5, -1)
    np.testing.assert_allclose(run.theta(0)[-1], expected, rtol=0, atol=1e-4)
    np.testing.assert_allclose(run.theta(0)[0], lattice.flatten().expand(5, -1), rtol=0, atol=1e-4)


class Shear(Planar):
    """A family that the package does not know."""

    name = "shear"
    parameter_names = ("k",)
    start = (0.0,)

    @staticmethod
    def matrix(*theta):
        return [[1, theta[0], 0], [0, 1, 0], [0, 0, 1]]


def test_a_family_that_the_package_does_not_know_is_recorded_by_its_own_theta(tmp_path, probes):
    run = run_of(Net(Shear(size=(4, 6), align_corners=False)), tmp_path, probes, lambda net, step: None)
    assert run.sites[0].family == "shear"
    np.testing.assert_array_equal(run.theta(0), np.zeros((4, 5, 1)))


def test_a_family_in_the_list_is_found_in_somebody_elses_grid(tmp_path, probes, monkeypatch):
    monkeypatch.setitem(FAMILIES, "shear", Shear)

    def make_grid(theta, size):
        return affine_by_matmul(F.pad(theta, (1, 4)), size)

    net = Gridded(1, make_grid)
    run = run_of(net, tmp_path, probes, wander)
    assert run.sites[0].family == "shear"
    np.testing.assert_allclose(run.theta(0)[-1], net.theta.detach().expand(5, 1), rtol=0, atol=1e-6)


def test_a_network_without_a_site_is_recorded(tmp_path, probes):
    net = nn.Sequential(nn.Flatten(), nn.Linear(63, 3))
    run = run_of(net, tmp_path, probes, lambda net, step: None)
    assert run.sites == ()
    assert run.probabilities.shape == (4, 5, 3)


def test_a_module_used_twice_and_two_modules_are_sites_of_their_own(tmp_path, probes):
    class Three(nn.Module):
        def __init__(self):
            super().__init__()
            same = family("attention", size=(9, 7), align_corners=True)
            other = family("tps", size=(4, 6), align_corners=False, points=3)
            self.again = SpatialTransformer(
                Fixed(torch.tensor([0.5, 0.125, 0.25])), same, kernel="bicubic", padding="zeros"
            )
            self.block = nn.Sequential(
                SpatialTransformer(Fixed(other.identity.float()), other, kernel="nearest", padding="reflection")
            )
            self.fc = nn.Linear(24, 3)

        def forward(self, U):
            return self.fc(self.block(self.again(self.again(U))).flatten(1))

    class Fixed(nn.Module):
        """Answers with its number of calls added, so that two calls of one module are told apart."""

        def __init__(self, theta):
            super().__init__()
            self.theta, self.calls = nn.Parameter(theta), 0

        def forward(self, U):
            self.calls += 1
            return self.theta.expand(len(U), -1) + 0.25 * (self.calls % 2)

    net = Three()
    run = run_of(net, tmp_path, probes, lambda net, step: None)
    assert [site.name for site in run.sites] == ["again", "again_2", "block.0"]
    assert [site.family for site in run.sites] == ["attention", "attention", "tps"]
    assert run.sites[2].options == {"points": 3}
    assert [(site.kernel, site.padding, site.align_corners) for site in run.sites] == [
        ("bicubic", "zeros", True),
        ("bicubic", "zeros", True),
        ("nearest", "reflection", False),
    ]
    np.testing.assert_allclose(run.theta(0)[0, 0], [0.75, 0.375, 0.5], rtol=0)
    np.testing.assert_allclose(run.theta(1)[0, 0], [0.5, 0.125, 0.25], rtol=0)


def test_sites_that_change_are_refused(tmp_path, probes):
    net = Gridded(6, affine_by_matmul)
    recorder = Recorder(writer_of(tmp_path, probes), net, probes, 20)
    recorder.step(0, loss=1.0)
    net.size, net.fc = (3, 3), nn.Linear(9, 3)
    with pytest.raises(
        RunError, match=r"step 1: the network samples 1 grid\(s\) of other sizes than at its first record"
    ):
        recorder.step(1, loss=1.0)


def test_classes_that_do_not_fit_are_said_at_the_first_record(tmp_path, probes):
    net = nn.Sequential(nn.Flatten(), nn.Linear(63, 4))
    recorder = Recorder(writer_of(tmp_path, probes), net, probes, 20)
    with pytest.raises(RunError, match="the network gives 4 numbers an image, but the run names 3 classes"):
        recorder.step(0, loss=1.0)


def test_a_network_that_gives_no_classes_is_recorded_without_answers(tmp_path, probes):
    run = run_of(nn.Conv2d(1, 2, 3), tmp_path, probes, lambda net, step: None)
    assert run.probabilities is None
    assert run.probe_loss is None


def test_a_site_with_several_grids_an_image_is_left_out_and_said(tmp_path, probes):
    class Glimpses(Gridded):
        def forward(self, U):
            grid = affine_by_matmul(self.theta.expand(2 * len(U), -1), self.size)
            V = F.grid_sample(U.repeat(2, 1, 1, 1), grid, align_corners=False)
            return self.fc(V[: len(U)].flatten(1))

    recorder = Recorder(writer_of(tmp_path, probes), Glimpses(6, None), probes, 20)
    with pytest.warns(UserWarning, match="a site samples 10 grids for 5 images and is left out"):
        recorder.step(0, loss=1.0)
    assert recorder.writer.info.sites == ()


def test_wrapped_scripted_and_exported_networks_are_recorded(tmp_path, probes):
    plain = Gridded(6, affine_by_matmul).eval()
    with warnings.catch_warnings():  # torch.jit is deprecated, and tracing warns of len(); networks made with it remain
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        scripted = torch.jit.trace(plain, torch.from_numpy(probes.U))
    exported = torch.export.export(plain, (torch.from_numpy(probes.U),)).module()
    for index, net in enumerate([nn.DataParallel(plain), scripted, exported]):
        writer = writer_of(tmp_path, probes, f"run_{index}")
        Recorder(writer, net, probes, 20).step(0, loss=1.0)
        writer.finish("stopped")
        run = open_run(tmp_path / f"run_{index}")
        assert len(run.sites) == 1
        assert set(run.weights(0)) == set(plain.state_dict()), "names are the module's own, without a wrapper's prefix"


def test_probes_whose_label_is_not_known_have_no_loss(tmp_path, probes):
    unknown = Probes(U=probes.U, labels=np.array([0, -1, 2, 7, 1]))
    run = run_of(Net(), tmp_path, unknown, lambda net, step: None)
    assert (run.probe_loss[0, [1, 3]] == 0).all()
    assert (run.probe_loss[0, [0, 2, 4]] > 0).all()


def test_parameters_are_kept_in_float16_if_it_holds_them_and_buffers_as_they_are(tmp_path, probes):
    net = Net()
    with torch.no_grad():
        net.classifier[2].bias.fill_(1e6)
    run = run_of(net, tmp_path, probes, lambda net, step: None)
    weights = run.weights(0)
    assert weights["classifier.2.bias"].dtype == torch.float32
    assert weights["classifier.2.weight"].dtype == torch.float16
    assert weights["classifier.2.running_mean"].dtype == torch.float32
    assert weights["classifier.2.num_batches_tracked"].dtype == torch.int64


def test_time_is_counted_and_shared(tmp_path, probes):
    net = Net()
    recorder = Recorder(writer_of(tmp_path, probes), net, probes, 20)
    recorder.step(0, loss=1.0)
    assert 0 < recorder.seconds < 60
    recorder.seconds = 3.0
    assert recorder.share(103.0) == pytest.approx(0.03)


def test_every_family_is_a_site_by_its_own_name(tmp_path, probes):
    for name in FAMILIES:
        net = Net(family(name, size=(4, 6), align_corners=False))
        writer = writer_of(tmp_path, probes, name)
        Recorder(writer, net, probes, 20).step(0, loss=1.0)
        writer.finish("stopped")
        run = open_run(tmp_path / name)
        assert run.sites[0].family == name
        np.testing.assert_allclose(run.theta(0)[0], np.tile(net.transformer.family.start, (5, 1)), rtol=1e-3, atol=1e-6)


def test_records_can_be_made_by_hand_with_and_without_weights(tmp_path, probes):
    net = Net()
    recorder = Recorder(writer_of(tmp_path, probes), net, probes)
    recorder.step(0, loss=8.0)
    assert recorder.writer.steps == [], "nothing is planned"
    for step in (3, 10, 500):
        recorder.capture(step, loss=float(step), images=step, rate=0.5, snapshot=step != 10)
    with pytest.raises(RunError, match="step 500 comes after step 500 was recorded"):
        recorder.capture(500)
    recorder.forget(3)
    recorder.writer.finish("finished")
    run = open_run(tmp_path / "mine")
    assert run.steps.tolist() == [3, 10, 500]
    assert run.snapshots == (500,)
    assert sorted(path.name for path in run.path.glob("step_*")) == ["step_000500.safetensors"]
    np.testing.assert_array_equal(run.loss, [5.5, 10, 500])


def test_extra_state_of_modules_is_no_weight(tmp_path, probes):
    class Extra(Net):
        def get_extra_state(self):
            return {"version": 3}

        def set_extra_state(self, state):
            pass

    net = Extra()
    before = {name: tensor.clone() for name, tensor in Net().state_dict().items()}
    net.load_state_dict(before, strict=False)
    run = run_of(net, tmp_path, probes, lambda net, step: None, steps=0)
    assert set(run.weights(0)) == set(before)
    assert all(torch.equal(net.state_dict()[name], before[name]) for name in before)


def test_probes_that_do_not_fit_into_one_pass_give_what_one_pass_gives(tmp_path, probes, monkeypatch):
    from stn_viz.runs import passing

    rows = {}
    for at_once in (passing.AT_ONCE, 63 * 2):
        monkeypatch.setattr(passing, "AT_ONCE", at_once)
        torch.manual_seed(1)
        writer = writer_of(tmp_path, probes, f"{at_once}")
        Recorder(writer, Net(), probes, 20).step(0, loss=1.0)
        rows[at_once] = writer.columns
        assert len(writer.info.sites) == 1
    one, several = rows.values()
    assert one.keys() == several.keys()
    for name in one:
        np.testing.assert_allclose(
            one[name][0], several[name][0], rtol=0, atol=1e-3 if name == "probabilities" else 1e-6
        )


def test_a_run_that_is_gone_on_with_keeps_its_deep_sites_inputs(tmp_path, probes):
    class Deep(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 5, 3, padding=1)
            self.site = Gridded(6, affine_by_matmul)

        def forward(self, U):
            grid = affine_by_matmul(self.site.theta.expand(len(U), -1), (5, 7))
            return F.grid_sample(self.conv(U), grid, align_corners=False)

    torch.manual_seed(0)
    net = Deep()
    writer = writer_of(tmp_path, probes)
    first = Recorder(writer, net, probes)
    for step in range(3):
        first.capture(step, loss=1.0)
    writer.finish("stopped")
    before = open_run(tmp_path / "mine").features(0)
    writer = RunWriter.reopen(tmp_path / "mine", 1)
    with torch.no_grad():
        net.conv.weight.neg_()
    Recorder(writer, net, probes).capture(9, loss=1.0)
    writer.finish("finished")
    steps, maps = open_run(tmp_path / "mine").features(0)
    assert steps.tolist() == [0, 1, 9]
    np.testing.assert_array_equal(maps[:2], before[1][:2])
    assert not np.array_equal(maps[2], before[1][2])
