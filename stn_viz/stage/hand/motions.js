/**
 * What a hand's gesture does to the points of a grid. Numbers only; no DOM.
 *
 * Points are (x, y) pairs in normalised source coordinates, 9 x 9 of them row by row over the target frame (`basis.hand`).
 * `metric` = [pixels per unit of x, of y] on the screen, so that turning is rigid where it is seen, on any image shape.
 * Each gesture is computed from the points of before the grab, so that nothing drifts. The family's own constraint comes
 * afterwards: numbers/fit.js finds the theta whose grid is nearest.
 */

const SIDE = 9;
const COUNT = SIDE * SIDE;
/** Lattice indices of the frame's corners: top left, top right, bottom right, bottom left. */
export const CORNERS = [0, SIDE - 1, COUNT - 1, COUNT - SIDE];
export const CENTRE = (COUNT - 1) / 2;
/** Lattice indices of the middles of the edges: top, right, bottom, left. */
export const MIDDLES = [(SIDE - 1) / 2, CENTRE + (SIDE - 1) / 2, COUNT - 1 - (SIDE - 1) / 2, CENTRE - (SIDE - 1) / 2];

/** @returns {[number, number]} one point of a lattice */
export const pointAt = (points, index) => [points[2 * index], points[2 * index + 1]];

/** Every point moves by the same (dx, dy). */
export function moved(points, [dx, dy]) {
  return points.map((value, i) => value + (i % 2 ? dy : dx));
}

/** X -> anchor + A (X - anchor), A = [a, b, c, d] row by row. */
export function mapped(points, [ax, ay], [a, b, c, d]) {
  const out = new Float32Array(points.length);
  for (let i = 0; i < points.length; i += 2) {
    const x = points[i] - ax;
    const y = points[i + 1] - ay;
    out[i] = ax + a * x + b * y;
    out[i + 1] = ay + c * x + d * y;
  }
  return out;
}

/** Conjugate a matrix given in screen pixels into normalised coordinates. */
const inUnits = ([a, b, c, d], [mx, my]) => [a, (b * my) / mx, (c * mx) / my, d];

/** A of `mapped` that turns by `angle` (radians, clockwise as seen: y points down) and scales by `factor`. */
export function turning(angle, factor, metric) {
  const c = Math.cos(angle) * factor;
  const s = Math.sin(angle) * factor;
  return inUnits([c, -s, s, c], metric);
}

/** Turn by `angle` and scale by `factor` about `anchor`, as `turning` has it. */
export const turned = (points, anchor, angle, factor, metric) => mapped(points, anchor, turning(angle, factor, metric));

/**
 * The factor by which a point has to move away from `anchor` to come nearest to `to`, measured on the screen.
 * @returns {number} NaN where the point stands on the anchor
 */
export function zoomToward(from, to, anchor, metric) {
  const [dx, dy] = [(from[0] - anchor[0]) * metric[0], (from[1] - anchor[1]) * metric[1]];
  const [ex, ey] = [(to[0] - anchor[0]) * metric[0], (to[1] - anchor[1]) * metric[1]];
  const square = dx * dx + dy * dy;
  return square < 1e-9 ? NaN : (dx * ex + dy * ey) / square;
}

/**
 * A corner goes to `to` while the opposite corner stays, or with `centred` the centre: half of the pointer's swing turns the
 * frame, the rest stretches it along its own edges. With `keepAspect` the frame turns and scales as a whole.
 */
export function cornerDragged(points, corner, to, keepAspect, metric, centred = false) {
  const opposite = pointAt(points, CORNERS[(corner + 2) % 4]);
  const anchor = centred ? pointAt(points, CENTRE) : opposite;
  const share = centred ? 0.5 : 1; // of the two edges that lead from the anchor to the corner
  const onScreen = ([x, y], [ax, ay]) => [(x - ax) * metric[0], (y - ay) * metric[1]];
  const D = onScreen(pointAt(points, CORNERS[corner]), anchor);
  const u = onScreen(pointAt(points, CORNERS[(corner + 1) % 4]), opposite).map((side) => share * side);
  const v = onScreen(pointAt(points, CORNERS[(corner + 3) % 4]), opposite).map((side) => share * side);
  const E = onScreen(to, anchor);
  const length = Math.hypot(D[0], D[1]);
  if (length < 1e-6) return points;
  const swing = Math.atan2(D[0] * E[1] - D[1] * E[0], D[0] * E[0] + D[1] * E[1]);
  const area = u[0] * v[1] - u[1] * v[0];
  if (keepAspect || Math.abs(area) < 1e-3) return turned(points, anchor, swing, Math.hypot(E[0], E[1]) / length, metric);

  // sin falls back to 0 at half a turn, so that a corner pulled across its anchor mirrors without a jump.
  const turn = 0.5 * Math.sin(swing);
  const cos = Math.cos(turn);
  const sin = Math.sin(turn);
  const back = [cos * E[0] + sin * E[1], -sin * E[0] + cos * E[1]];
  const coordinates = (p) => [(p[0] * v[1] - p[1] * v[0]) / area, (u[0] * p[1] - u[1] * p[0]) / area];
  const [e, f] = coordinates(back);
  const [g, h] = coordinates(D); // (1, 1) for a parallelogram
  const su = e / g;
  const sv = f / h;
  if (!Number.isFinite(su) || !Number.isFinite(sv)) return points;
  // [u v] diag(su, sv) [u v]^-1, then the turn
  const a = (su * u[0] * v[1] - sv * v[0] * u[1]) / area;
  const b = ((sv - su) * u[0] * v[0]) / area;
  const c = ((su - sv) * u[1] * v[1]) / area;
  const d = (sv * u[0] * v[1] - su * v[0] * u[1]) / area;
  return mapped(points, anchor, inUnits([cos * a - sin * c, cos * b - sin * d, sin * a + cos * c, sin * b + cos * d], metric));
}

/**
 * An edge (0 top, 1 right, 2 bottom, 3 left) moves by (dx, dy) while the opposite edge stays, or with `centred` the middle
 * between them: along itself it shears.
 */
export function edgeDragged(points, edge, [dx, dy], centred = false) {
  const out = new Float32Array(points.length);
  for (let i = 0; i < COUNT; i++) {
    const right = (i % SIDE) / (SIDE - 1);
    const down = Math.floor(i / SIDE) / (SIDE - 1);
    const near = [1 - down, right, down, 1 - right][edge];
    const share = centred ? 2 * near - 1 : near;
    out[2 * i] = points[2 * i] + share * dx;
    out[2 * i + 1] = points[2 * i + 1] + share * dy;
  }
  return out;
}

/** The part of (dx, dy) along an edge, measured on the screen: what shears and does not stretch. */
export function alongEdge(points, edge, [dx, dy], metric) {
  const [ax, ay] = pointAt(points, CORNERS[edge]);
  const [bx, by] = pointAt(points, CORNERS[(edge + 1) % 4]);
  const ex = (bx - ax) * metric[0];
  const ey = (by - ay) * metric[1];
  const square = ex * ex + ey * ey;
  if (square < 1e-9) return [dx, dy];
  const share = (dx * metric[0] * ex + dy * metric[1] * ey) / square;
  return [share * (bx - ax), share * (by - ay)];
}
