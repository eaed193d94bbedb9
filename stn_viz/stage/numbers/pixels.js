/**
 * Theta in pixels. A pixel's index is the whole number at its centre: column 0 is the first column's middle.
 *
 *     index = ((x + 1) size - 1) / 2    align_corners False        index = (x + 1) (size - 1) / 2    align_corners True
 *
 * A `frame` says both pictures: {U: [H, W], V: [H', W'], align: the sampler's align_corners, gridAlign: the grid's}.
 */

import { inverse, times, unit } from "./planes.js";

const DEGREES = 180 / Math.PI;
const SAME = 5e-4; // of a length or a cosine: below what three printed digits tell

/** Pixels across which x goes from -1 to 1. */
export const span = (size, align) => (align ? size - 1 : size);

/** Normalised to pixel index. */
const toIndex = ([H, W], align) => {
  const [w, h] = [span(W, align) / 2, span(H, align) / 2];
  return [w, 0, (W - 1) / 2, 0, h, (H - 1) / 2, 0, 0, 1];
};

/** Pixel index to normalised; a side of one pixel has its only centre at 0, as in torch. */
const toNormal = ([H, W], align) => {
  const [x, y] = [W, H].map((side) => (side === 1 && align ? 0 : 2 / span(side, align)));
  return [x, 0, (-x * (W - 1)) / 2, 0, y, (-y * (H - 1)) / 2, 0, 0, 1];
};

/** A normalised place in pixels of U: [column, row]. */
export const indexOf = ([x, y], [H, W], align) => [(x * span(W, align) + W - 1) / 2, (y * span(H, align) + H - 1) / 2];

/** @returns {number[]} the matrix that takes V's pixel (column, row, 1) to U's; its last entry is 1 unless that cannot be */
export function toPixels(matrix, { U, V, align, gridAlign }) {
  const pixels = times(times(toIndex(U, align), matrix), toNormal(V, gridAlign));
  return unit(pixels) ?? pixels;
}

/** The other way: from a matrix over pixels to theta's. */
export function fromPixels(pixels, { U, V, align, gridAlign }) {
  const matrix = times(times(toNormal(U, align), pixels), toIndex(V, gridAlign));
  return unit(matrix) ?? matrix;
}

/**
 * What one step right and one step down in V are in U.
 *
 * @param {number[]} pixels  from toPixels
 * @param {[number, number]} size  [H', W'] of V: a homography's steps are those at its centre
 * @returns {{right: number[], down: number[], lengths: [number, number], angle: number | null, turned: number}} in pixels of U;
 *   angle: degrees from right to down, 0..180 (null without a length), turned: degrees from U's rows to `right`
 */
export function pixelAxes(pixels, [H, W]) {
  const [column, row] = [(W - 1) / 2, (H - 1) / 2];
  const [x, y, w] = [0, 3, 6].map((r) => pixels[r] * column + pixels[r + 1] * row + pixels[r + 2]);
  const [right, down] = [0, 1].map((c) => [(pixels[c] - (x / w) * pixels[6 + c]) / w, (pixels[3 + c] - (y / w) * pixels[6 + c]) / w]);
  const lengths = [Math.hypot(...right), Math.hypot(...down)];
  const cosine = (right[0] * down[0] + right[1] * down[1]) / (lengths[0] * lengths[1]);
  const angle = Number.isFinite(cosine) ? Math.acos(Math.max(-1, Math.min(1, cosine))) * DEGREES : null;
  return { right, down, lengths, angle, turned: Math.atan2(right[1] + 0, right[0]) * DEGREES };
}

/**
 * Is a square of V's pixels a square in U, and if not, what is it: one or two sentences.
 *
 * @param {{lengths: [number, number], angle: number | null}} axes  from pixelAxes
 * @returns {{shears: boolean, words: string}}
 */
export function shearWords({ lengths: [right, down], angle }) {
  if (angle === null) return { shears: false, words: "The grid has no extent in one direction: it is a line or a point in U." };
  const [steps, between] = [`One step right in V is ${length(right)} px of U, one step down ${length(down)} px`, `${angle.toFixed(1)}° apart`];
  const square = Math.abs(Math.cos(angle / DEGREES)) < SAME;
  const even = Math.abs(right - down) <= SAME * Math.max(right, down);
  if (square && even) return { shears: false, words: `${steps}, ${between}: squares stay squares.` };
  if (square) return { shears: false, words: `${steps}, ${between}: squares become rectangles, without shear.` };
  return { shears: true, words: `${steps}, ${between}: θ shears in pixels.` };
}

