/** What a state shows: theta, grid, V and the drawn lines, computed into buffers that are kept from frame to frame. */

import { coefficients, gridInto, pointsInto } from "../numbers/grid.js";
import { sampleInto, taps } from "../numbers/sampler.js";
import { outsideShare } from "../numbers/words.js";
import { basisName } from "./load.js";

/** @returns {object | undefined} the basis of a family at this site's target size under the state's rule, if it is here */
export function basisOf(state, family, points) {
  return state.bases.get(basisName(family, state.site.output_size, state.rule.align_corners, points));
}

/** @returns {Float32Array | null} the network's own theta for the state's image and step */
export const networkTheta = (state) => state.trace.theta(state.siteIndex, state.index, state.image);

/** A buffer of at least this length, grown when needed. */
function buffers() {
  const kept = {};
  return (name, length) => {
    if (!kept[name] || kept[name].length !== length) kept[name] = new Float32Array(length);
    return kept[name];
  };
}

/** @returns {(state: object) => object} */
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

  return (state) => {
    const U = state.probes.image(state.image);
    const { site, mode, hand, rule } = state;
    if (!site || !site.family) return { U, theta: null };
    const byHand = mode === "hand" && hand;
    const family = byHand ? hand.family : site.family;
    const points = byHand ? hand.points : site.options.points ?? null;
    const theta = byHand ? hand.theta : networkTheta(state);
    const basis = basisOf(state, family, points);
    if (!basis) return { U, theta: null, waiting: true };

    const { n } = basis;
    const grid = gridInto(basis, theta, buffer("grid", 2 * n), buffer("w", n));
    const V = { data: buffer("V", U.channels * n), channels: U.channels, height: basis.size[0], width: basis.size[1] };
    sampleInto(V.data, U, grid, n, rule);
    const lattice = pointsInto(basis.hand.b, basis.k, basis.hand.n, coefficients(basis, theta, basis.coefficients), buffer("lattice", 2 * basis.hand.n), buffer("lattice w", basis.hand.n));
    const own = byHand && basisOf(state, site.family, site.options.points ?? null);
    return {
      U, V, family, points, theta, basis, grid, lattice,
      whole: buffer("lattice w", basis.hand.n).every((w) => w > 1e-6) && lattice.every((x) => Math.abs(x) < 1e6),
      outside: outsideShare(grid, n),
      lines: lines(basis, theta, "lines"),
      ghost: own ? lines(own, networkTheta(state), "ghost") : null,
      pixel: state.pixel === null || state.pixel >= n ? null : pixelOf(state.pixel, U, V, grid, rule),
    };
  };
}

/** One pixel of V: where it looks, what it reads there, with which weights. */
function pixelOf(index, U, V, grid, rule) {
  const x = grid[2 * index];
  const y = grid[2 * index + 1];
  return {
    x, y,
    row: Math.floor(index / V.width),
    column: index % V.width,
    value: V.data[index],
    taps: Number.isFinite(x) && Number.isFinite(y) ? taps(x, y, U, rule) : [],
  };
}
