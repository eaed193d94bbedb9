"""A network kept as a program: the oracle is the network itself. A program that nobody trusts is never loaded."""

import hashlib
import io
import logging
import os
import sys
import threading
import warnings
import zipfile

import pytest
import torch
from torch import nn
from tutorial_net import TutorialNet, images

from stn_viz.runs import RunError, program
from stn_viz.runs.program import FILE, keep, load, put
from stn_viz.runs.trust import is_trusted, trust


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("STN_VIZ_HOME", str(tmp_path / "home"))


@pytest.fixture
def net():
    torch.manual_seed(3)
    net = TutorialNet().train()
    net(images(4, seed=2)).sum().backward()  # theta hangs in a graph: deepcopy alone would refuse
    return net


def test_the_program_answers_as_the_network_does_for_any_number_of_images_and_other_weights(tmp_path, net):
    modes = [module.training for module in net.modules()]
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    theta, randomness = net.theta, torch.get_rng_state()
    kept = keep(net, images(), tmp_path)
    assert kept == {
        "name": "program",
        "file": FILE,
        "sha256": hashlib.sha256((tmp_path / FILE).read_bytes()).hexdigest(),
    }
    assert is_trusted(kept["sha256"])
    assert net.theta is theta
    assert torch.equal(torch.get_rng_state(), randomness)
    assert [module.training for module in net.modules()] == modes
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())

    loaded = load(tmp_path, kept)
    other = TutorialNet().eval()
    other.localization[1].running_mean.add_(0.5)
    put(loaded, other.state_dict(), kept)
    for n in (1, 2, 9):
        with torch.no_grad():
            torch.testing.assert_close(loaded(images(n, seed=n)), other(images(n, seed=n)), rtol=0, atol=1e-6)


def test_the_file_tells_nothing_of_this_machine(tmp_path, net):
    keep(net, images(), tmp_path)
    with zipfile.ZipFile(tmp_path / FILE) as archive:
        content = b"".join(archive.read(name) for name in archive.namelist())
    here = os.path.dirname(__file__)
    assert here.encode() not in content
    assert b"tutorial_net.py" not in content


def test_half_precision_is_kept_as_single(tmp_path, net):
    kept = keep(net.bfloat16(), images(), tmp_path)
    assert {tensor.dtype for tensor in load(tmp_path, kept).parameters()} == {torch.float32}


def test_a_network_that_is_called_in_another_way_is_kept_with_it(tmp_path):
    class Conditioned(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = TutorialNet()

        def forward(self, x, scale, *, shift):
            return {"scores": self.inner(x * scale) + shift}

    model = Conditioned()
    kept = keep(model, images(), tmp_path, forward=lambda model, U: model(U, 2.0, shift=1.0)["scores"])
    loaded = load(tmp_path, kept)
    other = Conditioned().eval()
    put(loaded, other.state_dict(), kept)
    with torch.no_grad():
        torch.testing.assert_close(loaded(images(5)), other(images(5), 2.0, shift=1.0)["scores"], rtol=0, atol=1e-6)


def test_a_network_that_asks_for_the_number_of_its_images_is_followed_all_the_same(tmp_path):
    class Counts(TutorialNet):
        def forward(self, x):
            return super().forward(x).view(len(x), 3, 1)  # len gives a plain number, which would stay 3 for ever

    model = Counts().eval()
    loaded = load(tmp_path, keep(model, images(), tmp_path))
    with torch.no_grad():
        torch.testing.assert_close(loaded(images(5)), model(images(5)), rtol=0, atol=1e-6)


class Chooses(nn.Module):
    def forward(self, x):
        return x.sum(1) if float(x.sum()) > 0 else x.mean(1)


class OneSize(nn.Module):
    def forward(self, x):
        return x.reshape(3, -1)[:, :4]


class Loops(nn.Module):
    def forward(self, x):
        return torch.cat([x[i : i + 1].sum((1, 2, 3)) for i in range(x.shape[0])])


class Uncopyable(nn.Linear):
    def __deepcopy__(self, memo):
        raise RuntimeError("no copies of me")


@pytest.mark.parametrize("model", [Chooses(), OneSize(), nn.Sequential(nn.Flatten(), Uncopyable(120, 2))])
def test_why_a_network_cannot_be_kept_is_one_sentence(tmp_path, model):
    said = keep(model, images(), tmp_path)
    assert isinstance(said, str)
    assert said.startswith("The network is not kept with the run: torch.export cannot follow it (")
    assert "\n" not in said
    assert len(said) < 500
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Chooses(), "its forward pass takes another way by the values of a tensor"),
        (Loops(), "its forward pass works for one number of images only"),
    ],
)
def test_where_export_fails_the_reason_is_plain_and_the_console_stays_silent(tmp_path, capfd, model, reason):
    heard = []
    handler = logging.Handler()
    handler.emit = heard.append
    log = logging.getLogger("torch")
    log.addHandler(handler)
    try:
        assert reason in keep(model, images(), tmp_path)
        assert not heard
        logging.getLogger("torch._guards").error("heard again")
        assert heard
    finally:
        log.removeHandler(handler)
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")


