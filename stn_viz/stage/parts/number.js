/** A number that is dragged sideways, typed (double-click or Enter) or stepped by keys. */

import { evaluate } from "../numbers/arithmetic.js";
import { el, setText } from "./dom.js";

const PIXELS_A_STEP = 2;

/** +0.505, −12.30, +2e+6: a sign always, a true minus, digits that fit a cell. */
export function signed(value, digits = 3) {
  const size = Math.abs(value);
  const text = size >= 1e4 ? size.toExponential(0) : size >= 100 ? size.toFixed(0) : size >= 10 ? size.toFixed(Math.max(0, digits - 1)) : size.toFixed(digits);
  return (value < 0 && Number(text) !== 0 ? "−" : "+") + text;
}

/**
 * What somebody typed, or null.
 *
 * @param {string} text
 * @param {"deg" | null} [unit]  "deg": 30 and 30° are 30; null: 30° is its radians, as a sine's argument would be
 */
export const parseNumber = (text, unit = "deg") => evaluate(text, unit).value;

/** Why it is not one; what holds a sign, a bracket or a name was meant to be reckoned, and is told where it fails. */
function refusal(text, unit) {
  const { problem } = evaluate(text, unit);
  const reckoned = /.[-+*/^()−×·÷√π]|pi|deg|rad|sqrt|sin|cos|tan/.test(text);
  return reckoned ? `“${text}” is not a number: ${problem}. Type one such as 0.5, −1.2 or pi/6.` : `“${text}” is not a number. Type one such as 0.5 or −1.2.`;
}

/** Six digits that mean something, without an exponent: an ARIA value has none. */
const digits = (value) => {
  const text = String(Number(value.toPrecision(6)));
  return text.includes("e-") ? value.toFixed(12).replace(/\.?0+$/, "") : text;
};

/**
 * @param {{label: string, step: number, unit?: "deg" | null, format: (value: number) => string,
 *          begin: () => void, input: (value: number, tag: string) => void, commit: () => void, cancel: () => void,
 *          reject: (sentence: string) => void}} options
 *   step: what one key press changes; Shift a tenth of it, PageUp and PageDown ten times. unit: of what is typed, as parseNumber
 * @returns {{element: HTMLElement, set: (value: number) => void}}
 */
export function createNumber({ label, step, unit = null, format, begin, input, commit, cancel, reject }) {
  let value = 0;
  let grab = null;
  const face = el("span.number", {
    role: "spinbutton",
    tabindex: 0,
    "aria-label": label,
    title: `${label}: drag sideways, double-click to type`,
  });

  const change = (next, tag) => {
    begin();
    input(next, tag);
    commit();
  };
  const type = () => {
    const box = el("input.typing", { type: "text", inputmode: "text", "aria-label": label, value: String(Number(value.toPrecision(6))) });
    const shown = box.value;
    let done = false;
    const close = (keep) => {
      if (done) return;
      done = true;
      const typed = parseNumber(box.value, unit);
      const focused = box.matches(":focus");
      box.replaceWith(face);
      if (focused) face.focus({ preventScroll: true }); // else the focus is on its way to something else
      if (!keep || box.value === shown) return; // what stands there is rounded: left alone, it is no change
      if (typed === null) reject(refusal(box.value, unit));
      else change(typed, null);
    };
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter") close(true);
      else if (event.key === "Escape") close(false);
      else return;
      event.stopPropagation();
      event.preventDefault();
    });
    box.addEventListener("blur", () => close(true));
    face.replaceWith(box);
    box.select();
  };

  face.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    face.setPointerCapture(event.pointerId);
    grab = { x: event.clientX, from: value, moved: false };
  });
  face.addEventListener("pointermove", (event) => {
    if (!grab) return;
    const by = event.clientX - grab.x;
    if (!grab.moved && Math.abs(by) < 3) return;
    if (!grab.moved) begin();
    grab.moved = true;
    input(grab.from + (by / PIXELS_A_STEP) * step * (event.shiftKey ? 0.1 : 1), null);
  });
  const release = (event) => {
    if (grab?.moved) (event.type === "pointerup" ? commit : cancel)();
    grab = null;
  };
  face.addEventListener("pointerup", release);
  face.addEventListener("pointercancel", release);
  face.addEventListener("dblclick", type);
  face.addEventListener("keydown", (event) => {
    const by = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10 }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (by) change(value + by * step * (event.shiftKey ? 0.1 : 1), label);
    else if (event.key === "Enter" || event.key === "F2") type();
    else if (event.key === "Escape" && grab?.moved) {
      grab = null;
      cancel();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });

  return {
    element: face,
    set: (next) => {
      value = next;
      setText(face, format(next));
      const now = digits(next);
      if (face.getAttribute("aria-valuenow") !== now) face.setAttribute("aria-valuenow", now);
    },
  };
}
