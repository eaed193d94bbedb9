/** What is marked on the pictures: folded cells, samples outside, the horizon, one pixel's footprint. Nothing by colour alone. */

import { behindPart, crossing, HORIZON, sourceHorizon, targetHorizon } from "../numbers/horizon.js";
import { turn } from "../numbers/marks.js";

const MOST_CELLS = 40; // a side that are drawn folded, and samples outside that are drawn as dots
const MOST_MASK = 160;
const HATCH = 7; // px between two lines
const FAR = 1e4; // normalised: farther away nothing is drawn

/** @returns {{onU: Function, onV: Function, element: HTMLCanvasElement}} element: lies over V */
export function createMarksInk() {
  const element = document.createElement("canvas");
  element.className = "marks";
  element.setAttribute("aria-hidden", "true");
  const mask = document.createElement("canvas");
  let pixels = null;

  /**
   * Over V: a hatch where its pixels were sampled outside U, and, behind the horizon, in the picture's place.
   * @param {HTMLCanvasElement} picture  V's own canvas
   * @param {object} theme
   * @param {object} scene
   * @param {boolean} align  the grid's own align_corners
   */
  const onV = (picture, theme, scene, align) => {
    const { marks, family, theta, size } = scene;
    const line = family === "projective" ? targetHorizon(theta) : null;
    element.hidden = !(marks.outside || marks.behind);
    if (element.hidden) return;
    const [width, height] = [picture.clientWidth, picture.clientHeight];
    if (!width || !height) return;
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (element.width !== w || element.height !== h) [element.width, element.height] = [w, h];
    const context = element.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    if (marks.outside) {
      hatch(context, width, height, theme.marks.outside);
      context.globalCompositeOperation = "destination-in";
      context.imageSmoothingEnabled = false;
      context.drawImage(outsideMask(scene), 0, 0, width, height);
      context.globalCompositeOperation = "source-over";
    }
    if (!line || !marks.behind) return;
    // The frame is -1..1; under align_corners V's outer pixels reach half a pixel farther.
    const reach = size.map((side) => (align && side > 1 ? side / (side - 1) : 1));
    const toScreen = ([x, y]) => [(width * (1 + x / reach[1])) / 2, (height * (1 + y / reach[0])) / 2];
    const whole = [-reach[1], -reach[0], reach[1], reach[0]];
    const part = behindPart(line, whole).map(toScreen);
    context.save();
    outline(context, part);
    context.fillStyle = theme.surface;
    context.fill();
    context.clip();
    hatch(context, width, height, theme.marks.behind);
    context.restore();
    const ends = crossing(line, whole);
    if (ends) drawHorizon(context, theme, ends.map(toScreen), [width, height]);
  };

  const outsideMask = ({ grid, w, V: { height, width } }) => {
    const by = Math.ceil(Math.max(height, width) / MOST_MASK);
    const [rows, columns] = [Math.ceil(height / by), Math.ceil(width / by)];
    if (!pixels || pixels.width !== columns || pixels.height !== rows) {
      pixels = new ImageData(columns, rows);
      [mask.width, mask.height] = [columns, rows];
    }
    for (let row = 0, at = 3; row < rows; row++) {
      for (let column = 0; column < columns; column++, at += 4) {
        const i = row * by * width + column * by;
        const inside = Math.abs(grid[2 * i]) <= 1 && Math.abs(grid[2 * i + 1]) <= 1;
        pixels.data[at] = inside || w[i] <= HORIZON ? 0 : 255;
      }
    }
    mask.getContext("2d").putImageData(pixels, 0, 0);
    return mask;
  };

  return { onU, onV, element };
}

/** On U, over the grid: folded cells, samples outside, and where the plane of the targets has its horizon. */
function onU(context, view, theme, scene) {
  const { marks, family, theta } = scene;
  if (marks.folded) drawFolded(context, view, theme, scene);
  if (marks.outside) drawOutside(context, view, theme, scene);
  if (family !== "projective") return;
  const { side } = view;
  const ends = crossing(sourceHorizon(theta), [...view.toImage(0, 0), ...view.toImage(side, side)]);
  if (ends) drawHorizon(context, theme, ends.map((end) => view.toScreen(...end)), [side, side]);
}

