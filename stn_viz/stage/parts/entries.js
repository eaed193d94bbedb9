/** Theta's entries: how they stand as a matrix, and what the field calls them. */

/** An index into theta, a fixed entry ("0", "1"), or the negative of entry 1 ("-1"). */
const LAYOUTS = {
  affine: [[0, 1, 2], [3, 4, 5]],
  attention: [[0, "0", 1], ["0", 0, 2]],
  similarity: [[0, "-1", 2], [1, 0, 3]],
  translation: [["1", "0", 0], ["0", "1", 1]],
  projective: [[0, 1, 2], [3, 4, 5], [6, 7, "1"]],
};
const NAMES = {
  affine: ["t11", "t12", "t13", "t21", "t22", "t23"],
  attention: ["s", "tx", "ty"],
  similarity: ["a", "b", "tx", "ty"],
  translation: ["tx", "ty"],
  projective: ["h11", "h12", "h13", "h21", "h22", "h23", "h31", "h32"],
};

/** @returns {(number | string)[][]} rows of the matrix as it is written */
export function layoutOf(family, P, points) {
  if (LAYOUTS[family]) return LAYOUTS[family];
  const across = points ? 2 * points : Math.min(P, 6);
  return Array.from({ length: Math.ceil(P / across) }, (_, r) => Array.from({ length: Math.min(across, P - r * across) }, (_, c) => r * across + c));
}

/** @returns {string[]} names of theta's entries as the field writes them */
export function entryNames(family, P) {
  if (NAMES[family]) return NAMES[family];
  const paired = family === "tps" || family === "free";
  return Array.from({ length: P }, (_, i) => (paired ? `${i % 2 ? "y" : "x"}${(i >> 1) + 1}` : `θ${i + 1}`));
}
