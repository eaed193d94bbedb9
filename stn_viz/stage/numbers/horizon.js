/**
 * The two lines at which a homography goes to infinity, and the part of the target frame behind.
 *
 * [H_x, H_y, H_w] = h [x_t, y_t, 1]. In the target, H_w = 0 is a line: its points have no source at a finite place, and beyond
 * it H_w < 0, where x / w comes back from the other side. In the source, the targets' own line at infinity has the image
 * through (h11, h21, h31) and (h12, h22, h32): what a photograph's horizon is. The grid comes close to it, however far it goes.
 * A line is [a, b, c]: a x + b y + c = 0, normalised coordinates.
 */

/** H_w at and below which a point counts as behind: float32's rounding of a sum of ones. */
export const HORIZON = 1e-6;

/** @returns {[number, number, number]} of a projective theta: H_w(x_t, y_t) = a x + b y + c, the line in the target */
export const targetHorizon = (theta) => [theta[6], theta[7], 1];

/** @returns {[number, number, number]} the image of the targets' line at infinity, in the source */
export function sourceHorizon([h11, h12, , h21, h22, , h31, h32]) {
  return [h21 * h32 - h31 * h22, h31 * h12 - h11 * h32, h11 * h22 - h21 * h12];
}

/**
 * Where a line crosses a rectangle.
 *
 * @param {[number, number, number]} line
 * @param {[number, number, number, number]} rectangle  left, top, right, bottom
 * @returns {[[number, number], [number, number]] | null} the two ends of the crossing, or null
 */
export function crossing([a, b, c], [left, top, right, bottom]) {
  const corners = [[left, top], [right, top], [right, bottom], [left, bottom]];
  const value = ([x, y]) => a * x + b * y + c;
  const ends = [];
  corners.forEach((from, i) => {
    const to = corners[(i + 1) % 4];
    const [v, next] = [value(from), value(to)];
    if (v < 0 === next < 0 || !Number.isFinite(v) || !Number.isFinite(next)) return;
    const t = v / (v - next);
    ends.push([from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1])]);
  });
  return ends.length === 2 ? ends : null;
}

/**
 * The part of a rectangle where a x + b y + c <= 0.
 *
 * @returns {[number, number][]} corners of a polygon, maybe none
 */
export function behindPart([a, b, c], [left, top, right, bottom]) {
  const corners = [[left, top], [right, top], [right, bottom], [left, bottom]];
  const part = [];
  corners.forEach((from, i) => {
    const to = corners[(i + 1) % 4];
    const [v, next] = [from, to].map(([x, y]) => a * x + b * y + c);
    if (v <= 0) part.push(from);
    if (v <= 0 !== next <= 0) {
      const t = v / (v - next);
      part.push([from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1])]);
    }
  });
  return part;
}

/** @returns {number} area of a polygon, however it turns */
export function areaOf(corners) {
  let twice = 0;
  corners.forEach(([x, y], i) => {
    const [nextX, nextY] = corners[(i + 1) % corners.length];
    twice += x * nextY - nextX * y;
  });
  return Math.abs(twice) / 2;
}

const NEAR = 1e-3; // of its front end's H_w: where a cut line ends, far outside any view

/**
 * Straight grid lines of which one end is behind the horizon are cut short in front of it, so that they can be drawn: the end
 * and its H_w are replaced, in place.
 *
 * @param {{b: Float32Array, count: number}} lines  basis functions of the ends, two a line (basis.lines)
 * @param {number} k
 * @param {ArrayLike<number>} coeff  3k, from coefficients()
 * @param {Float32Array} points  count * 2
 * @param {Float32Array} w  count
 */
export function cutAtHorizon({ b, count }, k, coeff, points, w) {
  for (let first = 0; first < count; first += 2) {
    const front = w[first] > HORIZON ? first : first + 1;
    const back = front === first ? first + 1 : first;
    if (!(w[front] > HORIZON) || !(w[back] <= HORIZON)) continue;
    const end = NEAR * w[front];
    const t = (w[front] - end) / (w[front] - w[back]);
    let [x, y] = [0, 0];
    for (let j = 0; j < k; j++) {
      const value = b[front * k + j] + t * (b[back * k + j] - b[front * k + j]);
      x += value * coeff[3 * j];
      y += value * coeff[3 * j + 1];
    }
    points[2 * back] = x / end;
    points[2 * back + 1] = y / end;
    w[back] = Math.max(end, 2 * HORIZON);
  }
}
