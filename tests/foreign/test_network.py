"""The network of a run, whoever made it; and what the predictions lens answers with it."""

import hashlib
import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small_run import make_run
from torch import nn
from tutorial_net import TutorialNet, images, train

import stn_viz
from stn_viz.foreign import Choices, Transformer
from stn_viz.foreign.network import network_of
from stn_viz.foreign.shapes.finding import rebuild, to_json
from stn_viz.lens import LensError, predictions
from stn_viz.networks import build
from stn_viz.runs import Probes, Recorder, RunError, RunInfo, RunWriter, open_run
from stn_viz.view import View

LABELS = np.arange(7) % 3


@pytest.fixture(autouse=True)
def one_thread_at_home(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("STN_VIZ_HOME", str(tmp_path_factory.getbasetemp() / "home"))


class Deeper(nn.Module):
    """Two transformers, the second on feature maps; it gives its answers in a tuple, with a regression beside them."""

    def __init__(self):
        super().__init__()
        self.first, self.second = TutorialNet(), nn.Linear(120, 6)
        self.size = self.first.size
        self.conv = nn.Conv2d(1, 5, 3, padding=1)
        self.fc = nn.Linear(5 * 120, 3)

    def forward(self, x, thetas=(None, None)):
        one, two = thetas
        V = self.first.stn(x) if one is None else sample(x, one)
        two = torch.eye(2, 3) + 0.3 * self.second(V.flatten(1)).view(-1, 2, 3) if two is None else two
        logits = self.fc(sample(F.relu(self.conv(V)), two).flatten(1))
        return two.flatten(1), logits


def sample(x, theta):
    return F.grid_sample(x, F.affine_grid(theta, x.shape, align_corners=False), align_corners=False)


class Alone(nn.Module):
    """A training whose forward gives log-probabilities of `Deeper`, for the training loop."""

    def __init__(self):
        super().__init__()
        self.net = Deeper()
        self.size = self.net.size

    def forward(self, x):
        return self.net(x)[1].log_softmax(1)


def recorded(folder, model, **settings):
    torch.manual_seed(4)
    with stn_viz.record(folder, probes=images(), **settings) as recorder:
        train(model, recorder, steps=6)
    return open_run(folder)


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory):
    os.environ["STN_VIZ_HOME"] = str(tmp_path_factory.getbasetemp() / "home")
    return recorded(tmp_path_factory.mktemp("runs") / "tutorial", TutorialNet(), labels=LABELS)


def same_weights(run, step, model):
    model.load_state_dict(run.weights(step))
    return model.eval()


def test_a_recorded_network_answers_at_every_snapshot_without_its_code(tutorial):
    for step in tutorial.snapshots:
        model, own = network_of(tutorial, step), same_weights(tutorial, step, TutorialNet())
        assert not any(parameter.requires_grad for parameter in model.parameters())
        with torch.no_grad():
            torch.testing.assert_close(model(images()), own(images()), rtol=0, atol=1e-6)


def test_our_own_networks_are_built_anew(tmp_path):
    run = open_run(make_run(tmp_path / "ours"))
    own = same_weights(run, 4, build(**run.info.network))
    U = torch.from_numpy(run.probes.U)
    with torch.no_grad():
        assert torch.equal(network_of(run, 4)(U), own.float()(U))


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        (None, "This run came without its network: its trace can be seen"),
        ({"name": "st-cnn", "size": [42, 42], "wings": 2}, r"describes a network that this STN Viz cannot build"),
        ({"name": "rocket"}, r"describes a network that this STN Viz cannot build"),
        ({"name": "cnn", "size": [42, 42]}, "The weights of step 4 do not fit the network that run.json describes"),
        ({"name": "found", "transformer": {}, "choices": {}}, r"run\.json"),
        ({"name": "program", "file": "network.pt2", "sha256": "0" * 64}, r"network\.pt2 is missing"),
    ],
)
def test_a_network_that_cannot_be_had_is_said(tmp_path, network, sentence):
    run = open_run(make_run(tmp_path / "ours"))
    asked = replace(run, info=replace(run.info, network=network), version=f"{network}")
    with pytest.raises(RunError, match=sentence):
        network_of(asked, 4)
    with pytest.raises(LensError, match=sentence):
        predictions(asked, View(run.name, step=4))


