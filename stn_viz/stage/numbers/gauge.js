/**
 * Human coordinates over theta: rotation, zoom, aspect, shear, shift; each gauge with its inverse beside it.
 *
 *     A = [[t11, t12], [t21, t22]] = R(rotation) [[1, shear], [0, 1]] diag(s_x, s_y)
 *     zoom = 1 / sqrt|s_x s_y|, aspect = s_y / s_x (negative: mirrored), s_x > 0
 *
 * Rotation in degrees, positive gives t21 > 0; the rest without unit (shifts normalised). The same formulas as
 * stn_viz/transformer/gauges.py; tests/stage/test_js_gauge.py holds the two together.
 */

const DEGREES = 180 / Math.PI;
const LEAST = 1e-12; // the least scale, and the least zoom, that a gauge tells from none
const LEAST_ASPECT = LEAST * LEAST;

/** Kept away from 0 on its own side, so that a singular theta has a finite answer; 0 itself counts as positive. */
const atLeast = (value, least = LEAST) => (value < 0 ? Math.min(value, -least) : Math.max(value, least));

/** Degrees in (-180, 180]; -0 as a sine counts as 0. */
const angle = (sin, cos) => Math.atan2(sin + 0, cos) * DEGREES;

const affine = {
  names: ["rotation", "zoom", "aspect", "shear", "shift_x", "shift_y"],
  toTheta([rotation, zoom, aspect, shear, shiftX, shiftY]) {
    const cos = Math.cos(rotation / DEGREES);
    const sin = Math.sin(rotation / DEGREES);
    const ratio = atLeast(aspect, LEAST_ASPECT);
    const scaleX = 1 / (atLeast(zoom) * Math.sqrt(Math.abs(ratio)));
    const scaleY = ratio * scaleX;
    const along = shear * scaleY; // the second column's part along the first
    return [cos * scaleX, cos * along - sin * scaleY, shiftX, sin * scaleX, sin * along + cos * scaleY, shiftY];
  },
  fromTheta([t11, t12, t13, t21, t22, t23]) {
    const first = Math.hypot(t11, t21);
    const second = Math.hypot(t12, t22);
    // (cos, sin) is the first column's direction; without one, the second column's turned back by 90 degrees.
    let [cos, sin] = [1, 0];
    if (first >= LEAST) [cos, sin] = [t11 / first, t21 / first];
    else if (second >= LEAST) [cos, sin] = [t22 / second, -t12 / second];
    const scaleX = Math.max(first, LEAST);
    const scaleY = atLeast(cos * t22 - sin * t12);
    const shear = (cos * t12 + sin * t22) / scaleY;
    const zoom = 1 / (Math.sqrt(scaleX) * Math.sqrt(Math.abs(scaleY)));
    return [angle(sin, cos), zoom, scaleY / scaleX, shear, t13, t23];
  },
};

const similarity = {
  names: ["rotation", "zoom", "shift_x", "shift_y"],
  toTheta([rotation, zoom, shiftX, shiftY]) {
    const scale = 1 / atLeast(zoom);
    return [Math.cos(rotation / DEGREES) * scale, Math.sin(rotation / DEGREES) * scale, shiftX, shiftY];
  },
  fromTheta([a, b, shiftX, shiftY]) {
    return [angle(b, a), 1 / Math.max(Math.hypot(a, b), LEAST), shiftX, shiftY];
  },
};

/** Zoom is 1/s with its sign, so this is the way there and the way back. */
const reciprocal = ([scale, shiftX, shiftY]) => [1 / atLeast(scale), shiftX, shiftY];
const attention = { names: ["zoom", "shift_x", "shift_y"], toTheta: reciprocal, fromTheta: reciprocal };

const GAUGES = { affine, similarity, attention };

/**
 * The gauge of a family.
 *
 * @param {string} family
 * @returns {null | {names: string[], toTheta: (values: ArrayLike<number>) => number[], fromTheta: (theta: ArrayLike<number>) => number[]}}
 *   values in the order of names, theta as the family has it; null where the family has none
 */
export function gaugeOf(family) {
  return Object.hasOwn(GAUGES, family) ? GAUGES[family] : null;
}
