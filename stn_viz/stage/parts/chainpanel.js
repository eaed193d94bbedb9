/** A chain: U is warped by theta 1, the result by theta 2; the one theta that does both, and the order made visible. */

import { createPicture } from "../ink/picture.js";
import { chained, planeInto } from "../numbers/planes.js";
import { sampleInto } from "../numbers/sampler.js";
import { el, setText } from "./dom.js";
import { signed } from "./number.js";

const LARGEST = 96; // longer side of the small pictures
const ALIKE = 1e-6; // of an entry: both orders are the same to the last printed digit, and more

/** @param {object} actions  gesture, handTheta, layMatrix(matrix), set */
export function createChainPanel(actions) {
  const says = el("p.chainsays", { role: "status" });
  const hold = el("button.plain", { type: "button", text: "Hold θ as θ₁", title: "θ₁ is kept, and θ₂ starts at the identity: turn it by hand" });
  const drop = el("button.plain", { type: "button", text: "Let go", title: "forget θ₁" });
  const apply = el("button.plain", { type: "button", text: "Apply θ₁·θ₂", title: "the one θ that does both" });
  const both = createOrder("θ₁·θ₂", "first θ₁, then θ₂");
  const swapped = createOrder("θ₂·θ₁", "first θ₂, then θ₁");
  const first = createSmall("θ₁, held");
  const second = createSmall("θ₂, by hand");
  const orders = el("div.orders", {}, first.element, second.element, both.element, swapped.element);
  let held = null; // 9 numbers
  let now = null;

  hold.addEventListener("click", () => {
    if (!now?.matrix) return;
    held = now.matrix;
    actions.gesture(() => actions.handTheta(Float64Array.from(now.shown.basis.identity)));
  });
  const letGo = () => {
    held = null;
    actions.set({});
  };
  drop.addEventListener("click", letGo);
  apply.addEventListener("click", () => {
    const product = held && now?.matrix && chained(held, now.matrix).both;
    if (!product) return;
    letGo();
    actions.layMatrix(product);
  });

  return {
    element: el("div.chain", {}, says, el("div.buttons", {}, hold, apply, drop), orders),
    set: (context) => {
      now = context;
      const { matrix, shown, frame, rule } = context;
      const open = Boolean(held && matrix);
      hold.disabled = !matrix;
      orders.hidden = apply.hidden = drop.hidden = !open;
      if (!matrix) return setText(says, `${shown.family === "tps" ? "A thin plate spline" : "A free form"} has no matrix to multiply. Choose affine or projective for a chain.`);
      if (!held) return setText(says, "U is warped by θ₁, and the result by θ₂. One θ does both: hold the first.");
      const found = chained(held, matrix);
      const apart = found.apart < ALIKE ? "Here both orders are the same." : `The other order differs by up to ${found.apart.toFixed(4)}.`;
      setText(says, `V's points go back through θ₂, then through θ₁: θ₁·θ₂. ${apart}`);
      apply.disabled = !found.both;
      first.set(held);
      second.set(matrix);
      both.set(found.both, shown, frame, rule);
      swapped.set(found.swapped, shown, frame, rule);
    },
  };
}

/** A matrix that is read, not written. */
function createSmall(title) {
  const body = el("pre.matrix2", { "aria-label": title });
  const element = el("div.small2", {}, el("h3", { text: title }), body);
  return {
    element,
    set: (matrix) => setText(body, matrix ? rows(matrix).map((row) => row.map((value) => signed(value, 4)).join(" ")).join("\n") : "none"),
  };
}

const rows = (matrix) => [0, 3, 6].slice(0, matrix[6] === 0 && matrix[7] === 0 ? 2 : 3).map((at) => matrix.slice(at, at + 3));

/** One order: its matrix and what it makes of U. */
function createOrder(title, order) {
  const small = createSmall(`${title}: ${order}`);
  const picture = createPicture();
  picture.canvas.setAttribute("role", "img");
  picture.canvas.setAttribute("aria-label", `U, ${order}`);
  let [grid, data] = [new Float32Array(0), new Float32Array(0)];
  small.element.append(picture.canvas);
  return {
    element: small.element,
    set: (matrix, { U }, { V, gridAlign }, rule) => {
      small.set(matrix);
      picture.canvas.hidden = !matrix;
      if (!matrix) return;
      const share = Math.min(1, LARGEST / Math.max(...V));
      const size = V.map((side) => Math.max(1, Math.round(share * side)));
      const n = size[0] * size[1];
      if (grid.length !== 2 * n) grid = new Float32Array(2 * n);
      if (data.length !== U.channels * n) data = new Float32Array(U.channels * n);
      sampleInto(data, U, planeInto(matrix, size, gridAlign, grid), n, rule);
      picture.paint({ data, channels: U.channels, height: size[0], width: size[1], screen: U.screen });
    },
  };
}
