"""Checkpoints replayed into a run: what the trace holds is what the author's own code gives, and one bad file is one
sentence."""

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from others import Three, Tutorial, as_stored, save_epochs, wandering
from torch import nn
from torch.nn import functional as F

from stn_viz.foreign import Choices, ForeignError
from stn_viz.foreign.importing import import_run, recognise
from stn_viz.foreign.network import network_of
from stn_viz.foreign.preview import preview
from stn_viz.foreign.probes import make_probes
from stn_viz.runs import RunError, open_run
from stn_viz.runs.trust import trust

CHOICES = Choices(size=(28, 28), mean=(0.1307,), std=(0.3081,))


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STN_VIZ_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def states() -> list[dict[str, Any]]:
    return wandering(Tutorial(), 4)


@pytest.fixture(scope="module")
def folder(states: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_epochs(tmp_path_factory.mktemp("tutorial"), states, val_acc=97.5)


@pytest.fixture(scope="module")
def images() -> Any:
    return make_probes(size=(28, 28), channels=1, choices=CHOICES)


def imported(recognised: Any, out: Path, images: Any, choices: Choices = CHOICES, **options: Any) -> Any:
    return open_run(import_run(recognised, out, choices=choices, probes=images, **options))


def test_a_transformer_found_by_shapes_gives_the_authors_own_theta(
    folder: Path, states: list[dict[str, Any]], images: Any, tmp_path: Path
) -> None:
    recognised = recognise([folder])
    run = imported(recognised, tmp_path / "run", images, transformer=recognised.transformers[0])
    U = torch.from_numpy(images.U)
    assert run.steps.tolist() == [0, 1, 2, 3]
    for record, state in enumerate(states):
        own = as_stored(Tutorial(), state).theta(U).detach().flatten(1).numpy()
        np.testing.assert_allclose(run.theta(0)[record], own, atol=1e-5)
    assert run.info.counter == "epoch"
    assert run.info.status == "finished"
    assert run.info.source == "imported from 4 files"
    assert run.info.preparation == {"mean": (0.1307,), "std": (0.3081,), "channel_order": "rgb", "value_range": 1}
    assert run.probabilities is None
    assert run.info.classes == ()  # nobody answers: no bars
    assert run.probes.labels.tolist() == images.labels.tolist()
    np.testing.assert_allclose(run.loss, [2, 1, 2 / 3, 0.5], rtol=1e-6)
    np.testing.assert_allclose(run.error, 0.025, rtol=1e-5)
    V = network_of(run, 3)(U)
    theta = as_stored(Tutorial(), states[3]).theta(U)
    expected = F.grid_sample(U, F.affine_grid(theta, U.shape, align_corners=False), align_corners=False)
    torch.testing.assert_close(V, expected, atol=1e-5, rtol=1e-5)
    assert run.problems == ()


def test_a_whole_network_answers_with_its_classifier(
    folder: Path, states: list[dict[str, Any]], images: Any, tmp_path: Path
) -> None:
    run = imported(recognise([folder], model=Tutorial()), tmp_path / "run", images)
    U = torch.from_numpy(images.U)
    for record, state in enumerate(states):
        net = as_stored(Tutorial(), state)
        log_probabilities = net(U).detach()
        np.testing.assert_allclose(run.theta(0)[record], net.theta(U).detach().flatten(1).numpy(), atol=1e-5)
        np.testing.assert_allclose(run.probabilities[record], log_probabilities.exp().numpy(), atol=2e-3)
        losses = F.nll_loss(log_probabilities, torch.from_numpy(images.labels), reduction="none")
        np.testing.assert_allclose(run.probe_loss[record], losses.numpy(), atol=1e-4)
    assert run.info.classes == tuple("0123456789")
    assert run.info.network["name"] == "program"
    torch.testing.assert_close(network_of(run, 2)(U), as_stored(Tutorial(), states[2])(U), atol=1e-4, rtol=1e-4)


def test_transformers_that_read_one_image_are_sites_side_by_side(tmp_path: Path) -> None:
    states = wandering(Three(), 3)
    save_epochs(tmp_path / "three", states)
    recognised = recognise([tmp_path / "three"], size=(20, 30))
    assert [one.name for one in recognised.transformers] == ["stn1", "stn2", "stn3"]
    choices = recognised.transformers[0].choices
    images = make_probes(size=(20, 30), channels=3, choices=choices)
    run = imported(recognised, tmp_path / "run", images, choices)
    assert [site.name for site in run.sites] == ["stn1", "stn2", "stn3"]
    U = torch.from_numpy(images.U)
    for record, state in enumerate(states):
        for site, theta in enumerate(as_stored(Three(), state).thetas(U)):
            np.testing.assert_allclose(run.theta(site)[record], theta.detach().numpy(), atol=1e-5)
    V = network_of(run, 2)(U)
    assert [tuple(one.shape) for one in V] == [(16, 3, 20, 30)] * 3
    one = imported(recognised, tmp_path / "one", images, choices, transformer=recognised.transformers[1])
    np.testing.assert_allclose(one.theta(0), run.theta(1), atol=1e-6)


def test_what_is_wrong_with_one_file_is_a_sentence_and_the_rest_goes_on(
    states: list[dict[str, Any]], images: Any, tmp_path: Path
) -> None:
    folder = save_epochs(tmp_path / "files", states[:2])
    bad = {name: tensor.clone() for name, tensor in states[2].items()}
    bad["fc_loc.2.weight"][3, 4] = float("nan")
    bad["conv1.bias"][0] = float("inf")  # of the classifier: not the transformer's matter
    torch.save({"epoch": 2, "state_dict": bad}, folder / "net_2.pth")
    huge = {name: tensor.clone() for name, tensor in states[2].items()}
    huge["fc_loc.2.weight"][:] = 3e38  # finite, but what it gives is not
    torch.save({"epoch": 3, "state_dict": huge}, folder / "net_3.pth")
    torch.save({"epoch": 4, "state_dict": states[3]}, folder / "net_4.pth")
    torch.save(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 3)).state_dict(), folder / "plain.pth")
    save_epochs(tmp_path / "other", wandering(Three(), 1))
    os.rename(tmp_path / "other" / "net_0.pth", folder / "three.pth")
    (folder / "page.pth").write_bytes(b"<!DOCTYPE html><html>")
    torch.save(states[0], tmp_path / "elsewhere.pth")
    (folder / "link.pth").symlink_to(tmp_path / "elsewhere.pth")
    recognised = recognise([folder])
    problems = {path.name: sentence for path, sentence in recognised.problems}
    assert set(problems) == {"plain.pth", "three.pth", "page.pth", "link.pth"}
    assert "link" in problems["link.pth"].removeprefix("link.pth")
    assert "no transformer in plain.pth" in problems["plain.pth"]
    assert "three.pth is of another network than the 5 files that are imported" in problems["three.pth"]
    told: dict[str, str] = {}
    run = imported(
        recognised, tmp_path / "run", images, problem=lambda path, sentence: told.update({path.name: sentence})
    )
    assert run.steps.tolist() == [0, 1, 4]
    assert run.snapshots == (0, 1, 4)
    assert run.problems == ()
    assert run.info.status == "finished"
    assert told["net_2.pth"].startswith("net_2.pth: fc_loc.2.weight holds nan or inf")
    assert "the grid that it samples is not finite" in told["net_3.pth"]
    assert set(told.values()) <= set(run.info.notes)
    assert np.isnan(run.loss).all()  # two of three tell one
    assert "Only 2 of 3 files tell a loss, so none is shown." in run.info.notes


