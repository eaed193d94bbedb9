/**
 * From theta to source points: H = b(p) (M theta + m0), x_s = H_x / H_w, y_s = H_y / H_w.
 *
 * One routine for every family (DESIGN, idea 1): Python builds (b, M, m0) once, the browser multiplies. Coordinates are
 * normalised, x first, under the site's align_corners. Nothing here allocates once the basis is made.
 */

/**
 * @typedef {object} Basis
 * @property {number} n  target pixels, H' * W'
 * @property {number} k  basis functions
 * @property {number} P  parameters
 * @property {Float32Array} b  (n, k) basis functions at the target pixels, row by row
 * @property {Float32Array} M  (3k, P); row 3 j + d: basis function j, coordinate d of (x, y, w)
 * @property {Float32Array} m0  (3k,)
 * @property {Float32Array} identity  (P,)
 * @property {number[]} size  [H', W']
 * @property {boolean} linear  H_w does not depend on theta (all families but projective)
 * @property {{b: Float32Array, shape: number[], count: number}} lines  b (2 L m, k), shape [2L, m], count 2 L m: L lines down
 *   (left to right, each top to bottom), then L across (top to bottom, each left to right); first and last are the edges
 * @property {{b: Float32Array, n: number}} hand  b (81, k): the 9 x 9 lattice over [-1, 1]^2, row by row
 * @property {Float64Array} coefficients  (3k,) scratch of gridInto
 */

/**
 * A basis from its asset (the tensors of transformer.drawing_basis).
 *
 * @param {Object<string, {data: any, shape: number[]}>} tensors  b, M, m0, identity, size, lines_b, lines_shape, hand_b
 * @returns {Basis}
 * @throws {Error} if the shapes contradict each other
 */
export function makeBasis(tensors) {
  const { b, M, m0, identity, size, lines_b: lines, lines_shape: linesShape, hand_b: hand } = tensors;
  const [n, k] = b.shape;
  const P = identity.shape[0];
  if (M.shape[0] !== 3 * k || M.shape[1] !== P || m0.shape[0] !== 3 * k || n !== size.data[0] * size.data[1]) {
    throw new Error(`basis: b is [${b.shape}], M [${M.shape}], m0 [${m0.shape}], size [${[...size.data]}]; expected b (n, k), M (3k, P), m0 (3k), n = H' W'. Write the asset again.`);
  }
  let linear = true;
  for (let row = 2; row < 3 * k; row += 3) for (let p = 0; p < P; p++) if (M.data[row * P + p] !== 0) linear = false;
  const [L, m] = linesShape.data;
  return {
    n, k, P, linear,
    b: b.data, M: M.data, m0: m0.data, identity: identity.data,
    size: [size.data[0], size.data[1]],
    lines: { b: lines.data, shape: [2 * L, m], count: 2 * L * m },
    hand: { b: hand.data, n: hand.shape[0] },
    coefficients: new Float64Array(3 * k),
  };
}

/**
 * M theta + m0: what is left of theta for all the points of a frame.
 *
 * @param {Basis} basis
 * @param {ArrayLike<number>} theta  P numbers
 * @param {Float64Array} out  3k numbers, written
 * @returns {Float64Array} out
 */
export function coefficients(basis, theta, out) {
  const { P, M, m0 } = basis;
  for (let row = 0, at = 0; row < m0.length; row++) {
    let sum = m0[row];
    for (let p = 0; p < P; p++) sum += M[at++] * theta[p];
    out[row] = sum;
  }
  return out;
}

/**
 * The sampling grid, T_theta(G).
 *
 * @param {Basis} basis
 * @param {ArrayLike<number>} theta  P numbers
 * @param {Float32Array} out  n * 2, written: x, y of each source point, normalised. Infinite or NaN on a projective horizon
 * @param {Float32Array} [w]  n, written: H_w; negative is behind the horizon
 * @returns {Float32Array} out
 */
export function gridInto(basis, theta, out, w) {
  return pointsInto(basis.b, basis.k, basis.n, coefficients(basis, theta, basis.coefficients), out, w);
}

/**
 * Source points of any rows of basis functions (the target pixels, the drawn lines, the hand's lattice).
 *
 * @param {Float32Array} rows  (count, k)
 * @param {number} k
 * @param {number} count
 * @param {ArrayLike<number>} coeff  3k, from coefficients()
 * @param {Float32Array} out  count * 2, written: x, y normalised
 * @param {Float32Array} [w]  count, written: H_w
 * @returns {Float32Array} out
 */
export function pointsInto(rows, k, count, coeff, out, w) {
  for (let i = 0, at = 0; i < count; i++) {
    let x = 0;
    let y = 0;
    let z = 0;
    for (let j = 0; j < 3 * k; j += 3) {
      const value = rows[at++];
      x += value * coeff[j];
      y += value * coeff[j + 1];
      z += value * coeff[j + 2];
    }
    out[2 * i] = x / z;
    out[2 * i + 1] = y / z;
    if (w) w[i] = z;
  }
  return out;
}
