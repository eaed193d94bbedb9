/** The images that were picked among points: U with its grid and V side by side, each a way to the workbench. */

import { el, setText, sized } from "../parts/dom.js";
import { stateAt } from "./sides.js";
import { createTiles } from "./tile.js";

const GAP = 2;
const MORE = 100; // px, for "and 12 more"

/** @param {(item: object) => void} open */
export function createPoseTiles(open) {
  const tiles = createTiles();
  const hint = el("p.hint", { text: "Drag a box over points to see their images." });
  const more = el("span.more");
  const row = el("div.tiles", { role: "group", "aria-label": "images of the points" });
  const element = el("div.picked", {}, hint, row, more);
  const made = [];
  const tile = (i) => {
    if (!made[i]) {
      const canvas = el("canvas");
      const button = el("button.tile", { type: "button", on: { click: () => open(made[i].item) } }, canvas);
      made[i] = { button, canvas, item: null };
    }
    return made[i];
  };
  return {
    element,
    /** How many there is room for. */
    room: () => {
      const style = getComputedStyle(element);
      const side = parseFloat(style.getPropertyValue("--side")) || 56;
      const rest = parseFloat(style.paddingLeft) + MORE;
      const across = Math.max(1, Math.floor((element.clientWidth - rest + 8) / (2 * side + GAP + 12)));
      return across * (parseInt(style.getPropertyValue("--rows"), 10) || 1);
    },
    /**
     * @param {{image: number, state: object | null, label: string}[]} items  a state is null while its picture is on its way
     * @param {number} all  how many were picked
     */
    set: (items, all, theme) => {
      hint.hidden = all > 0;
      setText(more, all > items.length ? `and ${all - items.length} more` : "");
      const side = parseFloat(getComputedStyle(element).getPropertyValue("--side")) || 56;
      while (row.children.length > items.length) row.lastChild.remove();
      items.forEach((item, i) => {
        const { button, canvas } = tile(i);
        made[i].item = item;
        if (button.parentNode !== row) row.append(button);
        if (button.getAttribute("aria-label") !== item.label) {
          button.setAttribute("aria-label", item.label);
          button.title = item.label;
        }
        canvas.style.width = `${2 * side + GAP}px`;
        canvas.style.height = `${side}px`;
        const context = sized(canvas, 2 * side + GAP, side);
        context.clearRect(0, 0, 2 * side + GAP, side);
        context.fillStyle = theme.surface;
        context.fillRect(0, 0, side, side);
        context.fillRect(side + GAP, 0, side, side);
        if (!item.state) return;
        context.save();
        context.beginPath();
        context.rect(0, 0, side, side);
        context.clip();
        tiles.u(context, item.state, 0, 0, side);
        tiles.grid(context, item.state, 0, 0, side, theme);
        context.restore();
        tiles.v(context, item.state, side + GAP, 0, side);
      });
    },
  };
}

const fetched = new WeakMap(); // an answer's tensors -> what stands in the place of the run's own images and trace

/**
 * States of images that are not the run's: fetched by pose's option `tiles`.
 *
 * @param {object} side
 * @param {object} tensors  U (m, C, h, w), theta (m, P)
 */
export function statesOf(side, siteIndex, tensors) {
  if (!fetched.has(tensors)) {
    const [count, channels, height, width] = tensors.U.shape;
    const size = channels * height * width;
    const P = tensors.theta.shape[1];
    const { screen } = side.probes.image(0);
    const images = Array.from({ length: count }, (_, i) => ({ data: tensors.U.data.subarray(i * size, (i + 1) * size), channels, height, width, screen }));
    fetched.set(tensors, {
      probes: { ...side.probes, count, image: (i) => images[i] },
      trace: { ...side.trace, theta: (_, __, i) => tensors.theta.data.subarray(i * P, (i + 1) * P) },
    });
  }
  const own = fetched.get(tensors);
  return (i) => ({ ...stateAt(side, { index: 0, image: i, siteIndex }), ...own });
}
