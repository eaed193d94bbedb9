"""Files that are no checkpoint, or no longer one, or never were meant to be: one plain sentence each."""

import gzip
import io
import json
import os
import pickle
import struct
import tarfile
import tracemalloc
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
    flipped,
    older_around,
    op_dict,
    op_tensor,
    op_text,
    safetensors_file,
    save,
    small_weights,
    with_pickle,
    write_zip,
    zip_parts,
)

from stn_viz.foreign import CodeError, ForeignError, read_checkpoint

AGAIN = r"Copy or download it again\.$"
HOW = r"Save model\.state_dict\(\) with torch\.save\.$"
CHOOSE = r"Choose the file of the network's weights\.$"
FOUR = {"0": np.arange(4, dtype=np.float32).tobytes()}
BROKEN: list[tuple[str, Callable[[Path], object], str]] = []


def broken(sentence: str) -> Callable[[Callable[[Path], object]], Callable[[Path], object]]:
    """List a file; `sentence` is what must be said of it, after the file's name."""

    def listed(build: Callable[[Path], object]) -> Callable[[Path], object]:
        BROKEN.append((build.__name__.strip("_"), build, sentence))
        return build

    return listed


def content(name: str, data: bytes, sentence: str) -> None:
    BROKEN.append((name, lambda path: path.write_bytes(data), sentence))


def saved(name: str, what: object, sentence: str) -> None:
    BROKEN.append((f"{name}, zip", lambda path: save(what, path), sentence))
    BROKEN.append((f"{name}, older", lambda path: save(what, path, older=True), sentence))


def tensor(name: str, sentence: str, *, held: dict[str, bytes] | None = None, **told: object) -> None:
    """A checkpoint with a.weight as told, beside a storage of four numbers."""
    body = op_dict({"a.weight": op_tensor(**told)})  # type: ignore[arg-type]
    BROKEN.append((name, lambda path: with_pickle(path, a_pickle(body), FOUR if held is None else held), sentence))


def body(name: str, opcodes: bytes, sentence: str) -> None:
    """Any opcodes, as the pickle of a zip and of the older format."""
    BROKEN.append((f"{name}, zip", lambda path: with_pickle(path, opcodes, FOUR), sentence))
    BROKEN.append((f"{name}, older", lambda path: older_around(path, opcodes), sentence))


def header(name: str, told: object, sentence: str, data: bytes = bytes(16)) -> None:
    """A safetensors file of 16 bytes of numbers, behind any header."""
    BROKEN.append((name, lambda path: safetensors_file(path, json.dumps(told).encode(), data), sentence))


# What is no checkpoint at all