const length = (px) => (px < 1e4 ? px.toFixed(4) : px.toExponential(2));

/** Turn about the place in U where V's centre looks, by degrees in pixels. @returns {number[]} matrix, normalised */
export function turnedBy(matrix, degrees, frame) {
  const pixels = toPixels(matrix, frame);
  const [H, W] = frame.V;
  const at = [0, 3, 6].map((r) => (pixels[r] * (W - 1)) / 2 + (pixels[r + 1] * (H - 1)) / 2 + pixels[r + 2]);
  const [x, y] = [at[0] / at[2], at[1] / at[2]];
  const [cos, sin] = [Math.cos(degrees / DEGREES), Math.sin(degrees / DEGREES)];
  return fromPixels(times([cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y, 0, 0, 1], pixels), frame);
}

/** Move by pixels of U. @returns {number[]} matrix, normalised */
export const movedBy = (matrix, [right, down], frame) => fromPixels(times([1, 0, right, 0, 1, down, 0, 0, 1], toPixels(matrix, frame)), frame);

/**
 * The rotation in pixels that a theta was meant to be: [cos -sin; sin cos] written without regard to the sides is taken at its
 * angle and zoom; of any other the turn of the first step and the mean zoom are kept. Shift stays.
 *
 * @returns {number[] | null} matrix, normalised, of an affine grid; null where it has no area
 */
export function asRotation(matrix, frame) {
  const usual = unit(matrix);
  if (!usual) return null;
  const [a, b, , c, d] = usual;
  const meant = Math.abs(a - d) < SAME && Math.abs(b + c) < SAME && usual[6] === 0 && usual[7] === 0;
  const [H, W] = frame.U;
  const { lengths, turned, angle } = pixelAxes(toPixels(usual, frame), frame.V);
  if (angle === null) return null;
  const turn = meant ? Math.atan2(c, a) : turned / DEGREES;
  // "Without zoom" is theta's own: a picture of another size than U is still shown whole.
  const fit = Math.sqrt((span(W, frame.align) * span(H, frame.align)) / (span(frame.V[1], frame.gridAlign) * span(frame.V[0], frame.gridAlign)));
  const zoom = meant ? Math.hypot(a, c) * fit : Math.sqrt(lengths[0] * lengths[1]);
  const [cos, sin] = [zoom * Math.cos(turn), zoom * Math.sin(turn)];
  const [x, y] = indexOf([usual[2] / usual[8], usual[5] / usual[8]], frame.U, frame.align);
  const [column, row] = [(frame.V[1] - 1) / 2, (frame.V[0] - 1) / 2];
  const out = fromPixels([cos, -sin, x - cos * column + sin * row, sin, cos, y - sin * column - cos * row, 0, 0, 1], frame);
  return out.every(Number.isFinite) ? out : null;
}

/**
 * Every entry of a matrix as a length in pixels of a picture: the shift from the centre, and how far the grid reaches from one
 * side of V to the other. The last row has no length.
 *
 * @param {number[]} matrix  normalised
 * @param {[number, number]} size  [H, W] of the picture
 * @param {boolean} align
 * @returns {(number | null)[]} 9 numbers; half a span each for the shift, a whole one for the rest
 */
export function inPixels(matrix, [H, W], align) {
  const spans = [span(W, align), span(H, align)];
  return matrix.map((value, i) => (i > 5 ? null : (value * spans[i < 3 ? 0 : 1]) / (i % 3 === 2 ? 2 : 1)));
}

/** The frame's corners in U, clockwise from the top left, [column, row] each, from the hand's lattice (9 x 9). */
export const cornersOf = (lattice, size, align) => [0, 8, 80, 72].map((i) => indexOf([lattice[2 * i], lattice[2 * i + 1]], size, align));

/** As JSON, in the order and digits that other programs take. */
export const cornersText = (corners) => JSON.stringify(corners.map((corner) => corner.map((value) => (Number.isFinite(value) ? Number(value.toFixed(4)) : null))));

/** The inverse over pixels: where U's pixel goes in V; null for none. */
export const forward = (pixels) => {
  const back = inverse(pixels);
  return back && (unit(back) ?? back);
};
