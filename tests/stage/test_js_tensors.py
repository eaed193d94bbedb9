"""tensors.js against what safetensors wrote."""

import base64
import json
import struct

import numpy as np
import pytest
import safetensors.numpy

READ = """(text) => {
  const found = window.m.tensors.readTensors(window.bytes(text));
  const told = ({data, shape}) => [data.constructor.name, shape, [...data].map(String)];
  return Object.entries(found).map(([name, tensor]) => [name, ...told(tensor)]);
}"""
MESSAGE = "(text) => { try { window.m.tensors.readTensors(window.bytes(text)); } catch (e) { return e.message; } }"


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        ("f8", "Float64Array"),
        ("f4", "Float32Array"),
        ("f2", "Float32Array"),
        ("i8", "Float64Array"),
        ("i4", "Int32Array"),
        ("u1", "Uint8Array"),
    ],
)
def test_every_dtype_comes_with_its_shape_and_values(numbers, dtype, kind) -> None:
    values = np.array([[0, 1, 2], [3, 100, 127]]).astype(dtype)
    if values.dtype.kind == "f":
        values[0] = [-1.5, 0.1, 6.1e-5]
    # Odd lengths beside it, so that some start is unaligned for its width if the file leaves it so.
    found = numbers.page.evaluate(READ, encoded(safetensors.numpy.save({"a": np.arange(3, dtype="u1"), "x": values})))
    [(_, got_kind, shape, texts)] = [row for row in found if row[0] == "x"]
    assert (got_kind, shape) == (kind, [2, 3])
    np.testing.assert_array_equal(np.array(texts, float).astype(dtype), values.flatten())


def test_every_half_is_widened_exactly(numbers) -> None:
    halves = np.arange(65536, dtype="u2").view("f2")
    ours = numbers.call("(m, t) => t.x.data", x=halves)
    np.testing.assert_array_equal(ours, halves.astype("f4"))


def test_an_unaligned_tensor_is_copied_into_place(numbers) -> None:
    header = json.dumps({"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    header += b" " * (1 + (-len(header)) % 4)  # the data starts one past a multiple of four
    data = struct.pack("<Q", len(header)) + header + struct.pack("<2f", 1.5, -2)
    assert numbers.page.evaluate(READ, encoded(data)) == [["x", "Float32Array", [2], ["1.5", "-2"]]]


def test_an_empty_tensor_and_metadata_are_no_trouble(numbers) -> None:
    data = safetensors.numpy.save({"x": np.zeros((0, 3), "f4")}, metadata={"made": "by hand"})
    assert numbers.page.evaluate(READ, encoded(data)) == [["x", "Float32Array", [0, 3], []]]


GOOD = safetensors.numpy.save({"x": np.zeros((4, 5), "f4")})


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "the asset has 0 bytes"),
        (GOOD[:20], "the asset ends inside its header"),
        (GOOD[:-8], 'tensor "x" needs 80 bytes for its shape [4,5], the asset holds 72: fetch it again'),
        (
            GOOD.replace(b'"F32"', b'"F31"'),
            'tensor "x" is F31; the stage reads F64, F32, F16, I64, I32, U8: convert it first',
        ),
        (GOOD.replace(b"[4,5]", b"[4,6]"), 'tensor "x" needs 96 bytes for its shape [4,6], the asset holds 80'),
    ],
)
def test_a_broken_file_is_named(numbers, data, sentence) -> None:
    assert numbers.page.evaluate(MESSAGE, encoded(data)).startswith(sentence)