content("nothing", b"", rf"is empty \(0 bytes\)\. {AGAIN}")
content(
    "a Git-LFS pointer",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 258559\n",
    r"is a Git-LFS pointer of 71 bytes; the file itself has 258,559 bytes\. Run `git lfs pull` in its repository\.$",
)
content(
    "a page", b"<!DOCTYPE html>\n<html><body>Sign in</body></html>", rf"is a web page, not a checkpoint: .* {AGAIN}"
)
content("a page after blanks", b"\n\n  <html>", rf"is a web page, not a checkpoint: .* {AGAIN}")
content("a refusal", b'<?xml version="1.0"?><Error><Code>AccessDenied</Code>', rf"is an XML file, .*refused .* {AGAIN}")
content("JSON", b'{"epoch": 3}', r"is a JSON file, not a checkpoint\. Of such files, the index of a sharded")
content("JSON of a list", b"[1, 2]", r"is a JSON file, not a checkpoint\. ")
content("JSON that is cut", b'{"weight_map": {"a.wei', r"is a JSON file, not a checkpoint\. ")
content(
    "an index that leads out", b'{"weight_map": {"a": "../a.bin"}}', r"names files that do not lie beside it, or none\."
)
content("an index of itself", b'{"weight_map": {"a": "x.json"}}', r"names x\.json, which is missing\. Take all 1 files")
content("a table", b"step,loss\n1,0.5\n", rf"is a text file, not a checkpoint\. {CHOOSE}")
content("a program in Python", b"import torch\n", rf"is a text file, not a checkpoint\. {CHOOSE}")
content("a PNG", b"\x89PNG\r\n\x1a\n" + bytes(20), rf"is a PNG picture, not a checkpoint\. {CHOOSE}")
content("a JPEG", b"\xff\xd8\xff\xe0" + bytes(20), rf"is a JPEG picture, not a checkpoint\. {CHOOSE}")
content("a PDF", b"%PDF-1.7\n\xe2\xe3", rf"is a PDF document, not a checkpoint\. {CHOOSE}")
content(
    "gzip",
    gzip.compress(b"weights"),
    r"is a gzip archive, not a checkpoint\. Unpack it \(gunzip, or tar xzf\), and open",
)
content(
    "HDF5",
    b"\x89HDF\r\n\x1a\n" + bytes(20),
    r"is an HDF5 file, as Keras writes it, not a checkpoint\. Save the weights",
)
content("a single array", b"\x93NUMPY\x01\x00" + bytes(20), r"is a single numpy array \(\.npy\), not a checkpoint\. ")
content("zeros", bytes(5000), rf"begins with 4,096 zeros: it was not written to its end\. {AGAIN}")
content(
    "noise", b"\x07\xe5\x01\x99\xfe" * 9, r"is of no kind that is known here \(its first bytes are 07 e5 01 99\)\. "
)
content("one byte", b"\x80", r"is of no kind that is known here \(its first bytes are 80\)\. ")


