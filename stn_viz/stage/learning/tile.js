/**
 * Small pictures by the hundred: U with the outline of its grid, or V, each painted into its place on one canvas.
 *
 * A picture keeps its shape: it stands in the middle of its square. What cannot be drawn of a state (a grid of no family, a
 * site inside the network, no site at all) is left out: `grid` and `v` say so by what they return.
 */

import { createPicture } from "../ink/picture.js";
import { HORIZON, cutAtHorizon } from "../numbers/horizon.js";
import { coefficients, pointsInto } from "../numbers/grid.js";
import { isQuick, quickBytes } from "../numbers/quick.js";
import { clipInto } from "../numbers/tiling.js";
import { basisOf, buffers, networkTheta, sampledV } from "../state/scene.js";
import { isDeep } from "../state/sites.js";

const LARGEST = 320; // px: longer side at which a picture is kept, so that photographs by the hundred stay in memory
const MANY = 64;
const EDGES = ["left", "right", "top", "bottom"];
const SMALL = 80; // px: sides up to here are drawn with fewer points where an edge bends
const [FEW, ENOUGH] = [13, 33];
const outlines = new WeakMap(); // basis -> points on an edge -> its four edges, as basis.lines

/** The four edges of a basis alone, at no more points than a side of so many px needs: a small part of the lines that it draws. */
function edgesOf(basis, side) {
  const { b, shape } = basis.lines;
  const [L, m] = [shape[0] / 2, shape[1]];
  const count = Math.min(m, side <= SMALL ? FEW : ENOUGH);
  if (!outlines.has(basis)) outlines.set(basis, new Map());
  const known = outlines.get(basis);
  if (!known.has(count)) {
    const { k } = basis;
    const rows = new Float32Array(4 * count * k);
    [0, L - 1, L, 2 * L - 1].forEach((line, edge) => {
      for (let i = 0; i < count; i++) {
        const from = (line * m + Math.round((i * (m - 1)) / (count - 1))) * k;
        rows.set(b.subarray(from, from + k), (edge * count + i) * k);
      }
    });
    known.set(count, { b: rows, shape: [4, count], count: 4 * count });
  }
  return known.get(count);
}

/** Where a picture of a shape stands in a square: [left, top, width, height]. */
export function placed({ width, height }, left, top, side) {
  const by = side / Math.max(width, height);
  return [left + (side - by * width) / 2, top + (side - by * height) / 2, by * width, by * height];
}

function noLarger(canvas, most) {
  const by = most / Math.max(canvas.width, canvas.height);
  if (by >= 1) return canvas;
  const smaller = document.createElement("canvas");
  smaller.width = Math.max(1, Math.round(by * canvas.width));
  smaller.height = Math.max(1, Math.round(by * canvas.height));
  smaller.getContext("2d").drawImage(canvas, 0, 0, smaller.width, smaller.height);
  return smaller;
}

const found = new WeakMap(); // a run's bases -> site -> its basis: for hundreds of tiles it is looked for once

function siteBasis(state) {
  if (!found.has(state.bases)) found.set(state.bases, new Map());
  const known = found.get(state.bases);
  if (!known.has(state.site)) {
    const basis = basisOf(state, state.site.family, state.site.options.points ?? null);
    if (!basis) return null;
    known.set(state.site, basis);
  }
  return known.get(state.site);
}

/** The network's theta of a state and the basis that draws it; null where there is none that the image itself is sampled by. */
export function laidOf(state) {
  if (!state.site?.family || isDeep(state.site)) return null;
  const theta = networkTheta(state);
  const basis = theta && siteBasis(state);
  return basis ? { theta, basis } : null;
}

