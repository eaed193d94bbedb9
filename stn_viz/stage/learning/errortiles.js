/** The images that a network reads wrongly: U with the grid that theta made, V, what was said, and what could save them. */

import { createPicture } from "../ink/picture.js";
import { el, setText, sized } from "../parts/dom.js";
import { inWords } from "./confusion.js";
import { stateAt } from "./sides.js";
import { createTiles, placed } from "./tile.js";

const SIDE = 88; // px of U and of V
const MARGIN = 8; // px around U, in which a grid that goes beyond it is still seen
const GAP = 3;
const MANY = 60; // tiles at first
const DASH = [4, 3];

/** @param {{open: (place: number) => void, again: () => void}} actions  open: the place among the images shown */
export function createErrorTiles({ open, again }) {
  const tiles = createTiles();
  const painter = createPicture();
  const list = el("div.mistakes", { role: "group", "aria-label": "images" });
  const more = el("button.more", { type: "button", hidden: true, on: { click: () => {
    shown = Infinity;
    again();
  } } });
  const element = el("div.mistaken", {}, list, more);
  let made = []; // {button, canvas, says, verdict, drawn}
  let shown = MANY;
  let standing = null; // what the last frame drew
  let pointed = -1; // the tile under the pointer or the focus

  const make = (place) => {
    const canvas = el("canvas");
    const [says, sure, verdict] = [el("b"), el("span.sure"), el("span.verdict")];
    const point = (at) => () => {
      pointed = at;
      draw();
    };
    const button = el("button.mistake", { type: "button", on: { click: () => open(place), pointerenter: point(place), pointerleave: point(-1), focus: point(place), blur: point(-1) } },
      canvas, el("span.told", {}, says, sure), verdict);
    return { button, canvas, says, sure, verdict, drawn: null };
  };

  const draw = () => {
    const { answer, side, index, siteIndex, saving, theme, pictures } = standing;
    const { tensors, facts } = answer;
    const count = Math.min(shown, tensors.indices.data.length);
    for (let place = 0; place < count; place++) {
      const { button, canvas, says, sure, verdict } = made[place];
      const at = tensors.indices.data[place];
      const [truth, said] = [tensors.labels.data[at], tensors.answers.data[at]];
      const saved = saving?.of(at) ?? null;
      const key = [answer, saving, theme.ink, index, pointed === place];
      if (made[place].drawn?.every((each, i) => each === key[i])) continue;
      made[place].drawn = key;
      setText(says, said < 0 ? `${facts.classes[truth]}, no answer` : inWords(facts.classes, truth, said));
      setText(sure, said < 0 ? "" : tensors.p_answer.data[at].toFixed(2));
      setText(verdict, saved?.words ?? "");
      verdict.hidden = !saved;
      button.dataset.saved = saved?.by ?? "";
      const where = facts.ids ? `test image ${at}` : `image ${at}`;
      const off = tensors.astray ? `, its grid ${tensors.astray.data[place].toFixed(1)} px from where this network usually puts it` : "";
      const label = `${where}: ${says.textContent}${said < 0 ? "" : `, probability ${sure.textContent}`}${off}${saved ? `, ${saved.words}` : ""}. Open it on the workbench.`;
      button.title = label;
      button.setAttribute("aria-label", label);

      const high = SIDE + 2 * MARGIN;
      const wide = pictures.V || saved?.theta ? high + GAP + SIDE : high;
      const context = sized(canvas, wide, high);
      canvas.style.width = `${wide}px`;
      canvas.style.height = `${high}px`;
      context.clearRect(0, 0, wide, high);
      const flat = side.sites[siteIndex]?.output_size.length === 2; // of a volume's grid a slice is not drawn
      const own = tensors.theta && flat ? thetaAt(tensors.theta, at) : null;
      const state = (theta) => ({ ...stateAt(side, { index, image: place, siteIndex }), probes: pictures.probes, trace: { theta: () => theta } });
      tiles.u(context, state(own), MARGIN, MARGIN, SIDE);
      context.save();
      context.beginPath();
      context.rect(0, 0, high, high);
      context.clip();
      if (own && own.every(Number.isFinite)) tiles.grid(context, state(own), MARGIN, MARGIN, SIDE, theme, 1.75);
      if (saved?.theta) {
        context.setLineDash(DASH);
        tiles.grid(context, state(saved.theta), MARGIN, MARGIN, SIDE, theme, pointed === place ? 2 : 1.25);
      }
      context.restore();
      // Under the pointer V is what the other theta would make of it.
      const left = high + GAP;
      if (saved?.theta && pointed === place) tiles.v(context, state(saved.theta), left, MARGIN, SIDE);
      else if (pictures.V) {
        painter.paint(pictures.V(place));
        context.imageSmoothingEnabled = false;
        context.drawImage(painter.canvas, ...placed(painter.canvas, left, MARGIN, SIDE));
      }
    }
  };

  return {
    element,
    /** Of a new answer few tiles are shown at first. */
    start: () => { shown = MANY; },
    /**
     * @param {object} around
     * @param {{tensors: object, facts: object}} around.answer  of the lens errors
     * @param {object} around.side  the run
     * @param {number} around.index  a record of it
     * @param {number} around.siteIndex
     * @param {{of: (index: number) => {by: string, words: string, theta: Float64Array | null} | null} | null} around.saving
     * @param {object} around.theme
     */
    set: (around) => {
      const pictures = standing?.answer === around.answer && standing.side === around.side ? standing.pictures : picturesOf(around);
      standing = { ...around, pictures };
      const all = around.answer.tensors.indices.data.length;
      const count = Math.min(shown, all);
      while (made.length < count) made.push(make(made.length));
      if (list.childElementCount !== count) list.replaceChildren(...made.slice(0, count).map(({ button }) => button));
      more.hidden = count >= all;
      setText(more, `${all - count} more`);
      draw();
    },
  };
}

const thetaAt = ({ data, shape }, row) => Float64Array.from(data.subarray(row * shape[1], (row + 1) * shape[1]));

/** The pictures of an answer as the stage draws pictures: values of the network, with the screen that shows them. */
function picturesOf({ answer: { tensors, facts }, side }) {
  const { screen } = side.probes.image(0);
  const from = ({ data, shape }) => (place) => {
    const [, channels, height, width] = shape;
    const n = channels * height * width;
    const by = (facts.high - facts.low) / 255;
    return { data: Float32Array.from(data.subarray(place * n, (place + 1) * n), (byte) => facts.low + by * byte), channels, height, width, screen };
  };
  const image = from(tensors.U);
  return { probes: { count: tensors.indices.data.length, image }, V: tensors.V ? from(tensors.V) : null };
}
