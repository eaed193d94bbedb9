/** Pre-processing, shown: the picture before and after, what was done in one line, and the choices that do it. */

import { createPicture } from "../ink/picture.js";
import { axis, capped, createReduction } from "../numbers/areas.js";
import { AS_IT_IS, asNetworkTakes, NORMALISERS, preparedPicture, sameSettings } from "../numbers/preparation.js";
import { el, setText } from "../parts/dom.js";
import { createChoice, row } from "../parts/slider.js";

const PREVIEW = 240; // pixels of the longer side, of a picture larger than that
const WORDS = { none: "none", own: "this picture's own mean and std", half: "mean 0.5, std 0.5", mnist: "MNIST: 0.1307, 0.3081", imagenet: "ImageNet, by colour" };

/**
 * The form, and the way every picture with an original takes into the stage.
 *
 * @param {{choose: (picture: object) => void, inputSize: () => [number, number, number] | null}} actions
 *   inputSize: the network's (C, H, W), or null where there is no network
 * @returns {{element: HTMLElement, take: (picture: object) => object, set: (shown: object, state: object) => void}}
 */
export function createPreparer({ choose, inputSize }) {
  let settings = AS_IT_IS; // of the next picture; the one shown has been prepared with them
  let current = null;
  let inputKey = "";
  let buffer = null; // of the camera's frames
  let camera = null;

  const take = (picture) => {
    if (!picture.live || picture.camera !== camera) buffer = picture.live ? alternating() : null; // what an earlier camera left may still be shown
    camera = picture.live ? picture.camera : null;
    current = preparedPicture(picture, settings, inputSize(), buffer?.());
    choose(current);
    return current;
  };
  const change = (some) => {
    settings = { ...settings, ...some };
    if (!current?.original) return;
    const { sent, ...picture } = current; // what was sent of it was prepared with the settings of before
    take({ ...picture, live: false });
  };

  const before = createPreview("before");
  const after = createPreview("after");
  const words = el("p.pipeline", { role: "status" });
  const unasked = el("p.refusal");
  const crop = createChoice("crop", [{ value: "none", text: "all of it" }, { value: "square", text: "centre square" }], (value) => change({ crop: value }));
  const grey = createChoice("colour", [{ value: false, text: "as it is" }, { value: true, text: "grey" }], (value) => change({ grey: value }));
  const invert = createChoice("values", [{ value: false, text: "as they are" }, { value: true, text: "inverted" }], (value) => change({ invert: value }));
  const normalise = el("select", { "aria-label": "normalise" }, ...NORMALISERS.map((value) => el("option", { value, text: WORDS[value] })));
  normalise.addEventListener("change", () => change({ normalise: normalise.value }));
  const sizes = el("div.sizes");
  let size = null;
  const network = el("button.plain", { type: "button", text: "As the network takes it", on: { click: () => change(asNetworkTakes(settings, inputSize())) } });
  const plain = el("button.plain", { type: "button", text: "As it is", title: "no pre-processing", on: { click: () => change(AS_IT_IS) } });
  const element = el("section.prepare", { "aria-label": "pre-processing", hidden: true },
    el("div.previews", {}, before.element, el("span.arrow", { "aria-hidden": "true", text: "→" }), after.element, el("div.ways", {}, network, plain)),
    words, unasked,
    el("div.pair", {}, row("crop", crop.element), row("size", sizes)),
    el("div.pair", {}, row("colour", grey.element), row("values", invert.element)),
    row("normalise", normalise));

  /** Sizes that can be chosen: the picture's own, the network's, and one that a link brought. */
  const offer = (input) => {
    const own = settings.size && settings.size.join("x");
    const its = input && input.slice(1).join("x");
    const key = `${own} ${its}`;
    if (key === inputKey) return;
    inputKey = key;
    const text = (name) => name.split("x").reverse().join(" × ");
    const options = [{ value: "", text: "its own" }];
    if (its) options.push({ value: its, text: text(its), title: "the network's input" });
    if (own && own !== its) options.push({ value: own, text: text(own), title: "from the link" });
    size = createChoice("size", options, (value) => change({ size: value ? value.split("x").map(Number) : null }));
    sizes.replaceChildren(size.element);
  };

  const set = (shown, { picture }) => {
    element.hidden = !picture?.original || !picture.settings;
    if (element.hidden) {
      current = null;
      return;
    }
    const input = inputSize();
    if (picture !== current) settings = picture.settings; // by undo, or from a link
    current = picture;
    offer(input);
    before.set(picture.original);
    after.set(picture.U);
    setText(words, picture.note);
    const why = input && picture.refusal;
    setText(unasked, why ?? "");
    unasked.hidden = !why;
    network.hidden = !input;
    network.disabled = Boolean(input) && sameSettings(settings, asNetworkTakes(settings, input));
    plain.disabled = sameSettings(settings, AS_IT_IS);
    crop.set(settings.crop);
    size.set(settings.size ? settings.size.join("x") : "");
    grey.set(settings.grey);
    invert.set(settings.invert);
    if (normalise.value !== settings.normalise) normalise.value = settings.normalise;
  };
  return { element, take, set };
}

/** Two sets of buffers in turn: the frame that is drawn is not the one being written, and none is made per frame. */
function alternating() {
  const sets = [new Map(), new Map()];
  let turn = 0;
  return () => {
    const kept = sets[(turn = 1 - turn)];
    return (name, length) => {
      if (kept.get(name)?.length !== length) kept.set(name, new Float32Array(length));
      return kept.get(name);
    };
  };
}

/** A small canvas with a picture and its size under it; a large picture is averaged, a small one shows its pixels. */
function createPreview(title) {
  const picture = createPicture();
  const caption = el("figcaption");
  picture.canvas.setAttribute("role", "img");
  let shown = null;
  return {
    element: el("figure", {}, picture.canvas, caption),
    set: (image) => {
      if (image === shown) return;
      shown = image;
      const { width, height } = image;
      const large = Math.max(width, height) > 2 * PREVIEW;
      picture.paint(large ? reduced(image, capped(height, width, PREVIEW)) : image);
      picture.canvas.classList.toggle("few", Math.max(width, height) < PREVIEW);
      setText(caption, `${title}, ${width} × ${height}`);
      picture.canvas.setAttribute("aria-label", `the picture ${title} pre-processing, ${width} × ${height}`);
    },
  };
}

function reduced({ data, channels, height, width }, [to, wide]) {
  const small = new Float32Array(channels * to * wide);
  const reduction = createReduction(axis(width, wide), axis(height, to));
  for (let c = 0; c < channels; c++) reduction.add(small, c * to * wide, data, { start: c * height * width, step: 1, stride: width, scale: 1 }, 0, height);
  return { data: small, channels, height: to, width: wide };
}
