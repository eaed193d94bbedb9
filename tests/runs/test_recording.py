"""Somebody else's training, recorded from its own loop: the same training without a recorder is the oracle."""

import random
import re
import subprocess
import sys
import warnings

import kornia.geometry.transform as KT
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from tutorial_net import TutorialNet, images, train

import stn_viz
from stn_viz.runs import RunError, following, open_run, recording
from stn_viz.transformer import family


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("STN_VIZ_HOME", str(tmp_path / "home"))


@pytest.fixture
def unkept(monkeypatch):
    """Without the network: exporting takes half a second, and has its own tests."""
    monkeypatch.setattr(following.program, "keep", lambda *args, **named: "The network is not kept: a test.")


def seeded(make=TutorialNet):
    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    return make()


def state_of(model):
    """All that a training ends with: weights, statistics, gradients, the random numbers to come."""
    gradients = {f"{name}.grad": parameter.grad for name, parameter in model.named_parameters()}
    numbers = torch.tensor([random.random(), float(np.random.rand()), torch.rand(1).item()], dtype=torch.float64)
    return {**model.state_dict(), **gradients, "random": numbers}


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


class Counting(TutorialNet):
    """Counts its forward passes, in eval mode too, and keeps a list of them."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.tensor(0))
        self.seen = []

    def forward(self, x):
        self.calls += 1
        self.seen.append(1)
        return super().forward(x)


def test_fifty_steps_end_in_the_same_bits_with_and_without_the_recorder(tmp_path):
    plain = seeded(Counting)
    train(plain)
    without = state_of(plain)
    recorded = seeded(Counting)
    modes = []
    with stn_viz.record(tmp_path / "mine", probes=images(), labels=np.arange(7) % 3) as recorder:
        train(recorded, recorder, before=lambda step: modes.append(all(m.training for m in recorded.modules())))
    assert all(modes)
    assert_same(without, state_of(recorded))
    assert recorded.seen == plain.seen, "what the network counts of its forward passes"
    assert recorded.theta.requires_grad
    assert torch.equal(recorded.theta, plain.theta)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in recorded.modules())
    run = open_run(tmp_path / "mine")
    assert run.steps.tolist()[:16] == list(range(16))
    assert run.steps[-1] == 50, "the weights after the fiftieth update"
    assert (run.info.status, run.problems) == ("finished", ())


def test_what_is_recorded_is_what_the_network_gives(tmp_path, unkept):
    model, U = seeded(), images(5)
    labels = np.array([0, 1, 2, 0, 1])
    with stn_viz.record(tmp_path / "mine", probes=U, labels=labels, mean=0.1307, std=[0.3081]) as recorder:
        train(model, recorder, steps=20)
    run = open_run(tmp_path / "mine")
    np.testing.assert_array_equal(run.probes.U, U)
    assert run.info.preparation == {"mean": (0.1307,), "std": (0.3081,), "channel_order": "rgb", "value_range": 1}
    assert run.info.classes == ("0", "1", "2")
    site = run.sites[0]
    assert (site.family, site.padding, site.align_corners, site.on_image) == ("affine", "zeros", False, True)
    assert run.snapshots[0] == 0
    assert run.snapshots[-1] == run.steps[-1] == 20
    for step in run.snapshots:
        replay = TutorialNet().eval()
        replay.load_state_dict(run.weights(step))
        with torch.no_grad():
            logits = replay(U)
        row = run.steps.tolist().index(step)
        np.testing.assert_array_equal(run.theta(0)[row], replay.theta.flatten(1))
        np.testing.assert_allclose(run.probabilities[row], logits.exp(), atol=2**-11)
        np.testing.assert_allclose(
            run.probe_loss[row], F.nll_loss(logits, torch.tensor(labels), reduction="none"), rtol=1e-5
        )
    end = model.state_dict()["fc_loc.3.bias"]
    np.testing.assert_allclose(replay.state_dict()["fc_loc.3.bias"], end, atol=1e-3)


def test_a_compiled_network_is_recorded_uncompiled_and_compiled_no_second_time(tmp_path, unkept):
    compiled = []

    def backend(graph, inputs):
        compiled.append(graph)
        return graph.forward

    ends = []
    for recorded in (False, True):
        compiled.clear()
        torch._dynamo.reset()
        model = seeded()
        call = torch.compile(model, backend=backend)
        if not recorded:
            train(model, steps=12, call=call)
            times = len(compiled)
        else:
            with stn_viz.record(tmp_path / "mine", probes=images(5)) as recorder:
                train(model, recorder, steps=12, call=call)
        ends.append(state_of(model))
    assert_same(*ends)
    assert len(compiled) == times > 0
    run = open_run(tmp_path / "mine")
    assert run.sites[0].family == "affine"
    assert set(run.weights(0)) == set(TutorialNet().state_dict())
    assert len(run.steps) == 13


def test_a_compiled_part_is_seen_too_and_compiled_no_second_time(tmp_path, unkept):
    compiled = []

    def backend(graph, inputs):
        compiled.append(graph)
        return graph.forward

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            inner = TutorialNet()
            self.size = inner.size
            self.inner = torch.compile(inner, backend=backend)

        def forward(self, x):
            return self.inner(x)

    model = seeded(Whole)
    train(model, steps=2)
    times = len(compiled)
    with stn_viz.record(tmp_path / "mine", probes=images(5)) as recorder:
        train(model, recorder, steps=2)
    assert len(compiled) == times > 0
    site = open_run(tmp_path / "mine").sites[0]
    assert (site.name, site.family) == ("inner", "affine")


@pytest.mark.parametrize("way", ["data parallel", "autocast", "bfloat16 weights", "inside no_grad"])
def test_the_ways_to_train_are_recorded(tmp_path, unkept, way):
    model, call = seeded(), None
    if way == "data parallel":
        call = nn.DataParallel(model)
    if way == "bfloat16 weights":
        model = model.bfloat16()
    contexts = {
        "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
        "inside no_grad": torch.no_grad,
        "bfloat16 weights": torch.no_grad,
    }
    with stn_viz.record(tmp_path / "mine", probes=images(5), labels=[0, 1, 2, 0, 1]) as recorder:
        if way in contexts:
            with contexts[way]():
                for _ in range(3):
                    recorder.step(model, loss=torch.tensor(1.0, dtype=torch.bfloat16))
        else:
            train(model, recorder, steps=3, call=call)
    run = open_run(tmp_path / "mine")
    assert run.sites[0].family == "affine"
    assert run.probabilities.shape[1:] == (5, 3)
    assert not any(name.startswith("module.") for name in run.weights(0))
    if way == "autocast":
        assert run.loss[0] == 1
        with torch.no_grad():
            model.eval()(images(5))
        np.testing.assert_allclose(run.theta(0)[-1], model.theta.flatten(1), atol=2e-3)  # in float32, weights rounded


class Warped(nn.Module):
    """Kornia's, several sites, one used twice; every theta is known."""

    def __init__(self):
        super().__init__()
        self.size = (12, 10)
        self.first = nn.Parameter(torch.tensor([[1.0, 0.1, 0.5], [0, 0.9, 0.25]]))
        self.second = nn.Parameter(torch.eye(3) + torch.tensor([[0, 0, 0], [0, 0, 0], [0.01, 0.02, 0]]))
        self.again = Half()
        self.fc = nn.Linear(20, 3)

    def forward(self, U):
        V = KT.warp_affine(U, self.first.expand(len(U), 2, 3), (12, 10), align_corners=False)
        V = self.again(self.again(V))
        return {
            "aux": V.mean(),
            "logits": self.fc(KT.warp_perspective(V, self.second.expand(len(U), 3, 3), (4, 5)).flatten(1)),
        }


