/** A box dragged on U becomes the frame: theta by least squares, live while the hand drags. */

import { fitTheta } from "../numbers/fit.js";
import { el } from "../parts/dom.js";

const LEAST = 4; // px a side: less is a click
const COUNT = 81;

/**
 * Theta of the frame that lies on a box, or comes nearest to it in its family.
 *
 * @param {import("../numbers/grid.js").Basis} basis
 * @param {number[]} box  left, top, right, bottom; normalised
 * @returns {Float64Array}
 */
export function boxTheta(basis, [left, top, right, bottom]) {
  const points = new Float32Array(2 * COUNT);
  for (let i = 0; i < COUNT; i++) {
    points[2 * i] = left + ((right - left) * (i % 9)) / 8;
    points[2 * i + 1] = top + ((bottom - top) * Math.floor(i / 9)) / 8;
  }
  return fitTheta(basis, basis.hand.b, COUNT, points, basis.identity);
}

/** What a family cannot do with this box; null where the frame is the box. */
export function boxWords(family, [left, top, right, bottom]) {
  const [width, height] = [(right - left) / 2, (bottom - top) / 2];
  const two = (value) => value.toFixed(2);
  if (family === "translation") return "A translation only moves the frame: it goes to the box's middle and keeps its size.";
  if (family !== "attention" && family !== "similarity") return null;
  if (Math.abs(width - height) < 0.005) return null;
  const name = family === "attention" ? "Attention has one scale s" : "A similarity has one scale";
  return `${name} for both sides: this box would need ${two(width)} across and ${two(height)} down. The frame takes their mean, ${two((width + height) / 2)}.`;
}

/**
 * @param {HTMLElement} pad  around U's canvas
 * @param {HTMLCanvasElement} canvas
 * @param {() => {scene: object, view: object} | null} now  what stands there; null where no box can be drawn
 * @param {() => boolean} armed  whether a drag is a box without Alt too
 * @param {object} actions  begin, handTheta, commit, cancel, say, set, signal
 * @returns {{element: HTMLElement, drop: () => void}} the box as it is drawn
 */
export function createBox(pad, canvas, now, armed, actions) {
  const { signal } = actions;
  const band = el("div.boxband", { hidden: true });
  let drag = null; // {id, from, moved, said}
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX, event.clientY].map((at, i) => Math.max(0, Math.min(box.width, at - (i ? box.top : box.left))));
  };
  const on = (name, listener) => pad.addEventListener(name, listener, { signal, capture: true });
  const end = (keep) => {
    const { moved } = drag;
    drag = null;
    band.hidden = true;
    if (moved) (keep ? actions.commit : actions.cancel)();
    actions.set({ boxing: false });
  };
  on("pointerdown", (event) => {
    if (drag || event.button || !now() || !(armed() || (event.altKey && event.target === canvas))) return;
    event.preventDefault();
    event.stopPropagation();
    pad.setPointerCapture(event.pointerId);
    drag = { id: event.pointerId, from: place(event), moved: false, said: null };
  });
  on("pointermove", (event) => {
    if (!drag || event.pointerId !== drag.id) return;
    event.stopPropagation();
    const standing = now();
    if (!standing) return;
    const [from, to] = [drag.from, place(event)];
    const [left, right] = [from[0], to[0]].sort((a, b) => a - b);
    const [top, bottom] = [from[1], to[1]].sort((a, b) => a - b);
    if (right - left < LEAST || bottom - top < LEAST) return;
    if (!drag.moved) actions.begin();
    drag.moved = true;
    const { scene: { basis, family }, view } = standing;
    band.hidden = false;
    Object.assign(band.style, { left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px` });
    const box = [...view.toImage(left, top), ...view.toImage(right, bottom)];
    actions.set({ holding: "box" });
    actions.handTheta(boxTheta(basis, box));
    const says = boxWords(family, box);
    if (says && !drag.said) actions.say(says);
    drag.said = says;
    drag.last = says;
  });
  for (const name of ["pointerup", "pointercancel"]) {
    on(name, (event) => {
      if (!drag || event.pointerId !== drag.id) return;
      event.stopPropagation();
      const { last, moved } = drag;
      end(name === "pointerup");
      if (moved && last && name === "pointerup") actions.say(last); // with the numbers of the box that stands
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !(drag || armed())) return;
    event.preventDefault();
    event.stopPropagation();
    if (drag) end(false);
    else actions.set({ boxing: false });
  }, { signal, capture: true });
  return { element: band, drop: () => drag && end(false) };
}
