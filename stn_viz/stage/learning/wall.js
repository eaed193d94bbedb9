/**
 * The wall: every image of the run at the step under the scrubber, as U with its grid or as V.
 *
 * The order, and which images are wrong, are those of the step at which somebody chose them: while training is scrubbed each
 * tile keeps its place, so that a grid can be followed with the eye. "re-sort" puts them in this step's order.
 */

import { isWrong, ordered } from "../numbers/sorting.js";
import { tiling } from "../numbers/tiling.js";
import { el, setText, sized } from "../parts/dom.js";
import { nearest } from "../state/playing.js";
import { isDeep, isFlat } from "../state/sites.js";
import { ALL, createWallBar } from "./wallbar.js";
import { createWallInk } from "./wallink.js";
import { createWallPreview } from "./wallpreview.js";
import { answerOf, nameOf, quantitiesOf, statesAt } from "./wallvalues.js";

const ROOMY = { gap: 7, foot: 17, most: 150 }; // px of a tile
const TIGHT = { gap: 3, foot: 13, most: 150 }; // where there are many: 256 in sight at 1366 x 768
const [LEAST, TOUCHED] = [33, 44]; // px: the least side, with a mouse and under a finger
const EASY = 44; // px: tiles that would be smaller stand closer
const RIM = 4; // px around all tiles: what outlines the first is not cut
const EDGES = 28; // px: between the wall and the scrubber, and below it
const REST_MS = 250; // names for screen readers follow when the scrubber rests
const FIRST = { show: "u", sort: "image", reverse: false, label: ALL, wrong: false };

/** Why a site's grid is not on the tiles; "" where it is. */
function reasonOf(site) {
  if (!site) return "This network has no transformer: it reads U as it is, and there is no V.";
  if (isDeep(site)) return "This transformer samples a feature map inside the network: U alone stands here. Open an image to see its grid there.";
  if (!site.family) return "This grid is of no family, recorded point by point: U alone stands here. Open an image to see it.";
  if (!isFlat(site)) return "Volumes: the middle slice of each, and the grid of V's middle slice.";
  return "";
}

