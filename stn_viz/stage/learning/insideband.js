/** The band of layers, left to right: the image with its grid, maps as small multiples, vectors as strips. */

import { el, setText, sized } from "../parts/dom.js";
import { stateAt } from "./sides.js";
import { createTiles } from "./tile.js";

const TALL = [21, 15]; // em, of the pictures: in a window, on a phone
const IMAGE = [10.4, 8.6];
const NARROW = 560; // px
const MARGIN = 0.13; // of it, around the image
const LEAST = 26; // px a map is tall, while there are more columns to be had
const MOST = [96, 40]; // of one or two, of many
const GAP = 2;
const STRIP = 64; // units of one column of a vector

/** Where the maps (c, h, w), or the units of a vector (m,), of a layer stand in `tall` px. */
export function layoutOf(shape, tall) {
  const isVector = shape.length === 1;
  const count = shape[0];
  const [h, w] = isVector ? [1, 1] : shape.slice(1);
  let columns = isVector ? Math.ceil(count / STRIP) : 1;
  const high = (rows) => Math.floor((tall + GAP) / rows) - (isVector ? 0 : GAP);
  if (!isVector) while (columns < count && high(Math.ceil(count / columns)) < LEAST) columns++;
  const rows = Math.ceil(count / columns);
  const cell = isVector ? Math.max(2, Math.min(22, high(rows))) : Math.max(4, Math.min(MOST[Number(count > 2)], high(rows)));
  const size = isVector ? [cell, columns === 1 ? 22 : 11] : [(cell * h) / Math.max(h, w), (cell * w) / Math.max(h, w)];
  const gap = isVector ? [0, 1] : [GAP, GAP];
  const step = [size[0] + gap[0], size[1] + gap[1]];
  return {
    count, rows, columns, size,
    width: columns * step[1] - gap[1], height: rows * step[0] - gap[0],
    /** Left and top of one of them, column by column, as they are counted. */
    at: (i) => [Math.floor(i / rows) * step[1], (i % rows) * step[0]],
    under: (x, y) => {
      const [column, row] = [Math.floor(x / step[1]), Math.floor(y / step[0])];
      const i = column * rows + row;
      return column >= 0 && column < columns && row >= 0 && row < rows && i < count ? i : null;
    },
  };
}

/** "±1.33" of values with signs, "0 to 1.33" of others. */
const range = (low, high) => (low < 0 ? `±${high.toPrecision(3)}` : `0 to ${high.toPrecision(3)}`);
const sides = (shape) => shape.join(" × ");

/** What stands below a layer, in short, and in the words of its title. */
function words({ name, kind, shape, low, high, silent, dead, finite, slice, ...filters }, images, shown, isFilter) {
  const [count, ...rest] = shape;
  const noun = `${rest.length ? "map" : "unit"}${count === 1 ? "" : "s"}`;
  if (isFilter) {
    const mean = filters.filter_inputs > 1 ? `, each the mean over its ${filters.filter_inputs} inputs` : "";
    return {
      lines: [`${filters.filter_count} filters`, sides(shown.slice(1)), range(filters.filter_low, filters.filter_high)],
      title: `${name}: the filters of this ${kind}${mean}. Middle grey is 0.`,
    };
  }
  const asleep = /convolution|linear|normalisation/.test(kind) || !silent ? "" : dead ? `${silent} off, ${dead} dead` : `${silent} off`;
  const told = asleep && ` ${silent} of ${count} ${noun} are 0 for this image${dead === null ? "" : `, ${dead} for each of ${images} images`}.`;
  const few = shown[0] < count && rest.length + 1 === shown.length ? ` The first ${shown[0]} are drawn.` : "";
  const cut = slice === null ? "" : ` Slice ${slice} of each volume is drawn.`;
  return {
    lines: [`${count} ${noun}`, sides(rest), finite ? range(low, high) : "not finite", asleep],
    title: `${name}: ${kind}, ${sides(shape)}. ${low < 0 ? "Middle grey is 0." : "Black is 0."}${told}${few}${cut}`,
  };
}

