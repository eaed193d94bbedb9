/** Theta: the matrix, the gauge's or the raw sliders, identity / snap / undo / redo, family and rule. */

import { gaugeOf } from "../numbers/gauge.js";
import { el, setText } from "./dom.js";
import { createNumber, signed } from "./number.js";
import { createChoice, createSlider, row } from "./slider.js";

const degrees = (value) => `${value.toFixed(1).replace("-", "−").replace("−0.0", "0.0")}°`;
const times = (value) => (Math.abs(value) >= 1e5 ? "∞" : `${signed(value, 2).replace("+", "")}×`); // a grid of no extent
const plain = (value) => signed(value, 2).replace("+", "");

const SCALES = {
  rotation: { label: "rotation", low: -180, high: 180, step: 1, format: degrees },
  zoom: { label: "zoom", low: 0.25, high: 4, step: 0.02, log: true, format: times },
  aspect: { label: "aspect", low: 0.4, high: 2.5, step: 0.02, log: true, format: plain },
  shear: { label: "shear", low: -1.5, high: 1.5, step: 0.02, format: plain },
  shift_x: { label: "shift x", low: -1.5, high: 1.5, step: 0.02, format: (value) => signed(value, 2) },
  shift_y: { label: "shift y", low: -1.5, high: 1.5, step: 0.02, format: (value) => signed(value, 2) },
};

/** How theta's entries stand as a matrix: an index into theta, or a fixed entry, or the negative of one. */
const LAYOUTS = {
  affine: [[0, 1, 2], [3, 4, 5]],
  attention: [[0, "0", 1], ["0", 0, 2]],
  similarity: [[0, "-1", 2], [1, 0, 3]],
  translation: [["1", "0", 0], ["0", "1", 1]],
  projective: [[0, 1, 2], [3, 4, 5], [6, 7, "1"]],
};
const NAMES = {
  affine: "affine", attention: "attention", similarity: "similarity", translation: "translation", projective: "projective", tps: "TPS",
};

function layoutOf(family, P, points) {
  if (LAYOUTS[family]) return LAYOUTS[family];
  const across = points ? 2 * points : Math.min(P, 6);
  return Array.from({ length: Math.ceil(P / across) }, (_, r) => Array.from({ length: Math.min(across, P - r * across) }, (_, c) => r * across + c));
}

/** Names of theta's entries as the field writes them. */
function entryNames(family, P) {
  const known = {
    affine: ["t11", "t12", "t13", "t21", "t22", "t23"],
    attention: ["s", "tx", "ty"],
    similarity: ["a", "b", "tx", "ty"],
    translation: ["tx", "ty"],
    projective: ["h11", "h12", "h13", "h21", "h22", "h23", "h31", "h32"],
  }[family];
  if (known) return known;
  return Array.from({ length: P }, (_, i) => (family === "tps" ? `${i % 2 ? "y" : "x"}${(i >> 1) + 1}` : `θ${i + 1}`));
}

/**
 * @param {object} actions  begin, handTheta(theta, tag), commit, cancel, reject, identity, glide, undo, redo, chooseFamily,
 *   choosePoints, chooseRule, chooseMode, chooseSliders
 */