def changed(state: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**{name: tensor for name, tensor in state.items() if name not in changes}} | {
        name: tensor for name, tensor in changes.items() if tensor is not None
    }


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"fc1.bias": None}, "fc1.bias is missing."),
        ({"fc1.bias": None, "fc2.bias": None}, "fc1.bias and 1 more are missing."),
        ({"extra.weight": torch.zeros(2)}, "extra.weight is left over."),
        ({"fc1.bias": torch.zeros(7)}, r"fc1.bias has another shape \(7, the network has 50\)."),
    ],
)
def test_a_file_that_does_not_fit_the_factorys_network(
    changes: dict[str, Any], sentence: str, states: list[dict[str, Any]], tmp_path: Path
) -> None:
    torch.save(changed(states[0], **changes), tmp_path / "a.pth")
    ((path, problem),) = recognise([tmp_path / "a.pth"], model=Tutorial()).problems
    assert path.name == "a.pth"
    with pytest.raises(ForeignError, match=f"a.pth does not fit the network: {sentence}"):
        raise ForeignError(problem)


def test_of_several_state_dicts_the_one_that_fits_is_taken(states: list[dict[str, Any]], tmp_path: Path) -> None:
    torch.save({"critic": nn.Linear(3, 300).state_dict(), "net": states[1]}, tmp_path / "a.pth")
    assert recognise([tmp_path / "a.pth"], model=Tutorial()).problems == ()
    # "module." is a wrapper's, but "net." may be the network's own: both fit
    wrapped = {f"module.net.{name}": tensor for name, tensor in states[1].items()}
    torch.save(wrapped, tmp_path / "b.pth")

    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = Tutorial()

    for network in (Tutorial(), Holder()):
        assert recognise([tmp_path / "b.pth"], model=network).problems == ()


