"""The lens "site_input": the channels of what a deep site samples; and pictures prepared as a run's own are."""

import base64
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from foreign_folder import MEAN, STD, blobs, deep
from torch import Tensor, nn

from stn_viz.lens import LENSES, LensError, predictions, site_input
from stn_viz.lens.preparing import prepared
from stn_viz.runs import Run, RunError, open_run
from stn_viz.view import View


class Deep(nn.Module):
    """Channels, then a site on them."""

    def __init__(self, channels: int, *, stride: int = 2) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, channels, 3, stride=stride, padding=1)

    def maps(self, U: Tensor) -> Tensor:
        return self.first(U).relu()

    def forward(self, U: Tensor) -> Tensor:
        theta = torch.eye(2, 3).expand(len(U), 2, 3)
        V = F.grid_sample(U, F.affine_grid(theta, [len(U), 1, 14, 14], False), align_corners=False)
        W = self.maps(V)
        return F.grid_sample(W, F.affine_grid(theta, [len(W), 1, 6, 7], False), align_corners=False).mean((2, 3))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return open_run(deep(tmp_path / "deep"))


def asked(monkeypatch: pytest.MonkeyPatch, run: Run, model: nn.Module, view: View) -> tuple[dict, np.ndarray]:
    """The lens's answer about this network, and its bytes back as values."""
    import sys

    module = sys.modules["stn_viz.lens.site_input"]
    monkeypatch.setattr(module, "_network", lambda run, snapshot: model.eval())
    monkeypatch.setattr(Run, "snapshot_at", lambda self, step: 400)
    answer = LENSES["site_input"](run, view)
    values = np.frombuffer(base64.b64decode(answer["data"]), np.uint8)
    values = values.reshape(answer["shown"], answer["height"], answer["width"])
    return answer, answer["low"] + values * ((answer["high"] - answer["low"]) / 255)


@pytest.mark.parametrize("channels", [5, 70])
def test_the_channels_are_what_the_network_samples_there(monkeypatch, run, channels) -> None:
    torch.manual_seed(channels)
    model = Deep(channels)
    view = View(run=run.name, image=1, step=400, site=1)
    answer, values = asked(monkeypatch, run, model, view)
    U = torch.from_numpy(run.probes.U[1:2])
    theta = torch.eye(2, 3)[None]
    with torch.no_grad():
        maps = model.maps(F.grid_sample(U, F.affine_grid(theta, [1, 1, 14, 14], False), align_corners=False))[0]
    assert (answer["channels"], answer["shown"], answer["of"]) == (channels, min(channels, 64), [7, 7])
    assert answer["snapshot"] == 400
    step = (answer["high"] - answer["low"]) / 255
    np.testing.assert_allclose(values, maps[:64].numpy(), atol=0.51 * step)


def test_a_large_map_is_averaged(monkeypatch, run) -> None:
    class Large(Deep):
        def maps(self, U: Tensor) -> Tensor:
            return F.interpolate(super().maps(U), (128, 96))

    torch.manual_seed(3)
    answer, values = asked(monkeypatch, run, Large(2), View(run=run.name, image=0, step=0, site=1))
    assert answer["of"] == [128, 96]
    assert values.shape == (2, 64, 64)
    assert len(answer["data"]) < 400_000


def test_it_refuses_a_picture_that_is_not_the_runs_and_a_run_without_its_network(run) -> None:
    view = View(run=run.name, step=0, site=1)
    with pytest.raises(LensError, match="Site 1 samples a feature map inside the network"):
        site_input(run, view, np.zeros((1, 20, 20), np.float32))
    with pytest.raises(RunError, match="no weights"):
        site_input(run, view)


@pytest.mark.parametrize(("order", "white"), [("rgb", 1), ("bgr", 1), ("bgr", 255)])
def test_a_picture_is_prepared_as_the_runs_own(order, white) -> None:
    P = blobs(1, 3, 6, 7)[0]
    mean, std = (torch.tensor(values).view(3, 1, 1) * white for values in (MEAN, STD))
    expected = (white * (P.flip(0) if order == "bgr" else P) - mean) / std
    preparation = {
        "mean": mean.flatten().tolist(),
        "std": std.flatten().tolist(),
        "channel_order": order,
        "value_range": white,
    }
    np.testing.assert_allclose(prepared(P.numpy(), preparation), expected.numpy(), rtol=1e-5, atol=1e-5)


def test_a_run_with_a_preparation_answers_about_any_picture(tmp_path, monkeypatch) -> None:
    """The network sees the prepared picture: its own probe, sent as a picture, gets the probe's own answer."""
    import json
    import sys

    path = deep(tmp_path / "prepared")
    content = json.loads((path / "run.json").read_text())
    preparation = {"mean": [0.1307], "std": [0.3081], "channel_order": "rgb", "value_range": 1}
    (path / "run.json").write_text(json.dumps(content | {"preparation": preparation, "classes": list("0123")}))
    P = np.load(path / "probes.npz")["U"]
    np.savez(path / "probes.npz", U=(P - 0.1307) / 0.3081, labels=np.array([0, 1]))
    run = open_run(path)
    torch.manual_seed(0)
    model = Deep(4).eval()
    monkeypatch.setattr(sys.modules["stn_viz.lens.predictions"], "_network", lambda run, snapshot: model)
    monkeypatch.setattr(Run, "snapshot_at", lambda self, step: 400)
    sent = predictions(run, View(run=run.name, step=0), P[1].astype(np.float32))
    own = predictions(run, View(run=run.name, step=0, image=1))
    np.testing.assert_allclose(sent["probabilities"], own["probabilities"], atol=1e-5)
