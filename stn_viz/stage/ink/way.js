/** U and the sampling grid on their way between "the grid moves" and "the image moves": both are drawn as they stand at way t. */

import { homogeneousInto, inFrame, meshOf, reachOf } from "../numbers/mesh.js";
import { coefficients } from "../numbers/grid.js";
import { fillAffine, fillTriangle, positionOf } from "../numbers/raster.js";
import { bytesInto, seen } from "../numbers/screen.js";
import { after, inverted, mapAt, placesInto, wayOf } from "../numbers/ways.js";
import { hatch, marginOf } from "./backdrop.js";
import { createPicture } from "./picture.js";
import { drawGrid } from "./overlay.js";
import { createViewport, HALF } from "./viewport.js";

const FINEST = 640; // pixels a side that are filled; on a larger screen each stands for several
const TEXTURE = 768; // pixels of U a side: of a larger one a copy is drawn
const DIMMED = 0.5; // of U beyond the frame, at way 1
const FRONT = 1e-6; // least H_w of what is seen
const FADE = 3; // of the straight picture under a bent one: it says less and less where U's content goes
const WIDER = 1.5; // than the canvas is the mesh of a family whose basis goes on exactly beyond the frame
const BENDS = 16; // pieces of a straight line, where it bends on the way

/** @returns {{draw: Function}} */
export function createWay() {
  const picture = createPicture();
  const square = document.createElement("canvas");
  let texture = null;
  let painted = null; // what the texture was made from
  let pixels = null; // ImageData
  const scratch = {};
  const buffer = (name, length) => (scratch[name]?.length === length ? scratch[name] : (scratch[name] = new Float64Array(length)));

  const textureOf = (U) => {
    if (painted === U.data) return texture;
    painted = U.data;
    texture = Math.max(U.width, U.height) > TEXTURE ? smaller(picture, U) : { data: colours(U), width: U.width, height: U.height, share: 1 };
    return texture;
  };

  /**
   * @param {CanvasRenderingContext2D} context  in CSS pixels
   * @param {object} view  of U at way 0
   * @param {object} theme
   * @param {object} scene
   * @param {{rule: object, way: number, align: boolean}} how  rule; way 0..1; align: the target grid's own convention
   * @returns {{viewV: object, map: number[], place: (target: number[], source: number[]) => number[]}} V's frame at way 1;
   *   the affine map of U's picture; where a point of the frame stands
   */
  const draw = (context, view, theme, scene, { rule, way: t, align }) => {
    const { U, basis, theta, size } = scene;
    const { side } = view;
    const viewV = createViewport(side, { width: size[1], height: size[0] }, HALF, align);
    const way = wayOf(scene, view, viewV);
    const straight = basis.linear && basis.lines.shape[1] === 2 && way.affine;
    const count = Math.min(FINEST, context.canvas.width);
    if (!pixels || pixels.width !== count) {
      pixels = new ImageData(count, count);
      square.width = square.height = count;
    }
    const scale = count / side;
    const fill = {
      out: new Uint32Array(pixels.data.buffer), side: count, texture: textureOf(U), padding: rule.padding, align: rule.align_corners, zero: zeroOf(U),
      alphas: alphasOf(theme, marginOf(theme, rule, U), t, 1),
    };
    const [fx, ox] = positionOf(U.width, rule.align_corners);
    const [fy, oy] = positionOf(U.height, rule.align_corners);
    const [ux, uy] = view.metric;
    const middle = side / 2;
    const toU = [fx / ux, 0, ox - (fx * middle) / ux, 0, fy / uy, oy - (fy * middle) / uy]; // from the screen at way 0
    const map = mapAt(way, t);
    const back = after(inverted(map), [1 / scale, 0, 0, 0, 1 / scale, 0]);
    const [vx, vy] = viewV.metric.map((metric, i) => metric * reachOf(size[1 - i], align));
    if (straight) {
      const toFrame = [1 / vx, 0, -middle / vx, 0, 1 / vy, -middle / vy];
      fillAffine(fill, after(toU, back), after(toFrame, after(mapAt(way, 1), back)));
    } else {
      if (t < 1) fillAffine({ ...fill, alphas: alphasOf(theme, marginOf(theme, rule, U), 0, (1 - t) ** FADE) }, after(toU, back), null);
      else fill.out.fill(0);
      mesh(fill, { basis, theta, view, viewV, way, t, align, scale, from: [fx, ox, fy, oy] });
    }
    square.getContext("2d").putImageData(pixels, 0, 0);
    context.globalAlpha = 1;
    context.fillStyle = theme.surface;
    context.fillRect(0, 0, side, side);
    hatch(context, side, theme.hatch);
    context.imageSmoothingEnabled = count < context.canvas.width;
    context.drawImage(square, 0, 0, side, side);
    if (straight) outline(context, theme, view.rect, map);
    lines(context, theme, scene, { view, viewV, way, t });
    return { viewV, way, map, place: (target, source) => placed(way, t, view, viewV, target, source) };
  };

  /** The frame and its surroundings as straight cells. */
  const mesh = (fill, { basis, theta, view, viewV, way, t, align, scale, from: [fx, ox, fy, oy] }) => {
    const extent = viewV.metric.map((metric, i) => Math.max((basis.lines.shape[1] === 2 ? WIDER : 1) * (view.side / 2 / metric), reachOf(basis.size[1 - i], align)));
    const cells = meshOf(basis, align, extent);
    const { columns, rows, k, b, targets } = cells;
    const count = columns * rows;
    const H = homogeneousInto(b, k, count, coefficients(basis, theta, basis.coefficients), buffer("H", 3 * count));
    const places = stand(targets, H, count, { view, viewV, way, t }, "mesh");
    for (let i = 0; i < 2 * count; i++) places[i] *= scale;
    for (let i = 0; i < count; i++) {
      const w = H[3 * i + 2];
      // At way 1 the perspective is exact; before it, cells this small do without.
      const by = t < 1 ? 1 / w : 1;
      H[3 * i] = by * (fx * H[3 * i] + ox * w);
      H[3 * i + 1] = by * (fy * H[3 * i + 1] + oy * w);
      H[3 * i + 2] = by * w;
    }
    for (let row = 0; row < rows - 1; row++) {
      for (let column = 0; column < columns - 1; column++) {
        const i = row * columns + column;
        if (t < 1 && !inFront(H, places, [i, i + 1, i + columns, i + columns + 1], fill.side)) continue;
        const inside = inFrame(cells, column, row);
        fillTriangle(fill, places, H, i, i + 1, i + columns, inside);
        fillTriangle(fill, places, H, i + 1, i + columns + 1, i + columns, inside);
      }
    }
  };

  /** Where points of the frame with these targets and homogeneous sources stand on the screen. */
  const stand = (targets, H, count, { view, viewV, way, t }, name) => {
    const [s0, s1] = [buffer(`${name} 0`, 2 * count), buffer(`${name} 1`, 2 * count)];
    const [ux, uy] = view.metric;
    const [vx, vy] = viewV.metric;
    const middle = view.side / 2;
    for (let i = 0; i < count; i++) {
      const w = H[3 * i + 2];
      s0[2 * i] = w > FRONT ? middle + (ux * H[3 * i]) / w : NaN;
      s0[2 * i + 1] = w > FRONT ? middle + (uy * H[3 * i + 1]) / w : NaN;
      s1[2 * i] = middle + vx * targets[2 * i];
      s1[2 * i + 1] = middle + vy * targets[2 * i + 1];
    }
    return placesInto(way, t, count, s0, s1, buffer(name, 2 * count));
  };

  const lines = (context, theme, { basis, theta }, around) => {
    const { b, targets, L, m } = linesOf(basis);
    const count = 2 * L * m;
    const H = homogeneousInto(b, basis.k, count, coefficients(basis, theta, basis.coefficients), buffer("lines H", 3 * count));
    const points = stand(targets, H, count, around, "lines");
    const w = buffer("lines w", count).fill(1);
    const { side } = around.view;
    for (let i = 0; i < 2 * count; i++) points[i] /= side; // drawGrid takes what is far out for far beyond any view
    drawGrid(context, { toScreen: (x, y) => [x * side, y * side] }, theme, { points, w, L, m });
  };

  return { draw };
}

