"""Two thousand mutated checkpoints, and pickles that would write a file if anything of them were run."""

import functools
import io
import pickle
import random
import resource
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from making_files import (
    a_call,
    a_pickle,
    older_around,
    op_dict,
    op_tensor,
    op_text,
    save,
    small_weights,
    tutorial_net,
    with_pickle,
    write_zip,
    zip_parts,
)

from stn_viz.foreign import Checkpoint, ForeignError, checkpoint_files, describe, read_checkpoint

EDGES = [0, 1, 0x7F, 0xFF, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63 - 1, 2**64 - 1]


@functools.cache
def seeds(folder: Path) -> dict[str, bytes]:
    """A small file of each kind."""
    training = {"epoch": 3, "model": small_weights(), "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}}
    training |= {"loss": np.float64(0.5), "tied": small_weights()["fc.weight"].T}
    made: dict[str, bytes] = {}
    for older in (False, True):
        for protocol in (2, 5):
            name = f"{'older' if older else 'zip'} {protocol}"
            made[name] = save(training, folder / "seed", older=older, protocol=protocol).read_bytes()
        made[f"model {older}"] = save(tutorial_net().fc_loc, folder / "seed", older=older).read_bytes()
    safetensors.torch.save_file(small_weights(), folder / "seed", metadata={"epoch": "3"})
    made["safetensors"] = (folder / "seed").read_bytes()
    for name, write in (("npz", np.savez), ("packed npz", np.savez_compressed)):
        stream = io.BytesIO()
        write(stream, **{key: tensor.numpy() for key, tensor in small_weights().items()})
        made[name] = stream.getvalue()
    parts = {"net/archive_format": b"pt2", "net/models/model.json": b"{}", "net/data/weights/weight_0": bytes(64)}
    made["pt2"] = write_zip(folder / "seed", parts).read_bytes()
    made["index"] = b'{"metadata": {}, "weight_map": {"a.weight": "part-1.bin", "b.weight": "part-2.bin"}}'
    made["plain pickle"] = pickle.dumps({"a.weight": np.ones((2, 3), np.float32)})
    return made


def mutated(content: bytes, other: bytes, chance: random.Random) -> bytes:
    """One to four bits, lengths, pieces of a file changed; or its end cut off."""
    data = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 4])):
        place = chance.randrange(max(len(data), 1))
        match chance.randrange(7):
            case 0 | 1 if data:
                data[min(place, len(data) - 1)] ^= 1 << chance.randrange(8)
            case 2:
                del data[place:]
            case 3:
                start = chance.randrange(len(other))
                data[place : place + chance.choice([0, 8, 64])] = other[start : start + chance.choice([1, 16, 200])]
            case 4:
                width, edge = chance.choice([2, 4, 8]), chance.choice(EDGES)
                data[place : place + width] = (edge % 256**width).to_bytes(width, chance.choice(["little", "big"]))
            case 5:
                length = chance.randrange(1, 40)
                data[place : place + length] = bytes(length)
            case 6:
                away = chance.randrange(max(len(data), 1))
                data[place : place + 8], data[away : away + 8] = data[away : away + 8], data[place : place + 8]
    return bytes(data)


