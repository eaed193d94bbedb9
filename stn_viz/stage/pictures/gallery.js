/** The images that come with the app, and the drawn sign: chosen by a thumbnail, or by their name out of a link. */

import { partsOf, preparedPicture } from "../numbers/preparation.js";
import { el, setText } from "../parts/dom.js";
import { createPicture } from "../ink/picture.js";
import { decodeFile } from "./decode.js";
import { drawSign } from "./sign.js";

/** In the order shown: the first is not square and not symmetric. `credit` as data/images/LICENCES.md has it. */
export const IMAGES = [
  { name: "chelsea", file: "chelsea.png", title: "Cat", credit: "Stefan van der Walt, CC0" },
  { name: "sign", file: null, title: "Sign", credit: "drawn by this app" },
  { name: "coffee", file: "coffee.jpg", title: "Coffee", credit: "Rachel Michetti, CC0" },
  { name: "china", file: "china.jpg", title: "China", credit: "danielbuechele (Flickr), CC BY 2.0, reduced" },
  { name: "text", file: "text.png", title: "Text", credit: "scikit-image, public domain" },
  { name: "coins", file: "coins.png", title: "Coins", credit: "Brooklyn Museum, no known restrictions" },
  { name: "brick", file: "brick.png", title: "Brick", credit: "CC0Textures, CC0" },
  { name: "horse", file: "horse.png", title: "Horse", credit: "scikit-image, public domain" },
  { name: "astronaut", file: "astronaut.jpg", title: "Astronaut", credit: "NASA, public domain" },
];
const opened = new Map(); // name -> promise of an image: each is fetched once

/** @returns {Promise<object>} the image of one of IMAGES */
function imageNamed({ name, file, title }, address) {
  if (!opened.has(name)) {
    const promise = file ? fetched(address(file), title) : Promise.resolve(drawSign());
    promise.catch(() => opened.delete(name)); // a failed fetch may be tried again
    opened.set(name, promise);
  }
  return opened.get(name);
}

async function fetched(url, title) {
  let response;
  try {
    response = await fetch(url);
  } catch {
    throw new Error(`The image “${title}” did not arrive: is the server running? Choose it again.`);
  }
  const kind = response.headers.get("content-type") ?? "";
  if (!response.ok || !kind.startsWith("image/")) throw new Error(`The image “${title}” is not on the server (${response.ok ? "it sent a page instead" : response.status}). Reload this page.`);
  return (await decodeFile(await response.blob(), `The image “${title}”`)).image;
}

/**
 * A picture by its id, as a link carries it.
 *
 * @param {string} id  "chelsea", "sign:square:28x28:grey"
 * @param {{address: (file: string) => string, input?: [number, number, number] | null}} where
 * @returns {Promise<object | null>} null: no name of this gallery
 */
export async function openNamed(id, { address, input = null }) {
  const { name, settings } = partsOf(id);
  const known = IMAGES.find((each) => each.name === name);
  return known ? preparedPicture(await pictureOf(known, address), settings, input) : null;
}

async function pictureOf(known, address) {
  const { name, title, credit } = known;
  return { name, title, credit, label: -1, pose: null, theta: null, original: await imageNamed(known, address) };
}

/**
 * @param {{choose: (picture: object) => void, say: (sentence: string) => void, signal: AbortSignal, address: (file: string) => string, standing: () => any}} actions
 *   standing: what is U now: another one that came meanwhile is the newer choice
 * @returns {{element: HTMLElement, set: (shown: object, state: object) => void}}
 */
export function createGalleryPanel({ choose, say, signal, address, standing = () => null }) {
  const credit = el("p.credit");
  const shelf = el("div.shelf", { role: "group", "aria-label": "gallery" });
  let newest = 0; // the last one asked for is the one that is shown
  let chosen = null;

  const pick = async (known) => {
    const mine = ++newest;
    const before = standing();
    try {
      const picture = await pictureOf(known, address);
      if (mine === newest && standing() === before && !signal.aborted) choose(picture);
    } catch (error) {
      if (mine === newest) say(error.message);
    }
  };
  const thumbnail = ({ file, title }) => {
    if (file) return el("img", { src: address(file), alt: "", draggable: "false" });
    const picture = createPicture();
    picture.paint(drawSign());
    return el("img", { src: picture.canvas.toDataURL(), alt: "", draggable: "false" });
  };
  const fill = () => shelf.replaceChildren(...IMAGES.map((known) =>
    el("button.print", { type: "button", "aria-pressed": "false", title: `${known.title}: ${known.credit}`, on: { click: () => pick(known) } },
      thumbnail(known), el("span", { text: known.title }))));

  return {
    element: el("div.gallery", {}, shelf, credit),
    set: (shown, { picture }) => {
      if (!shelf.children.length) fill(); // thumbnails are fetched when somebody looks
      const name = picture?.name ?? null;
      if (name === chosen) return;
      chosen = name;
      IMAGES.forEach((known, i) => shelf.children[i].setAttribute("aria-pressed", String(known.name === name)));
      const known = IMAGES.find((each) => each.name === name);
      setText(credit, known ? `${known.title}: ${known.credit}` : "");
    },
  };
}
