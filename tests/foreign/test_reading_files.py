"""What people save, and what is read of it: torch's own weights_only reader, or the network itself, is the oracle."""

import argparse
import collections
import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import safetensors.torch
import torch
from making_files import (
    TutorialNet,
    a_pickle,
    op_dict,
    op_tensor,
    safetensors_file,
    save,
    small_weights,
    tutorial_net,
    with_pickle,
    write_zip,
    zip_parts,
)
from torch import nn

from stn_viz.foreign import CodeError, ForeignError, checkpoint_files, describe, digest, read_checkpoint

NET = tutorial_net()
STATE = NET.state_dict()
IMAGES = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(2))


def an_optimiser() -> torch.optim.Optimizer:
    net = tutorial_net()
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    net(IMAGES).sum().backward()
    optimiser.step()
    return optimiser


WAYS: dict[str, Any] = {
    "plain": STATE,
    "module": {f"module.{key}": tensor for key, tensor in STATE.items()},
    "compiled": {f"_orig_mod.{key}": tensor for key, tensor in STATE.items()},
    "training": {"epoch": 7, "state_dict": STATE, "optimizer": an_optimiser().state_dict(), "best_acc": 0.97},
    "model": {"model": STATE},
    "own key": {"net_state_dict": STATE},
    "numpy number": {"weights": STATE, "accuracy": np.float64(0.97), "loss": np.float32(0.5)},
    "namespace": {"weights": STATE, "args": argparse.Namespace(lr=0.01, epochs=90, name="stn")},
    "half": {key: tensor.half() for key, tensor in STATE.items()},
    "bfloat16": {key: tensor.bfloat16() for key, tensor in STATE.items()},
    "whole model": NET,
}


@pytest.mark.parametrize("older", [False, True], ids=["zip", "older"])
@pytest.mark.parametrize("way", WAYS)
def test_one_net_saved_in_many_ways_gives_the_same_theta(tmp_path, way, older):  # CASES 13
    checkpoint = read_checkpoint(save(WAYS[way], tmp_path / "net.pt", older=older))
    again = TutorialNet()
    again.load_state_dict({key: tensor.float() for key, tensor in checkpoint.weights[0].tensors.items()})
    tolerance = 1e-2 if way in ("half", "bfloat16") else 0
    torch.testing.assert_close(again(IMAGES), NET(IMAGES), rtol=0, atol=tolerance)
    assert len(checkpoint.weights) == 1
    assert checkpoint.kind == ("PyTorch checkpoint of the older format" if older else "PyTorch checkpoint")


@pytest.mark.parametrize(
    ("way", "note"),
    [
        ("module", "Taken off the front of every name: module."),
        ("compiled", "Taken off the front of every name: _orig_mod."),
        ("training", "Left aside: optimizer."),
        ("namespace", "Empty stand-ins for argparse.Namespace: nothing of them was run."),
        ("half", "Stored in half precision (float16)."),
        ("bfloat16", "Stored in half precision (bfloat16)."),
        (
            "whole model",
            "A whole model of the class making_files.TutorialNet: its weights are read, its code is not run.",
        ),
    ],
)
def test_what_was_stripped_and_stood_in_for_is_told(tmp_path, way, note):
    assert read_checkpoint(save(WAYS[way], tmp_path / "net.pt")).notes == (note,)


def test_plain_numbers_beside_the_weights_are_told(tmp_path):
    numbers = read_checkpoint(save(WAYS["numpy number"], tmp_path / "net.pt"))
    assert dict(numbers.facts) == {"accuracy": 0.97, "loss": 0.5}
    space = read_checkpoint(save(WAYS["namespace"], tmp_path / "net.pt"))
    assert dict(space.facts) == {"args.lr": 0.01, "args.epochs": 90, "args.name": "stn"}
    assert (space.counter, space.at) == (None, None)  # the epochs that were planned are not where it stands
    told = read_checkpoint(
        save({"model": STATE, "acc": torch.tensor(0.5), "step": torch.tensor(30)}, tmp_path / "net.pt")
    )
    assert (dict(told.facts), told.counter, told.at) == ({"acc": 0.5, "step": 30}, "step", 30)


TYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8]
TYPES += [torch.uint8, torch.bool, torch.complex64, torch.uint16, torch.uint32, torch.float8_e5m2, torch.float8_e4m3fn]


@pytest.mark.parametrize("older", [False, True], ids=["zip", "older"])
@pytest.mark.parametrize("protocol", [2, 3])
def test_tensors_are_those_of_torchs_own_reader(tmp_path, older, protocol):
    numbers = torch.randn(6, 4, generator=torch.Generator().manual_seed(3)) * 50
    kept = {
        f"{str(dtype)[6:]}.weight": numbers.abs().to(dtype) for dtype in TYPES if not (older and dtype.itemsize < 0)
    }
    if older:  # types that came after the older format are not saved in it
        kept = {key: tensor for key, tensor in kept.items() if not key.startswith(("uint16", "uint32", "float8"))}
    kept |= {"turned.weight": numbers.T, "part.weight": numbers[1:3, 1:], "tied.weight": kept["float32.weight"]}
    kept |= {"number.bias": torch.tensor(3.5), "empty.weight": torch.empty(0, 3), "p.weight": nn.Parameter(numbers)}
    path = save(kept, tmp_path / "types.pt", older=older, protocol=protocol)
    with pytest.warns(UserWarning, match="pickle protocol 3") if protocol == 3 else _nothing():
        expected = torch.load(path, weights_only=True)
    tensors = read_checkpoint(path).weights[0].tensors
    assert list(tensors) == list(expected)
    for key, tensor in tensors.items():
        assert tensor.dtype == expected[key].dtype
        assert tensor.is_contiguous()
        bits = (
            (tensor.view(torch.uint8), expected[key].data.contiguous().view(torch.uint8))
            if tensor.dim()
            else (tensor, expected[key])
        )
        assert torch.equal(*bits), key


class _nothing:  # noqa: N801
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


@pytest.mark.parametrize("protocol", [4, 5])
def test_protocols_that_torchs_own_reader_refuses_are_read(tmp_path, protocol):
    path = save({"state_dict": STATE, "epoch": 3}, tmp_path / "net.pt", protocol=protocol)
    for key, tensor in read_checkpoint(path).weights[0].tensors.items():
        assert torch.equal(tensor, STATE[key])


