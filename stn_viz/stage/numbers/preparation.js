/**
 * What is done to a picture before it becomes U: crop, size, grey, invert, normalise, in this order; and the words that say so.
 *
 * A picture here has `name` (its id without settings, or null), `original` (the image before) and, prepared, U, settings,
 * id (name and settings, for the link), note (the words) and refusal (why the network is not asked, or null).
 */

import { axis, createReduction } from "./areas.js";

/** Luma of Rec. 601, as PIL, OpenCV and torchvision turn colour to grey. */
const LUMA = [0.299, 0.587, 0.114];

/** (v - mean) / std, by channel; what the networks of these data sets are usually trained with. */
const SCALES = {
  half: { mean: [0.5], std: [0.5] },
  mnist: { mean: [0.1307], std: [0.3081] },
  imagenet: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
};
export const NORMALISERS = ["none", "own", "half", "mnist", "imagenet"];

/** @typedef {{crop: "none" | "square", size: [number, number] | null, grey: boolean, invert: boolean, normalise: string}} Settings */

/** @type {Settings} */
export const AS_IT_IS = Object.freeze({ crop: "none", size: null, grey: false, invert: false, normalise: "none" });

/** @returns {Settings} what makes a picture fit a network, as far as size and channels go */
export const asNetworkTakes = (settings, [channels, height, width]) =>
  ({ ...settings, crop: height === width ? "square" : "none", size: [height, width], grey: channels === 1, normalise: "none" });

/** @returns {boolean} */
export const sameSettings = (a, b) => idOf("", a) === idOf("", b);

/**
 * The image after pre-processing.
 *
 * @param {{data: Float32Array, channels: number, height: number, width: number}} original  values 0..1
 * @param {Settings} settings
 * @param {boolean} rounded  to 1/255, since the line to the network sends bytes
 * @param {(name: string, length: number) => Float32Array} buffer  gives a buffer for the result, of any content
 * @returns {{U: object, mean: number[], std: number[]}} mean and std by channel, that were taken off; empty without normalising
 */
export function prepareImage(original, settings, rounded = false, buffer = (name, length) => new Float32Array(length)) {
  const crop = cropOf(original, settings);
  const [height, width] = settings.size ?? [crop.height, crop.width];
  const n = height * width;
  const scaled = buffer("scaled", original.channels * n).fill(0);
  const reduction = reductionOf([crop.width, width, crop.height, height]);
  for (let c = 0; c < original.channels; c++) {
    const start = (c * original.height + crop.top) * original.width + crop.left;
    reduction.add(scaled, c * n, original.data, { start, step: 1, stride: original.width, scale: 1 }, 0, crop.height);
  }
  const toGrey = settings.grey && original.channels === 3;
  const data = toGrey ? buffer("grey", n) : scaled;
  if (toGrey) for (let i = 0; i < n; i++) data[i] = LUMA[0] * scaled[i] + LUMA[1] * scaled[n + i] + LUMA[2] * scaled[2 * n + i];
  if (settings.invert) for (let i = 0; i < data.length; i++) data[i] = 1 - data[i];
  if (rounded) for (let i = 0; i < data.length; i++) data[i] = Math.round(255 * data[i]) / 255;
  const U = { data, channels: toGrey ? 1 : original.channels, height, width };
  return { U, ...normaliseInPlace(U, settings.normalise) };
}

let kept = { key: "", reduction: null }; // of the picture before: a camera's frames are all alike

function reductionOf([fromWidth, toWidth, fromHeight, toHeight]) {
  const key = `${fromWidth} ${toWidth} ${fromHeight} ${toHeight}`;
  if (key !== kept.key) kept = { key, reduction: createReduction(axis(fromWidth, toWidth), axis(fromHeight, toHeight)) };
  return kept.reduction;
}

function cropOf({ height, width }, { crop }) {
  if (crop === "none") return { top: 0, left: 0, height, width };
  const side = Math.min(height, width);
  return { top: Math.floor((height - side) / 2), left: Math.floor((width - side) / 2), height: side, width: side };
}

function normaliseInPlace({ data, channels, height, width }, kind) {
  const n = height * width;
  const mean = [];
  const std = [];
  if (kind === "none") return { mean, std };
  for (let c = 0; c < channels; c++) {
    const { mean: m, std: s } = kind === "own" ? moments(data, c * n, n) : SCALES[kind];
    mean.push(m[c % m.length]);
    std.push(s[c % s.length]);
    for (let i = c * n; i < (c + 1) * n; i++) data[i] = (data[i] - mean[c]) / std[c];
  }
  return { mean, std };
}

/** A plane of one value has no spread: it is moved to 0 and not scaled. */
function moments(data, at, n) {
  let sum = 0;
  for (let i = at; i < at + n; i++) sum += data[i];
  const mean = sum / n;
  let squares = 0;
  for (let i = at; i < at + n; i++) squares += (data[i] - mean) ** 2;
  return { mean: [mean], std: [Math.sqrt(squares / n) > 1e-6 ? Math.sqrt(squares / n) : 1] };
}

