/**
 * What a drag of the frame makes of theta, for every family under its own constraint. Numbers only; no DOM.
 *
 * A hold is what stood there at the grab, and each move is computed from it, so that nothing drifts. Families that are linear
 * in theta: the lattice's points are moved as the family allows, then numbers/fit.js finds their theta. Projective: its four
 * corners say all (quads.js), and its horizon may cross the frame.
 */

import { fitTheta } from "../numbers/fit.js";
import { alongEdge, CENTRE, cornerDragged, CORNERS, edgeDragged, mapped, MIDDLES, moved, pointAt, turned, turning, zoomToward } from "./motions.js";
import { carried, cornerLimited, cornersOf, fourPoints, quadLimited } from "./quads.js";
import { pixelOf, snapped, snappedPoint, snappedTurn } from "./snaps.js";

const HOME = [[-1, -1], [1, -1], [1, 1], [-1, 1]]; // the corners at the identity
const SPROUT = 0.05; // size of the frame that a grid of no extent is grabbed by
const RIGID = new Set(["attention", "similarity"]); // scale alike in normalised x and y, whatever U's shape
const UNTURNED = new Set(["attention", "translation"]);

/** What a drag says when the quadrilateral would leave what a homography can do. */
export const LIMIT = "Here three corners lie on one line: farther on, the horizon would cross the frame. The grid stops short of it.";
const ON_A_LINE = "The other three corners lie on one line, so no place of this one makes a picture. Move one of them, or take Identity.";

/** @returns {boolean} whether the family has a rotation */
export const canTurn = (family) => !UNTURNED.has(family);

/**
 * @param {object} shown  the scene of a frame
 * @param {object} view  ink/viewport.js
 * @param {{align_corners: boolean}} rule
 * @param {number[][] | null} quad  projective: where the corners can be grabbed, also those beyond the horizon
 * @returns {object | null} the hold; null where there is nothing to hold
 */
export function holdOf({ family, basis, theta, lattice, whole, U }, view, rule, quad = null) {
  if (!whole && family !== "projective") return null;
  const points = sprouted(lattice.slice());
  const corners = cornersOf(theta);
  const sprout = points.some((value, i) => value !== lattice[i]);
  return {
    family, basis, points, whole, view,
    theta: Float64Array.from(theta),
    quad: sprout ? CORNERS.map((i) => pointAt(points, i)) : quad ?? corners.map(([x, y]) => [x, y]),
    metric: RIGID.has(family) ? [1, 1] : view.metric,
    pixel: pixelOf(U, rule.align_corners),
  };
}

/** A grid that has shrunk to a point gets a little extent, so that there is something to pull at. In place. */
function sprouted(points) {
  const [x, y] = pointAt(points, CENTRE);
  for (let i = 0; i < points.length; i += 2) if (Math.abs(points[i] - x) > 1e-6 || Math.abs(points[i + 1] - y) > 1e-6) return points;
  for (let i = 0; i < points.length / 2; i++) {
    points[2 * i] += SPROUT * ((i % 9) / 4 - 1);
    points[2 * i + 1] += SPROUT * (Math.floor(i / 9) / 4 - 1);
  }
  return points;
}

/**
 * @param {{kind: "corner" | "edge" | "centre" | "rotation", corner?: number, edge?: number}} grab
 * @param {object} hold  of holdOf
 * @param {number[]} start  where the pointer was, normalised
 * @param {number[]} now  where it is
 * @param {{snap?: boolean, centred?: boolean, shape?: boolean}} keys  Shift, Alt, Ctrl
 * @returns {{theta: Float64Array, says: string | null}}
 */
export function dragged(grab, hold, start, now, keys = {}) {
  const by = [now[0] - start[0], now[1] - start[1]];
  const centre = pointAt(hold.points, CENTRE);
  if (grab.kind === "centre" || (hold.family === "translation" && grab.kind === "edge")) return shifted(hold, centre, [0, 0], by, keys);
  if (grab.kind === "rotation") return mappedHold(hold, centre, turning(turnOf(hold, start, now, keys), 1, hold.metric));
  if (hold.family === "projective") return pulled(grab, hold, by, keys);
  const { points, metric } = hold;
  if (grab.kind === "edge") {
    if (RIGID.has(hold.family)) return zoomed(hold, pointAt(points, MIDDLES[grab.edge]), keys.centred ? centre : pointAt(points, MIDDLES[(grab.edge + 2) % 4]), by);
    return fitted(hold, edgeDragged(points, grab.edge, keys.snap ? alongEdge(points, grab.edge, by, metric) : by, keys.centred));
  }
  const corner = pointAt(points, CORNERS[grab.corner]);
  if (hold.family === "translation") return shifted(hold, corner, HOME[grab.corner], by, keys);
  if (hold.family === "attention") {
    return zoomed(hold, corner, keys.centred ? centre : pointAt(points, CORNERS[(grab.corner + 2) % 4]), by, keys.snap && HOME[grab.corner]);
  }
  let to = [corner[0] + by[0], corner[1] + by[1]];
  if (keys.snap) to = snappedPoint(to, HOME[grab.corner], hold.pixel);
  return fitted(hold, cornerDragged(points, grab.corner, to, keys.shape || hold.family === "similarity", metric, keys.centred));
}

