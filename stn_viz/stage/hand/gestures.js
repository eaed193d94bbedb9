/** Pointer, wheel and keys on U: what is grabbed, and the grid's points as the hand wants them. */

import { alongEdge, CENTRE, cornerDragged, CORNERS, edgeDragged, MIDDLES, moved, pointAt, turned } from "./motions.js";

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
function hit(p, view, points) {
  const corners = CORNERS.map((i) => view.toScreen(...pointAt(points, i)));
  const edges = corners.map((a, i) => distance(p, a, corners[(i + 1) % 4]));
  const edge = edges.indexOf(Math.min(...edges));
  if (edges[edge] <= EDGE_REACH) return { kind: "edge", edge };
  return inside(p, corners) ? { kind: "centre" } : null;
}

/** The points after a drag of `grab` from `start` to `now` (normalised), or after a pinch. */
export function dragged(grab, points, start, now, shift, metric) {
  const by = [now[0] - start[0], now[1] - start[1]];
  if (grab.kind === "centre") return moved(points, shift ? (Math.abs(by[0] * metric[0]) > Math.abs(by[1] * metric[1]) ? [by[0], 0] : [0, by[1]]) : by);
  if (grab.kind === "edge") return edgeDragged(points, grab.edge, shift ? alongEdge(points, grab.edge, by, metric) : by);
  if (grab.kind === "corner") {
    const [x, y] = pointAt(points, CORNERS[grab.corner]);
    return cornerDragged(points, grab.corner, [x + by[0], y + by[1]], shift, metric);
  }
  const centre = pointAt(points, CENTRE);
  const angle = (p) => Math.atan2((p[1] - centre[1]) * metric[1], (p[0] - centre[0]) * metric[0]);
  const turn = angle(now) - angle(start);
  const snap = Math.PI / 12;
  return turned(points, centre, shift ? Math.round(turn / snap) * snap : turn, 1, metric);
}

/** Where the rotation handle stands on the screen: beyond the middle of the top edge, away from the centre. */
export function rotationHandle(view, points, arm) {
  const middle = view.toScreen(...pointAt(points, MIDDLES[0]));
  const centre = view.toScreen(...pointAt(points, CENTRE));
  const [x, y] = [middle[0] - centre[0], middle[1] - centre[1]];
  const length = Math.hypot(x, y);
  const [ux, uy] = length > 1 ? [x / length, y / length] : [0, -1];
  return { from: middle, at: [middle[0] + arm * ux, middle[1] + arm * uy] };
}

/**
 * Wire the U canvas and its handles.
 *
 * @param {{canvas: HTMLCanvasElement, handles: {element: HTMLElement, grab: object}[], signal: AbortSignal,
 *          scene: () => {view, points} | null,
 *          actions: {begin, reach: (points: Float32Array, tag: string | null) => void, commit, cancel, hold: (name: string | null) => void}}} wiring
 */
