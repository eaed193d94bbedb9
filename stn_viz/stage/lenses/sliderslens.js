/** Theta by sliders: the gauge's or its own entries; identity, the way home, undo; family and rule. */

import { isPoseKnown, poseOf } from "../hand/truepose.js";
import { gaugeOf } from "../numbers/gauge.js";
import { el } from "../parts/dom.js";
import { sliderNames } from "../parts/entries.js";
import { signed } from "../parts/number.js";
import { createKernelNote } from "../parts/remarkbar.js";
import { createChoice, createSlider, row } from "../parts/slider.js";
import { networkTheta } from "../state/scene.js";
import { isVolume } from "../state/slices.js";

const degrees = (value) => `${value.toFixed(1).replace("-", "−").replace("−0.0", "0.0")}°`;
const times = (value) => (Math.abs(value) >= 1e5 ? "∞" : `${signed(value, 2).replace("+", "")}×`); // a grid of no extent
const plain = (value) => signed(value, 2).replace("+", "");

const SCALES = {
  rotation: { label: "rotation", low: -180, high: 180, step: 1, unit: "deg", format: degrees },
  zoom: { label: "zoom", low: 0.25, high: 4, step: 0.02, log: true, format: times },
  aspect: { label: "aspect", low: 0.4, high: 2.5, step: 0.02, log: true, format: plain },
  shear: { label: "shear", low: -1.5, high: 1.5, step: 0.02, format: plain },
  shift_x: { label: "shift x", low: -1.5, high: 1.5, step: 0.02, format: (value) => signed(value, 2) },
  shift_y: { label: "shift y", low: -1.5, high: 1.5, step: 0.02, format: (value) => signed(value, 2) },
};
const NAMES = { tps: "TPS", free: "free", affine3: "3-D affine" };
const LONGEST = 50;
const POINTS = { tps: [3, 4, 5], free: [5, 7, 9] };

/**
 * @param {object} actions  begin, handTheta(theta, tag), commit, cancel, reject, identity, glide, undo, redo, chooseFamily,
 *   chooseRule, chooseSliders
 */
export function createSlidersLens(actions) {
  const sliders = el("div.sliders");
  const which = createChoice("sliders", [
    { value: "gauge", text: "gauge", title: "rotation, zoom, aspect, shear, shift" },
    { value: "raw", text: "raw θ", title: "theta's own entries" },
  ], actions.chooseSliders);
  const button = (text, title, click, name = text) => el("button.plain", { type: "button", title, text, "aria-label": name, on: { click } });
  const undo = button("↶", "undo (Ctrl+Z)", actions.undo, "undo");
  const redo = button("↷", "redo (Ctrl+Shift+Z)", actions.redo, "redo");
  const glide = button("Network", "glide from the hand's theta to the network's (G)", actions.glide, "Snap to network");
  const truePose = button("True pose", "", actions.truePose);
  const buttons = el("div.buttons", {}, button("Identity", "theta that changes nothing (I)", actions.identity), button("Random", "a random theta of this family (N)", actions.random), truePose, glide, undo, redo, which.element);
  const kernel = createChoice("kernel", ["nearest", "bilinear", "bicubic"].map((value) => ({ value, text: value })), (value) => actions.chooseRule({ kernel: value }));
  const padding = createChoice("outside", ["zeros", "border", "reflection"].map((value) => ({ value, text: value === "reflection" ? "reflect" : value, title: `padding: ${value}` })), (value) => actions.chooseRule({ padding: value }));
  const align = createChoice("align corners", [
    { value: false, text: "off", title: "align_corners=False: −1 and 1 are the outer edges of the outer pixels" },
    { value: true, text: "on", title: "align_corners=True: −1 and 1 are the centres of the outer pixels" },
  ], (value) => actions.chooseRule({ align_corners: value }));
  const kernelNote = createKernelNote();
  const kernelRow = row("kernel", kernel.element);
  kernelRow.append(kernelNote.element);
  const families = el("div");
  const pointsRow = el("div");
  const pair = el("div.pair", {}, row("outside", padding.element), row("align corners", align.element));
  const rows = el("div.rows", {}, families, pointsRow, kernelRow, pair);

  let bars = []; // {slider, read: (values, theta) -> value}
  let shape = "";
  let offered = "";
  let family = null;
  let points = null; // the choice of control points of the family that is shown
  let current = null;

  const hand = (change) => ({
    begin: actions.begin,
    input: (value, tag) => actions.handTheta(change(value), tag),
    commit: actions.commit,
    cancel: actions.cancel,
    reject: actions.reject,
  });
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
      const names = P > LONGEST ? [] : sliderNames(name, P); // nobody reads 162 sliders: there the grid itself is dragged
      bars = names.map(({ label, title }, i) => ({
        slider: createSlider({ label, title, low: -2, high: 2, step: 0.01, format: (v) => signed(v, 3) }, hand((value) => {
          const theta = Float64Array.from(current);
          theta[i] = value;
          return theta;
        })),
        read: (_, theta) => theta[i],
      }));
    }
    sliders.replaceChildren(...(bars.length ? bars.map(({ slider }) => slider.element) : [el("p.note", { text: "Drag and brush the grid on U." })]));
    sliders.classList.toggle("many", bars.length > 8);
    points = POINTS[name] ? createChoice("control points", POINTS[name].map((value) => ({ value, text: `${value} × ${value}`, title: "control points" })), (value) => actions.chooseFamily(name, value)) : null;
    pointsRow.replaceChildren(...(points ? [row("points", points.element)] : []));
  }

  return {
    name: "sliders",
    title: "Sliders",
    raw: true, // its families, and what the sampler does
    element: el("div.handlens", {}, sliders, buttons, rows),
    set: (shown, state) => {
      const { family: name, points: pointsNow, theta } = shown;
      const { site, sliders: kind, rule } = state;
      if (theta) current = theta;
      if (offered !== site.families.join()) {
        family = createChoice("family", site.families.map((value) => ({ value, text: NAMES[value] ?? value, title: `${value} transformer` })), (value) => actions.chooseFamily(value));
        families.replaceChildren(row("family", family.element));
        offered = site.families.join();
      }
      kernel.set(rule.kernel);
      kernel.element.lastChild.hidden = isVolume(state); // torch has no bicubic for volumes
      kernelNote.set(rule.kernel);
      padding.set(rule.padding);
      align.set(rule.align_corners);
      family.set(name);
      if (!theta) {
        pointsRow.replaceChildren();
        shape = "";
        return;
      }
      const gauge = gaugeOf(name);
      const key = `${name} ${theta.length} ${gauge ? kind : "raw"}`;
      if (key !== shape) buildSliders(name, theta.length, kind);
      shape = key;
      const values = gauge && kind === "gauge" ? gauge.fromTheta(theta) : null;
      bars.forEach(({ slider, read }) => slider.set(read(values, theta)));
      which.element.hidden = !gauge;
      which.set(kind);
      points?.set(pointsNow);
      glide.disabled = state.mode === "network" || !(networkTheta(state) || (!site.family && !state.picture));
      const known = isPoseKnown(state, shown);
      truePose.disabled = !known;
      truePose.title = known ? "undo the distortion: the theta of a perfect localiser (T)" : poseOf(state) ? "The true pose of a volume is known under align corners off and in its own family alone." : `Nobody has recorded how this ${isVolume(state) ? "volume" : "picture"} was distorted.`;
      const [past, future] = actions.depth();
      undo.disabled = !past;
      redo.disabled = !future;
    },
  };
}