/** @param {{point: (unit: number | null) => void}} actions  a hidden unit under the pointer */
export function createBand(actions) {
  const tiles = createTiles();
  const u = el("canvas", { role: "img", "aria-label": "the image with the sampling grid" });
  const said = el("figcaption", {}, el("b", { text: "U" }), el("span"));
  const image = el("figure.u", {}, el("div.tall", {}, u), said);
  const element = el("div.band", { role: "group", "aria-label": "layers", tabindex: 0 }, image);
  element.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by || event.target !== element || element.scrollWidth <= element.clientWidth || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    element.scrollLeft += 120 * by;
  });
  const small = document.createElement("canvas");
  let figures = [];
  let key = "";
  let hidden = null; // {index, layout, unitsInOne}: the layer that holds the hidden units

  const build = (layers) => {
    figures = layers.map(({ kind }) => {
      const canvas = el("canvas", { role: "img" });
      const lines = [0, 1, 2, 3].map(() => el("span"));
      return { canvas, lines, figure: el("figure.layer", {}, el("div.tall", {}, canvas), el("figcaption", {}, el("b", { text: kind }), ...lines)) };
    });
    figures.forEach(({ canvas }, index) => {
      canvas.addEventListener("pointermove", ({ offsetX, offsetY }) => {
        if (hidden?.index !== index) return;
        const cell = hidden.layout.under(offsetX, offsetY);
        actions.point(cell === null || hidden.unitsInOne > 1 ? null : cell);
      });
      canvas.addEventListener("pointerleave", () => { if (hidden?.index === index) actions.point(null); });
    });
    element.replaceChildren(image, ...figures.map(({ figure }) => figure));
  };
  const paint = (canvas, { data, shape }, layout) => {
    canvas.style.width = `${layout.width}px`;
    canvas.style.height = `${layout.height}px`;
    const context = sized(canvas, layout.width, layout.height);
    context.clearRect(0, 0, layout.width, layout.height);
    context.imageSmoothingEnabled = false;
    const [h, w] = shape.length === 1 ? [1, 1] : shape.slice(1);
    const one = h * w;
    small.width = w;
    small.height = h;
    const ink = small.getContext("2d");
    const pixels = ink.createImageData(w, h);
    for (let i = 0; i < layout.count; i++) {
      for (let p = 0; p < one; p++) {
        pixels.data.fill(data[i * one + p], 4 * p, 4 * p + 3);
        pixels.data[4 * p + 3] = 255;
      }
      ink.putImageData(pixels, 0, 0);
      context.drawImage(small, ...layout.at(i), layout.size[1], layout.size[0]);
    }
    return context;
  };
  const mark = (context, unit, theme) => {
    const cell = Math.floor(unit / hidden.unitsInOne);
    if (cell >= hidden.layout.count) return;
    const [left, top] = hidden.layout.at(cell);
    const [height, width] = hidden.layout.size;
    for (const [colour, line, out] of [[theme.ghostHalo, 4, 2], [theme.tap, 2, 2]]) {
      context.strokeStyle = colour;
      context.lineWidth = line;
      context.strokeRect(left - (left < out ? -1 : 0), Math.max(1, top - out), width - (left < out ? 2 : 0), Math.min(height + 2 * out, hidden.layout.height - Math.max(1, top - out) - 1));
    }
  };

  return {
    element,
    /** @param {{answer: object, side: object, image: number, siteIndex: number, record: number, mode: "activations" | "filters", unit: number | null}} shown */
    set: ({ answer: { tensors, facts }, side, image: number, siteIndex, record, mode, unit }, theme) => {
      const form = JSON.stringify([facts.layers.map(({ name, kind, shape }) => [name, kind, shape]), facts.left_out]);
      if (form !== key) build(facts.layers);
      key = form;
      const em = theme.small / 0.8;
      const narrow = Number(element.clientWidth < NARROW);
      const tall = Math.round(TALL[narrow] * em);
      const across = Math.round(IMAGE[narrow] * em);
      u.style.width = u.style.height = `${across}px`;
      const state = stateAt(side, { index: record, image: number, siteIndex });
      const context = sized(u, across, across);
      const margin = Math.round(MARGIN * across); // a grid that leaves the image is seen all the same
      context.fillStyle = theme.surface;
      context.fillRect(0, 0, across, across);
      tiles.u(context, state, margin, margin, across - 2 * margin);
      tiles.grid(context, state, margin, margin, across - 2 * margin, theme, 2);
      const before = facts.left_out ? ` ${facts.left_out} layers before the first are left out.` : "";
      setText(said.lastChild, `${state.site.on_image ? "" : "the image; this site samples a map. "}${before}`);
      hidden = null;
      facts.layers.forEach((entry, index) => {
        const isFilter = mode === "filters" && Boolean(tensors[`filters_${index}`]);
        const array = tensors[`${isFilter ? "filters" : "layer"}_${index}`];
        const layout = layoutOf(array.shape, tall);
        const { canvas, lines, figure } = figures[index];
        const drawn = paint(canvas, array, layout);
        const told = words(entry, facts.images, array.shape, isFilter);
        lines.forEach((line, i) => setText(line, told.lines[i] ?? ""));
        if (figure.title !== told.title) figure.title = told.title;
        canvas.setAttribute("aria-label", told.title);
        figure.classList.toggle("pale", mode === "filters" && !isFilter);
        if (facts.sum?.hidden_layer !== index || isFilter) return;
        const [, ...rest] = entry.shape;
        hidden = { index, layout, unitsInOne: rest.reduce((a, b) => a * b, 1) };
        if (unit !== null) mark(drawn, unit, theme);
      });
    },
  };
}