def test_half_precision_is_computed_in_float32_and_said(
    states: list[dict[str, Any]], images: Any, tmp_path: Path
) -> None:
    torch.save({name: tensor.half() for name, tensor in states[1].items()}, tmp_path / "half.pth")
    U = torch.from_numpy(images.U)
    own = as_stored(Tutorial(), states[1]).theta(U).detach().flatten(1).numpy()
    for number, model in enumerate((None, Tutorial().half())):
        recognised = recognise([tmp_path / "half.pth"], model=model)
        run = imported(recognised, tmp_path / f"run{number}", images)
        np.testing.assert_allclose(run.theta(0)[0], own, atol=1e-5)
        assert any("half" in note.lower() or "float16" in note for note in run.info.notes), run.info.notes


def test_no_transformer_is_said_with_what_the_file_contains(images: Any, tmp_path: Path) -> None:
    plain = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 3))
    torch.save(plain.state_dict(), tmp_path / "plain.pth")
    recognised = recognise([tmp_path / "plain.pth"])
    assert recognised.checkpoints == ()
    assert recognised.tree is not None
    assert "2 × 1 × 3 × 3" in recognised.tree
    with pytest.raises(ForeignError, match="There is nothing to import"):
        imported(recognised, tmp_path / "run", images)
    with pytest.raises(ForeignError, match="samples no grid"):
        imported(recognise([tmp_path / "plain.pth"], model=plain), tmp_path / "run", images.U[:, :, :4, :4])
    with pytest.raises(ForeignError, match="cannot read images of 1 x 28 x 28"):
        imported(recognise([tmp_path / "plain.pth"], model=plain), tmp_path / "run", images)
    assert not (tmp_path / "run").exists()
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ForeignError, match="There is no checkpoint in"):
        recognise([tmp_path / "nothing"])


def test_only_the_last_files_tensors_are_held(folder: Path, states: list[dict[str, Any]]) -> None:
    recognised = recognise([folder])
    *others, last = recognised.checkpoints
    assert all(tensor.is_meta for one in others for tensor in one.weights[0].tensors.values())
    torch.testing.assert_close(dict(last.weights[0].tensors), states[3])