export function createWall(room) {
  const canvas = el("canvas", { role: "listbox", tabindex: 0, "aria-label": "images of the run" });
  const inner = el("div.inner", {}, canvas);
  const scroller = el("div.scroller", {}, inner);
  const note = el("p.note", { role: "note", hidden: true });
  const change = (by) => {
    const wall = wallOf(room.get());
    const next = { ...wall, ...(typeof by === "function" ? by(wall) : by) };
    order = null;
    room.set({ wall: next });
  };
  const sort = () => {
    order = null;
    room.set({});
  };
  const bar = createWallBar({ change, site: (siteIndex) => { order = null; room.set({ siteIndex }); }, sort });
  const preview = createWallPreview(() => room.open({ image: looked() }));
  const element = el("div.wall", {}, bar.element, note, el("div.wallroom", {}, scroller, preview.element));
  const ink = createWallInk();

  let began = null; // {side, siteIndex, quantities}
  let order = null; // {shown, step, still}: images in their order, of which step; still: it is that of any step
  let placing = null; // {side, foot, columns, gap} of the last frame
  let hovered = -1;
  let naming = 0;
  const wallOf = (state) => ({ ...FIRST, ...state.wall });
  const looked = () => (hovered >= 0 ? hovered : room.get().image);

  function begin(side, siteIndex) {
    if (began?.side === side && began.siteIndex === siteIndex) return;
    const another = began?.side.data.run.name !== side.data.run.name;
    began = { side, siteIndex, quantities: quantitiesOf(side, siteIndex) };
    bar.start(side, siteIndex, began.quantities);
    preview.start(began.quantities);
    ink.forget();
    hovered = -1;
    if (another) order = null;
    else if (order) order = { ...order, again: true }; // a run that is being written: the tiles stay as they stood
  }

  /** The images in their order, and which they are, at the step of which the order is. */
  function put({ a, index, siteIndex = 0 }, wall) {
    if (order && !order.again) return order;
    const at = order ? nearest(a.trace.step, order.step) : index;
    const states = statesAt(a, { index: at, siteIndex });
    const quantity = began.quantities.find(({ name }) => name === wall.sort) ?? began.quantities[0];
    const images = Array.from({ length: a.probes.count }, (_, image) => image);
    const values = images.map((image) => quantity.of(states(image)));
    const kept = images.filter((image) =>
      (wall.label === ALL || a.probes.labels[image] === Number(wall.label)) && (!wall.wrong || isWrong(a.probes.labels[image], answerOf(states(image)))));
    const descending = quantity.descending !== wall.reverse;
    order = { shown: ordered(values, kept, descending), step: a.trace.step[at], still: Boolean(quantity.still) && !wall.wrong, descending, quantity };
    options(a);
    return order;
  }

  /** One option for each tile, in the canvas: what a screen reader walks through. Named again at rest. */
  function options(side) {
    canvas.replaceChildren(...order.shown.map((image) => el("div", { role: "option", id: `wall-${image}`, "data-image": image })));
    name(side);
  }
  function name(side) {
    clearTimeout(naming);
    naming = 0;
    const { index, image: chosen, siteIndex = 0 } = room.get();
    const states = statesAt(side, { index, siteIndex });
    for (const option of canvas.children) {
      const image = Number(option.dataset.image);
      const [label, answer] = [side.probes.labels[image], answerOf(states(image))];
      const words = [`image ${image}`, label >= 0 && `label ${nameOf(side, label)}`, answer >= 0 && `reads ${nameOf(side, answer)}${isWrong(label, answer) ? ", wrong" : ""}`];
      option.setAttribute("aria-label", words.filter(Boolean).join(", "));
      option.setAttribute("aria-selected", String(image === chosen));
    }
    canvas.setAttribute("aria-activedescendant", order.shown.includes(chosen) ? `wall-${chosen}` : "");
  }

  function set(state, theme) {
    const { a, index, image, siteIndex = 0 } = state;
    if (a.sites.length && siteIndex >= a.sites.length) return room.set({ siteIndex: 0 });
    begin(a, siteIndex);
    const wall = wallOf(state);
    const { shown, step, still, descending, quantity } = put(state, wall);
    const states = statesAt(a, { index, siteIndex });

    let wrong = 0;
    for (const each of shown) if (isWrong(a.probes.labels[each], answerOf(states(each)))) wrong++;
    const counter = a.data.run.counter ?? "step";
    const stale = still || step === a.trace.step[index] ? null : `${counter} ${step.toLocaleString("en")}`;
    const of = shown.length === a.probes.count ? "" : ` of ${a.probes.count}`;
    const known = a.trace.probabilities(index, 0) && a.probes.labels.some((label) => label >= 0);
    bar.set(wall, { descending, stale, figures: [`${shown.length}${of} images`, known && `${wrong} wrong`, stale && `order of ${stale}`].filter(Boolean).join(" · ") });

    const site = a.sites[siteIndex] ?? null;
    const reason = shown.length ? reasonOf(site) : wall.wrong ? `None of these is wrong at ${counter} ${step.toLocaleString("en")}. Go to an earlier ${counter} and choose “wrong” again.` : "No image of this class.";
    setText(note, reason);
    note.hidden = !reason;

    fillWindow();
    const room_ = { width: scroller.clientWidth, height: scroller.clientHeight };
    const narrow = matchMedia("(pointer: coarse)").matches || element.clientWidth < 500;
    const inside = { width: room_.width - 2 * RIM, height: room_.height - 2 * RIM };
    const laid = (rule) => ({ ...rule, ...tiling(Math.max(1, shown.length), inside, { ...rule, least: narrow ? TOUCHED : LEAST }) });
    const roomy = laid(ROOMY);
    const { side, columns, height, gap, foot } = roomy.side < EASY && !narrow ? laid(TIGHT) : roomy;
    placing = { side, columns, step: side + gap, row: side + foot + gap };
    const tall = `${Math.max(room_.height, height + 2 * RIM)}px`;
    if (inner.style.height !== tall) inner.style.height = tall;
    canvas.style.height = `${room_.height}px`;
    const from = scroller.scrollTop;
    const slots = [];
    const first = Math.max(0, Math.floor(from / placing.row)) * columns;
    for (let slot = first; slot < shown.length; slot++) {
      const top = RIM + Math.floor(slot / columns) * placing.row - from;
      if (top > room_.height) break;
      slots.push({ slot, left: RIM + (slot % columns) * placing.step, top });
    }
    const context = sized(canvas, room_.width, room_.height);
    ink.draw(canvas, context, theme, {
      side: a, states, shown, slots, show: wall.show, chosen: image, hovered,
      size: { side, foot, ...room_ },
      quantity: quantity.still ? null : quantity,
      again: [a, shown, side, columns, from, wall.show, quantity],
    });
    preview.set(a, statesAt(a, { index, siteIndex })(looked()), wall.sort, theme);
    if (!naming) naming = setTimeout(() => canvas.isConnected && order && began && name(began.side), REST_MS);
  }

  /** As tall as the window leaves it between what stands above and the scrubber below. */
  function fillWindow() {
    const root = element.closest(".stn-room");
    const { top } = root.getBoundingClientRect();
    const above = element.getBoundingClientRect().top - top + Math.max(0, top); // a page that is scrolled hides what is above
    const tall = `${Math.floor(window.innerHeight - above - root.querySelector(".timeline").offsetHeight - EDGES)}px`;
    if (element.style.getPropertyValue("--tall") !== tall) element.style.setProperty("--tall", tall);
  }

  const imageAt = (event) => {
    if (!placing || !order) return -1;
    const box = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left - RIM, event.clientY - box.top - RIM + scroller.scrollTop];
    const [column, row] = [Math.floor(x / placing.step), Math.floor(y / placing.row)];
    if (x < 0 || y < 0 || column >= placing.columns || x - column * placing.step > placing.side) return -1;
    return order.shown[row * placing.columns + column] ?? -1;
  };
  const hover = (image) => {
    if (image === hovered) return;
    hovered = image;
    canvas.style.cursor = image >= 0 ? "pointer" : "";
    room.set({});
  };
  canvas.addEventListener("pointermove", (event) => { if (event.pointerType !== "touch") hover(imageAt(event)); });
  canvas.addEventListener("pointerleave", () => hover(-1));
  canvas.addEventListener("click", (event) => {
    const image = imageAt(event);
    if (image < 0) return;
    // A finger cannot hover: its first touch shows an image beside, its second opens it.
    const opens = event.pointerType !== "touch" || image === room.get().image;
    room.choose(image);
    if (opens) room.open({ image });
  });
  canvas.addEventListener("keydown", (event) => {
    if (!order || !placing || event.ctrlKey || event.metaKey || event.altKey) return;
    const { shown } = order;
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: placing.columns, ArrowUp: -placing.columns, Home: -Infinity, End: Infinity }[event.key];
    if (event.key === "Enter" && shown.includes(room.get().image)) room.open({});
    else if (by) {
      const at = shown.indexOf(room.get().image);
      const next = at < 0 ? 0 : Math.max(0, Math.min(shown.length - 1, at + by));
      hovered = -1;
      if (shown.length) room.choose(shown[next]);
      reveal(next);
      clearTimeout(naming);
      naming = setTimeout(() => name(began.side), 0);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  scroller.addEventListener("scroll", () => room.set({}), { passive: true });

  /** Scroll the wall alone until a tile is in sight. */
  function reveal(slot) {
    const top = Math.floor(slot / placing.columns) * placing.row;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + placing.row + 2 * RIM > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = top + placing.row + 2 * RIM - scroller.clientHeight;
  }

  return {
    name: "wall", title: "Wall", element, set,
    stop: () => {
      clearTimeout(naming);
      naming = 0;
    },
  };
}
