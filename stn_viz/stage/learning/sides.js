/** A run of the room: what was fetched of it, in the shape in which the stage's scene takes it. */

import { basisName, loadRun } from "../state/load.js";
import { nearest } from "../state/playing.js";
import { ruleOf } from "../state/sites.js";

/** @returns {object[]} the list of runs, where several have one title each with its own name beside it */
export function titled(runs) {
  const count = new Map();
  for (const { title } of runs) count.set(title, (count.get(title) ?? 0) + 1);
  return runs.map((run) => (count.get(run.title) > 1 && run.title !== run.name ? { ...run, title: `${run.title} (${run.name})` } : run));
}

/**
 * @param {object} data  what the page handed over (pages/handover.py)
 * @param {{name: string, title: string}[]} [runs]  the list of runs, for its title
 * @returns {Promise<object>} {data, probes, trace, bases, sites, classes, title}
 */
export async function loadSide(data, runs = data.runs) {
  const { probes, trace, bases } = await loadRun(data);
  const known = new Map();
  data.sites.forEach((site, i) => {
    if (bases[i]) known.set(basisName(site.family, site.output_size, site.align_corners, site.options.points), bases[i]);
  });
  const title = titled(runs).find(({ name }) => name === data.run.name)?.title ?? data.run.name;
  return { data, probes, trace, bases: known, sites: data.sites, classes: data.run.classes, title };
}

/**
 * The state that state/scene.js knows (sampledV, basisOf, networkTheta), for one image of a side at one record.
 *
 * @param {object} side
 * @param {{index: number, image: number, siteIndex?: number}} at
 */
export function stateAt(side, { index, image, siteIndex = 0 }) {
  const site = side.sites[siteIndex] ?? null;
  return { ...side, site, siteIndex, index, image, rule: ruleOf(site), picture: null, mode: "network", hand: null };
}

/**
 * Record of another run that stands where `index` stands in this one.
 *
 * @param {"step" | "images" | "share"} lock  the same step, the same number of images seen, the same share of the training
 */
export function indexBeside(trace, other, index, lock = "step") {
  // Runs are recorded at a pace of their own: a share is one of the steps, not of the records.
  if (lock === "share") return nearest(other.step, (trace.step[index] / (trace.step[trace.count - 1] || 1)) * other.step[other.count - 1]);
  const row = lock === "images" && trace.images && other.images ? "images" : "step";
  return nearest(other[row], trace[row][index]);
}
