/** The pictures of the pose lens: a scatter with the line of slope -1, and the slope over training. */

import { axis } from "../ink/chart.js";
import { marksOf } from "../numbers/scatter.js";
import { words } from "./responsechart.js";

export const PAD = { left: 44, right: 8, top: 6, foot: 22 };
const IDEAL = [1.5, 4]; // the line that undoes it, as in the response curve

/** Without its unit: the frame has little room, and the axis' name says it. */
const short = (value, unit) => words(value, unit).replace(" px", "").replace(/\.0$/, "");

/**
 * @param {CanvasRenderingContext2D} context
 * @param {object} theme
 * @param {{view: object, box: object, xs: Float64Array, ys: Float64Array, chosen: Set<number>, cursor: number, units: [string, string],
 *   names: [string, string], fit: {slope: number, offset: number} | null, ideal: {x: number, y: number} | null, brush: number[] | null, radius: number}} cloud
 *   xs, ys: px of the points; ideal: a point, in px, that the line of slope -1 goes through
 * @param {{width: number, height: number}} size  px
 */
export function drawCloud(context, theme, { view, box, xs, ys, chosen, cursor, units, names, fit, ideal, brush, radius }, { width, height }) {
  context.clearRect(0, 0, width, height);
  context.font = `${theme.small}px ${theme.font}`;
  context.lineWidth = 1;
  const across = marksOf(view.x, units[0], Math.max(2, (box.right - box.left) / 62));
  const up = marksOf(view.y, units[1], Math.max(2, (box.foot - box.top) / 44));
  context.strokeStyle = theme.line;
  const rule = (at, x0, y0, x1, y1) => {
    context.globalAlpha = at === 0 ? 1 : 0.4;
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
    context.stroke();
  };
  for (const at of across) rule(at, Math.round(view.toX(at)) + 0.5, box.top, Math.round(view.toX(at)) + 0.5, box.foot);
  for (const at of up) rule(at, box.left, Math.round(view.toY(at)) + 0.5, box.right, Math.round(view.toY(at)) + 0.5);
  context.globalAlpha = 1;
  context.fillStyle = theme.muted;
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const at of up) if (view.toY(at) > box.top + 1.6 * theme.small) context.fillText(short(at, units[1]), box.left - 6, view.toY(at));
  context.textBaseline = "alphabetic";
  const end = context.measureText(names[0]).width;
  for (const at of across) {
    const text = short(at, units[0]);
    const half = context.measureText(text).width / 2;
    const x = Math.max(box.left + half, view.toX(at));
    if (x + half < box.right - end - 8) {
      context.textAlign = "center";
      context.fillText(text, x, height - 6);
    }
  }
  context.textAlign = "right";
  context.fillText(names[0], box.right, height - 6);
  context.textAlign = "left";
  context.fillText(names[1], 0, box.top + theme.small - 3);

  context.save();
  context.beginPath();
  context.rect(box.left, box.top, box.right - box.left, box.foot - box.top);
  context.clip();
  const far = width + height;
  if (ideal) {
    context.strokeStyle = theme.muted;
    context.lineWidth = 1.75;
    context.setLineDash(IDEAL);
    context.beginPath();
    context.moveTo(ideal.x - far, ideal.y - far);
    context.lineTo(ideal.x + far, ideal.y + far);
    context.stroke();
    context.setLineDash([]);
  }
  if (fit) {
    context.strokeStyle = theme.loss;
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(view.toX(view.x[0]), view.toY(fit.slope * view.x[0] + fit.offset));
    context.lineTo(view.toX(view.x[1]), view.toY(fit.slope * view.x[1] + fit.offset));
    context.stroke();
  }
  context.restore();

  const dot = (i, colour, size, edge, alpha = 1, thick = 1.5) => {
    context.globalAlpha = alpha;
    context.beginPath();
    context.arc(xs[i], ys[i], size, 0, 2 * Math.PI);
    if (colour) {
      context.fillStyle = colour;
      context.fill();
    }
    if (edge) {
      context.strokeStyle = edge;
      context.lineWidth = thick;
      context.stroke();
    }
    context.globalAlpha = 1;
  };
  for (let i = 0; i < xs.length; i++) if (Number.isFinite(xs[i] + ys[i]) && !chosen.has(i)) dot(i, theme.ink, radius, null, chosen.size ? 0.22 : 0.5);
  for (const i of chosen) if (Number.isFinite(xs[i] + ys[i])) dot(i, theme.tap, radius + (chosen.size > 40 ? 0.75 : 1.5), theme.ink, 1, chosen.size > 40 ? 0.75 : 1.5);
  if (cursor >= 0 && Number.isFinite(xs[cursor] + ys[cursor])) dot(cursor, null, radius + 4.5, theme.ink);
  if (brush) {
    const [x0, y0, x1, y1] = brush;
    context.globalAlpha = 0.12;
    context.fillStyle = theme.ink;
    context.fillRect(x0, y0, x1 - x0, y1 - y0);
    context.globalAlpha = 1;
    context.strokeStyle = theme.ink;
    context.lineWidth = 1;
    context.strokeRect(Math.min(x0, x1) + 0.5, Math.min(y0, y1) + 0.5, Math.abs(x1 - x0), Math.abs(y1 - y0));
  }
}

/**
 * A number over training, small: the slope between 0 and -1, or what theta varies by between 0 and its most.
 *
 * @param {{values: Float64Array, index: number, slope: boolean}} curve
 */
export function drawOverTraining(context, theme, { values, index, slope }, { width, height }) {
  context.clearRect(0, 0, width, height);
  context.font = `${theme.small}px ${theme.font}`;
  const most = slope ? 0 : Math.max(1e-9, ...values.filter(Number.isFinite));
  const [low, high] = slope ? [-1.15, 0.15] : [0, 1.1 * most];
  const [top, foot] = [5, height - 5];
  const toY = (value) => foot - ((Math.max(low, Math.min(high, value)) - low) / (high - low)) * (foot - top);
  const { toX } = axis(values.length, PAD.left, width - PAD.right);
  const level = (value, dash, text) => {
    context.strokeStyle = dash.length ? theme.muted : theme.line;
    context.lineWidth = dash.length ? 1.5 : 1;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(PAD.left, Math.round(toY(value)) + 0.5);
    context.lineTo(width - PAD.right, Math.round(toY(value)) + 0.5);
    context.stroke();
    context.setLineDash([]);
    context.fillStyle = theme.muted;
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.fillText(text, PAD.left - 6, toY(value));
  };
  level(0, [], "0");
  if (slope) level(-1, IDEAL, "−1");
  context.strokeStyle = theme.loss;
  context.lineWidth = 1.75;
  context.beginPath();
  let drawing = false;
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) context[drawing ? "lineTo" : "moveTo"](toX(i), toY(values[i]));
    drawing = Number.isFinite(values[i]);
  }
  context.stroke();
  context.strokeStyle = context.fillStyle = theme.ink;
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(toX(index), 0);
  context.lineTo(toX(index), height);
  context.stroke();
  if (!Number.isFinite(values[index])) return;
  context.beginPath();
  context.arc(toX(index), toY(values[index]), 4, 0, 2 * Math.PI);
  context.fill();
}