class Half(nn.Module):
    def forward(self, V):
        theta = torch.tensor([[0.5, 0, 0.125], [0, 0.5, -0.25]]).expand(len(V), 2, 3)
        return F.grid_sample(V, F.affine_grid(theta, V.shape, align_corners=True), align_corners=True, mode="nearest")


def test_sites_in_a_row_one_of_them_used_twice_and_answers_in_a_dict(tmp_path, unkept):
    model = Warped()
    with stn_viz.record(tmp_path / "mine", probes=images(4), labels=torch.tensor([0.0, 1, 2, 0])) as recorder:
        recorder.step(model, loss=1.0)
    run = open_run(tmp_path / "mine")
    assert [site.name for site in run.sites] == ["site_0", "again", "again_2", "site_3"]
    assert [site.on_image for site in run.sites] == [True, False, False, False]
    assert run.sites[3].family == "projective"
    for index in (1, 2):
        np.testing.assert_allclose(run.theta(index)[0, 2], [0.5, 0, 0.125, 0, 0.5, -0.25], atol=1e-6)
    assert run.probabilities.shape == (1, 4, 3)
    grid = family(run.sites[0].family, size=(12, 10), align_corners=False).grid(torch.from_numpy(run.theta(0)[0]))
    with torch.no_grad():
        V = F.grid_sample(images(4), grid, align_corners=False)
        warped = KT.warp_affine(images(4), model.first.half().float().expand(4, 2, 3), (12, 10), align_corners=False)
    torch.testing.assert_close(V, warped, rtol=0, atol=1e-4)
    steps, seen = run.features(1)
    assert steps.tolist() == [0]
    np.testing.assert_allclose(seen[0], warped, atol=2e-3)  # float16
    assert run.features(0) is None


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.size = (12, 10)
        self.conv = nn.Conv2d(1, 6, 3, padding=1)
        self.theta = nn.Parameter(torch.tensor([[0.7, 0.2, 0.1], [-0.1, 0.8, 0.3]]))

    def features(self, U):
        return F.relu(self.conv(U))

    def forward(self, U):
        maps = self.features(U)
        grid = F.affine_grid(self.theta.expand(len(U), 2, 3), (len(U), 6, 5, 7), align_corners=False)
        return F.grid_sample(maps, grid, align_corners=False)


