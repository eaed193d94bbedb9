/** Theta in pixels: its entries, shift and turn by pixels, what it does to squares, the grid's corners. */

import { asRotation, cornersOf, cornersText, indexOf, inPixels, movedBy, pixelAxes, shearWords, span, toPixels, turnedBy } from "../numbers/pixels.js";
import { thetaOf } from "../numbers/planes.js";
import { createCopyButton } from "./copying.js";
import { el, setText } from "./dom.js";
import { createNumber, signed } from "./number.js";

const CENTRE = 40; // of the 9 x 9 lattice
const FOLLOWED = 1e-6; // of an entry: a family that is off by less follows
/** +22.68, −0.33: two digits of a pixel, while they fit. */
const px = (value) => {
  if (value === null || !Number.isFinite(value)) return "–";
  const size = Math.abs(value).toFixed(2);
  return Math.abs(value) < 1e4 ? `${value < 0 && Number(size) ? "−" : "+"}${size}` : signed(value);
};

/** @param {object} actions  begin, handTheta, commit, cancel, reject, gesture, chooseFamily, layMatrix(matrix) */
export function createPixelsPanel(actions) {
  const [inU, inV] = ["U", "V"].map((name) => createTable(name));
  const shifts = [createShift("x", "column", 0), createShift("y", "row", 1)];
  const whole = el("button.plain", { type: "button", text: "Whole", "aria-label": "whole pixels", title: "shift to whole pixels of U", on: { click: () => actions.gesture(() => actions.handTheta(moved(now, shifts.map((_, axis) => Math.round(now.shift[axis]) - now.shift[axis])))) } });
  const rotation = createNumber({
    label: "rotation in pixels", step: 1, unit: "deg", format: (value) => `${px(value)}°`,
    begin: actions.begin, commit: actions.commit, cancel: actions.cancel, reject: actions.reject,
    input: (value, tag) => actions.handTheta(thetaOf(now.shown.basis, turnedBy(now.matrix, value - now.axes.turned, now.frame)).theta, tag),
  });
  const mend = el("button.plain", { type: "button", text: "Unshear", title: "the rotation in pixels that θ was meant to be: t12 · H/W, t21 · W/H", on: { click: () => now.mended && actions.layMatrix(now.mended) } });
  const toAffine = el("button.plain", { type: "button", text: "As affine", title: "the same grid as an affine θ, which can turn in pixels", on: { click: () => actions.chooseFamily("affine", null, (basis) => thetaOf(basis, now.matrix).theta) } });
  const turn = el("div.row.turn", {}, el("span.label", { text: "rotation" }), el("span.fields", {}, rotation.element, el("span.aside", { text: "in px" }), mend, toAffine));
  const shear = el("p.shear", { role: "status" });
  const quad = el("code.quad");
  const copy = createCopyButton("Copy JSON", { title: "the four corners in pixels of U, (column, row), clockwise from the top left", read: () => quad.textContent });
  const corners = el("div.row", {}, el("span.label", { text: "corners" }), el("span.fields", {}, quad, copy));
  let now = null; // {shown, frame, matrix, axes, shift, mended} of the last frame

  function createShift(name, axis, index) {
    const by = (amount) => actions.gesture(() => actions.handTheta(moved(now, [index ? 0 : amount, index ? amount : 0])));
    const number = createNumber({
      label: `shift ${name} in pixels of U`, step: 1, format: px,
      begin: actions.begin, commit: actions.commit, cancel: actions.cancel, reject: actions.reject,
      input: (value, tag) => actions.handTheta(moved(now, index ? [0, value - now.shift[1]] : [value - now.shift[0], 0]), tag),
    });
    const step = (text, amount) => el("button.step1", { type: "button", text, "aria-label": `${axis} ${amount < 0 ? "−1" : "+1"}`, title: `${amount < 0 ? "one pixel of U back" : "one pixel of U on"}`, on: { click: () => by(amount) } });
    return { number, element: el("span.shift", {}, el("span.aside", { text: name }), step("−", -1), number.element, step("+", 1)) };
  }

  return {
    element: el("div.pixels", {}, el("div.tables", {}, inU.element, inV.element),
      el("div.row", {}, el("span.label", { text: "shift" }), el("span.fields", {}, ...shifts.map(({ element }) => element), whole)), turn, shear, corners),
    /** @param {{shown: object, frame: object, matrix: number[] | null}} context */
    set: ({ shown, frame, matrix }) => {
      const axes = matrix && pixelAxes(toPixels(matrix, frame), frame.V);
      const [column, row] = indexOf([shown.lattice[2 * CENTRE], shown.lattice[2 * CENTRE + 1]], frame.U, frame.align);
      const shift = [column - (frame.U[1] - 1) / 2, row - (frame.U[0] - 1) / 2];
      now = { shown, frame, matrix, axes, shift, mended: null };
      const sides = [[inU, frame.U, frame.align], [inV, frame.V, frame.gridAlign]];
      for (const [table, size, align] of sides) {
        if (matrix) table.entries(inPixels(matrix, size, align), size);
        else table.points(shown.theta, size, align);
      }
      shifts.forEach(({ number }, axis) => number.set(Number.isFinite(shift[axis]) ? shift[axis] : 0));
      turn.hidden = shear.hidden = !matrix;
      if (matrix) {
        const follows = thetaOf(shown.basis, turnedBy(matrix, 10, frame)).off < FOLLOWED * Math.max(1, ...matrix.map(Math.abs));
        rotation.element.hidden = !follows;
        toAffine.hidden = follows;
        rotation.set(axes.turned);
        const { shears, words } = shearWords(axes);
        now.mended = shears ? asRotation(matrix, frame) : null;
        mend.hidden = !now.mended;
        setText(shear, words);
        shear.classList.toggle("warns", shears);
      }
      setText(quad, cornersText(cornersOf(shown.lattice, frame.U, frame.align)));
    },
  };
}

