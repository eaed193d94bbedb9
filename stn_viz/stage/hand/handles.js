/** The frame's handles over U: four corners, the centre, the rotation; where they stand and which of them there are. */

import { el } from "../parts/dom.js";
import { canTurn } from "./holds.js";
import { CENTRE, CORNERS, MIDDLES, pointAt } from "./motions.js";

const NAMES = ["top left", "top right", "bottom right", "bottom left"];
const ARM = 0.085; // length of the rotation handle's arm, in sides of the canvas
const RIM = 12; // px between the canvas's rim and a handle that is kept on it
const ASIDE = 19; // px that corners stand off the frame, where a control point has their place
const BESIDE = [0, 26]; // px, the centre likewise: of an odd number of points one is in the middle
const FRONT = 1e-6; // least H_w of what is seen
const DOES = { attention: "scale", similarity: "turn and scale", translation: "move", projective: "goes where it is dragged" }; // a corner

/** Where the rotation handle stands on the screen: beyond the middle of the top edge, away from the centre. */
export function rotationHandle(view, points, arm) {
  const middle = view.toScreen(...pointAt(points, MIDDLES[0]));
  const centre = view.toScreen(...pointAt(points, CENTRE));
  const [x, y] = [middle[0] - centre[0], middle[1] - centre[1]];
  const length = Math.hypot(x, y);
  const [ux, uy] = length > 1 ? [x / length, y / length] : [0, -1];
  return { from: middle, at: [middle[0] + arm * ux, middle[1] + arm * uy] };
}

/** Is a point on the canvas? */
const within = ([x, y], side) => x >= 0 && y >= 0 && x <= side && y <= side;

export function createHandles() {
  const handle = (className, grab, label) => ({ grab, element: el(`div.handle.${className}`, { role: "button", tabindex: 0, "aria-label": label, title: label }) });
  const handles = [
    ...NAMES.map((name, corner) => handle("corner", { kind: "corner", corner }, `${name} corner: stretch and turn`)),
    handle("centre", { kind: "centre" }, "centre: move"),
    handle("rotation", { kind: "rotation" }, "rotation"),
  ];
  let quad = null;
  let named = "";

  const name = (family) => {
    if (family === named) return;
    named = family;
    NAMES.forEach((each, corner) => {
      const label = `${each} corner: ${DOES[family] ?? "stretch and turn"}`;
      handles[corner].element.setAttribute("aria-label", label);
      handles[corner].element.title = label;
    });
  };
  const show = (i, spot, on) => {
    const { element } = handles[i];
    element.hidden = !on;
    if (on) element.style.transform = `translate(${spot[0]}px, ${spot[1]}px)`;
  };

  return {
    list: handles,
    elements: handles.map(({ element }) => element),
    /** Projective: source points by which the corners can be grabbed, also those that the horizon hides; else null. */
    quad: () => quad,
    hide: () => handles.forEach(({ element }) => { element.hidden = true; }),
    /**
     * @param {object} view  ink/viewport.js
     * @param {object} shown  the scene
     * @param {number} points  control points a side that are shown too: the frame's handles leave them their places
     * @returns {{arm: {from: number[], at: number[]} | null, centre: number[]}} the rotation's arm where there is one, px
     */
    place: (view, { family, lattice, latticeW, whole }, points) => {
      const { side } = view;
      name(family);
      const folded = !whole && family === "projective"; // the horizon crosses the frame
      const centre = view.toScreen(...pointAt(lattice, CENTRE));
      quad = family === "projective" ? [] : null;
      CORNERS.forEach((index, corner) => {
        let spot = view.toScreen(...pointAt(lattice, index));
        const hidden = folded && !(latticeW[index] > FRONT && within(spot, side));
        if (hidden) spot = onRim(centre, away(view, lattice, latticeW, index), side);
        quad?.push(hidden ? view.toImage(...spot) : pointAt(lattice, index));
        handles[corner].element.classList.toggle("beyond", hidden);
        if (points) spot = stoodOff(spot, centre);
        show(corner, spot, (whole || folded) && within(spot, side));
      });
      if (!folded) quad = null;
      const beside = points % 2 ? [centre[0] + BESIDE[0], centre[1] + BESIDE[1]] : centre;
      show(4, beside, (whole || folded) && within(beside, side));
      const turns = canTurn(family) && whole;
      const arm = turns ? rotationHandle(view, lattice, ARM * side) : null;
      if (arm && within(arm.from, side)) arm.at = arm.at.map((at) => Math.max(RIM, Math.min(side - RIM, at))); // an arm that is cut off leads to no handle
      show(5, arm?.at, Boolean(arm) && within(arm.at, side));
      return { arm, centre: beside };
    },
  };
}

/** Away from the centre, so that a control point on the corner can be grabbed. */
function stoodOff([x, y], [cx, cy]) {
  const length = Math.hypot(x - cx, y - cy) || 1;
  return [x + (ASIDE * (x - cx)) / length, y + (ASIDE * (y - cy)) / length];
}

/** Which way a corner beyond the horizon lies on the screen: where the line from the centre to it meets the horizon. */
function away(view, lattice, w, index) {
  const [cx, cy] = pointAt(lattice, CENTRE);
  const [x, y] = pointAt(lattice, index);
  const far = w[index];
  if (far > FRONT) return direction(view, x - cx, y - cy);
  const share = 1 / (1 - far); // H_w along it: 1 at the centre, 0 on the horizon
  const at = (c, p) => (Number.isFinite(p) ? (1 - share) * c + share * p * far : Math.sign(p) || 0);
  return direction(view, at(cx, x), at(cy, y));
}

function direction(view, x, y) {
  const [dx, dy] = [x * view.metric[0], y * view.metric[1]];
  const length = Math.hypot(dx, dy);
  return length > 1e-12 ? [dx / length, dy / length] : [0, -1];
}

/** Where the ray from a point leaves the canvas, a little inside. */
function onRim([x, y], [dx, dy], side) {
  const from = [x, y].map((value) => Math.max(RIM, Math.min(side - RIM, value)));
  const reach = [dx, dy].map((d, i) => (Math.abs(d) < 1e-9 ? Infinity : ((d > 0 ? side - RIM : RIM) - from[i]) / d));
  const t = Math.min(...reach);
  return [from[0] + t * dx, from[1] + t * dy];
}
