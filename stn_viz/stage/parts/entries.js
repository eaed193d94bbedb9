/** Theta's entries: how they stand as a matrix, and what the field calls them. */

/** An index into theta, a fixed entry ("0", "1"), or the negative of entry 1 ("-1"). */
const LAYOUTS = {
  affine: [[0, 1, 2], [3, 4, 5]],
  attention: [[0, "0", 1], ["0", 0, 2]],
  similarity: [[0, "-1", 2], [1, 0, 3]],
  translation: [["1", "0", 0], ["0", "1", 1]],
  projective: [[0, 1, 2], [3, 4, 5], [6, 7, "1"]],
  affine3: [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]],
};
const NAMES = {
  affine: ["t11", "t12", "t13", "t21", "t22", "t23"],
  attention: ["s", "tx", "ty"],
  similarity: ["a", "b", "tx", "ty"],
  translation: ["tx", "ty"],
  projective: ["h11", "h12", "h13", "h21", "h22", "h23", "h31", "h32"],
  affine3: ["t11", "t12", "t13", "t14", "t21", "t22", "t23", "t24", "t31", "t32", "t33", "t34"],
};
const AXES = [["x", "W"], ["y", "H"], ["z", "D"]];

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

/** @returns {{label: string, title: string | null}[]} theta's entries as its sliders call them: over volumes by their axes */
export function sliderNames(family, P) {
  const names = entryNames(family, P);
  if (family !== "affine3") return names.map((label) => ({ label, title: null }));
  return names.map((name, i) => {
    const [[to, side], from] = [AXES[i >> 2], AXES[i % 4]];
    if (!from) return { label: `${to} shift`, title: `${name}: shift of ${to}_s, along ${side}` };
    return { label: `${to} from ${from[0]}`, title: `${name}: how far ${to}_s, along ${side}, goes with ${from[0]}_t, along ${from[1]}` };
  });
}
