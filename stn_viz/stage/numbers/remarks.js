/** What somebody should know of the picture that is shown, in one line each: warnings first. */

import { numeral } from "./pixelwords.js";
import { valuesOf } from "./values.js";

/** A remark: its key (one a kind), a line, more words for who asks, and how much it matters (3 most). */
const remark = (key, level, text, more = "") => ({ key, level, text, more });

/**
 * @param {{U: object, theta: ArrayLike<number> | null, marks: import("./marks.js").Marks}} shown  the scene
 * @param {{rule: object}} state
 * @returns {{key: string, text: string, more: string, level: number}[]} the weightiest first
 */
export function remarksOf(shown, { rule }) {
  const { marks } = shown;
  if (!marks) return [];
  if (marks.unknown === marks.n) {
    return [remark("unknown", 3, "θ is not a number here, so there is no grid.", "Training diverged before this step. Go back a step, or turn θ by hand.")];
  }
  const found = [collapsed(marks), away(marks), horizon(marks), folded(marks), ...mirrored(marks), skips(marks, rule), conventions(rule), padding(shown, rule)];
  return found.filter(Boolean).sort((a, b) => b.level - a.level);
}

const COLLAPSED = {
  point: ["The grid has shrunk to a point: V is one value everywhere.", "All sample points lie within a thousandth of a pixel of one another."],
  line: ["The grid lies on one line: V knows nothing beside it.", "The matrix is singular: it takes the plane to a line."],
  flat: ["The grid has no area: its cells are all flat.", "Each cell of the grid is folded to a line."],
};
const collapsed = ({ collapsed: kind }) => kind && remark("collapsed", 3, ...COLLAPSED[kind]);

/** The whole grid on one side of U, or all around it. */
function away({ n, outside, behind, box }) {
  if (!box || outside + behind < n || behind === n) return null;
  const [left, top, right, bottom] = box;
  const sides = [
    [bottom < -1, `above the image (largest y = ${numeral(bottom, 3)})`],
    [top > 1, `below the image (smallest y = ${numeral(top, 3)})`],
    [right < -1, `left of the image (largest x = ${numeral(right, 3)})`],
    [left > 1, `right of the image (smallest x = ${numeral(left, 3)})`],
  ];
  const side = sides.find(([is]) => is)?.[1];
  return remark("outside", 3, side ? `The whole grid lies ${side}.` : "No sample point lies in the image.", "V shows only what the padding writes.");
}

function horizon({ behind, behindShare, n }) {
  if (!behind) return null;
  if (behind === n) return remark("horizon", 3, "The whole grid lies behind the horizon (H_w ≤ 0).", "No output pixel looks at the front of the plane.");
  return remark("horizon", 3, `${fraction(behindShare)} of the grid is behind the horizon (H_w ≤ 0): hatched.`,
    "There x / w comes back from the other side. The sampler reads it all the same; it is no picture of the plane.");
}

function folded({ folded: count, foldedShare }) {
  if (!count) return null;
  const cells = count === 1 ? "1 cell of the grid is" : `${count.toLocaleString("en")} cells of the grid are`;
  return remark("folded", 2, `${cells} folded over (Jacobian reversed).`, `${percent(foldedShare)} of the cells; places of U there are read more than once.`);
}

const mirrored = ({ sign, collapsed: kind }) =>
  (sign < 0 && !kind ? [remark("mirrored", 1, "Mirrored: V shows U reversed, as in a mirror.", "The determinant of θ's matrix is negative.")] : []);

