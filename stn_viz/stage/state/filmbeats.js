/** The six beats of one iteration: which one is on, how far it has come, and what the network answered for it. */

import { createAsking } from "../learning/asking.js";
import { ruleOf } from "./sites.js";
import { isRecorded } from "./view.js";

/** In the order of the iteration; ms that each takes to unfold. */
export const BEATS = [
  { name: "localise", ms: 1200 },
  { name: "grid", ms: 1800 },
  { name: "sample", ms: 2600 },
  { name: "classify", ms: 900 },
  { name: "loss", ms: 700 },
  { name: "gradient", ms: 1400 },
];
const HOLD_MS = 1300; // that a beat is looked at before the next, where they play on

/** The snapshot in force at a step: the last one at or before it, else the first. */
export const snapshotAt = (snapshots, step) => snapshots.filter((each) => each <= step).at(-1) ?? snapshots[0];

/**
 * @param {{get: () => object, set: (change: object) => void}} store
 * @param {{gesture: (change: () => void) => void, holdWay: (way: number) => void}} actions
 * @param {MediaQueryList} still  prefers-reduced-motion
 */
export function createBeats({ get, set }, { gesture, holdWay }, still) {
  const asking = createAsking(() => set({}));
  let on = null; // {at, since, slow, key, answer, from, record}: from: the record at which the playhead stood before
  let problem = null; // {said, key}: why the last iteration could not be shown
  let motion = 0;

  /** What the beats are of: anything else on the stage, and they are over. */
  const keyOf = (state) => [state.data.run.name, state.image, state.siteIndex, state.index, state.lens, state.playing, state.way > 0, isRecorded(state)].join();
  const shareOf = (now = performance.now()) => (still.matches ? 1 : Math.min(1, (now - on.since) / BEATS[on.at].ms));
  const last = () => (!on?.answer || on.answer.tensors.dV ? BEATS.length - 1 : on.answer.tensors.probabilities ? 3 : 2);

  const tick = () => {
    motion = 0;
    if (!on) return;
    const now = performance.now();
    if (on.answer && on.slow && now - on.since > (still.matches ? 0 : BEATS[on.at].ms) + HOLD_MS) {
      if (on.at >= last()) on.slow = false;
      else Object.assign(on, { at: on.at + 1, since: now });
    }
    set({});
    move();
  };
  const move = () => {
    if (!motion && on?.answer && (on.slow || shareOf() < 1)) motion = requestAnimationFrame(tick);
  };
  /** Over; and the playhead is where it was before, unless somebody has moved it since. */
  const end = () => {
    const { from, record } = on ?? {};
    on = null;
    cancelAnimationFrame(motion);
    motion = 0;
    set(({ index, playing }) => (index === record && !playing ? { index: from } : {}));
  };
  const go = (at) => {
    Object.assign(on, { at: Math.max(0, Math.min(last(), at)), since: performance.now() });
    set({});
    move();
  };
  /** The network's own grid at a step whose weights are kept, under the site's own rule, over a still U. */
  const begin = (at, slow) => {
    const state = get();
    const { data, trace, index, site } = state;
    problem = null;
    const snapshot = snapshotAt(data.run.snapshots, trace.step[index]);
    const record = Math.max(0, trace.step.indexOf(snapshot));
    if (state.way > 0) holdWay(0);
    const there = { index: record, playing: false, boxing: false, pixel: null, fits: true };
    if (isRecorded(state)) set(there);
    else gesture(() => set({ ...there, mode: "network", rule: ruleOf(site) }));
    on = { at, since: performance.now(), slow, key: keyOf(get()), answer: null, from: index, record };
  };

  return {
    /** Once a frame. @returns {{at: number, name: string, share: number, slow: boolean, last: number, answer: object | null} | null} */
    frame: (state) => {
      if (on && keyOf(state) !== on.key) {
        if (state.lens !== "film" && keyOf({ ...state, lens: "film" }) === on.key) end(); // the lens was left
        on = null;
      }
      if (!on) return null;
      if (!on.answer) {
        asking.begin();
        const heard = asking.ask({ data: state.data }, "iteration", { image: state.image, site: state.siteIndex, step: state.trace.step[state.index] });
        asking.end();
        if (heard?.error) {
          problem = { said: heard.error, key: on.key };
          asking.retry();
          on = null;
          return null;
        }
        if (heard) {
          on.answer = heard;
          on.at = Math.min(on.at, last());
          on.since = performance.now();
        }
      }
      move();
      return { at: on.at, name: BEATS[on.at].name, share: on.answer ? shareOf() : 0, slow: on.slow, last: last(), answer: on.answer };
    },
    /** The step at which the playhead stood before the beats; null without beats. */
    from: () => (on ? get().trace.step[on.from] : null),
    problem: (state) => (problem?.key === keyOf(state) ? problem.said : ""),
    /** To one beat, where it stays. */
    show: (at) => {
      if (!on) return begin(at, false);
      on.slow = false;
      go(at);
    },
    /** One on or back. */
    step: (by) => {
      if (!on) return begin(0, false);
      on.slow = false;
      go(on.at + by);
    },
    /** All of them one after the other, from the first or from where it stopped; or stop there. */
    play: () => {
      if (!on) return begin(0, true);
      on.slow = !on.slow;
      if (on.slow) go(on.at >= last() ? 0 : on.at);
      else set({});
    },
    end,
    stop: () => {
      on = null;
      cancelAnimationFrame(motion);
      asking.stop();
    },
  };
}