export function wireGestures({ canvas, handles, scene, actions, signal }) {
  const pointers = new Map(); // id -> [px, py] on the canvas
  let drag = null; // {grab, start, points} or {pinch, start: two points, points}
  const on = (element, event, listener, options = {}) => element.addEventListener(event, listener, { signal, ...options });
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  const end = (keep) => {
    if (!drag) return;
    drag = null;
    actions.hold(null);
    (keep ? actions.commit : actions.cancel)();
  };

  const start = (event, grab, element) => {
    const now = scene();
    if (!now || event.button) return;
    event.preventDefault();
    element.focus({ preventScroll: true });
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    if (pointers.size === 2) {
      // A second finger: whatever one finger began goes on as a pinch from here.
      if (!drag) actions.begin();
      actions.hold("pinch");
      drag = { pinch: true, start: [...pointers.values()], points: now.points.slice() };
      return;
    }
    if (!grab || pointers.size > 2) return;
    actions.begin();
    actions.hold(grab.kind + (grab.corner ?? grab.edge ?? ""));
    drag = { grab, start: place(event), points: now.points.slice() };
  };

  const move = (event) => {
    if (!pointers.has(event.pointerId)) return;
    pointers.set(event.pointerId, place(event));
    const now = scene();
    if (!drag || !now) return;
    const { view } = now;
    if (drag.pinch) actions.reach(pinched(drag, [...pointers.values()], view), null);
    else actions.reach(dragged(drag.grab, drag.points, view.toImage(...drag.start), view.toImage(...place(event)), event.shiftKey, view.metric), null);
  };

  const release = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    end(event.type !== "pointercancel");
  };

  on(canvas, "pointerdown", (event) => {
    const now = scene();
    start(event, now && hit(place(event), now.view, now.points), canvas);
  });
  on(canvas, "pointermove", (event) => {
    move(event);
    const now = scene();
    if (drag || !now) return;
    const under = hit(place(event), now.view, now.points);
    canvas.style.cursor = under ? (under.kind === "edge" ? "pointer" : "move") : "default";
  });
  for (const { element, grab } of handles) {
    on(element, "pointerdown", (event) => start(event, grab, element));
    on(element, "pointermove", move);
  }
  for (const element of [canvas, ...handles.map((handle) => handle.element)]) {
    on(element, "pointerup", release);
    on(element, "pointercancel", release);
  }

  let wheeling = 0;
  on(canvas.parentElement, "wheel", (event) => {
    const now = scene();
    if (!now || drag) return;
    event.preventDefault();
    const factor = Math.exp(Math.max(-120, Math.min(120, event.deltaY)) * (event.ctrlKey ? 0.006 : 0.0015));
    if (!wheeling) actions.begin();
    actions.reach(turned(now.points, pointAt(now.points, CENTRE), 0, factor, now.view.metric), null);
    clearTimeout(wheeling);
    wheeling = setTimeout(rest, WHEEL_GESTURE_MS);
  }, { passive: false });
  const rest = () => {
    if (!wheeling) return;
    clearTimeout(wheeling);
    wheeling = 0;
    actions.commit();
  };

  for (const { element, grab } of handles) {
    on(element, "keydown", (event) => {
      const now = scene();
      if (!now || event.ctrlKey || event.metaKey || event.altKey) return;
      const points = byKey(event, grab, now.points, now.view.metric);
      if (!points) return;
      event.preventDefault();
      event.stopPropagation();
      actions.begin();
      actions.reach(points, `key ${grab.kind}${grab.corner ?? ""}`);
      actions.commit();
    });
  }

  return {
    /** The wheel's gesture ends here: another one begins, or is undone. */
    rest,
    /** Escape during a drag: theta as it was before the grab. @returns whether there was a drag */
    escape: () => {
      if (!drag) return false;
      pointers.clear();
      end(false);
      return true;
    },
  };
}

/** Two fingers: the one similarity that takes their old places to their new ones. */
function pinched({ start, points }, now, view) {
  if (now.length < 2) return points;
  const [a, b] = start;
  const [c, d] = now;
  const before = [b[0] - a[0], b[1] - a[1]];
  const after = [d[0] - c[0], d[1] - c[1]];
  const factor = Math.hypot(...after) / Math.max(1, Math.hypot(...before));
  const angle = Math.atan2(before[0] * after[1] - before[1] * after[0], before[0] * after[0] + before[1] * after[1]);
  const anchor = view.toImage((a[0] + b[0]) / 2, (a[1] + b[1]) / 2);
  const goal = view.toImage((c[0] + d[0]) / 2, (c[1] + d[1]) / 2);
  return moved(turned(points, anchor, angle, factor, view.metric), [goal[0] - anchor[0], goal[1] - anchor[1]]);
}

/** Arrow keys on a handle: 2 % of the image's half, Shift a fifth of it, PageUp and PageDown five times; Home: level, or centred. */
function byKey(event, grab, points, metric) {
  const unit = 0.02 * (event.shiftKey ? 0.2 : 1);
  const [dx, dy] = {
    ArrowLeft: [-unit, 0], ArrowRight: [unit, 0], ArrowUp: [0, -unit], ArrowDown: [0, unit], PageUp: [0, -0.1], PageDown: [0, 0.1],
  }[event.key] ?? [0, 0];
  const centre = pointAt(points, CENTRE);
  if (grab.kind === "rotation") {
    const degree = Math.PI / 180;
    const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, PageUp: -15, PageDown: 15 }[event.key];
    if (by) return turned(points, centre, by * degree * (event.shiftKey ? 0.2 : 1), 1, metric);
    if (event.key !== "Home" && event.key !== "End") return null;
    const [ax, ay] = pointAt(points, CORNERS[0]);
    const [bx, by2] = pointAt(points, CORNERS[1]);
    const level = -Math.atan2((by2 - ay) * metric[1], (bx - ax) * metric[0]);
    return turned(points, centre, event.key === "Home" ? level : level + Math.PI, 1, metric);
  }
  if (grab.kind === "centre") {
    if (event.key === "Home") return moved(points, [-centre[0], -centre[1]]);
    return dx || dy ? moved(points, [dx, dy]) : null;
  }
  if (event.key === "Home" || event.key === "End") {
    const size = event.key === "Home" ? 0.5 : 2;
    return turned(points, pointAt(points, CORNERS[(grab.corner + 2) % 4]), 0, size, metric);
  }
  if (!dx && !dy) return null;
  const [x, y] = pointAt(points, CORNERS[grab.corner]);
  return cornerDragged(points, grab.corner, [x + dx, y + dy], false, metric);
}
