/**
 * What the page hands over arrives in the room. Of a run that is being written there is more every few seconds: that is told
 * ("3 newer steps") and loaded when somebody asks for it, so that nothing moves under the viewer.
 */

import { nearest } from "../state/playing.js";
import { loadSide } from "./sides.js";

const keyOf = (data) => (data ? JSON.stringify([data.run.name, data.assets]) : "");
/** What must be the same for more records to be more of the same: images, sites and bases. */
const kindOf = (data) => (data ? JSON.stringify([data.run.name, data.assets.probes, data.assets.bases, data.sites]) : "");

/**
 * @param {object} loaded  data of the side that stands here, or null
 * @param {object} arrived  of the same place
 * @returns {number} how many newer steps there are that can wait; 0 where nothing can
 */
export function newerSteps(loaded, arrived) {
  if (!loaded || !arrived || kindOf(loaded) !== kindOf(arrived)) return 0;
  return Math.max(0, arrived.run.records - loaded.run.records);
}

/**
 * @param {{get: () => object, set: (change: object) => void}} store
 * @param {object} on
 * @param {(data: object) => void} on.header  with everything that arrives
 * @param {(data: object, another: boolean) => void} on.opened  sides were set; another: A is another run than before
 * @param {(newer: {a: number, b: number}) => void} on.newer
 * @param {(sentence: string) => void} on.failed
 * @param {(data: object, another: boolean) => object} on.view  what else is set as a run opens
 * @param {AbortSignal} signal
 */
export function createArrivals({ get, set }, on, signal) {
  let wanted = "";
  let newest = null; // what arrived last
  let swapping = null; // names that are on their way
  const asked = { a: false, b: false }; // newer steps that somebody wants to see

  const load = async (data, held) => {
    const { a: hadA, b: hadB } = get();
    const had = { a: hadA, b: hadB };
    const sides = await Promise.all(["a", "b"].map((which) => {
      if (!data[which]) return null;
      const here = had[which];
      if (here && (held[which] || keyOf(here.data) === keyOf(data[which]))) return here;
      return loadSide(data[which], newest.a.runs);
    }));
    return { a: sides[0], b: sides[1] };
  };

  const arrive = async (data) => {
    const before = get();
    const newer = { a: newerSteps(before.a?.data, data.a), b: newerSteps(before.b?.data, data.b) };
    const held = { a: newer.a > 0 && !asked.a, b: newer.b > 0 && !asked.b };
    on.newer({ a: held.a ? newer.a : 0, b: held.b ? newer.b : 0 });
    const key = JSON.stringify(["a", "b"].map((which) => (held[which] ? keyOf(before[which].data) : keyOf(data[which]))));
    if (key === wanted) return quietly(data, held);
    wanted = key;
    try {
      const { a, b } = await load(data, held);
      if (wanted !== key || signal.aborted) return;
      asked.a = asked.b = false;
      const { a: old, index, image, playing } = get();
      const another = old?.data.run.name !== a.data.run.name;
      set({
        a, b, ready: true, playing: another ? false : playing,
        index: nearest(a.trace.step, another ? data.a.view.step : old.trace.step[index]),
        image: Math.min(another ? data.a.view.image : image, a.probes.count - 1),
        ...on.view(data, another),
      });
      on.opened(data, another);
    } catch (error) {
      if (wanted !== key) return;
      wanted = "";
      asked.a = asked.b = false;
      on.failed(`The run's pictures did not arrive: ${error.message}`);
    }
  };

  /** The same pictures: what else the page says of them (it is finished, its program may be asked) is taken over. */
  const quietly = (data, held) => {
    const change = {};
    for (const which of ["a", "b"]) {
      const side = get()[which];
      const now = data[which];
      if (!side || !now || held[which] || keyOf(side.data) !== keyOf(now)) continue;
      if (JSON.stringify(side.data.run) !== JSON.stringify(now.run)) change[which] = { ...side, data: now };
    }
    if (Object.keys(change).length) set(change);
  };

  return {
    update: (data) => {
      const names = [data.a.run.name, data.b?.run.name ?? null].join("\n");
      // On the way from A and B to B and A, Python may be heard half way: that is no picture for anybody.
      if (swapping && names !== swapping.names && performance.now() < swapping.until) return undefined;
      swapping = null;
      newest = data;
      on.header(data);
      return arrive(data);
    },
    /** Show the newer steps of a side. @param {"a" | "b"} which */
    load: (which) => {
      asked[which] = true;
      return arrive(newest);
    },
    /** A and B have changed places; Python will hear of it. */
    swapped: () => {
      const { a, b } = get();
      swapping = { names: [a.data.run.name, b.data.run.name].join("\n"), until: performance.now() + 4000 };
      wanted = JSON.stringify([keyOf(a.data), keyOf(b.data)]);
      newest = { a: { ...newest.b, runs: newest.a.runs, problems: [] }, b: newest.a };
      on.header(newest);
      on.opened(newest, false);
      on.newer({ a: newerSteps(a.data, newest.a), b: newerSteps(b.data, newest.b) });
    },
  };
}
