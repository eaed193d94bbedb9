/** Keys on a handle of the frame. */

import { dragged, levelOf, mappedHold } from "./holds.js";
import { CENTRE, CORNERS, pointAt, turning } from "./motions.js";

const DEGREE = Math.PI / 180;

/**
 * Arrow keys: 2 % of the image's half, Shift a fifth of it, PageUp and PageDown five times; Home: level, or centred.
 *
 * @param {{key: string, shiftKey: boolean}} event
 * @param {object} grab  as in holds.js
 * @param {object} hold
 * @returns {{theta: Float64Array, says: string | null} | null} null where the key says nothing here
 */
export function byKey({ key, shiftKey }, grab, hold) {
  const { points, metric, family } = hold;
  const fine = shiftKey ? 0.2 : 1;
  const unit = 0.02 * fine;
  const by = {
    ArrowLeft: [-unit, 0], ArrowRight: [unit, 0], ArrowUp: [0, -unit], ArrowDown: [0, unit], PageUp: [0, -0.1], PageDown: [0, 0.1],
  }[key];
  const centre = pointAt(points, CENTRE);
  if (grab.kind === "rotation") {
    const turn = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, PageUp: -15, PageDown: 15 }[key];
    if (turn) return mappedHold(hold, centre, turning(turn * DEGREE * fine, 1, metric));
    if (key !== "Home" && key !== "End") return null;
    const level = -levelOf(points, metric);
    return mappedHold(hold, centre, turning(key === "Home" ? level : level + Math.PI, 1, metric));
  }
  if (by) return dragged(grab, hold, [0, 0], by);
  if (key === "Home" && grab.kind === "centre") return mappedHold(hold, centre, [1, 0, 0, 1], [-centre[0], -centre[1]]);
  if (grab.kind !== "corner" || family === "translation" || !hold.whole || (key !== "Home" && key !== "End")) return null;
  return mappedHold(hold, pointAt(points, CORNERS[(grab.corner + 2) % 4]), turning(0, key === "Home" ? 0.5 : 2, metric));
}
