"""Small files that ask for hours or for all memory: what is told a thousand times must be looked at once.

None of these ends within a test's patience, or within a machine's memory, where its limit is missing.
"""

import json
import os
import struct
from contextlib import suppress

import pytest
import safetensors.torch
import torch
from making_files import a_pickle, op_dict, op_tensor, op_text, safetensors_file, save, small_weights, with_pickle

from stn_viz.foreign import ForeignError, checkpoint_files, read_checkpoint
from stn_viz.foreign.files import reading, sniffing
from stn_viz.foreign.kinds import Weights
from stn_viz.foreign.recognising import recognise
from stn_viz.foreign.shapes.finding import find_transformers

FOUR = {"0": bytes(16)}
FIRST = op_text("a.weight") + op_tensor((2,), (1,))


def get(number: int) -> bytes:
    return b"j" + struct.pack("<I", number)


def put(number: int) -> bytes:
    return b"r" + struct.pack("<I", number)


def whole(number: int) -> bytes:
    return b"J" + struct.pack("<i", number)


def long_text(letters: int) -> bytes:
    return b"X" + struct.pack("<I", letters) + b"x" * letters


LARGE = b"}(" + b"".join(whole(index) + b"N" for index in range(100_000)) + b"u" + put(7)
"""A dict of many keys, kept for later."""

TENSOR = op_tensor((2,), (1,)) + put(8)
LEAVES = ("weight", "bias", "running_mean", "running_var", "w", "b", "W", "kernel", "scale", "gamma", "beta", "mean")


def module(modules: bytes, *, more: bytes = b"") -> bytes:
    parts = op_text("_parameters") + op_dict({"w": TENSOR}) + op_text("_buffers") + b"}" + op_text("_modules") + modules
    return b"cmy\nNet\n)\x81}(" + parts + more + b"ub"


def slotted_module() -> bytes:
    """One whose state is a large dict beside its slots', as a child under many names."""
    state = b"}(" + op_text("_parameters") + op_dict({"w": TENSOR}) + op_text("_buffers") + b"}" + op_text("_modules")
    state += b"}" + b"".join(whole(index) + b"N" for index in range(100_000)) + b"u"
    return b"cmy\nNet\n)\x81(" + state + op_dict({"slot": b"N"}) + b"tb" + put(7)


def called(name: str, arguments: bytes) -> bytes:
    return b"c" + name.replace(" ", "\n").encode() + b"\n" + arguments + b"R"


