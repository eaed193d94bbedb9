/**
 * Theta and its inverse: where V's pixels look in U, and where U's content goes in V.
 *
 * Both are 3 x 3 over homogeneous normalised coordinates (x, y, 1), the last entry 1. A family that bends has neither: its
 * first order at the frame's centre stands in for it. "Content" is what of U is seen: it goes by the inverse.
 */

import { coefficients } from "./grid.js";
import { homogeneousInto } from "./mesh.js";
import { hasArea, inverted } from "./ways.js";

const SINGULAR = 1e-10; // theta is known to float64: a million to one is thin, and has an inverse
const [CENTRE, RIGHT, LOWER] = [40, 44, 76]; // (0, 0), (1, 0), (0, 1) of the 9 x 9 lattice
const NEIGHBOURS = [39, 41, 31, 49]; // a quarter to the left, right, above, below the centre

/**
 * @param {import("./grid.js").Basis} basis
 * @param {ArrayLike<number>} theta
 * @returns {{theta: number[], inverse: number[] | null, local: boolean, turn: number[], centre: number[] | null}} 9 numbers
 *   each, row by row. inverse is null where theta maps areas to none; turn (2 x 2): the inverse's first order at V's centre;
 *   centre: where U's centre goes in V, null where nowhere in front
 */
export function directionOf(basis, theta) {
  const { k, hand } = basis;
  const coeff = coefficients(basis, theta, basis.coefficients);
  const at = (i) => [...homogeneousInto(hand.b.subarray(i * k, (i + 1) * k), k, 1, coeff, new Float64Array(3))];
  const local = basis.lines.shape[1] !== 2;
  const minus = (a, b) => a.map((value, i) => value - b[i]);
  const origin = at(CENTRE);
  const [x, y] = local
    ? [minus(at(NEIGHBOURS[1]), at(NEIGHBOURS[0])), minus(at(NEIGHBOURS[3]), at(NEIGHBOURS[2]))].map((step) => step.map((value) => 2 * value))
    : [minus(at(RIGHT), origin), minus(at(LOWER), origin)];
  const matrix = [0, 1, 2].flatMap((d) => [x[d], y[d], origin[d]]);
  // d(x / w) = (dx - (x / w) dw) / w, at the centre
  const [px, py] = [origin[0] / origin[2], origin[1] / origin[2]];
  const jacobian = [x[0] - px * x[2], y[0] - px * y[2], x[1] - py * x[2], y[1] - py * y[2]].map((value) => value / origin[2]);
  const back = hasArea(jacobian, SINGULAR) ? inverted([jacobian[0], jacobian[1], 0, jacobian[2], jacobian[3], 0]) : null;
  const inverse = back && inverse3(matrix);
  if (!inverse) return { theta: matrix, inverse: null, local, turn: null, centre: null };
  const w = inverse[8];
  const usual = w > 1e-9 ? inverse.map((value) => value / w) : inverse;
  return {
    theta: matrix, inverse: usual, local,
    turn: [back[0], back[1], back[3], back[4]],
    centre: w > 1e-9 ? [usual[2], usual[5]] : null,
  };
}

/** The inverse of a 3 x 3, positive w staying positive; null for none. */
function inverse3([a, b, c, d, e, f, g, h, i]) {
  const minors = [e * i - f * h, c * h - b * i, b * f - c * e, f * g - d * i, a * i - c * g, c * d - a * f, d * h - e * g, b * g - a * h, a * e - b * d];
  const det = a * minors[0] + b * minors[3] + c * minors[6];
  const out = minors.map((value) => value / det);
  return out.every(Number.isFinite) ? out : null;
}

const LEAST_PX = 0.05;
const LEAST_DEG = 0.05;
const LEAST_GROWTH = 0.005;

/**
 * What U's content does, in words.
 *
 * @param {object} direction  from directionOf
 * @param {{U: number[], V: number[], align: boolean, gridAlign: boolean}} sizes  [height, width] of both; the sampler's and the grid's convention
 * @returns {string[]} sentences
 */
