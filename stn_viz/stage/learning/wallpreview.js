/** One image of the wall, enlarged: U with the whole grid, V, and its numbers at this step. */

import { drawGrid } from "../ink/overlay.js";
import { createPicture } from "../ink/picture.js";
import { el, setText, sized } from "../parts/dom.js";
import { buffers, linesOf, sampledV } from "../state/scene.js";
import { laidOf, placed } from "./tile.js";
import { MEANING, answerOf, nameOf } from "./wallvalues.js";

const MARGIN = 0.08; // of U's side, around it: a grid may leave the image

/** @param {() => void} open  the image, on the workbench */
export function createWallPreview(open) {
  const title = el("h2");
  const says = el("span.says");
  const go = el("button.plain", { type: "button", text: "Open", title: "this image and step on the workbench (Enter, or a click on its tile)", on: { click: open } });
  const canvas = el("canvas.preview-u", { role: "img", "aria-label": "U with its grid" });
  const held = el("div.preview-room", {}, canvas);
  const picture = createPicture();
  const frame = el("div.preview-v", { role: "img", "aria-label": "V" }, picture.canvas);
  const values = el("dl");
  const element = el("aside.preview", { "aria-label": "the image" },
    el("div.title", {}, title, go), says, held, el("div.below", {}, frame, values));
  const U = createPicture();
  const buffer = buffers();
  let painted = null;
  let rows = [];
  return {
    element,
    start: (quantities) => {
      rows = quantities.filter(({ name }) => name !== "image" && name !== "class").map((quantity) => ({ quantity, value: el("dd") }));
      values.replaceChildren(...rows.map(({ quantity, value }) => el("div", { title: MEANING[quantity.name] }, el("dt", { text: quantity.title }), value)));
      painted = null;
    },
    /** @param {object} side  @param {object} state  of the image (learning/sides.js stateAt)  @param {string} sort  the quantity that the wall is sorted by */
    set: (side, state, sort, theme) => {
      const { probes, image } = state;
      const [label, answer] = [probes.labels[image], answerOf(state)];
      setText(title, `image ${image}`);
      const words = [label >= 0 && `label ${nameOf(side, label)}`, answer >= 0 && `reads ${nameOf(side, answer)} at ${state.trace.probabilities(state.index, image)[answer].toFixed(2)}`];
      setText(says, words.filter(Boolean).join(" · "));
      element.classList.toggle("wrong", label >= 0 && answer >= 0 && label !== answer);
      const shown = probes.image(image);
      if (painted !== shown) U.paint(shown);
      painted = shown;
      const width = Math.floor(Math.min(held.clientWidth, held.clientHeight));
      if (!width) return;
      if (canvas.style.width !== `${width}px`) canvas.style.width = canvas.style.height = `${width}px`;
      const context = sized(canvas, width, width);
      context.clearRect(0, 0, width, width);
      context.fillStyle = theme.surface;
      context.fillRect(0, 0, width, width);
      const rectangle = placed(shown, MARGIN * width, MARGIN * width, width * (1 - 2 * MARGIN));
      context.imageSmoothingEnabled = rectangle[2] < shown.width;
      context.drawImage(U.canvas, ...rectangle);
      const laid = laidOf(state);
      frame.hidden = !laid;
      if (laid) {
        const [left, top, w, h] = rectangle;
        const view = { toScreen: (x, y) => [left + ((x + 1) / 2) * w, top + ((y + 1) / 2) * h] };
        drawGrid(context, view, { ...theme, edgeWidth: 3 }, linesOf(laid.basis, laid.theta, buffer, "preview"));
        const { site } = state;
        picture.paint(sampledV(state, laid.basis, { family: site.family, points: site.options.points ?? null, theta: laid.theta }, 1, buffer).V);
      }
      for (const { quantity, value } of rows) {
        const now = quantity.of(state);
        setText(value, Number.isFinite(now) ? quantity.format(now) : "–");
        value.parentElement.classList.toggle("sorted", quantity.name === sort);
      }
    },
  };
}
