/** The area of one output pixel, and where it lands on U. */

import { centre, pointsInto } from "./grid.js";

/**
 * The basis functions at a place between V's pixels: linear between the four around it, and beyond the outermost. Exact where
 * straight lines stay straight; elsewhere right to the second order of a pixel.
 *
 * @param {import("./grid.js").Basis} basis
 * @param {number} row  of V's pixels, fractional: -0.5 is the upper edge
 * @param {number} column
 * @param {Float32Array} out  k numbers, written
 * @returns {Float32Array} out
 */
export function basisAt({ b, k, size: [H, W], hand }, row, column, out) {
  let [rows, height, width, r, c] = [b, H, W, row, column];
  if (H === 1 || W === 1) {
    // One pixel knows no neighbour: the 9 x 9 lattice over the frame stands for them.
    [rows, height, width] = [hand.b, 9, 9];
    [r, c] = [[row, H], [column, W]].map(([at, side]) => 4 * (1 + edge(at, side)));
  }
  const top = Math.max(0, Math.min(height - 2, Math.floor(r)));
  const left = Math.max(0, Math.min(width - 2, Math.floor(c)));
  const [down, right] = [r - top, c - left];
  const at = (top * width + left) * k;
  for (let j = 0; j < k; j++) {
    const upper = rows[at + j] + right * (rows[at + k + j] - rows[at + j]);
    const lower = rows[at + width * k + j] + right * (rows[at + (width + 1) * k + j] - rows[at + width * k + j]);
    out[j] = upper + down * (lower - upper);
  }
  return out;
}

/** Normalised place of a fractional pixel where a side may be one pixel long: then it is the whole frame. */
const edge = (at, side) => (side === 1 ? 2 * at : centre(at, side, false));

const OFFSETS = [[-0.5, -0.5], [-0.5, 0.5], [0.5, 0.5], [0.5, -0.5]]; // clockwise from the top left

/**
 * Where the corners of one output pixel's area lie in U.
 *
 * @param {import("./grid.js").Basis} basis
 * @param {ArrayLike<number>} coeff  3k, from coefficients()
 * @param {number} row  of V
 * @param {number} column
 * @returns {{points: Float32Array, w: Float32Array}} (4 * 2) normalised source points and their H_w, clockwise from the top left
 */
export function footprint(basis, coeff, row, column) {
  const rows = new Float32Array(4 * basis.k);
  OFFSETS.forEach(([down, right], i) => basisAt(basis, row + down, column + right, rows.subarray(i * basis.k, (i + 1) * basis.k)));
  const w = new Float32Array(4);
  return { points: pointsInto(rows, basis.k, 4, coeff, new Float32Array(8), w), w };
}
