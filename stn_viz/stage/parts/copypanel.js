/** Theta out as other programs write it, and in as somebody pastes it. */

import { FORMATS, written } from "../numbers/formats.js";
import { pasted } from "../numbers/pasted.js";
import { createCopyButton } from "./copying.js";
import { el, setText } from "./dom.js";

/** @param {object} actions  layMatrix(matrix), layTheta(family, points, theta) */
export function createCopyPanel(actions) {
  const options = () => FORMATS.map(({ name, label }) => el("option", { value: name, text: label }));
  const format = el("select", { "aria-label": "copy as" }, ...options());
  format.value = "torch";
  const out = el("textarea.code", { readonly: true, rows: 6, spellcheck: "false", wrap: "off", "aria-label": "theta to copy" });
  const copy = createCopyButton("Copy", { title: "to the clipboard", read: () => (out.hidden ? null : out.value), select: () => out.select() });
  const missing = el("p.note", { role: "status", hidden: true });
  const assumed = el("select", { "aria-label": "paste as" }, el("option", { value: "auto", text: "recognise" }), ...options());
  const box = el("textarea.code", { rows: 3, spellcheck: "false", "aria-label": "theta to paste", placeholder: "six numbers, a matrix, or code" });
  const apply = el("button.plain", { type: "button", text: "Apply", title: "θ as it is pasted (Ctrl Enter)" });
  const verdict = el("p.verdict", { role: "status" });
  let now = null;

  const run = () => {
    if (!now) return;
    const found = pasted(box.value, { assumed: assumed.value, frame: now.frame, P: now.shown.theta.length });
    verdict.classList.toggle("wrong", Boolean(found.problem));
    setText(verdict, found.problem ?? found.says);
    if (found.problem) return;
    if (found.matrix) actions.layMatrix(found.matrix);
    else actions.layTheta(found.family ?? now.shown.family, found.family ? found.points : now.shown.points, found.theta);
  };
  apply.addEventListener("click", run);
  box.addEventListener("input", () => setText(verdict, ""));
  for (const field of [out, box]) {
    field.addEventListener("keydown", (event) => {
      if (field === box && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        run();
      }
      if (event.key !== "Escape") event.stopPropagation(); // what is typed here is no shortcut of the stage
    });
  }
  for (const select of [format, assumed]) select.addEventListener("change", () => now && set(now));

  function set(context) {
    now = context;
    const { shown, frame, matrix, rule } = context;
    const { text, problem } = written(format.value, { family: shown.family, points: shown.points, theta: shown.theta, matrix, frame, rule });
    out.hidden = copy.disabled = Boolean(problem);
    missing.hidden = !problem;
    setText(missing, problem ?? "");
    if (text !== null && out.value !== text) {
      out.value = text;
      out.rows = Math.max(2, Math.min(8, text.split("\n").length));
    }
  }
  return {
    element: el("div.copypanel", {}, el("div.row", {}, el("span.label", { text: "copy as" }), el("span.fields", {}, format, copy)), out, missing,
      el("div.row", {}, el("span.label", { text: "paste as" }), el("span.fields", {}, assumed, apply)), box, verdict),
    set,
  };
}
