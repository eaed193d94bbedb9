/** Which way round: theta and its inverse side by side, what the content does in words, the switch between both views, rulers. */

import { gridAlign } from "../state/scene.js";
import { contentWords, directionOf } from "../numbers/direction.js";
import { numeral } from "../numbers/pixelwords.js";
import { el, setText } from "../parts/dom.js";
import { createChoice } from "../parts/slider.js";

/** @param {object} actions  turnWay(to), holdWay(way), set(change), chooseBox(on) */
/** Would three digits show nothing of it, though it is more than rounding? */
const small = (value) => Math.abs(value) >= 1e-7 && Math.abs(value) < 5e-4;

export function createDirectionLens(actions) {
  const range = el("input.range", { type: "range", min: 0, max: 1, step: 0.01, "aria-label": "way: the grid moves, the image moves" });
  range.addEventListener("input", () => actions.holdWay(Number(range.value)));
  range.addEventListener("keydown", (event) => {
    if (event.key.startsWith("Arrow") || ["Home", "End", "PageUp", "PageDown"].includes(event.key)) event.stopPropagation(); // the timeline's keys
  });
  const ends = [["grid moves", "the grid moves over a still U (W)", 0], ["image moves", "the image moves under a still V (W)", 1]].map(([text, title, to]) =>
    el("button.plain", { type: "button", text, title, on: { click: () => actions.turnWay(to) } }));
  const morph = el("div.morph", { role: "group", "aria-label": "which way round" }, ends[0], range, ends[1]);

  const forward = matrix("θ", "where V’s pixels look in U", "target → source");
  const back = matrix("inverse", "where U’s content goes in V", "source → target");
  const words = el("p.content");
  const none = el("p.note", { hidden: true });

  const ruler = createChoice("ruler", [
    { value: "off", text: "off" },
    { value: "on", text: "on", title: "index and normalised value at U’s and V’s sides" },
    { value: "both", text: "both conventions", title: "−1 and 1 under align_corners off and on" },
  ], (value) => actions.set({ ruler: value }));
  const box = el("button.plain", { type: "button", text: "Box", title: "drag a box on U: it becomes the frame (Alt drag)", "aria-pressed": "false", on: { click: () => actions.chooseBox() } });
  const rows = el("div.foot", {}, el("span.label", { text: "ruler" }), ruler.element, box);
  const element = el("div.direction", {}, morph, words, el("div.matrices", {}, forward.element, back.element), none, rows);

  let said = "";
  return {
    name: "direction",
    title: "Direction",
    element,
    set: (shown, state) => {
      range.value = String(state.way);
      const percent = Math.round(100 * state.way);
      const text = percent === 0 ? "the grid moves" : percent === 100 ? "the image moves" : `${percent} % of the way`;
      if (range.getAttribute("aria-valuetext") !== text) range.setAttribute("aria-valuetext", text);
      ends.forEach((end, i) => end.setAttribute("aria-pressed", String(state.way === i)));
      ruler.set(state.ruler ?? "off");
      box.setAttribute("aria-pressed", String(Boolean(state.boxing)));
      if (!shown.theta) return;
      const direction = directionOf(shown.basis, shown.theta);
      const { rule } = state;
      const sentences = contentWords(direction, { U: [shown.U.height, shown.U.width], V: shown.size, align: rule.align_corners, gridAlign: gridAlign(rule) });
      setText(words, sentences.join(" "));
      forward.set(direction.theta, direction.local ? "θ near the centre" : "θ");
      back.set(direction.inverse, direction.local ? "inverse near the centre" : "inverse");
      const note = direction.local ? `${shown.family === "tps" ? "A thin plate spline" : "A free form"} has no inverse in its family: these are first orders at V’s centre.` : "";
      if (note !== said) {
        setText(none, note);
        none.hidden = !note;
        said = note;
      }
    },
  };
}

/** A 3 x 3 that is read, not written. */
function matrix(name, says, arrow) {
  const heading = el("h3", { text: name });
  const cells = Array.from({ length: 9 }, () => el("span"));
  const body = el("div.grid3", { role: "img" }, ...cells);
  const empty = el("p.none", { hidden: true, text: "none: the grid has no area" });
  const element = el("div.one", {}, heading, body, empty, el("p.says", { text: says }), el("p.arrow", { text: arrow }));
  return {
    element,
    /** @param {number[] | null} values  9, row by row */
    set: (values, title) => {
      setText(heading, title);
      body.hidden = !values;
      empty.hidden = Boolean(values);
      if (!values) return;
      const flat = values[6] === 0 && values[7] === 0;
      const texts = values.map((value, i) => (i === 8 || (flat && i > 5) ? String(Math.round(value)) : small(value) ? value.toExponential(1).replaceAll("-", "−") : numeral(value, 3)));
      texts.forEach((text, i) => setText(cells[i], text));
      cells.forEach((cell, i) => cell.classList.toggle("fixed", flat ? i > 5 : i === 8));
      const label = `${title}: ${texts.slice(0, 3).join(" ")}; ${texts.slice(3, 6).join(" ")}; ${texts.slice(6).join(" ")}`;
      if (body.getAttribute("aria-label") !== label) body.setAttribute("aria-label", label);
    },
  };
}