/** Cells whose orientation is not that of the most, tinted and outlined; several together where there are many. */
function drawFolded(context, view, theme, { marks, grid, w, V: { height, width } }) {
  const by = Math.ceil(Math.max(height, width) / MOST_CELLS);
  context.beginPath();
  for (let row = 0; row + 1 < height; row += by) {
    const down = Math.min(by, height - 1 - row) * width;
    for (let column = 0; column + 1 < width; column += by) {
      const right = Math.min(by, width - 1 - column);
      const i = row * width + column;
      if (!(turn(grid, i, right, down) * marks.sign < 0)) continue;
      const corners = [i, i + right, i + down + right, i + down];
      if (!corners.every((j) => w[j] > HORIZON && Math.abs(grid[2 * j]) < FAR && Math.abs(grid[2 * j + 1]) < FAR)) continue;
      corners.forEach((j, at) => {
        const [x, y] = view.toScreen(grid[2 * j], grid[2 * j + 1]);
        if (at) context.lineTo(x, y);
        else context.moveTo(x, y);
      });
      context.closePath();
    }
  }
  context.lineJoin = "round";
  context.globalAlpha = 0.35;
  context.fillStyle = theme.marks.folded;
  context.fill();
  context.globalAlpha = 1;
  context.strokeStyle = theme.marks.folded;
  context.lineWidth = 1.5;
  context.stroke();
}

/** Samples outside U as small dots. */
function drawOutside(context, view, theme, { grid, w, V: { height, width } }) {
  const by = Math.ceil(Math.max(height, width) / MOST_CELLS);
  const start = by >> 1;
  context.fillStyle = theme.marks.dot;
  for (let row = Math.min(start, height - 1); row < height; row += by) {
    for (let column = Math.min(start, width - 1); column < width; column += by) {
      const i = row * width + column;
      const [x, y] = [grid[2 * i], grid[2 * i + 1]];
      if (w[i] <= HORIZON || (Math.abs(x) <= 1 && Math.abs(y) <= 1)) continue;
      const [left, top] = view.toScreen(x, y);
      if (left > -2 && top > -2 && left < view.side + 2 && top < view.side + 2) context.fillRect(left - 1, top - 1, 2, 2);
    }
  }
}

/** The horizon: a dashed line and its name, on either picture. */
function drawHorizon(context, theme, [from, to], [width, height]) {
  const [[x0, y0], [x1, y1]] = from[0] <= to[0] ? [from, to] : [to, from];
  context.lineCap = "butt";
  for (const [wide, colour, dash] of [[4, theme.ghostHalo, []], [2, theme.ghost, [10, 6]]]) {
    context.setLineDash(dash);
    context.strokeStyle = colour;
    context.lineWidth = wide;
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
    context.stroke();
  }
  context.setLineDash([]);
  context.save();
  context.translate((x0 + x1) / 2, (y0 + y1) / 2);
  const angle = Math.atan2(y1 - y0, x1 - x0);
  context.rotate(angle);
  // On the side where there is more room.
  const toMiddle = (width / 2 - (x0 + x1) / 2) * -Math.sin(angle) + (height / 2 - (y0 + y1) / 2) * Math.cos(angle);
  context.font = `600 ${theme.small}px ${theme.font}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineWidth = 4;
  context.lineJoin = "round";
  context.strokeStyle = theme.ghostHalo;
  context.fillStyle = theme.ghost;
  const level = (toMiddle < 0 ? -1 : 1) * (theme.small + 1);
  context.strokeText("horizon", 0, level);
  context.fillText("horizon", 0, level);
  context.restore();
}

/** The area of one output pixel, where it lies on U. @param {{points: Float32Array, w: Float32Array}} foot  from footprint() */
export function drawFootprint(context, view, theme, { points, w }) {
  if (!w.every((each) => each > HORIZON) || !points.every((each) => Math.abs(each) < FAR)) return;
  outline(context, [0, 1, 2, 3].map((i) => view.toScreen(points[2 * i], points[2 * i + 1])));
  context.lineJoin = "round";
  context.globalAlpha = 0.3;
  context.fillStyle = theme.tap;
  context.fill();
  context.globalAlpha = 1;
  for (const [wide, colour] of [[3.5, theme.ghostHalo], [1.5, theme.tap]]) {
    context.strokeStyle = colour;
    context.lineWidth = wide;
    context.stroke();
  }
}

function outline(context, corners) {
  context.beginPath();
  corners.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.closePath();
}

function hatch(context, width, height, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  for (let at = -height; at < width; at += HATCH) {
    context.moveTo(at, height);
    context.lineTo(at + height, 0);
  }
  context.stroke();
}
