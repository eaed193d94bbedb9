/** Theta in other people's numbers: in pixels, as other programs write it, two of them in a chain. */

import { isAffine, isPlane, matrixOf, thetaOf, unit } from "../numbers/planes.js";
import { createChainPanel } from "../parts/chainpanel.js";
import { createCopyPanel } from "../parts/copypanel.js";
import { el } from "../parts/dom.js";
import { createPixelsPanel } from "../parts/pixelspanel.js";
import { createChoice } from "../parts/slider.js";
import { gridAlign } from "../state/scene.js";

const FOLLOWED = 1e-6; // of an entry
const LARGEST = 1e6; // of an entry of theta

/** @param {object} actions  begin, handTheta, commit, cancel, reject, gesture, set, say, chooseFamily(family, points, given) */
export function createNumbersLens(actions) {
  let now = null; // {shown, frame, matrix, rule} of the last frame
  let open = "pixels";

  /** A matrix as theta of the family that is shown if it can follow, else of the least that can. */
  const layMatrix = (matrix) => {
    const usual = unit(matrix);
    if (!usual || !usual.every((value) => Math.abs(value) <= LARGEST)) return actions.say("An entry of this theta is beyond a million, so it was left out.");
    const near = now.matrix && thetaOf(now.shown.basis, usual);
    if (near && near.off <= FOLLOWED * Math.max(1, ...usual.map(Math.abs))) return actions.gesture(() => actions.handTheta(near.theta));
    const family = isAffine(usual) ? "affine" : "projective";
    actions.say(`${now.shown.family} ${now.matrix ? "cannot follow this matrix" : "has no matrix"}: the family is now ${family}.`);
    actions.chooseFamily(family, null, (basis) => thetaOf(basis, usual).theta);
  };
  const layTheta = (family, points, theta) => actions.chooseFamily(family, points, () => theta);

  const hands = { ...actions, layMatrix, layTheta };
  const panels = { pixels: createPixelsPanel(hands), copy: createCopyPanel(hands), chain: createChainPanel(hands) };
  const which = createChoice("numbers", [
    { value: "pixels", text: "In pixels", title: "theta, shift and turn in pixels; the grid's corners" },
    { value: "copy", text: "Copy, paste", title: "as OpenCV, PIL, scikit-image, scipy, kornia, torch write it" },
    { value: "chain", text: "Chain", title: "one theta for two warps, one after the other" },
  ], (value) => {
    open = value;
    actions.set({});
  });

  return {
    name: "numbers",
    title: "Numbers",
    element: el("div.numberslens", {}, which.element, ...Object.values(panels).map(({ element }) => element)),
    set: (shown, state) => {
      if (!shown.theta) return;
      const { rule } = state;
      const frame = { U: [shown.U.height, shown.U.width], V: shown.size, align: rule.align_corners, gridAlign: gridAlign(rule) };
      now = { shown, frame, rule, matrix: isPlane(shown.basis) ? matrixOf(shown.basis, shown.theta) : null };
      which.set(open);
      for (const [name, panel] of Object.entries(panels)) panel.element.hidden = name !== open;
      panels[open].set(now);
    },
  };
}
