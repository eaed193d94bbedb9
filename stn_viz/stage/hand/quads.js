/**
 * Projective hands: four corners go where they are put, by the one homography that does it.
 *
 * In homogeneous coordinates the frame stays a parallelogram, H_tl + H_br = H_tr + H_bl. With H_i = w_i (x_i, y_i, 1) it follows
 * that w_i goes as the area of the other three corners' triangle; h33 = 1 says the factor, since it is the mean of the four.
 * All corners are in front of the horizon exactly if the quadrilateral is convex: at its limit three of them lie on one line.
 */

const NEAREST = 0.01; // least w of a corner for the largest: nearer to the horizon the picture is a sliver

/** Twice the signed area of the triangle a, b, c. */
const area = (a, b, c) => (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);

/** w of the corners up to a common factor. */
const depths = (quad) => quad.map((_, i) => area(quad[(i + 1) % 4], quad[(i + 2) % 4], quad[(i + 3) % 4]));

/**
 * @param {number[][]} quad  source points of the frame's corners: top left, top right, bottom right, bottom left
 * @returns {Float64Array | null} theta (8,), exact to float64's rounding; null where that cannot be: three corners on one line
 */
export function fourPoints(quad) {
  const w = depths(quad);
  const mean = (w[0] + w[1] + w[2] + w[3]) / 4;
  const theta = new Float64Array(8);
  for (let d = 0; d < 3; d++) {
    const [tl, tr, br, bl] = quad.map((point, i) => (w[i] / mean) * (point[d] ?? 1));
    theta[3 * d] = (tr + br - tl - bl) / 4;
    theta[3 * d + 1] = (bl + br - tl - tr) / 4;
    if (d < 2) theta[3 * d + 2] = (tl + tr + br + bl) / 4;
  }
  return w.every((value) => value !== 0) && theta.every(Number.isFinite) ? theta : null;
}

/** @returns {boolean} whether a homography shows the whole frame there: convex, and no corner all but on a line of two others */
export function isConvex(quad) {
  const w = depths(quad);
  const [least, largest] = [Math.min(...w), Math.max(...w)];
  return least > 0 ? least >= NEAREST * largest : largest < 0 && largest <= NEAREST * least;
}

/**
 * The place nearest to `to` (along the other corners' sides) where a corner leaves the quadrilateral convex.
 *
 * @returns {{at: number[], stopped: boolean} | null} null where the other three lie on one line already
 */
export function cornerLimited(quad, corner, to) {
  const [next, opposite, before] = [1, 2, 3].map((by) => quad[(corner + by) % 4]);
  const [u, v, d] = [before, next, to].map(([x, y]) => [x - opposite[0], y - opposite[1]]);
  const whole = u[0] * v[1] - u[1] * v[0];
  if (!(Math.abs(whole) > 1e-9 * (u[0] ** 2 + u[1] ** 2 + v[0] ** 2 + v[1] ** 2))) return null;
  // to = opposite + b u + c v, where b, c and b + c - 1 are w of the neighbours and of the opposite corner for this one's
  let b = (d[0] * v[1] - d[1] * v[0]) / whole;
  let c = (u[0] * d[1] - u[1] * d[0]) / whole;
  const least = 1.01 * NEAREST * Math.max(1, Math.abs(b), Math.abs(c), Math.abs(b + c - 1)); // a little more, for rounding
  if (b >= least && c >= least && b + c - 1 >= least) return { at: to, stopped: false };
  const short = Math.max(0, 1 + least - b - c) / 2;
  [b, c] = [b + short, c + short];
  if (b < least) [b, c] = [least, Math.max(c + (short ? b - least : 0), 1)];
  if (c < least) [b, c] = [Math.max(b + (short ? c - least : 0), 1), least];
  return { at: [opposite[0] + b * u[0] + c * v[0], opposite[1] + b * u[1] + c * v[1]], stopped: true };
}

/**
 * Several corners on their way: as far as the quadrilateral stays convex, or all the way where it is convex again (mirrored).
 *
 * @param {(share: number) => number[][]} way  the quadrilateral after a share of it; 0 is where it starts
 * @returns {{quad: number[][], stopped: boolean}}
 */
export function quadLimited(way) {
  if (isConvex(way(1))) return { quad: way(1), stopped: false };
  let [low, high] = [0, 1];
  for (let i = 0; i < 30; i++) {
    const middle = (low + high) / 2;
    if (isConvex(way(middle))) low = middle;
    else high = middle;
  }
  return { quad: way(low), stopped: true };
}

/** Source points of the frame's corners under theta. @returns {number[][]} x, y, w */
export function cornersOf(theta) {
  const [a, b, c, d, e, f, g, h] = theta;
  return [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([x, y]) => {
    const w = g * x + h * y + 1;
    return [(a * x + b * y + c) / w, (d * x + e * y + f) / w, w];
  });
}

/** theta after X -> anchor + A (X - anchor) of every source point: a horizon stays where it is. */
export function carried(theta, [ax, ay], [a, b, c, d], [dx, dy] = [0, 0]) {
  const [tx, ty] = [ax - a * ax - b * ay + dx, ay - c * ax - d * ay + dy];
  const out = new Float64Array(8);
  for (let j = 0; j < 3; j++) {
    const [x, y, w] = [theta[j], theta[3 + j], j < 2 ? theta[6 + j] : 1];
    out[j] = a * x + b * y + tx * w;
    out[3 + j] = c * x + d * y + ty * w;
    if (j < 2) out[6 + j] = w;
  }
  return out;
}
