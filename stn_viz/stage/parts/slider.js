/** One row: label, slider, number. The slider is a range input, so that screen readers and touch know it. */

import { el } from "./dom.js";
import { createNumber } from "./number.js";

const TRAVEL = 1000; // slider positions from end to end

/**
 * @param {{label: string, title?: string | null, low: number, high: number, step: number, log?: boolean, unit?: "deg", format: (value: number) => string}} scale
 *   log: positions are proportional to the logarithm (zoom, aspect), and the slider of a negative value (a mirrored grid) keeps
 *   its sign; a number typed changes it. Values beyond low..high stay possible by number or hand
 * @param {{begin, input, commit, cancel, reject}} hand  as in number.js
 */
export function createSlider(scale, hand) {
  const { label, title, low, high, step, log, unit, format } = scale;
  const bend = log ? Math.log : (v) => v;
  const unbend = log ? Math.exp : (v) => v;
  const toPosition = (value) => (TRAVEL * (bend(value) - bend(low))) / (bend(high) - bend(low));
  const toValue = (position) => unbend(bend(low) + (position / TRAVEL) * (bend(high) - bend(low)));
  let value = 0;
  let position = 0;
  let held = false;
  let dropped = false; // by Escape: the rest of that drag moves nothing
  const sign = () => (log && value < 0 ? -1 : 1);

  const range = el("input.range", { type: "range", min: 0, max: TRAVEL, step: "any", "aria-label": label });
  const number = createNumber({ label: `${label}, number`, step, unit, format, ...hand });
  const hold = () => {
    if (held) return;
    held = true;
    hand.begin();
  };
  range.addEventListener("pointerdown", () => { dropped = false; });
  range.addEventListener("input", () => {
    if (dropped) {
      range.value = String(position);
      return;
    }
    hold();
    hand.input(sign() * toValue(Number(range.value)), null);
  });
  range.addEventListener("change", () => {
    if (held) hand.commit();
    held = dropped = false;
  });
  range.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && held) {
      held = false;
      dropped = true;
      hand.cancel();
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    const by = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10 }[event.key];
    const end = { Home: low, End: high }[event.key];
    if (!by && end === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const amount = (by || 0) * step * (event.shiftKey ? 0.1 : 1);
    hand.begin();
    hand.input(end !== undefined ? sign() * end : log ? sign() * Math.abs(value) * Math.exp(amount) : value + amount, label);
    hand.commit();
  });

  return {
    element: el("div.slider", {}, el("span.label", { text: label, title }), range, number.element),
    set: (next) => {
      value = next;
      number.set(next);
      position = Math.max(0, Math.min(TRAVEL, toPosition(log ? Math.max(Math.abs(next), 1e-12) : next)));
      if (!held) range.value = String(position);
      range.style.setProperty("--at", `${position / (TRAVEL / 100)}%`);
      const text = format(next);
      if (range.getAttribute("aria-valuetext") !== text) range.setAttribute("aria-valuetext", text);
    },
  };
}

/** A closed choice as a row of buttons, one pressed: a radio group with arrow keys. */
export function createChoice(label, options, choose) {
  const buttons = options.map(({ value, text, title }) =>
    el("button", { type: "button", role: "radio", title, text, on: { click: () => choose(value) } }),
  );
  const group = el("div.choice", { role: "radiogroup", "aria-label": label }, ...buttons);
  group.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const at = buttons.findIndex((button) => button.matches(":focus"));
    const next = (at + by + buttons.length) % buttons.length;
    buttons[next].focus();
    choose(options[next].value);
  });
  return {
    element: group,
    set: (value) => {
      const at = Math.max(0, options.findIndex((option) => option.value === value));
      buttons.forEach((button, i) => {
        const on = options[i].value === value;
        button.setAttribute("aria-checked", String(on));
        button.tabIndex = i === at ? 0 : -1; // one stop of the Tab order; arrows go on from there
      });
    },
  };
}

/** A labelled row for a choice. */
export const row = (label, element) => el("div.row", {}, el("span.label", { text: label }), element);
