/** What the film lays over U and V: earlier grids, paths, and what the beats of one iteration show. */

import { traceLine } from "./overlay.js";

const EDGES = (L) => [0, L - 1, L, 2 * L - 1];
const HEAD = 5; // px of an arrow's head

/**
 * Outlines of earlier grids, the older the fainter.
 *
 * @param {{points: Float32Array, w: Float32Array, L: number, m: number}[]} outlines  in the order of time
 */
export function drawOnion(context, view, theme, outlines) {
  context.lineJoin = "round";
  context.lineCap = "round";
  outlines.forEach(({ points, w, L, m }, i) => {
    const share = (i + 1) / outlines.length;
    for (const [width, colour, alpha] of [[3, theme.ghostHalo, 0.3], [1.5, theme.grid, 1]]) {
      context.globalAlpha = alpha * (0.22 + 0.55 * share);
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.beginPath();
      for (const line of EDGES(L)) traceLine(context, view, points, w, line * m, m);
      context.stroke();
    }
  });
  context.globalAlpha = 1;
}

/**
 * The ways of the grid's corners and of its centre: up to the playhead, and, fainter, from there on.
 *
 * @param {{centre: Float32Array, corners: Float32Array[]}} paths  normalised, a point a record
 * @param {number} record  the playhead's
 * @param {number[]} marked  records of which the centre's place is marked
 */
export function drawPaths(context, view, theme, { centre, corners }, record, marked) {
  const count = centre.length / 2;
  context.lineJoin = "round";
  context.lineCap = "round";
  const stroke = (path, from, to, width, colour, alpha) => {
    context.globalAlpha = alpha;
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    tracePath(context, view, path, from, to);
    context.stroke();
  };
  for (const path of corners) stroke(path, record, count - 1, 1, theme.grid, 0.13);
  stroke(centre, record, count - 1, 1, theme.ghost, 0.3);
  for (const path of corners) stroke(path, 0, record, 1.25, theme.grid, 0.75);
  stroke(centre, 0, record, 4, theme.ghostHalo, 0.55);
  stroke(centre, 0, record, 1.75, theme.ghost, 1);
  for (const each of marked) {
    const [x, y] = view.toScreen(centre[2 * each], centre[2 * each + 1]);
    if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
    context.globalAlpha = each <= record ? 1 : 0.45;
    context.fillStyle = theme.ghost;
    context.strokeStyle = theme.ghostHalo;
    context.lineWidth = 1.5;
    context.beginPath();
    context.arc(x, y, 3.5, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
  context.globalAlpha = 1;
}

function tracePath(context, view, path, from, to) {
  let drawing = false;
  for (let i = from; i <= to; i++) {
    const [x, y] = [path[2 * i], path[2 * i + 1]];
    const known = Math.abs(x) < 100 && Math.abs(y) < 100; // not a number is not either
    if (known) context[drawing ? "lineTo" : "moveTo"](...view.toScreen(x, y));
    drawing = known;
  }
}

/** The live grid without its inner lines, where arrows are to be read over it. */
export function drawEdges(context, view, theme, { points, w, L, m }) {
  ["left", "right", "top", "bottom"].forEach((edge, i) => {
    context.strokeStyle = theme.edges[edge];
    context.lineWidth = theme.edgeWidth;
    context.beginPath();
    traceLine(context, view, points, w, EDGES(L)[i] * m, m);
    context.stroke();
  });
}

/** The samples of one row of V, on U. @param {Float32Array} grid  (H', W', 2) */
export function drawRow(context, view, theme, grid, row, width) {
  context.fillStyle = theme.tap;
  for (let i = row * width; i < (row + 1) * width; i++) {
    const [x, y] = view.toScreen(grid[2 * i], grid[2 * i + 1]);
    if (x > -4 && y > -4 && x < view.side + 4 && y < view.side + 4) context.fillRect(x - 1.5, y - 1.5, 3, 3);
  }
}

/**
 * Arrows from places on U.
 *
 * @param {{at: ArrayLike<number>, by: ArrayLike<number>, longest: number}} arrows  at: normalised; by: along U's pixels; the longest of all
 * @param {number} length  px on the screen of the longest
 */
export function drawArrows(context, view, theme, { at, by, longest }, length) {
  if (!(longest > 0)) return;
  const [sx, sy] = [length / longest, length / longest];
  context.lineCap = "round";
  context.lineJoin = "round";
  for (const [width, colour] of [[4.5, theme.ghostHalo], [2, theme.tap]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    for (let i = 0; i < at.length; i += 2) {
      const [dx, dy] = [by[i] * sx, by[i + 1] * sy];
      const size = Math.hypot(dx, dy);
      if (!(size > 1.5)) continue;
      const [x, y] = view.toScreen(at[i], at[i + 1]);
      const [ux, uy] = [dx / size, dy / size];
      const head = Math.min(HEAD, size * 0.6);
      const [tipX, tipY] = [x + dx, y + dy];
      context.moveTo(x, y);
      context.lineTo(tipX, tipY);
      context.moveTo(tipX - head * (ux + 0.6 * uy), tipY - head * (uy - 0.6 * ux));
      context.lineTo(tipX, tipY);
      context.lineTo(tipX - head * (ux - 0.6 * uy), tipY - head * (uy + 0.6 * ux));
    }
    context.stroke();
  }
}

/**
 * dL/dV over V: orange where more there raises the loss, blue where it lowers it.
 *
 * @param {HTMLCanvasElement} canvas  that lies over V; it becomes as many pixels
 * @param {Float32Array} values  -1 to 1, row by row
 */
export function paintHeat(canvas, theme, values, [height, width]) {
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  for (let i = 0; i < values.length; i++) {
    context.globalAlpha = 0.92 * Math.sqrt(Math.abs(values[i])); // a few pixels hold most of it: the root lets the others be seen
    context.fillStyle = values[i] > 0 ? theme.error : theme.loss;
    context.fillRect(i % width, Math.floor(i / width), 1, 1);
  }
  context.globalAlpha = 1;
}
