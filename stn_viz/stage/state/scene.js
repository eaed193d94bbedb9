/** What a state shows: theta, grid, V and the drawn lines, computed into buffers that are kept from frame to frame. */

import { averageInto } from "../numbers/average.js";
import { footprint } from "../numbers/footprint.js";
import { coefficients, gridInto, pointsInto, resized, thinned } from "../numbers/grid.js";
import { cutAtHorizon } from "../numbers/horizon.js";
import { marksOf } from "../numbers/marks.js";
import { sampleInto, taps } from "../numbers/sampler.js";
import { outsideShare } from "../numbers/words.js";
import { basisName } from "./load.js";
import { featureOf } from "./parts.js";
import { rawLinesOf, rawScene } from "./rawscene.js";
import { isDeep, isFlat } from "./sites.js";
import { depthOf, isVolume, marksOfSlice, pixelOfSlice, readSlice, slicedBasis, sliceOfU, volumeOf } from "./slices.js";

const LARGEST_OUTPUT = 320; // longer side of V for a picture that is not the run's, unless somebody asks for more

/** @returns {object} U: the picture that was chosen, else what the site samples of the run's probe image: the image itself, or a feature map */
export const imageOf = (state) => state.picture?.U ?? (state.site && isDeep(state.site) && isFlat(state.site) ? featureOf(state) : state.probes.image(state.image));

/** @returns {boolean} the grid's own convention, which somebody may have set apart from the sampler's */
export const gridAlign = (rule) => rule.grid_align ?? rule.align_corners;

/** @returns {boolean} whether U is one that the network takes */
export function fits({ picture, probes }) {
  if (!picture) return true;
  const own = probes.image(0);
  return ["channels", "height", "width"].every((side) => picture.U[side] === own[side]);
}

/** @returns {[number, number]} V's [H', W'] */
export function outputSize(state) {
  if (state.rule.size) return state.rule.size;
  if (fits(state)) return state.site.output_size.slice(-2);
  const { height, width } = state.picture.U;
  const share = Math.min(1, LARGEST_OUTPUT / Math.max(height, width));
  return [Math.max(1, Math.round(share * height)), Math.max(1, Math.round(share * width))];
}

/** @returns {[number, number]} the size at which the grid is made: V's, or finer where V is averaged over several points */
export const fetchedSize = (state) => outputSize(state).map((side) => side * (state.rule.area ?? 1));

const made = new WeakMap(); // basis -> name -> the same family at another size

/** @returns {object | undefined} the basis of a family at V's size under the state's rule, if it is here or can be made here */
export function basisOf(state, family, points, size = outputSize(state)) {
  const align = gridAlign(state.rule);
  const kin = [...state.bases].find(([each]) => each.startsWith(`${family}-`))?.[1];
  if (kin?.sides === 3) return volumeOf(state) ? slicedBasis(kin, state, size, align) : undefined;
  const name = basisName(family, size, align, points);
  if (state.bases.has(name)) return state.bases.get(name);
  if (!kin?.straight) return undefined;
  if (!made.has(kin)) made.set(kin, new Map());
  const known = made.get(kin);
  if (!known.has(name)) {
    if (known.size > 3) known.delete(known.keys().next().value); // a megapixel takes 12 MB
    known.set(name, resized(kin, size, align));
  }
  return known.get(name);
}

/** @returns {ArrayLike<number> | null} the network's own theta for the state's image and step; null while nobody knows it */
export const networkTheta = (state) => (state.picture ? state.picture.theta : state.trace.theta(state.siteIndex, state.index, state.image));

/** Buffers by name, kept while their length stays. */
export function buffers() {
  const kept = {};
  return (name, length) => {
    if (!kept[name] || kept[name].length !== length) kept[name] = new Float32Array(length);
    return kept[name];
  };
}

const coarser = new WeakMap(); // basis -> size -> the same grid at fewer pixels

function thin(basis, size) {
  if (size[0] >= basis.size[0] && size[1] >= basis.size[1]) return basis;
  if (!coarser.has(basis)) coarser.set(basis, new Map());
  const known = coarser.get(basis);
  if (!known.has(size.join())) known.set(size.join(), thinned(basis, size));
  return known.get(size.join());
}

/**
 * V of a theta under a rule, and the grid that it is read at.
 *
 * @param {object} state  its rule holds
 * @param {object} basis  of the family at V's size
 * @param {{family: string, points: number | null, theta: ArrayLike<number>}} laid
 * @param {number} stride  V has that many times fewer pixels each way
 * @param {(name: string, length: number) => Float32Array} buffer
 */
