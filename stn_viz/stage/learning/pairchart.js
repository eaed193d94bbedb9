/** A chart over the axis that two runs share: curves painted once, playheads in each frame; a click jumps. */

import { el, setText, sized } from "../parts/dom.js";
import { ticksOf } from "./lockaxis.js";

const PAD = 10;
const FOOT = 20; // px under the curves, for the axis
const BAND = 1.7; // lines above them, for the name

/**
 * A curve: `at` (places 0..1 on the axis) and `values` of its points, `scale` from a value to 0 (foot) .. 1 (top), `colour`, `dash`.
 * @typedef {{at: ArrayLike<number>, values: ArrayLike<number>, scale: (value: number) => number, colour: string, dash: number[], width?: number}} Curve
 */

/**
 * @param {string} name
 * @param {(place: number) => void} jump  to a place 0..1 of the axis
 */
export function createPairChart(name, jump) {
  const canvas = el("canvas", { role: "img", "aria-label": name });
  const tip = el("div.tip", { hidden: true });
  const legend = el("div.legend");
  const element = el("div.chart.pairchart", {}, canvas, legend, tip);
  const still = el("canvas"); // what does not move
  let painted = "";
  let hover = null;
  let again = () => {};
  const placeAt = (event) => {
    const box = canvas.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left - PAD) / Math.max(1, box.width - 2 * PAD)));
  };
  let dragging = false;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    dragging = true;
    jump(placeAt(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    hover = placeAt(event);
    if (dragging) jump(hover);
    again();
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { dragging = false; });
  canvas.addEventListener("pointerleave", () => {
    hover = null;
    again();
  });

  const paint = ({ axis, lock, curves, ends }, theme, width, height) => {
    const context = sized(still, width, height);
    const foot = height - FOOT;
    const head = BAND * theme.small;
    const x = (place) => PAD + place * (width - 2 * PAD);
    context.clearRect(0, 0, width, height);
    context.strokeStyle = theme.line;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(PAD, foot + 0.5);
    context.lineTo(width - PAD, foot + 0.5);
    context.stroke();
    context.lineJoin = "round";
    for (const { at, values, scale, colour, dash, width: thick = 2 } of curves) {
      context.strokeStyle = colour;
      context.lineWidth = thick;
      context.setLineDash(dash);
      context.beginPath();
      let drawing = false;
      for (let i = 0; i < values.length; i++) {
        if (!Number.isFinite(values[i])) {
          drawing = false;
          continue;
        }
        const [left, top] = [x(at[i]), foot - 3 - scale(values[i]) * (foot - head - 3)];
        if (drawing) context.lineTo(left, top);
        else context.moveTo(left, top);
        drawing = true;
      }
      context.stroke();
    }
    context.setLineDash([]);
    context.font = `${theme.small}px ${theme.font}`;
    context.textBaseline = "alphabetic";
    context.fillStyle = theme.muted;
    const ticks = ticksOf(axis, lock, (theme.small * 5) / width);
    ticks.forEach(({ place, text }, i) => {
      context.textAlign = i === 0 ? "left" : i === ticks.length - 1 ? "right" : "center";
      context.fillText(text, x(place), height - 5);
    });
    for (const { text, colour, top } of ends) {
      context.fillStyle = colour;
      context.textAlign = "left";
      context.fillText(text, PAD, top ? theme.small : foot - 5);
    }
  };

  return {
    element, legend,
    /**
     * @param {{axis: object, lock: string, curves: Curve[], ends: {text: string, colour: string, top: boolean}[], key: string, heads: {place: number, dash: number[]}[], tipAt: (place: number) => string, says: string}} chart
     *   key: changes when what does not move changes
     */
    set: (chart, theme) => {
      const { width, height } = element.getBoundingClientRect();
      if (!width || !height) return;
      const key = JSON.stringify([chart.key, width, height, theme.ink, theme.small, window.devicePixelRatio]);
      if (key !== painted) paint(chart, theme, width, height);
      painted = key;
      canvas.setAttribute("aria-label", `${name}: ${chart.says}`);
      const draw = () => {
        const context = sized(canvas, width, height);
        context.clearRect(0, 0, width, height);
        context.drawImage(still, 0, 0, width, height);
        const foot = height - FOOT;
        const marker = (place, colour, dash, radius) => {
          const left = PAD + place * (width - 2 * PAD);
          context.strokeStyle = context.fillStyle = colour;
          context.lineWidth = 1.5;
          context.setLineDash(dash);
          context.beginPath();
          context.moveTo(left, BAND * theme.small - 4);
          context.lineTo(left, foot);
          context.stroke();
          context.setLineDash([]);
          context.beginPath();
          context.arc(left, foot, radius, 0, 2 * Math.PI);
          context.fill();
        };
        if (hover !== null) marker(hover, theme.muted, [], 3);
        for (const { place, dash } of [...chart.heads].reverse()) marker(place, dash.length ? theme.muted : theme.ink, dash, dash.length ? 3.5 : 5.5);
        tip.hidden = hover === null;
        if (hover === null) return;
        setText(tip, chart.tipAt(hover));
        tip.style.transform = `translateX(${Math.max(0, Math.min(width - tip.offsetWidth, PAD + hover * (width - 2 * PAD) - tip.offsetWidth / 2))}px)`;
      };
      again = draw;
      draw();
    },
  };
}
