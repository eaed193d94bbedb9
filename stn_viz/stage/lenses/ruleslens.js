/** Same hand, different rule: V's size, area averaging, the grid's own corners; panes under other rules, and what differs. */

import { createPicture } from "../ink/picture.js";
import { differenceInto, differenceOf } from "../numbers/average.js";
import { identityTest } from "../numbers/mismatch.js";
import { el, setText } from "../parts/dom.js";
import { createChoice, row } from "../parts/slider.js";
import { basisOf, buffers, fetchedSize, outputSize, sampledV } from "../state/scene.js";

const LARGEST = 1024;
const MOST_PANES = 4; // the stage's own V is the first
const PRESETS = [
  ["own", "the site's own", () => null],
  ["0.25", "U / 4", (U) => scaled(U, 0.25)],
  ["0.5", "U / 2", (U) => scaled(U, 0.5)],
  ["1", "U", (U) => scaled(U, 1)],
  ["2", "2 × U", (U) => scaled(U, 2)],
  ["4", "4 × U", (U) => scaled(U, 4)],
];

const scaled = ({ height, width }, by) => [height, width].map((side) => Math.max(1, Math.round(side * by)));

/** @param {object} actions  chooseRule, gesture, handTheta, say, set, fetchBasis(rule) */
export function createRulesLens(actions) {
  const size = createSize(actions);
  const area = createChoice("average", [1, 2, 4].map((k) => ({ value: k, text: k === 1 ? "one sample" : `${k} × ${k}`, title: k === 1 ? "V reads one point a pixel" : `V is the mean of ${k * k} points a pixel` })), (value) => actions.chooseRule({ area: value }));
  const corners = createChoice("grid's corners", [
    { value: "same", text: "same", title: "the grid and the sampler share align_corners" },
    { value: "false", text: "off", title: "the grid is made with align_corners=False, whatever the sampler has" },
    { value: "true", text: "on", title: "the grid is made with align_corners=True, whatever the sampler has" },
  ], (value) => actions.chooseRule({ grid_align: value === "same" ? null : value === "true" }));
  const test = el("button.plain", { type: "button", text: "Identity test", title: "theta that changes nothing: does V equal U?" });
  const verdict = el("p.verdict", { role: "status" });
  const panes = createPanes(actions);
  let now = null; // {shown, state} of the last frame
  test.addEventListener("click", async () => {
    // It needs V at U's own size, with one sample a pixel.
    const { height, width } = now.shown.U;
    if (Math.max(height, width) <= LARGEST) await actions.chooseRule({ size: [height, width], area: 1 });
    actions.gesture(() => actions.handTheta(Float64Array.from(now.shown.basis.identity)));
    const { rule } = now.state;
    about = { rule, U: now.shown.U, size: outputSize(now.state) };
    setText(verdict, identityTest(now.shown.U, about.size, rule));
  });
  let about = null; // what the verdict is about

  return {
    name: "rules",
    title: "Rules",
    element: el("div.ruleslens", {}, row("output", size.element), row("average", area.element),
      el("div.pair", {}, row("grid corners", corners.element), test), verdict, panes.element),
    set: (shown, state) => {
      if (!shown.theta) return;
      now = { shown, state };
      const { rule } = state;
      size.set(shown, state);
      area.set(rule.area);
      corners.set(rule.grid_align === null ? "same" : String(rule.grid_align));
      // A verdict is about the identity under one rule and one size; for anything else it would be wrong.
      const stands = about && about.rule === rule && about.U === shown.U && about.size.every((side, i) => side === shown.size[i]) && shown.theta.every((value, p) => value === shown.basis.identity[p]);
      if (about && !stands) {
        setText(verdict, "");
        about = null;
      }
      panes.set(shown, state);
    },
  };
}

