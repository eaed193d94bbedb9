/** What a state shows: theta, grid, V and the drawn lines, computed into buffers that are kept from frame to frame. */

import { coefficients, gridInto, pointsInto, resized, thinned } from "../numbers/grid.js";
import { sampleInto, taps } from "../numbers/sampler.js";
import { outsideShare } from "../numbers/words.js";
import { basisName } from "./load.js";

const LARGEST_OUTPUT = 320; // longer side of V for a picture that is not the run's, unless somebody asks for more

/** @returns {object} U: the picture that was chosen, else the run's probe image */
export const imageOf = (state) => state.picture?.U ?? state.probes.image(state.image);

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
  if (fits(state)) return state.site.output_size;
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
  const name = basisName(family, size, align, points);
  if (state.bases.has(name)) return state.bases.get(name);
  const kin = [...state.bases].find(([each]) => each.startsWith(`${family}-`))?.[1];
  if (!kin || kin.lines.shape[1] !== 2) return undefined;
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

/** A buffer of at least this length, grown when needed. */
function buffers() {
  const kept = {};
  return (name, length) => {
    if (!kept[name] || kept[name].length !== length) kept[name] = new Float32Array(length);
    return kept[name];
  };
}

const coarser = new WeakMap(); // basis -> stride -> the same grid at fewer pixels

function atStride(basis, stride) {
  if (stride === 1) return basis;
  if (!coarser.has(basis)) coarser.set(basis, []);
  const known = coarser.get(basis);
  return (known[stride] ??= thinned(basis, stride));
}

/**
 * @returns {(state: object, stride?: number) => object} the scene. With a stride of more than 1, V and grid have that many
 *   times fewer pixels each way (`stride` says it, `size` is V's full [H', W']); all else is as it is
 */
export function createScene() {
  const buffer = buffers();

  const lines = (basis, theta, name) => {
    const { b, shape, count } = basis.lines;
    const coeff = coefficients(basis, theta, basis.coefficients);
    const points = buffer(`${name} points`, 2 * count);
    const w = buffer(`${name} w`, count);
    pointsInto(b, basis.k, count, coeff, points, w);
    return { points, w, L: shape[0] / 2, m: shape[1] };
  };

  return (state, stride = 1) => {
    const U = imageOf(state);
    const { site, mode, hand, rule } = state;
    if (!site || !site.family) return { U, theta: null };
    const byHand = mode === "hand" && hand;
    const family = byHand ? hand.family : site.family;
    const points = byHand ? hand.points : site.options.points ?? null;
    const basis = basisOf(state, family, points);
    if (!basis) return { U, theta: null, waiting: true };
    const theta = byHand ? hand.theta : networkTheta(state) ?? basis.identity;

    const drawn = atStride(basis, stride);
    const { n } = drawn;
    const grid = gridInto(drawn, theta, buffer("grid", 2 * n), buffer("w", n));
    const V = { data: buffer("V", U.channels * n), channels: U.channels, height: drawn.size[0], width: drawn.size[1] };
    sampleInto(V.data, U, grid, n, rule);
    const lattice = pointsInto(basis.hand.b, basis.k, basis.hand.n, coefficients(basis, theta, basis.coefficients), buffer("lattice", 2 * basis.hand.n), buffer("lattice w", basis.hand.n));
    const home = networkTheta(state);
    const own = byHand && home && basisOf(state, site.family, site.options.points ?? null);
    return {
      U, V, family, points, theta, basis, stride, size: basis.size, grid, w: buffer("w", n), lattice, latticeW: buffer("lattice w", basis.hand.n),
      whole: buffer("lattice w", basis.hand.n).every((w) => w > 1e-6) && lattice.every((x) => Math.abs(x) < 1e6),
      outside: outsideShare(grid, n),
      lines: lines(basis, theta, "lines"),
      ghost: own ? lines(own, home, "ghost") : null,
      pixel: state.pixel === null || state.pixel >= basis.n ? null : pixelOf(state.pixel, U, basis, theta, rule),
    };
  };
}

/** One pixel of V: where it looks, what it reads there, with which weights. */
function pixelOf(index, U, basis, theta, rule) {
  const row = basis.b.subarray(index * basis.k, (index + 1) * basis.k);
  const [x, y] = pointsInto(row, basis.k, 1, coefficients(basis, theta, basis.coefficients), new Float32Array(2));
  const value = sampleInto(new Float32Array(U.channels), U, new Float32Array([x, y]), 1, rule)[0];
  return {
    x, y, value,
    row: Math.floor(index / basis.size[1]),
    column: index % basis.size[1],
    taps: Number.isFinite(x) && Number.isFinite(y) ? taps(x, y, U, rule) : [],
  };
}