/** All points after X -> anchor + A (X - anchor) + by. @returns {{theta: Float64Array, says: null}} */
export function mappedHold(hold, anchor, A, by = [0, 0]) {
  if (hold.family === "projective") return { theta: carried(hold.theta, anchor, A, by), says: null };
  return fitted(hold, moved(mapped(hold.points, anchor, A), by));
}

const fitted = ({ basis, theta }, points) => ({ theta: fitTheta(basis, basis.hand.b, basis.hand.n, points, theta), says: null });

/** The whole grid moves, so that `point` goes by whole pixels from its home where it snaps. */
function shifted(hold, point, home, by, { snap }) {
  const [x, y] = [point[0] + by[0], point[1] + by[1]];
  const [sx, sy] = snap ? snappedPoint([x, y], home, hold.pixel) : [x, y];
  return mappedHold(hold, [0, 0], [1, 0, 0, 1], [sx - point[0], sy - point[1]]);
}

/** A frame that only scales: `from` comes as near to the pointer as its line through the anchor allows. */
function zoomed(hold, from, anchor, by, home = null) {
  let factor = zoomToward(from, [from[0] + by[0], from[1] + by[1]], anchor, hold.view.metric);
  if (!Number.isFinite(factor)) return { theta: hold.theta, says: null };
  const reach = [from[0] - anchor[0], from[1] - anchor[1]];
  if (home) {
    const axis = Math.abs(reach[0]) >= Math.abs(reach[1]) ? 0 : 1;
    factor = (snapped(anchor[axis] + factor * reach[axis], home[axis], hold.pixel[axis]) - anchor[axis]) / reach[axis];
  }
  return fitted(hold, turned(hold.points, anchor, 0, factor, [1, 1]));
}

/** The angle that the pointer has gone round the centre. */
function turnOf({ points, metric }, start, now, { snap }) {
  const centre = pointAt(points, CENTRE);
  const angle = (p) => Math.atan2((p[1] - centre[1]) * metric[1], (p[0] - centre[0]) * metric[0]);
  const turn = angle(now) - angle(start);
  const level = levelOf(points, metric);
  return snap ? snappedTurn(Number.isFinite(level) ? level : 0, turn) : turn; // no level: an edge is beyond the horizon
}

/** @returns {number} the frame's own angle, from its left edge's middle to its right one's; radians, clockwise as seen */
export function levelOf(points, metric) {
  const [left, right] = [pointAt(points, MIDDLES[3]), pointAt(points, MIDDLES[1])];
  return Math.atan2((right[1] - left[1]) * metric[1], (right[0] - left[0]) * metric[0]);
}

/** Projective corners and edges. */
function pulled(grab, hold, by, keys) {
  const { quad } = hold;
  if (grab.kind === "corner") {
    const [x, y] = quad[grab.corner];
    const to = keys.snap ? snappedPoint([x + by[0], y + by[1]], HOME[grab.corner], hold.pixel) : [x + by[0], y + by[1]];
    const limited = cornerLimited(quad, grab.corner, to);
    if (!limited) return { theta: hold.theta, says: ON_A_LINE };
    return placed(hold, quad.map((point, i) => (i === grab.corner ? limited.at : point)), limited.stopped);
  }
  const [first, second] = [grab.edge, (grab.edge + 1) % 4];
  const step = keys.snap ? along(quad, grab.edge, by, hold.metric) : by;
  const way = (share) => quad.map(([x, y], i) => {
    const sign = i === first || i === second ? 1 : keys.centred ? -1 : 0;
    return [x + sign * share * step[0], y + sign * share * step[1]];
  });
  const { quad: to, stopped } = quadLimited(way);
  return placed(hold, to, stopped);
}

function placed(hold, quad, stopped) {
  const theta = fourPoints(quad);
  return { theta: theta ?? hold.theta, says: stopped || !theta ? LIMIT : null };
}

/** The part of a step along an edge of the quadrilateral, measured on the screen. */
function along(quad, edge, by, metric) {
  const [a, b] = [quad[edge], quad[(edge + 1) % 4]];
  const [ex, ey] = [(b[0] - a[0]) * metric[0], (b[1] - a[1]) * metric[1]];
  const square = ex * ex + ey * ey;
  if (square < 1e-9) return by;
  const share = (by[0] * metric[0] * ex + by[1] * metric[1] * ey) / square;
  return [share * (b[0] - a[0]), share * (b[1] - a[1])];
}