def test_a_deep_sites_input_is_kept_through_three_fixed_directions_that_sampling_commutes_with(tmp_path, unkept):
    model = seeded(Deep)
    U = images(4)
    with stn_viz.record(tmp_path / "mine", probes=U) as recorder:
        for _ in range(9):
            recorder.step(model, loss=1.0)
            with torch.no_grad():
                model.conv.weight.add_(0.05)
    run = open_run(tmp_path / "mine")
    steps, kept = run.features(0)
    assert kept.shape == (len(steps), 4, 3, 12, 10)
    assert set(steps.tolist()) == set(run.snapshots)
    assert run.probabilities is None
    with np.load(tmp_path / "mine" / "features.npz") as arrays:
        directions = torch.from_numpy(arrays["projection_0"])
    torch.testing.assert_close(directions @ directions.T, torch.eye(3), rtol=0, atol=1e-5)
    first = Deep()
    first.load_state_dict(run.weights(0))
    with torch.no_grad():
        flat = first.features(U).transpose(0, 1).flatten(1).double()
        # the strongest directions, by numpy's SVD: no other three keep more of the map
        values = np.linalg.svd(flat.numpy(), compute_uv=False)
        np.testing.assert_allclose((directions.double() @ flat).square().sum(), (values[:3] ** 2).sum(), rtol=1e-4)
        for row, step in enumerate(steps.tolist()):
            replay = Deep()
            replay.load_state_dict(run.weights(step))
            V = replay(U)
            grid = F.affine_grid(torch.from_numpy(run.theta(0)[0]).view(-1, 2, 3), (4, 3, 5, 7), align_corners=False)
            drawn = F.grid_sample(torch.from_numpy(kept[row]).float(), grid, align_corners=False)
            expected = torch.einsum("nChw,cC->nchw", V, directions)
            torch.testing.assert_close(drawn, expected, rtol=0, atol=5e-3 * float(expected.abs().max()))


