/**
 * Which way round: from "the grid moves over a still U" (way 0) to "the image moves under a still V" (way 1).
 *
 * On the screen a point p of the target frame stands at s0 = view(T(p)) in the first and at s1 = viewV(p) in the second. The
 * affine map A that takes s0 to s1 best is split into a turn and a stretch and goes from the identity to A by these, so that a
 * turn turns; what of s1 is not affine comes in by proportion:
 *
 *     s_t = A_t(s0 + t (A^-1(s1) - s0)),   A_t(s) = c_t + R(t angle) Q_t (s - c_0),   A = R(angle) Q, Q symmetric
 *
 * Affine maps on the screen are [a, b, e, c, d, f]: x' = a x + b y + e, y' = c x + d y + f.
 */

const SIDE = 9; // the hand's lattice over [-1, 1]^2
const MIDDLE = (SIDE * SIDE - 1) / 2;
const THINNEST = 1e-5; // least ratio of a frame's two extents that still counts as an area

/**
 * @param {number[]} matrix  2 x 2: a, b, c, d
 * @param {number} [thinnest]  |det| of the squares' sum that still counts: by default for numbers of float32
 * @returns {boolean} whether it maps areas to areas
 */
export function hasArea([a, b, c, d], thinnest = THINNEST) {
  const square = a * a + b * b + c * c + d * d;
  return Number.isFinite(square) && Math.abs(a * d - b * c) > thinnest * square;
}

/**
 * @param {{lattice: Float32Array, whole: boolean}} shown  source points of the 9 x 9 lattice, and whether all are in front and finite
 * @param {{toScreen: Function, metric: number[]}} view  of U
 * @param {{toScreen: Function, metric: number[]}} viewV  of V's frame
 * @returns {{from: number[], to: number[], G: number[], angle: number, Q: number[], affine: boolean}} the way between the two:
 *   G (2 x 2) and `from` say s0 = from + G (s1 - to). `affine` is false where the frame has no area to turn by
 */
export function wayOf({ lattice, whole }, view, viewV) {
  const still = { from: [0, 0], to: [0, 0], G: [1, 0, 0, 1], angle: 0, Q: [1, 0, 0, 1], affine: false };
  const fit = whole ? leastSquares(lattice) : atCentre(lattice);
  const [ux, uy] = view.metric;
  const [vx, vy] = viewV.metric;
  const G = [(fit[0] * ux) / vx, (fit[1] * ux) / vy, (fit[2] * uy) / vx, (fit[3] * uy) / vy];
  if (!hasArea(G) || !Number.isFinite(fit[4] + fit[5])) return still;
  const det = G[0] * G[3] - G[1] * G[2];
  const [a, b, c, d] = [G[3] / det, -G[1] / det, -G[2] / det, G[0] / det];
  if (![a, b, c, d].every(Number.isFinite)) return still;
  const angle = Math.atan2(c - b, a + d);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const Q = [cos * a + sin * c, cos * b + sin * d, cos * c - sin * a, cos * d - sin * b]; // R(-angle) A: symmetric by the choice of angle
  return { from: view.toScreen(fit[4], fit[5]), to: viewV.toScreen(0, 0), G, angle, Q, affine: true };
}

/** Least squares of T over the lattice: x = a px + b py + e ... @returns {number[]} [a, b, c, d, e, f] */
function leastSquares(lattice) {
  const sum = [0, 0, 0, 0, 0, 0];
  let squares = 0;
  for (let i = 0; i < SIDE * SIDE; i++) {
    const [px, py] = [(i % SIDE) / 4 - 1, Math.floor(i / SIDE) / 4 - 1];
    const [x, y] = [lattice[2 * i], lattice[2 * i + 1]];
    squares += px * px;
    sum[0] += x * px;
    sum[1] += x * py;
    sum[2] += y * px;
    sum[3] += y * py;
    sum[4] += x;
    sum[5] += y;
  }
  return sum.map((value, i) => value / (i < 4 ? squares : SIDE * SIDE));
}

/** T's first order at the frame's centre, where a horizon crosses the frame. */
function atCentre(lattice) {
  const at = (i) => [lattice[2 * i], lattice[2 * i + 1]];
  const [x, y] = at(MIDDLE);
  const [[left, leftY], [right, rightY]] = [at(MIDDLE - 1), at(MIDDLE + 1)];
  const [[upX, up], [downX, down]] = [at(MIDDLE - SIDE), at(MIDDLE + SIDE)];
  return [2 * (right - left), 2 * (downX - upX), 2 * (rightY - leftY), 2 * (down - up), x, y];
}

/**
 * The map of U's picture on the screen at way t.
 *
 * @param {object} way  from wayOf
 * @param {number} t  0..1
 * @returns {number[]} [a, b, e, c, d, f]
 */
export function mapAt({ from, to, angle, Q }, t) {
  const [a, b, c, d] = stretched(Q, t);
  const [cos, sin] = [Math.cos(t * angle), Math.sin(t * angle)];
  const L = [cos * a - sin * c, cos * b - sin * d, sin * a + cos * c, sin * b + cos * d];
  const at = [from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1])];
  return [L[0], L[1], at[0] - L[0] * from[0] - L[1] * from[1], L[2], L[3], at[1] - L[2] * from[0] - L[3] * from[1]];
}

/** Q^t of a symmetric 2 x 2; along a direction that is mirrored it goes straight, as a card is turned over. */
function stretched([a, b, , d], t) {
  const mean = (a + d) / 2;
  const reach = Math.hypot((a - d) / 2, b);
  const turn = 0.5 * Math.atan2(2 * b, a - d);
  const [first, second] = [mean + reach, mean - reach].map((value) => (value > 0 ? value ** t : 1 + t * (value - 1)));
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  const across = (first - second) * cos * sin;
  return [first * cos * cos + second * sin * sin, across, across, first * sin * sin + second * cos * cos];
}

/** @returns {number[]} the inverse of [a, b, e, c, d, f]; entries may be infinite */
export function inverted([a, b, e, c, d, f]) {
  const det = a * d - b * c;
  return [d / det, -b / det, (b * f - d * e) / det, -c / det, a / det, (c * e - a * f) / det];
}

/** @returns {number[]} first `inner`, then `outer` */
export function after([a, b, e, c, d, f], [p, q, r, s, u, v]) {
  return [a * p + b * s, a * q + b * u, a * r + b * v + e, c * p + d * s, c * q + d * u, c * r + d * v + f];
}

/**
 * Where points of the frame stand at way t.
 *
 * @param {object} way  from wayOf
 * @param {number} t  0..1
 * @param {number} count
 * @param {Float64Array} s0  count * 2, on the screen at way 0: not finite where there is no such place
 * @param {Float64Array} s1  count * 2, on the screen at way 1
 * @param {Float64Array} out  count * 2, written
 * @returns {Float64Array} out
 */
export function placesInto(way, t, count, s0, s1, out) {
  if (t >= 1) {
    for (let i = 0; i < 2 * count; i++) out[i] = s1[i]; // a point beyond the horizon too
    return out;
  }
  const [a, b, e, c, d, f] = mapAt(way, t);
  const { from, to, G } = way;
  for (let i = 0; i < 2 * count; i += 2) {
    const [x, y] = [s1[i] - to[0], s1[i + 1] - to[1]];
    const qx = s0[i] + t * (from[0] + G[0] * x + G[1] * y - s0[i]);
    const qy = s0[i + 1] + t * (from[1] + G[2] * x + G[3] * y - s0[i + 1]);
    out[i] = a * qx + b * qy + e;
    out[i + 1] = c * qx + d * qy + f;
  }
  return out;
}