export function createTiles() {
  const buffer = buffers();
  const own = createPicture();
  const quick = document.createElement("canvas");
  const painted = new WeakMap(); // probes -> image -> canvas of U
  const part = new Float64Array(4);
  const everywhere = [-Infinity, -Infinity, Infinity, Infinity];

  const canvasOf = ({ probes, image }) => {
    if (!painted.has(probes)) painted.set(probes, new Map());
    const known = painted.get(probes);
    if (!known.has(image)) {
      const picture = createPicture();
      picture.paint(probes.image(image));
      known.set(image, noLarger(picture.canvas, probes.count > MANY ? LARGEST / 2 : LARGEST));
    }
    return known.get(image);
  };

  /** The outline's pieces: each to `piece(edge, x0, y0, x1, y1, goesOn)`, in px, cut at a rectangle. */
  const outline = (state, left, top, side, within, piece) => {
    const found = laidOf(state);
    if (!found) return false;
    const { basis, theta } = found;
    const lines = edgesOf(basis, side);
    const m = lines.shape[1];
    const coeff = coefficients(basis, theta, basis.coefficients);
    const points = buffer("edge points", 2 * lines.count);
    const w = buffer("edge w", lines.count);
    pointsInto(lines.b, basis.k, lines.count, coeff, points, w);
    if (!basis.linear && m === 2) cutAtHorizon(lines, basis.k, coeff, points, w);
    const [x, y, width, height] = placed(state.probes.image(state.image), left, top, side);
    for (let edge = 0; edge < 4; edge++) {
      let [endX, endY] = [NaN, NaN]; // of the piece before
      for (let i = edge * m; i + 1 < (edge + 1) * m; i++) {
        if (!(w[i] > HORIZON && w[i + 1] > HORIZON)) continue; // behind the horizon
        const [x0, y0, x1, y1] = [points[2 * i], points[2 * i + 1], points[2 * i + 2], points[2 * i + 3]];
        if (clipInto(x + ((x0 + 1) / 2) * width, y + ((y0 + 1) / 2) * height, x + ((x1 + 1) / 2) * width, y + ((y1 + 1) / 2) * height, within, part)) {
          piece(EDGES[edge], part[0], part[1], part[2], part[3], part[0] === endX && part[1] === endY);
          endX = part[2];
          endY = part[3];
        }
      }
    }
    return true;
  };

  let bytes = null; // ImageData of a quick V, and its words
  let words = null;

  /** V onto a canvas, at no more pixels than `side`. @returns {HTMLCanvasElement | null} null where there is none */
  const paintedV = (state, side) => {
    const laid = laidOf(state);
    if (!laid) return null;
    const { site, rule } = state;
    const { basis, theta } = laid;
    const image = state.probes.image(state.image);
    const [height, width] = basis.size;
    if (Math.max(height, width) <= side && isQuick(image, basis, rule)) {
      if (bytes?.width !== width || bytes.height !== height) {
        bytes = new ImageData(width, height);
        words = new Uint32Array(bytes.data.buffer);
        [quick.width, quick.height] = [width, height];
      }
      quickBytes(words, image, basis, theta, rule.align_corners);
      quick.getContext("2d").putImageData(bytes, 0, 0);
      return quick;
    }
    const stride = Math.max(1, Math.max(height, width) / Math.max(1, side));
    own.paint(sampledV(state, basis, { family: site.family, points: site.options.points ?? null, theta }, stride, buffer).V);
    return own.canvas;
  };

  return {
    /** U of a state (learning/sides.js stateAt) into a square of `side` px at (left, top). */
    u: (context, state, left, top, side) => {
      const canvas = canvasOf(state);
      const [x, y, width, height] = placed(canvas, left, top, side);
      context.imageSmoothingEnabled = width < canvas.width; // small pictures show their pixels, large ones are made smaller
      context.drawImage(canvas, x, y, width, height);
    },
    /** The four coloured edges of the grid over it. @returns {boolean} whether there were any */
    grid: (context, state, left, top, side, theme, width = 1.5) => {
      const paths = {};
      for (const edge of EDGES) paths[edge] = new Path2D();
      const drawn = outline(state, left, top, side, everywhere, (edge, x0, y0, x1, y1, goesOn) => {
        if (!goesOn) paths[edge].moveTo(x0, y0);
        paths[edge].lineTo(x1, y1);
      });
      if (!drawn) return false;
      context.lineWidth = width;
      context.lineCap = "round";
      for (const edge of EDGES) {
        context.strokeStyle = theme.edges[edge];
        context.stroke(paths[edge]);
      }
      return true;
    },
    /**
     * The outlines of many states at once, each cut at its own tile: four strokes a frame, however many there are.
     *
     * @returns {{add: (state, left, top, side, within: number[]) => boolean, stroke: (context, theme, width: number) => void}}
     */
    outlines: () => {
      const paths = Object.fromEntries(EDGES.map((edge) => [edge, new Path2D()]));
      const piece = (edge, x0, y0, x1, y1, goesOn) => {
        if (!goesOn) paths[edge].moveTo(x0, y0);
        paths[edge].lineTo(x1, y1);
      };
      return {
        add: (state, left, top, side, within) => outline(state, left, top, side, within, piece),
        stroke: (context, theme, width) => {
          context.lineWidth = width;
          context.lineCap = "butt";
          for (const edge of EDGES) {
            context.strokeStyle = theme.edges[edge];
            context.stroke(paths[edge]);
          }
        },
      };
    },
    /** V into a square, at no more pixels than the square has; U itself where there is no V. @returns {boolean} whether there was a V */
    v: (context, state, left, top, side) => {
      const V = paintedV(state, side * Math.min(2, window.devicePixelRatio || 1));
      const canvas = V ?? canvasOf(state);
      const [x, y, width, height] = placed(canvas, left, top, side);
      context.imageSmoothingEnabled = width < canvas.width;
      context.drawImage(canvas, x, y, width, height);
      return Boolean(V);
    },
  };
}