def test_features_that_are_not_the_runs_are_none_and_the_run_opens(tmp_path, unkept):
    with stn_viz.record(tmp_path / "mine", probes=images(4)) as recorder:
        recorder.step(seeded(Deep), loss=1.0)
    file = tmp_path / "mine" / "features.npz"
    good = dict(np.load(file))
    assert open_run(tmp_path / "mine").features(0) is not None
    maps = good["features_0"]
    changes = [
        {"features_0": maps[:, :3]},
        {"features_0": maps[:, :, :, :, :5]},
        {"features_0": np.full_like(maps, np.nan)},
        {"features_0": np.repeat(maps, 2, axis=2)},
        {"features_0": maps.astype(np.int16)},
        {"step": np.array([0, 0])},
        {"step": np.zeros((1, 1))},
        {"step": np.array([], np.int64)},
    ]
    for change in changes:
        np.savez(file, **(good | change))
        assert open_run(tmp_path / "mine").features(0) is None, change
    for content in (b"", b"PK", file.read_bytes()[:300]):
        file.write_bytes(content)
        run = open_run(tmp_path / "mine")
        assert run.features(0) is None
        assert run.problems == ()
    assert run.features(7) is None


def test_features_and_raw_grids_stay_within_their_bounds(tmp_path, unkept, monkeypatch):
    from stn_viz.runs import inputs, sitefamilies

    class Wavy(Deep):
        def forward(self, U):
            x = torch.linspace(-1, 1, 14)
            wave = (
                torch.stack(torch.meshgrid(x, x, indexing="xy"), -1)
                + self.theta[0, 0] * torch.sin(40 * x)[:, None, None]
            )
            return F.grid_sample(self.features(U), wave.expand(len(U), 14, 14, 2), align_corners=False)

    one = 4 * 14 * 14 * 2 * 2
    monkeypatch.setattr(sitefamilies, "MOST_GRIDS", 10 * one)
    monkeypatch.setattr(inputs, "MOST_BYTES", 3 * 4 * 3 * 12 * 10 * 2)
    model = Wavy()
    with stn_viz.record(tmp_path / "mine", probes=images(4)) as recorder:
        for _ in range(60):
            recorder.step(model, loss=1.0)
            with torch.no_grad():
                model.theta.add_(0.01)
    run = open_run(tmp_path / "mine")
    assert run.problems == ()
    assert run.sites[0].family is None
    assert 4 <= len(run.steps) <= 10
    assert run.steps[0] == 0
    assert run.steps[-1] == 60
    assert run.grid(0).nbytes <= 10 * one
    steps, _ = run.features(0)
    assert len(steps) <= 3
    assert steps[-1] == 60
    monkeypatch.setattr(sitefamilies, "MOST_GRIDS", one)
    with (
        pytest.raises(RunError, match=r"of no family, and as they are they take 0 MB .* Record with 2 probes or fewer"),
        stn_viz.record(tmp_path / "other", probes=images(4)) as recorder,
    ):
        recorder.step(model, loss=1.0)


def test_a_volume_is_recorded_with_the_theta_of_its_affine_grid(tmp_path, unkept):
    class Volume(nn.Module):
        def __init__(self):
            super().__init__()
            self.theta = nn.Parameter(torch.eye(3, 4) + torch.tensor([0, 0, 0, 0.5]))

        def forward(self, U):
            grid = F.affine_grid(self.theta.expand(len(U), 3, 4), U.shape, align_corners=False)
            return F.grid_sample(U, grid, align_corners=False)

    U = torch.zeros(2, 1, 4, 6, 8)
    U[:, 0, 1, 2, 5] = 1
    model = Volume()
    with stn_viz.record(tmp_path / "mine", probes=U) as recorder:
        recorder.step(model, loss=1.0)
    run = open_run(tmp_path / "mine")
    assert run.sites[0].family == "affine3"
    assert (run.sites[0].input_size, run.sites[0].output_size) == ((4, 6, 8), (4, 6, 8))
    np.testing.assert_array_equal(run.theta(0)[0, 0], [1, 0, 0, 0.5, 0, 1, 0, 0.5, 0, 0, 1, 0.5])


