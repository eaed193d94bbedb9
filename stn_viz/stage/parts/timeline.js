/** Training's time: play, step, type a step, scrub, speed. */

import { axis, drawTimeline, logScale } from "../ink/chart.js";
import { el, setText, sized } from "./dom.js";

const PAD = 10;
const SPEEDS = [0.25, 0.5, 1, 2, 4];

/** "loss 0.053 · error 1.6 %": a dash where nothing was recorded at this step, nothing where it never was. */
function figures(trace, index, has) {
  const shown = (value, digits) => (Number.isFinite(value) ? value.toFixed(digits) : "–");
  return [has.loss && `loss ${shown(trace.loss[index], 3)}`, has.error && `error ${shown(100 * trace.error[index], 1)} %`].filter(Boolean).join(" · ");
}

/** @param {{seek: (index: number) => void, step: (by: number) => void, play: () => void, setSpeed: (speed: number) => void, reject}} actions */
export function createTimeline(actions) {
  const round = (text, title, click) => el("button.round", { type: "button", title, text, "aria-label": title, on: { click } });
  const back = round("‹", "one step back (←)", () => actions.step(-1));
  const on = round("›", "one step on (→)", () => actions.step(1));
  const play = round("▶", "play (Space)", actions.play);
  play.classList.add("play");
  const typed = el("input.step", { type: "text", inputmode: "numeric", "aria-label": "step", title: "type a step and press Enter" });
  const unit = el("span", { text: "step" });
  const last = el("span");
  const speed = el("select", { "aria-label": "speed", title: "speed of playing" }, ...SPEEDS.map((value) => el("option", { value, text: `${value}×` })));
  const canvas = el("canvas", { role: "slider", tabindex: 0, "aria-label": "training step" });
  const tip = el("div.tip", { hidden: true });
  const names = { loss: el("span.loss", { text: "loss" }), error: el("span.error", { text: "error" }) };
  const legend = el("div.legend", {}, names.loss, names.error);
  const newer = el("div.newer");
  const element = el("section.timeline", { "aria-label": "training" },
    el("div.transport", {},
      el("div.buttons", {}, back, play, on, speed),
      el("div.where", {}, unit, typed, last)),
    el("div.chart", {}, canvas, el("div.above", {}, newer, legend), tip));

  let trace = null;
  let scales = null;
  let curves = []; // {name, title, values, scale, colour: a word of the theme, dash}, beside loss and error
  let ticks = [];
  let hover = null;
  let now = ""; // the step, as the box shows it
  let has = { loss: true, error: true }; // what was ever recorded
  let word = "step"; // or "epoch"
  const call = (counter) => {
    word = counter;
    setText(unit, word);
    const label = (element, name, title) => {
      element.setAttribute("aria-label", name);
      element.title = title;
    };
    label(back, `one ${word} back (←)`, `one ${word} back (←)`);
    label(on, `one ${word} on (→)`, `one ${word} on (→)`);
    label(typed, word, word === "step" ? "type a step and press Enter" : `type an ${word} and press Enter`);
    canvas.setAttribute("aria-label", `training ${word}`);
  };
  let width = 0;
  let height = 0;
  let redraw = () => {};

  const indexAt = (event) => axis(trace.count, PAD, width - PAD).toIndex(event.clientX - canvas.getBoundingClientRect().left);
  let scrubbing = false;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    scrubbing = true;
    actions.seek(indexAt(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    hover = indexAt(event);
    if (scrubbing) actions.seek(hover);
    redraw();
  });
  const release = () => { scrubbing = false; };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => {
    hover = null;
    redraw();
  });
  canvas.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: -10, PageDown: 10 }[event.key]; // as in keys.js: a clicker's Page Down goes on
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (by) actions.step(by);
    else if (event.key === "Home") actions.seek(0);
    else if (event.key === "End") actions.seek(trace.count - 1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  const jump = () => {
    const wanted = Number(typed.value.replace(/[\s,.']/g, ""));
    if (typed.value.trim() === "" || !Number.isFinite(wanted)) {
      actions.reject(`“${typed.value}” is not ${word === "step" ? "a step" : `an ${word}`}. Type a number from 0 to ${trace.step[trace.count - 1].toLocaleString("en")}.`);
    } else {
      let best = 0;
      for (let i = 0; i < trace.count; i++) if (Math.abs(trace.step[i] - wanted) < Math.abs(trace.step[best] - wanted)) best = i;
      actions.seek(best);
    }
    typed.blur();
  };
  typed.addEventListener("keydown", (event) => {
    if (event.key === "Enter") jump();
    else if (event.key === "Escape") typed.blur();
    else return;
    event.stopPropagation();
  });
  typed.addEventListener("focus", () => typed.select());
  typed.addEventListener("blur", () => { typed.value = now; }); // what was typed and not sent is no step
  speed.addEventListener("change", () => actions.setSpeed(Number(speed.value)));

  let waiting = "";
  return {
    element,
    /**
     * Steps that a training has written since: they wait until somebody asks, and nothing moves.
     * @param {{count: number, load: () => void, of?: string}[]} arrived  of: which run's, where there are two
     */
    newer: (arrived) => {
      const lines = arrived.filter(({ count }) => count > 0);
      const texts = lines.map(({ count, of }) => `${of ? `${of}: ` : ""}${count.toLocaleString("en")} newer ${word}${count > 1 ? "s" : ""}`);
      if (texts.join() === waiting) return;
      waiting = texts.join();
      newer.replaceChildren(...lines.map(({ load }, i) => el("button.plain", { type: "button", text: texts[i], title: "the training goes on: show them; the step stays", on: { click: load } })));
    },
    /** @param {{name: string, title: string, values: ArrayLike<number>, colour: string, dash: number[], unit?: string}[]} [further]  curves beside loss and error; `colour` names one of the theme's */
    start: (traceNow, snapshots, counter = "step", further = []) => {
      trace = traceNow;
      curves = further.filter(({ values }) => values.some(Number.isFinite)).map((curve) => ({ ...curve, scale: logScale(curve.values) }));
      legend.replaceChildren(names.loss, names.error, ...curves.map(({ name, title }) => el(`span.${name}`, { text: title })));
      call(counter);
      has = { loss: trace.loss.some(Number.isFinite), error: trace.error.some(Number.isFinite) };
      for (const name of ["loss", "error"]) names[name].hidden = !has[name];
      element.classList.toggle("plain", !has.loss && !has.error);
      element.classList.toggle("single", trace.count < 2);
      hover = null;
      scales = { loss: logScale(trace.loss), error: logScale(trace.error) };
      const wanted = new Set(snapshots);
      ticks = Array.from(trace.step, (step, i) => (wanted.has(step) ? i : -1)).filter((i) => i >= 0);
      setText(last, `/ ${trace.step[trace.count - 1].toLocaleString("en")}`);
    },
    /** @param {{index: number, playing: boolean, speed: number, marks?: number[]}} state  marks: records pointed at from above */
    set: ({ index, playing, speed: speedNow, marks = [] }, theme) => {
      const box = canvas.parentElement.getBoundingClientRect();
      width = box.width;
      height = box.height;
      const paint = () => {
        drawTimeline(sized(canvas, width, height), theme, { steps: trace.step, loss: trace.loss, error: trace.error, scales, ticks, index, hover, marks, curves: curves.map((curve) => ({ ...curve, colour: theme[curve.colour] })) }, { width, height, pad: PAD, head: curves.some(({ name }) => name === "sharpness") ? 1.7 * theme.small : 8 }); // it ends high: not through the names
        tip.hidden = hover === null;
        if (hover === null) return;
        const left = axis(trace.count, PAD, width - PAD).toX(hover);
        const kept = ticks.includes(hover) ? " · weights kept" : "";
        const more = curves.map(({ title, values, unit = "" }) => Number.isFinite(values[hover]) && `${title} ${values[hover].toPrecision(3)}${unit}`);
        setText(tip, [`${word} ${trace.step[hover].toLocaleString("en")}`, figures(trace, hover, has), ...more].filter(Boolean).join(" · ") + kept);
        tip.style.transform = `translateX(${Math.max(0, Math.min(width - tip.offsetWidth, left - tip.offsetWidth / 2))}px)`;
      };
      redraw = paint;
      paint();
      const step = trace.step[index];
      now = step.toLocaleString("en");
      if (!typed.matches(":focus")) typed.value = now;
      setText(play, playing ? "❚❚" : "▶");
      play.setAttribute("aria-label", playing ? "pause (Space)" : "play (Space)");
      play.title = playing ? "pause (Space)" : "play (Space)";
      back.disabled = on.disabled = play.disabled = speed.disabled = trace.count < 2;
      if (Number(speed.value) !== speedNow) speed.value = String(speedNow);
      for (const [name, value] of [["aria-valuemin", 0], ["aria-valuemax", trace.count - 1], ["aria-valuenow", index], ["aria-valuetext", [`${word} ${step}`, figures(trace, index, has)].filter(Boolean).join(", ")]]) {
        canvas.setAttribute(name, String(value));
      }
    },
  };
}
