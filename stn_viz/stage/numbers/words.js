/**
 * The state in words, for a screen reader and for the number beside U.
 */

/**
 * How much of the grid lies outside the image.
 *
 * @param {Float32Array} grid  n * 2, normalised (x, y)
 * @param {number} n
 * @returns {number} share (0..1) of points with |x| > 1 or |y| > 1, or that are not finite
 */
export function outsideShare(grid, n) {
  let inside = 0;
  // Written so that NaN counts as outside.
  for (let i = 0; i < n; i++) if (Math.abs(grid[2 * i]) <= 1 && Math.abs(grid[2 * i + 1]) <= 1) inside++;
  return n ? 1 - inside / n : 0;
}

const FAMILY = { projective: "projective", tps: "thin plate spline", affine3: "affine over a volume" };

/**
 * One sentence on the state: "rotated 23 degrees, zoom 1.6, 12 % outside, reads 7 at 0.93".
 *
 * What is at rest (no rotation, no shear, no shift) is left out, so that the sentence stays short.
 *
 * @param {object} state
 * @param {string | null} state.family
 * @param {ArrayLike<number> | null} state.theta
 * @param {{names: string[], fromTheta: Function} | null} state.gauge  from gaugeOf(family)
 * @param {number} state.outside  share, 0..1
 * @param {{label: string, probability: number} | null} [state.prediction]
 * @returns {string}
 */
export function sentence({ family, theta, gauge, outside, prediction }) {
  const parts = [];
  if (gauge && theta) {
    const values = gauge.fromTheta(theta);
    const value = (name, rest) => (gauge.names.includes(name) ? values[gauge.names.indexOf(name)] : rest);
    const rotation = Math.round(value("rotation", 0));
    if (rotation) parts.push(`rotated ${rotation} ${Math.abs(rotation) === 1 ? "degree" : "degrees"}`);
    parts.push(`zoom ${short(value("zoom", 1))}`);
    const aspect = value("aspect", 1);
    if (aspect < 0) parts.push("mirrored");
    if (Math.abs(Math.abs(aspect) - 1) >= 0.05) parts.push(`aspect ${short(Math.abs(aspect))}`);
    if (Math.abs(value("shear", 0)) >= 0.05) parts.push(`shear ${short(value("shear", 0))}`);
    shifts(parts, value("shift_x", 0), value("shift_y", 0));
  } else if (family === "translation" && theta) {
    shifts(parts, theta[0], theta[1]);
  } else if (family) {
    parts.push(FAMILY[family] ?? family);
  }
  parts.push(`${outside > 0 && outside < 0.005 ? "under 1" : Math.round(outside * 100)} % outside`);
  if (prediction) parts.push(`reads ${prediction.label} at ${prediction.probability.toFixed(2)}`);
  return parts.join(", ");
}

/** Adds the shifts that are not at rest. */
function shifts(parts, x, y) {
  if (Math.abs(x) >= 0.05) parts.push(`shift x ${short(x)}`);
  if (Math.abs(y) >= 0.05) parts.push(`shift y ${short(y)}`);
}

/** Two digits that mean something: 1.6, 0.42, 12. */
function short(value) {
  return String(Number(value.toPrecision(2)));
}