export function sampledV(state, basis, { family, points, theta }, stride, buffer) {
  const { rule } = state;
  const U = imageOf(state);
  const size = basis.size.map((side) => Math.max(1, Math.round(side / stride)));
  const drawn = thin(basis, size);
  const { n } = drawn;
  const grid = gridInto(drawn, theta, buffer("grid", 2 * n), buffer("w", n));
  const V = { data: buffer("V", U.channels * n), channels: U.channels, height: size[0], width: size[1], screen: U.screen };
  if (drawn.depth) return { V, grid, w: buffer("w", n), n, z: readSlice(state, drawn, theta, V.data, grid, buffer) };
  const k = rule.area ?? 1;
  const fine = k > 1 && basisOf(state, family, points, fetchedSize(state));
  if (fine) {
    const finer = thin(fine, size.map((side) => side * k));
    const samples = gridInto(finer, theta, buffer("fine grid", 2 * finer.n));
    averageInto(V.data, sampleInto(buffer("fine V", U.channels * finer.n), U, samples, finer.n, rule), U.channels, ...size, k);
  } else {
    sampleInto(V.data, U, grid, n, rule);
  }
  return { V, grid, w: buffer("w", n), n };
}

/** @returns {{points: Float32Array, w: Float32Array, L: number, m: number}} the grid's lines, as ink/overlay.js draws them */
export function linesOf(basis, theta, buffer, name) {
  const { b, shape, count } = basis.lines;
  const coeff = coefficients(basis, theta, basis.coefficients);
  const points = buffer(`${name} points`, 2 * count);
  const w = buffer(`${name} w`, count);
  pointsInto(b, basis.k, count, coeff, points, w);
  if (!basis.linear && shape[1] === 2) cutAtHorizon(basis.lines, basis.k, coeff, points, w);
  return { points, w, L: shape[0] / 2, m: shape[1] };
}

/**
 * @returns {(state: object, stride?: number) => object} the scene. With a stride of more than 1, V and grid have that many
 *   times fewer pixels each way (`stride` says it, `size` is V's full [H', W']); all else is as it is
 */
export function createScene() {
  const buffer = buffers();
  const lines = (basis, theta, name) => linesOf(basis, theta, buffer, name);

  return (state, stride = 1) => {
    let U = imageOf(state);
    const { site, mode, hand, rule } = state;
    const byHand = mode === "hand" && hand;
    if (!site) return { U, theta: null };
    if (isVolume(state) && (!site.family || !volumeOf(state))) return { U, theta: null };
    if (!site.family && !byHand) return rawScene(state, U, buffer);
    const family = byHand ? hand.family : site.family;
    const points = byHand ? hand.points : site.options.points ?? null;
    const basis = basisOf(state, family, points);
    if (!basis) return { U, theta: null, waiting: true };
    const theta = byHand ? hand.theta : networkTheta(state) ?? basis.identity;

    const { V, grid, w, n, z } = sampledV(state, basis, { family, points, theta }, stride, buffer);
    U = sliceOfU(state, basis, theta) ?? U;
    const lattice = pointsInto(basis.hand.b, basis.k, basis.hand.n, coefficients(basis, theta, basis.coefficients), buffer("lattice", 2 * basis.hand.n), buffer("lattice w", basis.hand.n));
    const home = networkTheta(state);
    const own = byHand && home && basisOf(state, site.family, site.options.points ?? null);
    return {
      U, V, family, points, theta, basis, stride, size: basis.size, grid, w, lattice, latticeW: buffer("lattice w", basis.hand.n),
      whole: buffer("lattice w", basis.hand.n).every((w) => w > 1e-6) && lattice.every((x) => Math.abs(x) < 1e6),
      outside: outsideShare(grid, n),
      ...(z && { depth: depthOf(state, basis, z, U) }),
      marks: z ? marksOfSlice(grid, z, n) : marksOf({ grid, w, lattice, latticeW: buffer("lattice w", basis.hand.n), V, size: basis.size, U, family, theta, basis }, rule.align_corners),
      lines: lines(basis, theta, "lines"),
      ghost: own ? lines(own, home, "ghost") : byHand && !site.family ? rawLinesOf(state, state.siteIndex, buffer, "ghost") : null,
      pixel: state.pixel === null || state.pixel >= basis.n ? null : pixelOf(state, U, basis, theta),
    };
  };
}

/** One pixel of V: where it looks, what it reads there, with which weights. */
function pixelOf(state, U, basis, theta) {
  const { pixel: index, rule } = state;
  const b = basis.b.subarray(index * basis.k, (index + 1) * basis.k);
  const coeff = coefficients(basis, theta, basis.coefficients);
  const [w, place] = [new Float32Array(1), new Float32Array(2)];
  const [x, y] = pointsInto(b, basis.k, 1, coeff, place, w);
  const [row, column] = [Math.floor(index / basis.size[1]), index % basis.size[1]];
  const where = { x, y, w: w[0], row, column, foot: footprint(basis, coeff, row, column) };
  if (basis.depth) return { ...where, ...pixelOfSlice(state, basis, row, column, x, y, theta) };
  const values = sampleInto(new Float32Array(U.channels), U, place, 1, rule);
  return { ...where, values, value: values[0], taps: Number.isFinite(x) && Number.isFinite(y) ? taps(x, y, U, rule) : [] };
}
