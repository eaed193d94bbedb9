/** The other sites that sample the same U: each one's frame on it and its V, as the network has them at this step. */

import { gridInto } from "../numbers/grid.js";
import { rawLines } from "../numbers/rawgrid.js";
import { sampleInto } from "../numbers/sampler.js";
import { rawGridOf } from "./parts.js";
import { basisOf, buffers, imageOf, linesOf } from "./scene.js";
import { ruleOf, titleOf, together } from "./sites.js";

/**
 * @returns {(state: object) => {index: number, title: string, rank: number, lines: object, V: object}[]} rank: place among them, for its
 *   colour. What did not change since the last frame is the same object, since a hand moves the chosen site's grid alone
 */
export function createOthers() {
  const known = new Map(); // site -> {key, buffer, found}

  const gridOf = (state, i, buffer) => {
    const site = state.data.sites[i];
    if (!site.family) {
      const grid = rawGridOf(state, i);
      return grid && { grid, lines: rawLines(grid, site.output_size, buffer, "lines") };
    }
    const basis = basisOf({ ...state, site, siteIndex: i, rule: ruleOf(site), picture: null }, site.family, site.options.points ?? null);
    const theta = state.trace.theta(i, state.index, state.image);
    if (!basis || !theta) return null;
    return { grid: gridInto(basis, theta, buffer("grid", 2 * basis.n)), lines: linesOf(basis, theta, buffer, "lines") };
  };

  return (state) => {
    if (state.picture) return []; // of a picture that is not the run's only the chosen site's theta is known
    const U = imageOf(state);
    return together(state).flatMap((i) => {
      const site = state.data.sites[i];
      if (!known.has(i)) known.set(i, { buffer: buffers() });
      const mine = known.get(i);
      const key = [U.data, state.trace, state.index, state.image, state.parts, state.bases, site];
      if (!mine.key || key.some((value, k) => value !== mine.key[k])) {
        mine.key = key;
        const found = gridOf(state, i, mine.buffer);
        mine.found = null;
        if (found) {
          const [height, width] = site.output_size;
          const data = sampleInto(mine.buffer("V", U.channels * height * width), U, found.grid, height * width, ruleOf(site));
          mine.found = { index: i, title: titleOf(site, i), lines: found.lines, V: { data, channels: U.channels, height, width, screen: U.screen } };
        }
      }
      // Sites keep their colours whichever of them is chosen.
      return mine.found ? [{ ...mine.found, rank: i }] : [];
    });
  };
}
