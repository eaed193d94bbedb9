/**
 * A sampling grid that is of no family: its points as they were recorded, and what is drawn and fitted from them alone.
 *
 * A grid is a Float32Array of n * 2 numbers (x, y), normalised, row by row of V's H' x W' pixels. There is no theta, so what
 * lies between two points is taken to be straight.
 */

import { fitTheta } from "./fit.js";
import { gridInto, thinned } from "./grid.js";

const MOST_LINES = 15; // down, and across
const MOST_POINTS = 65; // on each of them
const MOST_FITTED = 40; // points a side of which a family's theta is fitted; all of them are looked at after that

/** @returns {number[]} `count` whole numbers from 0 to `size` - 1, spread evenly, both ends among them */
const spread = (count, size) => Array.from({ length: count }, (_, i) => (count > 1 ? Math.round((i * (size - 1)) / (count - 1)) : 0));

/**
 * The grid's lines, as ink/overlay.js draws them: L down (left to right), then L across, m points each. Edges come first and last.
 *
 * @param {Float32Array} grid
 * @param {[number, number]} size  [H', W']
 * @param {(name: string, length: number) => Float32Array} buffer
 * @param {string} name  of the buffers
 * @returns {{points: Float32Array, w: Float32Array, L: number, m: number}} w is 1: nothing lies behind a horizon
 */
export function rawLines(grid, [H, W], buffer, name) {
  const longer = Math.max(H, W);
  const L = Math.max(2, Math.min(MOST_LINES, longer));
  const m = Math.max(2, Math.min(MOST_POINTS, longer));
  const points = buffer(`${name} points`, 4 * L * m);
  const [lineColumns, lineRows, rows, columns] = [spread(L, W), spread(L, H), spread(m, H), spread(m, W)];
  let at = 0;
  const put = (row, column) => {
    const i = 2 * (row * W + column);
    points[at++] = grid[i];
    points[at++] = grid[i + 1];
  };
  for (const column of lineColumns) for (const row of rows) put(row, column);
  for (const row of lineRows) for (const column of columns) put(row, column);
  return { points, w: buffer(`${name} w`, 2 * L * m).fill(1), L, m };
}

const OFFSETS = [[-0.5, -0.5], [-0.5, 0.5], [0.5, 0.5], [0.5, -0.5]]; // clockwise from the top left

/**
 * The area of one output pixel on U: its corners halfway to its neighbours, and at the rim as far beyond.
 *
 * @returns {{points: Float32Array, w: Float32Array}} 4 corners, clockwise from the top left; not a number where V is one pixel wide or high
 */
export function rawFootprint(grid, [H, W], row, column) {
  const points = new Float32Array(8).fill(NaN);
  if (H > 1 && W > 1) {
    OFFSETS.forEach(([down, right], i) => {
      const top = Math.max(0, Math.min(H - 2, Math.floor(row + down)));
      const left = Math.max(0, Math.min(W - 2, Math.floor(column + right)));
      const [v, u] = [row + down - top, column + right - left];
      for (let d = 0; d < 2; d++) {
        const of = (r, c) => grid[2 * ((top + r) * W + left + c) + d];
        points[2 * i + d] = (1 - v) * ((1 - u) * of(0, 0) + u * of(0, 1)) + v * ((1 - u) * of(1, 0) + u * of(1, 1));
      }
    });
  }
  return { points, w: new Float32Array(4).fill(1) };
}

/**
 * The member of a family that comes nearest to a raw grid, by least squares, and how far that is off.
 *
 * @param {import("./grid.js").Basis} basis  of the family, at the grid's own size
 * @param {Float32Array} grid
 * @param {[number, number]} pixel  a pixel of U in normalised units of x and y
 * @returns {{theta: Float64Array, off: number, most: number}} off: root mean square distance over all points, most: the largest;
 *   pixels of U, Infinity where a point has none
 */
export function fitRaw(basis, grid, [px, py]) {
  const [H, W] = basis.size;
  const few = thinned(basis, [Math.min(H, MOST_FITTED), Math.min(W, MOST_FITTED)]);
  const points = new Float32Array(2 * few.n);
  for (let row = 0, at = 0; row < few.size[0]; row++) {
    const from = Math.floor(((row + 0.5) * H) / few.size[0]) * W; // as thinned() takes them
    for (let column = 0; column < few.size[1]; column++, at += 2) {
      const i = 2 * (from + Math.floor(((column + 0.5) * W) / few.size[1]));
      points[at] = grid[i];
      points[at + 1] = grid[i + 1];
    }
  }
  const theta = fitTheta(few, few.b, few.n, points, basis.identity);
  const fitted = gridInto(basis, theta, new Float32Array(2 * basis.n));
  let [sum, most] = [0, 0];
  for (let i = 0; i < 2 * basis.n; i += 2) {
    const square = ((fitted[i] - grid[i]) / px) ** 2 + ((fitted[i + 1] - grid[i + 1]) / py) ** 2;
    sum += square;
    if (square > most) most = square;
  }
  return Number.isFinite(sum) ? { theta, off: Math.sqrt(sum / basis.n), most: Math.sqrt(most) } : { theta, off: Infinity, most: Infinity };
}
