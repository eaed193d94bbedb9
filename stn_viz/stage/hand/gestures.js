/** Pointer, wheel and keys on U: what is grabbed, and which theta the hand makes of it. */

import { byKey } from "./steps.js";
import { dragged, mappedHold } from "./holds.js";
import { CENTRE, CORNERS, pointAt, turning } from "./motions.js";

const EDGE_REACH = 9; // px on either side of an edge that still grab it
const WHEEL_GESTURE_MS = 300;

/** Distance from p to the segment a-b, px. */
function distance(p, a, b) {
  const [x, y] = [b[0] - a[0], b[1] - a[1]];
  const along = Math.max(0, Math.min(1, ((p[0] - a[0]) * x + (p[1] - a[1]) * y) / (x * x + y * y || 1)));
  return Math.hypot(p[0] - a[0] - along * x, p[1] - a[1] - along * y);
}

/** Is p inside the quadrilateral, whichever way round it is? */
function inside(p, corners) {
  let crossings = 0;
  corners.forEach((a, i) => {
    const b = corners[(i + 1) % 4];
    if (a[1] > p[1] !== b[1] > p[1] && p[0] < a[0] + ((p[1] - a[1]) * (b[0] - a[0])) / (b[1] - a[1])) crossings++;
  });
  return crossings % 2 === 1;
}

/** What stands under a screen point: {kind: "edge", edge} | {kind: "centre"} | null. */
function hit(p, { view, points, quad, whole }) {
  const corners = CORNERS.map((index, i) => view.toScreen(...(whole ? pointAt(points, index) : quad[i])));
  const edges = corners.map((a, i) => distance(p, a, corners[(i + 1) % 4]));
  const edge = edges.indexOf(Math.min(...edges));
  if (edges[edge] <= EDGE_REACH) return { kind: "edge", edge };
  return inside(p, corners) ? { kind: "centre" } : null;
}

const sameFamily = (a, b) => a.family === b?.family && a.theta.length === b.theta.length;

const keysOf = (event) => ({ snap: event.shiftKey, centred: event.altKey, shape: event.ctrlKey || event.metaKey });

/**
 * Wire the U canvas and its handles.
 *
 * @param {object} wiring
 * @param {HTMLCanvasElement} wiring.canvas
 * @param {{element: HTMLElement, grab: object}[]} wiring.handles  of the frame
 * @param {object} wiring.controls  controls.js
 * @param {object} wiring.brush  brushbar.js
 * @param {() => object | null} wiring.hold  what can be held in this frame (holds.js), null for nothing
 * @param {(event: PointerEvent) => number[]} wiring.place  pointer's place on the canvas, px
 * @param {object} wiring.actions  begin, turn(theta, tag), commit, cancel, hold(name | null), say(sentence)
 * @param {AbortSignal} wiring.signal
 */
