/** The right column: theta as a matrix, whose it is, and below it the lens that is open. */

import { el, setText } from "./dom.js";
import { entryNames, layoutOf } from "./entries.js";
import { createLensbar } from "./lensbar.js";
import { createNumber, signed } from "./number.js";
import { createSitePicker } from "./sitepicker.js";
import { createChoice } from "./slider.js";
import { UNSEEN_VOLUME } from "./slicebar.js";
import { isVolume } from "../state/slices.js";

const LONGEST = 50; // entries: more of them are no matrix that anybody reads

/**
 * @param {object} actions  begin, handTheta, commit, cancel, reject, chooseMode, chooseLens, chooseSite
 * @param {object[]} lenses  as lensbar.js takes them
 */
export function createThetaPanel(actions, lenses) {
  const title = el("h2", { text: "θ" });
  const mode = createChoice("theta", [
    { value: "network", text: "network", title: "theta of the network at this step (Esc)" },
    { value: "hand", text: "by hand", title: "theta by hand: drag the grid, a number or a slider" },
  ], actions.chooseMode);
  const networkButton = mode.element.firstChild;
  const picker = createSitePicker((site) => actions.chooseSite(site));
  const matrix = el("div.matrix", { role: "group", "aria-label": "theta" });
  const note = el("p.note", { hidden: true });
  const lensbar = createLensbar(lenses, actions.chooseLens);
  const element = el("section.theta", { "aria-label": "theta" }, el("div.title", {}, title, picker.element, mode.element), note, matrix, lensbar.bar, lensbar.body);

  let stood = null; // the site that was shown
  let cells = []; // {number, index, sign}
  let shape = "";
  let current = null;

  const withEntry = (index, sign) => (value, tag) => {
    const theta = Float64Array.from(current);
    theta[index] = sign * value;
    actions.handTheta(theta, tag);
  };
  function build(family, P, points) {
    const names = entryNames(family, P);
    cells = [];
    const small = P > 8 && family !== "affine3"; // its 3 × 4 matrix has room
    if (P > LONGEST) {
      matrix.replaceChildren(el("p.note", { text: `${P} numbers: ${points} × ${points} control points` }));
    } else {
      matrix.replaceChildren(...layoutOf(family, P, points).map((entries) => el("div.line", { role: "group" }, ...entries.map((entry) => {
        const negative = entry === "-1";
        if (typeof entry === "string" && !negative) return el("span.fixed", { text: entry });
        const index = negative ? 1 : entry;
        const sign = negative ? -1 : 1;
        const number = createNumber({
          label: negative ? `−${names[index]}` : names[index], step: 0.01, format: (v) => signed(v, small ? 2 : 3),
          begin: actions.begin, input: withEntry(index, sign), commit: actions.commit, cancel: actions.cancel, reject: actions.reject,
        });
        cells.push({ number, index, sign });
        return number.element;
      }))));
    }
    matrix.classList.toggle("small", small && P <= LONGEST);
    matrix.classList.toggle("told", P > LONGEST);
  }

  /** Another run or site: there may be no theta at all. */
  function start(site) {
    shape = "";
    stood = site;
    element.classList.toggle("empty", !site);
    setText(note, site ? "" : "No transformer in this network: nothing moves its grid. Its answers and curves are here to compare with.");
    note.hidden = Boolean(site);
  }
  const OF_NO_FAMILY = "This grid is of no family, so it has no θ: it is drawn as it was recorded. Choose a family below, or “by hand”, and the nearest grid of that family can be turned.";
  const ABSENT = "The network's grid is of no family, and what was recorded of it did not arrive, so none is drawn. Choose a family below to lay one of your own.";
  const UNKNOWN = "The network's grid is of no family, and it is recorded for the run's own images alone. Choose a family below to lay a grid of your own over this picture.";

  return {
    element,
    start,
    /**
     * @param {object} shown  the scene
     * @param {object} state
     * @param {object} theme
     * @param {boolean} asked  can the network say a theta for this picture
     */
    set: (shown, state, theme, asked) => {
      const { family, points, theta } = shown;
      if (state.site !== stood) start(state.site);
      const free = Boolean(state.site) && !state.site.family && !theta;
      element.classList.toggle("raw", free);
      if (state.site) note.hidden = !free;
      if (free) setText(note, state.picture ? UNKNOWN : shown.raw || shown.waiting ? OF_NO_FAMILY : ABSENT);
      const hidden = isVolume(state) && !theta; // a volume of which no slice can be drawn
      element.classList.toggle("empty", !state.site || hidden);
      if (hidden) {
        note.hidden = false;
        setText(note, UNSEEN_VOLUME);
      }
      picker.set(state);
      if (theta) {
        current = theta;
        const key = `${family} ${theta.length}`;
        if (key !== shape) build(family, theta.length, points);
        shape = key;
        cells.forEach(({ number, index, sign }) => number.set(sign * theta[index]));
      }
      mode.set(state.mode);
      networkButton.disabled = !asked;
      setText(networkButton, `network, ${state.data.run.counter ?? "step"} ${state.trace.step[state.index].toLocaleString("en")}`);
      lensbar.set(shown, state, theme);
    },
  };
}