/** Output size: two numbers whose ratio is kept, and presets. */
function createSize(actions) {
  const field = (label) => el("input.side", { type: "text", inputmode: "numeric", "aria-label": label, title: label });
  const height = field("output height");
  const width = field("output width");
  const lock = el("button.plain.lock", { type: "button", "aria-pressed": "true", "aria-label": "keep the ratio", title: "keep the ratio of the sides", text: "ratio" });
  const presets = el("select", { "aria-label": "output size preset", title: "output size" }, el("option", { value: "", text: "preset" }), ...PRESETS.map(([value, text]) => el("option", { value, text })));
  let now = null;

  const choose = (wanted) => {
    if (!wanted) return actions.chooseRule({ size: null });
    const largest = Math.max(...wanted);
    const share = Math.min(1, LARGEST / largest);
    if (share < 1) actions.say(`V has at most ${LARGEST} pixels a side here: ${wanted.join(" × ")} became ${wanted.map((side) => Math.round(side * share)).join(" × ")} (height × width).`);
    actions.chooseRule({ size: wanted.map((side) => Math.max(1, Math.round(side * share))) });
  };
  let ratio = 0; // height / width that the lock keeps: not the rounded one of a small V
  const typed = (which) => {
    const box = [height, width][which];
    const value = Number(box.value);
    if (!Number.isInteger(value) || value < 1) {
      actions.say(`“${box.value}” is no size. Type a whole number from 1 to ${LARGEST}.`);
      box.value = String(now.size[which]);
      return;
    }
    if (value === now.size[which]) return;
    const locked = lock.getAttribute("aria-pressed") === "true";
    if (!locked || !ratio) ratio = now.size[0] / now.size[1];
    const other = locked ? Math.max(1, Math.round(which ? value * ratio : value / ratio)) : now.size[1 - which];
    choose(which ? [other, value] : [value, other]);
    [height, width].forEach((each, i) => { each.value = String(now.size[i]); }); // the frame that is due shows what came of it
  };
  [height, width].forEach((box, which) => {
    box.addEventListener("change", () => typed(which));
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter") box.blur();
      event.stopPropagation();
    });
  });
  lock.addEventListener("click", () => lock.setAttribute("aria-pressed", String(lock.getAttribute("aria-pressed") !== "true")));
  presets.addEventListener("change", () => {
    ratio = 0;
    choose(PRESETS.find(([value]) => value === presets.value)?.[2](now.U) ?? null);
    presets.value = "";
  });
  return {
    element: el("span.sides", {}, el("span", { text: "H" }), height, el("span", { text: "× W" }), width, lock, presets),
    set: ({ size, U }) => {
      if (now?.U !== U) ratio = 0;
      now = { size, U };
      [height, width].forEach((box, i) => { if (!box.matches(":focus")) box.value = String(size[i]); });
    },
  };
}

/** Up to four pictures of one theta, and the difference of one from the first. */
function createPanes(actions) {
  const add = el("button.plain", { type: "button", text: "+ pane", title: "the same theta under another rule" });
  const tiles = el("div.panes");
  const compared = el("select", { "aria-label": "compared with pane 1" });
  const gain = el("input.range", { type: "range", min: 1, max: 20, step: 1, value: 4, "aria-label": "gain of the difference" });
  const gainSays = el("span.aside");
  const words = el("p.difference", { role: "status" });
  const picture = createPicture();
  const tile = el("figure.pane.differs", {}, picture.canvas, el("figcaption", { text: "difference" }));
  const controls = el("div.row", {}, compared, el("span.gain", {}, gain, gainSays));
  const first = createPane(1, null, null);
  let panes = [];
  let out = new Float32Array(0);

  const change = () => {
    panes.forEach((pane, i) => pane.number(i + 2));
    tiles.classList.toggle("many", panes.length > 1);
    tiles.replaceChildren(first.element, ...panes.map(({ element }) => element), ...(panes.length ? [tile] : []));
    const chosen = Math.min(Number(compared.value), panes.length - 1);
    compared.replaceChildren(...panes.map((_, i) => el("option", { value: i, text: `pane ${i + 2} − pane 1` })));
    compared.value = String(Math.max(0, chosen));
    add.disabled = panes.length + 1 >= MOST_PANES;
    controls.hidden = words.hidden = !panes.length;
    actions.set({});
  };
  const open = (rule) => {
    panes = [...panes, createPane(panes.length + 2, rule, {
      fetch: actions.fetchBasis,
      changed: () => actions.set({}),
      close: (pane) => {
        panes = panes.filter((each) => each !== pane);
        change();
      },
    })];
    change();
  };
  let started = false;
  add.addEventListener("click", () => open({ ...panes.at(-1)?.rule() ?? first.rule(), kernel: panes.length ? "bicubic" : "nearest" }));
  for (const control of [gain, compared]) control.addEventListener("input", () => actions.set({}));

  return {
    element: el("section.compare", { "aria-label": "compare rules" }, el("div.title", {}, el("h3", { text: "One theta, other rules" }), add), tiles, controls, words),
    set: (shown, state) => {
      first.follow(state.rule);
      if (!started) {
        started = true;
        open({ kernel: state.rule.kernel === "nearest" ? "bilinear" : "nearest", padding: state.rule.padding, align_corners: state.rule.align_corners });
      }
      first.paint(shown.V);
      const Vs = panes.map((pane) => pane.draw(shown, state));
      const V = Vs[Number(compared.value) || 0];
      setText(gainSays, `gain ${gain.value}×`);
      tile.hidden = !V;
      if (!V) return setText(words, panes.length ? "this pane's grid is on its way …" : "");
      if (out.length !== V.data.length) out = new Float32Array(V.data.length);
      // As large as it is on the picture: a prepared one's values are stretched.
      const screen = V.screen && { ...V.screen, scale: [1, 1, 1], shift: [0, 0, 0] };
      picture.paint({ ...V, screen, data: differenceInto(out, shown.V.data, V.data, Number(gain.value) * (V.screen?.scale[0] ?? 1)) });
      if (shown.stride > 1) return; // numbers are of the full picture
      const found = differenceOf(shown.V.data, V.data, V.width, V.channels);
      setText(words, found.largest >= 5e-5 ? `largest ${found.signed < 0 ? "−" : "+"}${found.largest.toFixed(4)} at row ${found.row}, column ${found.column}; mean ${found.mean.toFixed(4)}` : "no difference in any pixel");
    },
  };
}

