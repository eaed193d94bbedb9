/** What lies under the grid: U and, around it, what the padding rule gives; painted once and copied in each frame. */

import { sampleInto } from "../numbers/sampler.js";
import { zeroColour } from "../numbers/screen.js";
import { createPicture } from "./picture.js";

const LARGEST = 1024; // pixels a side: of a larger U a reduced copy is drawn, since the screen shows no more of it
const BLOCK = 2; // device pixels a side that share one sample of the margin: it is dimmed and hatched, and soon drawn

/** @returns {{draw: Function, image: HTMLCanvasElement}} image: U itself, a canvas pixel for each of its pixels */
export function createBackdrop() {
  const picture = createPicture();
  const margin = createPicture();
  const canvas = document.createElement("canvas");
  let painted = null; // what U was painted from
  let source = null; // what of it is drawn
  let key = "";

  /**
   * Draw it, at the size of the view.
   * @param {CanvasRenderingContext2D} context  in CSS pixels, its canvas at the device's resolution
   * @param {object} view  from createViewport
   * @param {object} theme
   * @param {{data: Float32Array, channels: number, height: number, width: number}} U
   * @param {{padding: string, align_corners: boolean}} rule
   */
  const draw = (context, view, theme, U, rule) => {
    const ratio = context.canvas.width / view.side;
    const now = [rule.padding, zeroColour(U.screen), rule.align_corners, view.side, view.rect, ratio, theme.surface, theme.hatch].join();
    if (painted !== U.data || now !== key) paint(view, theme, U, rule, ratio);
    painted = U.data;
    key = now;
    context.drawImage(canvas, 0, 0, view.side, view.side);
  };

  const paint = (view, theme, U, rule, ratio) => {
    const { side, rect: [left, top, width, height] } = view;
    const pixels = Math.round(side * ratio);
    if (canvas.width !== pixels) canvas.width = canvas.height = pixels;
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.globalAlpha = 1;
    context.fillStyle = theme.surface;
    context.fillRect(0, 0, side, side);
    if (rule.padding === "zeros") {
      context.globalAlpha = marginOf(theme, rule, U);
      context.fillStyle = zeroColour(U.screen); // the value 0 itself, no colour of the theme
      context.fillRect(0, 0, side, side);
    } else {
      context.globalAlpha = theme.pictureAlpha;
      margin.paint(around(view, U, rule, Math.ceil(pixels / BLOCK)));
      context.imageSmoothingEnabled = false;
      context.drawImage(margin.canvas, 0, 0, side, side);
    }
    context.globalAlpha = 1;
    hatch(context, side, theme.hatch);
    if (painted !== U.data) {
      picture.paint(U);
      source = reduced(picture.canvas);
    }
    // Pixels are shown as pixels; where several share one of the screen's, their mean.
    context.imageSmoothingEnabled = width * ratio < U.width;
    context.imageSmoothingQuality = "high";
    context.drawImage(source, left, top, width, height);
  };

  return { draw, image: picture.canvas };
}

/** @returns {HTMLCanvasElement} the picture, or a smaller copy of it */
function reduced(canvas) {
  const share = LARGEST / Math.max(canvas.width, canvas.height);
  if (share >= 1) return canvas;
  const copy = document.createElement("canvas");
  copy.width = Math.round(share * canvas.width);
  copy.height = Math.round(share * canvas.height);
  const context = copy.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(canvas, 0, 0, copy.width, copy.height);
  return copy;
}

/** U and what the padding rule gives beyond it, `count` points a side over the whole view, asked of the sampler itself. */
function around(view, U, rule, count) {
  const grid = new Float32Array(2 * count * count);
  for (let row = 0, at = 0; row < count; row++) {
    for (let column = 0; column < count; column++, at += 2) {
      const [x, y] = view.toImage(((column + 0.5) * view.side) / count, ((row + 0.5) * view.side) / count);
      grid[at] = x;
      grid[at + 1] = y;
    }
  }
  const data = new Float32Array(U.channels * count * count);
  sampleInto(data, U, grid, count * count, { ...rule, kernel: "nearest" });
  return { data, channels: U.channels, height: count, width: count, screen: U.screen };
}

/** How much of the padding is seen beyond U: of black a hint, of a picture, or of a colour that 0 means, more. */
export const marginOf = (theme, { padding }, { screen }) => (padding === "zeros" && !screen ? theme.marginAlpha : theme.pictureAlpha);

/** The pattern of what lies beyond a picture. */
export function hatch(context, side, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  for (let at = -side; at < side; at += 9) {
    context.moveTo(at, 0);
    context.lineTo(at + side, side);
  }
  context.stroke();
}
