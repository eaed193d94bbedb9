/** The identity test: the grid of the identity under one align_corners, sampled under another, on an image of ones. */

import { centre } from "./grid.js";
import { sampleInto } from "./sampler.js";

/**
 * What the identity makes of an image of ones: 1 everywhere unless grid and sampler disagree about where -1 and 1 are.
 *
 * @param {[number, number]} size  [H, W] of U and of V
 * @param {{kernel: string, padding: string, align_corners: boolean}} rule  the sampler's
 * @param {boolean} gridAlign  the grid's align_corners
 * @returns {{edge: number, corner: number, middle: number}} V at the middle of an edge (the left one), at a corner, in the middle
 */
export function identityOfOnes([H, W], rule, gridAlign) {
  const ones = { data: new Float32Array(H * W).fill(1), channels: 1, height: H, width: W };
  const at = (row, column) => {
    const point = new Float32Array([centre(column, W, gridAlign), centre(row, H, gridAlign)]);
    return sampleInto(new Float32Array(1), ones, point, 1, rule)[0];
  };
  return { edge: at(H >> 1, 0), corner: at(0, 0), middle: at(H >> 1, W >> 1) };
}

/**
 * One or two sentences: does V equal U under the identity, and if not, why.
 *
 * @param {{height: number, width: number}} U
 * @param {[number, number]} size  of V
 * @param {{kernel: string, padding: string, align_corners: boolean, grid_align: boolean | null}} rule
 * @returns {string}
 */
export function identityTest(U, size, rule) {
  const gridAlign = rule.grid_align ?? rule.align_corners;
  if (size[0] !== U.height || size[1] !== U.width) {
    return `V is ${size[0]} × ${size[1]} and U ${U.height} × ${U.width}: they can be compared pixel by pixel at U's size (preset U).`;
  }
  if (gridAlign === rule.align_corners) return "No mismatch: grid and sampler agree, and V equals U exactly.";
  const { edge, corner } = identityOfOnes(size, rule, gridAlign);
  const on = (align) => (align ? "on" : "off");
  const who = `Mismatch: the grid has align_corners ${on(gridAlign)}, the sampler ${on(rule.align_corners)}.`;
  if (edge === 1 && corner === 1) {
    const way = gridAlign ? "shrinks toward its middle" : "grows from its middle";
    const hidden = rule.padding === "zeros" ? "" : ` ${rule.padding} padding hides it at the edges.`;
    return `${who} V is not U: the picture ${way} by half a pixel at each side.${hidden}`;
  }
  return `${who} Of an image of ones the identity keeps ${edge.toFixed(2)} at the edges and ${corner.toFixed(2)} at the corners: the outermost points lie half a pixel outside, in the padding.`;
}
