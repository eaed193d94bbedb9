/** What is too large to be handed over whole, fetched when it is looked at: one image's raw grids, or feature maps, at one site. */

import { screenBetween } from "../numbers/screen.js";
import { isDeep, isFlat, together } from "./sites.js";
import { tensorsAt } from "./load.js";

const HOLD_MS = 300; // a part that takes longer is not waited for: the place where it belongs stays empty
const MOST = 6; // parts that are kept, the newest: each may take megabytes
const WORDS = { grid: "The recorded grids of this image", features: "What the network sees of this image here" };

const NOWHERE = { missing: "this page has no server to fetch it from." }; // a host without routes

const addressOf = ({ data: { run, routes }, image }, kind, site) =>
  `${routes.part}${encodeURIComponent(run.name)}/${run.version}/${kind}-${site}-${image}.safetensors`;

/** @returns {object | undefined} a part that is here: a raw grid's or feature map's records; `missing` where it did not come */
const partOf = (state, kind, site) => (state.data.routes.part ? state.parts?.get(addressOf(state, kind, site)) : NOWHERE);

/** @returns {number} index of the last record at or before a step, else of the first */
function recordAt(steps, step) {
  let at = 0;
  while (at + 1 < steps.length && steps[at + 1] <= step) at++;
  return at;
}

/**
 * The grid of a site of no family, as it was recorded.
 *
 * @returns {Float32Array | null} n * 2 numbers, row by row; null while it is on the way, or for a picture that nobody recorded
 */
export function rawGridOf(state, siteIndex = state.siteIndex) {
  if (state.picture) return null;
  const part = partOf(state, "grid", siteIndex);
  if (!part?.grid) return null;
  const [H, W] = part.size;
  const at = recordAt(part.step, state.trace.step[state.index]);
  return part.grid.subarray(2 * H * W * at, 2 * H * W * (at + 1));
}

/** @returns {string | null} why a raw grid is not here and will not come; null while it may */
export const rawMissing = (state, siteIndex = state.siteIndex) => partOf(state, "grid", siteIndex)?.missing ?? null;

const blanks = new Map(); // size -> an image of nothing

function blank([height, width]) {
  const key = `${height} ${width}`;
  if (!blanks.has(key)) {
    if (blanks.size > 8) blanks.clear();
    blanks.set(key, { data: new Float32Array(height * width), channels: 1, height, width, absent: true });
  }
  return blanks.get(key);
}

/**
 * What a site deep in the network samples, of the state's image.
 *
 * @returns {object} an image with its `screen` and the `step` it is of; `absent` while it is on its way, or where the run keeps none
 */
export function featureOf(state) {
  const { site } = state;
  const part = site.features ? partOf(state, "features", state.siteIndex) : null;
  if (!part?.images) return blank(site.input_size);
  return part.images[recordAt(part.step, state.trace.step[state.index])];
}

function readPart(kind, tensors) {
  const step = tensors.step.data;
  if (kind === "grid") {
    const [, H, W] = tensors.grid.shape;
    return { step, size: [H, W], grid: tensors.grid.data };
  }
  const [count, channels, height, width] = tensors.features.shape;
  const size = channels * height * width;
  const screen = screenBetween(tensors.range.data, channels);
  const images = Array.from({ length: count }, (_, i) => ({ data: tensors.features.data.subarray(i * size, (i + 1) * size), channels, height, width, screen, step: step[i] }));
  return { step, images };
}

/** @returns {{kind: string, address: string}[]} what a state cannot be drawn without */
function wantedOf(state) {
  const { data, site, siteIndex, picture } = state;
  if (!site || picture || !data.routes.part) return [];
  const wanted = [];
  const grid = (each, i) => { if (!each.family && isFlat(each)) wanted.push({ kind: "grid", address: addressOf(state, "grid", i) }); };
  grid(site, siteIndex);
  if (isFlat(site) && isDeep(site) && site.features) wanted.push({ kind: "features", address: addressOf(state, "features", siteIndex) });
  for (const i of together(state)) grid(data.sites[i], i);
  return wanted;
}

/**
 * @param {{get: () => object, set: (change: object) => void}} store  `parts` of its state: by address
 * @param {(sentence: string) => void} say
 * @param {(address: string) => Promise<object>} fetching
 * @param {() => number} clock  ms
 * @returns {(state: object) => boolean} to be called with each state that is drawn; whether it waits for a part that was asked for
 *   a moment ago: what stands may stay until it is here, so that nothing turns black for a frame or two
 */
export function createParts({ get, set }, say, fetching = tensorsAt, clock = () => performance.now()) {
  const coming = new Map(); // address -> since when
  let before = "";

  const fetchPart = async ({ kind, address }) => {
    coming.set(address, clock());
    const patience = setTimeout(() => set({}), HOLD_MS);
    let part;
    try {
      part = readPart(kind, await fetching(address));
    } catch (error) {
      part = { missing: error.message };
      if (wantedOf(get()).some((each) => each.address === address)) say(`${WORDS[kind]} did not arrive: ${error.message}`);
    }
    clearTimeout(patience);
    coming.delete(address);
    set((state) => ({ parts: kept(state, address, part) }));
  };
  const kept = (state, address, part) => {
    const parts = new Map(state.parts);
    parts.delete(address);
    parts.set(address, part);
    const needed = new Set(wantedOf(state).map((each) => each.address));
    for (const each of [...parts.keys()]) if (parts.size > MOST && !needed.has(each)) parts.delete(each);
    return parts;
  };

  return (state) => {
    const wanted = wantedOf(state);
    const key = wanted.map(({ address }) => address).join();
    const again = key !== before; // what did not come is asked for once more when somebody comes back to it
    before = key;
    for (const each of wanted) {
      const part = state.parts?.get(each.address);
      if (coming.has(each.address) || (part && !(part.missing && again))) continue;
      fetchPart(each);
    }
    return wanted.some(({ address }) => clock() - (coming.get(address) ?? -Infinity) < HOLD_MS);
  };
}