def test_a_zero_displacement_under_the_wrong_align_corners_is_no_identity(tmp_path, unkept):
    """CASES 15: normalised by (size - 1), sampled with align_corners False: the grid is 1 at the faces, not inside."""

    class Displaced(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.zeros(1))

        def forward(self, U):
            axes = [torch.arange(n, dtype=torch.float32) for n in U.shape[2:]]
            at = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1) + self.scale
            grid = (2 * at / (torch.tensor(U.shape[2:]) - 1) - 1).flip(-1)
            return F.grid_sample(U, grid.expand(len(U), *grid.shape), align_corners=False)

    model = Displaced()
    with stn_viz.record(tmp_path / "mine", probes=torch.ones(2, 1, 4, 6, 8)) as recorder:
        recorder.step(model, loss=1.0)
    run = open_run(tmp_path / "mine")
    assert run.sites[0].family == "affine3"
    expected = np.diag([8 / 7, 6 / 5, 4 / 3])
    np.testing.assert_allclose(run.theta(0)[0, 0].reshape(3, 4)[:, :3], expected, atol=1e-5)
    with torch.no_grad():
        assert model(torch.ones(1, 1, 4, 6, 8))[0, 0, 0, 0, 0] == pytest.approx(1 / 8)


def test_no_site_is_one_sentence_and_the_training_goes_on(tmp_path, unkept):
    model = nn.Sequential(nn.Flatten(), nn.Linear(120, 3))
    with stn_viz.record(tmp_path / "mine", probes=images(4), labels=[0, 1, 2, 0]) as recorder:
        with pytest.warns(
            UserWarning, match=r"No transformer was found: no grid_sample, affine_grid or kornia warp ran"
        ):
            recorder.step(model, loss=1.0)
        recorder.step(model, loss=0.5)
    run = open_run(tmp_path / "mine")
    assert run.sites == ()
    assert "forward=lambda model, U: model.stn(U)" in run.info.notes[0]
    assert run.probabilities.shape == (2, 4, 3)


def test_a_model_that_takes_more_than_images_is_called_as_told(tmp_path):
    class Conditioned(TutorialNet):
        def forward(self, x, turn):
            return super().forward(x + turn), self.theta

    model = seeded(Conditioned)
    with (
        pytest.raises(
            RunError, match=r"cannot be called with the probes \(4, 1, 12, 10\): TypeError: .*'turn'.* forward="
        ),
        stn_viz.record(tmp_path / "mine", probes=images(4)) as recorder,
    ):
        recorder.step(model, loss=1.0)
    assert not (tmp_path / "mine").exists(), "the next try finds its folder free"
    with stn_viz.record(
        tmp_path / "mine", probes=images(4), labels=[0, 1, 2, 0], forward=lambda model, U: model(U, 0.5)
    ) as recorder:
        recorder.step(model, loss=1.0)
    run = open_run(tmp_path / "mine")
    model.eval()
    with torch.no_grad():
        expected, theta = model(images(4), 0.5)
    np.testing.assert_allclose(run.probabilities[0], expected.exp(), atol=2e-3)
    np.testing.assert_allclose(run.theta(0)[0], theta.flatten(1), atol=2e-3)
    assert run.info.network["prefix"] == "model."


@pytest.mark.parametrize("end", [KeyboardInterrupt, ValueError])
def test_a_training_that_is_broken_off_leaves_its_last_step_and_is_stopped(tmp_path, unkept, end):
    model = seeded()

    def breaks(step):
        if step == 33:
            raise end("enough")

    with pytest.raises(end, match="enough"), stn_viz.record(tmp_path / "mine", probes=images(4)) as recorder:
        train(model, recorder, before=breaks)
    run = open_run(tmp_path / "mine")
    assert run.info.status == "stopped"
    assert run.steps[-1] == run.snapshots[-1] == 33
    for name, tensor in run.weights(33).items():
        torch.testing.assert_close(tensor, model.state_dict()[name].to(tensor.dtype), rtol=0, atol=0)


