/** A run arrives from the host: fetched once, opened at its view; while it is being written nothing moves under the viewer. */

import { HALF } from "../ink/viewport.js";
import { basisName, loadRun } from "./load.js";
import { nearest } from "./playing.js";
import { ruleOf } from "./sites.js";
import { viewOfVolume } from "./slices.js";

/**
 * @param {{set: (change: object) => void}} store
 * @param {object} on
 * @param {(data: object) => void} on.header  every time: the list of runs
 * @param {(sentences: string[]) => void} on.problems
 * @param {() => void} on.leave  before another run's state is set
 * @param {(data: object, run: object, view: object | null) => void} on.opened  after it; view is null for the same run, rewritten
 * @param {(count: number, load: () => void) => void} [on.newer]  so many newer steps of this run wait to be asked for; 0: none
 * @param {(wish: {step: number, image: number}) => void} on.wish  a click outside the stage asks for it, once
 * @param {AbortSignal} signal
 */
export function createArriving({ set }, on, signal) {
  let loaded = ""; // which run, with which images and sites, stands here
  let standing = ""; // and in which version
  let wanted = "";
  let records = 0; // of it
  let granted = null; // id of the last wish; what was wished before this stage was mounted is past
  let held = null; // the same run with newer steps, until somebody asks for them
  const nameOf = (data) => JSON.stringify([data.run.name, data.assets.probes, data.sites]);

  const open = (data, { probes, trace, bases }) => {
    const name = nameOf(data);
    const again = loaded === name;
    loaded = name;
    records = data.run.records;
    const siteIndex = Math.min(data.view.site, Math.max(0, data.sites.length - 1));
    const site = data.sites[siteIndex] ?? null;
    const view = viewOfVolume(site, data.view);
    const known = new Map();
    data.sites.forEach((each, i) => {
      if (bases[i]) known.set(basisName(each.family, each.output_size, each.align_corners, each.options.points), bases[i]);
    });
    const common = { data, probes, trace, site, siteIndex, ready: true };
    if (again) {
      // Whoever looks at another site than the link's stays there.
      set(({ bases: had, index, trace: old, image, siteIndex: at }) => ({ ...common, siteIndex: at, site: data.sites[at] ?? null, bases: new Map([...had, ...known]), index: nearest(trace.step, old.step[index]), image: Math.min(image, probes.count - 1) }));
    } else {
      on.leave();
      const hand = view.theta && site && (view.family ?? site.family) ? { theta: Float64Array.from(view.theta), family: view.family ?? site.family, points: view.family ? view.points ?? null : site.options.points ?? null } : null;
      set({
        ...common, bases: known, rule: ruleOf(site, view), hand, mode: hand ? "hand" : "network",
        image: Math.min(view.image, probes.count - 1), picture: null, index: nearest(trace.step, view.step),
        ...(view.lens && { lens: view.lens }), way: view.way ?? 0, slice: view.slice ?? null, sliceU: null, playing: false, pixel: null, pin: null, boxing: false, half: HALF, fits: true, answer: null,
      });
    }
    on.opened(data, { probes, trace }, again ? null : view);
  };

  const take = async (data, key) => {
    wanted = key;
    try {
      const run = await loadRun(data);
      if (wanted !== key || signal.aborted) return;
      standing = key;
      open(data, run);
    } catch (error) {
      if (wanted !== key) return; // somebody has chosen another since
      wanted = standing;
      on.problems([`The run's pictures did not arrive: ${error.message}`]);
    }
  };
  const hold = (data, key) => {
    held = data && { data, key };
    on.newer?.(data ? data.run.records - records : 0, () => {
      const { data: newest, key: newestKey } = held;
      hold(null);
      take(newest, newestKey);
    });
  };

  return (data) => {
    // A rerun says nothing new: what was said stays until it is closed or another run opens.
    if (data.problems.length) on.problems(data.problems);
    on.header(data);
    const wish = data.wish ?? { id: 0 };
    if (granted !== null && granted !== wish.id && loaded === nameOf(data)) on.wish(wish);
    granted = wish.id;
    const key = JSON.stringify([data.run.name, data.assets]);
    if (key === wanted) {
      if (key === standing) hold(null);
      if (key === standing) set({ data }); // else it is still on its way: the run that stands here keeps its own
      return undefined;
    }
    // A training that goes on: nothing moves under the viewer. One that began anew, with fewer steps or other images, opens.
    if (standing && wanted === standing && loaded === nameOf(data) && data.run.records > records) return hold(data, key);
    hold(null);
    return take(data, key);
  };
}
