/** U with the grid over it, and V: the two pictures, and the handles on the first. */

import { createBackdrop } from "../ink/backdrop.js";
import { drawArm, drawGhost, drawGrid, drawTaps } from "../ink/overlay.js";
import { createPicture } from "../ink/picture.js";
import { createViewport } from "../ink/viewport.js";
import { rotationHandle } from "../hand/gestures.js";
import { CENTRE, CORNERS, pointAt } from "../hand/motions.js";
import { el, setText, sized } from "./dom.js";

const NAMES = ["top left", "top right", "bottom right", "bottom left"];
const ARM = 0.085; // length of the rotation handle's arm, in sides of the canvas
const RIM = 12; // px between the canvas's rim and the rotation handle, at least

/** @param {{hover: (pixel: number | null) => void}} actions */
export function createBench(actions) {
  const uSays = el("span.aside");
  const vSays = el("span.aside");
  const canvas = el("canvas", { tabindex: -1, role: "img", "aria-label": "U with the sampling grid" });
  const handle = (className, grab, label) => ({ grab, element: el(`div.handle.${className}`, { role: "button", tabindex: 0, "aria-label": label, title: label }) });
  const handles = [
    ...NAMES.map((name, corner) => handle("corner", { kind: "corner", corner }, `${name} corner: stretch and turn`)),
    handle("centre", { kind: "centre" }, "centre: move"),
    handle("rotation", { kind: "rotation" }, "rotation"),
  ];
  const nudge = el("div.nudge", { hidden: true, text: "drag me" });
  const pad = el("div.pad", {}, canvas, ...handles.map(({ element }) => element), nudge);
  const vPicture = createPicture();
  const mark = el("div.mark", { hidden: true });
  const frame = el("div.frame", { role: "img", tabindex: 0, "aria-label": "V, the output; arrow keys read its pixels" }, vPicture.canvas, mark);
  const u = el("section.u", { "aria-label": "U, the input" }, el("div.title", {}, el("h2", { text: "U, the input" }), uSays), pad);
  const v = el("section.v", { "aria-label": "V, the output" }, el("div.title", {}, el("h2", { text: "V, the output" }), vSays), frame);

  const backdrop = createBackdrop();
  let view = null;
  let size = [1, 1];

  const pixelAt = (event) => {
    const box = vPicture.canvas.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * size[1]);
    const row = Math.floor(((event.clientY - box.top) / box.height) * size[0]);
    return row >= 0 && column >= 0 && row < size[0] && column < size[1] ? row * size[1] + column : null;
  };
  let pixel = null;
  frame.addEventListener("pointermove", (event) => actions.hover(pixelAt(event)));
  frame.addEventListener("pointerdown", (event) => actions.hover(pixelAt(event)));
  frame.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") actions.hover(null); });
  frame.addEventListener("blur", () => actions.hover(null));
  frame.addEventListener("keydown", (event) => {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
    if ((!dx && !dy) || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    const [row, column] = pixel === null ? [size[0] >> 1, size[1] >> 1] : [Math.floor(pixel / size[1]) + dy, (pixel % size[1]) + dx];
    actions.hover(Math.max(0, Math.min(size[0] - 1, row)) * size[1] + Math.max(0, Math.min(size[1] - 1, column)));
  });

  /** V keeps its shape while it is drawn with fewer pixels, and a tall one its height. */
  const shape = ([height, width]) => {
    size = [height, width];
    frame.style.setProperty("--shape", `${width} / ${height}`);
    frame.style.setProperty("--share", String(Math.min(1, width / height)));
  };

  const placeHandles = (scene, shown) => {
    const side = view.side;
    const spots = [...CORNERS, CENTRE].map((i) => view.toScreen(...pointAt(scene.lattice, i)));
    const arm = rotationHandle(view, scene.lattice, ARM * side);
    if (within(arm.from, side)) arm.at = arm.at.map((at) => Math.max(RIM, Math.min(side - RIM, at))); // an arm that is cut off leads to no handle
    spots.push(arm.at);
    handles.forEach(({ element }, i) => {
      const [x, y] = spots[i];
      const off = !shown || !within(spots[i], side);
      element.hidden = off;
      if (!off) element.style.transform = `translate(${x}px, ${y}px)`;
    });
    if (!nudge.hidden) nudge.style.transform = `translate(${spots[4][0]}px, ${spots[4][1]}px)`;
    return arm;
  };

  return {
    u, v, canvas, handles,
    view: () => view,
    showNudge: (on) => { nudge.hidden = !on; },
    set: (scene, state, theme) => {
      const { U } = scene;
      const side = pad.clientWidth;
      if (!side) return;
      view = createViewport(side, U, state.half, state.rule.align_corners);
      const context = sized(canvas, side, side);
      backdrop.draw(context, view, theme, U, state.rule);
      const grid = Boolean(scene.theta);
      v.classList.toggle("bare", !grid);
      setText(uSays, grid ? `${U.width} × ${U.height} · ${percent(scene.outside)} outside` : `${U.width} × ${U.height}`);
      if (!grid) {
        handles.forEach(({ element }) => { element.hidden = true; });
        return;
      }
      const arm = placeHandles(scene, scene.whole);
      if (scene.ghost) drawGhost(context, view, theme, scene.ghost);
      if (scene.whole) drawArm(context, theme, arm.from, arm.at);
      drawGrid(context, view, theme, scene.lines);
      vPicture.paint(scene.V);
      if (String(size) !== String(scene.size)) shape(scene.size);
      showPixel(context, scene, state, theme);
    },
  };

  function showPixel(context, scene, state, theme) {
    const { U, size: [height, width] } = scene;
    pixel = state.pixel;
    const found = scene.pixel;
    mark.hidden = !found;
    if (!found) {
      setText(vSays, `${width} × ${height} · ${state.rule.kernel}`);
      return;
    }
    drawTaps(context, view, theme, { ...found, image: U, picture: backdrop.image });
    Object.assign(mark.style, {
      left: `${(100 * found.column) / width}%`, top: `${(100 * found.row) / height}%`, width: `${100 / width}%`, height: `${100 / height}%`,
    });
    setText(vSays, `row ${found.row}, column ${found.column}: ${found.value.toFixed(3)}`);
  }
}

/** Is a point on the canvas? */
const within = ([x, y], side) => x >= 0 && y >= 0 && x <= side && y <= side;

/** A share in words: never 0 % for what is not nothing. */
function percent(share) {
  return share > 0 && share < 0.005 ? "< 1 %" : `${Math.round(100 * share)} %`;
}
