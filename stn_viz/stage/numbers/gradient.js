/**
 * How V changes when its sample point moves: dV/dx and dV/dy (eqs. 6 and 7) and, through the basis, dV/dtheta.
 *
 * As torch's autograd has it: the kernel's own slope, taken to the right at a pixel's centre; border and reflection act on the
 * coordinate under bilinear (so clipped is 0, mirrored is negative) and on each tap under bicubic; nearest has none.
 * Source: aten/src/ATen/native/cpu/GridSamplerKernel.cpp; Jaderberg et al. 2015, section 3.3.
 */

import { pixel, taps } from "./sampler.js";

const CUBIC = -0.75;

/**
 * @param {number} x  normalised
 * @param {number} y
 * @param {{data: ArrayLike<number>, channels: number, height: number, width: number}} U
 * @param {import("./sampler.js").Rule} rule
 * @returns {{x: Float64Array, y: Float64Array, scale: [number, number]}} by channel, for one pixel of U to the right or down;
 *   `scale` pixels are one normalised unit, so that dV/dx_s is scale times as much
 */
export function sampleGradient(x, y, U, rule) {
  const { width, height, channels, data } = U;
  const { kernel, align_corners: align } = rule;
  const scale = [width, height].map((side) => (align ? side - 1 : side) / 2);
  const out = { x: new Float64Array(channels), y: new Float64Array(channels), scale };
  const found = kernel === "nearest" ? [] : taps(x, y, U, rule);
  if (!found.length) return out;
  const side = kernel === "bicubic" ? 4 : 2;
  const across = slopes(x, width, rule);
  const down = slopes(y, height, rule);
  found.forEach(({ col, row, inside }, i) => {
    if (!inside) return;
    const [right, below] = [i % side, Math.floor(i / side)];
    const at = row * width + col;
    for (let c = 0; c < channels; c++) {
      const value = data[c * width * height + at];
      out.x[c] += across.slope[right] * down.weight[below] * value;
      out.y[c] += across.weight[right] * down.slope[below] * value;
    }
  });
  return out;
}

/** Weights of the taps along one axis and how they change for a pixel to the right. */
function slopes(coord, size, { kernel, padding, align_corners: align }) {
  const p = pixel(coord, size, align); // in float32, so that it falls between the same taps
  if (kernel === "bicubic") {
    const t = p - Math.floor(p);
    return { weight: [1 + t, t, 1 - t, 2 - t].map(keys), slope: [keysSlope(1 + t), keysSlope(t), -keysSlope(1 - t), -keysSlope(2 - t)] };
  }
  const { at, turn } = padded(p, size, padding, align);
  const t = at - Math.floor(at);
  return { weight: [1 - t, t], slope: [-turn, turn] };
}

/** Where the padding puts a position, and how far that moves when the position does: 1, 0 or -1. */
function padded(p, size, padding, align) {
  if (padding === "zeros") return { at: p, turn: 1 };
  let [at, turn] = [p, 1];
  if (padding === "reflection") {
    if (align && size <= 1) return { at: 0, turn: 0 };
    const low = align ? 0 : -0.5;
    const period = align ? 2 * (size - 1) : 2 * size;
    const extra = Math.abs(p - low) % period;
    turn = (p < low ? -1 : 1) * (extra > period / 2 ? -1 : 1);
    at = Math.min(extra, period - extra) + low;
  }
  if (at <= 0 || at >= size - 1) turn = 0; // torch counts the rim itself as clipped
  return { at: Math.max(0, Math.min(size - 1, at)), turn };
}

const keys = (d) => (d <= 1 ? ((CUBIC + 2) * d - (CUBIC + 3)) * d * d + 1 : ((CUBIC * d - 5 * CUBIC) * d + 8 * CUBIC) * d - 4 * CUBIC);
const keysSlope = (d) => (d <= 1 ? (3 * (CUBIC + 2) * d - 2 * (CUBIC + 3)) * d : (3 * CUBIC * d - 10 * CUBIC) * d + 8 * CUBIC);

/**
 * How one sample point moves with each entry of theta: the rows of the grid's Jacobian (B, with the quotient rule).
 *
 * @param {import("./grid.js").Basis} basis
 * @param {ArrayLike<number>} row  k basis functions at the target
 * @param {number} x  the sample point, normalised
 * @param {number} y
 * @param {number} w  its H_w
 * @returns {{x: Float64Array, y: Float64Array}} dx_s/dtheta and dy_s/dtheta, P numbers each
 */
export function pointJacobian({ M, P, k }, row, x, y, w) {
  const out = { x: new Float64Array(P), y: new Float64Array(P) };
  for (let j = 0; j < k; j++) {
    const b = row[j] / w;
    if (b === 0) continue;
    const at = 3 * j * P;
    for (let p = 0; p < P; p++) {
      const third = M[at + 2 * P + p];
      out.x[p] += b * (M[at + p] - x * third);
      out.y[p] += b * (M[at + P + p] - y * third);
    }
  }
  return out;
}
