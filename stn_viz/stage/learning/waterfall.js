/** One entry of theta as a sum: the bias, what each hidden unit pulls, one below the other, up to the entry's value. */

import { el, setText } from "../parts/dom.js";
import { signed } from "../parts/number.js";

export const TOP = 8;

/**
 * The sum in the order of its size: the bias, the `top` units that pull most, all others together.
 *
 * @param {{weight: {data: Float32Array, shape: number[]}, hidden: {data: Float32Array}, bias: {data: Float32Array}}} tensors
 * @param {number} entry  row of the weights
 * @returns {{unit: number | null, name: "bias" | "unit" | "others", pull: number, from: number, to: number, count?: number}[]}
 */
export function pullsOf({ weight, hidden, bias }, entry, top = TOP) {
  const m = weight.shape[1];
  const pulls = Array.from({ length: m }, (_, unit) => ({ unit, name: "unit", pull: weight.data[entry * m + unit] * hidden.data[unit] }));
  pulls.sort((a, b) => Math.abs(b.pull) - Math.abs(a.pull) || a.unit - b.unit);
  const first = pulls.slice(0, top).filter(({ pull }) => pull !== 0);
  const rest = pulls.slice(first.length);
  const rows = [{ unit: null, name: "bias", pull: bias.data[entry] }, ...first];
  if (rest.length) rows.push({ unit: null, name: "others", count: rest.length, pull: rest.reduce((sum, { pull }) => sum + pull, 0) });
  let at = 0;
  return rows.map((row) => {
    const from = at;
    at += row.pull;
    return { ...row, from, to: at };
  });
}

/** Ends of the axis: the running sum from the bias on, and 0 too where it is not far off. */
export function spanOf(rows) {
  const sums = rows.map(({ to }) => to);
  let [low, high] = [Math.min(...sums), Math.max(...sums)];
  const spread = Math.max(high - low, 1e-6, 1e-3 * Math.max(Math.abs(low), Math.abs(high)));
  if (Math.max(high, 0) - Math.min(low, 0) <= 3 * spread) [low, high] = [Math.min(low, 0), Math.max(high, 0)];
  const room = 0.06 * Math.max(high - low, spread);
  return [low - room, high + room];
}

function labelOf({ name, unit, count }, entry, noun, all) {
  if (name === "unit") return `${noun} ${unit}`;
  if (name === "others" && all) return `all ${count.toLocaleString("en")} ${noun}s`;
  if (name === "others") return count === 1 ? `the other ${noun}` : `the other ${count.toLocaleString("en")}`;
  return name === "bias" ? "bias" : entry;
}

/** Digits behind the point with which the parts of a span can be told apart. */
const digitsOf = (span) => Math.max(3, Math.min(6, Math.ceil(-Math.log10(span)) + 2));

