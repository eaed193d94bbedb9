"""What the network itself is asked: gradients, answers to a shift and a turn, align_corners, whether V is read at all.

The network is made by hand and perfect: it finds the blob by its centre of mass, and reads V by comparing it with the
two V that there can be. Each fault is one change of it.
"""

import math

import numpy as np
import pytest
import torch
from doctor_runs import a_site, write
from torch import nn
from torch.nn import functional as F

from stn_viz.lens.doctor import examination, patient
from stn_viz.runs import program

SIDE, N = 28, 24
SHAPES = torch.zeros(2, 1, 7, 7)
SHAPES[0, 0, 3, :] = 1  # a bar, and a cross
SHAPES[0, 0, 2, :3] = 1
SHAPES[1, 0, 3, :] = 1
SHAPES[1, 0, :, 3] = 1


def images():
    """Blobs of the two kinds (N, 1, 28, 28), each at its own place, and which they are."""
    generator = torch.Generator().manual_seed(0)
    U, labels = torch.zeros(N, 1, SIDE, SIDE), torch.arange(N) % 2
    for image in range(N):
        row, column = torch.randint(2, SIDE - 9, (2,), generator=generator).tolist()
        U[image, :, row : row + 7, column : column + 7] = SHAPES[labels[image]]
    return U, labels


class Finder(nn.Module):
    """theta = [.4 0 x; 0 .4 y], (x, y) the centre of mass; the answer compares V with what it knows."""

    def __init__(self, fault: str = "", align_corners: bool = False):
        super().__init__()
        self.fault, self.align, self.trained = fault, align_corners, align_corners
        self.sure = 50.0 if fault == "align" else 1.0
        self.weight = nn.Parameter(torch.eye(2))
        self.head = nn.Linear(2, 32)
        nn.init.constant_(self.head.bias, -1000.0 if fault == "dead" else 1.0)
        self.last = nn.Linear(32, 6)
        self.last.weight.data.zero_()
        self.last.bias.data = torch.tensor([0.7743, -0.0061, 0.0208, 0.0562, 0.7507, 0.1179])
        if fault == "untaught":  # as it was built
            self.last.bias.data = torch.eye(2, 3).flatten()
        U, labels = images()
        self.fault = ""
        known = [self.sample(U[labels == kind], align_corners)[:1] for kind in (0, 1)]
        self.fault = fault
        self.register_buffer("known", torch.cat(known).flatten(1))

    def theta(self, U):
        x = torch.linspace(-1, 1, SIDE) * (1 if self.trained else (SIDE - 1) / SIDE)
        mass = U.sum((1, 2, 3)).clamp(min=1e-6)
        centre = torch.stack([(U.sum(2) * x).sum((1, 2)) / mass, (U.sum(3) * x).sum((1, 2)) / mass], 1)
        centre = centre @ self.weight
        if self.fault in ("dead", "untaught"):
            return self.last(torch.relu(self.head(centre)))
        if self.fault == "angle":
            angle = 2 * math.pi * torch.sigmoid(centre.sum(1) + 100000)
            c, s, o = torch.cos(angle), torch.sin(angle), torch.zeros_like(angle)
            return torch.stack([c, -s, o, s, c, o], 1)
        centre = {
            "swapped": lambda: centre.flip(1),
            "pixels": lambda: centre * SIDE / 2,
            "inverse": lambda: -centre,
            "blind": lambda: 0.001 * centre + torch.linspace(-0.3, 0.3, len(centre))[:, None],
            "outside": lambda: centre + 5,
            "detached": lambda: centre.detach(),
        }.get(self.fault, lambda: centre)()
        scale, zero = torch.full_like(centre[:, :1], 0.4), torch.zeros_like(centre[:, :1])
        return torch.cat([scale, zero, centre[:, :1], zero, scale, centre[:, 1:]], 1)

    def sample(self, U, align):
        grid = F.affine_grid(self.theta(U).view(-1, 2, 3), [len(U), 1, 12, 12], align_corners=align)
        mode = "nearest" if self.fault == "nearest" else "bilinear"
        return F.grid_sample(U, grid, mode=mode, align_corners=align)

    def forward(self, U):
        V = self.sample(U, self.align).flatten(1)
        if self.fault == "silent":  # a classifier of which the last bias is all that still speaks
            return torch.tensor([1.0, 0]).expand(len(U), 2) + 0 * V.sum(1, keepdim=True)
        if self.fault in ("unread", "untaught"):
            V = F.adaptive_max_pool2d(U, 12).flatten(1)
        if self.fault == "beside":  # the cross has the more ink
            return torch.stack([29 - U.sum((1, 2, 3)) * 2.5, V.mean(1)], 1)
        return -self.sure * (V[:, None] - self.known).square().sum(-1)