/**
 * A picture prepared: U and all that is said of it.
 *
 * @param {object} picture  name, title, original and whatever else it carries
 * @param {Settings} settings
 * @param {[number, number, number] | null} input  the network's (C, H, W)
 * @param {(name: string, length: number) => Float32Array} [buffer]
 */
export function preparedPicture(picture, settings, input, buffer) {
  const { original } = picture;
  const plain = sameSettings(settings, AS_IT_IS);
  const fits = input && fitsInput(shapeAfter(original, settings), input) && settings.normalise === "none";
  const { U, mean, std } = plain && !fits ? { U: original, mean: [], std: [] } : prepareImage(original, settings, fits, buffer);
  return {
    ...picture, U, settings,
    id: picture.name ? idOf(picture.name, settings) : null,
    note: words(original, settings, { U, mean, std }, fits && !plain),
    refusal: refusal(U, settings, input),
  };
}

function shapeAfter(original, settings) {
  const crop = cropOf(original, settings);
  return { channels: settings.grey ? 1 : original.channels, height: settings.size?.[0] ?? crop.height, width: settings.size?.[1] ?? crop.width };
}
const fitsInput = ({ channels, height, width }, [C, H, W]) => channels === C && height === H && width === W;

const colour = ({ channels }) => (channels === 3 ? "colour" : "grey");
const size = ({ height, width }) => `${width} × ${height}`; // as people say it: width first

/** @returns {string | null} why the network is not asked about this picture */
export function refusal(U, settings, input) {
  if (!input) return null;
  if (settings.normalise !== "none") return "The network takes values from 0 to 1 and is not asked about normalised ones. Set “normalise” to none to ask it.";
  if (fitsInput(U, input)) return null;
  const [channels, height, width] = input;
  return `The network takes ${size({ height, width })} ${colour({ channels })}; this picture is ${size(U)} ${colour(U)}.`;
}

/** One line: "451 × 300 colour → centre square 300 × 300 → 28 × 28, averaged → grey (0.299, 0.587, 0.114)". */
function words(original, settings, { U, mean, std }, rounded) {
  const crop = cropOf(original, settings);
  const steps = [`${size(original)} ${colour(original)}`];
  if (crop.height !== original.height || crop.width !== original.width) steps.push(`centre square ${size(crop)}`);
  if (U.height !== crop.height || U.width !== crop.width) steps.push(`${size(U)}, ${howScaled(crop, U)}`);
  if (settings.grey && original.channels === 3) steps.push(`grey (${LUMA.join(", ")})`);
  if (settings.invert) steps.push("inverted, 1 − v");
  if (rounded) steps.push("rounded to 1/255");
  if (mean.length) steps.push(normalisedWords(U, mean, std));
  return steps.length > 1 ? steps.join(" → ") : `${steps[0]}, as it is`;
}

function howScaled(crop, U) {
  const across = U.width / crop.width;
  const down = U.height / crop.height;
  const how = [across, down].every((share) => share <= 1) ? "averaged" : [across, down].every((share) => share >= 1) ? "enlarged bilinearly" : "averaged and enlarged";
  const uneven = Math.abs(across / down - 1) > 0.02; // more than rounding to whole pixels
  return uneven ? `${how}, squeezed (${(across / down).toFixed(2)} : 1)` : how;
}

function normalisedWords(U, mean, std) {
  const list = (values) => (values.length > 1 && values.some((v) => v !== values[0]) ? `(${values.map((v) => v.toFixed(3)).join(", ")})` : signed(values[0], 4));
  let low = Infinity;
  let high = -Infinity;
  for (const value of U.data) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const range = `values ${signed(low, 2)} to ${signed(high, 2)}`;
  return `(v − ${list(mean)}) / ${list(std)}: ${range}${low < 0 || high > 1 ? ", drawn clipped to 0..1" : ""}`;
}
const signed = (value, digits) => String(Number(value.toFixed(digits))).replace("-", "−");

/** @returns {string} name and settings, as the link carries them: "chelsea:square:28x28:grey:invert:own", size as H x W */
export function idOf(name, { crop, size: to, grey, invert, normalise }) {
  const parts = [name, crop === "square" && "square", to && to.join("x"), grey && "grey", invert && "invert", normalise !== "none" && normalise];
  return parts.filter((part) => part !== false && part !== null).join(":");
}

const LARGEST = 2000; // pixels a side, of a size in a link

/** @returns {{name: string, settings: Settings}} of an id; a part that means nothing is left out */
export function partsOf(id) {
  const [name, ...parts] = id.split(":");
  const settings = { ...AS_IT_IS };
  for (const part of parts) {
    const to = /^(\d{1,4})x(\d{1,4})$/.exec(part)?.slice(1).map(Number);
    if (to && to.every((side) => side > 0 && side <= LARGEST)) settings.size = to;
    else if (part === "square") settings.crop = "square";
    else if (part === "grey" || part === "invert") settings[part] = true;
    else if (NORMALISERS.includes(part)) settings.normalise = part;
  }
  return { name, settings };
}
