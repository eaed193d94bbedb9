/** A volume's slices: sliders under V and U, the wheel and the keys that choose V's, and what is said of depth. */

import { isVolume, sliceOf } from "../state/slices.js";
import { percent } from "../numbers/remarks.js";
import { el, setText } from "./dom.js";

const FLAT_ALONE = "This lens reads flat pictures. This network samples a volume: turn its slices with Sliders.";
const FLAT_PICTURES = "Pictures from here are flat. This network takes volumes: the run’s own stand on the left.";

/** Of a site of volumes that has no family, or whose U nobody recorded. */
export const UNSEEN_VOLUME = "This site moves a volume by a grid of no family, or samples one inside the network: no slice of it can be drawn. Its answers and curves are here.";

export const FLAT_WAY = "One slice of a volume is seen here, and no image that could move: the grid moves.";

const one = (value) => value.toFixed(1).replace("-", "−").replace(/^−0\.0$/, "0.0");

/**
 * @param {{get: () => object, set: (change: object) => void}} actions
 * @param {HTMLElement} frame  V's: the wheel, and the page keys, over it
 * @returns {{element: HTMLElement, set: (state: object) => void}}
 */
export function createSlices({ get, set }, frame) {
  const range = el("input.range", { type: "range", min: 0, step: 1, "aria-label": "slice of V", title: "slice of V along z (D): wheel over V, Page Up and Page Down" });
  const says = el("span.aside");
  const element = el("div.slices", { hidden: true }, el("span.label", { text: "slice z" }), range, says);

  const last = () => get().site.output_size[0] - 1;
  const choose = (slice) => set({ slice: Math.max(0, Math.min(last(), slice)), pixel: null, pin: null });
  range.addEventListener("input", () => choose(Number(range.value)));
  keepKeys(range);
  let turned = 0; // of the wheel, px: a notch is about 100, a touchpad sends many small ones
  frame.addEventListener("wheel", (event) => {
    if (element.hidden || event.ctrlKey) return;
    event.preventDefault();
    turned += event.deltaMode ? 40 * event.deltaY : event.deltaY;
    const steps = Math.trunc(turned / 40);
    if (!steps) return;
    turned -= 40 * steps;
    choose(sliceOf(get()) + Math.sign(steps));
  }, { passive: false });
  frame.addEventListener("keydown", (event) => {
    const by = { PageUp: 1, PageDown: -1 }[event.key];
    if (!by || element.hidden) return;
    event.preventDefault();
    event.stopPropagation();
    choose(sliceOf(get()) + by);
  });

  return {
    element,
    set: (state, scene) => {
      element.hidden = !isVolume(state) || !scene.theta || last() < 1;
      if (element.hidden) return;
      const slice = sliceOf(state);
      range.max = String(last());
      range.value = String(slice);
      range.style.setProperty("--at", `${(100 * slice) / last()}%`);
      range.setAttribute("aria-valuetext", `slice ${slice} of 0 to ${last()}`);
      setText(says, `${slice} of 0…${last()}`);
    },
  };
}

/** A slider hears its own keys, which are the timeline's elsewhere. */
function keepKeys(range) {
  range.addEventListener("keydown", (event) => {
    if (event.key.startsWith("Arrow") || ["Home", "End", "PageUp", "PageDown"].includes(event.key)) event.stopPropagation();
  });
}

/**
 * Which slice of U is shown under the grid: it follows the mean depth of V's slice until somebody chooses one.
 *
 * @param {{set: (change: object) => void}} actions
 * @returns {{element: HTMLElement, set: (scene: object) => void}}
 */
export function createSliceOfU({ set }) {
  const range = el("input.range", { type: "range", min: 0, step: 1, "aria-label": "slice of U", title: "slice of U along z (D) that is shown under the grid" });
  const follow = el("button.plain", { type: "button", text: "follows V", title: "the slice at the mean depth that V’s slice looks at" });
  const element = el("div.slices", { hidden: true }, el("span.label", { text: "slice z" }), range, follow);
  let shown = 0;
  range.addEventListener("input", () => set({ sliceU: Number(range.value) }));
  follow.addEventListener("click", () => set(({ sliceU }) => ({ sliceU: Number.isInteger(sliceU) ? null : shown })));
  keepKeys(range);
  return {
    element,
    set: ({ depth }) => {
      element.hidden = !depth || depth.of < 2;
      if (element.hidden) return;
      const last = depth.of - 1;
      shown = depth.shown;
      range.max = String(last);
      range.value = String(shown);
      range.style.setProperty("--at", `${(100 * shown) / last}%`);
      range.setAttribute("aria-valuetext", `slice ${shown} of 0 to ${last}`);
      follow.setAttribute("aria-pressed", String(!depth.chosen));
    },
  };
}

/** @returns {string} beside U's name: which slice of it is shown */
export const sliceWords = ({ shown, of }, outside) => `slice ${shown} of 0…${of - 1} · ${percent(outside)} outside`;

/** @returns {object[]} remarks of a scene whose U is a volume, as numbers/remarks.js has them */
export function depthRemarks({ depth: { low, high, of, slice, chosen }, marks }) {
  const flat = high - low < 0.05;
  const where = flat ? `slice ${one((low + high) / 2)}` : `slices ${one(low)} to ${one(high)}`;
  const found = [];
  if (marks.outside === marks.n) found.push({ key: "outside", level: 3, text: "This slice of V looks past the volume.", more: "V shows only what the padding writes." });
  found.push({
    key: "depth", level: 1, text: `V’s slice ${slice} looks at ${where} of U’s 0 to ${of - 1}.`,
    more: chosen ? "The grid is drawn as seen along z, over the slice of U that was chosen." : flat ? "It lies level in U: the grid is drawn on the slice that it looks at." : "It lies aslant in U: the grid is drawn as seen along z, over the slice at its mean depth.",
  });
  return found;
}

/** A lens that reads the plane: where U is a volume it says so in one sentence. */
export function flatAlone(lens) {
  const note = el("p.note", { hidden: true, text: lens.name === "pictures" ? FLAT_PICTURES : FLAT_ALONE });
  return {
    ...lens,
    element: el("div.flatalone", {}, note, lens.element),
    set: (shown, state, theme) => {
      const volume = isVolume(state);
      note.hidden = !volume;
      lens.element.hidden = volume;
      if (!volume) lens.set(shown, state, theme);
    },
  };
}
