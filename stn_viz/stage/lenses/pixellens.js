/** One pixel of V: where it looks, which pixels of U it reads with which weights, and how it changes with its place and with theta. */

import { pointJacobian, sampleGradient } from "../numbers/gradient.js";
import { numeral, pixelWords } from "../numbers/pixelwords.js";
import { seen } from "../numbers/screen.js";
import { rangeOf, valuesOf } from "../numbers/values.js";
import { el, setText } from "../parts/dom.js";
import { entryNames } from "../parts/entries.js";

const CHANNELS = ["R", "G", "B"];
const MOST_ENTRIES = 8; // of theta that fit side by side: of more, those that V changes most with
const HINT = "Point at a pixel of V, or focus V and use the arrow keys. A click pins the pixel, Esc lets it go.";

export function createPixelLens() {
  const hint = el("p.hint", { text: HINT });
  const where = el("p.where");
  const weights = createWeights();
  const sum = el("p.sum");
  const slopes = createTable("slopes", "change of V with the sample point");
  const why = el("p.hint");
  const jacobian = createTable("jacobian", "change of the sample point and of V with theta");
  const jacobianTitle = el("h3");
  const ranges = createTable("ranges", "smallest and largest values");
  const beside = el("div.beside", {}, el("div", {}, el("h3", { text: "When the sample point moves (eqs. 6, 7)" }), el("div.across", {}, slopes.element)), el("div"));
  const alone = el("div", {}, ranges.element); // the ranges stand here while there is no pixel, and else beside its slopes
  const found = el("div", {}, where, el("div.across", {}, weights.element), sum, beside, why, jacobianTitle, el("div.across", {}, jacobian.element));

  return {
    name: "pixel",
    title: "Pixel",
    raw: true,
    element: el("div.pixellens", { role: "group", "aria-label": "one pixel of V", tabindex: 0 }, hint, found, alone),
    set: ({ U, V, marks, theta, family, basis, size, pixel }, { rule }) => {
      if (!marks) return; // no grid
      ranges.set([["", "min", "max"], ...[["U", valuesOf(U).range], ["V", rangeOf(V)]].map(([name, range]) => [name, ...range.map((value) => numeral(value, 3))])]);
      found.hidden = !pixel;
      hint.hidden = Boolean(pixel);
      const place = pixel ? beside.lastChild : alone;
      if (ranges.element.parentNode !== place) place.append(ranges.element);
      if (!pixel) return;
      const { place: which, grid, read } = pixelWords(pixel, U, rule.align_corners);
      setText(where, `V ${which} → ${grid} → ${read} of U`);
      weights.set(pixel.taps, U);
      setText(sum, sumWords(pixel, V, rule, size));
      const slope = sampleGradient(pixel.x, pixel.y, U, rule);
      slopes.set(slopeRows(slope, U.channels));
      setText(why, reason(slope, pixel.taps, rule, U));
      why.hidden = !why.textContent;
      jacobian.element.hidden = jacobianTitle.hidden = !theta; // a recorded grid has none
      if (!theta) return;
      const rows = jacobianRows(slope, pixel, { basis, family, theta, size });
      jacobian.set(rows.table);
      setText(jacobianTitle, rows.title);
    },
  };
}

/** The taps as they lie on U: a small matrix with weight and value, or that there is only padding. */
function createWeights() {
  const element = el("table.weights", { "aria-label": "weights and values of the pixels read" });
  let cells = [];
  let heads = null;
  let shape = "";
  const build = (side) => {
    heads = { across: Array.from({ length: side }, () => el("th", { scope: "col" })), down: Array.from({ length: side }, () => el("th", { scope: "row" })) };
    cells = Array.from({ length: side * side }, () => {
      const [weight, swatch, value] = [el("b"), el("i"), el("span")];
      return { weight, swatch, value, element: el("td", {}, weight, " ", swatch, value) };
    });
    element.replaceChildren(el("tr", {}, el("td.corner", { text: "row, column" }), ...heads.across),
      ...heads.down.map((head, row) => el("tr", {}, head, ...cells.slice(row * side, (row + 1) * side).map((cell) => cell.element))));
    element.classList.toggle("wide", side > 2);
  };
  return {
    element,
    set: (taps, U) => {
      const side = Math.round(Math.sqrt(taps.length));
      if (shape !== String(side)) build(side);
      shape = String(side);
      element.hidden = !side;
      const plane = U.height * U.width;
      taps.forEach(({ col, row, weight, inside }, i) => {
        const cell = cells[i];
        const values = Array.from({ length: U.channels }, (_, c) => U.data[c * plane + row * U.width + col]);
        setText(cell.weight, numeral(weight, side > 2 ? 3 : 4));
        setText(cell.value, inside ? values.map((value) => numeral(value, U.channels > 1 ? 2 : 3)).join(" ") : "padding, 0");
        cell.element.classList.toggle("padding", !inside);
        cell.swatch.hidden = !inside;
        if (inside) cell.swatch.style.background = `rgb(${seen(values, U.screen).map((value) => Math.round(255 * Math.max(0, Math.min(1, value)))).join(" ")})`;
        if (i < side) setText(heads.across[i], String(col));
        if (i % side === 0) setText(heads.down[i / side], String(row));
      });
    },
  };
}

