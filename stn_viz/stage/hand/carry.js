/** One grid carried over to another family, and what that costs in words. */

import { fitTheta, residual } from "../numbers/fit.js";
import { pixelOf } from "./snaps.js";

const NAMES = { tps: "TPS", free: "free form" };
const NOTHING = 0.05; // px: less than that is not seen

/** @returns {string} a family as somebody says it */
export const nameOf = (family, points) => (NAMES[family] ?? family) + (points ? ` ${points} × ${points}` : "");

/**
 * @param {object} basis  of the family to go to
 * @param {string} family  its name
 * @param {number | null} points  its control points a side
 * @param {object} from  the scene that is shown
 * @param {{align_corners: boolean}} rule
 * @returns {{theta: Float64Array, says: string}}
 */
export function carriedOver(basis, family, points, from, rule) {
  const way = `${nameOf(from.family, from.points)} → ${nameOf(family, points)}`;
  const identity = Float64Array.from(basis.identity);
  if (!from.whole) return { theta: identity, says: `${way}: the grid reached infinity, so this family starts at its identity.` };
  const theta = fitTheta(basis, basis.hand.b, basis.hand.n, from.lattice, basis.identity);
  const lost = residual(basis, theta, from.lattice, pixelOf(from.U, rule.align_corners));
  if (lost === Infinity) return { theta: identity, says: `${way}: no grid of this family comes near, so it starts at its identity.` };
  return { theta, says: `${way}: ${lost < NOTHING ? "nothing lost" : `${amount(lost)} px lost`}.` };
}

const amount = (px) => (px < 10 ? px.toFixed(1) : px < 1e4 ? px.toFixed(0) : px.toExponential(0));