export function wireGestures({ canvas, handles, controls, brush, hold, place, actions, signal }) {
  const pad = canvas.parentElement;
  const pointers = new Map(); // id -> [px, py] on the canvas
  let drag = null; // {kind: "frame", grab, start, hold} | {kind: "pinch", start: two points, hold} | {kind: "stroke"} | {kind: "band", moved}
  let said = null; // the sentence that this drag has said already
  const on = (element, event, listener, options = {}) => element.addEventListener(event, listener, { signal, ...options });

  const end = (keep) => {
    if (!drag) return;
    const { kind } = drag;
    drag = null;
    if (kind === "stroke") brush.end();
    if (kind === "band") return controls.bandEnd();
    actions.hold(null);
    (keep ? actions.commit : actions.cancel)();
  };
  const turn = ({ theta, says }, tag) => {
    actions.turn(theta, tag);
    if (says && says !== said) actions.say(says);
    said = says;
  };
  const pinched = () => {
    const [a, b] = drag.start;
    const [c, d] = pointers.values();
    if (!d) return;
    const { view, metric, family } = drag.hold;
    const before = [b[0] - a[0], b[1] - a[1]];
    const after = [d[0] - c[0], d[1] - c[1]];
    const still = family === "translation";
    const factor = still ? 1 : Math.hypot(...after) / Math.max(1, Math.hypot(...before));
    const angle = still || family === "attention" ? 0 : Math.atan2(before[0] * after[1] - before[1] * after[0], before[0] * after[0] + before[1] * after[1]);
    const anchor = view.toImage((a[0] + b[0]) / 2, (a[1] + b[1]) / 2);
    const goal = view.toImage((c[0] + d[0]) / 2, (c[1] + d[1]) / 2);
    turn(mappedHold(drag.hold, anchor, turning(angle, factor, metric), [goal[0] - anchor[0], goal[1] - anchor[1]]), null);
  };

  const start = (event, grab, element) => {
    const now = hold();
    if (!now || event.button || controls.busy()) return;
    event.preventDefault();
    element.focus({ preventScroll: true });
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    said = null;
    if (pointers.size === 2) {
      // A second finger: whatever one finger began goes on as a pinch from here.
      if (drag?.kind === "band") end(false);
      if (drag?.kind === "stroke") brush.end();
      if (!drag) actions.begin();
      actions.hold("pinch");
      drag = { kind: "pinch", start: [...pointers.values()], hold: now };
      return;
    }
    if (!grab || pointers.size > 2) return;
    if (grab.kind === "band") {
      drag = { kind: "band" };
      controls.bandFrom(place(event), event.shiftKey);
      return;
    }
    actions.begin();
    actions.hold(grab.kind + (grab.corner ?? grab.edge ?? ""));
    if (grab.kind === "stroke") {
      drag = { kind: "stroke", hold: now };
      brush.start(place(event), now, event.shiftKey);
    } else drag = { kind: "frame", grab, start: place(event), hold: now };
  };

  const move = (event) => {
    if (!pointers.has(event.pointerId)) return;
    const at = place(event);
    pointers.set(event.pointerId, at);
    if (!drag || (drag.hold && !sameFamily(drag.hold, hold()))) return; // undone, or chosen, while the hand holds
    if (drag.kind === "pinch") return pinched();
    if (drag.kind === "stroke") return brush.move(at, event.shiftKey);
    if (drag.kind === "band") return controls.bandTo(at);
    const { view } = drag.hold;
    turn(dragged(drag.grab, drag.hold, view.toImage(...drag.start), view.toImage(...at), keysOf(event)), null);
  };

  const release = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    end(event.type !== "pointercancel");
  };

  /** What the canvas itself offers under a point. */
  const under = (at, now, shift) => {
    if (brush.brushing()) return { kind: "stroke" };
    const found = hit(at, now);
    return controls.shown() && (shift || !found) ? { kind: "band" } : found;
  };
  const CURSORS = { edge: "pointer", centre: "move", stroke: "none", band: "crosshair" };
  on(canvas, "pointerdown", (event) => {
    const now = hold();
    start(event, now && under(place(event), now, event.shiftKey), canvas);
  });
  on(canvas, "pointermove", (event) => {
    move(event);
    const now = hold();
    if (!now) return;
    brush.over(place(event), now.view);
    if (!drag) canvas.style.cursor = CURSORS[under(place(event), now, event.shiftKey)?.kind] ?? "default";
  });
  on(canvas, "pointerleave", () => {
    const now = hold();
    if (now) brush.over(null, now.view);
  });
  for (const { element, grab } of handles) {
    on(element, "pointerdown", (event) => start(event, grab, element));
    on(element, "pointermove", move);
  }
  for (const element of [canvas, ...handles.map((handle) => handle.element)]) {
    on(element, "pointerup", release);
    on(element, "pointercancel", release);
  }
  on(canvas, "contextmenu", (event) => { if (event.ctrlKey) event.preventDefault(); }); // Ctrl holds the shape

  let wheeling = 0;
  on(pad, "wheel", (event) => {
    const now = hold();
    if (!now || drag) return;
    event.preventDefault();
    if (event.altKey && brush.brushing()) return brush.resize(-Math.sign(event.deltaY || event.deltaX));
    if (now.family === "translation") return;
    const factor = Math.exp(Math.max(-120, Math.min(120, event.deltaY)) * (event.ctrlKey ? 0.006 : 0.0015));
    if (!wheeling) actions.begin();
    turn(mappedHold(now, pointAt(now.points, CENTRE), turning(0, factor, now.metric)), null);
    clearTimeout(wheeling);
    wheeling = setTimeout(rest, WHEEL_GESTURE_MS);
  }, { passive: false });
  const rest = () => {
    if (!wheeling) return;
    clearTimeout(wheeling);
    wheeling = 0;
    actions.commit();
  };

  const ofU = (event) => {
    const wide = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "a" && controls.shown();
    const size = !event.ctrlKey && !event.metaKey && brush.brushing() ? { "[": -1, "]": 1 }[event.key] : 0;
    if (wide) controls.all();
    else if (size) brush.resize(size);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  for (const element of [pad, brush.element]) on(element, "keydown", ofU);
  for (const { element, grab } of handles) {
    on(element, "keydown", (event) => {
      const now = hold();
      if (!now || event.ctrlKey || event.metaKey || event.altKey) return;
      const reached = byKey(event, grab, now);
      if (!reached) return;
      event.preventDefault();
      event.stopPropagation();
      said = null;
      actions.begin();
      turn(reached, `key ${grab.kind}${grab.corner ?? ""}`);
      actions.commit();
    });
  }

  return {
    busy: () => pointers.size > 0,
    /** The wheel's gesture ends here: another one begins, or is undone. */
    rest,
    /** Escape during a drag: theta as it was before the grab; else no control point is chosen. @returns whether it did something */
    escape: () => {
      if (!drag) return controls.escape();
      pointers.clear();
      end(false);
      return true;
    },
  };
}
