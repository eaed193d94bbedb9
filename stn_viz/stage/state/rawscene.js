/** What a state shows of a site whose grid is of no family: V, the lines and marks, from the recorded points themselves. */

import { marksOf } from "../numbers/marks.js";
import { rawFootprint, rawLines } from "../numbers/rawgrid.js";
import { sampleInto, taps } from "../numbers/sampler.js";
import { outsideShare } from "../numbers/words.js";
import { rawGridOf, rawMissing } from "./parts.js";
import { isFlat } from "./sites.js";

/** For marksOf: no straight lines, and no theta to ask. */
const NO_BASIS = { linear: false, lines: { shape: [0, 3] } };
const NOTHING = new Float32Array(0);

/** @returns {{points: Float32Array, w: Float32Array, L: number, m: number} | null} the recorded grid's lines, for a ghost or another site's frame */
export function rawLinesOf(state, siteIndex, buffer, name) {
  const grid = rawGridOf(state, siteIndex);
  return grid && rawLines(grid, state.data.sites[siteIndex].output_size, buffer, name);
}

/**
 * @param {object} state  its site has no family, and no theta is by hand
 * @param {object} U
 * @param {(name: string, length: number) => Float32Array} buffer
 * @returns {object} a scene with `raw` and without theta; `waiting` while the grid is on its way, neither where there is none
 */
export function rawScene(state, U, buffer) {
  const grid = rawGridOf(state);
  if (!grid) return { U, theta: null, waiting: isFlat(state.site) && !state.picture && !rawMissing(state) };
  const { site, rule } = state;
  const size = site.output_size;
  const [height, width] = size;
  const n = height * width;
  const w = buffer("raw w", n).fill(1);
  const V = { data: buffer("V", U.channels * n), channels: U.channels, height, width, screen: U.screen };
  sampleInto(V.data, U, grid, n, rule);
  const lines = rawLines(grid, size, buffer, "lines");
  return {
    U, V, grid, w, lines, size, raw: true, family: null, points: null, theta: null, basis: null, stride: 1, ghost: null,
    lattice: NOTHING, latticeW: NOTHING, whole: true,
    outside: outsideShare(grid, n),
    marks: marksOf({ grid, w, lattice: NOTHING, latticeW: NOTHING, V, size, U, family: null, theta: null, basis: NO_BASIS }, rule.align_corners),
    pixel: state.pixel === null || state.pixel >= n ? null : rawPixel(state.pixel, U, grid, size, rule),
  };
}

/** One pixel of V: where it looks, what it reads there, with which weights. */
function rawPixel(index, U, grid, size, rule) {
  const [x, y] = [grid[2 * index], grid[2 * index + 1]];
  const [row, column] = [Math.floor(index / size[1]), index % size[1]];
  const values = sampleInto(new Float32Array(U.channels), U, Float32Array.of(x, y), 1, rule);
  return { x, y, w: 1, values, value: values[0], row, column, foot: rawFootprint(grid, size, row, column), taps: taps(x, y, U, rule) };
}
