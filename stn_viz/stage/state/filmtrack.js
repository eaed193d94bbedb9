/** One image's grids over the whole training, as the trace has them: the track, and the outline of one record. */

import { K, makeTrack, moments, onionSkins, pathOf, CENTRE, CORNERS } from "../numbers/film.js";
import { coefficients, pointsInto } from "../numbers/grid.js";
import { rawLines } from "../numbers/rawgrid.js";
import { rawGridOf, rawMissing } from "./parts.js";
import { basisOf, buffers, imageOf, linesOf } from "./scene.js";
import { isFlat, ruleOf } from "./sites.js";

const MOST_OUTLINES = 32; // that are kept, the newest

/** Why there is no film; "" where there is one, or will be in a moment. */
export function filmless({ site, picture, trace, siteIndex, ...state }) {
  if (!site) return "No transformer in this network, so there is no grid to be followed.";
  if (picture) return "What the grid did in training is recorded for the run’s own images: choose one on the left.";
  if (!isFlat(site) || site.output_size.length !== 2) return "The film is of flat pictures; this network samples a volume.";
  if (!site.family && rawMissing({ ...state, site, picture, trace, siteIndex })) return "The grids of this image were not recorded, so there is no film of them.";
  if (trace.count < 2) return "One record alone is no film: it takes a run that was recorded while it was trained.";
  return "";
}

/** Where a site of a family has its own basis: under the site's rule, whatever stands on the stage. */
const ownState = (state) => ({ ...state, rule: ruleOf(state.site), picture: null });

/** @returns {(state: object) => object | null} the film of the state's image; null while something of it is on its way */
export function createFilmTrack() {
  let made = null; // {key: parts that it was made of, film}

  return (state) => {
    if (filmless(state)) return null;
    const { site, siteIndex, trace, image } = state;
    const own = ownState(state);
    const basis = site.family ? basisOf(own, site.family, site.options.points ?? null) : null;
    if (site.family ? !basis : !rawGridOf(own)) return null;
    const key = [trace, image, siteIndex, basis ?? state.parts, imageOf(own).width];
    if (made && key.every((part, i) => part === made.key[i])) return made.film;
    made = { key, film: basis ? ofFamily(own, basis) : ofRaw(own) };
    return made.film;
  };
}

/** A pixel of U in normalised units. */
function pixelOf({ site }, { width, height }) {
  return [width, height].map((side) => 2 / Math.max(1, site.align_corners ? side - 1 : side));
}

function ofFamily(state, basis) {
  const { trace, siteIndex, image } = state;
  const { hand, k } = basis;
  const side = Math.round(Math.sqrt(hand.n));
  const rows = new Float32Array(K * K * k); // every other point of the hand's lattice
  for (let i = 0; i < K * K; i++) {
    const from = Math.round((Math.floor(i / K) * (side - 1)) / (K - 1)) * side + Math.round(((i % K) * (side - 1)) / (K - 1));
    rows.set(hand.b.subarray(from * k, (from + 1) * k), i * k);
  }
  const w = new Float32Array(K * K);
  const thetaAt = (record) => trace.theta(siteIndex, record, image);
  const place = (record, out) => {
    const theta = thetaAt(record);
    if (!theta) return false;
    pointsInto(rows, k, K * K, coefficients(basis, theta, basis.coefficients), out, w);
    return w.every((value) => value > 1e-6); // behind the horizon there is no place
  };
  return filmOf(state, place, (record) => linesOf(basis, thetaAt(record), buffers(), "skin"));
}

function ofRaw(state) {
  const [H, W] = state.site.output_size;
  const gridAt = (record) => rawGridOf({ ...state, index: record });
  const place = (record, out) => {
    const grid = gridAt(record);
    for (let i = 0; i < K * K; i++) {
      const at = Math.round((Math.floor(i / K) * (H - 1)) / (K - 1)) * W + Math.round(((i % K) * (W - 1)) / (K - 1));
      out[2 * i] = grid[2 * at];
      out[2 * i + 1] = grid[2 * at + 1];
    }
    return true;
  };
  return filmOf(state, place, (record) => rawLines(gridAt(record), [H, W], buffers(), "skin"));
}

function filmOf(state, place, linesAt) {
  const { trace } = state;
  const track = makeTrack(trace.count, place, pixelOf(state, imageOf(state)));
  const paths = { centre: pathOf(track, CENTRE), corners: CORNERS.map((corner) => pathOf(track, corner)) };
  const found = {};
  const outlines = new Map();
  let skins = null; // {record, of}
  return {
    track, paths,
    /** @param {"record" | "step"} by */
    moments: (by) => (found[by] ??= moments(track, trace.step, by)),
    skins: (record) => {
      if (skins?.record !== record) skins = { record, of: onionSkins(track, record) };
      return skins.of;
    },
    /** A record's lines, as ink/overlay.js draws them. */
    outline: (record) => {
      if (!outlines.has(record)) {
        if (outlines.size >= MOST_OUTLINES) outlines.delete(outlines.keys().next().value);
        outlines.set(record, linesAt(record));
      }
      return outlines.get(record);
    },
  };
}