/** Opaque in the frame at way 1: what the sampler reads there; as faint as in the margin of a still U at way 0. */
function alphasOf(theme, margin, t, share) {
  return [1, 1 - DIMMED * t, margin + t * (1 - margin), margin * (1 - DIMMED * t)].map((alpha) => Math.round(255 * alpha * share));
}

const inFront = (H, places, vertices, side) => vertices.every((i) => H[3 * i + 2] > FRONT && Math.abs(places[2 * i]) < 40 * side && Math.abs(places[2 * i + 1]) < 40 * side);

/** One point: @returns {number[]} its place on the screen */
function placed(way, t, view, viewV, target, source) {
  return [...placesInto(way, t, 1, Float64Array.from(view.toScreen(...source)), Float64Array.from(viewV.toScreen(...target)), new Float64Array(2))];
}

const bent = new WeakMap(); // basis -> its lines in pieces

/** U's own edge on its way: a dark picture on dark padding has none that is seen. */
function outline(context, theme, [left, top, width, height], [a, b, e, c, d, f]) {
  context.strokeStyle = theme.muted;
  context.lineWidth = 1.5;
  context.beginPath();
  for (const [x, y] of [[left, top], [left + width, top], [left + width, top + height], [left, top + height]]) context.lineTo(a * x + b * y + e, c * x + d * y + f);
  context.closePath();
  context.stroke();
}

