/** Below U where it is a feature map: what is drawn of it, in words, and all its channels in the picture's place. */

import { createPicture } from "../ink/picture.js";
import { screenBetween } from "../numbers/screen.js";
import { isDeep, isFlat } from "../state/sites.js";
import { seesChannels } from "../state/siteinput.js";
import { el, setText } from "./dom.js";
import { createChoice } from "./slider.js";

const FLAT = screenBetween([0, 255], 1); // bytes

/** @param {{see: (what: "components" | "channels") => void}} actions */
export function createFeaturePanel({ see }) {
  const words = el("span");
  const which = createChoice("what is shown of U", [
    { value: "components", text: "components", title: "U as a picture of at most three channels" },
    { value: "channels", text: "channels", title: "every channel by itself, asked of the network" },
  ], see);
  const about = el("div.aboutU", { hidden: true }, words, which.element);
  const tiles = el("div.channels", { role: "img", hidden: true });
  let pictures = [];

  const paint = ({ shown, height, width, data }) => {
    if (pictures.length !== shown) {
      pictures = Array.from({ length: shown }, createPicture);
      tiles.replaceChildren(...pictures.map(({ canvas }) => canvas));
      tiles.style.gridTemplateColumns = `repeat(${Math.ceil(Math.sqrt(shown))}, minmax(0, 1fr))`;
    }
    const count = height * width;
    pictures.forEach((picture, c) => picture.paint({ data: data.subarray(c * count, (c + 1) * count), channels: 1, height, width, screen: FLAT }));
  };

  return {
    about, tiles,
    /** @returns {boolean} whether U is a feature map */
    set: ({ U }, state) => {
      const { site, picture, data, trace, index, channels } = state;
      const deep = Boolean(site) && isDeep(site) && isFlat(site) && !picture;
      about.hidden = !deep;
      const seen = deep && seesChannels(state);
      const { view } = channels ?? {};
      const known = seen && view && view.run === data.run.name && view.image === state.image && view.site === state.siteIndex ? channels : null;
      tiles.hidden = !known?.data;
      if (!deep) return false;
      which.element.hidden = !data.run.has_network;
      which.set(seen ? "channels" : "components");
      const counter = data.run.counter ?? "step";
      if (known?.data) paint(known);
      setText(words, seen ? channelWords(known, counter) : componentWords(U, site, counter, trace.step[index]));
      about.title = words.textContent;
      tiles.setAttribute("aria-label", words.textContent);
      return true;
    },
  };
}

/** "64 channels, as their three principal components, of step 800". */
function componentWords(U, { channels, features }, counter, step) {
  const of = `${channels} ${channels === 1 ? "channel" : "channels"}`;
  if (!features) return `${of} inside the network: this run keeps no picture of them.`;
  if (U.absent) return `${of} inside the network: their picture is on its way.`;
  const how = channels <= 3 ? (channels === 2 ? ", the first of them" : "") : `, shown as their ${U.channels === 3 ? "three principal components" : "principal component"}`;
  return `${of}${how}, of ${counter} ${U.step.toLocaleString("en")}${U.step > step ? ", the first that is kept" : ""}`;
}

/** "64 channels of 12 × 12, weights of step 800, black −0.31, white 2.64". */
function channelWords(known, counter) {
  if (!known) return "asking the network …";
  if (known.error) return known.error;
  const { shown, channels, of, low, high, snapshot } = known;
  const number = (value) => String(Number(value.toPrecision(3))).replace("-", "−");
  const first = shown < channels ? `the first ${shown} of ${channels} channels` : `${channels} channels`;
  return `${first} of ${of[1]} × ${of[0]}, weights of ${counter} ${snapshot.toLocaleString("en")}; black ${number(low)}, white ${number(high)}`;
}
