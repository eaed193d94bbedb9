"""The bundled runs come out of this code: their first steps and their last answers are found again."""

from pathlib import Path

import numpy as np
import pytest
import torch

from stn_viz.data import held_out
from stn_viz.networks import build
from stn_viz.runs import open_run
from stn_viz.training.loop import Training
from stn_viz.training.settings import Settings

BUNDLED = Path(__file__).parents[2] / "checkpoints"
RUNS = sorted(path.name for path in BUNDLED.iterdir() if path.is_dir())
WITH_WEIGHTS = [name for name in RUNS if any((BUNDLED / name).glob("step_*"))]


@pytest.mark.parametrize("name", RUNS)
def test_its_first_steps_are_those_of_the_command_that_it_keeps(name) -> None:
    run = open_run(BUNDLED / name)
    training = Training(Settings.from_json(run.info.training), torch.device("cpu"))
    assert training.steps == run.steps[-1] == run.info.training["steps"]
    losses = {0: float(training.loss_and_error()[0].detach())}
    recorded = [int(step) for step in run.steps[1:6]]
    since: list[float] = []
    while training.step < recorded[-1]:
        since.append(float(training.advance()[0]))
        if training.step in recorded:
            losses[training.step] = float(np.mean(since))
            since = []
    # Another CPU rounds otherwise, and bfloat16 more so than float32.
    np.testing.assert_allclose(list(losses.values()), run.loss[:6], rtol=5e-3)


@pytest.mark.parametrize("name", WITH_WEIGHTS)
def test_its_last_weights_answer_the_probes_as_recorded(name) -> None:
    run = open_run(BUNDLED / name)
    network = build(**run.info.network).eval()
    network.load_state_dict({name: tensor.float() for name, tensor in run.weights(run.snapshots[-1]).items()})
    with torch.no_grad():
        answers = network(torch.from_numpy(run.probes.U)).softmax(1).numpy()
    np.testing.assert_allclose(answers, run.probabilities[-1].astype(np.float32), atol=2e-3)


def test_the_transformer_reaches_the_error_that_it_states() -> None:
    """At most 0.8 %, the goal, on all 10,000; here 2,000 of them are counted again, so by chance a little more."""
    run = open_run(BUNDLED / "rts-st-cnn-affine")
    assert run.info.metrics["test_error"] <= 0.008
    assert run.info.metrics["test_images"] == 10_000
    test = held_out("rts", 2000, run.info.seed)
    network = build(**run.info.network).eval()
    network.load_state_dict({name: tensor.float() for name, tensor in run.weights(run.snapshots[-1]).items()})
    with torch.inference_mode():
        wrong = sum(
            int((network(U).argmax(1) != labels).sum())
            for U, labels in zip(test.U.split(500), test.labels.split(500), strict=True)
        )
    assert wrong / 2000 <= 0.013