export function contentWords({ inverse, turn, centre, local }, { U, V, align, gridAlign }) {
  if (!inverse) return ["No inverse: the grid has no area. Every place of U that is read goes to a line or to all of V."];
  const half = ([height, width], corners) => [width, height].map((size) => (corners ? Math.max(1, size - 1) : size) / 2);
  const [ux, uy] = half(U, align);
  const [vx, vy] = half(V, gridAlign);
  const near = local ? "Near the centre the content" : "Content";
  const parts = [];
  if (centre) {
    const same = ux === vx && uy === vy;
    const goes = moves([centre[0] * vx, centre[1] * vy], same ? null : [centre[0] * ux, centre[1] * uy]);
    if (goes) parts.push(`moves ${goes}`);
  }
  // Pixels of U to pixels of V, without the change of size that the identity makes too.
  const size = Math.sqrt((vx * vy) / (ux * uy));
  const M = [(turn[0] * vx) / ux, (turn[1] * vx) / uy, (turn[2] * vy) / ux, (turn[3] * vy) / uy].map((value) => value / size);
  const det = M[0] * M[3] - M[1] * M[2];
  // Of the two ways to tell a mirrored turn, the one that turns less.
  const upright = M[3] - M[0] >= 0;
  if (det < 0) parts.push(`is mirrored ${upright ? "left to right" : "top to bottom"}`);
  const flip = upright ? 1 : -1;
  const [c, s] = det < 0 ? [flip * (M[3] - M[0]), -flip * (M[2] + M[1])] : [M[0] + M[3], M[2] - M[1]];
  const angle = (Math.atan2(s, c) * 180) / Math.PI;
  if (Math.abs(angle) >= LEAST_DEG) parts.push(`turns ${fixed(Math.abs(angle))}° ${angle > 0 ? "clockwise" : "counter-clockwise"}`);
  const [long, short] = stretches(M);
  if (long / short > 1.02) parts.push(`is stretched ${factor(long)} one way and ${factor(short)} across it`);
  else {
    const growth = Math.sqrt(long * short);
    if (Math.abs(growth - 1) >= LEAST_GROWTH) parts.push(growth > 1 ? `grows ${factor(growth)}` : `shrinks to ${factor(growth)}`);
  }
  const first = parts.length ? `${near} ${joined(parts)}.` : `${near} stays where it is.`;
  return centre ? [first] : [first, "U's centre is beyond the horizon: it goes nowhere in V."];
}

/** "LEFT by 2.0 px and UP by 1.0 px", or with U's pixels too, where they differ: "LEFT by 2.0 px of V (3.0 of U)"; empty for no move. */
function moves(inV, inU) {
  const way = (i, [less, more]) => {
    if (!(Math.abs(inV[i]) >= LEAST_PX)) return [];
    return [`${inV[i] < 0 ? less : more} by ${pixels(Math.abs(inV[i]))} px${inU ? ` of V (${pixels(Math.abs(inU[i]))} of U)` : ""}`];
  };
  return [...way(0, ["LEFT", "RIGHT"]), ...way(1, ["UP", "DOWN"])].join(" and ");
}

/** Singular values of a 2 x 2, the larger first. */
function stretches([a, b, c, d]) {
  const [p, q] = [Math.hypot(a + d, c - b), Math.hypot(a - d, b + c)];
  return [(p + q) / 2, Math.abs(p - q) / 2];
}

const fixed = (value) => value.toFixed(1);
/** One digit after the point where that says all, else two: 2.0, 1.75. */
const pixels = (value) => (value >= 1e5 ? value.toExponential(1) : Math.abs(value * 10 - Math.round(value * 10)) < 1e-4 ? value.toFixed(1) : value.toFixed(2));
const factor = (value) => `${value >= 1e4 || value < 0.005 ? value.toExponential(1) : value >= 100 ? Math.round(value) : value.toFixed(2)}×`;
const joined = (parts) => (parts.length < 2 ? parts[0] : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`);