/** The drawn lines with their targets; a line of two points in pieces, since halfway a homography's lines are curved. */
function linesOf(basis) {
  if (bent.has(basis)) return bent.get(basis);
  const { k, lines: { b: rows, shape: [count, m] } } = basis;
  const L = count / 2;
  const pieces = m === 2 && !basis.linear ? BENDS + 1 : m;
  const b = new Float32Array(count * pieces * k);
  const targets = new Float64Array(2 * count * pieces);
  for (let line = 0, at = 0; line < count; line++) {
    const across = line >= L;
    const fixed = L > 1 ? (2 * (line % L)) / (L - 1) - 1 : 0;
    for (let i = 0; i < pieces; i++, at++) {
      const along = (i * (m - 1)) / (pieces - 1);
      const low = Math.min(m - 2, Math.floor(along));
      for (let j = 0; j < k; j++) {
        const [from, to] = [rows[(line * m + low) * k + j], rows[(line * m + low + 1) * k + j]];
        b[at * k + j] = from + (along - low) * (to - from);
      }
      const moving = (2 * i) / (pieces - 1) - 1;
      targets[2 * at] = across ? moving : fixed;
      targets[2 * at + 1] = across ? fixed : moving;
    }
  }
  const found = { b, targets, L, m: pieces };
  bent.set(basis, found);
  return found;
}

/** Channels-first floats as 0x00bbggrr, rounded as ink/picture.js has them. */
function colours(image) {
  const bytes = new Uint8ClampedArray(4 * image.height * image.width);
  bytesInto(image, bytes);
  return new Uint32Array(bytes.buffer).map((colour) => colour & 0xffffff);
}

/** What a network's 0 is on the screen: zeros beyond U's sides. */
function zeroOf({ channels, screen }) {
  const bytes = Uint8ClampedArray.from([...seen(new Array(channels).fill(0), screen).map((value) => 255 * value), 0]);
  return new Uint32Array(bytes.buffer)[0];
}

/** A copy of a large U: the screen shows no more of it. */
function smaller(picture, U) {
  picture.paint(U);
  const copy = document.createElement("canvas");
  const share = TEXTURE / Math.max(U.width, U.height);
  copy.width = Math.max(1, Math.round(share * U.width));
  copy.height = Math.max(1, Math.round(share * U.height));
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(picture.canvas, 0, 0, copy.width, copy.height);
  const data = new Uint32Array(context.getImageData(0, 0, copy.width, copy.height).data.buffer).map((colour) => colour & 0xffffff);
  return { data, width: copy.width, height: copy.height, share: copy.width / U.width };
}