/** "V = Σ weight × value = 0.7460; 0.2540 of the weight falls on padding". */
function sumWords({ values, taps, row, column }, V, rule, [, width]) {
  const names = values.length >= 3 ? CHANNELS : [""];
  const list = (each) => names.map((name, c) => `${name}${name && " "}${numeral(each[c], 4)}`).join(", ");
  const lost = taps.reduce((all, { weight, inside }) => all + (inside ? 0 : weight), 0);
  const parts = [`Σ weight × value = ${list(values)}`];
  if (taps.some(({ inside }) => !inside)) parts.push(`weight ${numeral(lost, 4)} falls on padding`);
  if (!taps.length) parts.push("the sample point is not finite: nothing is read");
  const k = rule.area ?? 1;
  if (k > 1 && V.width === width) {
    const at = row * width + column;
    parts.push(`V is the mean of ${k} × ${k} such samples: ${list(names.map((_, c) => V.data[c * V.height * V.width + at]))}`);
  }
  return parts.join("; ");
}

function slopeRows({ x, y, scale }, channels) {
  const names = channels >= 3 ? CHANNELS : [""];
  const head = ["a pixel", "normalised"].flatMap((unit) => names.map((name) => (name ? `${name}, ${unit}` : unit)));
  const row = (name, values, by) => [name, ...[1, by].flatMap((unit) => names.map((_, c) => numeral(values[c] * unit, 3)))];
  return [["", ...head], row("dV/dx", x, scale[0]), row("dV/dy", y, scale[1])];
}

/** Why V does not change here, where it does not. */
function reason({ x, y }, taps, { kernel, padding }, U) {
  if (kernel === "nearest") return "Nearest: V jumps from pixel to pixel and is constant between, so its gradient to the place, and to θ, is 0.";
  if ([...x, ...y].some((value) => value !== 0)) return "";
  if (!taps.some(({ inside }) => inside)) return "0: only padding is read here.";
  const plane = U.height * U.width;
  const first = taps.find(({ inside }) => inside);
  const alike = taps.every(({ inside, row, col }) => inside
    && Array.from({ length: U.channels }, (_, c) => c * plane).every((at) => U.data[at + row * U.width + col] === U.data[at + first.row * U.width + first.col]));
  if (alike) return "0: the pixels that are read are alike.";
  return padding === "border" ? "0: the place is held at the border." : "0 at this place.";
}

/** dx/dtheta, dy/dtheta, and dV/dtheta by the chain rule. */
function jacobianRows(slope, { x, y, w, row, column }, { basis, family, theta, size }) {
  const at = (row * size[1] + column) * basis.k;
  const J = pointJacobian(basis, basis.b.subarray(at, at + basis.k), x, y, w);
  const channels = slope.x.length;
  const mean = (values) => values.reduce((all, value) => all + value, 0) / channels;
  const [gx, gy] = [mean(slope.x) * slope.scale[0], mean(slope.y) * slope.scale[1]];
  const dV = Array.from(theta, (_, p) => gx * J.x[p] + gy * J.y[p]);
  const names = entryNames(family, theta.length);
  let shown = names.map((_, p) => p);
  const many = shown.length > MOST_ENTRIES;
  if (many) shown = shown.sort((a, b) => Math.abs(dV[b]) - Math.abs(dV[a]) || Math.hypot(J.x[b], J.y[b]) - Math.hypot(J.x[a], J.y[a])).slice(0, MOST_ENTRIES);
  const line = (name, values) => [name, ...shown.map((p) => numeral(values[p], shown.length > 6 ? 2 : 3))];
  const whose = channels > 1 ? ", mean of the channels" : "";
  return {
    title: `When θ moves: B's rows, and dV/dθ${many ? `, ${MOST_ENTRIES} of ${names.length}` : ""}${whose}`,
    table: [["", ...shown.map((p) => names[p])], line("dx/dθ", J.x), line("dy/dθ", J.y), line("dV/dθ", dV)],
  };
}

/** A table of texts; its first row and column are heads. Its cells are kept while its shape stays. */
function createTable(name, label) {
  const element = el(`table.${name}`, { "aria-label": label });
  let cells = [];
  let shape = "";
  return {
    element,
    /** @param {string[][]} rows */
    set: (rows) => {
      const key = `${rows.length} ${rows[0].length}`;
      if (key !== shape) {
        cells = rows.map((row, r) => row.map((_, c) => (r && c ? el("td") : r || c ? el("th", { scope: r ? "row" : "col" }) : el("td"))));
        element.replaceChildren(...cells.map((row) => el("tr", {}, ...row)));
      }
      shape = key;
      rows.forEach((row, r) => row.forEach((text, c) => setText(cells[r][c], text)));
    },
  };
}