def test_an_import_that_is_stopped_leaves_a_run_that_opens(folder: Path, images: Any, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    recognised = recognise([folder])
    run = imported(
        recognised,
        tmp_path / "run",
        images,
        progress=lambda done, total: seen.append((done, total)),
        cancelled=lambda: len(seen) == 2,
    )
    assert seen == [(0, 4), (1, 4)]
    assert (run.info.status, run.steps.tolist()) == ("stopped", [0, 1])
    with pytest.raises(ForeignError, match="stopped before the first file"):
        imported(recognised, tmp_path / "none", images, cancelled=lambda: True)
    assert not (tmp_path / "none").exists()


def failing_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk takes `count` files, and then no more."""
    taken = []
    real = getattr(os.replace, "real", os.replace)

    def replace(source: Any, target: Any) -> None:
        if str(target).endswith((".npz", ".safetensors", ".json")) and "trusted" not in str(target):
            taken.append(target)
            if len(taken) > count:
                raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target)

    replace.real = real  # type: ignore[attr-defined]
    monkeypatch.setattr(os, "replace", replace)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_full_disk_is_one_sentence_and_nothing_is_lost(
    count: int, folder: Path, images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recognised = recognise([folder])
    imported(recognised, tmp_path / "run", images, Choices(size=(28, 28)))
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    failing_after(count, monkeypatch)
    with pytest.raises(RunError, match=r"could not be written in .* \(No space left on device\)") as full:
        imported(recognised, tmp_path / "fresh", images)
    assert "--resume" not in str(full.value)
    assert not (tmp_path / "fresh").exists()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "notes.txt").write_text("their own")
    failing_after(count, monkeypatch)
    with pytest.raises(RunError, match="No space left"):
        imported(recognised, tmp_path / "theirs", images)
    assert [path.name for path in (tmp_path / "theirs").iterdir()] == ["notes.txt"]
    failing_after(0, monkeypatch)
    with pytest.raises(RunError, match="No space left"):
        imported(recognised, tmp_path / "run", images, overwrite=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_run_is_replaced_only_on_demand(folder: Path, images: Any, tmp_path: Path) -> None:
    recognised = recognise([folder])
    imported(recognised, tmp_path / "run", images)
    (tmp_path / "run" / "left.txt").write_text("of the earlier run")
    with pytest.raises(RunError, match="already holds a run"):
        imported(recognised, tmp_path / "run", images)
    run = imported(recognise([folder / "net_2.pth"]), tmp_path / "run", images, overwrite=True, name="again")
    assert (run.steps.tolist(), run.info.name) == ([2], "again")
    assert not (tmp_path / "run" / "left.txt").exists()


def test_a_classifier_of_other_classes_is_not_told_what_our_digits_are(images: Any, tmp_path: Path) -> None:
    net = Small(classes=4)
    (state,) = wandering(net, 1)
    torch.save(state, tmp_path / "a.pth")
    run = imported(recognise([tmp_path / "a.pth"], model=net), tmp_path / "run", images)
    assert run.probabilities.shape == (1, 32, 4)
    assert run.info.classes == ()
    assert (run.probes.labels == -1).all()


class Small(nn.Module):
    """A network that is exported in no time."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.loc = nn.Linear(28 * 28, 6)
        self.fc = nn.Linear(28 * 28, classes)

    def theta(self, U: torch.Tensor) -> torch.Tensor:
        return self.loc(U.flatten(1)).view(-1, 2, 3)

    def forward(self, U: torch.Tensor) -> torch.Tensor:
        grid = F.affine_grid(self.theta(U), [U.shape[0], 1, 28, 28], align_corners=False)
        return self.fc(F.grid_sample(U, grid, align_corners=False).flatten(1))


def exported(path: Path, batch: int, *, free: bool = False, seed: int = 0) -> nn.Module:
    net = Small()
    (state,) = wandering(net, 1, seed=seed)
    net.load_state_dict(state)
    shapes = ({0: torch.export.Dim("batch", min=1)},) if free else None
    program = torch.export.export(net.eval(), (torch.zeros(batch, 1, 28, 28),), dynamic_shapes=shapes)
    torch.export.save(program, str(path))
    return as_stored(net, state)


def say_yes(path: Path) -> None:
    trust(hashlib.sha256(path.read_bytes()).hexdigest(), path.name)


def never(*args: Any, **kwargs: Any) -> Any:
    pytest.fail("a file that nobody said yes to was loaded")


@pytest.mark.parametrize(("batch", "free"), [(2, True), (1, False), (5, False)])
def test_a_program_waits_for_a_yes_and_then_gives_the_whole_network(
    batch: int, free: bool, images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exported for any number of images; for one, which is torch's default; for five, which 32 are no multiple of."""
    path = tmp_path / "net.pt2"
    net = exported(path, batch, free=free)
    with monkeypatch.context() as patched:
        for module in (torch.export, torch.jit, torch):
            patched.setattr(module, "load", never)
        recognised = recognise([path])
        assert recognised.checkpoints == ()
        ((waiting, error),) = recognised.waiting
        assert (waiting, error.digest) == (path, hashlib.sha256(path.read_bytes()).hexdigest())
    say_yes(path)
    recognised = recognise([path])
    assert (recognised.model_name, recognised.waiting) == ("net.pt2", ())
    run = imported(recognised, tmp_path / "run", images)
    U = torch.from_numpy(images.U)
    np.testing.assert_allclose(run.theta(0)[0], net.theta(U).detach().flatten(1).numpy(), atol=1e-5)
    np.testing.assert_allclose(run.probabilities[0], net(U).softmax(1).detach().numpy(), atol=2e-3)
    assert [site.family for site in run.sites] == ["affine"]
    if batch == 5:
        assert run.info.network is None
        assert any("only batches of 5 images" in note for note in run.info.notes)
    else:
        assert (run.path / "network.pt2").read_bytes() == path.read_bytes()
        torch.testing.assert_close(network_of(run, 0)(U[:1]), net(U[:1]), atol=1e-4, rtol=1e-4)


def test_a_program_for_single_images_that_starts_at_the_identity_is_known_as_affine(
    images: Any, tmp_path: Path
) -> None:
    net = Small().eval()
    net.loc.weight.data.zero_()
    net.loc.bias.data = torch.tensor([1.0, 0, 0, 0, 1, 0])
    path = tmp_path / "net.pt2"
    torch.export.save(torch.export.export(net, (torch.zeros(1, 1, 28, 28),)), str(path))
    say_yes(path)
    run = imported(recognise([path]), tmp_path / "run", images)
    assert run.sites[0].family == "affine"  # by affine_grid's own theta: the grid alone would do as a translation
    np.testing.assert_array_equal(run.theta(0)[0], [[1, 0, 0, 0, 1, 0]] * 32)


def test_programs_and_checkpoints_of_one_network_are_one_training(images: Any, tmp_path: Path) -> None:
    nets = [exported(tmp_path / f"epoch_{epoch}.pt2", 2, free=True, seed=epoch) for epoch in range(2)]
    (state,) = wandering(Small(), 1, seed=7)
    torch.save(state, tmp_path / "epoch_2.pth")
    for path in tmp_path.glob("*.pt2"):
        say_yes(path)
    recognised = recognise([tmp_path])
    assert recognised.numbers == (0, 1, 2)
    run = imported(recognised, tmp_path / "run", images)
    U = torch.from_numpy(images.U)
    for record, net in enumerate([*nets, as_stored(Small(), state)]):
        np.testing.assert_allclose(run.theta(0)[record], net.theta(U).detach().flatten(1).numpy(), atol=1e-5)


def test_the_preview_shows_the_first_probe_through_the_last_checkpoint(
    folder: Path, states: list[dict[str, Any]], images: Any
) -> None:
    U = torch.from_numpy(images.U[:1])
    net = Tutorial().eval()
    net.load_state_dict(states[3])
    theta = net.theta(U).detach()
    recognised = recognise([folder])
    (transformer,) = recognised.transformers
    for align_corners, padding in ((False, "zeros"), (True, "border")):
        choices = Choices(size=(28, 28), align_corners=align_corners, padding=padding)  # type: ignore[arg-type]
        seen = preview(recognised, transformer, choices, images)
        grid = F.affine_grid(theta, U.shape, align_corners=align_corners)
        V = F.grid_sample(U, grid, padding_mode=padding, align_corners=align_corners)
        np.testing.assert_allclose(seen.theta, theta.flatten().numpy(), atol=1e-5)
        np.testing.assert_allclose(seen.grid, grid[0].numpy(), atol=1e-5)
        np.testing.assert_allclose(seen.V, V[0].numpy(), atol=1e-4)
        np.testing.assert_array_equal(seen.U, images.U[0])
        assert seen.family == "affine"
    whole = preview(recognise([folder], model=Tutorial()), None, CHOICES, images)
    np.testing.assert_allclose(whole.theta, theta.flatten().numpy(), atol=1e-5)
    with pytest.raises(ForeignError, match="9 x 9 does not go through the transformer"):
        preview(recognised, transformer, Choices(size=(9, 9)), make_probes(size=(9, 9), channels=1))
    with pytest.raises(ForeignError, match="Give the whole network"):
        preview(recognised, None, CHOICES, images)


def test_other_readings_are_previewed_in_their_own_family(tmp_path: Path, images: Any) -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 5), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 24 * 24, 2))
    net[3].weight.data.zero_()
    net[3].bias.data = torch.tensor([0.25, -0.5])
    torch.save({f"stn.{name}": tensor for name, tensor in net.state_dict().items()}, tmp_path / "a.pth")
    recognised = recognise([tmp_path / "a.pth"], size=(28, 28))
    (transformer,) = recognised.transformers
    seen = preview(recognised, transformer, Choices(size=(28, 28), reading="translation"), images)
    assert seen.family == "translation"
    np.testing.assert_allclose(seen.theta, [0.25, -0.5], atol=1e-5)


def test_a_folder_is_looked_through_with_progress_until_it_is_stopped(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    recognise([folder], progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    stop: Callable[[], bool] = iter([False, True, True]).__next__
    assert len(recognise([folder], cancelled=stop).checkpoints) == 1