@broken(r"is a tar archive, not a checkpoint\. Unpack it \(tar xf\), and open what is in it\.$")
def a_tar(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        archive.add(save(small_weights(), path.with_name("inner.pt")), "inner.pt")


@broken(r"is missing\. Check the path\.$")
def no_file(path: Path) -> None: ...


@broken(r"is a folder\. Choose a file in it, or import the whole folder\.$")
def a_folder(path: Path) -> None:
    path.mkdir()


@broken(r"is a link to a file that is missing\. Check the path\.$")
def a_link_to_nothing(path: Path) -> None:
    path.symlink_to("nowhere.pt")


@broken(r"cannot be read \(.*(symbolic links|Symlink loop).*\)\.$")
def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


@broken(r"is not a plain file\. Choose the file of the network's weights\.$")
def a_pipe(path: Path) -> None:
    os.mkfifo(path)


@broken(r"is 1,099,511,627,776 bytes long; at most 17,179,869,184 are read\. Save the weights alone, ")
def a_terabyte(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)  # sparse: it takes no room


# Zips

content("an empty zip", b"PK\x05\x06" + bytes(18), rf"is an empty zip archive\. {AGAIN}")


@broken(r"is a zip archive of other things \(readme\.txt, a/b\.csv\), not a checkpoint\. Unpack it, and open")
def a_zip_of_other_things(path: Path) -> None:
    write_zip(path, {"readme.txt": b"hello", "a/b.csv": b"1,2"})


@broken(rf"is cut: [\d,]+ bytes are here, but the table of contents, .* is missing\. {AGAIN}")
def half_a_checkpoint(path: Path) -> None:
    data = save(small_weights(), path).read_bytes()
    path.write_bytes(data[: len(data) // 2])


@broken(rf"is cut: [\d,]+ bytes are here, but the table of contents, .* is missing\. {AGAIN}")
def all_but_the_last_hundred_bytes(path: Path) -> None:
    path.write_bytes(save(small_weights(), path).read_bytes()[:-100])


@broken(rf"is damaged: the table of contents at its end cannot be read\. {AGAIN}")
def the_first_half_is_missing(path: Path) -> None:
    data = save(small_weights(), path).read_bytes()
    path.write_bytes(b"PK\x03\x04" + data[len(data) * 4 // 5 :])


@broken(rf"is damaged: the check sum of data/0 in it does not agree\. {AGAIN}")
def a_flipped_bit_among_the_weights(path: Path) -> None:
    first = small_weights()["conv.weight"].numpy().tobytes()
    flipped(path, save(small_weights(), path).read_bytes().index(first) + 5)


@broken(rf"is damaged: the check sum of data\.pkl in it does not agree\. {AGAIN}")
def a_flipped_bit_in_the_pickle(path: Path) -> None:
    flipped(path, save(small_weights(), path).read_bytes().index(b"conv.weight") + 1)


@broken(rf"is damaged: data\.pkl is not where its table of contents says\. {AGAIN}")
def a_flipped_bit_in_a_header(path: Path) -> None:
    flipped(path := save(small_weights(), path), 1)
    path.write_bytes(b"PK\x03\x04" + path.read_bytes())  # recognised all the same, everything four bytes later


@broken(r"is a zip archive of [\d,]+ bytes that would unpack to [\d,]+: it is not unpacked\. ")
def a_zip_bomb(path: Path) -> None:
    write_zip(path, {"a.npy": bytes(66 * 2**20)}, packed=True)


@broken(rf"is damaged: its parts are longer than the file's [\d,]+ bytes\. {AGAIN}")
def a_zip_that_declares_a_gigabyte(path: Path) -> None:
    data = bytearray(with_pickle(path, a_pickle(b"}"), FOUR).read_bytes())
    place = data.index(b"PK\x01\x02")
    data[place + 20 : place + 28] = struct.pack("<LL", 10**6, 10**6)
    path.write_bytes(data)


@broken(rf"is damaged: two of its parts have the name data\.pkl\. {AGAIN}")
@pytest.mark.filterwarnings("ignore")
def a_zip_with_two_pickles(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", a_pickle(b"}"))
        archive.writestr("a/data.pk_", a_pickle(b"]"))
    path.write_bytes(path.read_bytes().replace(b"data.pk_", b"data.pkl"))


@broken(r"is a zip archive with a password\. Unpack it, and open what is in it\.$")
def a_zip_with_a_password(path: Path) -> None:
    data = bytearray(with_pickle(path, a_pickle(b"}")).read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)


@broken(r"is a zip archive packed in an unusual way\. Unpack it, and open what is in it\.$")
def a_zip_packed_as_lzma(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a/data.pkl", a_pickle(b"}"))


@broken(rf"is damaged: the check sum of data\.pkl in it does not agree\. {AGAIN}")
def a_packed_part_that_is_longer_than_it_says(path: Path) -> None:
    data = bytearray(write_zip(path, {"a/data.pkl": bytes(30 * 2**20)}, packed=True).read_bytes())
    place = data.index(b"PK\x01\x02")
    data[place + 24 : place + 28] = struct.pack("<L", 10)
    path.write_bytes(data)


@broken(r": data\.pkl in it is 67,108,865 bytes long; at most 67,108,864 are read of such a part")
def a_pickle_of_absurd_size(path: Path) -> None:
    write_zip(path, {"a/data.pkl": bytes(64 * 2**20 + 1), "a/data/0": os.urandom(4 * 2**20)}, packed=True)


@broken(r"was saved on a big-endian machine, which is not read\. Load it there and save it as safetensors\.$")
def of_another_machine(path: Path) -> None:
    parts = zip_parts(save(small_weights(), path))
    write_zip(path, {**parts, next(name for name in parts if name.endswith("byteorder")): b"big"})


@broken(rf": conv\.weight has its numbers in data/0, which the file does not hold\. {AGAIN}")
def a_storage_is_missing(path: Path) -> None:
    parts = zip_parts(save(small_weights(), path))
    write_zip(path, {name: data for name, data in parts.items() if not name.endswith("data/0")})


@broken(rf": conv\.weight needs 72 bytes of data/0, but the file holds 40\. {AGAIN}")
def a_storage_is_short(path: Path) -> None:
    parts = zip_parts(save(small_weights(), path))
    write_zip(path, {name: data[:40] if name.endswith("data/0") else data for name, data in parts.items()})


# The older format

OLDER = "is cut: [0-9,]+ bytes are here, and at least [0-9,]+ belong to it"


@broken(rf"{OLDER}\. {AGAIN}")
def an_older_one_that_is_cut_among_the_weights(path: Path) -> None:
    path.write_bytes(save(small_weights(), path, older=True).read_bytes()[:-30])


@broken(rf": the pickle in it ends in the middle\. {AGAIN}")
def an_older_one_that_is_cut_in_the_pickle(path: Path) -> None:
    data = save(small_weights(), path, older=True).read_bytes()
    path.write_bytes(data[: data.index(b"fc.weight") + 3])


@broken(rf": the pickle in it ends in the middle\. {AGAIN}")
def an_older_one_that_is_cut_at_its_first_word(path: Path) -> None:
    path.write_bytes(save(small_weights(), path, older=True).read_bytes()[:14])


@broken(rf"is damaged: its list of parts does not agree with its numbers\. {AGAIN}")
def an_older_one_with_a_negative_count(path: Path) -> None:
    opcodes = a_pickle(op_dict({"a.weight": op_tensor((4,), (1,))}))
    older_around(path, opcodes, ("0",), struct.pack("<q", -4) + FOUR["0"])


@broken(rf"{OLDER}\. {AGAIN}")
def an_older_one_with_an_absurd_count(path: Path) -> None:
    opcodes = a_pickle(op_dict({"a.weight": op_tensor((4,), (1,))}))
    older_around(path, opcodes, ("0",), struct.pack("<q", 2**60) + FOUR["0"])


@broken(rf": a\.weight needs 9 numbers of a part that holds 4\. {AGAIN}")
def an_older_one_with_fewer_numbers_than_told(path: Path) -> None:
    opcodes = a_pickle(op_dict({"a.weight": op_tensor((9,), (1,), numel=9)}))
    older_around(path, opcodes, ("0",), struct.pack("<q", 4) + FOUR["0"])


@broken(rf"is damaged: it begins as a checkpoint of torch\.save, and then is none\. {AGAIN}")
def an_older_one_of_another_version(path: Path) -> None:
    data = save(small_weights(), path, older=True).read_bytes()
    path.write_bytes(data.replace(pickle.dumps(1001, 2), pickle.dumps(1002, 2)))


# What is saved, but is no network's weights

saved("a bare tensor", torch.zeros(3, 4), rf"holds one tensor of the shape 3 × 4, not a network's weights\. {HOW}")
saved(
    "a number as a tensor",
    torch.tensor(3.0),
    rf"holds one number, as a tensor, not a network's weights\. {HOW}",
)
saved("a list", [1, 2, 3], rf"holds no network's weights, but a list of 3\. {HOW}")
saved(
    "a dict without tensors",
    {"epoch": 3, "loss": 0.5},
    rf"holds no network's weights, but a dict with epoch, loss\. {HOW}",
)
saved("an empty dict", {}, rf"holds no network's weights, but an empty dict\. {HOW}")
saved("None", None, rf"holds no network's weights, but nothing \(None\)\. {HOW}")
saved("a word", "weights", rf"holds no network's weights, but one str\. {HOW}")
saved(
    "an optimiser alone",
    {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": []},
    r"holds no network's weights, but a dict with state, param_groups\. ",
)
saved("a number that is told", {"acc": torch.tensor(0.5)}, rf"holds no network's weights, but a dict with acc\. {HOW}")
saved(
    "a sparse tensor",
    {"a.weight": torch.eye(3).to_sparse()},
    r"holds no tensors that can be read\. a\.weight is a sparse tensor, which is",
)
saved(
    "a tensor without numbers",
    {"a.weight": torch.empty(3, device="meta")},
    r"holds no tensors that can be read\. a\.weight is a tensor w",
)
body(
    "a class",
    a_pickle(b"ccollections\nOrderedDict\n"),
    rf"holds no network's weights, but the name of collections\.OrderedDict\. {HOW}",
)
body(
    "an object",
    a_pickle(b"cmy.nets\nTrainer\n)\x81"),
    rf"holds no network's weights, but an object of the class my\.nets\.Trainer\. {HOW}",
)
body(
    "a quantised tensor",
    a_pickle(op_dict({"a.weight": a_call("torch._utils._rebuild_qtensor", b"K\x01")})),
    r"holds no tensors that can be read\. a\.weight is a quantised",
)


@broken(r"holds no network's weights, but a dict with words\. Save model")
def a_plain_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"words": ["a", "b"]}))


# Tensors that cannot be

tensor(
    "more numbers than there are",
    rf": a\.weight has the shape 5, which needs 5 numbers, but the file holds 4\. {AGAIN}",
    size=(5,),
    stride=(1,),
)
tensor(
    "a number read a billion times",
    rf": a\.weight has the shape 1,000 × 1,000,000, which needs 1,000,000,000 numbers, but the file holds 4\. {AGAIN}",
    size=(1000, 10**6),
    stride=(0, 0),
)
tensor(
    "more numbers than atoms",
    rf": a\.weight has the shape .*, which needs more than 10\^15 numbers, but the file holds 4\. {AGAIN}",
    size=(2**30, 2**31),
    stride=(0, 0),
)
tensor(
    "strides that lead out", rf": a\.weight ends at number 31 of a storage of 4\. {AGAIN}", size=(2, 2), stride=(20, 10)
)
tensor(
    "an offset that leads out",
    rf": a\.weight ends at number 5 of a storage of 4\. {AGAIN}",
    size=(2,),
    stride=(1,),
    offset=3,
)
tensor(
    "a negative offset", rf": a\.weight has a shape that makes no sense\. {AGAIN}", size=(2,), stride=(1,), offset=-1
)
tensor("a negative size", rf": a\.weight has a shape that makes no sense\. {AGAIN}", size=(-2,), stride=(1,))
tensor("a negative stride", rf": a\.weight has a shape that makes no sense\. {AGAIN}", size=(2,), stride=(-1,))
tensor("fewer strides than sides", rf": a\.weight has a shape that makes no sense\. {AGAIN}", size=(2, 2), stride=(1,))
tensor(
    "an empty one of absurd sides",
    rf": a\.weight has a shape that makes no sense\. {AGAIN}",
    size=(0, 2**40, 2**40),
    stride=(1, 1, 1),
)
tensor(
    "sixty dimensions",
    rf": a\.weight has 60 dimensions; at most 16 are read\. {AGAIN}",
    size=(1,) * 60,
    stride=(1,) * 60,
)
tensor(
    "a storage that is not there",
    rf": a\.weight has its numbers in data/7, which the file does not hold\. {AGAIN}",
    size=(2,),
    stride=(1,),
    key="7",
)
tensor(
    "a storage that leads out",
    rf": a\.weight has its numbers in data/\.\./x, which the file does not hold\. {AGAIN}",
    size=(2,),
    stride=(1,),
    key="../x",
)
tensor(
    "a storage of more than there is",
    rf": a\.weight needs 4,000,000,000 bytes of data/0, but the file holds 16\. {AGAIN}",
    size=(2,),
    stride=(1,),
    numel=10**9,
)
tensor(
    "a type that nobody knows",
    r"holds no tensors that can be read\. a\.weight is of the type TernaryStorage, which is not read\.$",
    size=(2,),
    stride=(1,),
    storage="TernaryStorage",
)

# Pickles that are no pickles, or too much of one

body("no end", b"\x80\x02}", rf": the pickle in it ends in the middle\. {AGAIN}")
body("nothing on the stack", b"\x80\x02.", rf": the pickle in it is damaged\. {AGAIN}")
body("a word that nobody put", a_pickle(b"h\x07"), rf": the pickle in it is damaged\. {AGAIN}")
body("an unknown opcode", a_pickle(b"\xf0"), rf": the pickle in it is damaged\. {AGAIN}")
body(
    "a word longer than the file",
    a_pickle(b"X\xff\xff\xff\x7fabc"),
    rf": the pickle in it ends in the middle\. {AGAIN}",
)
body("items of a number", a_pickle(b"K\x01(K\x01K\x02u"), rf": the pickle in it is damaged\. {AGAIN}")
body("a call of a number", a_pickle(b"K\x01K\x02R"), rf": the pickle in it is damaged\. {AGAIN}")
body(
    "another file's parts",
    a_pickle(b"(" + op_text("socket") + op_text("x") + b"tQ"),
    r": the pickle in it keeps things outside itself that are not the numbers",
)
body(
    "copies of copies",
    a_pickle(
        b"(X" + struct.pack("<I", 2**20) + b"a" * 2**20 + b"q\x01" + (a_call("_codecs.encode", b"h\x01") * 200) + b"t"
    ),
    r": the pickle in it copies its own parts again and again, which no file",
)
body("deep nesting", a_pickle(b"]" * 30_000 + b"a" * 29_999), rf"holds no network's weights, but a list of 1\. {HOW}")
body("a list that holds itself", a_pickle(b"]q\x01h\x01a"), rf"holds no network's weights, but a list of 1\. {HOW}")
body(
    "a dict that holds itself",
    a_pickle(b"}q\x01" + op_text("me") + b"h\x01s"),
    rf"holds no network's weights, but a dict with me\. {HOW}",
)
body(
    "a billion laughs",
    a_pickle(b")" + b"q\x01h\x01\x86" * 90),
    rf"holds no network's weights, but a tuple of 2\. {HOW}",
)
body(
    "a billion laughs as a key",
    a_pickle(b"}q\x02)" + b"q\x01h\x01\x86" * 90 + b"K\x01s"),
    r"holds no network's weights, but a dict with <a key that is no word, 0>\. ",
)

for function in (
    "os.system",
    "posix.system",
    "nt.system",
    "subprocess.Popen",
    "builtins.eval",
    "builtins.exec",
    "sys.exit",
    "runpy.run_path",
    "__builtin__.eval",
):
    named = function.replace("__builtin__", "builtins").replace(".", r"\.")
    call = a_pickle(a_call(function, op_text("true")))
    body(
        f"a call of {function}",
        call,
        rf": the pickle in it asks for {named}, which runs commands and has no business among weights; ",
    )


def a_module(inside: dict[str, bytes]) -> bytes:
    return (
        b"cmy.nets\nNet\n)\x81" + op_dict({"_parameters": b"}", "_buffers": b"}", "_modules": op_dict(inside)}) + b"b"
    )


def modules_in_modules() -> bytes:
    """Each names the one before it twice: walked along every path, 2^30 of them."""
    return b"(" + a_module({}) + b"".join(b"q\x01" + a_module({"a": b"h\x01", "b": b"h\x01"}) for _ in range(30)) + b"t"


body(
    "modules without end",
    a_pickle(modules_in_modules()),
    r"names its modules again and again, which no network needs\.$",
)


@broken(r": the tensors up to w\d+\.weight need more than [\d,]+ bytes, far more than the file holds\. " + AGAIN)
def a_storage_turned_a_hundred_times(path: Path) -> None:
    views = {f"w{index}.weight": op_tensor((500, 400), (1, 500), numel=200_000) for index in range(100)}
    with_pickle(path, a_pickle(op_dict(views)), {"0": bytes(800_000)})


@broken(rf"holds no network's weights, but a dict with a+\. {HOW}")
def a_name_of_megabytes(path: Path) -> None:
    with_pickle(path, a_pickle(op_dict({"a" * 10**7: op_tensor((2,), (1,))})), FOUR)


# safetensors

ONE = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}
header("an unknown type", {"a": {**ONE, "dtype": "F4"}}, r": a is of the type F4, which is not read\.$")
header(
    "a shape that does not fit",
    {"a": {**ONE, "shape": [3, 2]}},
    rf"is damaged: a of the shape 3 × 2 does not fit its 16 bytes\. {AGAIN}",
)
header(
    "a shape of absurd size",
    {"a": {**ONE, "shape": [2**61, 2**61]}},
    rf"is damaged: the shape of a makes no sense\. {AGAIN}",
)
header(
    "numbers out of the file",
    {"a": {**ONE, "data_offsets": [0, 16000], "shape": [4000]}},
    rf"is cut: \d+ bytes are here, and [\d,]+ belong to it\. {AGAIN}",
)
header(
    "tensors over one another",
    {"a": ONE, "b": {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]}},
    rf"is damaged: b lies over another tensor\. {AGAIN}",
)
header(
    "a gap",
    {"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]}},
    rf"is damaged: a leaves a gap before it\. {AGAIN}",
)
header(
    "bytes left over", {"a": ONE}, rf"is damaged: \d+ bytes are here, and \d+ belong to it\. {AGAIN}", data=bytes(20)
)
header(
    "negative places",
    {"a": {**ONE, "data_offsets": [-16, 0]}},
    rf"is damaged: its safetensors header cannot be read\. {AGAIN}",
)
header(
    "places that turn back",
    {"a": {**ONE, "data_offsets": [16, 0]}},
    rf"is damaged: its safetensors header cannot be read\. {AGAIN}",
)
header("a header of other things", {"a": 3}, rf"is damaged: its safetensors header cannot be read\. {AGAIN}")
header(
    "no tensors",
    {"__metadata__": {"format": "pt"}},
    r"holds no tensors\. Save the network's weights in it\.$",
    data=b"",
)
header(
    "dimensions without end",
    {"a": {**ONE, "shape": [1] * 4000}},
    rf"is damaged: a of the shape .* does not fit its 16 bytes\. {AGAIN}",
)


@broken(rf"says that its header is 21,474,836,480 bytes long, in a file of \d+\. {AGAIN}")
def a_header_of_20_gigabytes(path: Path) -> None:
    safetensors_file(path, b'{"a": 1}' + b"\xff\x00" * 8, length=20 * 2**30)


@broken(rf"is cut: 36 bytes are here, and its header alone ends at 1,008\. {AGAIN}")
def a_header_that_is_cut(path: Path) -> None:
    safetensors_file(path, b'{"a.weight": {"dtype": "F32"', length=1000)


@broken(rf"is cut: \d+ bytes are here, and \d+ belong to it\. {AGAIN}")
def a_safetensors_file_that_is_cut(path: Path) -> None:
    safetensors.torch.save_file(small_weights(), path)
    path.write_bytes(path.read_bytes()[:-10])


@broken(rf"is damaged: its safetensors header cannot be read\. {AGAIN}")
def a_header_of_brackets(path: Path) -> None:
    safetensors_file(path, b'{"a":' + b"[" * 100_000)


# npz


def an_npz(path: Path, **members: bytes) -> Path:
    return write_zip(path, {f"{name}.npy": data for name, data in members.items()})


def an_npy(shape: str, data: bytes, dtype: str = "<f4") -> bytes:
    head = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + data


@broken(rf": w has the shape 1,000,000,000, which needs 4,000,000,000 bytes; the file holds 16\. {AGAIN}")
def an_array_of_more_than_there_is(path: Path) -> None:
    an_npz(path, w=an_npy("(1000000000,)", bytes(16)))


@broken(rf": w in it is no array that can be read\. {AGAIN}")
def an_array_with_a_negative_side(path: Path) -> None:
    an_npz(path, w=an_npy("(-4,)", bytes(16)))


@broken(rf": w in it is no array that can be read\. {AGAIN}")
def an_array_without_a_header(path: Path) -> None:
    an_npz(path, w=b"weights")


@broken(r"holds no tensors\. Save the network's weights in it\.$")
def arrays_of_objects(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, w=np.array([{"a": 1}], dtype=object))


@broken(rf"is damaged: the check sum of w\.npy in it does not agree\. {AGAIN}")
def an_array_with_a_flipped_bit(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, w=np.full(9, 7.25))
    flipped(path, path.read_bytes().index(struct.pack("<d", 7.25)) + 3)


def test_there_are_enough_of_them():
    assert len(BROKEN) >= 60
    assert len({name for name, _, _ in BROKEN}) == len(BROKEN)


@pytest.mark.parametrize(("build", "sentence"), [pytest.param(*rest, id=name) for name, *rest in BROKEN])
def test_a_broken_file_is_told_in_one_plain_sentence(tmp_path, build, sentence):
    path = tmp_path / "net.pt"
    build(path)
    with pytest.raises(ForeignError, match=rf"^net\.pt:? ?{sentence.removeprefix(':').lstrip()}") as told:
        read_checkpoint(path)
    assert not isinstance(told.value, CodeError)
    assert len(str(told.value)) < 400
    assert "\n" not in str(told.value)


HUNGRY = [
    "a number read a billion times",
    "a_zip_bomb",
    "a_packed_part_that_is_longer_than_it_says",
    "a_header_of_20_gigabytes",
]
HUNGRY += [
    "an_array_of_more_than_there_is",
    "an_older_one_with_an_absurd_count",
    "a_terabyte",
    "a_pickle_of_absurd_size",
]
HUNGRY += ["modules without end, zip", "a_storage_turned_a_hundred_times"]
HUNGRY += ["copies of copies, zip", "a word longer than the file, zip", "a billion laughs as a key, older"]


@pytest.mark.parametrize("name", HUNGRY)
def test_what_a_file_asks_for_is_compared_with_what_it_holds_before_memory_is_taken(tmp_path, name):
    path = tmp_path / "net.pt"
    next(build for known, build, _ in BROKEN if known == name)(path)
    tracemalloc.start()
    try:
        with pytest.raises(ForeignError, match=r"^net\.pt"):
            read_checkpoint(path)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 200 * 2**20


def test_a_pickle_of_nothing_but_empty_sets_comes_to_an_end(tmp_path, monkeypatch):
    monkeypatch.setattr("stn_viz.foreign.files.pickles.MAX_STEPS", 1000)
    path = with_pickle(tmp_path / "net.pt", a_pickle(b"(" + b"\x8f" * 1100 + b"l"))
    with pytest.raises(
        ForeignError, match=r"the pickle in it has more than 1,000 steps, which no file of weights needs\."
    ):
        read_checkpoint(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path):
    path = save(small_weights(), tmp_path / "net.pt")
    path.chmod(0)
    with pytest.raises(
        ForeignError, match=r"^net\.pt may not be read by you\. Change its permissions \(chmod u\+r\)\.$"
    ):
        read_checkpoint(path)


def test_a_file_without_permission_is_told_for_root_too(tmp_path, monkeypatch):
    path = save(small_weights(), tmp_path / "net.pt")

    def refused(*_: object) -> io.BufferedReader:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(
        ForeignError, match=r"^net\.pt may not be read by you\. Change its permissions \(chmod u\+r\)\.$"
    ):
        read_checkpoint(path)


def test_the_rest_of_the_folder_still_opens(tmp_path):  # CASES 14
    save(small_weights(), tmp_path / "a_good_one.pt")
    for index, (_, build, _) in enumerate(BROKEN[:12]):
        build(tmp_path / f"net_{index}.pt")
    opened, told = [], []
    for path in sorted(tmp_path.iterdir()):
        try:
            opened.append(read_checkpoint(path, root=tmp_path).path.name)
        except ForeignError as error:
            told.append(str(error))
    assert opened == ["a_good_one.pt"]
    assert len(told) == 12