def test_a_program_answers_for_itself_and_by_hand(tutorial):
    step = tutorial.snapshots[-1]
    own = same_weights(tutorial, step, TutorialNet())
    view = View(tutorial.name, image=2, step=step)
    with torch.no_grad():
        expected = own(images()[2:3]).exp()[0]
    answer = predictions(tutorial, view)
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
    np.testing.assert_allclose(answer["theta"], own.theta.flatten(), atol=1e-5)
    assert answer["loss"] == pytest.approx(-float(expected[2].log()), abs=1e-4)

    theta = (0.8, -0.3, 0.2, 0.2, 0.7, -0.3)
    V = sample(images()[2:3], torch.tensor(theta).view(1, 2, 3))
    with torch.no_grad():
        expected = own.fc(V).softmax(1)[0]
    np.testing.assert_allclose(predictions(tutorial, replace(view, theta=theta))["probabilities"], expected, atol=1e-5)


def test_each_of_several_sites_is_asked_by_hand(tmp_path):
    run = recorded(tmp_path / "two", Alone(), labels=LABELS)
    assert [site.on_image for site in run.sites] == [True, False]
    step, other = run.snapshots[-1], (0.9, 0.1, 0.0, -0.1, 0.9, 0.2)
    own = same_weights(run, step, Alone()).net
    U, moved = images()[3:4], torch.tensor(other).view(1, 2, 3)
    for site, thetas in enumerate([(moved, None), (None, moved)]):
        with torch.no_grad():
            expected = own(U, thetas)[1].softmax(1)[0]
            two = own(U)[0][0]
        view = View(run.name, 3, step=step, site=site)
        by_hand = predictions(run, replace(view, theta=other))
        np.testing.assert_allclose(by_hand["probabilities"], expected, atol=1e-5)
        theta = (own.first.theta.flatten(), two)[site]
        np.testing.assert_allclose(predictions(run, view)["theta"], theta.detach(), atol=1e-4)


def test_a_network_of_no_classes_tells_its_theta_alone(tmp_path):
    run = recorded(tmp_path / "regression", TutorialNet())
    step = run.snapshots[-1]
    own = same_weights(run, step, TutorialNet())
    own(images())
    answer = predictions(run, View(run.name, 1, step=step))
    assert answer["probabilities"] is answer["loss"] is None
    np.testing.assert_allclose(answer["theta"], own.theta[1].detach().flatten(), atol=1e-5)
    by_hand = predictions(run, View(run.name, 1, step=step, theta=(1.0, 0, 0, 0, 1.0, 0)))
    assert by_hand == {"probabilities": None, "loss": None, "theta": None, "snapshot": step}