class Watched(nn.Module):
    """A model that would tell if anything of its class were run."""

    ran: ClassVar[list[str]] = []

    def __init__(self) -> None:
        super().__init__()
        self.stn = tutorial_net()
        self.head = nn.ModuleList([nn.Linear(4, 3), nn.BatchNorm1d(3)])
        self.register_buffer("mean", torch.tensor([0.1307]))
        self.register_buffer("passing", torch.zeros(2), persistent=False)
        self.notes = {"deep": [argparse.Namespace(a=1)]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Watched.ran.append("__setstate__")
        super().__setstate__(state)


@pytest.mark.parametrize("older", [False, True], ids=["zip", "older"])
@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickled_model_is_read_and_nothing_of_it_run(tmp_path, older, protocol):
    model = Watched()
    path = save(nn.DataParallel(model), tmp_path / "model.pth", older=older, protocol=protocol)
    checkpoint = read_checkpoint(path)
    assert checkpoint.weights[0].prefix == "module."
    expected = model.state_dict()
    assert list(checkpoint.weights[0].tensors) == list(expected)
    assert all(torch.equal(tensor, expected[key]) for key, tensor in checkpoint.weights[0].tensors.items())
    assert Watched.ran == []
    inside = read_checkpoint(save({"epoch": 4, "net": model}, path, older=older, protocol=protocol))
    assert (inside.weights[0].place, inside.counter, inside.at) == ("net", "epoch", 4)


def test_several_state_dicts_are_all_given_the_likeliest_first(tmp_path):
    ema = {key: tensor + 1 for key, tensor in STATE.items()}
    other = {"conv.weight": torch.zeros(2, 1, 3, 3)}
    content = {"ema": ema, "generator": other, "nets": [STATE, {"history": torch.zeros(9)}], "losses": torch.zeros(9)}
    places = [weights.place for weights in read_checkpoint(save(content, tmp_path / "gan.pt")).weights]
    assert places == ["nets.0", "generator", "ema"]


def test_lightning(tmp_path):
    content = {
        "epoch": 3,
        "global_step": 1200,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": {f"model.net.{key}": tensor for key, tensor in STATE.items()},
        "loops": {"fit_loop": {"epoch_progress": {"current": {"ready": 4}}}},
        "callbacks": {"ModelCheckpoint{'monitor': 'loss'}": {"best_model_score": torch.tensor(0.1)}},
        "optimizer_states": [an_optimiser().state_dict()],
        "lr_schedulers": [],
        "hyper_parameters": {"lr": 0.01, "epochs": 50},
    }
    checkpoint = read_checkpoint(save(content, tmp_path / "last.ckpt"))
    assert [(weights.place, weights.prefix) for weights in checkpoint.weights] == [("state_dict", "model.net.")]
    assert list(checkpoint.weights[0].tensors) == list(STATE)
    assert (checkpoint.counter, checkpoint.at) == ("step", 1200)


def test_classes_of_dicts_and_lists_and_configurations_beside_the_weights(tmp_path):
    content = {
        "conv": collections.OrderedDict(small_weights()),
        "config": Config(lr=0.1, inner=Config(name="x")),
        "counts": collections.Counter("aab"),
        "per": collections.defaultdict(list, {"a": [1]}),
        "path": Path("runs") / "x",
        "set": {1, 2},
        "array": np.arange(3.0),
        "dtype": torch.float16,
        "device": torch.device("cpu"),
        "size": torch.Size([1, 2]),
        "type": Config,
    }
    checkpoint = read_checkpoint(save(content, tmp_path / "net.pt"))
    assert checkpoint.weights[0].place == "conv"
    assert checkpoint.facts["config.lr"] == 0.1
    assert checkpoint.facts["config.inner.name"] == "x"
    assert any("test_reading_files.Config" in note for note in checkpoint.notes)


class Config(dict[str, Any]):
    """As easydict and others do it: a dict that is an object too."""


def test_layers_in_dicts_of_dicts_are_one_network(tmp_path):
    nested = {"conv": {"w": torch.zeros(2, 1, 3, 3), "b": torch.zeros(2)}, "fc": {"w": torch.zeros(6, 2)}}
    weights = read_checkpoint(save({"params": nested}, tmp_path / "haiku.pt")).weights
    assert [(one.place, list(one.tensors)) for one in weights] == [("params", ["conv.w", "conv.b", "fc.w"])]


@pytest.mark.parametrize(
    ("names", "prefix", "left"),
    [
        (["module.module.a.weight", "module.module.a.bias"], "module.module.", ["a.weight", "a.bias"]),
        (["model._orig_mod.a.weight", "model._orig_mod.b.weight"], "model._orig_mod.", ["a.weight", "b.weight"]),
        (["net.model.a.weight"], "net.model.", ["a.weight"]),
        (["n_averaged", "module.a.weight"], "module.", ["n_averaged", "a.weight"]),
        (["model.a.weight", "head.weight"], "", ["model.a.weight", "head.weight"]),
        (["stn._orig_mod.0.weight", "fc.weight"], "", ["stn.0.weight", "fc.weight"]),
        (["model.weight", "weight"], "", ["model.weight", "weight"]),
    ],
)
def test_prefixes_are_taken_off_as_often_as_they_stand_before_every_name(tmp_path, names, prefix, left):
    content = {name: torch.ones(index + 1) for index, name in enumerate(names)}
    weights = read_checkpoint(save(content, tmp_path / "net.pt")).weights[0]
    assert (weights.prefix, list(weights.tensors)) == (prefix, left)
    assert [len(tensor) for tensor in weights.tensors.values()] == list(range(1, len(names) + 1))


def test_weights_saved_on_a_gpu_are_read_on_the_cpu(tmp_path):
    parts = zip_parts(save(STATE, tmp_path / "net.pt"))
    parts["net/data.pkl"] = parts["net/data.pkl"].replace(b"X\x03\0\0\0cpu", b"X\x06\0\0\0cuda:0")
    checkpoint = read_checkpoint(write_zip(tmp_path / "cuda.pt", parts))
    assert checkpoint.notes == ("Saved on a GPU; it is read on the CPU.",)
    assert all(torch.equal(tensor, STATE[key]) for key, tensor in checkpoint.weights[0].tensors.items())


def test_a_zip_without_check_sums_and_one_that_was_packed_again_are_read(tmp_path):
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        save(STATE, tmp_path / "net.pt")
    finally:
        torch.serialization.set_crc32_options(before)
    packed = write_zip(tmp_path / "packed.pt", zip_parts_unchecked(tmp_path / "net.pt"), packed=True)
    for path in (tmp_path / "net.pt", packed):
        assert all(torch.equal(tensor, STATE[key]) for key, tensor in read_checkpoint(path).weights[0].tensors.items())


def zip_parts_unchecked(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        parts = {}
        for info in archive.infolist():
            with archive.open(info) as part:
                part._expected_crc = None  # type: ignore[attr-defined]
                parts[info.filename] = part.read()
    return parts


def test_safetensors(tmp_path):
    tensors = {f"module.{key}": tensor.contiguous() for key, tensor in STATE.items()}
    tensors |= {"module.b.weight": torch.ones(2, 3, dtype=torch.bfloat16), "module.flag": torch.tensor([True, False])}
    path = tmp_path / "model-000800.safetensors"
    safetensors.torch.save_file(tensors, path, metadata={"epoch": "3", "format": "pt"})
    checkpoint = read_checkpoint(path)
    assert checkpoint.kind == "safetensors"
    expected = safetensors.torch.load_file(path)
    assert {f"module.{key}" for key in checkpoint.weights[0].tensors} == set(expected)
    for key, tensor in checkpoint.weights[0].tensors.items():
        assert torch.equal(tensor, expected[f"module.{key}"])
        assert tensor.dtype == expected[f"module.{key}"].dtype
    assert checkpoint.notes == (
        "Taken off the front of every name: module.",
        "Stored in half precision (bfloat16).",
    )
    assert (checkpoint.counter, checkpoint.at, checkpoint.facts["format"]) == ("epoch", 3, "pt")


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_shards_are_read_by_their_index(tmp_path, kind):
    keys = list(STATE)
    halves = {"model-00001-of-00002": keys[:3], "model-00002-of-00002": keys[3:]}
    places = {}
    for name, half in halves.items():
        part = {f"model.{key}": STATE[key] for key in half}
        places |= dict.fromkeys(part, f"{name}.{kind}")
        if kind == "bin":
            save(part, tmp_path / f"{name}.bin")
        else:
            safetensors.torch.save_file(part, tmp_path / f"{name}.safetensors")
    index = tmp_path / f"model.{kind}.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))
    checkpoint = read_checkpoint(index)
    assert checkpoint.kind == f"{'safetensors' if kind == 'safetensors' else 'PyTorch checkpoint'}, 2 shards"
    assert checkpoint.weights[0].prefix == "model."
    assert all(torch.equal(tensor, STATE[key]) for key, tensor in checkpoint.weights[0].tensors.items())
    assert set(checkpoint.weights[0].tensors) == set(STATE)
    assert checkpoint_files([tmp_path]) == [index]
    (tmp_path / f"model-00002-of-00002.{kind}").unlink()
    with pytest.raises(ForeignError, match=rf"names model-00002-of-00002\.{kind}, which is missing\. Take all 2 files"):
        read_checkpoint(index)


@pytest.mark.parametrize("packed", [False, True])
def test_numpy_archives(tmp_path, packed):
    arrays = {key: np.asfortranarray(tensor.numpy()) for key, tensor in STATE.items()}
    arrays |= {
        "scale.weight": np.arange(4.0, dtype=">f8"),
        "half.weight": np.ones(2, np.float16),
        "words": np.array(["a"]),
    }
    path = tmp_path / "step_12.npz"
    (np.savez_compressed if packed else np.savez)(path, **arrays)
    checkpoint = read_checkpoint(path)
    expected = np.load(path, allow_pickle=False)
    assert list(checkpoint.weights[0].tensors) == [key for key in expected.files if key != "words"]
    for key, tensor in checkpoint.weights[0].tensors.items():
        np.testing.assert_array_equal(tensor.numpy(), expected[key])
    assert (checkpoint.kind, checkpoint.counter, checkpoint.at) == ("numpy arrays (.npz)", "step", 12)


def test_state_dicts_of_numpy_arrays(tmp_path):
    for older in (False, True):
        for protocol in (2, 5):
            content = {key: tensor.numpy() for key, tensor in STATE.items()}
            path = save({"model": content}, tmp_path / "net.pt", older=older, protocol=protocol)
            for key, tensor in read_checkpoint(path).weights[0].tensors.items():
                assert torch.equal(tensor, STATE[key])


@pytest.mark.parametrize(
    ("content", "name", "counter", "at"),
    [
        ({"global_step": 900, "epoch": 3}, "a.pt", "step", 900),
        ({"global_step": 0, "epoch": 3}, "a.pt", "epoch", 3),
        ({"iteration": np.int64(40)}, "epoch_2.pt", "step", 40),
        ({"meta": {"epoch": 12, "iter": 1200}}, "a.pt", "step", 1200),
        ({"epoch": 12.0}, "a.pt", "epoch", 12),
        ({"epoch": -1}, "a.pt", None, None),
        ({"args": {"epochs": 90}, "config": {"step": 5}}, "a.pt", None, None),
        ({}, "ckpt_epoch_12.pt", "epoch", 12),
        ({}, "model-000800.pth", "step", 800),
        ({}, "epoch=3-step=1200.ckpt", "step", 1200),
        ({}, "stn_ep7_acc0.97.pth.tar", "epoch", 7),
        ({}, "model_e12.pt", "epoch", 12),
        ({}, "global_step1000.pt", "step", 1000),
        ({}, "iter_0040000.pth", "step", 40000),
        ({}, "resnet18_best.pt", None, None),
        ({}, "vit16.pt", None, None),
        ({}, "acc_0.97.pt", None, None),
        ({}, "2024-01-05.pt", None, None),
        ({}, "stn_28x28.pt", None, None),
        ({}, "checkpoint-500/pytorch_model.bin", "step", 500),
        ({}, "epoch_4/model.pt", "epoch", 4),
    ],
)
def test_where_in_the_training_is_told_by_the_file_else_by_its_name(tmp_path, content, name, counter, at):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    checkpoint = read_checkpoint(save({"state_dict": small_weights(), **content}, path))
    assert (checkpoint.counter, checkpoint.at) == (counter, at)


def test_weights_that_are_not_finite_are_noted_by_the_first_bad_name(tmp_path):
    weights = small_weights()
    weights["fc.weight"][1, 2] = torch.nan
    notes = read_checkpoint(save({"state_dict": weights}, tmp_path / "net.pt")).notes
    assert notes == ("fc.weight in state_dict holds nan: the training had diverged when it was saved.",)
    weights["conv.bias"][0] = torch.inf
    notes = read_checkpoint(save(weights, tmp_path / "net.pt")).notes
    assert notes == ("conv.bias holds inf: the training had diverged when it was saved.",)
    full = {"a.weight": torch.full((9,), 60000.0, dtype=torch.float16)}  # its sum in half precision would be inf
    assert len(read_checkpoint(save(full, tmp_path / "net.pt")).notes) == 1


def test_tensors_of_kinds_that_are_not_read_are_told_and_the_rest_is_read(tmp_path):
    content = {**small_weights(), "far.weight": torch.empty(2, 3, device="meta")}
    checkpoint = read_checkpoint(save(content, tmp_path / "net.pt"))
    assert list(checkpoint.weights[0].tensors) == list(small_weights())
    assert checkpoint.notes == ("far.weight is a tensor without numbers (meta), which is not read.",)


@pytest.mark.filterwarnings("ignore")
def test_programs_are_code_and_wait_for_a_yes(tmp_path):
    path = tmp_path / "net.pt"
    torch.jit.save(torch.jit.trace(nn.Linear(2, 3), torch.zeros(1, 2)), path)
    with pytest.raises(
        CodeError, match=r"^net\.pt is a TorchScript program: opening it runs what its author wrote"
    ) as told:
        read_checkpoint(path)
    assert told.value.digest == hashlib.sha256(path.read_bytes()).hexdigest() == digest(path)
    torch.export.save(torch.export.export(nn.Linear(2, 3), (torch.zeros(1, 2),)), tmp_path / "net.pt2")
    with pytest.raises(CodeError, match=r"^net\.pt2 is a program of torch\.export: ") as told:
        read_checkpoint(tmp_path / "net.pt2")
    assert told.value.digest == digest(tmp_path / "net.pt2")


def test_the_tree_of_names_and_shapes_is_short(tmp_path):
    text = describe(read_checkpoint(save({"epoch": 3, "state_dict": STATE}, tmp_path / "net.pt")))
    assert text.splitlines()[:5] == [
        "state_dict: 8 tensors, 5,520 numbers",
        "  localization",
        "    0",
        "      weight  8 × 1 × 7 × 7  float32",
        "      bias  8  float32",
    ]
    assert text.splitlines()[-1] == "beside them: epoch 3"
    many = {f"{'layer' * 50}.{index}.weight": torch.zeros(1) for index in range(3000)}
    text = describe(read_checkpoint(save(many, tmp_path / "net.pt")))
    assert len(text.splitlines()) <= 60
    assert max(map(len, text.splitlines())) <= 110
    assert "... (3,000 tensors in all)" in text


def test_files_of_folders_are_listed_once_and_by_name(tmp_path):
    for name in (
        "b/net_2.pt",
        "b/net_1.pth",
        "a.ckpt",
        "notes.txt",
        ".hidden/x.pt",
        "x.npz",
        "config.json",
        "b/optimizer.pt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    listed = checkpoint_files([tmp_path / "notes.txt", tmp_path, tmp_path / "a.ckpt"])
    names = [str(path.relative_to(tmp_path)) for path in listed]
    assert names == ["notes.txt", "a.ckpt", "x.npz", "b/net_1.pth", "b/net_2.pt"]


def test_a_link_is_read_only_where_it_stays_in_the_folder(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir(), outside.mkdir()
    save(STATE, outside / "net.pt")
    save(STATE, inside / "net.pt")
    (inside / "good.pt").symlink_to(inside / "net.pt")
    (inside / "bad.pt").symlink_to(outside / "net.pt")
    assert read_checkpoint(inside / "good.pt", root=inside).weights
    assert read_checkpoint(inside / "bad.pt").weights
    with pytest.raises(ForeignError, match=r"^bad\.pt is a link that leads out of the folder in\. Put a copy"):
        read_checkpoint(inside / "bad.pt", root=inside)


def test_a_file_of_another_kind_is_read_as_what_it_is(tmp_path):
    safetensors.torch.save_file(small_weights(), tmp_path / "net.pt")
    checkpoint = read_checkpoint(tmp_path / "net.pt")
    assert checkpoint.notes == ("Named .pt, but it is of another kind and was read as that: safetensors.",)
    with (tmp_path / "arrays.pth").open("wb") as file:
        np.savez(file, **{"a.weight": np.ones(2)})
    assert read_checkpoint(tmp_path / "arrays.pth").notes[0].endswith("read as that: numpy arrays (.npz).")


def test_the_first_pictures_need_no_torch():
    code = "import sys, stn_viz.foreign.files.reading as r; r.checkpoint_files([]); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_tensor_made_by_hand_is_the_one_that_torch_reads(tmp_path):  # so that the broken ones are broken as meant
    content = a_pickle(op_dict({"a.weight": op_tensor((2, 2), (2, 1))}))
    path = with_pickle(tmp_path / "hand.pt", content, {"0": np.arange(4, dtype=np.float32).tobytes()})
    assert torch.equal(torch.load(path, weights_only=True)["a.weight"], torch.tensor([[0.0, 1.0], [2.0, 3.0]]))
    assert torch.equal(read_checkpoint(path).weights[0].tensors["a.weight"], torch.tensor([[0.0, 1.0], [2.0, 3.0]]))
    file = safetensors_file(
        tmp_path / "hand.safetensors", b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', bytes(4)
    )
    assert torch.equal(safetensors.torch.load_file(file)["a"], read_checkpoint(file).weights[0].tensors["a"])
