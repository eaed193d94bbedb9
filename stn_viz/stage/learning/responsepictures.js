/** The moved image with the sampling grid over it, and V: from what the server answered, for any amount at once. */

import { drawGrid, traceLine } from "../ink/overlay.js";
import { createPicture } from "../ink/picture.js";
import { createViewport, HALF } from "../ink/viewport.js";
import { sized } from "../parts/dom.js";
import { basisOf, buffers, linesOf } from "../state/scene.js";
import { stateAt } from "./sides.js";
import { createTiles } from "./tile.js";

const NOW = 1; // of the three rows: the weights at this step

export function createResponsePictures() {
  const buffer = buffers();
  const tiles = createTiles();
  const painted = { U: createPicture(), V: createPicture() };

  const canvasOf = (name, { tensors, facts }, index, screen) => {
    const { data, shape } = tensors[name];
    const [, channels, height, width] = shape;
    const [low, high] = facts[name];
    const n = channels * height * width;
    const values = buffer(name, n);
    const mapped = name === "V" && facts.mapped; // of a feature map: on a scale of its own
    for (let i = 0; i < n; i++) values[i] = mapped ? data[index * n + i] / 255 : low + (data[index * n + i] * (high - low)) / 255;
    painted[name].paint({ data: values, channels, height, width, screen: mapped ? null : screen });
    return painted[name].canvas;
  };
  /** The outline of a grid that no theta tells: its edges as the server sends them, one after the other. */
  const drawEdges = (context, view, theme, { data, shape }, index, [height, width]) => {
    const [, X, points] = shape;
    const all = data.subarray((NOW * X + index) * points * 2, (NOW * X + index + 1) * points * 2);
    const w = new Float32Array(points).fill(1);
    let first = 0;
    context.lineWidth = theme.edgeWidth;
    for (const [edge, count] of [["top", width], ["right", height], ["bottom", width], ["left", height]]) {
      context.strokeStyle = theme.edges[edge];
      context.beginPath();
      traceLine(context, view, all, w, first, count);
      context.stroke();
      first += count;
    }
  };
  return {
    /** As the run has recorded it, until the first answer is here. */
    still: (u, v, theme, state) => {
      const [onU, onV] = [u.clientWidth, v.clientWidth];
      if (!onU || !onV) return;
      const context = sized(u, onU, onU);
      context.fillStyle = theme.surface;
      context.fillRect(0, 0, onU, onU);
      const [side, left] = [onU / HALF, (onU - onU / HALF) / 2];
      tiles.u(context, state, left, left, side);
      tiles.grid(context, state, left, left, side, theme, theme.edgeWidth);
      tiles.v(sized(v, onV, onV), state, 0, 0, onV);
    },
    /**
     * @param {HTMLCanvasElement} u
     * @param {HTMLCanvasElement} v
     * @param {object} theme
     * @param {{answer: {tensors: object, facts: object}, side: object, image: number, siteIndex: number}} shown
     * @param {number} index  of the amount
     */
    draw: (u, v, theme, { answer, side, image, siteIndex }, index) => {
      const [onU, onV] = [u.clientWidth, v.clientWidth];
      if (!onU || !onV) return;
      const probe = side.probes.image(image);
      const state = stateAt(side, { index: 0, image, siteIndex });
      const context = sized(u, onU, onU);
      context.fillStyle = theme.surface;
      context.fillRect(0, 0, onU, onU);
      context.imageSmoothingEnabled = false;
      const view = createViewport(onU, probe, HALF, state.site.align_corners);
      context.drawImage(canvasOf("U", answer, index, probe.screen), ...view.rect);
      const { theta, edges } = answer.tensors;
      const basis = theta && basisOf(state, state.site.family, state.site.options.points ?? null);
      if (basis) {
        const [, X, P] = theta.shape;
        const own = theta.data.subarray((NOW * X + index) * P, (NOW * X + index + 1) * P);
        if (own.every(Number.isFinite)) drawGrid(context, view, theme, linesOf(basis, own, buffer, "response"));
      } else if (edges) {
        drawEdges(context, view, theme, edges, index, state.site.output_size);
      }
      const small = sized(v, onV, onV);
      small.clearRect(0, 0, onV, onV);
      small.imageSmoothingEnabled = false;
      const [height, width] = answer.tensors.V.shape.slice(2);
      const share = onV / Math.max(height, width);
      small.drawImage(canvasOf("V", answer, index, probe.screen), (onV - width * share) / 2, (onV - height * share) / 2, width * share, height * share);
    },
  };
}