def test_while_a_network_is_exported_other_threads_are_heard(tmp_path, capsys, monkeypatch):
    def speak(*_):
        print("mine", file=sys.stderr)
        other = threading.Thread(target=lambda: print("theirs", file=sys.stderr))
        other.start()
        other.join()
        raise ValueError("no")

    monkeypatch.setattr(program, "_exported", speak)
    assert "ValueError: no" in keep(nn.Conv2d(1, 1, 1), images(), tmp_path)
    assert capsys.readouterr().err == "theirs\n"


def a_program(folder):
    """A program that makes a folder when it is loaded: what a stranger could send. Gives its entry and its trap."""
    good = io.BytesIO()
    torch.export.save(torch.export.export(nn.Linear(3, 2), (torch.rand(2, 3),)), good)
    trap = folder.parent / "sprung"

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(trap),)

    payload = io.BytesIO()
    torch.save(Trap(), payload)
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(folder / FILE, "w") as target:
        for name in source.namelist():
            target.writestr(name, payload.getvalue() if name.endswith("sample_inputs/model.pt") else source.read(name))
    digest = hashlib.sha256((folder / FILE).read_bytes()).hexdigest()
    return {"name": "program", "file": FILE, "sha256": digest}, trap


def test_a_program_that_nobody_trusts_is_never_loaded(tmp_path, capfd):
    folder = tmp_path / "stranger"
    folder.mkdir()
    entry, trap = a_program(folder)
    with pytest.raises(
        RunError, match=r"brings its network as a program \(network\.pt2\), which is code, .* Runs page"
    ):
        load(folder, entry)
    assert not trap.exists()
    # A hash in run.json that is trusted helps nothing: that of the content counts.
    trust("0" * 64, "something else")
    with pytest.raises(RunError, match="which is code"):
        load(folder, {**entry, "sha256": "0" * 64})
    assert not trap.exists()
    with warnings.catch_warnings():  # and the trap is a live one
        warnings.simplefilter("ignore")
        trust(entry["sha256"], "a yes")
        with pytest.raises(RunError, match=r"network\.pt2 cannot be opened by torch 2"):
            load(folder, entry)
    assert trap.exists()


def test_a_program_that_changed_after_the_yes_is_another_one(tmp_path, net):
    kept = keep(net, images(), tmp_path)
    content = bytearray((tmp_path / FILE).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(RunError, match="which is code"):
        load(tmp_path, kept)


@pytest.mark.parametrize("name", ["../network.pt2", "/etc/passwd", "resume.pt", 3, None])
def test_a_program_has_one_name_only(tmp_path, name):
    with pytest.raises(RunError, match=r"expected network\.pt2"):
        load(tmp_path, {"name": "program", "file": name, "sha256": "0" * 64})


def test_a_program_that_is_missing_or_leads_elsewhere_is_said(tmp_path, net):
    kept = keep(net, images(), tmp_path)
    folder = tmp_path / "run"
    folder.mkdir()
    with pytest.raises(RunError, match=r"network\.pt2 is missing"):
        load(folder, kept)
    (folder / FILE).symlink_to(tmp_path / FILE)
    with pytest.raises(RunError, match="a link that leads out of the run's folder"):
        load(folder, kept)
