/** One of two runs: U with its grid, V in its coloured frame, what the network says, at the record under the scrubber. */

import { createBackdrop } from "../ink/backdrop.js";
import { drawGrid } from "../ink/overlay.js";
import { createPicture } from "../ink/picture.js";
import { createViewport, halfFor, HALF } from "../ink/viewport.js";
import { remarksOf } from "../numbers/remarks.js";
import { el, setText, sized } from "../parts/dom.js";
import { createSitePicker } from "../parts/sitepicker.js";
import { createParts } from "../state/parts.js";
import { createScene } from "../state/scene.js";
import { isFlat } from "../state/sites.js";
import { createPairBars } from "./pairbars.js";
import { stateAt } from "./sides.js";

const WEIGHTY = 3; // of numbers/remarks.js: what must be seen

/**
 * @param {object} room
 * @param {"A" | "B"} letter
 * @param {() => void} open  show it on the workbench
 */
export function createPairSide(room, letter, open) {
  const title = el("h2", {}, el("b.letter", { text: letter }), " ");
  const name = el("span.name");
  title.append(name);
  const says = el("span.aside");
  const picker = createSitePicker((siteIndex) => {
    chosen = siteIndex;
    room.set({});
  });
  const canvas = el("canvas", { role: "img" });
  const pad = el("button.pad", { type: "button", title: "open on the workbench", on: { click: () => open() } }, canvas);
  const picture = createPicture();
  const frame = el("div.frame", { role: "img", "aria-label": `V of ${letter}, the output` }, picture.canvas);
  const without = el("p.without");
  const remark = el("p.remark");
  const bars = createPairBars();
  const result = el("p.result");
  const element = el(`section.pairside.of${letter}`, { "aria-label": `run ${letter}` },
    el("div.title", {}, title, picker.element, says), result,
    el("div.pictures", {}, pad, el("div.right", {}, frame, without, bars.element)), remark);

  const scene = createScene();
  const backdrop = createBackdrop();
  let chosen = 0; // site
  let parts = { parts: new Map() };
  let now = null;
  const need = createParts({
    get: () => ({ ...now, ...parts }),
    set: (change) => {
      parts = { ...parts, ...(typeof change === "function" ? change({ ...now, ...parts }) : change) };
      room.set({});
    },
  }, room.say);

  /** Raw grids and feature maps are fetched; of volumes there is the middle slice alone. */
  const shownOf = (side, index, image) => {
    const siteIndex = Math.min(chosen, Math.max(0, side.sites.length - 1));
    now = stateAt(side, { index, image, siteIndex });
    if (now.site) need({ ...now, ...parts });
    const state = { ...now, ...parts };
    if (state.site && !isFlat(state.site)) return { state, shown: { U: side.probes.image(image), theta: null } };
    return { state, shown: scene(state) };
  };
  const why = (state, shown) => {
    if (!state.site) return "No transformer: the classifier reads U as it is.";
    if (!isFlat(state.site)) return "U is a volume, and this its middle slice. The workbench shows the others.";
    if (shown.grid) return "";
    return shown.waiting ? "The recorded grid is on its way …" : "The grid of this image was not kept.";
  };

  return {
    element,
    /** Another run stands here. */
    start: (side) => {
      chosen = 0;
      parts = { parts: new Map() };
      bars.start(side.data.run.classes);
      setText(name, side.title);
      name.title = side.title;
    },
    /** What its training reached. @param {boolean} said  whether either run has it: then both lines stand, and the pictures are level */
    reach: (side, said) => {
      setText(result, side.data.result ?? (side.data.run.status === "running" ? "in training" : "no test error is recorded"));
      result.hidden = !said;
    },
    /** What it shows at a record. @returns {{state: object, shown: object, half: number}} half: the view that its grid asks for */
    look: (side, index, image) => {
      const { state, shown } = shownOf(side, index, image);
      return { state, shown, half: shown.grid && shown.whole ? halfFor(shown.lines.points, shown.U) : HALF };
    },
    /** Draw it, in a view of this half-extent. @param {boolean} numbered  whether its image has another number than A's */
    draw: ({ state, shown }, half, theme, numbered) => {
      const { index, image, trace, probes, data } = state;
      picker.set(state);
      const side = pad.clientWidth;
      const view = createViewport(side, shown.U, half, state.rule.align_corners);
      const context = sized(canvas, side, side);
      backdrop.draw(context, view, theme, shown.U, state.rule);
      if (shown.grid) drawGrid(context, view, theme, shown.lines);
      frame.hidden = !shown.grid;
      if (shown.grid) {
        picture.paint(shown.V);
        frame.style.setProperty("--shape", `${shown.V.width} / ${shown.V.height}`);
      }
      const reason = why(state, shown);
      setText(without, reason);
      without.hidden = !reason;
      const found = shown.grid ? remarksOf(shown, state).find(({ level }) => level >= WEIGHTY) : null;
      setText(remark, found?.text ?? "");
      remark.hidden = !found;
      const label = probes.labels[image];
      const step = trace.step[index].toLocaleString("en");
      canvas.setAttribute("aria-label", `U of ${letter}${shown.grid ? " with the sampling grid" : ""}: image ${image}, ${data.run.counter} ${step}`);
      const loss = trace.probeLoss(index, image);
      setText(says, [numbered && `image ${image}`, data.run.classes[label] && `label ${data.run.classes[label]}`, Number.isFinite(loss) && `loss ${loss.toFixed(3)}`].filter(Boolean).join(" · "));
      bars.set({ probabilities: trace.probabilities(index, image), label });
    },
  };
}