def test_a_transformer_that_was_found_is_rebuilt_from_its_shapes_and_tells_theta(tmp_path):
    transformer = Transformer(
        name="loc",
        place="",
        layers=({"kind": "flatten"}, {"kind": "linear", "key": "loc.1", "in": 120, "out": 6, "bias": True}),
        outputs=6,
        readings=("affine",),
        channels=1,
        sizes=((12, 10),),
        known=None,
        choices=Choices(size=(12, 10)),
    )
    model = rebuild(transformer, transformer.choices)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            tensor.copy_(0.02 * torch.randn(tensor.shape, generator=torch.Generator().manual_seed(len(name))))
            if name.endswith("bias"):
                tensor.add_(torch.tensor([1.0, 0, 0, 0, 1, 0]))
    info = RunInfo(
        name="found",
        source="a test",
        task="",
        classes=(),
        network=json.loads(json.dumps(to_json(transformer, transformer.choices))),
        seed=None,
        training={},
    )
    probes = Probes(U=images().numpy(), labels=np.full(7, -1))
    writer = RunWriter(tmp_path / "found", info, probes)
    Recorder(writer, model, probes, answers=False).capture(3)
    writer.finish("finished")
    run = open_run(tmp_path / "found")
    weights = {name: tensor.float() for name, tensor in run.weights(3).items()}
    (weight,), (bias,) = ([t for t in weights.values() if t.ndim == n] for n in (2, 1))
    expected = images()[4].flatten() @ weight.T + bias
    answer = predictions(run, View(run.name, 4, step=3))
    np.testing.assert_allclose(answer["theta"], expected, atol=1e-5)
    assert answer["probabilities"] is None
    with torch.no_grad():
        V = network_of(run, 3)(images()[4:5])
    torch.testing.assert_close(V, sample(images()[4:5], expected.view(1, 2, 3)), rtol=0, atol=1e-5)


def test_a_volume_answers_for_itself_and_refuses_the_rest_kindly(tmp_path):
    class Volume(nn.Module):
        def __init__(self):
            super().__init__()
            self.theta = nn.Parameter(torch.eye(3, 4) + 0.25)
            self.fc = nn.Linear(192, 2)

        def forward(self, U):
            grid = F.affine_grid(self.theta.expand(U.shape[0], 3, 4), U.shape, align_corners=False)
            return self.fc(F.grid_sample(U, grid, align_corners=False).flatten(1))

    model = Volume()
    with stn_viz.record(tmp_path / "volume", probes=torch.rand(2, 1, 4, 6, 8), labels=[0, 1]) as recorder:
        recorder.step(model, loss=1.0)
    run = open_run(tmp_path / "volume")
    view = View(run.name, 1)
    answer = predictions(run, view)
    with torch.no_grad():
        expected = model(torch.from_numpy(run.probes.U)).softmax(1)[1]
    np.testing.assert_allclose(answer["probabilities"], expected, atol=2e-3)
    np.testing.assert_allclose(answer["theta"], (torch.eye(3, 4) + 0.25).flatten(), atol=1e-3)
    with pytest.raises(LensError, match="takes volumes of 1 x 4 x 6 x 8: look at the run's own"):
        predictions(run, view, np.zeros((1, 6, 8), np.float32))
    with pytest.raises(LensError, match="takes volumes, and can be asked about the run's own alone"):
        predictions(run, view, np.zeros((1, 4, 6, 8), np.float32))


def test_a_strangers_run_opens_and_its_program_is_never_loaded(tutorial, tmp_path, monkeypatch):
    """The trace can be seen; the program inside, which would make a folder, is not touched before a yes."""
    stranger = tmp_path / "stranger"
    shutil.copytree(tutorial.path, stranger)
    monkeypatch.setenv("STN_VIZ_HOME", str(tmp_path / "somebody else"))
    called = []
    monkeypatch.setattr(torch.export, "load", lambda *args, **named: called.append(args))
    run = open_run(stranger)
    assert run.problems == ()
    np.testing.assert_array_equal(run.theta(0), tutorial.theta(0))
    view = View(run.name, step=run.snapshots[-1])
    with pytest.raises(
        LensError, match=r"brings its network as a program .* which is code, .* say yes on the Runs page"
    ):
        predictions(run, view)
    # a run.json that names a hash which is trusted, over another content
    from stn_viz.runs.trust import trust

    trust(run.info.network["sha256"], "the tutorial's")
    (stranger / "network.pt2").write_bytes(b"PK other bytes")
    assert hashlib.sha256(b"PK other bytes").hexdigest() != run.info.network["sha256"]
    with pytest.raises(RunError, match="which is code"):
        network_of(open_run(stranger), view.step)
    assert called == []
