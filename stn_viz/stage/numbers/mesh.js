/** A mesh over the target frame and some way beyond it: basis functions at its vertices, and what theta makes of them. */

import { basisAt } from "./footprint.js";
import { centre } from "./grid.js";

const FINEST = 28; // cells of the frame a side: a bent frame is drawn by so many straight ones
const COARSEST = 8; // pixels a side, of which the cells are made; fewer say too little of how a frame bends
const RINGS = 3; // cells beyond the frame, on each side

/** @returns {number} how far the frame's outer edges lie from its middle: 1, or more where -1 and 1 are the outer pixels' centres */
export const reachOf = (size, align) => (align && size > 1 ? size / (size - 1) : 1);

/** @returns {number} row or column of V's pixels, fractional, at a place of the target frame; for basisAt */
export const toPixel = (p, size, align) => (size === 1 ? p / 2 : align ? ((p + 1) * (size - 1)) / 2 : ((p + 1) * size - 1) / 2);

const kept = new WeakMap(); // basis -> key -> mesh

/**
 * @param {import("./grid.js").Basis} basis
 * @param {boolean} align  the target grid's own convention
 * @param {number[]} extent  how far it goes in x and y, normalised, at least the frame's own reach
 * @returns {{k: number, columns: number, rows: number, b: Float32Array, targets: Float64Array}} vertices row by row; the first and
 *   last RINGS cells each way are beyond the frame, where the basis goes on straight
 */
export function meshOf(basis, align, extent) {
  const key = [align, ...extent.map((value) => value.toFixed(3))].join();
  const known = kept.get(basis);
  if (known?.key === key) return known.mesh;
  const [H, W] = basis.size;
  const [xs, ys] = [axisOf(W, align, extent[0]), axisOf(H, align, extent[1])];
  const { k } = basis;
  const b = new Float32Array(xs.length * ys.length * k);
  const targets = new Float64Array(2 * xs.length * ys.length);
  let at = 0;
  for (const y of ys) {
    for (const x of xs) {
      targets[2 * at] = x;
      targets[2 * at + 1] = y;
      basisAt(basis, toPixel(y, H, align), toPixel(x, W, align), b.subarray(at * k, (at + 1) * k));
      at++;
    }
  }
  const mesh = { k, columns: xs.length, rows: ys.length, b, targets };
  kept.set(basis, { key, mesh });
  return mesh;
}

/** Vertices along one side of the frame: at the pixels' centres, where the basis is known exactly, unless they are many; and the rings. */
function axisOf(size, align, extent) {
  const reach = reachOf(size, align);
  const few = size >= COARSEST && size <= FINEST;
  const inner = few
    ? [-reach, ...Array.from({ length: size }, (_, i) => centre(i, size, align)), reach]
    : Array.from({ length: FINEST + 1 }, (_, i) => reach * ((2 * i) / FINEST - 1));
  const beyond = Math.max(0, extent - reach) / RINGS;
  const ring = Array.from({ length: RINGS }, (_, i) => reach + (i + 1) * beyond);
  return [...ring.map((p) => -p).reverse(), ...inner, ...ring];
}

/** @returns {boolean} whether a cell of a mesh lies in the frame */
export const inFrame = ({ columns, rows }, column, row) => column >= RINGS && row >= RINGS && column < columns - 1 - RINGS && row < rows - 1 - RINGS;

/**
 * Homogeneous source coordinates of any rows of basis functions.
 *
 * @param {Float32Array} b  (count, k)
 * @param {number} k
 * @param {number} count
 * @param {ArrayLike<number>} coeff  3k, from coefficients()
 * @param {Float64Array} out  count * 3, written: H_x, H_y, H_w
 * @returns {Float64Array} out
 */
export function homogeneousInto(b, k, count, coeff, out) {
  for (let i = 0, at = 0; i < count; i++) {
    let [x, y, w] = [0, 0, 0];
    for (let j = 0; j < 3 * k; j += 3) {
      const value = b[at++];
      x += value * coeff[j];
      y += value * coeff[j + 1];
      w += value * coeff[j + 2];
    }
    out[3 * i] = x;
    out[3 * i + 1] = y;
    out[3 * i + 2] = w;
  }
  return out;
}
