/** A recorded grid of no family gets the sliders of one: the nearest member, and in words how far that is off. */

import { fitRaw } from "../numbers/rawgrid.js";
import { nameOf } from "./carry.js";
import { pixelOf } from "./snaps.js";

const NOTHING = 0.05; // px: less than that is not seen

/**
 * @param {object} basis  of the family to go to, at the grid's own size
 * @param {string} family
 * @param {number | null} points  its control points a side
 * @param {object | null} from  the scene that is shown; without a grid the family starts at its identity
 * @param {{align_corners: boolean}} rule
 * @returns {{theta: Float64Array, says: string}}
 */
export function fittedToRaw(basis, family, points, from, rule) {
  const name = nameOf(family, points);
  const identity = Float64Array.from(basis.identity);
  if (!from?.raw || basis.n !== from.grid.length / 2) return { theta: identity, says: `${name}: no grid is recorded for this picture, so it starts at its identity.` };
  const { theta, off, most } = fitRaw(basis, from.grid, pixelOf(from.U, rule.align_corners));
  if (off === Infinity) return { theta: identity, says: `${name}: no grid of this family comes near, so it starts at its identity.` };
  const says = most < NOTHING ? `${name} fits the recorded grid: nothing is lost.` : `${name} fitted to the recorded grid: ${amount(off)} px off on average, ${amount(most)} px at most.`;
  return { theta, says };
}

const amount = (px) => (px < 10 ? px.toFixed(1) : px < 1e4 ? px.toFixed(0) : px.toExponential(0));
