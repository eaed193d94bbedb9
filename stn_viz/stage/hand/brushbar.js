/** The brush of a free form: its bar over U's corner, the circle under the pointer, and a stroke. */

import { el } from "../parts/dom.js";
import { createChoice } from "../parts/slider.js";
import { pinch, push, smooth } from "./brush.js";

const LEAST = 0.05; // of the canvas's side: the brush's radius
const MOST = 0.45;
const FACTOR = 1.15; // of a key or a turn of the wheel
const STEPS = 4; // of a push, within one radius
const A_SECOND = 3; // shares of the way that pinch and smooth go in a second

/**
 * @param {object} wiring
 * @param {() => object | null} wiring.hold  as gestures.js has it
 * @param {{begin, turn: (theta: Float64Array, tag: string | null) => void, commit, cancel, hold: (name: string | null) => void}} wiring.actions
 * @param {AbortSignal} wiring.signal
 */
export function createBrush({ hold, actions, signal }) {
  let mode = "push";
  let radius = 0.16; // of the canvas's side
  let family = "";
  let points = 9; // control points a side
  let stroke = null; // {theta, at: px, from: px, shift, last: ms, frame}
  let pointer = null; // px, where the circle is

  const modes = createChoice("brush", [
    { value: "push", text: "push", title: "the grid goes along with the brush" },
    { value: "pinch", text: "pinch", title: "the grid draws together under the brush; Shift: it swells" },
    { value: "smooth", text: "smooth", title: "the grid evens out under the brush" },
    { value: "points", text: "points", title: "drag the control points themselves" },
  ], (value) => choose(value));
  const size = el("input.range.radius", { type: "range", min: LEAST, max: MOST, step: "any", "aria-label": "brush radius", title: "brush radius ([ and ], or the wheel with Alt)" });
  const bar = el("div.brushplace", { hidden: true }, el("div.brushbar", {}, modes.element, size)); // over U's corner; on a phone below U
  const circle = el("div.brush", { hidden: true });

  const draw = (view) => {
    circle.hidden = !pointer || !brushing();
    if (circle.hidden) return;
    const r = reach(view);
    Object.assign(circle.style, { width: `${2 * r}px`, height: `${2 * r}px`, transform: `translate(${pointer[0] - r}px, ${pointer[1] - r}px)` });
  };
  const brushing = () => family === "free" && mode !== "points";
  /** px; never so small that it falls between the control points */
  const reach = (view) => Math.max(radius * view.side, (1.6 / (points - 1)) * Math.max(...view.metric));
  const resize = (next) => {
    radius = Math.max(LEAST, Math.min(MOST, next));
    size.value = String(radius);
    const now = hold();
    if (now) draw(now.view);
  };
  const choose = (value) => {
    mode = value;
    modes.set(mode);
    size.hidden = mode === "points";
    actions.redraw();
  };
  modes.set(mode);
  size.value = String(radius);
  size.addEventListener("input", () => resize(Number(size.value)), { signal });
  bar.addEventListener("keydown", (event) => {
    if (event.target === size && /^(Arrow|Page|Home|End)/.test(event.key)) event.stopPropagation(); // the slider's own keys
  }, { signal });

  /** One dab of what works while it is held. */
  const dab = (now) => {
    if (!stroke || family !== "free" || hold()?.theta.length !== stroke.theta.length) return;
    const { view } = stroke;
    const share = 1 - Math.exp((-A_SECOND * Math.min(100, now - stroke.last)) / 1000);
    stroke.last = now;
    const at = view.toImage(...stroke.at);
    if (mode === "pinch") pinch(stroke.theta, at, reach(view), view.metric, stroke.shift ? -share : share);
    if (mode === "smooth") smooth(stroke.theta, at, reach(view), view.metric, share);
    if (mode !== "push") {
      actions.turn(stroke.theta, null);
      stroke.frame = requestAnimationFrame(dab);
    }
  };
  const end = () => {
    cancelAnimationFrame(stroke?.frame ?? 0);
    stroke = null;
  };
  signal.addEventListener("abort", end);

  return {
    element: bar,
    circle,
    brushing,
    /** Are the control points themselves at hand. */
    points: () => family !== "free" || mode === "points",
    /** @param {{family: string, points: number | null}} shown  the scene */
    place: (view, shown) => {
      family = shown.family;
      points = shown.points ?? points;
      bar.hidden = family !== "free";
      draw(view);
    },
    over: (at, view) => {
      pointer = at;
      draw(view);
    },
    /** [ and ], and the wheel with Alt. @param {number} by  steps, larger above 0 */
    resize: (by) => resize(radius * FACTOR ** by),
    /** A stroke begins within a gesture that has begun. */
    start: (at, now, shift) => {
      stroke = { theta: Float64Array.from(now.theta), view: now.view, at, shift, last: performance.now(), frame: 0 };
      if (mode !== "push") stroke.frame = requestAnimationFrame(dab);
    },
    move: (at, shift) => {
      const { view } = stroke;
      if (mode === "push") {
        // By short steps, so that a fast hand pushes as a slow one does.
        const [dx, dy] = [at[0] - stroke.at[0], at[1] - stroke.at[1]];
        const steps = Math.max(1, Math.ceil(Math.hypot(dx, dy) / (reach(view) / STEPS)));
        for (let i = 0; i < steps; i++) {
          const [from, to] = [i, i + 1].map((k) => view.toImage(stroke.at[0] + (dx * k) / steps, stroke.at[1] + (dy * k) / steps));
          push(stroke.theta, from, to, reach(view), view.metric);
        }
        actions.turn(stroke.theta, null);
      }
      Object.assign(stroke, { at, shift });
    },
    end,
  };
}
