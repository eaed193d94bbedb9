/** The identity test: the grid of the identity under one align_corners, sampled under another, on an image of ones. */

import { centre } from "./grid.js";
import { sampleInto } from "./sampler.js";

/**
 * What the identity keeps of an image of ones: 1 everywhere unless grid and sampler disagree about where -1 and 1 are.
 *
 * @param {[number, number]} size  [H, W] of U and of V
 * @param {{kernel: string, padding: string, align_corners: boolean}} rule  the sampler's
 * @param {boolean} gridAlign  the grid's align_corners
 * @returns {{edges: number[], corners: number[]}} V at the middles of the left, top, right and bottom edge; at the top left,
 *   top right, bottom right and bottom left corner
 */
export function identityOfOnes([H, W], rule, gridAlign) {
  const ones = { data: new Float32Array(H * W).fill(1), channels: 1, height: H, width: W };
  const at = ([row, column]) => {
    const point = new Float32Array([centre(column, W, gridAlign), centre(row, H, gridAlign)]);
    return sampleInto(new Float32Array(1), ones, point, 1, rule)[0];
  };
  return {
    edges: [[H >> 1, 0], [0, W >> 1], [H >> 1, W - 1], [H - 1, W >> 1]].map(at),
    corners: [[0, 0], [0, W - 1], [H - 1, W - 1], [H - 1, 0]].map(at),
  };
}

/** Does each point of the identity's grid read its own pixel? Of an image whose values are its places. */
function samePixels([H, W], rule, gridAlign) {
  const U = { data: Float32Array.from({ length: H * W }, (_, i) => i + 1), channels: 1, height: H, width: W };
  const grid = new Float32Array(2 * H * W);
  for (let i = 0; i < H * W; i++) {
    grid[2 * i] = centre(i % W, W, gridAlign);
    grid[2 * i + 1] = centre(Math.floor(i / W), H, gridAlign);
  }
  return sampleInto(new Float32Array(H * W), U, grid, H * W, rule).every((value, i) => value === U.data[i]);
}

/** "0.50", or "0.00 to 1.00" where they differ: half a pixel outside, nearest goes to the even pixel. */
function range(values) {
  const [low, high] = [Math.min(...values).toFixed(2), Math.max(...values).toFixed(2)];
  return low === high ? low : `${low} to ${high}`;
}

/**
 * One or two sentences: does V equal U under the identity, and if not, why.
 *
 * @param {{height: number, width: number}} U
 * @param {[number, number]} size  of V
 * @param {{kernel: string, padding: string, align_corners: boolean, grid_align: boolean | null, area: number}} rule
 * @returns {string}
 */
export function identityTest(U, size, rule) {
  const gridAlign = rule.grid_align ?? rule.align_corners;
  if (size[0] !== U.height || size[1] !== U.width) {
    return `V is ${size[0]} × ${size[1]} and U ${U.height} × ${U.width}: they can be compared pixel by pixel at U's size (preset U).`;
  }
  if (rule.area > 1) return `V is the mean of ${rule.area} × ${rule.area} points a pixel, which blurs U a little: test with one sample.`;
  if (gridAlign === rule.align_corners) return "No mismatch: grid and sampler agree, and V equals U exactly.";
  if (rule.kernel === "nearest" && samePixels(size, rule, gridAlign)) {
    return "The grid and the sampler disagree about the corners, by up to half a pixel, and nearest hides it: each point still goes to its own pixel, so V equals U.";
  }
  const { edges, corners } = identityOfOnes(size, rule, gridAlign);
  const on = (align) => (align ? "on" : "off");
  const who = `Mismatch: the grid has align_corners ${on(gridAlign)}, the sampler ${on(rule.align_corners)}.`;
  if (!gridAlign) return `${who} V is not U: every point lies inside, up to half a pixel nearer to the middle, so the picture grows from its middle.`;
  if ([...edges, ...corners].every((value) => Math.abs(value - 1) < 1e-6)) {
    return `${who} V is not U: the outermost points lie half a pixel outside, so the picture shrinks toward its middle. ${rule.padding} padding hides it at the edges.`;
  }
  return `${who} Of an image of ones the identity keeps ${range(edges)} at the edges and ${range(corners)} at the corners: the outermost points lie half a pixel outside, in the padding.`;
}