export function createThetaPanel(actions) {
  const title = el("h2", { text: "θ" });
  const mode = createChoice("theta", [
    { value: "network", text: "network", title: "theta of the network at this step (Esc)" },
    { value: "hand", text: "by hand", title: "theta by hand: drag the grid, a number or a slider" },
  ], actions.chooseMode);
  const networkButton = mode.element.firstChild;
  const matrix = el("div.matrix", { role: "group", "aria-label": "theta" });
  const sliders = el("div.sliders");
  const which = createChoice("sliders", [
    { value: "gauge", text: "gauge", title: "rotation, zoom, aspect, shear, shift" },
    { value: "raw", text: "raw θ", title: "theta's own entries" },
  ], actions.chooseSliders);
  const button = (text, title, click, name = text) => el("button.plain", { type: "button", title, text, "aria-label": name, on: { click } });
  const undo = button("↶", "undo (Ctrl+Z)", actions.undo, "undo");
  const redo = button("↷", "redo (Ctrl+Shift+Z)", actions.redo, "redo");
  const glide = button("Snap to network", "glide from the hand's theta to the network's (G)", actions.glide);
  const buttons = el("div.buttons", {}, button("Identity", "theta that changes nothing (I)", actions.identity), glide, undo, redo, which.element);
  const rows = el("div.rows");
  const note = el("p.note", { hidden: true });
  const element = el("section.theta", { "aria-label": "theta" }, el("div.title", {}, title, mode.element), note, matrix, sliders, buttons, rows);

  let cells = []; // {number, index, sign}
  let bars = []; // {slider, read: theta -> value}
  let shape = "";
  let family = null;
  let points = null;
  let kernel = null;
  let padding = null;
  let align = null;
  let families = "";
  let current = null;

  const hand = (change) => ({
    begin: actions.begin,
    input: (value, tag) => actions.handTheta(change(value), tag),
    commit: actions.commit,
    cancel: actions.cancel,
    reject: actions.reject,
  });
  const withEntry = (index, sign) => (value) => {
    const theta = Float64Array.from(current);
    theta[index] = sign * value;
    return theta;
  };

  function buildMatrix(name, P, pointsNow) {
    const names = entryNames(name, P);
    cells = [];
    const small = P > 8;
    const layout = layoutOf(name, P, pointsNow);
    matrix.replaceChildren(...layout.map((entries) => el("div.line", { role: "group" }, ...entries.map((entry) => {
      const negative = entry === "-1";
      if (typeof entry === "string" && !negative) return el("span.fixed", { text: entry });
      const index = negative ? 1 : entry;
      const sign = negative ? -1 : 1;
      const number = createNumber({ label: negative ? `−${names[index]}` : names[index], step: 0.01, format: (v) => signed(v, small ? 2 : 3), ...hand(withEntry(index, sign)) });
      cells.push({ number, index, sign });
      return number.element;
    }))));
    matrix.classList.toggle("small", small);
  }

  function buildSliders(name, P, kind) {
    const gauge = kind === "gauge" ? gaugeOf(name) : null;
    if (gauge) {
      bars = gauge.names.map((part, i) => ({
        slider: createSlider(SCALES[part], hand((value) => {
          const values = gauge.fromTheta(current);
          values[i] = value;
          return Float64Array.from(gauge.toTheta(values));
        })),
        read: (values) => values[i],
      }));
    } else {
      bars = entryNames(name, P).map((label, i) => ({
        slider: createSlider({ label, low: -2, high: 2, step: 0.01, format: (v) => signed(v, 3) }, hand(withEntry(i, 1))),
        read: (_, theta) => theta[i],
      }));
    }
    sliders.replaceChildren(...bars.map(({ slider }) => slider.element));
    sliders.classList.toggle("many", bars.length > 8);
  }

  function buildRows(site) {
    family = createChoice("family", site.families.map((value) => ({ value, text: NAMES[value] ?? value, title: `${value} transformer` })), actions.chooseFamily);
    points = createChoice("control points", [3, 4, 5].map((value) => ({ value, text: `${value} × ${value}`, title: "control points" })), actions.choosePoints);
    kernel = createChoice("kernel", ["nearest", "bilinear", "bicubic"].map((value) => ({ value, text: value })), (value) => actions.chooseRule({ kernel: value }));
    padding = createChoice("outside", ["zeros", "border", "reflection"].map((value) => ({ value, text: value === "reflection" ? "reflect" : value, title: `padding: ${value}` })), (value) => actions.chooseRule({ padding: value }));
    align = createChoice("align corners", [
      { value: false, text: "off", title: "align_corners=False: −1 and 1 are the outer edges of the outer pixels" },
      { value: true, text: "on", title: "align_corners=True: −1 and 1 are the centres of the outer pixels" },
    ], (value) => actions.chooseRule({ align_corners: value }));
    points.row = row("points", points.element);
    const pair = el("div.pair", {}, row("outside", padding.element), row("align corners", align.element));
    rows.replaceChildren(row("family", family.element), points.row, row("kernel", kernel.element), pair);
  }

  return {
    element,
    /** Another run or site: the family's list may differ. */
    start: (site) => {
      element.classList.toggle("empty", !site?.family);
      note.hidden = Boolean(site?.family);
      if (!site?.family) {
        const free = "This network's grid is of no family, so it has no θ to turn. Its answers and curves are here.";
        setText(note, site ? free : "No transformer in this network: nothing moves its grid. Its answers and curves are here to compare with.");
        return;
      }
      shape = "";
      if (families !== site.families.join()) buildRows(site);
      families = site.families.join();
    },
    /** @param {{family, points, theta, mode, rule, sliders, step, depth: [number, number]}} shown */
    set: ({ family: name, points: pointsNow, theta, mode: modeNow, rule, sliders: kind, step, depth }) => {
      current = theta;
      const hasGauge = Boolean(gaugeOf(name));
      const key = `${name} ${theta.length} ${hasGauge ? kind : "raw"}`;
      if (key !== shape) {
        buildMatrix(name, theta.length, pointsNow);
        buildSliders(name, theta.length, kind);
        shape = key;
      }
      cells.forEach(({ number, index, sign }) => number.set(sign * theta[index]));
      const values = hasGauge && kind === "gauge" ? gaugeOf(name).fromTheta(theta) : null;
      bars.forEach(({ slider, read }) => slider.set(read(values, theta)));
      mode.set(modeNow);
      setText(networkButton, `network, step ${step.toLocaleString("en")}`);
      which.element.hidden = !hasGauge;
      which.set(kind);
      family.set(name);
      points.row.hidden = name !== "tps";
      points.set(pointsNow);
      kernel.set(rule.kernel);
      padding.set(rule.padding);
      align.set(rule.align_corners);
      glide.disabled = modeNow === "network";
      undo.disabled = !depth[0];
      redo.disabled = !depth[1];
    },
  };
}
