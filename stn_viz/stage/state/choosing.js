/** Choosing a family or a rule: their bases may have to be fetched first, and the newest choice wins. */

import { carriedOver } from "../hand/carry.js";
import { fittedToRaw } from "../hand/fitting.js";
import { basisName, loadBasis } from "./load.js";
import { basisOf, fetchedSize, gridAlign, outputSize } from "./scene.js";
import { isVolume } from "./slices.js";

const SLOW_MS = 400;
const MOST_POINTS = 1.2e6; // of averaged sampling: a third of a second at rest
const POINTS = { tps: 4, free: 9 }; // control points a side, unless somebody chose others

/**
 * @param {{get: () => object, set: (change: object) => void}} store
 * @param {{shown: () => object | null, say: (sentence: string) => void, gesture: (change: () => void) => void}} around
 */
export function createChoosing({ get, set }, { shown, say, gesture }) {
  const newest = { family: 0, rule: 0 }; // choices so far
  let pending = {}; // changes of the rule that wait for their grid

  /** The family at V's size and, where V is averaged, at the finer one: from the server unless it can be made here. */
  const fetchBasis = async (state, family, points) => {
    const bases = await Promise.all([outputSize(state), fetchedSize(state)].map((size) => basisAt(state, family, points, size)));
    return bases.every(Boolean) ? bases[0] : null;
  };
  const basisAt = async (state, family, points, size) => {
    const ready = basisOf(state, family, points, size);
    if (ready) return ready;
    const name = basisName(family, size, gridAlign(state.rule), points);
    const late = setTimeout(() => say("Making this family's grid: the first time it waits for torch."), SLOW_MS);
    try {
      const basis = await loadBasis(state.data.routes, name);
      set((now) => ({ bases: new Map(now.bases).set(name, basis) }));
      return basis;
    } catch (error) {
      say(`This grid did not arrive: ${error.message}`);
      return null;
    } finally {
      clearTimeout(late);
    }
  };
  const pointsOf = (state) => (state.rule.area > 1 && state.site ? fetchedSize(state).reduce((a, b) => a * b) : 0);
  /** Of a site of no family there is nothing to fetch until one is by hand. */
  const ofHand = ({ site, mode, hand }) => (mode === "hand" && hand ? [hand.family, hand.points] : [site.family, site.options.points ?? null]);

  /** Whatever the state names is fetched: after undo, a link, another picture, a change of rule. */
  const needBases = async () => {
    const state = get();
    if (isVolume(state)) return; // its slices are made here, of the one basis that came with the run
    const [byHand] = state.site ? ofHand(state) : [null];
    if (!byHand) return;
    if (pointsOf(state) > MOST_POINTS) return onePoint("This V is too large to be averaged: one sample a pixel is read.");
    if (state.site.family) await fetchBasis(state, state.site.family, state.site.options.points ?? null);
    const found = await fetchBasis(state, ...ofHand(state));
    // The finer grid may be one that the server does not make: V must not be called averaged then.
    if (!found && state.rule.area > 1 && get().rule === state.rule) onePoint("One sample a pixel is read instead.");
  };
  const onePoint = (sentence) => {
    say(sentence);
    set(({ rule }) => ({ rule: { ...rule, area: 1 } }));
    needBases();
  };
  /**
   * The present grid is carried over to the new family by least squares, unless its theta is given.
   *
   * @param {((basis: object) => ArrayLike<number>) | null} [given]  theta of the new family from its basis
   */
  const chooseFamily = async (family, points = null, given = null) => {
    const wanted = points ?? (family === get().site.family ? get().site.options.points : null) ?? POINTS[family] ?? null;
    const mine = ++newest.family;
    const basis = await fetchBasis(get(), family, wanted);
    const from = shown();
    const free = !get().site.family && !from?.theta; // a grid as it was recorded, or a picture that none is recorded for
    if (!basis || !(from?.lattice || free) || mine !== newest.family) return;
    if (!given && from.family === family && from.points === wanted) return;
    const { theta, says } = given ? { theta: Float64Array.from(given(basis)), says: null } : (free ? fittedToRaw : carriedOver)(basis, family, wanted, from, get().rule);
    if (says) say(says);
    gesture(() => set({ mode: "hand", hand: { theta, family, points: wanted }, fits: true }));
    needBases();
  };
  /** @param {object} change  some of kernel, padding, align_corners, grid_align, size, area */
  const chooseRule = async (change) => {
    if (change.kernel === "bicubic" && isVolume(get())) return say("A volume is sampled nearest or bilinear (trilinear); torch has no bicubic for it.");
    const mine = ++newest.rule;
    pending = { ...pending, ...change };
    const rule = { ...get().rule, ...pending };
    const points = pointsOf({ ...get(), rule });
    if (points > MOST_POINTS) {
      pending = {};
      return say(`Averaging ${rule.area} × ${rule.area} samples in each pixel of this V would read ${(points / 1e6).toFixed(1)} million points, at most ${(MOST_POINTS / 1e6).toFixed(1)} are read: make V smaller, or average fewer.`);
    }
    const ready = !shown()?.theta || (await fetchBasis({ ...get(), rule }, ...ofHand(get())));
    if (mine !== newest.rule) return;
    const changes = pending;
    pending = {};
    const now = get().rule;
    const next = { ...now, ...changes };
    if (!ready || Object.keys(next).every((name) => String(next[name]) === String(now[name]))) return;
    // A pixel of V at one size is another one at another.
    gesture(() => set({ rule: next, ...(String(next.size) !== String(now.size) && { pixel: null, pin: null }) }));
    needBases();
  };
  return {
    needBases, fetchBasis, chooseFamily, chooseRule,
    /** What was chosen for the run before must not arrive in this one. */
    forget: () => {
      newest.family++;
      newest.rule++;
      pending = {};
    },
  };
}