def test_a_loss_that_is_not_finite_is_recorded_at_once_and_once(tmp_path, unkept):
    model = seeded()
    losses = {101: float("nan"), 102: float("inf"), 103: float("nan")}
    with stn_viz.record(tmp_path / "mine", probes=images(4)) as recorder:
        for step in range(110):
            recorder.step(model, loss=torch.tensor(losses.get(step, 1.0)))
        steps = recorder.recorder.writer.steps
    assert 101 in steps
    assert not {102, 103} & set(steps)


def test_a_step_that_goes_back_is_said_and_counted_on(tmp_path, unkept):
    model = seeded()
    with stn_viz.record(tmp_path / "mine", probes=images(4)) as recorder:
        for step in range(5):
            recorder.step(model, loss=1.0, step=step)
        with pytest.warns(UserWarning, match="step went from 4 back to 0, so the calls are counted from here on"):
            recorder.step(model, loss=1.0, step=0)
        recorder.step(model, loss=1.0, step=1)
    assert open_run(tmp_path / "mine").steps.tolist() == list(range(7))


def test_what_fails_after_the_first_record_stops_no_training(tmp_path, unkept):
    class Moody(TutorialNet):
        fails = False

        def forward(self, x):
            if self.fails and not self.training:
                raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
            return super().forward(x)

    model = seeded(Moody)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with stn_viz.record(tmp_path / "mine", probes=images(4)) as recorder:
            recorder.step(model, loss=1.0)
            model.fails = True
            for _ in range(12):
                recorder.step(model, loss=1.0)
    words = [str(one.message) for one in said]
    assert len(words) == 3
    assert (
        words[0] == "stn_viz: step 1 is not recorded, the training goes on. CUDA out of memory. Tried to allocate 2 GiB"
    )
    assert "Nothing more is recorded." in words[2]
    run = open_run(tmp_path / "mine")
    assert run.steps.tolist() == [0]
    assert "Step 1 could not be recorded: CUDA out of memory" in run.info.notes[0]


def test_the_end_says_what_was_recorded_what_it_cost_and_how_to_see_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(following.program, "keep", lambda *args, **named: {"name": "program"})
    monkeypatch.chdir(tmp_path)
    for folder, command in (("runs/mine", "streamlit run "), ("else where/mine", "STN_VIZ_RUNS='")):
        with stn_viz.record(folder, probes=images(4)) as recorder:
            recorder.step(seeded() if recorder.recorder is None else None, loss=1.0)
        first, second = capsys.readouterr().out.strip().splitlines()
        assert first.startswith(
            f"stn_viz: recorded into {folder}: 1 record up to step 0, 4 probes, 1 site (affine), weights at 1 step"
        )
        assert re.search(r"the network itself\. It cost \d+\.\d s(, \d+\.\d% of the training's time)?\.$", first)
        assert second.startswith(f"See it with: {command}")
        assert second.endswith("app.py")


def test_nothing_told_leaves_nothing(tmp_path, capsys):
    with stn_viz.record(tmp_path / "mine", probes=images(4)):
        pass
    assert "recorder.step(model, loss=loss) was never called" in capsys.readouterr().out
    assert not (tmp_path / "mine").exists()


