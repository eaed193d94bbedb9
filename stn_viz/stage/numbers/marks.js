/** What is to be known of a sampling grid, counted: samples outside, behind the horizon, cells folded over, its steps in pixels. */

import { directionOf } from "./direction.js";
import { areaOf, behindPart, HORIZON, targetHorizon } from "./horizon.js";

const FRAME = [-1, -1, 1, 1];
const ROUNDING = 1e-6; // of the largest coordinate: a float32 grid is no finer
const MOST = 64; // samples a side that are looked at: of a larger V every second, third ...; shares stay, counts are scaled
const POINT_PX = 1e-3; // of U's pixels: a grid that spans less than this is a point, or a line

/**
 * @typedef {object} Marks
 * @property {number} n  samples that were looked at
 * @property {number} outside  samples in front of the horizon with |x| > 1 or |y| > 1, or not finite
 * @property {number} behind  samples with H_w <= 0
 * @property {number} behindShare  0..1, of the target frame's area where that is known, else of the samples
 * @property {number} unknown  samples that are not a number
 * @property {number} cells  looked at, between four samples that are all in front
 * @property {number} folded  cells of the orientation that fewer have; of V's own pixels, also where the grid is thinned
 * @property {number} foldedShare  0..1, of the cells
 * @property {number} sign  1, or -1 where most cells are mirrored; 0 where none has an area
 * @property {null | "point" | "line" | "flat"} collapsed  the whole grid at one place, on one line, or of no area
 * @property {[number, number, number, number] | null} box  smallest x, y, largest x, y of the finite samples in
 *   front, and of the frame's lattice: the outermost samples may stand half a pixel inside the frame
 * @property {{x: number, y: number, most: number} | null} step  mean distance, in U's pixels, of samples that are neighbours in a
 *   row of V and in a column; the largest of all
 */

/**
 * @param {object} scene
 * @param {Float32Array} scene.grid  n * 2, normalised (x, y), row by row
 * @param {Float32Array} scene.w  n, H_w
 * @param {Float32Array} scene.lattice  points over the target frame -1..1, and their H_w
 * @param {Float32Array} scene.latticeW
 * @param {{height: number, width: number}} scene.V  of as many pixels as the grid has samples
 * @param {[number, number]} scene.size  V's full [H', W'], where the grid is thinned
 * @param {{height: number, width: number}} scene.U
 * @param {string} scene.family
 * @param {ArrayLike<number>} scene.theta
 * @param {import("./grid.js").Basis} scene.basis
 * @param {boolean} align  the sampler's align_corners
 * @returns {Marks}
 */
export function marksOf({ grid, w, lattice, latticeW, V, size, U, family, theta, basis }, align) {
  const by = Math.ceil(Math.max(V.height, V.width) / MOST);
  const scale = [U.width, U.height].map((side) => Math.max(align ? side - 1 : side, 1) / 2); // pixels a normalised unit
  const marks = samples(grid, w, V, by, scale);
  const { n } = marks;
  marks.behindShare = family === "projective" && marks.behind < n ? areaOf(behindPart(targetHorizon(theta), FRAME)) / 4 : marks.behind / n;
  const even = basis.linear && basis.lines.shape[1] === 2; // an affine map: all cells are alike
  const thin = [(size[1] - 1) / Math.max(1, V.width - 1), (size[0] - 1) / Math.max(1, V.height - 1)].map((by) => Math.max(1, by));
  Object.assign(marks, even ? alike(grid, V, scale) : cells(grid, w, V, by, scale));
  const { step } = marks;
  if (step) Object.assign(step, { x: step.x / thin[0], y: step.y / thin[1], most: step.most / Math.min(...thin) });
  if (marks.box) widen(marks.box, lattice, latticeW);
  // Float32 points of a grid a million wide cannot tell a thin band from a line; theta can.
  if (marks.collapsed === "line" && even && directionOf(basis, theta).inverse) marks.collapsed = null;
  if (!marks.collapsed && marks.cells && marks.sign === 0 && !marks.unknown) marks.collapsed = "flat";
  marks.foldedShare = marks.cells && !marks.collapsed ? marks.folded / marks.cells : 0;
  const each = even ? 1 : by * by * thin[0] * thin[1]; // cells of V that one stands for
  marks.folded = Math.round(marks.foldedShare * marks.cells * each);
  return marks;
}

