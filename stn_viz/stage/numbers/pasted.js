/**
 * Theta as somebody pastes it: numbers in a row, printed matrices, code of the programs that formats.js writes for; or a
 * sentence that says what is wrong with it. Never runs what it reads.
 */

import { evaluate } from "./arithmetic.js";
import { fromCorners, flipped } from "./formats.js";
import { forward, fromPixels } from "./pixels.js";
import { unit } from "./planes.js";

const LONGEST = 20000; // characters
const LARGEST = 1e6; // of an entry of theta
const WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
const counted = (count) => WORDS[count] ?? String(count);

/** What gives a program away, the most telling first. */
const SIGNS = [
  ["json", /^\s*\{\s*"/],
  ["kornia", /\bkornia\b|\bwarp_affine\b|\bwarp_perspective\b/],
  ["scipy", /\bndimage\b|\baffine_transform\b|\bgeometric_transform\b/],
  ["skimage", /\bskimage\b|\b(Affine|Projective|Similarity|Euclidean)Transform\b/],
  ["pil", /\bPIL\b|\bImage\.(Transform|AFFINE|PERSPECTIVE)\b/],
  ["opencv", /WARP_INVERSE_MAP/],
  ["opencv_forward", /\bcv2?\b|\bwarpAffine\b|\bwarpPerspective\b/],
  ["torch", /\baffine_grid\b|\bgrid_sample\b|stn_viz\.transformer/],
];

class Refused extends Error {}

/**
 * @param {string} text
 * @param {object} around
 * @param {string} around.assumed  a name of FORMATS, or "auto": recognised, theta itself where nothing says otherwise
 * @param {object} around.frame  sides and corners, as pixels.js takes them
 * @param {number} around.P  entries of the family that is shown: that many numbers are its own theta
 * @returns {{problem: string} | {problem: null, format: string, says: string, matrix: number[] | null, theta: number[] | null,
 *            family: string | null, points: number | null}}
 *   matrix: 9 numbers, normalised V to U, last entry 1; else theta: of `family`, or of the one shown where that is null
 */
export function pasted(text, { assumed, frame, P }) {
  try {
    if (!text.trim()) throw new Refused("Nothing to read: paste six numbers, a matrix or code.");
    if (text.length > LONGEST) throw new Refused(`That is ${text.length.toLocaleString("en")} characters long. Paste the matrix alone.`);
    const seen = SIGNS.find(([, sign]) => sign.test(text))?.[0] ?? null;
    const format = assumed === "auto" ? seen ?? "numbers" : assumed;
    const found = format === "json" ? fromJson(text) : fromNumbers(text, format, P, frame);
    const entries = found.matrix ?? found.theta;
    if (!entries.every(Number.isFinite)) throw new Refused("In theta's own coordinates this is not finite. Is it the format that was chosen?");
    const largest = Math.max(...entries.map(Math.abs));
    if (largest > LARGEST) throw new Refused(`An entry of theta would be ${largest.toExponential(1)}, and a million is the most.`);
    return { problem: null, format, family: null, points: null, matrix: null, theta: null, ...found };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { problem: error.message };
  }
}

/** Control points, or a theta with its family's name. */
function fromJson(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Refused(`This is no JSON: ${error.message}.`);
  }
  const { family, points } = value;
  const flat = [value.control ?? value.theta].flat(Infinity);
  if (typeof family !== "string" || !flat.length || !flat.every((entry) => typeof entry === "number")) {
    throw new Refused('Found no theta in this JSON. Expected {"family": "tps", "points": 4, "control": [[x, y], ...]} or {"family": ..., "theta": [...]}.');
  }
  return ofFamily(family, points ?? null, flat);
}

const ENTRIES = { affine: 6, attention: 3, similarity: 4, translation: 2, projective: 8 };

function ofFamily(family, points, theta) {
  const bends = family === "tps" || family === "free";
  if (!bends && !(family in ENTRIES)) throw new Refused(`There is no family “${family}” here.`);
  const side = bends ? points ?? Math.sqrt(theta.length / 2) : null;
  const allowed = family === "tps" ? [2, 8] : [5, 9];
  if (bends && !(Number.isInteger(side) && side >= allowed[0] && side <= allowed[1])) {
    throw new Refused(`${family} takes from ${allowed.join(" to ")} control points a side, got ${points ?? `${theta.length} numbers`}.`);
  }
  const expected = bends ? 2 * side * side : ENTRIES[family];
  if (theta.length !== expected) throw new Refused(`${family}${side ? ` with ${side} × ${side} control points` : ""} needs ${counted(expected)} numbers, got ${counted(theta.length)}.`);
  return { family, points: side, theta, says: `Read as θ of the family ${family}.` };
}

function fromNumbers(text, format, P, frame) {
  const bare = text.replace(/#.*$/gm, "");
  const bends = format === "torch" && /family\("(\w+)".*?points=(\d+)/s.exec(bare);
  const code = SIGNS.some(([, sign]) => sign.test(bare)) || /=.*[[(]/s.test(bare.replace(/(dtype|device|requires_grad|grad_fn|layout)\s*=/g, ""));
  const { shape, values } = code ? literalOf(bare, format) : listOf(bare);
  if (bends) return ofFamily(bends[1], Number(bends[2]), values);
  // As many numbers as the family has, and not laid out as a matrix: its own theta.
  if (values.length === P && shape.length === 1 && ![6, 9].includes(P) && (format === "numbers" || format === "row")) {
    return { theta: values, says: `Read as the family's own ${values.length} numbers.` };
  }
  const given = nine(values, shape, format);
  const says = [];
  if (format === "scipy" && !code) says.push("Read as scipy's: rows and columns swapped.");
  const usual = unit(given);
  if (!usual) throw new Refused(`The last row is ${given.slice(6).join(" ")}: its last entry must not be 0. Expected 0 0 1, or a homography's.`);
  if (given[8] !== 1) {
    const plain = given[6] === 0 && given[7] === 0;
    says.push(plain ? `Last row 0 0 ${given[8]}: as a homography it is all divided by ${given[8]}, so the scale is 1/${given[8]}.` : `Divided by its last entry, ${given[8]}.`);
  }
  const matrix = format === "row" || format === "two" || format === "three" || format === "torch" || format === "numbers" ? usual : fromProgram(usual, format, frame);
  const far = Math.max(Math.abs(matrix[2]), Math.abs(matrix[5]));
  if (format === "numbers" && far > 3) says.push(`It shifts by ${far.toFixed(1)} half widths: if these are pixels, choose the program that they come from.`);
  return { matrix, says: says.join(" ") || SAID[format] || "Read as theta." };
}

const SAID = {
  torch: "Read as torch code: theta itself.",
  opencv: "Read as OpenCV's, from V's pixel to U's.",
  opencv_forward: "Read as OpenCV's M, from U's pixel to V's.",
  pil: "Read as PIL's data, from V to U.",
  skimage: "Read as scikit-image's, from V's pixel to U's.",
  scipy: "Read as scipy's, from V's (row, column) to U's.",
  kornia: "Read as kornia's M, from U's pixel to V's.",
};

/** A matrix over a program's pixels to theta's. */
function fromProgram(given, format, frame) {
  const back = { opencv: () => given, skimage: () => given, scipy: () => flipped(given), pil: () => fromCorners(given), opencv_forward: () => forward(given), kornia: () => forward(given) }[format]();
  if (!back) throw new Refused("This M takes the picture to a line or a point: it has no way back from V to U.");
  return unit(fromPixels(back, frame)) ?? fromPixels(back, frame).map(() => NaN);
}

/** 6, 8 or 9 numbers as a 3 x 3. */
function nine(values, shape, format) {
  const [count, side] = [values.length, shape.length === 2 ? shape : null];
  if (side && !(side[0] === 1 || side[1] === 1) && !["2,3", "3,3"].includes(side.join())) {
    const turned = side.join() === "3,2" ? " Is it transposed?" : "";
    const plain = side[0] === 2 && side[1] !== 2 ? ` 2x3 needs six numbers, got ${counted(count)}.` : "";
    throw new Refused(`A matrix of θ has 2 × 3 or 3 × 3 entries, got ${side.join(" × ")}.${turned || plain}`);
  }
  if (count === 9) return values;
  if (count === 8 && (format === "pil" || (format !== "two" && !side))) return [...values, 1];
  if (format === "three") throw new Refused(`3x3 needs nine numbers, got ${counted(count)}`);
  if (count !== 6) throw new Refused(`2x3 needs six numbers, got ${counted(count)}`);
  return [...values, 0, 0, 1];
}

/** Of code: the matrix that it writes down. */
function literalOf(code, format) {
  if (format === "scipy") {
    const offset = /offset\s*=\s*(?:np\.array\(|\()?\s*\[?([^\])]+)[\])]/.exec(code);
    const matrix = listOf(bracketed(code));
    if (!offset || matrix.values.length !== 4) return matrix;
    const [a, b, c, d] = matrix.values;
    const [e, f] = listOf(offset[1]).values;
    return { shape: [2, 3], values: [a, b, e, c, d, f] };
  }
  if (format === "pil") {
    const data = /\(\s*(-?[\d.][^()]*?,[^()]*?,[^()]*?,[^()]*?,[^()]*?,[^()]*?)\)/.exec(code);
    if (data) return listOf(data[1]);
  }
  return listOf(bracketed(code));
}

/** The first list with numbers in it: [[1, 0, 0], [0, 1, 0]]. */
function bracketed(code) {
  for (let from = code.indexOf("["); from >= 0; from = code.indexOf("[", from + 1)) {
    if (!/^\[[\s[]*[-+.\d]/.test(code.slice(from))) continue;
    let depth = 0;
    for (let at = from; at < code.length; at++) {
      depth += code[at] === "[" ? 1 : code[at] === "]" ? -1 : 0;
      if (depth === 0 && /\d.*[,\s]/s.test(code.slice(from, at))) return code.slice(from, at + 1);
      if (depth === 0) break;
    }
  }
  throw new Refused("Found no matrix in this code. Paste the numbers alone.");
}

/**
 * Numbers as torch, numpy and people print them, in brackets or in lines. Outer brackets around one matrix are taken off.
 *
 * @returns {{values: number[], shape: number[]}} shape: [rows, columns] of a matrix, [count] of a row
 */
function listOf(text) {
  const plain = text
    .replace(/\b(torch|np|numpy|jnp|tf)\.(?=[a-z]*\()/gi, "")
    .replace(/\b(tensor|array|matrix|float32|float64|Parameter|list|tuple)\s*\(/g, "(")
    .replace(/Parameter containing:/g, "")
    .replace(/,?\s*(dtype|device|requires_grad|grad_fn|layout)\s*=\s*('[^']*'|"[^"]*"|<[^>]*>|[\w.]+)/g, "")
    .replace(/[−–]/g, "-")
    .replace(/^\s*[\wθ]+\s*[:=]/, "");
  const nan = /\b(nan|none|null)\b/i.exec(plain);
  if (nan) throw new Refused(`One entry is ${nan[0]}, which is no number. Every entry must be finite.`);
  if (/\binf(inity)?\b|∞/i.test(plain)) throw new Refused("One entry is infinite. Every entry must be finite.");

  // Rows are innermost brackets; without brackets, lines or what | and ; part.
  const inner = plain.match(/[[(][^[\]()]*[\])]/g);
  const lines = (inner ?? plain.split(/[\n;|]+/)).map((line) => line.replace(/[[\]()]/g, " ").split(/[\s,;|:]+/).filter(Boolean)).filter((line) => line.length);
  const values = lines.flat().map((entry) => {
    const value = Number.isFinite(Number(entry)) ? Number(entry) : evaluate(entry).value; // 1/2, sqrt(2): as in a field
    if (value === null) throw new Refused(`“${entry.slice(0, 24)}” is no number. Paste numbers, a matrix, or code of a program in the list.`);
    return value;
  });
  if (!values.length) throw new Refused("Found no number. Paste six numbers, a matrix or code.");
  const widths = new Set(lines.map((line) => line.length));
  if (lines.length === 1) return { values, shape: [values.length] };
  if (widths.size > 1) {
    if (inner) {
      const sum = values.length === 6 || values.length === 9 ? "" : ` 2x3 needs six numbers, got ${counted(values.length)}.`;
      throw new Refused(`The rows have ${lines.map((line) => line.length).join(" and ")} numbers.${sum}`);
    }
    return { values, shape: [values.length] };
  }
  return { values, shape: [lines.length, lines[0].length] };
}