def looked(tmp_path, monkeypatch, model, *, labels=True, site=None, step=100, **info):
    """The examination of a run whose network is this model; by rule, and what was skipped."""
    U, kinds = images()
    with torch.no_grad():
        theta = model.theta(U).numpy()
    site = site or a_site(output_size=(12, 12), kernel="nearest" if model.fault == "nearest" else "bilinear")
    given = info | ({"labels": kinds.numpy()} if labels else {})
    run = write(
        tmp_path / (model.fault or "good"),
        theta[None],
        U=U.numpy(),
        steps=[step],
        site=site,
        network={"name": "program"},
        weights=model.state_dict(),
        **given,
    )
    monkeypatch.setattr(patient, "network_of", lambda run, snapshot: model.eval().requires_grad_(False))
    found = examination(run)
    return {finding.rule: finding for finding in found.findings}, found


def test_the_perfect_finder_is_healthy(tmp_path, monkeypatch):
    model = Finder()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found, whole = looked(tmp_path, monkeypatch, model)
    assert found == {}
    assert {"gradient", "answer", "align-corners", "bypass"} <= set(whole.looked)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize(
    ("fault", "rule", "severity", "words"),
    [
        ("swapped", "swapped", "fault", "answers a shift of the input in x by moving in y (1.00 of it)"),
        ("pixels", "pixels", "fault", "half the image's side"),
        (
            "inverse",
            "answer",
            "warning",
            "moves against the input: it follows -1.00 of a shift in x, -1.00 of one in y",
        ),
        ("blind", "answer", "warning", "does not answer when the input is moved: it follows 0.00 of a shift in x"),
        ("unread", "bypass", "fault", "does not change when V is replaced"),
        (
            "silent",
            "same-answer",
            "fault",
            "the same for all 24 images and whatever V is: class 0 with probability 0.73.",
        ),
        ("beside", "bypass", "warning", "100 % of the images keep their own answer"),
        ("nearest", "gradient", "fault", "the loss has no gradient to theta for all"),
        ("outside", "gradient", "fault", "the loss has no gradient to theta"),
        ("detached", "gradient", "fault", "cut off from the localisation network's weights"),
        ("angle", "gradient", "fault", "no weight of the localisation network has a gradient from theta"),
        ("dead", "constant", "fault", "the same crop for every image: a fixed 1.3x zoom"),
    ],
)
def test_each_fault_is_found(tmp_path, monkeypatch, fault, rule, severity, words):
    found, _ = looked(tmp_path, monkeypatch, Finder(fault))
    assert rule in found, found
    assert found[rule].severity == severity
    assert words in f"{found[rule].sentence} {found[rule].cure}"


def test_the_reason_is_told_with_it(tmp_path, monkeypatch):
    assert "exactly 0" in looked(tmp_path, monkeypatch, Finder("nearest"))[0]["gradient"].cause
    assert "outside the image" in looked(tmp_path, monkeypatch, Finder("outside"))[0]["gradient"].cause
    dead, whole = looked(tmp_path, monkeypatch, Finder("dead"))
    assert dead["constant"].cause == "32 of 32 hidden units before theta are dead: 0 for every image."
    assert [one.rule for one in whole.skipped if "constant" in one.reason] == ["answer", "align-corners"]


def test_what_follows_from_another_fault_is_not_told_beside_it(tmp_path, monkeypatch):
    # Its dead units leave theta without a gradient, and theta the same for all: one fault.
    assert set(looked(tmp_path, monkeypatch, Finder("dead"))[0]) == {"constant"}
    # Nobody reads V, so nobody taught theta anything.
    assert set(looked(tmp_path, monkeypatch, Finder("untaught"))[0]) == {"bypass"}
    silent, whole = looked(tmp_path, monkeypatch, Finder("silent"))
    assert set(silent) == {"same-answer"}
    assert [one.rule for one in whole.skipped if "before it: same-answer." in one.reason] == ["answer", "align-corners"]


def test_a_training_of_few_steps_need_not_answer_yet(tmp_path, monkeypatch):
    for step, source, told in ((99, "stn_viz.record", False), (100, "stn_viz.record", True), (3, "imported", True)):
        found, _ = looked(tmp_path / f"{step}", monkeypatch, Finder("blind"), step=step, source=source)
        assert ("answer" in found) is told


def test_align_corners_of_the_training_is_told_from_that_of_the_replay(tmp_path, monkeypatch):
    U, labels = images()
    model = Finder("align", align_corners=True)
    model.align = False  # replayed so
    with torch.no_grad():
        # What it would take each image for, sampled so: classes of their own, so that every subpixel counts.
        model.known = torch.cat([model.known, model.sample(U, False).flatten(1)])
        assert (model(U).argmax(-1) > 1).float().mean() > 0.9
    finding = looked(tmp_path, monkeypatch, model)[0]["align-corners"]
    assert finding.severity == "warning"
    losses, errors = [], []
    for align in (True, False):
        model.align = align
        with torch.no_grad():
            losses.append(float(F.cross_entropy(model(U), labels)))
            errors.append(f"{100 * float((model(U).argmax(-1) != labels).float().mean()):.0f} %")
    assert "align_corners=True in the grid and the sampler than with False" in finding.sentence
    assert f"loss {losses[0]:.3g} instead of {losses[1]:.3g}" in finding.sentence
    assert f"error {errors[0]} instead of {errors[1]}" in finding.sentence