/** What the samples say one by one, and how far they spread. */
function samples(grid, w, { height, width }, by, [sx, sy]) {
  let n = 0;
  let outside = 0;
  let behind = 0;
  let unknown = 0;
  let seen = 0;
  let [low, top, high, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  let [x1, y1, xx, xy, yy] = [0, 0, 0, 0, 0]; // sums, around the first sample that is seen
  let [atX, atY] = [0, 0];
  for (let row = 0; row < height; row += by) {
    for (let column = 0; column < width; column += by) {
      const i = row * width + column;
      const x = grid[2 * i];
      const y = grid[2 * i + 1];
      n++;
      if (w[i] <= HORIZON) {
        behind++;
        continue;
      }
      if (!(Math.abs(x) <= 1 && Math.abs(y) <= 1)) outside++;
      if (!Number.isFinite(x) || !Number.isFinite(y)) {
        if (Number.isNaN(x) || Number.isNaN(y)) unknown++;
        continue;
      }
      if (!seen++) {
        atX = x;
        atY = y;
      }
      if (x < low) low = x;
      if (x > high) high = x;
      if (y < top) top = y;
      if (y > bottom) bottom = y;
      const dx = (x - atX) * sx;
      const dy = (y - atY) * sy;
      x1 += dx;
      y1 += dy;
      xx += dx * dx;
      xy += dx * dy;
      yy += dy * dy;
    }
  }
  if (!seen) return { n, outside, behind, unknown, collapsed: null, box: null };
  const [vx, vy, c] = [xx / seen - (x1 / seen) ** 2, yy / seen - (y1 / seen) ** 2, xy / seen - (x1 / seen) * (y1 / seen)];
  const middle = (vx + vy) / 2;
  const wide = Math.sqrt(Math.max(0, middle + Math.hypot((vx - vy) / 2, c)));
  const narrow = wide > 0 ? Math.sqrt(Math.max(0, vx * vy - c * c)) / wide : 0;
  const least = Math.max(POINT_PX, ROUNDING * Math.max(sx * Math.max(-low, high), sy * Math.max(-top, bottom)));
  const plane = height > 1 && width > 1 && seen === n; // else a line is what is to be expected
  const collapsed = seen < 2 ? null : wide < least ? "point" : plane && narrow < Math.max(least, 1e-6 * wide) ? "line" : null;
  return { n, outside, behind, unknown, collapsed, box: [low, top, high, bottom] };
}

function widen(box, points, w) {
  for (let i = 0; i < w.length; i++) {
    const [x, y] = [points[2 * i], points[2 * i + 1]];
    if (!(w[i] > HORIZON) || !Number.isFinite(x) || !Number.isFinite(y)) continue;
    box[0] = Math.min(box[0], x);
    box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x);
    box[3] = Math.max(box[3], y);
  }
}

/** Twice the area of the cell whose first corner is sample i: down a row by `down` samples, right by `right`. */
export function turn(grid, i, right, down) {
  const d = i + down;
  const r = i + right;
  const across = [grid[2 * (d + right)] - grid[2 * i], grid[2 * (d + right) + 1] - grid[2 * i + 1]];
  return across[0] * (grid[2 * d + 1] - grid[2 * r + 1]) - across[1] * (grid[2 * d] - grid[2 * r]);
}

/** Orientation and steps of an affine grid, from its corners. */
function alike(grid, { height, width }, [sx, sy]) {
  const count = Math.max(0, (height - 1) * (width - 1));
  const right = width - 1;
  const down = (height - 1) * width;
  const length = (to, by) => (by ? Math.hypot((grid[2 * to] - grid[0]) * sx, (grid[2 * to + 1] - grid[1]) * sy) / by : 0);
  const [x, y] = [length(right, right), length(down, height - 1)];
  const twice = count ? turn(grid, 0, right, down) : 0;
  return { cells: count, folded: 0, sign: Math.sign(twice) || 0, step: Number.isFinite(x + y) && x + y > 0 ? { x, y, most: Math.max(x, y) } : null };
}

/** Orientation and steps, cell by cell. */
function cells(grid, w, { height, width }, by, [sx, sy]) {
  let count = 0;
  let straight = 0;
  let turned = 0;
  let across = 0;
  let down = 0;
  let acrossCount = 0;
  let downCount = 0;
  let most = 0;
  for (let row = 0; row < height; row += by) {
    for (let column = 0; column < width; column += by) {
      const i = row * width + column;
      if (!(w[i] > HORIZON)) continue;
      const right = column + 1 < width && w[i + 1] > HORIZON;
      const below = row + 1 < height && w[i + width] > HORIZON;
      const x = grid[2 * i];
      const y = grid[2 * i + 1];
      const j = 2 * (i + width);
      if (right) {
        const dx = (grid[2 * i + 2] - x) * sx;
        const dy = (grid[2 * i + 3] - y) * sy;
        const step = Math.sqrt(dx * dx + dy * dy);
        if (step < Infinity) {
          across += step;
          acrossCount++;
          if (step > most) most = step;
        }
      }
      if (below) {
        const dx = (grid[j] - x) * sx;
        const dy = (grid[j + 1] - y) * sy;
        const step = Math.sqrt(dx * dx + dy * dy);
        if (step < Infinity) {
          down += step;
          downCount++;
          if (step > most) most = step;
        }
      }
      if (!right || !below || !(w[i + width + 1] > HORIZON)) continue;
      count++;
      const ax = grid[j + 2] - x;
      const ay = grid[j + 3] - y;
      const bx = grid[j] - grid[2 * i + 2];
      const rise = grid[j + 1] - grid[2 * i + 3];
      const twice = ax * rise - ay * bx;
      // Less than rounding can make of nothing is no area.
      const noise = ROUNDING * (Math.abs(x) + Math.abs(y)) * (Math.abs(ax) + Math.abs(ay) + Math.abs(bx) + Math.abs(rise));
      if (twice > noise) straight++;
      else if (twice < -noise) turned++;
    }
  }
  const sign = straight + turned ? (turned > straight ? -1 : 1) : 0;
  const step = acrossCount + downCount ? { x: acrossCount ? across / acrossCount : 0, y: downCount ? down / downCount : 0, most } : null;
  return { cells: count, folded: sign < 0 ? straight : turned, sign, step };
}
