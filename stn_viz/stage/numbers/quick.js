/**
 * V as bytes, for pictures by the hundred: what gridInto, sampleInto and bytesInto give together, in one pass, for the case that
 * nearly all runs are (bilinear, zeros outside, grey). Positions are not rounded to float32 on the way, so a byte may
 * differ by one from theirs; what is read as numbers comes from them.
 */

import { coefficients, pointsInto } from "./grid.js";

let scratch = new Float32Array(0); // of families that bend: the grid

/** @returns {boolean} whether quickBytes can draw it */
export const isQuick = (U, basis, rule) => U.channels === 1 && !U.screen && !basis.depth && rule.kernel === "bilinear" && rule.padding === "zeros" && (rule.area ?? 1) === 1;

/**
 * @param {Uint32Array} words  n, written: red, green, blue and alpha of each of V's pixels, as ImageData has them
 * @param {{data: ArrayLike<number>, height: number, width: number}} U  one channel, 0..1
 * @param {object} basis  at V's size
 * @param {ArrayLike<number>} theta
 * @param {boolean} align  of the sampler
 */
export function quickBytes(words, { data, height, width }, basis, theta, align) {
  const coeff = coefficients(basis, theta, basis.coefficients);
  const [rows, columns] = basis.size;
  const [byX, byY] = align ? [(width - 1) / 2, (height - 1) / 2] : [width / 2, height / 2];
  const half = align ? 0 : 0.5;
  const { straight } = basis;
  let grid = scratch;
  if (!straight) {
    if (scratch.length < 2 * basis.n) scratch = new Float32Array(2 * basis.n);
    grid = pointsInto(basis.b, basis.k, basis.n, coeff, scratch);
  }
  // Where straight lines stay straight, H is affine in V's row and column: its value at one pixel and two steps say all.
  const first = homogeneous(basis, coeff, 0);
  const right = columns > 1 ? less(homogeneous(basis, coeff, 1), first) : [0, 0, 0];
  const down = rows > 1 ? less(homogeneous(basis, coeff, columns), first) : [0, 0, 0];
  for (let row = 0, i = 0; row < rows; row++) {
    const [startX, startY, startW] = [first[0] + row * down[0], first[1] + row * down[1], first[2] + row * down[2]];
    for (let column = 0; column < columns; column++, i++) {
      let x;
      let y;
      if (straight) {
        const w = startW + column * right[2];
        x = (startX + column * right[0]) / w;
        y = (startY + column * right[1]) / w;
      } else {
        x = grid[2 * i];
        y = grid[2 * i + 1];
      }
      x = (x + 1) * byX - half;
      y = (y + 1) * byY - half;
      let value = 0;
      // Written so that NaN counts as outside.
      if (x > -1 && x < width && y > -1 && y < height) {
        const left = Math.floor(x);
        const top = Math.floor(y);
        const east = x - left;
        const south = y - top;
        const at = top * width + left;
        if (left >= 0 && top >= 0 && left + 1 < width && top + 1 < height) {
          value = (1 - south) * ((1 - east) * data[at] + east * data[at + 1]) + south * ((1 - east) * data[at + width] + east * data[at + width + 1]);
        } else {
          const [west, inside] = [left >= 0, left + 1 < width];
          if (top >= 0) value += (1 - south) * ((west ? (1 - east) * data[at] : 0) + (inside ? east * data[at + 1] : 0));
          if (top + 1 < height) value += south * ((west ? (1 - east) * data[at + width] : 0) + (inside ? east * data[at + width + 1] : 0));
        }
      }
      const byte = value >= 1 ? 255 : value > 0 ? (255 * value + 0.5) | 0 : 0;
      words[i] = 0xff000000 | (byte * 0x010101);
    }
  }
}

const less = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];

function homogeneous({ b, k }, coeff, i) {
  const at = [0, 0, 0];
  for (let j = 0; j < k; j++) for (let d = 0; d < 3; d++) at[d] += b[i * k + j] * coeff[3 * j + d];
  return at;
}
