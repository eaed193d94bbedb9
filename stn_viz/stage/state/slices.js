/** Sites that sample volumes: which slice of V is shown, which of U is looked at, and what a scene says of depth. */

import { depthsInto, outsideVolume, sampleVolumeInto, sliceAt, sliced } from "../numbers/volume.js";
import { isDeep, isFlat } from "./sites.js";

/** @returns {boolean} whether the state's site samples volumes */
export const isVolume = ({ site }) => Boolean(site) && !isFlat(site);

/** @returns {import("../numbers/volume.js").Volume | null} what the site samples of the state's image; null where nobody recorded it */
export const volumeOf = (state) => (isVolume(state) && !isDeep(state.site) && state.probes.volume ? state.probes.volume(state.image) : null);

/** @returns {number} the slice of V that is shown: the middle one until somebody chooses */
export function sliceOf({ site, slice }) {
  const last = site.output_size[0] - 1;
  return Math.max(0, Math.min(last, slice ?? site.output_size[0] >> 1));
}

/** @returns {object} a view as a site of volumes can show it: no picture, no size of V, kernels that torch has */
export function viewOfVolume(site, view) {
  if (!site || isFlat(site)) return view;
  const kernel = view.kernel === "bicubic" ? null : view.kernel;
  return { ...view, kernel, size: null, area: null, picture: null, way: null };
}

const made = new WeakMap(); // volume's basis -> slice, size, convention -> planar basis

/** @returns {import("../numbers/grid.js").Basis} of the slice of V that a state shows */
export function slicedBasis(volume, state, [H, W], align) {
  if (!made.has(volume)) made.set(volume, new Map());
  const known = made.get(volume);
  const [slice, slices] = [sliceOf(state), state.site.output_size[0]];
  const name = [slice, slices, H, W, align].join();
  if (!known.has(name)) {
    if (known.size > 63) known.delete(known.keys().next().value);
    known.set(name, sliced({ ...volume, size: [slices, H, W] }, slice, [H, W], align));
  }
  return known.get(name);
}

/**
 * The slice of U that somebody chose, else the one at the mean depth that V's slice looks at; of the same object each time,
 * so that it is painted once.
 *
 * @param {object} state
 * @param {object | undefined} basis  of V's slice; without one the middle slice is shown
 * @param {ArrayLike<number> | null} theta
 * @returns {object | null} a flat image with its `slice`; null where U is no volume
 */
export function sliceOfU(state, basis, theta) {
  const volume = volumeOf(state);
  if (!volume) return null;
  let at = volume.depth >> 1;
  if (Number.isInteger(state.sliceU)) at = Math.max(0, Math.min(volume.depth - 1, state.sliceU));
  else if (basis?.depth && theta) {
    const [z] = depthsInto(basis, basis.depth.middle, 1, theta, new Float64Array(1));
    const mean = sliceAt(z, volume.depth, state.rule.align_corners);
    if (Number.isFinite(mean)) at = Math.max(0, Math.min(volume.depth - 1, Math.round(mean)));
  }
  return volume.flat(at);
}

/**
 * V's slice from all of U.
 *
 * @param {object} state
 * @param {object} basis  of the slice, at V's pixels
 * @param {ArrayLike<number>} theta
 * @param {Float32Array} out  V's numbers, written
 * @param {Float32Array} grid  the slice's points (x, y). Those outside in depth are made NaN afterwards: they count, and are
 *   marked, as outside U
 * @param {(name: string, length: number) => Float32Array} buffer
 * @returns {Float32Array} z_s of each point
 */
export function readSlice(state, basis, theta, out, grid, buffer) {
  const z = depthsInto(basis, basis.b, basis.n, theta, buffer("z", basis.n));
  sampleVolumeInto(out, volumeOf(state), grid, z, basis.n, state.rule);
  for (let i = 0; i < basis.n; i++) if (!(Math.abs(z[i]) <= 1)) grid[2 * i] = NaN;
  return z;
}

/** @returns {object} of a slice: which of V's, which of U is shown (chosen, or following V's), between which of U's it looks; indices of slices, from 0 */
export function depthOf(state, basis, z, U) {
  const { depth } = volumeOf(state);
  const [low, high] = [z.reduce((a, b) => Math.min(a, b)), z.reduce((a, b) => Math.max(a, b))].map((at) => sliceAt(at, depth, state.rule.align_corners));
  return { slice: basis.depth.slice, slices: basis.depth.slices, low, high, shown: U.slice, chosen: Number.isInteger(state.sliceU), of: depth };
}

/** @returns {object} numbers/marks.js's counts, of which only what lies outside means something in a volume */
export function marksOfSlice(grid, z, n) {
  const outside = Math.round(n * outsideVolume(grid, z, n));
  return { n, outside, behind: 0, behindShare: 0, unknown: 0, cells: 0, folded: 0, foldedShare: 0, sign: 1, collapsed: null, box: null, step: null };
}

/** @returns {object} one pixel of V's slice, as scene.js has them; its eight neighbours lie in two slices, so none is drawn on one */
export function pixelOfSlice(state, basis, row, column, x, y, theta) {
  const i = row * basis.size[1] + column;
  const z = depthsInto(basis, basis.b.subarray(i * basis.k, (i + 1) * basis.k), 1, theta, new Float32Array(1));
  const volume = volumeOf(state);
  const values = sampleVolumeInto(new Float32Array(volume.channels), volume, Float32Array.of(x, y), z, 1, state.rule);
  return { values, value: values[0], taps: [], at: sliceAt(z[0], volume.depth, state.rule.align_corners) };
}
