/**
 * Families that move the plane by one 3 x 3 matrix: theta as that matrix and back, matrices one after the other.
 *
 * A matrix is 9 numbers row by row over homogeneous (x, y, 1), from V to U as theta is. Nothing here knows a family: a basis of
 * three functions (x, y, 1) says its matrix by M theta + m0, and theta comes back by least squares on M.
 */

import { centre, coefficients } from "./grid.js";

const LEAST_W = 1e-9; // of a matrix's largest entry: a last entry below it counts as 0, and nothing can be divided by it

/** @returns {boolean} whether this family's grid is one matrix: its lines stay straight */
export const isPlane = (basis) => basis.k === 3 && basis.lines.shape[1] === 2;

/**
 * @param {import("./grid.js").Basis} basis  of a family that is a plane
 * @param {ArrayLike<number>} theta
 * @returns {number[]} 9 numbers, normalised V to normalised U
 */
export function matrixOf(basis, theta) {
  const columns = coefficients(basis, theta, basis.coefficients);
  return [0, 1, 2].flatMap((d) => [columns[d], columns[3 + d], columns[6 + d]]);
}

/**
 * The theta whose matrix comes closest.
 *
 * @param {import("./grid.js").Basis} basis
 * @param {number[]} matrix  9 numbers; as a homography, up to a factor
 * @returns {{theta: Float64Array, off: number}} off: the largest entry that this family cannot follow; Infinity where the last entry is 0
 */
export function thetaOf(basis, matrix) {
  const { P, M, m0 } = basis;
  const usual = unit(matrix);
  if (!usual) return { theta: Float64Array.from(basis.identity), off: Infinity };
  const wanted = [0, 1, 2].flatMap((column) => [0, 1, 2].map((d) => usual[3 * d + column]));
  // The columns of M are orthogonal in all of these families (each entry of the matrix holds one of theta, at most with a sign).
  const theta = new Float64Array(P);
  for (let p = 0; p < P; p++) {
    let [sum, size] = [0, 0];
    for (let row = 0; row < 9; row++) {
      sum += M[row * P + p] * (wanted[row] - m0[row]);
      size += M[row * P + p] ** 2;
    }
    theta[p] = sum / size;
  }
  const got = matrixOf(basis, theta);
  return { theta, off: Math.max(...got.map((value, i) => Math.abs(value - usual[i]))) };
}

/** The same homography with a last entry of 1; null where that is 0. */
export function unit(matrix) {
  const last = matrix[8];
  const largest = Math.max(...matrix.map(Math.abs));
  return Math.abs(last) > LEAST_W * largest ? matrix.map((value) => value / last) : null;
}

/** @returns {boolean} whether the last row is 0 0 1 */
export const isAffine = (matrix) => matrix[6] === 0 && matrix[7] === 0 && matrix[8] === 1;

/** a b: b is done first. An image warped by theta a, and the result by theta b, is warped by a b: theta goes from V back to U. */
export function times(a, b) {
  return [0, 1, 2].flatMap((r) => [0, 1, 2].map((c) => a[3 * r] * b[c] + a[3 * r + 1] * b[3 + c] + a[3 * r + 2] * b[6 + c]));
}

/** The inverse, null for none; of an affine matrix the last row is 0 0 1 exactly. */
export function inverse(matrix) {
  const [a, b, c, d, e, f, g, h, i] = matrix;
  const minors = [e * i - f * h, c * h - b * i, b * f - c * e, f * g - d * i, a * i - c * g, c * d - a * f, d * h - e * g, b * g - a * h, a * e - b * d];
  const det = a * minors[0] + b * minors[3] + c * minors[6];
  const out = minors.map((value) => value / det + 0);
  if (!out.every(Number.isFinite)) return null;
  return isAffine(matrix) ? [...out.slice(0, 6), 0, 0, 1] : out;
}

/**
 * A theta for an image warped by `first`, the result by `second`; and the other order, for comparison.
 *
 * @returns {{both: number[] | null, swapped: number[] | null, apart: number}} apart: the largest difference of an entry
 */
export function chained(first, second) {
  const [both, swapped] = [unit(times(first, second)), unit(times(second, first))];
  const apart = both && swapped ? Math.max(...both.map((value, i) => Math.abs(value - swapped[i]))) : Infinity;
  return { both, swapped, apart };
}

/**
 * Source points of a matrix at V's pixels.
 *
 * @param {number[]} matrix
 * @param {[number, number]} size  [H', W']
 * @param {boolean} align  the grid's align_corners
 * @param {Float32Array} out  2 H' W', written
 */
export function planeInto(matrix, [H, W], align, out) {
  for (let row = 0, at = 0; row < H; row++) {
    const y = centre(row, H, align);
    for (let column = 0; column < W; column++, at += 2) {
      const x = centre(column, W, align);
      const w = matrix[6] * x + matrix[7] * y + matrix[8];
      out[at] = (matrix[0] * x + matrix[1] * y + matrix[2]) / w;
      out[at + 1] = (matrix[3] * x + matrix[4] * y + matrix[5]) / w;
    }
  }
  return out;
}
