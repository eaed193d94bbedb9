/**
 * Read a safetensors file: the wire format of every array that the stage is given.
 *
 * Eight bytes (the length L of the header, little endian), L bytes of JSON (name -> {dtype, shape, data_offsets}), then
 * the numbers. Nothing in it can be executed. Views are taken where the alignment allows, so nothing is copied twice.
 * Source: https://github.com/huggingface/safetensors#format
 */

const READERS = {
  F64: (bytes) => new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8),
  F32: (bytes) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4),
  F16: (bytes) => widened(new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2)),
  I64: (bytes) => Float64Array.from(new BigInt64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8), Number),
  I32: (bytes) => new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4),
  U8: (bytes) => bytes,
};
const WIDTH = { F64: 8, F32: 4, F16: 2, I64: 8, I32: 4, U8: 1 };

/**
 * All tensors of a file.
 *
 * @param {ArrayBuffer} buffer  the whole file
 * @returns {Object<string, {data: Float32Array|Float64Array|Int32Array|Uint8Array, shape: number[]}>}
 *   F16 is widened to Float32Array, I64 comes as Float64Array (exact up to 2^53); row-major, as written
 * @throws {Error} for a truncated file, a shape that does not fit its bytes, or a dtype that the stage does not read
 */
export function readTensors(buffer) {
  if (buffer.byteLength < 8) throw new Error(`the asset has ${buffer.byteLength} bytes, a safetensors file has at least 8: fetch it again`);
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  if (8 + length > buffer.byteLength) {
    throw new Error(`the asset ends inside its header (${buffer.byteLength} bytes, the header needs ${8 + length}): fetch it again`);
  }
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const tensors = {};
  for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    if (!READERS[dtype]) throw new Error(`tensor "${name}" is ${dtype}; the stage reads ${Object.keys(READERS).join(", ")}: convert it first`);
    const start = 8 + length + offsets[0];
    const size = offsets[1] - offsets[0];
    const expected = WIDTH[dtype] * shape.reduce((a, b) => a * b, 1);
    if (size !== expected || start + size > buffer.byteLength) {
      throw new Error(`tensor "${name}" needs ${expected} bytes for its shape [${shape}], the asset holds ${Math.min(size, buffer.byteLength - start)}: fetch it again`);
    }
    let bytes = new Uint8Array(buffer, start, size);
    if (start % WIDTH[dtype] !== 0) bytes = bytes.slice(); // a view must start at a multiple of its width
    tensors[name] = { data: READERS[dtype](bytes), shape };
  }
  return tensors;
}

/** The facts that an answer of a lens brings beside its tensors (lens/learning): JSON in the header's metadata; {} without. */
export function readFacts(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const { __metadata__: metadata } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  return metadata?.facts ? JSON.parse(metadata.facts) : {};
}

/**
 * Half precision to single.
 *
 * @param {Uint16Array} halves  IEEE 754 binary16, as bits
 * @returns {Float32Array}
 */
function widened(halves) {
  const out = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) {
    const sign = halves[i] & 0x8000 ? -1 : 1;
    const exponent = (halves[i] >> 10) & 0x1f;
    const fraction = halves[i] & 0x3ff;
    if (exponent === 0) out[i] = sign * fraction * 2 ** -24;
    else if (exponent === 31) out[i] = fraction ? NaN : sign * Infinity;
    else out[i] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return out;
}
