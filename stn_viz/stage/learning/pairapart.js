/** The difference of two grids: both frames on one U (A solid, B dashed), and short lines from A's points to B's. */

import { createBackdrop } from "../ink/backdrop.js";
import { traceLine } from "../ink/overlay.js";
import { createViewport } from "../ink/viewport.js";
import { el, setText, sized } from "../parts/dom.js";
import { buffers } from "../state/scene.js";
import { isFlat } from "../state/sites.js";
import { apart, latticeOf } from "./apart.js";

const EDGES = [["left", 0], ["right", (L) => L - 1], ["top", (L) => L], ["bottom", (L) => 2 * L - 1]];
const DASH = [7, 5];
const POINTS = 81; // of the hand's lattice

/** @returns {import("./apart.js").Laid | null} a side's grid as theta lays it, where it is one over an image */
export function laidOf({ state, shown }) {
  if (!shown.basis || !shown.theta || shown.depth) return null;
  return { basis: shown.basis, theta: shown.theta, align: state.rule.align_corners, U: shown.U };
}

/** @returns {string} why two sides have no difference of theta; "" where they have one */
export function whyNot(a, b) {
  const lacks = [["A", a], ["B", b]].filter(([, each]) => !each.state.site).map(([letter]) => letter);
  if (lacks.length === 2) return "Neither network has a transformer: there is no θ to compare.";
  if (lacks.length) return `${lacks[0]} has no transformer: there is no θ to compare.`;
  const other = [["A", a], ["B", b]].find(([, each]) => !laidOf(each));
  if (!other) return "";
  if (other[1].shown.waiting) return "";
  if (!isFlat(other[1].state.site)) return `${other[0]} samples a volume: there is no difference over one image.`;
  return `${other[0]}'s grid is of no family: there is no θ to compare.`;
}

const short = (value, unit) => (Number.isFinite(value) ? `${value.toFixed(value < 10 ? 2 : 1)} ${unit}` : "–");

export function createPairApart() {
  const canvas = el("canvas", { role: "img" });
    const says = el("span.aside.apart");
  const note = el("p.note");
  const pad = el("div.pad", {}, canvas);
  const without = el("p.without");
  const element = el("section.pairapart", { "aria-label": "difference of theta" },
    el("div.title", {}, el("h2", { text: "Difference of θ" }), says), pad, note, without);
  const backdrop = createBackdrop();
  const buffer = buffers();

  /** Both frames, the dashed one above; each piece over a dark seam, so that it is seen on white too. */
  const frames = (context, view, theme, lines, dashed) => {
    const { points, w, L, m } = lines;
    context.lineCap = dashed ? "butt" : "round";
    for (const [edge, line] of EDGES) {
      const at = typeof line === "function" ? line(L) : line;
      context.setLineDash(dashed ? DASH : []);
      context.strokeStyle = theme.edges[edge];
      context.lineWidth = dashed ? 2.5 : 3.5;
      context.beginPath();
      traceLine(context, view, points, w, at * m, m);
      context.stroke();
    }
    context.setLineDash([]);
  };
  const field = (context, view, theme, a, b) => {
    const piece = new Float32Array(4);
    const front = Float32Array.of(1, 1);
    const ways = (colour, width) => {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.beginPath();
      for (let i = 0; i < POINTS; i++) {
        if (!(a.latticeW[i] > 1e-6 && b.latticeW[i] > 1e-6)) continue;
        piece.set([a.lattice[2 * i], a.lattice[2 * i + 1], b.lattice[2 * i], b.lattice[2 * i + 1]]);
        traceLine(context, view, piece, front, 0, 2);
      }
      context.stroke();
    };
    context.lineCap = "round";
    ways(theme.ghostHalo, 3);
    ways(theme.ghost, 1.25);
    context.fillStyle = theme.ghost;
    for (let i = 0; i < POINTS; i++) {
      const [x, y] = [a.lattice[2 * i], a.lattice[2 * i + 1]];
      if (!(a.latticeW[i] > 1e-6) || !Number.isFinite(x + y) || Math.abs(x) > 9 || Math.abs(y) > 9) continue;
      const [left, top] = view.toScreen(x, y);
      context.fillRect(left - 1.25, top - 1.25, 2.5, 2.5);
    }
  };

  return {
    element,
    /**
     * @param {object} a  what pairside.js look() gave
     * @param {object} b
     * @param {number} half
     * @param {{same: boolean}} images
     */
    set: (a, b, half, images, theme) => {
      const reason = whyNot(a, b);
      setText(without, reason);
      without.hidden = !reason;
      const [first, second] = [laidOf(a), laidOf(b)];
      pad.hidden = !first || !second;
      if (pad.hidden) {
        setText(says, "");
        note.hidden = true;
        return;
      }
      const found = apart(first, second, buffer);
      setText(says, `RMS ${short(found.rms, found.unit)} · max ${short(found.largest, found.unit)}`);
      const side = pad.clientWidth;
      const view = createViewport(side, a.shown.U, half, a.state.rule.align_corners);
      const context = sized(canvas, side, side);
      backdrop.draw(context, view, theme, a.shown.U, a.state.rule);
      field(context, view, theme, a.shown, b.shown);
      frames(context, view, theme, a.shown.lines, false);
      frames(context, view, theme, b.shown.lines, true);
      canvas.setAttribute("aria-label", `both frames over A's U: RMS ${short(found.rms, found.unit)}, largest ${short(found.largest, found.unit)}`);
      const words = [
        found.unit === "%" && "the U differ in size: percent of its sides",
        !images.same && "two different pictures, over A's",
        latticeOf(first, second) === "frame" && "over 9 × 9 points of the frame",
        found.lost > 0 && (found.lost === found.n ? "no point of both grids is in front and finite" : `${found.lost} of ${found.n} points are behind a horizon or not a number, and do not count`),
      ].filter(Boolean).join("; ");
      setText(note, words && `${words[0].toUpperCase()}${words.slice(1)}.`);
      note.hidden = !words;
    },
  };
}