def test_what_cannot_be_asked_is_said_and_the_trace_is_looked_at(tmp_path, monkeypatch):
    found, whole = looked(tmp_path, monkeypatch, Finder(), labels=False)
    assert found == {}
    reasons = {one.rule: one.reason for one in whole.skipped}
    assert "Fewer than 16 probes have a label" in reasons["align-corners"]
    _, start = looked(tmp_path / "start", monkeypatch, Finder(), step=0)
    assert {one.rule: one.reason for one in start.skipped}["answer"] == "Its only weights are of the start."

    run = write(tmp_path / "alone", np.tile([0.8, 0, 0, 0, 0.8, 0], (3, 4, 1)))
    skipped = {one.rule: one.reason for one in examination(run).skipped}
    assert skipped["gradient"] == skipped["bypass"] == "This run came without its network."
    assert {one.reason for one in examination(run, network=False).skipped} == {"The network was not to be asked."}


class Pointer(nn.Module):
    """All sample points at the picture's centre of mass, or where that lies seen the wrong way round."""

    def __init__(self, sign):
        super().__init__()
        self.fault, self.sign = "pointer", nn.Parameter(torch.tensor(float(sign)))

    def theta(self, U):
        h, w = U.shape[2:]
        x, y = (torch.linspace(-1, 1, side) * (side - 1) / side for side in (w, h))
        mass = U.sum((1, 2, 3))
        centre = torch.stack([(U.sum(2) * x).sum((1, 2)) / mass, (U.sum(3) * y).sum((1, 2)) / mass], 1) * self.sign
        small, zero = torch.full_like(centre[:, :1], 0.15), torch.zeros_like(centre[:, :1])
        return torch.cat([small, zero, centre[:, :1], zero, small, centre[:, 1:]], 1)

    def forward(self, U):
        return F.grid_sample(
            U, F.affine_grid(self.theta(U).view(-1, 2, 3), (len(U), 1, 9, 9), False), align_corners=False
        )


def test_a_turn_is_one_in_pixels_on_a_picture_that_is_not_square(tmp_path, monkeypatch):
    U = torch.zeros(8, 1, 40, 80)
    for image in range(8):  # far from the centre, so that a turn is a walk
        U[image, :, 8:13, 10 + 7 * image : 15 + 7 * image] = 1
        U[image] = U[image].flip(1) if image % 2 else U[image]
    model = Pointer(-1)
    with torch.no_grad():
        theta = model.theta(U).numpy()
    site = a_site(input_size=(40, 80), output_size=(9, 9))
    run = write(
        tmp_path / "run", theta[None], U=U.numpy(), steps=[9], site=site, network={"name": "program"},
        weights=model.state_dict(),
    )  # fmt: skip
    monkeypatch.setattr(patient, "network_of", lambda run, snapshot: model)
    (finding,) = examination(run).findings
    told = finding.sentence.split("it follows ")[1].split(",")[0:2]
    assert told[0] == "-1.00 of a shift in x"
    # Theta's place walks along with the blob and its matrix does not turn: by hand, of points c + .15 p the share is
    # |c|^2 / (|c|^2 + |.15 p|^2), in pixels.
    x, y = theta[:, 2] * 40, theta[:, 5] * 20
    p = (2 * torch.arange(9) + 1) / 9 - 1
    own = 0.15**2 * (p.square().mean() * (40**2 + 20**2))
    share = float(torch.tensor([(a * a + b * b) / (a * a + b * b + own) for a, b in zip(x, y, strict=True)]).median())
    # A turn about the centre is the same seen from the other side of it.
    assert f"-1.00 of one in y and {share:.2f} of a turn" in finding.sentence


def test_a_network_that_breaks_is_a_sentence(tmp_path, monkeypatch):
    model = Finder()

    def forward(U):
        raise KeyError("the author's own")

    model.forward = forward
    _, whole = looked(tmp_path, monkeypatch, model)
    assert {one.reason for one in whole.skipped if one.rule != "start"} == {
        'The network does not run on the probes (KeyError: "the author\'s own").'
    }


def test_a_program_is_asked_like_its_author_s_network(tmp_path, monkeypatch):
    """The same faults through torch.export: gradients flow, samplers are seen."""
    U, labels = images()
    monkeypatch.setenv("STN_VIZ_HOME", str(tmp_path / "home"))
    for fault, rule in (("", None), ("nearest", "gradient")):
        model = Finder(fault)
        folder = tmp_path / (fault or "good")
        folder.mkdir()
        network = program.keep(model, U, folder)
        assert not isinstance(network, str), network
        with torch.no_grad():
            theta = model.theta(U).numpy()
        site = a_site(output_size=(12, 12), kernel="nearest" if fault == "nearest" else "bilinear")
        run = write(
            folder, theta[None], U=U.numpy(), labels=labels.numpy(), steps=[100], site=site, network=network,
            weights=model.state_dict(),
        )  # fmt: skip
        found = examination(run)
        assert [one.rule for one in found.findings] == ([rule] if rule else []), found
        assert {"gradient", "answer", "align-corners", "bypass"} <= set(found.looked), found.skipped
