/** The frames of sites beside the chosen one, over U: each in a colour of its own, with a place for its label. */

import { traceLine } from "./overlay.js";

export const COLOURS = 4; // then they come again: the label tells them apart

const EDGES = ["left", "right", "top", "bottom"];
const lineOf = (L, edge) => ({ left: 0, right: L - 1, top: L, bottom: 2 * L - 1 })[edge];

/** A site's frame; no inner lines, since only the chosen grid is to be read. */
export function drawFrame(context, view, theme, { points, w, L, m }, colour) {
  context.lineCap = "round";
  context.lineJoin = "round";
  for (const [width, stroke] of [[4, theme.ghostHalo], [2, colour]]) {
    context.strokeStyle = stroke;
    context.lineWidth = width;
    context.beginPath();
    for (const edge of EDGES) traceLine(context, view, points, w, lineOf(L, edge) * m, m);
    context.stroke();
  }
}

/** @returns {number[]} the frame's top left corner on the canvas, px; not a number where it has none */
export const cornerOf = (view, { points, w }) => (w[0] > 1e-6 ? view.toScreen(points[0], points[1]) : [NaN, NaN]);

/** @returns {number} how far a place on the canvas is from a frame, px */
export function distanceTo(view, { points, w, L, m }, [x, y]) {
  let best = Infinity;
  for (const edge of EDGES) {
    const first = lineOf(L, edge) * m;
    for (let i = first; i + 1 < first + m; i++) {
      if (!(w[i] > 1e-6 && w[i + 1] > 1e-6)) continue;
      const [ax, ay] = view.toScreen(points[2 * i], points[2 * i + 1]);
      const [bx, by] = view.toScreen(points[2 * i + 2], points[2 * i + 3]);
      const square = (bx - ax) ** 2 + (by - ay) ** 2;
      const t = square > 0 ? Math.max(0, Math.min(1, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / square)) : 0;
      best = Math.min(best, Math.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay)));
    }
  }
  return best;
}
