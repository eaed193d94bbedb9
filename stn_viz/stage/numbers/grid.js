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
 * @property {boolean} straight  b is affine in the target's (x, y): straight lines stay straight, and two points draw one
 * @property {{b: Float32Array, shape: number[], count: number}} lines  b (2 L m, k), shape [2L, m], count 2 L m: L lines down
 *   (left to right, each top to bottom), then L across (top to bottom, each left to right); first and last are the edges
 * @property {{b: Float32Array, n: number}} hand  b (81, k): the 9 x 9 lattice over [-1, 1]^2, row by row
 * @property {Float32Array | null} control  (K*K*2) target positions of the control points, of families that have some
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
  const { b, M, m0, identity, size, lines_b: lines, lines_shape: linesShape, hand_b: hand, control } = tensors;
  const [n, k] = b.shape;
  const P = identity.shape[0];
  if (M.shape[0] !== 3 * k || M.shape[1] !== P || m0.shape[0] !== 3 * k || n !== size.data[0] * size.data[1]) {
    throw new Error(`basis: b is [${b.shape}], M [${M.shape}], m0 [${m0.shape}], size [${[...size.data]}]; expected b (n, k), M (3k, P), m0 (3k), n = H' W'. Write the asset again.`);
  }
  let linear = true;
  for (let row = 2; row < 3 * k; row += 3) for (let p = 0; p < P; p++) if (M.data[row * P + p] !== 0) linear = false;
  const [L, m] = linesShape.data;
  return {
    n, k, P, linear, straight: linesShape.data[1] === 2,
    b: b.data, M: M.data, m0: m0.data, identity: identity.data,
    size: [size.data[0], size.data[1]],
    lines: { b: lines.data, shape: [2 * L, m], count: 2 * L * m },
    hand: { b: hand.data, n: hand.shape[0] },
    control: control ? control.data : null,
    coefficients: new Float64Array(3 * k),
  };
}

/**
 * The same family over another target grid, where straight lines stay straight: its basis functions are then affine in the
 * target's (x, y), so the frame's corners say all. For families that bend (null) the server makes the basis.
 *
 * @param {Basis} basis
 * @param {[number, number]} size  [H', W']
 * @param {boolean} align  the target grid's align_corners: outer pixels' centres (true) or outer edges (false) at -1 and 1
 * @returns {Basis | null}
 */
export function resized(basis, [H, W], align) {
  if (!basis.straight) return null;
  const { k, hand } = basis;
  const [first, right, down] = [0, 8, 72].map((i) => hand.b.subarray(i * k, (i + 1) * k)); // of the 9 x 9 lattice over [-1, 1]^2
  const b = new Float32Array(H * W * k);
  for (let row = 0, at = 0; row < H; row++) {
    const v = (centre(row, H, align) + 1) / 2;
    for (let column = 0; column < W; column++) {
      const u = (centre(column, W, align) + 1) / 2;
      for (let j = 0; j < k; j++) b[at++] = first[j] + u * (right[j] - first[j]) + v * (down[j] - first[j]);
    }
  }
  return { ...basis, n: H * W, b, size: [H, W], coefficients: new Float64Array(3 * k) };
}

/**
 * The same grid at some of its target pixels, spread evenly, for frames that must come in time.
 *
 * @param {Basis} basis
 * @param {[number, number]} size  [h, w], at most the basis' own
 * @returns {Basis}
 */
export function thinned(basis, [h, w]) {
  const { k, b, size } = basis;
  const rows = new Float32Array(h * w * k);
  for (let row = 0, at = 0; row < h; row++) {
    const from = Math.floor(((row + 0.5) * size[0]) / h) * size[1];
    for (let column = 0; column < w; column++, at += k) {
      const i = (from + Math.floor(((column + 0.5) * size[1]) / w)) * k;
      for (let j = 0; j < k; j++) rows[at + j] = b[i + j];
    }
  }
  return { ...basis, n: h * w, b: rows, size: [h, w], coefficients: new Float64Array(3 * k) };
}

/** @returns {number} a pixel's centre, normalised; 0 where the side is one pixel long, as in torch */
export function centre(pixel, size, align) {
  if (size === 1) return 0;
  return align ? (2 * pixel) / (size - 1) - 1 : (2 * pixel + 1) / size - 1;
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