def inside_a_zip(content: bytes, other: bytes, chance: random.Random) -> bytes:
    """A zip whose pickle is mutated and whose check sums agree all the same."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            new.writestr(name, mutated(part, other, chance) if name.endswith((".pkl", ".npy")) else part)
    return stream.getvalue()


OPCODES = [bytes([code]) for code in b"()]}\x8f.012abdeilostuRQ\x81\x85\x86\x87\x88\x89\x90\x91\x92\x93\x94Nh\x01q\x02"]
OPCODES += [
    b"K\x02",
    b"J\xff\xff\xff\xff",
    op_text("a.weight"),
    b"h\x01",
    b"q\x01",
    b"h\x02",
    b"q\x02",
    b"\x8a\x01\x05",
]
OPCODES += [
    b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"ctorch._utils\n_rebuild_parameter\n",
    b"cmy\nNet\n",
    b"(",
    b")",
    b"R",
]
OPCODES += [
    b"ctorch._tensor\n_rebuild_from_type_v2\n",
    b"cnumpy._core.multiarray\nscalar\n",
    b"cnumpy\ndtype\n",
    b"t",
    b"b",
]
OPCODES += [
    op_tensor((2,), (1,)),
    op_tensor((9,), (0,)),
    op_text("_modules") + b"}s",
    op_text("_parameters") + b"}s",
    b"}",
]


def opcodes_by_chance(chance: random.Random) -> bytes:
    """A pickle that no pickler wrote."""
    return a_pickle(b"}(" + b"".join(chance.choices(OPCODES, k=chance.randrange(3, 60))) + b"u")


def files(folder: Path, chance: random.Random) -> list[bytes]:
    made = seeds(folder)
    kinds = list(made)
    everything = b"".join(made.values())
    zips = [name for name in kinds if made[name].startswith(b"PK")]
    changed = [mutated(made[kinds[index % len(kinds)]], everything, chance) for index in range(1200)]
    changed += [inside_a_zip(made[zips[index % len(zips)]], everything, chance) for index in range(500)]
    four = {"0": np.arange(4, dtype=np.float32).tobytes()}
    for index in range(300):
        path, pickled = folder / "seed", opcodes_by_chance(chance)
        if index % 2:
            with_pickle(path, pickled, four)
        else:
            older_around(path, pickled, ("0",), struct.pack("<q", 4) + four["0"])
        changed.append(path.read_bytes())
    return changed


def test_two_thousand_mutated_checkpoints_are_read_or_told(tmp_path):
    made = files(tmp_path, random.Random(5))
    assert len(made) == 2000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    path = tmp_path / "step_3.pt"
    read, told = 0, []
    for content in made:
        path.write_bytes(content)
        try:
            checkpoint = read_checkpoint(path, root=tmp_path)
        except ForeignError as error:
            told.append(str(error))
            continue
        read += 1
        assert isinstance(checkpoint, Checkpoint)
        assert checkpoint.weights
        taken = sum(tensor.nbytes for weights in checkpoint.weights for tensor in weights.tensors.values())
        assert taken <= max(8 * len(content), 2**20)
        assert all(weights.tensors for weights in checkpoint.weights)
        assert all(tensor.is_contiguous() for weights in checkpoint.weights for tensor in weights.tensors.values())
        assert describe(checkpoint)
    assert [sentence for sentence in told if not (sentence.startswith("step_3.pt") and len(sentence) < 400)] == []
    assert all(sentence.isprintable() for sentence in told)
    assert [sentence for sentence in told if "while it was read" in sentence] == []  # all are told in words of ours
    assert 100 < read < 1500  # neither everything refused nor nothing broken
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 300 * 2**20


def test_folders_of_mutated_files_are_listed(tmp_path):
    chance = random.Random(6)
    for index in range(40):
        content = mutated(seeds(tmp_path)["index"], b"[]{}\"':,", chance)
        (tmp_path / f"{index}.index.json").write_bytes(content)
    assert len(checkpoint_files([tmp_path])) == 40


# Canaries


def the_canary(folder: Path) -> Path:
    return folder / "canary"


CALLS: dict[str, Callable[[str], bytes]] = {
    "os.system": lambda path: op_text(f"touch {path}"),
    "posix.system": lambda path: op_text(f"touch {path}"),
    "subprocess.check_output": lambda path: b"]" + op_text("touch") + b"a" + op_text(path) + b"a",
    "builtins.eval": lambda path: op_text(f"open({path!r}, 'w')"),
    "builtins.exec": lambda path: op_text(f"open({path!r}, 'w').close()"),
    "__builtin__.eval": lambda path: op_text(f"open({path!r}, 'w')"),
    "sqlite3.connect": op_text,
    "logging.FileHandler": op_text,
    "os.mkdir": op_text,
    "pathlib.os.mkdir": op_text,
    "torch.os.system": lambda path: op_text(f"touch {path}"),
    "torch.hub.os.mkdir": op_text,
    "torch.hub.load": op_text,
    "torch.serialization.load": op_text,
    "torch.storage._load_from_bytes": lambda path: op_text(path),
    "numpy.testing._private.utils.runstring": lambda path: op_text(f"open({path!r}, 'w')") + b"}",
    "timeit.timeit": lambda path: op_text(f"open({path!r}, 'w').close()"),
    "pdb.run": lambda path: op_text(f"open({path!r}, 'w').close()"),
    "code.InteractiveInterpreter": lambda path: op_text(path),
    "canary_module.anything": op_text,
}

SUBCLASS = b"ctorch._tensor\n_rebuild_from_type_v2\n"
ARRAY = b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01btR"
WEIGHTS = op_dict({"a.weight": op_tensor((2,), (1,))})


def places(call: bytes) -> dict[str, bytes]:
    """Pickles with a call in each of the places where something could run it."""
    function = call[: call.index(b"(")]
    argument = call[call.index(b"(") : -1]
    beside = op_dict({"model": WEIGHTS})
    more = beside + op_text("x")
    return {
        "alone": call,
        "beside the weights": beside + op_text("extra") + call + b"s",
        "in the optimiser": beside + op_text("optimizer") + op_dict({"state": call, "param_groups": b"]"}) + b"s",
        "as a weight": op_dict({"a.weight": call}),
        "as a key": beside + call + b"Ns",
        "as a new object": more + function + argument + b"\x81s",
        "as a state": more + b"cmy.nets\nNet\n)\x81" + op_dict({"__setstate__": call, "y": call}) + b"bs",
        "as a state's function": more + function + b")\x81" + argument + b"bs",
        "under a subclass": more + SUBCLASS + b"(" + function + b"ctorch\nTensor\n" + argument + b"NtRs",
        "as hooks": op_dict({"a.weight": op_tensor((2,), (1,)).replace(b"\x89}tR", b"\x89" + call + b"tR")}),
        "as a storage": b"(" + op_text("storage") + function + op_text("0") + op_text("cpu") + b"K\x04tQ",
        "as another file's part": b"(" + op_text("module") + function + op_text("x") + op_text("y") + b"tQ",
        "as an array": ARRAY + b"(K\x01K\x01\x85cnumpy\ndtype\n(" + op_text("O8") + b"tR\x89]" + call + b"atb",
    }  # fmt: skip


FOUR = {"0": np.arange(4, dtype=np.float32).tobytes()}


def wrapped(folder: Path, body: bytes) -> list[Path]:
    """The pickle as every kind of file that holds one."""
    opcodes = a_pickle(body)
    head = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}\n"
    npy = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + opcodes
    plain = folder / "plain.pkl"
    plain.write_bytes(opcodes)
    program = {"p/archive_format": b"pt2", "p/models/model.json": b"{}", "p/data/weights/model.pt": opcodes}
    return [
        with_pickle(folder / "zip.pt", opcodes, FOUR),
        older_around(folder / "older.pt", opcodes, ("0",), struct.pack("<q", 4) + FOUR["0"]),
        plain,
        write_zip(folder / "arrays.npz", {"w.npy": npy}),
        write_zip(folder / "program.pt2", program),
        write_zip(folder / "script.pt", {"s/data.pkl": opcodes, "s/constants.pkl": opcodes, "s/code/x.py": b""}),
    ]


@pytest.mark.parametrize("function", CALLS)
def test_nothing_in_a_file_is_ever_run(tmp_path, monkeypatch, function):
    monkeypatch.syspath_prepend(str(tmp_path))
    canary = the_canary(tmp_path)
    (tmp_path / "canary_module.py").write_text(f"open({str(canary)!r}, 'w').close()\nanything = print\n")
    call = a_call(function, CALLS[function](str(canary)))
    for place, body in places(call).items():
        for path in wrapped(tmp_path, body):
            try:
                checkpoint = read_checkpoint(path)
            except ForeignError:
                pass
            else:
                assert checkpoint.weights, place
            assert not canary.exists(), f"{place} in {path.name}"
    assert "canary_module" not in sys.modules


@pytest.mark.parametrize("function", ["os.system", "builtins.exec", "canary_module.anything"])
def test_the_canaries_would_sing(tmp_path, monkeypatch, function):  # or the test above would say nothing
    monkeypatch.syspath_prepend(str(tmp_path))
    canary = the_canary(tmp_path)
    (tmp_path / "canary_module.py").write_text(f"open({str(canary)!r}, 'w').close()\nanything = print\n")
    opcodes = a_pickle(op_dict({"extra": a_call(function, CALLS[function](str(canary)))}))
    pickle.loads(opcodes)  # our own bytes, and what no code of ours does
    sys.modules.pop("canary_module", None)
    assert canary.exists()


def test_weights_beside_an_unknown_call_are_read_and_the_call_is_told(tmp_path):
    body = op_dict({"model": WEIGHTS, "extra": a_call("logging.FileHandler", op_text(str(the_canary(tmp_path))))})
    for path in wrapped(tmp_path, body)[:2]:
        checkpoint = read_checkpoint(path)
        assert torch.equal(checkpoint.weights[0].tensors["a.weight"], torch.tensor([0.0, 1.0]))
        assert checkpoint.notes == ("Empty stand-ins for logging.FileHandler: nothing of them was run.",)


def test_a_whole_model_with_a_call_in_its_state_is_read_without_it(tmp_path):
    opcodes = zip_parts(save(tutorial_net(), tmp_path / "net.pt"))["net/data.pkl"]
    assert b"making_files\nTutorialNet\n" in opcodes
    parts = zip_parts(tmp_path / "net.pt")
    parts["net/data.pkl"] = opcodes.replace(b"making_files\nTutorialNet\n", b"canary_module\nanything\n")
    checkpoint = read_checkpoint(write_zip(tmp_path / "net.pt", parts))
    assert len(checkpoint.weights[0].tensors) == 8
    assert "A whole model of the class canary_module.anything" in checkpoint.notes[0]
    assert "canary_module" not in sys.modules
