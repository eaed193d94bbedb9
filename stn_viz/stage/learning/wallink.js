/**
 * The wall's one canvas. What stands still from frame to frame (U, what is written below) is kept in a layer and painted where
 * it changed; in a frame there are the layer, and over it the outlines, or V.
 */

import { isWrong } from "../numbers/sorting.js";
import { createTiles } from "./tile.js";
import { answerOf, nameOf } from "./wallvalues.js";

const MARGIN = 0.07; // of a tile, around U: a grid may leave the image
const NUMBERED = 64; // px: tiles from here on have room for the number by which they are sorted

export function createWallInk() {
  const tiles = createTiles();
  const layer = document.createElement("canvas");
  const widths = new Map(); // text -> px
  let key = [];
  let written = []; // by slot: what stands below the tile

  const fitting = (context, text, room) => {
    const widthOf = (each) => {
      if (!widths.has(each)) {
        if (widths.size > 4000) widths.clear();
        widths.set(each, context.measureText(each).width);
      }
      return widths.get(each);
    };
    if (widthOf(text) <= room) return text;
    let end = text.length - 1;
    while (end > 1 && widthOf(`${text.slice(0, end)}…`) > room) end--;
    return `${text.slice(0, end)}…`;
  };

  /** Label and answer: "7", or "7→1" in bold over a bar where that is wrong. */
  const write = (context, theme, { left, top, side, foot }, text, number, wrong) => {
    context.clearRect(left - 2, top + side, side + 4, foot);
    context.fillStyle = wrong ? theme.ink : theme.muted;
    context.font = `${wrong ? 700 : 400} ${theme.small}px ${theme.font}`;
    context.textBaseline = "middle";
    context.textAlign = "left";
    const middle = top + side + foot / 2 + 1;
    context.fillText(fitting(context, text, side), left, middle);
    if (number) {
      context.font = `${theme.small}px ${theme.font}`;
      context.fillStyle = theme.muted;
      context.textAlign = "right";
      context.fillText(number, left + side, middle);
    }
    if (wrong) {
      context.fillStyle = theme.error;
      context.fillRect(left, top + side, side, 3);
    }
  };

  return {
    /**
     * @param {HTMLCanvasElement} canvas  already of its size
     * @param {CanvasRenderingContext2D} context  in CSS px
     * @param {{side: object, states: (image: number) => object, shown: number[], slots: {slot: number, left: number, top: number}[], size: {side: number, foot: number, width: number, height: number}, show: "u" | "v", quantity: object | null, chosen: number, hovered: number, again: Array}} wall
     *   shown: images in their order; slots: those in sight; quantity: the number to be written; again: what the layer depends on
     * @returns {boolean} whether every tile has what it should show
     */
    draw: (canvas, context, theme, { side, states, shown, slots, size, show, quantity, chosen, hovered, again }) => {
      const { side: px, foot, width, height } = size;
      const pad = show === "u" ? Math.round(MARGIN * px) : 0;
      const ink = layer.getContext("2d");
      const now = [canvas.width, canvas.height, theme.ink, theme.surface, theme.small, ...again];
      if (now.length !== key.length || now.some((each, i) => each !== key[i])) {
        key = now;
        written = [];
        layer.width = canvas.width;
        layer.height = canvas.height;
        ink.setTransform(context.getTransform());
        for (const { slot, left, top } of slots) {
          ink.fillStyle = theme.surface;
          ink.fillRect(left, top, px, px);
          if (show === "u") tiles.u(ink, states(shown[slot]), left + pad, top + pad, px - 2 * pad);
        }
      }
      for (const { slot, left, top } of slots) {
        const state = states(shown[slot]);
        const [label, answer] = [state.probes.labels[shown[slot]], answerOf(state)];
        const wrong = isWrong(label, answer);
        const name = label >= 0 ? nameOf(side, label) : "";
        const text = answer < 0 || answer === label ? name : `${name}→${nameOf(side, answer)}`;
        const value = quantity && px >= NUMBERED ? quantity.of(state) : NaN;
        const number = Number.isFinite(value) ? quantity.format(value) : "";
        const whole = `${text} ${number}`;
        if (written[slot] !== whole) write(ink, theme, { left, top, side: px, foot }, text, number, wrong);
        written[slot] = whole;
      }
      context.clearRect(0, 0, width, height);
      context.imageSmoothingEnabled = false;
      context.drawImage(layer, 0, 0, width, height);
      let all = true;
      if (show === "v") {
        for (const { slot, left, top } of slots) all = tiles.v(context, states(shown[slot]), left, top, px) && all;
      } else {
        const outlines = tiles.outlines();
        for (const { slot, left, top } of slots) all = outlines.add(states(shown[slot]), left + pad, top + pad, px - 2 * pad, [left, top, left + px, top + px]) && all;
        outlines.stroke(context, theme, px >= 56 ? 2 : 1.5);
      }
      for (const [image, colour, line] of [[hovered, theme.muted, 2], [chosen, theme.loss, 3]]) {
        const found = slots.find(({ slot }) => shown[slot] === image);
        if (!found) continue;
        context.strokeStyle = colour;
        context.lineWidth = line;
        context.strokeRect(found.left - line / 2, found.top - line / 2, px + line, px + line);
      }
      return all;
    },
    /** Another run: nothing painted of the last one stays. */
    forget: () => { key = []; },
  };
}
