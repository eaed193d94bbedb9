/** The line of sight: from a pixel of V to the place on U where it looks, with both places in words. */

import { pixelWords } from "../numbers/pixelwords.js";
import { el, setText } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const RIM = 4; // px between the words and the window's edge
const CHIP = 14; // px between a place and its words

/** @param {HTMLElement} home  the positioned element in whose coordinates it is drawn */
export function createSight(home) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "sight");
  svg.setAttribute("aria-hidden", "true");
  const add = (tag, name) => {
    const element = document.createElementNS(SVG, tag);
    element.setAttribute("class", name);
    svg.append(element);
    return element;
  };
  const lines = [add("line", "halo"), add("line", "ray")];
  const end = add("circle", "eye");
  const atU = el("div.chip", {}, el("b"), el("span"));
  const atV = el("div.chip", {}, el("b"), el("span"));
  const element = el("div.sightbox", { hidden: true, "aria-hidden": "true" }, svg, atU, atV); // the words are read out by the pixel's own line

  return {
    element,
    hide: () => { element.hidden = true; },
    /**
     * @param {object} pixel  of the scene: row, column, x, y
     * @param {number[]} point  where it looks, px on U's pad
     * @param {HTMLElement} pad  U's
     * @param {HTMLElement} frame  V's canvas
     * @param {object} scene
     * @param {boolean} align  the sampler's
     */
    show: (pixel, point, pad, frame, { U, size: [rows, columns] }, align) => {
      const [origin, padBox, frameBox] = [home, pad, frame].map((each) => each.getBoundingClientRect());
      const from = [
        frameBox.left - origin.left + ((pixel.column + 0.5) * frameBox.width) / columns,
        frameBox.top - origin.top + ((pixel.row + 0.5) * frameBox.height) / rows,
      ];
      const left = padBox.left - origin.left;
      const top = padBox.top - origin.top;
      element.hidden = !frameBox.width;
      const seen = point.every(Number.isFinite);
      const inside = seen && point.every((at) => at >= 0 && at <= padBox.width);
      // A place beyond the canvas: the line ends where it leaves it, and the words stay at V.
      const to = seen ? cut(from, [left + point[0], top + point[1]], [left, top, left + padBox.width, top + padBox.width]) : from;
      for (const line of lines) set(line, { x1: from[0], y1: from[1], x2: to[0], y2: to[1] });
      set(end, { cx: to[0], cy: to[1], r: inside ? 0 : 3.5 });
      const words = pixelWords(pixel, U, align);
      write(atV, words.place, words.grid);
      write(atU, words.grid, `→ ${words.read}`);
      atU.hidden = !inside;
      // Away from the line where there is room: at V beyond the pixel, at U on the other side.
      const beyondV = frameBox.right - origin.left - from[0];
      const room = [RIM - origin.left, innerWidth - RIM - origin.left];
      stand(atV, from, from[1] - (frameBox.top - origin.top) > frameBox.height / 2 ? -1 : 1, beyondV > atV.offsetWidth + CHIP ? 1 : -1, room);
      stand(atU, to, point[1] > padBox.width / 2 ? -1 : 1, point[0] > atU.offsetWidth + CHIP ? -1 : 1, room);
    },
  };
}

const set = (element, attributes) => Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, String(value)));

const write = (chip, first, second) => {
  setText(chip.children[0], first);
  setText(chip.children[1], second);
};

/** Beside a place, and within the window: `room` is its left and right end. */
function stand(chip, [x, y], down, right, [least, most]) {
  const width = chip.offsetWidth;
  const left = Math.max(least, Math.min(most - width, x + right * CHIP - (right < 0 ? width : 0)));
  chip.style.transform = `translate(${left}px, ${y + down * CHIP}px) translate(0, ${down < 0 ? "-100%" : "0"})`;
}

/** The end of the line from -> to, kept within a rectangle. */
function cut([x, y], [toX, toY], [left, top, right, bottom]) {
  if (toX >= left && toX <= right && toY >= top && toY <= bottom) return [toX, toY];
  // From the far point back towards V until the rectangle is met; where it never is, its nearest point.
  let [low, high] = [0, 1];
  const within = (a, b, l, h) => {
    if (a === b) return a >= l && a <= h;
    const [s, e] = [(l - a) / (b - a), (h - a) / (b - a)].sort((p, q) => p - q);
    low = Math.max(low, s);
    high = Math.min(high, e);
    return true;
  };
  if (within(x, toX, left, right) && within(y, toY, top, bottom) && low <= high) return [x + high * (toX - x), y + high * (toY - y)];
  return [Math.max(left, Math.min(right, toX)), Math.max(top, Math.min(bottom, toY))];
}
