/** One scatter of the pose lens: its points under the hand, and its small curve over training. */

import { axis } from "../ink/chart.js";
import { nearestPoint, nextPoint, pointsWithin, viewOf } from "../numbers/scatter.js";
import { el, setText, sized } from "../parts/dom.js";
import { drawCloud, drawOverTraining, PAD } from "./scatterink.js";

const CLICK = 4; // px that a press may move and still be a click
const REACH = { mouse: 12, pen: 16, touch: 26 };

/**
 * @param {{pick: (images: number[], whole: boolean) => void, point: (image: number) => void, open: (image: number) => void, seek: (index: number) => void}} acts
 *   pick: what a rectangle holds, while it is drawn; point: one image, or -1; open: on the workbench; seek: another record
 */
export function createScatter(acts) {
  const name = el("b");
  const told = el("span.told");
  const canvas = el("canvas.cloud", { tabindex: 0, role: "application", "aria-roledescription": "scatter" });
  const spoken = el("span.spoken", { role: "status" });
  const curve = el("canvas.over", { role: "img", title: "over training: press to go there" });
  const element = el("figure.scatter", {}, el("figcaption", {}, name, told), canvas, curve, spoken);
  let [xs, ys] = [new Float64Array(0), new Float64Array(0)]; // px
  let shown = null;
  let brush = null;
  let speaking = false; // keys moved to a point: the next frame says where it stands

  const placeOf = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button || !shown) return;
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    const [x, y] = placeOf(event);
    brush = [x, y, x, y];
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!brush) return;
    const [x, y] = placeOf(event);
    brush = [brush[0], brush[1], x, y];
    if (Math.hypot(x - brush[0], y - brush[1]) > CLICK) acts.pick(pointsWithin(xs, ys, brush));
  });
  canvas.addEventListener("pointerup", (event) => {
    if (!brush) return;
    const [x0, y0, x1, y1] = brush;
    brush = null;
    if (Math.hypot(x1 - x0, y1 - y0) > CLICK) acts.pick(pointsWithin(xs, ys, [x0, y0, x1, y1]));
    else acts.point(nearestPoint(xs, ys, x1, y1, REACH[event.pointerType] ?? REACH.mouse));
  });
  canvas.addEventListener("pointercancel", () => {
    brush = null;
    acts.pick([]);
  });
  canvas.addEventListener("dblclick", (event) => {
    const image = nearestPoint(xs, ys, ...placeOf(event), REACH.mouse);
    if (image >= 0) acts.open(image);
  });
  canvas.addEventListener("keydown", (event) => {
    if (!shown || event.ctrlKey || event.metaKey || event.altKey) return;
    const across = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const up = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (across) acts.point(nextPoint(shown.x, shown.cursor, across));
    else if (up) acts.point(nextPoint(shown.y, shown.cursor, up));
    else if (event.key === "Enter" && shown.cursor >= 0) acts.open(shown.cursor);
    else return;
    event.preventDefault();
    speaking = event.key !== "Enter";
  });
  const seek = (event) => acts.seek(axis(shown.values.length, PAD.left, curve.clientWidth - PAD.right).toIndex(event.clientX - curve.getBoundingClientRect().left));
  curve.addEventListener("pointerdown", (event) => {
    if (event.button || !shown) return;
    curve.setPointerCapture(event.pointerId);
    seek(event);
  });
  curve.addEventListener("pointermove", (event) => {
    if (curve.hasPointerCapture(event.pointerId)) seek(event);
  });

  return {
    element,
    /**
     * @param {{title: string, told: string, label: string, x: Float64Array, y: Float64Array, ranges: object, units: [string, string], names: [string, string],
     *   fit: object | null, ideal: boolean, chosen: Set<number>, cursor: number, values: Float64Array, index: number, slope: boolean, words: () => string}} now
     */
    set: (now, theme) => {
      shown = now;
      setText(name, now.title);
      if (speaking) setText(spoken, now.words());
      speaking = false;
      setText(told, now.told);
      if (canvas.getAttribute("aria-label") !== now.label) canvas.setAttribute("aria-label", now.label);
      const { clientWidth: width, clientHeight: height } = canvas;
      const box = { left: PAD.left, top: PAD.top, right: width - PAD.right, foot: height - PAD.foot };
      const view = viewOf(now.ranges, box);
      const n = now.x.length;
      if (xs.length !== n) [xs, ys] = [new Float64Array(n), new Float64Array(n)];
      let [sumX, sumY, known] = [0, 0, 0];
      for (let i = 0; i < n; i++) {
        const [x, y] = [view.toX(now.x[i]), view.toY(now.y[i])];
        if (Number.isFinite(x + y)) {
          sumX += x;
          sumY += y;
          known++;
        }
        // What lies outside the frame stands at its edge.
        xs[i] = Math.max(box.left, Math.min(box.right, x));
        ys[i] = Math.max(box.top, Math.min(box.foot, y));
      }
      const ideal = now.ideal && known ? { x: sumX / known, y: sumY / known } : null;
      const moved = brush && Math.hypot(brush[2] - brush[0], brush[3] - brush[1]) > CLICK;
      drawCloud(sized(canvas, width, height), theme, { ...now, view, box, xs, ys, ideal, brush: moved ? brush : null, radius: n > 300 ? 2 : 3 }, { width, height });
      drawOverTraining(sized(curve, curve.clientWidth, curve.clientHeight), theme, now, { width: curve.clientWidth, height: curve.clientHeight });
    },
  };
}