/** Theta moved by pixels of U, of any family. */
function moved({ shown, frame, matrix }, [right, down]) {
  if (matrix) return thetaOf(shown.basis, movedBy(matrix, [right, down], frame)).theta;
  const theta = Float64Array.from(shown.theta);
  const by = [right, down].map((pixels, axis) => (2 * pixels) / span(frame.U[1 - axis], frame.align));
  return theta.map((value, i) => value + by[i % 2]); // control points: x, y, x, y
}

/** Theta's entries as lengths, or its control points as places, in pixels of one picture. */
function createTable(name) {
  const caption = el("caption");
  const body = el("tbody");
  const head = el("thead");
  const element = el("div.scroll", { tabindex: -1 }, el("table.px", {}, caption, head, body));
  let shape = "";
  let cells = [];
  const build = (key, headings, rows) => {
    if (key === shape) return;
    shape = key;
    cells = [];
    head.replaceChildren(el("tr", {}, el("td"), ...headings.map(([text, title]) => el("th", { scope: "col", text, title }))));
    body.replaceChildren(...rows.map((title) => {
      const each = headings.map(() => el("td"));
      cells.push(...each);
      return el("tr", {}, el("th", { scope: "row", text: title }), ...each);
    }));
    const long = rows.length > 6;
    element.tabIndex = long ? 0 : -1; // what scrolls is reached by keys
    if (long) element.setAttribute("role", "region");
    else element.removeAttribute("role");
    if (long) element.setAttribute("aria-label", `control points in pixels of ${name}`);
    else element.removeAttribute("aria-label");
  };
  return {
    element,
    entries: (values, [H, W]) => {
      setText(caption, `θ in px of ${name} (H ${H} × W ${W})`);
      build("plane", [["across", "from V's left side to its right"], ["down", "from V's top to its bottom"], ["shift", "V's centre from U's"]], ["x", "y"]);
      cells.forEach((cell, i) => setText(cell, px(values[i])));
    },
    points: (theta, size, align) => {
      setText(caption, `points in px of ${name} (${size.join(" × ")})`);
      build(`points ${theta.length}`, [["x", "column"], ["y", "row"]], Array.from({ length: theta.length / 2 }, (_, i) => String(i + 1)));
      for (let i = 0; i < theta.length; i += 2) indexOf([theta[i], theta[i + 1]], size, align).forEach((value, d) => setText(cells[i + d], px(value)));
    },
  };
}