/** @param {{choose: (entry: number) => void, point: (unit: number | null) => void, pin: (unit: number) => void}} actions */
export function createWaterfall(actions) {
  const entries = el("div.entries", { role: "radiogroup", "aria-label": "entry of theta" });
  const list = el("div.rows", { role: "list", tabindex: 0, "aria-label": "what pulls this entry: up and down go from unit to unit" });
  const ends = [el("span"), el("span")];
  const axis = el("div.axis", { "aria-hidden": "true" }, ...ends);
  const detail = el("p.detail", { role: "status" });
  const note = el("p.note");
  const element = el("section.waterfall", { "aria-label": "the last sum" }, entries, el("div.sums", {}, list, axis), detail, note);
  let chips = [];
  let names = "";
  let chosen = 0;
  let lines = [];
  let units = []; // of the rows that stand now

  entries.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const end = { Home: 0, End: chips.length - 1 }[event.key];
    if ((!by && end === undefined) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const next = end ?? (chosen + by + chips.length) % chips.length;
    actions.choose(next);
    chips[next].chip.focus();
  });
  let pointed = null;
  list.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by || !units.length || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const at = units.indexOf(pointed);
    actions.pin(units[at < 0 ? (by > 0 ? 0 : units.length - 1) : Math.max(0, Math.min(units.length - 1, at + by))]);
  });
  list.addEventListener("pointerleave", () => actions.point(null));

  const start = (all) => {
    names = all.join("\n");
    chips = all.map((name, i) => {
      const value = el("span.value");
      const chip = el("button", { type: "button", role: "radio", on: { click: () => actions.choose(i) } }, el("span", { text: name }), value);
      return { chip, value, name };
    });
    entries.style.setProperty("--across", String(all.length === 6 ? 3 : Math.min(4, all.length)));
    entries.classList.toggle("many", all.length > 6);
    entries.replaceChildren(...chips.map(({ chip }) => chip));
  };
  const line = (i) => {
    while (lines.length <= i) {
      const made = { label: el("span.label"), bar: el("i"), value: el("span.value"), zero: el("u"), unit: null };
      made.row = el("div.row2", { role: "listitem" }, made.label, el("div.pull", {}, made.zero, made.bar), made.value);
      made.row.addEventListener("pointerenter", () => actions.point(made.unit));
      made.row.addEventListener("click", () => { if (made.unit !== null) actions.pin(made.unit); });
      lines.push(made);
    }
    return lines[i];
  };

  return {
    element,
    /** @param {{tensors: object, sum: {names: string[], direct: boolean, after: string[]}}} answer  @param {number} entry  @param {number | null} unit */
    set: ({ tensors, sum }, entry, unit) => {
      if (sum.names.join("\n") !== names) start(sum.names);
      chosen = entry;
      pointed = unit;
      chips.forEach(({ chip, value, name }, i) => {
        const number = signed(tensors.theta.data[i]);
        setText(value, number);
        chip.setAttribute("aria-checked", String(i === entry));
        chip.setAttribute("aria-label", `${name}: ${number}`);
        chip.tabIndex = i === entry ? 0 : -1;
      });
      const rows = pullsOf(tensors, entry);
      const total = tensors.theta.data[entry];
      const [low, high] = spanOf(rows);
      const digits = rows.some(({ name, pull }) => name !== "bias" && pull !== 0) ? digitsOf(high - low) : 3;
      const noun = sum.hidden_layer === null ? "input" : "unit";
      const place = (value) => (100 * (value - low)) / (high - low);
      units = rows.filter((row) => row.name === "unit").map((row) => row.unit);
      const all = [...rows, { unit: null, name: "total", pull: total, from: total, to: total }];
      all.forEach((each, i) => {
        const made = line(i);
        made.unit = each.unit;
        setText(made.label, labelOf(each, sum.names[entry], noun, rows.length === 2));
        setText(made.value, `${each.name === "total" ? "= " : ""}${signed(each.pull, digits)}`);
        // The bias is where the sum starts: a bar from 0 would often be longer than the whole rest.
        const [from, to] = each.name === "bias" && (low > 0 || high < 0) ? [each.to, each.to] : [each.from, each.to];
        made.bar.style.left = `${place(Math.min(from, to))}%`;
        made.bar.style.width = `${Math.abs(place(to) - place(from))}%`;
        made.zero.hidden = low > 0 || high < 0;
        made.zero.style.left = `${place(0)}%`;
        made.row.className = `row2 ${each.name}${each.pull < 0 ? " down" : ""}${each.unit !== null && each.unit === unit ? " pointed" : ""}`;
      });
      if (list.children.length !== all.length) list.replaceChildren(...lines.slice(0, all.length).map(({ row }) => row));
      setText(ends[0], signed(low, digits - 1));
      setText(ends[1], signed(high, digits - 1));
      const m = tensors.weight.shape[1];
      const on = tensors.hidden.data.reduce((count, h) => count + (h !== 0), 0);
      const h = unit === null ? 0 : tensors.hidden.data[unit];
      const w = unit === null ? 0 : tensors.weight.data[entry * m + unit];
      setText(detail, unit === null
        ? `${on.toLocaleString("en")} of ${m.toLocaleString("en")} ${sum.hidden_layer === null ? "inputs" : "hidden units"} are not 0 for this image.`
        : `${noun} ${unit}: ${signed(h, digits).replace("+", "")} × weight ${signed(w, digits)} pulls ${sum.names[entry]} by ${signed(h * w, digits)}`);
      setText(note, sum.direct ? "" : `These are the outputs of ${sum.layers.join(" and ")}; theta is made of them further on${sum.after.length ? ` (${sum.after.slice(0, 3).join(", ")})` : ""}.`);
      note.hidden = sum.direct;
    },
  };
}
