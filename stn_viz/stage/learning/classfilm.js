/** The film of one class: its mean at every snapshot from left to right, under the curve of sharpness. */

import { el, setText, sized } from "../parts/dom.js";

const CHART = 76; // px
const LEAST = 46; // px a frame: narrower ones are scrolled
const MOST = 92;

/** @param {(step: number) => void} seek */
export function createClassFilm(seek) {
  const chart = el("canvas.curve", { role: "img" });
  const row = el("div.frames", { role: "group" });
  const inner = el("div.inner", {}, chart, row);
  const scroll = el("div.scroll", {}, inner);
  const title = el("b");
  const images = el("span");
  const element = el("div.film", {}, el("div.name", {}, title, images), scroll);
  let frames = []; // {step, button, canvas, drawn}
  let stops = "";
  let seen = null;

  const build = (steps) => {
    frames = steps.map((step) => {
      const canvas = el("canvas");
      const label = el("span", { text: short(step) });
      const button = el("button.still", { type: "button", on: { click: () => seek(step) } }, canvas, label);
      return { step, button, canvas, drawn: "" };
    });
    row.replaceChildren(...frames.map(({ button }) => button));
  };
  row.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = frames.findIndex(({ button }) => button.matches(":focus"));
    if (!by || at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const next = frames[Math.max(0, Math.min(frames.length - 1, at + by))];
    next.button.focus();
    seek(next.step);
  });

  return {
    element,
    /**
     * @param {object} of
     * @param {number[]} of.steps
     * @param {number | null} of.now  the step that is shown above
     * @param {string} of.name  of the class
     * @param {number} of.count  images of it
     * @param {string} of.counter  step or epoch
     * @param {(step: number) => string} of.keyOf  changes when the picture of a step does; "" while there is none
     * @param {(canvas: HTMLCanvasElement, step: number) => void} of.paint
     * @param {number} of.aspect  width by height
     * @param {(number | null)[]} of.sharpness  at each step
     * @param {{at: number[], values: number[]} | null} of.curve  over all records, `at` in frames: 1.5 is between the second and third
     * @param {{raw: number | null, pose: number | null}} of.levels
     */
    set: (of, theme) => {
      const key = of.steps.join();
      if (key !== stops) build(of.steps);
      stops = key;
      setText(title, of.name);
      setText(images, `${of.count.toLocaleString("en")} images`);
      const room = scroll.clientWidth;
      const wide = Math.max(LEAST, Math.min(MOST, Math.floor(room / of.steps.length)));
      inner.style.width = `${wide * of.steps.length}px`;
      row.style.setProperty("--wide", `${wide}px`);
      row.style.setProperty("--aspect", String(of.aspect));
      row.setAttribute("aria-label", `${of.name} over training`);
      for (const frame of frames) {
        const picture = of.keyOf(frame.step);
        if (picture && picture !== frame.drawn) {
          of.paint(frame.canvas, frame.step);
          frame.drawn = picture;
        }
        frame.button.classList.toggle("coming", !picture);
        const current = frame.step === of.now;
        frame.button.tabIndex = current || (of.now === null && frame === frames[0]) ? 0 : -1;
        frame.button.setAttribute("aria-current", current ? "step" : "false");
        frame.button.setAttribute("aria-label", `${of.counter} ${frame.step.toLocaleString("en")}${picture ? "" : ", on its way"}`);
        if (current && seen !== frame.step) {
          seen = frame.step;
          const [left, right] = [frame.button.offsetLeft, frame.button.offsetLeft + wide];
          if (left < scroll.scrollLeft || right > scroll.scrollLeft + room) scroll.scrollLeft = left - room / 2 + wide / 2;
        }
      }
      if (!frames.some(({ button }) => button.tabIndex === 0) && frames.length) frames[0].button.tabIndex = 0;
      drawCurve(chart, theme, of, wide);
    },
  };
}

/** "833", "16.8k": what has room under a frame. */
const short = (step) => (step < 10000 ? step.toLocaleString("en") : `${(step / 1000).toFixed(step < 100000 ? 1 : 0)}k`);

function drawCurve(canvas, theme, { steps, now, sharpness, curve, levels, counter }, wide) {
  const width = wide * steps.length;
  const context = sized(canvas, width, CHART);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${CHART}px`;
  context.clearRect(0, 0, width, CHART);
  const known = [...sharpness, levels.raw, levels.pose].filter((value) => value !== null);
  const last = [...sharpness].reverse().find((value) => value !== null);
  canvas.setAttribute("aria-label", `sharpness at ${known.length ? sharpness.filter((value) => value !== null).length : 0} of ${steps.length} ${counter}s${last === undefined ? "" : `, ${last.toFixed(2)} at the newest`}`);
  const top = 1.35 * Math.max(0.1, ...known, ...(curve ? curve.values.filter(Number.isFinite) : []));
  const toY = (value) => CHART - 5 - (value / top) * (CHART - 10);
  const toX = (place) => (place + 0.5) * wide;
  const stroke = (colour, lineWidth, dash) => {
    context.strokeStyle = colour;
    context.lineWidth = lineWidth;
    context.setLineDash(dash);
    context.beginPath();
  };
  for (const value of [levels.raw, levels.pose]) {
    if (value === null) continue;
    stroke(theme.line, 1.5, [2, 4]);
    context.moveTo(0, toY(value));
    context.lineTo(width, toY(value));
    context.stroke();
  }
  const line = (places, values, gaps) => {
    let drawing = false;
    places.forEach((place, i) => {
      const value = values[i];
      if (value === null || !Number.isFinite(value)) {
        drawing = drawing && !gaps;
        return;
      }
      if (drawing) context.lineTo(toX(place), toY(value));
      else context.moveTo(toX(place), toY(value));
      drawing = true;
    });
    context.stroke();
  };
  if (curve) {
    stroke(theme.line, 1, []);
    line(curve.at, curve.values, true);
  }
  stroke(theme.ink, 2, []);
  line(steps.map((_, i) => i), sharpness, true);
  context.setLineDash([]);
  sharpness.forEach((value, i) => {
    if (value === null) return;
    const current = steps[i] === now;
    context.beginPath();
    context.arc(toX(i), toY(value), current ? 5.5 : 3, 0, 2 * Math.PI);
    context.fillStyle = current ? theme.tap : theme.ink;
    context.fill();
    if (!current) return;
    context.strokeStyle = theme.ink;
    context.lineWidth = 1.5;
    context.stroke();
  });
  context.fillStyle = theme.muted;
  context.font = `${theme.small}px ${theme.font}`;
  context.textAlign = "left";
  context.textBaseline = "bottom";
  if (levels.raw !== null) context.fillText("before", 2, toY(levels.raw) - 2);
  if (levels.pose !== null) context.fillText("true pose", 2, toY(levels.pose) - 2);
}
