/** Control points on U: chosen singly or several, dragged, or moved by keys. Their source positions are theta. */

import { el } from "../parts/dom.js";
import { snappedPoint } from "./snaps.js";

const STEP = 0.02; // of a key, normalised; Shift a fifth of it, PageUp and PageDown five times
const CLICK = 3; // px within which a press is no drag
const MANY = 5; // control points a side from which the handles are small

/** @returns {boolean} whether theta is a list of source positions of control points */
export const hasControls = (basis) => Boolean(basis?.control);

/**
 * @param {object} wiring
 * @param {() => object | null} wiring.hold  as gestures.js has it
 * @param {() => boolean} wiring.open  may something be grabbed now
 * @param {(event: PointerEvent) => number[]} wiring.place  pointer's place on the canvas, px
 * @param {{begin, turn: (theta: Float64Array, tag: string | null) => void, commit, cancel, hold: (name: string | null) => void}} wiring.actions
 * @param {AbortSignal} wiring.signal
 */
export function createControls({ hold, open, place, actions, signal }) {
  const layer = el("div.controls", { role: "group", "aria-label": "control points", hidden: true });
  const box = el("div.band", { hidden: true });
  let buttons = [];
  let side = 0; // control points a side
  let chosen = new Set();
  let stop = 0; // the button that Tab reaches
  let spots = []; // px on the canvas
  let drag = null; // {pointer, index, start, hold, added, moved}
  let band = null; // {from, base}

  const mark = () => buttons.forEach((button, i) => {
    button.classList.toggle("on", chosen.has(i));
    button.setAttribute("aria-pressed", String(chosen.has(i)));
  });
  const choose = (indices) => {
    chosen = new Set(indices);
    mark();
  };
  const reach = (index) => {
    buttons[stop]?.setAttribute("tabindex", "-1");
    stop = index;
    buttons[stop].setAttribute("tabindex", "0");
  };
  const build = (K) => {
    side = K;
    chosen = new Set();
    stop = 0;
    buttons = Array.from({ length: K * K }, (_, i) => el("button.control", {
      type: "button", tabindex: i ? -1 : 0, "aria-pressed": "false",
      "aria-label": `control point ${Math.floor(i / K) + 1}, ${(i % K) + 1}`, title: "drag; Shift+click chooses several; arrows move",
    }));
    layer.replaceChildren(box, ...buttons);
    layer.classList.toggle("small", K > MANY);
  };

  /** theta with the chosen points at `by` from where they were; what is grabbed snaps to whole pixels from its home. */
  const shifted = ({ theta, basis, pixel }, index, by, snap) => {
    const at = [theta[2 * index], theta[2 * index + 1]];
    let [dx, dy] = by;
    if (snap) {
      const [x, y] = snappedPoint([at[0] + dx, at[1] + dy], [basis.control[2 * index], basis.control[2 * index + 1]], pixel);
      [dx, dy] = [x - at[0], y - at[1]];
    }
    const out = Float64Array.from(theta);
    for (const i of chosen) {
      out[2 * i] += dx;
      out[2 * i + 1] += dy;
    }
    return out;
  };

  const indexOf = (event) => buttons.indexOf(event.target);
  const on = (event, listener) => layer.addEventListener(event, listener, { signal });
  on("pointerdown", (event) => {
    const index = indexOf(event);
    const now = hold();
    if (index < 0 || event.button || !now || drag || !open()) return;
    event.preventDefault();
    buttons[index].focus({ preventScroll: true });
    buttons[index].setPointerCapture(event.pointerId);
    reach(index);
    const added = !chosen.has(index);
    if (added) choose(event.shiftKey ? [...chosen, index] : [index]);
    drag = { pointer: event.pointerId, index, start: place(event), hold: now, added, moved: false, shift: event.shiftKey };
  });
  on("pointermove", (event) => {
    if (!drag || event.pointerId !== drag.pointer) return;
    const at = place(event);
    const now = hold();
    if (now?.family !== drag.hold.family || now.theta.length !== drag.hold.theta.length) return; // undone, or chosen, while the hand holds
    if (!drag.moved) {
      if (Math.hypot(at[0] - drag.start[0], at[1] - drag.start[1]) < CLICK) return;
      drag.moved = true;
      actions.begin();
      actions.hold("control");
    }
    const { view } = drag.hold;
    const [from, to] = [view.toImage(...drag.start), view.toImage(...at)];
    actions.turn(shifted(drag.hold, drag.index, [to[0] - from[0], to[1] - from[1]], event.shiftKey), null);
  });
  const release = (event) => {
    if (!drag || event.pointerId !== drag.pointer) return;
    const { moved, index, added, shift } = drag;
    drag = null;
    if (moved) return (event.type === "pointerup" ? actions.commit : actions.cancel)();
    if (shift && !added) choose([...chosen].filter((each) => each !== index));
    else if (!shift) choose([index]);
  };
  on("pointerup", release);
  on("pointercancel", release);

  on("keydown", (event) => {
    const index = indexOf(event);
    const now = hold();
    if (index < 0 || !now) return;
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], PageUp: [0, -5], PageDown: [0, 5] }[event.key] ?? [0, 0];
    if ((event.ctrlKey || event.metaKey || event.altKey) && (dx || dy)) {
      const column = Math.max(0, Math.min(side - 1, (index % side) + dx));
      const row = Math.max(0, Math.min(side - 1, Math.floor(index / side) + Math.sign(dy)));
      reach(row * side + column);
      buttons[stop].focus({ preventScroll: true });
    } else if (event.ctrlKey || event.metaKey || event.altKey) return;
    else if (event.key === " " || event.key === "Enter") {
      choose(chosen.has(index) ? [...chosen].filter((each) => each !== index) : [...chosen, index]);
    } else if (dx || dy || event.key === "Home") {
      if (!chosen.has(index)) choose([index]);
      const unit = STEP * (event.shiftKey ? 0.2 : 1);
      const { theta, basis } = now;
      const by = event.key === "Home" ? [0, 1].map((d) => basis.control[2 * index + d] - theta[2 * index + d]) : [dx * unit, dy * unit];
      actions.begin();
      actions.turn(shifted(now, index, by, false), "key control");
      actions.commit();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });

  return {
    element: layer,
    busy: () => Boolean(drag || band),
    shown: () => !layer.hidden,
    all: () => choose(buttons.keys()),
    /** @param {object | null} shown  the scene, null where there are no control points to show */
    place: (view, shown) => {
      layer.hidden = !shown;
      if (!shown) return;
      const { theta, basis } = shown;
      const K = Math.round(Math.sqrt(basis.control.length / 2));
      if (K !== side) build(K);
      spots = buttons.map((button, i) => {
        const spot = view.toScreen(theta[2 * i], theta[2 * i + 1]);
        const off = !(Math.min(...spot) >= 0 && Math.max(...spot) <= view.side);
        button.hidden = off;
        if (!off) button.style.transform = `translate(${spot[0]}px, ${spot[1]}px)`;
        return spot;
      });
      if (buttons[stop].hidden && !buttons[stop].matches(":focus")) reach(Math.max(0, buttons.findIndex((button) => !button.hidden)));
    },
    /** The rubber band: from where it starts, with what was chosen before where it adds. */
    bandFrom: (at, adds) => {
      band = { from: at, base: adds ? [...chosen] : [] };
      choose(band.base);
    },
    bandTo: (at) => {
      const [left, right] = [band.from[0], at[0]].sort((a, b) => a - b);
      const [top, bottom] = [band.from[1], at[1]].sort((a, b) => a - b);
      Object.assign(box.style, { left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px` });
      box.hidden = false;
      const inside = spots.flatMap(([x, y], i) => (x >= left && x <= right && y >= top && y <= bottom ? [i] : []));
      choose([...band.base, ...inside]);
    },
    bandEnd: () => {
      band = null;
      box.hidden = true;
    },
    /** Escape: the drag is dropped, else nothing is chosen any more. @returns {boolean} whether there was something */
    escape: () => {
      if (drag) {
        if (drag.moved) actions.cancel();
        drag = null;
        return true;
      }
      const had = chosen.size > 0 && !layer.hidden;
      choose([]);
      return had;
    },
  };
}