/** One pane: a picture, and its rule where it has one of its own. */
function createPane(at, rule, on) {
  const picture = createPicture();
  const buffer = buffers();
  let asked = ""; // which grid was last asked of the server
  const caption = el("b");
  const choose = (name, label, options) => {
    const select = el("select", {}, ...options.map(([value, text]) => el("option", { value, text })));
    select.value = String(rule?.[name]);
    select.addEventListener("change", () => {
      rule = { ...rule, [name]: name === "align_corners" ? select.value === "true" : select.value };
      on.changed();
    });
    return { select, label };
  };
  const selects = rule && [
    choose("kernel", "kernel", ["nearest", "bilinear", "bicubic"].map((value) => [value, value])),
    choose("padding", "outside", [["zeros", "zeros"], ["border", "border"], ["reflection", "reflect"]]),
    choose("align_corners", "align corners", [["false", "align off"], ["true", "align on"]]),
  ];
  const says = el("span.aside");
  const close = on && el("button.close", { type: "button", text: "×", "aria-label": `close pane ${at}`, on: { click: () => on.close(pane) } });
  const element = el("figure.pane", {}, picture.canvas, el("figcaption", {}, caption, ...(selects ? [...selects.map(({ select }) => select), close] : [says])));
  const number = (n) => {
    setText(caption, `${n} `);
    close?.setAttribute("aria-label", `close pane ${n}`);
    selects?.forEach(({ select, label }) => select.setAttribute("aria-label", `${label} of pane ${n}`));
  };
  number(at);
  const pane = {
    element, number,
    rule: () => rule,
    paint: (V) => picture.paint(V),
    follow: (now) => {
      rule = { kernel: now.kernel, padding: now.padding, align_corners: now.align_corners };
      setText(says, `${now.kernel}, ${now.padding === "reflection" ? "reflect" : now.padding}, align ${now.align_corners ? "on" : "off"}`);
    },
    /** @returns {object | null} V under this pane's rule; null while its grid is on the way */
    draw: (shown, state) => {
      const under = { ...state, rule: { ...state.rule, ...rule } };
      const basis = basisOf(under, shown.family, shown.points);
      if (!basis || !basisOf(under, shown.family, shown.points, fetchedSize(under))) {
        const name = [shown.family, shown.points, shown.size, rule.align_corners, state.rule.area].join();
        if (name !== asked) on.fetch(rule);
        asked = name;
        return null;
      }
      asked = "";
      const { V } = sampledV(under, basis, shown, shown.stride, buffer);
      picture.paint(V);
      return V;
    },
  };
  return pane;
}