/** Shrinking: between two neighbours of V lie pixels of U that nothing reads. Bilinear and bicubic read the two nearest fully. */
function skips({ step, collapsed: kind, behind }, { kernel, area }) {
  if (!step || kind || behind) return null; // at a horizon steps have no end
  const k = area ?? 1;
  const [x, y, most] = [step.x / k, step.y / k, step.most / k];
  const larger = Math.max(x, y);
  const reach = kernel === "nearest" ? 1.001 : 2.001;
  const uneven = most > 1.3 * larger && most > 1.5 * reach;
  if (!(larger > reach) && !uneven) return null;
  const shown = uneven ? most : larger;
  const words = numeral(shown, shown < 10 && Math.abs(shown - Math.round(shown)) > 0.05 ? 1 : 0);
  const [read, of] = ratio(1 / shown);
  const lost = of <= 9 && read > 0 ? `${of - read} of ${of}` : `${numeral(Math.floor(shown) - 1, 0)} of ${numeral(Math.floor(shown), 0)}`;
  const cure = k > 1 ? "average more" : "average";
  if (shown >= 1000) return remark("skips", 2, `One output step of ${words} input pixels skips nearly all of them.`, "Neighbours in V have nothing to do with one another.");
  return remark("skips", 2, uneven ? `Steps of up to ${words} input pixels skip ${lost}; ${cure} in Rules.` : `One output step of ${words} input pixels skips ${lost}; ${cure} in Rules.`,
    `Neighbours in V are on average ${numeral(x)} (across) and ${numeral(y)} (down) input pixels apart. What lies between is not read: fine patterns alias.`);
}

/** The grid made under one convention and sampled under the other: what happens to an identity. */
function conventions({ grid_align: grid, align_corners: sampler, padding: outside, kernel, area }) {
  if (grid === null || grid === undefined || grid === sampler) return null;
  if (sampler) return remark("align", 2, "Grid's corners off, sampler's on: V is U enlarged a little.", "At identity V is U enlarged a little: its outermost half pixel is lost on each side.");
  const loss = kernel === "nearest" || area > 1 ? "half a pixel apart at the edges" : outside === "zeros" ? "edges keep 1/2, corners 1/4" : "half a pixel too wide";
  return remark("align", 2, `Grid's corners on, sampler's off: ${loss}.`, "At identity the outermost samples lie on the outer edges of U's pixels, half a pixel outside their centres.");
}

/** Zeros beside a background that is not 0. */
function padding({ U, marks }, { padding: outside }) {
  if (outside !== "zeros" || !marks.outside) return null;
  const { background } = valuesOf(U);
  if (background.every((value) => Math.abs(value) < 0.02)) return null;
  const values = new Set(background.map((value) => numeral(value))).size === 1 ? numeral(background[0]) : `(${background.map((value) => numeral(value)).join(", ")})`;
  return remark("padding", 1, `Zeros writes 0 outside; the background here is ${values}.`, "Zero padding writes 0, whatever the picture's background is: V gets a frame. Border and reflection do not.");
}

/** A share as somebody says it: "1/6" where it is one, else percent. */
export function fraction(share) {
  const [a, b] = ratio(share);
  return b <= 8 && a > 0 && a < b && Math.abs(share - a / b) < 2e-3 ? `${a}/${b}` : percent(share);
}

/** @returns {string} never 0 % for what is not nothing, nor 100 % for what is not all */
export function percent(share) {
  if (share > 0 && share < 0.005) return "< 1 %";
  if (share < 1 && share >= 0.995) return "> 99 %";
  return `${Math.round(100 * share)} %`;
}

/** The simplest fraction within 2 in a hundred of a number between 0 and 1: [a, b]. */
function ratio(value) {
  let best = [0, 1];
  for (let b = 1; b <= 12; b++) {
    const a = Math.round(value * b);
    if (Math.abs(value - a / b) < 2e-3) return [a, b];
    if (Math.abs(value - a / b) < Math.abs(value - best[0] / best[1]) - 0.01) best = [a, b];
  }
  return best;
}

/**
 * The counts beside U's title, short: "42 × 42 · 3 % outside", "3 % outside · 12 folded", "35 % outside · 1/6 behind".
 *
 * @param {import("./marks.js").Marks} marks
 * @param {number} outside  share, 0..1
 * @param {{height: number, width: number}} U
 */
export function countWords({ behind, behindShare, folded: count }, outside, U) {
  const parts = [`${percent(outside)} outside`];
  if (count) parts.push(`${count.toLocaleString("en")} folded`);
  if (behind) parts.push(`${fraction(behindShare)} behind`);
  return [...(parts.length > 1 ? [] : [`${U.width} × ${U.height}`]), ...parts].join(" · ");
}

/** What nearest does to learning, beside the kernel's choice; empty for the others. */
export const kernelWords = (kernel) => (kernel === "nearest" ? "no gradient to θ" : "");
