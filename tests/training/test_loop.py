"""The loop: what it writes, that going on is as if never stopped, and that stopping at any moment leaves a run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from stn_viz.data import held_out
from stn_viz.networks import build
from stn_viz.runs import RunError, open_run
from stn_viz.training import Settings, loop, train
from stn_viz.training.resume import FILE

# 24 steps; recorded at 8 of them, weights at 4. Neither 11 nor 17 is a recorded step.
SMALL = Settings(
    network="st-fcn",
    epochs=3,
    batch=32,
    limit=256,
    records=8,
    snapshots=4,
    probes=12,
    threads=1,
    device="cpu",
)
TESTED = 200


@pytest.fixture(autouse=True)
def few_test_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "TEST_IMAGES", TESTED)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training from start to end without a stop."""
    out = tmp_path_factory.mktemp("whole") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "TEST_IMAGES", TESTED)
        train(SMALL, out)
    return out


def stop_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if Ctrl-C had come in the step number `steps` of this session."""

    @contextmanager
    def interruptible() -> Iterator[Callable[[], bool]]:
        asked = iter([False] * steps + [True])
        yield lambda: next(asked)

    monkeypatch.setattr(loop, "interruptible", interruptible)


def assert_same_run(one: Path, other: Path) -> None:
    """Trace and weights bit for bit."""
    first, second = (np.load(path / "trace.npz") for path in (one, other))
    assert first.files == second.files
    for name in first.files:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)
    weights = [{file.name: file.read_bytes() for file in path.glob("step_*")} for path in (one, other)]
    assert weights[0] == weights[1]


def test_a_training_leaves_a_finished_run_that_learned(whole: Path) -> None:
    run = open_run(whole)
    assert run.problems == ()
    assert run.info.status == "finished"
    assert run.steps[0] == 0
    assert run.steps[-1] == 24
    assert len(run.snapshots) == 4
    assert run.loss[-2:].mean() < 0.98 * run.loss[:2].mean()
    assert run.info.training["steps"] == 24
    assert [site.family for site in run.sites] == ["affine"]
    assert not (whole / FILE).exists()


def test_the_test_error_is_that_of_the_stored_weights(whole: Path) -> None:
    run = open_run(whole)
    model = build(**run.info.network)
    model.load_state_dict({name: tensor.float() for name, tensor in run.weights(24).items()})
    held = held_out("rts", TESTED, SMALL.seed)
    with torch.no_grad():
        wrong = int((model(held.U).argmax(1) != held.labels).sum()) / TESTED
    assert run.info.metrics["test_images"] == TESTED
    assert run.info.metrics["test_error"] == wrong
    assert 0 < wrong < 1


def test_the_probes_are_held_out_images_of_every_class(whole: Path) -> None:
    probes = open_run(whole).probes
    held = held_out("rts", TESTED, SMALL.seed)
    assert probes.labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    first_seven = int((held.labels == 7).nonzero()[0])
    np.testing.assert_array_equal(probes.U[7], held.U[first_seven].numpy())
    np.testing.assert_array_equal(probes.pose[7], held.pose[first_seven].numpy())


@pytest.mark.parametrize("stops", [(0,), (11,), (8, 9)])
def test_going_on_is_as_if_never_stopped(
    stops: tuple[int, ...], whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    for session, steps in enumerate(stops):
        stop_after(steps, monkeypatch)
        outcome = train(SMALL, out, go_on=session > 0)
        assert not outcome.finished
        assert open_run(out).info.status == "stopped"
        assert open_run(out).problems == ()
    assert outcome.step == sum(stops)
    stop_after(1000, monkeypatch)
    torch.manual_seed(99)  # the global generator must not matter
    assert train(Settings(), out, go_on=True).finished
    assert_same_run(out, whole)
    assert open_run(out).info.status == "finished"


def test_going_on_after_a_crash_repeats_what_came_after_the_last_snapshot(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = loop.Training.advance

    def crash(training: loop.Training) -> tuple[torch.Tensor, torch.Tensor]:
        if training.step == 17:
            raise MemoryError
        return advance(training)

    with monkeypatch.context() as patch:
        patch.setattr(loop.Training, "advance", crash)
        with pytest.raises(MemoryError):
            train(SMALL, tmp_path / "run")
    assert open_run(tmp_path / "run").steps[-1] <= 17
    train(Settings(), tmp_path / "run", go_on=True)
    assert_same_run(tmp_path / "run", whole)


def test_another_seed_is_another_training(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_after(1, monkeypatch)
    train(Settings(**(SMALL.to_json() | {"seed": 1})), tmp_path / "run")
    assert open_run(tmp_path / "run").loss[0] != open_run(whole).loss[0]


def test_a_folder_with_a_run_is_not_overwritten_unless_forced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_after(1, monkeypatch)
    train(SMALL, tmp_path / "run")
    with pytest.raises(RunError, match=r"already holds a run. Go on with it \(--resume\), start it anew \(--force\)"):
        train(SMALL, tmp_path / "run")
    (tmp_path / "run" / "step_999999.safetensors").touch()
    train(SMALL, tmp_path / "run", force=True)
    assert not (tmp_path / "run" / "step_999999.safetensors").exists()


def test_force_leaves_a_folder_that_is_no_run_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "holiday.jpg").touch()
    stop_after(1, monkeypatch)
    train(SMALL, tmp_path, force=True)
    assert (tmp_path / "holiday.jpg").exists()


def test_what_cannot_go_on_says_why(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RunError, match=r"holds no run to go on with\. Leave out --resume"):
        train(SMALL, tmp_path / "none", go_on=True)
    with pytest.raises(RunError, match="is finished; there is nothing to go on with"):
        train(SMALL, whole, go_on=True)
    stop_after(1, monkeypatch)
    train(SMALL, tmp_path / "run")
    (tmp_path / "run" / FILE).write_bytes(b"half of it")
    with pytest.raises(RunError, match=r"resume\.pt cannot be read \(\w+\)\. Start the training anew with --force\."):
        train(SMALL, tmp_path / "run", go_on=True)
    (tmp_path / "run" / FILE).unlink()
    with pytest.raises(RunError, match=r"has no resume\.pt, so this training cannot go on"):
        train(SMALL, tmp_path / "run", go_on=True)


def test_a_device_that_is_not_here_is_refused() -> None:
    with pytest.raises(ValueError, match=r"The device 'abacus' is not on this machine\. Choose one of: auto, "):
        loop.choose_device("abacus")
    assert loop.choose_device("cpu").type == "cpu"


def test_the_localisation_network_has_its_share_of_the_rate() -> None:
    training = loop.Training(SMALL, torch.device("cpu"))
    training.advance()
    rest, localisation = training.optimizer.param_groups
    assert localisation["lr"] == pytest.approx(1.0 * rest["lr"])
    assert {id(p) for p in localisation["params"]} == {id(p) for p in training.model.transformer.parameters()}
    assert len(loop.Training(Settings(network="fcn"), torch.device("cpu")).optimizer.param_groups) == 1
