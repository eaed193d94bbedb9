"""A run that was imported, with less in it than a training of ours writes, opens on the stage like any other."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from stn_viz import live
from stn_viz.foreign import Choices
from stn_viz.foreign.importing import import_run, recognise
from stn_viz.foreign.probes import make_probes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three checkpoints of a network of 3 x 20 x 30 pixels: no labels, no classes, no loss."""
    files, runs = tmp_path_factory.mktemp("files"), tmp_path_factory.mktemp("runs")
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 5), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 16 * 26, 6))
    net[3].weight.data.zero_()
    net[3].bias.data = torch.tensor([1.0, 0, 0, 0, 1, 0])
    for epoch in range(3):
        torch.save({f"stn.{name}": tensor for name, tensor in net.state_dict().items()}, files / f"epoch_{epoch}.pth")
        net[3].weight.data += 0.002 * torch.randn(6, 4 * 16 * 26)
    recognised = recognise([files], size=(20, 30))
    choices = Choices(size=(20, 30), mean=(0.5,), std=(0.25,), channel_order="bgr")
    images = make_probes(size=(20, 30), channels=3, choices=choices)
    import_run(recognised, runs / "theirs", choices=choices, probes=images)
    return runs


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = live.Engine(lambda: None)
    engine.start().result()
    monkeypatch.setattr(live, "engine", engine)


def test_it_opens_on_the_stage(app: Any, folder: Path) -> None:
    tester = app(folder)
    assert not tester.exception
    (stage,) = [element for element in tester.main if element.type == "bidi_component"]
    data = json.loads(stage.proto.json)
    text = json.dumps(data)
    assert "NaN" not in text
    assert data["view"]["run"] == "theirs"


def test_the_network_answers_with_v_alone(folder: Path) -> None:
    from stn_viz.foreign.network import network_of
    from stn_viz.runs import open_run

    run = open_run(folder / "theirs")
    assert np.isnan(run.loss).all()
    V = network_of(run, 2)(torch.from_numpy(run.probes.U))
    assert V.shape == (16, 3, 20, 30)