ARRAY = (
    b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01btR(K\x01)cnumpy\ndtype\n("
    + op_text("f8") + b"tR\x89" + long_text(10**7) + b"tb" + put(7)
)  # fmt: skip

PICKLES = {
    "one dict in many lists": (b"](" + LARGE + get(7) * 4900 + b"e", "holds no network's weights"),
    "one dict under many keys": (
        b"}(N" + LARGE + b"".join(whole(index) + get(7) for index in range(5000)) + b"u",
        "holds no network's weights",
    ),
    "one layer under many names": (
        b"}("
        + op_text("0" * 900)
        + op_dict({name: get(8) if place else TENSOR for place, name in enumerate(LEAVES)})
        + put(7)
        + b"".join(op_text(f"{index:0900}") + get(7) for index in range(1, 9000))
        + b"u",
        "names its tensors again and again",
    ),
    "one shape of a hundred thousand sides": (
        b"}("
        + op_text("a")
        + op_tensor((), ()).replace(b"J\0\0\0\0(t", b"J\0\0\0\0(" + b"K\x01" * 10**5 + b"t")
        + put(8)
        + b"".join(op_text(f"a{index}") + get(8) for index in range(20_000))
        + b"u",
        "has a shape that makes no sense",
    ),
    "a place of many long words": (
        b"}("
        + FIRST
        + op_text("z")
        + called("torch device", b"(N" + long_text(10**6) + put(9) + get(9) * 50_000 + b"t")
        + b"u",
        None,
    ),
    "copies by defaultdict": (
        b"](" + LARGE + called("collections defaultdict", b"(N" + get(7) + b"t") * 2000 + b"e",
        "copies its own parts",
    ),
    "copies by OBJ": (
        b"](" + LARGE + (b"(ccollections\nOrderedDict\n" + get(7) + b"o") * 2000 + b"e",
        "copies its own parts",
    ),
    "copies by INST": (
        b"](" + LARGE + (b"(" + get(7) + b"icollections\nOrderedDict\n") * 2000 + b"e",
        "copies its own parts",
    ),
    "copies under a subclass": (
        b"]("
        + LARGE
        + (b"ctorch._tensor\n_rebuild_from_type_v2\n(ccollections\nOrderedDict\nN(" + get(7) + b"tNtR") * 2000
        + b"e",
        "copies its own parts",
    ),
    "names put together": (
        b"](" + long_text(10**6) + put(7) + (get(7) + get(7) + b"\x93") * 50_000 + b"e",
        "names a class in",
    ),
    "two long keys that are equal": (
        b"}("
        + long_text(10**7)
        + put(7)
        + b"N"
        + long_text(10**7)
        + put(8)
        + b"N"
        + (get(7) + b"N" + get(8) + b"N") * 20_000
        + b"u",
        "holds no network's weights",
    ),
    "long places of storages": (
        b"ctorch\nFloatStorage\n"
        + put(3)
        + b"0](B"
        + struct.pack("<I", 10**7)
        + b"x" * 10**7
        + put(7)
        + (b"(" + op_text("storage") + get(3) + get(7) + get(7) + b"K\x04tQ") * 30_000
        + b"e",
        "holds no network's weights",
    ),
    "a storage told at length": (
        b"ctorch\nFloatStorage\n"
        + put(3)
        + b"0]("
        + b"("
        + op_text("storage")
        + get(3)
        + b"NN"
        + b"N" * 10**5
        + b"tQe",
        "keeps things outside itself",
    ),
    "one tuple as many arguments": (
        b"ctorch._utils\n_rebuild_tensor_v2\n"
        + put(3)
        + b"0]("
        + b"("
        + b"N" * 10**6
        + b"t"
        + put(7)
        + (get(3) + get(7) + b"R") * 3000
        + b"e",
        None,
    ),
    "one array as many numbers": (
        b"}("
        + op_text("model")
        + op_dict({"a.weight": TENSOR})
        + op_text("k")
        + ARRAY
        + b"".join(op_text(f"k{index}") + get(7) for index in range(5000))
        + b"u",
        None,
    ),
    "a module of a large state under many names": (
        module(
            b"}(" + op_text("m") + slotted_module() + b"".join(op_text(f"m{i}") + get(7) for i in range(3000)) + b"u"
        ),
        None,
    ),
    "bools of one storage": (
        b"}("
        + b"".join(
            op_text(f"l{i}.weight") + op_tensor((1,), (1,), numel=2**22, offset=i, storage="BoolStorage", key="1")
            for i in range(5000)
        )
        + b"u",
        None,
    ),
    "wrappers in wrappers": (
        b"}("
        + op_text("net." * 200 + "0.weight")
        + TENSOR
        + b"".join(op_text("net." * 200 + f"{index}.weight") + get(8) for index in range(1, 6000))
        + b"u",
        None,
    ),
}


@pytest.mark.parametrize("name", PICKLES)
def test_a_pickle_that_tells_one_thing_a_thousand_times_is_soon_done(tmp_path, name):
    body, sentence = PICKLES[name]
    path = with_pickle(tmp_path / "net.pt", a_pickle(body), FOUR | ({"1": bytes(2**22)} if "bools" in name else {}))
    if sentence is None:
        with suppress(ForeignError):
            assert read_checkpoint(path).weights
        return
    with pytest.raises(ForeignError, match=sentence) as told:
        read_checkpoint(path)
    assert len(str(told.value)) < 300


def test_an_older_file_tells_five_pickles_of_which_three_are_short(tmp_path):
    path = tmp_path / "net.pt"
    path.write_bytes(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x190" + b"](" + b"N" * 2000 + b"e.")
    with pytest.raises(ForeignError, match="more than 1,000 steps"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (
            b'"a":{"dtype":"F32","data_offsets":[0,0],"shape":[' + b",".join([b"9"] * 1_000_000) + b"]}",
            "does not fit its 0",
        ),
        (b'"' + b"net." * 10**6 + b'":{"dtype":"F32","data_offsets":[0,0],"shape":[0]}', "name of 4,000,000 letters"),
        (b'"' + b"." * 10**6 + b'":{"dtype":"F32","data_offsets":[0,0],"shape":[0]}', "name of 1,000,000 letters"),
    ],
    ids=["sides without end", "a name of wrappers", "a name of dots"],
)
def test_a_safetensors_header_of_megabytes(tmp_path, entry, sentence):
    safetensors_file(tmp_path / "net.safetensors", b"{" + entry + b"}")
    with pytest.raises(ForeignError, match=sentence) as told:
        read_checkpoint(tmp_path / "net.safetensors")
    assert len(str(told.value)) < 300


@pytest.mark.parametrize("disguise", [b"\0\0\0\0", b"PK\x05\x06"], ids=["plain", "disguised"])
def test_a_zip_of_nothing_but_a_table_of_contents(tmp_path, monkeypatch, disguise):
    monkeypatch.setattr("stn_viz.foreign.files.archives.MAX_TABLE", 2**16)
    entry = b"PK\x01\x02" + struct.pack("<6H3L5H2L", 20, 20, *[0] * 7, 1, *[0] * 6) + b"a"
    count = 2**16 // len(entry) + 1
    end = b"PK\x05\x06" + disguise + struct.pack("<HHLLH", count, count, count * len(entry), 4, 0)
    (tmp_path / "net.pt").write_bytes(b"PK\x03\x04" + entry * count + end)
    with pytest.raises(ForeignError, match=r"table of contents has 65,\d\d\d bytes"):
        read_checkpoint(tmp_path / "net.pt")


def test_indices_that_name_one_another_are_not_followed(tmp_path):
    for place in range(4):
        names = {f"k{index}": f"{place + 1}_{index}.bin" for index in range(9)}
        for index in range(9):
            (tmp_path / f"{place}_{index}.bin").write_text(json.dumps({"weight_map": names}))
    with pytest.raises(ForeignError, match="is an index itself"):
        read_checkpoint(tmp_path / "0_0.bin")


def test_a_pipe_named_as_an_index_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "model.index.json")
    save(small_weights(), tmp_path / "a.pt")
    assert len(checkpoint_files([tmp_path])) == 2
    with pytest.raises(ForeignError, match="not a plain file"):
        read_checkpoint(tmp_path / "model.index.json")


