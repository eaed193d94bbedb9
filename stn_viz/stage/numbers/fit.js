/**
 * From source points back to theta: least squares on the basis, the hand's way to set any family.
 *
 * H_x - x_s H_w = 0 and H_y - y_s H_w = 0 are linear in theta. Where H_w does not depend on theta (all families but
 * projective) the normal matrix depends on the rows alone, so its Cholesky factor is kept per rows and a frame of a drag
 * costs one product and one substitution. A tiny ridge pulls toward `near`: what the points leave open stays as it was.
 */

import { coefficients, pointsInto } from "./grid.js";

const RIDGE = 1e-9; // of the normal matrix's mean diagonal: far below a pixel, far above float64 rounding

/** @type {WeakMap<Float32Array, object>} rows -> {basis, count, A, c, L}; rows must not be changed in place */
const factored = new WeakMap();

/**
 * The theta whose source points come closest to `points`.
 *
 * @param {import("./grid.js").Basis} basis
 * @param {Float32Array} rowsB  (count, k) basis functions at the points' targets (basis.hand.b for the 9 x 9 lattice);
 *   never changed in place afterwards, since its factor is kept
 * @param {number} count
 * @param {ArrayLike<number>} points  count * 2 source points (x, y), normalised, finite
 * @param {ArrayLike<number>} near  P numbers: theta where the points do not decide
 * @param {Float64Array} [out]  P numbers, written; a new one if absent
 * @returns {Float64Array} theta: least sum of squared source distances; for projective of H_w / sqrt(1 + x^2 + y^2) times them
 */
export function fitTheta(basis, rowsB, count, points, near, out = new Float64Array(basis.P)) {
  const { P } = basis;
  const { A, c, weight, L, residual, step } = prepared(basis, rowsB, count);
  const rows = 2 * count;
  if (!basis.linear) {
    shiftByPoints(A, weight, count, P, points);
    factor(A.mixed, rows, P, L);
  }
  const design = basis.linear ? A.straight : A.mixed;
  for (let r = 0; r < rows; r++) {
    // Target minus what `near` gives, so that the ridge is on the change.
    const i = r >> 1;
    let sum = weight[i] * (points[r] * c[3 * i + 2] - c[3 * i + (r & 1)]);
    for (let p = 0, at = r * P; p < P; p++) sum -= design[at++] * near[p];
    residual[r] = sum;
  }
  step.fill(0);
  for (let r = 0, at = 0; r < rows; r++) {
    const value = residual[r];
    for (let p = 0; p < P; p++) step[p] += design[at++] * value;
  }
  substitute(L, step, P);
  for (let p = 0; p < P; p++) out[p] = near[p] + step[p];
  basis.settle?.(out, near); // of what the points cannot tell apart
  return out;
}

/** What depends on the rows alone: the design A (points, 3, P), its constant c (points, 3), the factor, the scratch. */
function prepared(basis, rowsB, count) {
  const known = factored.get(rowsB);
  if (known && known.basis === basis && known.count === count) return known;
  const { k, P, M, m0 } = basis;
  const full = new Float64Array(count * 3 * P);
  const c = new Float64Array(count * 3);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < k; j++) {
      const b = rowsB[i * k + j];
      if (b === 0) continue;
      for (let d = 0; d < 3; d++) {
        const row = 3 * j + d;
        c[3 * i + d] += b * m0[row];
        for (let p = 0; p < P; p++) full[(3 * i + d) * P + p] += b * M[row * P + p];
      }
    }
  }
  const straight = new Float64Array(2 * count * P);
  for (let r = 0; r < 2 * count; r++) {
    const row = 3 * (r >> 1) + (r & 1);
    straight.set(full.subarray(row * P, (row + 1) * P), r * P);
  }
  const made = {
    basis, count, c,
    weight: new Float64Array(count).fill(1),
    A: { full, straight, mixed: basis.linear ? straight : new Float64Array(straight.length) },
    L: new Float64Array(P * P),
    residual: new Float64Array(2 * count),
    step: new Float64Array(P),
  };
  if (basis.linear) factor(straight, 2 * count, P, made.L);
  factored.set(rowsB, made);
  return made;
}

/**
 * The projective rows, A_x - x_s A_w and A_y - y_s A_w: built for each fit, since they hold the points. Each is divided by
 * sqrt(1 + x^2 + y^2), so that points near the horizon do not outweigh the rest (as Family.fit does it).
 */
function shiftByPoints(A, weight, count, P, points) {
  for (let i = 0; i < count; i++) weight[i] = 1 / Math.sqrt(1 + points[2 * i] ** 2 + points[2 * i + 1] ** 2);
  for (let r = 0, at = 0; r < 2 * count; r++) {
    const i = r >> 1;
    const w = (3 * i + 2) * P;
    for (let p = 0; p < P; p++, at++) A.mixed[at] = weight[i] * (A.straight[at] - points[r] * A.full[w + p]);
  }
}

/** L, lower triangular, with L L^T = A^T A + ridge. A (rows, P), L (P, P) written. */
function factor(A, rows, P, L) {
  L.fill(0);
  for (let r = 0; r < rows; r++) {
    for (let p = 0; p < P; p++) {
      const value = A[r * P + p];
      if (value === 0) continue; // in a thin plate spline half of each row is zero
      for (let q = 0; q <= p; q++) L[p * P + q] += value * A[r * P + q];
    }
  }
  let ridge = 0;
  for (let p = 0; p < P; p++) ridge += L[p * P + p];
  ridge = (ridge / P) * RIDGE + Number.MIN_VALUE;
  for (let p = 0; p < P; p++) L[p * P + p] += ridge;
  for (let p = 0; p < P; p++) {
    for (let q = 0; q <= p; q++) {
      let sum = L[p * P + q];
      for (let j = 0; j < q; j++) sum -= L[p * P + j] * L[q * P + j];
      // A pivot that rounding made zero or negative has no information: the ridge stands for it.
      L[p * P + q] = p === q ? Math.sqrt(Math.max(sum, ridge)) : sum / L[q * P + q];
    }
  }
}

/** x of L L^T x = x, in place. */
function substitute(L, x, P) {
  for (let p = 0; p < P; p++) {
    let sum = x[p];
    for (let q = 0; q < p; q++) sum -= L[p * P + q] * x[q];
    x[p] = sum / L[p * P + p];
  }
  for (let p = P - 1; p >= 0; p--) {
    let sum = x[p];
    for (let q = p + 1; q < P; q++) sum -= L[q * P + p] * x[q];
    x[p] = sum / L[p * P + p];
  }
}

/**
 * How far a theta's points are from where they were to be.
 *
 * @param {import("./grid.js").Basis} basis
 * @param {ArrayLike<number>} theta
 * @param {ArrayLike<number>} points  2 n source points of the hand's lattice (basis.hand), normalised
 * @param {[number, number]} pixel  a pixel of U in normalised units of x and y
 * @returns {number} root mean square distance, pixels of U; Infinity where a point has none
 */
export function residual(basis, theta, points, [px, py]) {
  const { b, n } = basis.hand;
  const fitted = pointsInto(b, basis.k, n, coefficients(basis, theta, basis.coefficients), new Float32Array(2 * n));
  let sum = 0;
  for (let i = 0; i < 2 * n; i += 2) sum += ((fitted[i] - points[i]) / px) ** 2 + ((fitted[i + 1] - points[i + 1]) / py) ** 2;
  return Number.isFinite(sum) ? Math.sqrt(sum / n) : Infinity;
}
