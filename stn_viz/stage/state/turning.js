/** Gestures on theta: one begins, moves and ends, or is dropped; undo and redo; the glide home to the network's theta. */

import { fitTheta } from "../numbers/fit.js";
import { path } from "./glide.js";
import { createHistory } from "./history.js";
import { basisOf, networkTheta } from "./scene.js";

const GLIDE_MS = 600;
const LARGEST = 1e6; // of an entry of theta, as in view.py

/**
 * @param {{get: () => object, set: (change: object) => void}} store
 * @param {object} around
 * @param {() => object | null} around.shown  the scene of the last frame
 * @param {() => void} around.rest  ends what the pointer's wheel still holds
 * @param {(sentence: string) => void} around.say
 * @param {() => boolean} around.canAsk  does the network know a theta for what is U now
 * @param {() => void} around.forget  what was chosen and is still on its way must not come after an undo
 * @param {() => void} around.needBases  fetches what the state names, after an undo
 * @param {MediaQueryList} around.still  prefers-reduced-motion
 */
export function createTurning({ get, set }, { shown, rest, say, canAsk, forget, needBases, still }) {
  const history = createHistory();
  let before = null; // what an undo of the running gesture brings back
  let touched = false; // did the running gesture change anything
  let tag = null;
  let motion = 0; // the animation frame of a glide

  const entry = ({ mode, hand, rule, site, siteIndex }) => ({ mode, hand, rule, site, siteIndex });
  const begin = () => {
    stopGlide();
    rest();
    if (before && touched) history.push(before, tag); // a second hand's gesture ends the first one's
    before = entry(get());
    touched = false;
  };
  /** Theta as the hand wants it, within the running gesture. Same non-null tag shortly after: one undo for both. */
  const handTheta = (theta, tagNow = null) => {
    if (!theta.every(Number.isFinite)) return say("Theta must stay finite: this change was left out.");
    const limited = theta.map((value) => Math.max(-LARGEST, Math.min(LARGEST, value)));
    if (limited.some((value, i) => value !== theta[i])) say("An entry of theta stops at a million: farther away there is no picture.");
    touched = true;
    tag = tagNow;
    const { family, points } = shown();
    set({ mode: "hand", hand: { theta: Float64Array.from(limited), family, points }, fits: true });
  };
  const commit = () => {
    if (before && touched) history.push(before, tag);
    before = null;
    set({ holding: null });
  };
  const cancel = () => {
    if (before) set({ ...before, holding: null });
    before = null;
  };
  /** A gesture of one act. */
  const gesture = (change) => {
    begin();
    change();
    touched = true;
    tag = null;
    commit();
  };
  /** @param {"undo" | "redo"} way */
  const travel = (way) => {
    rest();
    const to = history[way](entry(get()));
    if (!to) return;
    stopGlide();
    forget();
    const { family, points, theta } = shown() ?? {};
    // The picture is not part of an undo: of one that the network does not take it has no theta to go back to.
    const kept = to.mode === "network" && theta && !canAsk() ? { mode: "hand", hand: { theta: Float64Array.from(theta), family, points } } : null;
    // What the network said of a picture was another site's theta.
    const asked = to.siteIndex !== get().siteIndex && get().picture ? { picture: { ...get().picture, theta: null } } : null;
    set({ ...to, ...kept, ...asked });
    needBases();
  };

  const stopGlide = () => {
    cancelAnimationFrame(motion);
    motion = 0;
  };
  /** Glide the hand's theta home; the last frame is the network's own. */
  const glide = () => {
    const { mode, hand, site } = get();
    const scene = shown();
    if (mode === "hand" && scene?.theta && !site.family && canAsk()) return gesture(() => set({ mode: "network" })); // no theta to glide to
    if (mode !== "hand" || !scene?.theta || !networkTheta(get())) return;
    const points = site.options.points ?? null;
    const own = basisOf(get(), site.family, points);
    const same = hand.family === site.family && hand.points === points;
    const from = same ? hand.theta : own && fitTheta(own, own.hand.b, own.hand.n, scene.lattice, own.identity);
    begin();
    history.push(before);
    before = null;
    if (still.matches || !from?.every(Number.isFinite)) return set({ mode: "network" });
    const started = performance.now();
    const frame = (now) => {
      const t = Math.min(1, Math.max(0, now - started) / GLIDE_MS);
      const home = networkTheta(get()); // where the step or image moved on, so does the goal
      if (t >= 1 || !home) {
        motion = 0;
        return set({ mode: "network" });
      }
      set({ hand: { theta: path(site.family, from, home)(t), family: site.family, points } });
      motion = requestAnimationFrame(frame);
    };
    motion = requestAnimationFrame(frame);
  };

  return {
    begin, handTheta, commit, cancel, gesture, travel, glide, stopGlide,
    depth: history.depth,
    busy: () => before !== null || motion !== 0,
    /** Another run: nothing of the one before can be brought back. */
    clear: () => {
      stopGlide();
      before = null;
      history.clear();
    },
  };
}