def test_a_folder_of_everything_is_not_walked_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MAX_SEEN", 10)
    for index in range(11):
        (tmp_path / f"{index}.txt").touch()
    with pytest.raises(ForeignError, match="more than 10 files and folders"):
        checkpoint_files([tmp_path])


def test_a_file_that_is_larger_than_the_memory_is_not_read(tmp_path, monkeypatch):
    path = save(small_weights(), tmp_path / "net.pt")
    assert sniffing.memory() is None or sniffing.memory() > 2**20
    monkeypatch.setattr(sniffing, "memory", lambda: 1000)
    with pytest.raises(ForeignError, match=r"more than the 1,000 that this machine's memory has free"):
        read_checkpoint(path)


def test_names_with_digits_that_are_no_numbers(tmp_path):
    layers = {"0": (8, 1, 3, 3), "²": (8, 8, 3, 3), "٣": (8, 8, 3, 3), "9" * 900: (32, 72), "³.²": (6, 32)}
    weights = {f"loc.{name}.weight": torch.zeros(shape) for name, shape in layers.items()}
    safetensors.torch.save_file(weights, tmp_path / "net.safetensors")
    recognised = recognise([tmp_path / "net.safetensors"])  # raises nothing
    assert recognised.transformers or recognised.problems


def test_thousands_of_layers_that_fit_one_another(tmp_path):
    one = torch.zeros(36)
    shapes = [one.view(6, 6), one.view(6, 6, 1, 1)]
    tensors = {f"loc{'.q' * 20}.{index}.weight": shapes[index % 2] for index in range(600)}
    find_transformers(Weights(place="", prefix="", tensors=tensors))  # comes to an end
    many = {f"loc.{index}.weight": shapes[0] for index in range(20_000)}
    assert find_transformers(Weights(place="", prefix="", tensors=many)) == []


def test_what_the_finding_breaks_off_on_is_a_problem_of_that_file_alone(tmp_path, monkeypatch):
    def broken(weights: Weights, **_: object) -> list[object]:
        raise ZeroDivisionError

    save(small_weights(), tmp_path / "net.pt")
    monkeypatch.setattr("stn_viz.foreign.shapes.finding.find_transformers", broken)
    recognised = recognise([tmp_path])
    assert [sentence for _, sentence in recognised.problems] == [
        "net.pt cannot be looked through for transformers (ZeroDivisionError)."
    ]
