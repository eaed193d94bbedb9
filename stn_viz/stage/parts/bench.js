/** U with the grid over it, and V: the two pictures, and the handles on the first. */

import { createBackdrop } from "../ink/backdrop.js";
import { createMarksInk, drawFootprint } from "../ink/markings.js";
import { drawArm, drawGhost, drawGrid, drawTaps } from "../ink/overlay.js";
import { createPicture } from "../ink/picture.js";
import { createViewport } from "../ink/viewport.js";
import { createHandles } from "../hand/handles.js";
import { countWords } from "../numbers/remarks.js";
import { rangeOf } from "../numbers/values.js";
import { gridAlign } from "../state/scene.js";
import { el, setText, sized } from "./dom.js";
import { createFeaturePanel } from "./featurepanel.js";
import { createRemarks } from "./remarkbar.js";
import { createSiteMarks } from "./sitemarks.js";
import { createSliceOfU, createSlices, sliceWords } from "./slicebar.js";
import { createWayRound } from "./wayround.js";

/** @param {{hover: (pixel: number | null) => void, chooseSite: (site: number) => void, see: (what: string) => void}} actions */
export function createBench(actions) {
  const uSays = el("span.aside");
  const vSays = el("span.aside");
  const canvas = el("canvas", { tabindex: -1, role: "img", "aria-label": "U with the sampling grid" });
  const handles = createHandles();
  const nudge = el("div.nudge", { hidden: true, text: "drag me" });
  const sites = createSiteMarks((site) => actions.chooseSite(site));
  const feature = createFeaturePanel({ see: (what) => actions.see(what) });
  const pad = el("div.pad", {}, canvas, sites.layer, ...handles.elements, nudge, feature.tiles);
  sites.wire(canvas);
  const vPicture = createPicture();
  const marks = createMarksInk();
  const remarks = createRemarks();
  const mark = el("div.mark", { hidden: true });
  const frame = el("div.frame", { role: "img", tabindex: 0, "aria-label": "V, the output; arrow keys read its pixels" }, vPicture.canvas, marks.element, actions.film.heat, mark);
  const round = createWayRound(actions, { pad, canvas, frame, picture: vPicture.canvas });
  const slices = createSlices(actions, frame);
  const sliceOfU = createSliceOfU(actions);
  const uName = el("h2", { text: "U, the input" });
  const u = el("section.u", { "aria-label": "U, the input" }, el("div.title", {}, uName, round.toggle, uSays), pad, feature.about, sliceOfU.element, remarks.element);
  const v = el("section.v", { "aria-label": "V, the output" }, el("div.title", {}, el("h2", { text: "V, the output" }), vSays), el("div.vs", {}, frame, sites.smalls), slices.element);

  round.wire(u);

  const backdrop = createBackdrop();
  let view = null;
  let turned = false;
  let held = false;
  let size = [1, 1];

  const pixelAt = (event) => {
    const box = vPicture.canvas.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * size[1]);
    const row = Math.floor(((event.clientY - box.top) / box.height) * size[0]);
    return row >= 0 && column >= 0 && row < size[0] && column < size[1] ? row * size[1] + column : null;
  };
  let pixel = null;
  frame.addEventListener("pointermove", (event) => actions.hover(pixelAt(event)));
  frame.addEventListener("pointerdown", (event) => actions.read(pixelAt(event)));
  frame.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") actions.hover(null); });
  frame.addEventListener("blur", () => actions.hover(null));
  frame.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && actions.pinned() !== null) {
      event.stopPropagation();
      return actions.read(null);
    }
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
    if ((!dx && !dy) || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    const [row, column] = pixel === null ? [size[0] >> 1, size[1] >> 1] : [Math.floor(pixel / size[1]) + dy, (pixel % size[1]) + dx];
    actions.read(Math.max(0, Math.min(size[0] - 1, row)) * size[1] + Math.max(0, Math.min(size[1] - 1, column)));
  });

  /** V keeps its shape while it is drawn with fewer pixels, and a tall one its height. */
  const shape = ([height, width]) => {
    size = [height, width];
    frame.style.setProperty("--shape", `${width} / ${height}`);
    frame.style.setProperty("--share", String(Math.min(1, width / height)));
  };

  let hand = null; // hand/hand.js
  /** A grid without theta is seen and not held. */
  const noHandles = (scene) => {
    handles.hide();
    hand.place(view, scene);
  };
  const placeHandles = (scene) => {
    const { arm, centre } = handles.place(view, scene, hand.place(view, scene));
    if (!nudge.hidden) nudge.style.transform = `translate(${centre[0]}px, ${centre[1]}px)`;
    return arm;
  };

  return {
    u, v, canvas, pad, handles,
    rest: round.rest,
    drop: round.drop,
    wire: (given) => { hand = given; },
    stop: remarks.stop,
    view: () => (turned || held ? null : view), // on its way, the grid is not held
    /** What is to be drawn arrives in a moment: until then both pictures stay as they are, and nothing is grabbed. */
    hold: () => { held = true; },
    showNudge: (on) => { nudge.hidden = !on; },
    set: (scene, state, theme) => {
      const { U } = scene;
      held = false;
      const side = pad.clientWidth;
      if (!side) return;
      view = createViewport(side, U, state.half, state.rule.align_corners);
      const context = sized(canvas, side, side);
      turned = round.begin(scene, state, view);
      if (!turned) backdrop.draw(context, view, theme, U, state.rule);
      const grid = Boolean(scene.grid);
      // A recorded grid that is on its way leaves V's place as it is: nothing jumps.
      if (grid || !scene.waiting) v.classList.toggle("bare", !grid);
      const deep = feature.set(scene, state);
      u.classList.toggle("deep", deep);
      setText(uName, deep ? "U, a feature map" : "U, the input");
      remarks.set(scene, state);
      slices.set(state, scene);
      sliceOfU.set(scene);
      for (const section of [u, v]) section.classList.toggle("sliced", Boolean(scene.depth));
      setText(uSays, scene.depth ? sliceWords(scene.depth, scene.outside) : grid ? countWords(scene.marks, scene.outside, U) : `${U.width} × ${U.height}`);
      if (!grid) {
        handles.hide();
        sites.set(context, null, theme, scene, state);
        round.finish(context, theme);
        return;
      }
      const arm = scene.theta ? placeHandles(scene) : noHandles(scene);
      if (turned) handles.hide();
      if (turned) {
        round.draw(context, theme);
        sites.set(context, null, theme, scene, state);
      } else if (!actions.film.onU(context, view, theme, scene)) {
        actions.film.under(context, view, theme);
        if (scene.ghost) drawGhost(context, view, theme, scene.ghost);
        if (arm) drawArm(context, theme, arm.from, arm.at);
        drawGrid(context, view, theme, scene.lines);
        sites.set(context, view, theme, scene, state);
        marks.onU(context, view, theme, scene);
      }
      v.classList.toggle("several", Boolean(scene.others?.length));
      vPicture.paint(actions.film.V(scene));
      actions.film.overV(theme);
      if (String(size) !== String(scene.size)) shape(scene.size);
      marks.onV(vPicture.canvas, theme, scene, gridAlign(state.rule));
      showPixel(context, scene, state, theme);
      round.finish(context, theme);
    },
  };

  function showPixel(context, scene, state, theme) {
    const { U, size: [height, width] } = scene;
    pixel = state.pixel;
    const found = scene.pixel;
    mark.hidden = !found;
    if (!found) {
      setText(vSays, `${width} × ${height} · ${state.rule.kernel} · ${range(rangeOf(scene.V))}`);
      return;
    }
    if (!turned) drawFootprint(context, view, theme, found.foot);
    if (!turned) drawTaps(context, view, theme, { ...found, image: U, picture: backdrop.image });
    Object.assign(mark.style, {
      left: `${(100 * found.column) / width}%`, top: `${(100 * found.row) / height}%`, width: `${100 / width}%`, height: `${100 / height}%`,
    });
    const value = scene.stride > 1 ? found.value : scene.V.data[state.pixel]; // where V is averaged, one sample is not its value
    const there = scene.depth ? ` in slice ${found.at.toFixed(1).replace("-", "−")}` : "";
    setText(vSays, `row ${found.row}, column ${found.column}${there}: ${value.toFixed(3)}${pictured(value, U)}`);
  }
}

/** Beside a network's own value what it is on the picture, where a preparation stands between them; the first channel's. */
function pictured(value, { screen, step }) {
  if (!screen || step !== undefined) return ""; // a feature map is no picture
  const c = screen.from.indexOf(0);
  return ` (picture ${(screen.shift[c] + screen.scale[c] * value).toFixed(2)})`;
}

/** Smallest and largest value, short. */
const range = (ends) => ends.map((value) => String(Number(value.toFixed(2))).replace("-", "−")).join("…");