def test_a_folder_that_is_taken_is_refused_before_the_training(tmp_path, unkept):
    def once(**settings):
        with stn_viz.record(tmp_path / "mine", probes=images(4), **settings) as recorder:
            recorder.step(seeded(), loss=1.0)

    once()
    with pytest.raises(RunError, match=r"mine already holds a run\. .* overwrite=True"):
        once()
    once(overwrite=True, name="again")
    assert open_run(tmp_path / "mine").info.name == "again"
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "thesis.tex").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(RunError, match=r"papers holds other things than a run\. Choose a folder of its own"):
            stn_viz.record(tmp_path / "papers", probes=images(4), overwrite=overwrite)
    with pytest.raises(RunError, match="is a file"):
        stn_viz.record(tmp_path / "papers" / "thesis.tex", probes=images(4))
    assert (tmp_path / "papers" / "thesis.tex").read_text() == "mine"


def test_another_model_and_another_place_are_said(tmp_path, unkept):
    recorder = stn_viz.record(tmp_path / "mine", probes=images(4))
    with pytest.raises(RunError, match=r"Nothing is recorded outside of `with.* recorder.start\(\) before"):
        recorder.step(seeded(), loss=1.0)
    with recorder, pytest.raises(RunError, match=r"takes the model .* first, then loss=.*; it was given Tensor"):
        recorder.step(torch.tensor(1.0))
    with stn_viz.record(tmp_path / "mine", probes=images(4)) as recorder:
        recorder.step(seeded(), loss=1.0)
        with pytest.warns(UserWarning, match=r"step 1 is not recorded.* It is another model than at the first"):
            recorder.step(seeded(), loss=1.0)
    with pytest.raises(RunError, match="This recording has been used"):
        recorder.start()


def test_the_other_processes_of_a_training_write_nothing(tmp_path, monkeypatch):
    for module in (recording, following):
        monkeypatch.setattr(module, "elsewhere", lambda: True)
    with stn_viz.record(tmp_path / "mine", probes=images(4)) as recorder:
        recorder.step(seeded(), loss=1.0)
        recorder.capture(seeded())
    assert not (tmp_path / "mine").exists()


def test_large_weights_are_kept_less_often_and_that_is_said(tmp_path, unkept, monkeypatch):
    size = sum(t.numel() * min(t.element_size(), 2) for t in TutorialNet().state_dict().values())
    for most, kept in ((3, 3), (1, 1), (0, 0)):
        monkeypatch.setattr(following, "MOST_WEIGHTS", most * size)
        model = seeded()
        with stn_viz.record(tmp_path / f"{most}", probes=images(4)) as recorder:
            train(model, recorder)
        run = open_run(tmp_path / f"{most}")
        assert len(run.snapshots) <= kept
        assert not kept or run.snapshots[-1] == 50
        assert len(list((tmp_path / f"{most}").glob("step_*"))) == len(run.snapshots)
        assert f"kept at {most or 'none'} of the steps at most" in run.info.notes[0]


def test_in_a_long_training_the_network_is_kept_before_the_end(tmp_path, monkeypatch):
    kept = []
    monkeypatch.setattr(following, "KEEP_AFTER", 0.0)
    monkeypatch.setattr(following.program, "keep", lambda *args, **named: kept.append(1) or {"name": "program"})
    with stn_viz.record(tmp_path / "mine", probes=images(4)) as recorder:
        recorder.step(seeded(), loss=1.0)
        assert open_run(tmp_path / "mine").info.network == {"name": "program"}
    assert kept == [1], "once"


def test_a_scripted_network_is_recorded_and_said_not_to_be_kept(tmp_path):
    with warnings.catch_warnings():  # torch.jit is deprecated; trainings with it remain
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        model = torch.jit.trace(TutorialNet().eval(), images(4))
    with stn_viz.record(tmp_path / "mine", probes=images(4), labels=[0, 1, 2, 0]) as recorder:
        recorder.step(model, loss=1.0)
    run = open_run(tmp_path / "mine")
    assert run.sites[0].family == "affine"
    assert run.info.network is not None or run.info.notes[0].startswith("The network is not kept with the run")


def test_importing_the_package_loads_no_torch():
    words = "import sys, stn_viz, stn_viz.runs.trust; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", words], check=True)
    with pytest.raises(AttributeError, match="no attribute 'recrod'"):
        stn_viz.recrod  # noqa: B018
