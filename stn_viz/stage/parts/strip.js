/** The images of a run, down the left: thumbnails, one chosen; below them the way to any other picture. */

import { createPicture } from "../ink/picture.js";
import { el } from "./dom.js";

/** @param {(image: number) => void} choose  @param {() => void} more  open the lens that has other pictures  @param {() => void} back  to the run's */
export function createStrip(choose, more, back) {
  const list = el("div.thumbs", { role: "listbox", "aria-label": "images", tabindex: 0 });
  const own = createPicture(); // of the picture that is not the run's
  const close = el("button", { type: "button", text: "×", "aria-label": "back to the run's images", title: "back to the run's images", on: { click: back } });
  const chosenOwn = el("div.chosen", { hidden: true }, own.canvas, close);
  const plus = el("button.plain.more", { type: "button", text: "Image +", title: "digits, drawing, gallery, files, camera", on: { click: more } });
  const element = el("nav.strip", { "aria-label": "images" }, el("h2", { text: "Images" }), list, chosenOwn, plus);
  let painted = null;
  const picture = createPicture();
  let chosen = -1;

  list.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, PageDown: 6, PageUp: -6 }[event.key];
    const end = { Home: 0, End: list.children.length - 1 }[event.key];
    if ((!by && end === undefined) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    choose(Math.max(0, Math.min(list.children.length - 1, end ?? chosen + by)));
  });

  return {
    element,
    start: (probes, classes) => {
      chosen = -1;
      list.replaceChildren(...Array.from({ length: probes.count }, (_, i) => {
        picture.paint(probes.image(i));
        const name = classes[probes.labels[i]] ?? "unlabelled";
        const thumb = el("div.thumb", { role: "option", id: `image-${i}`, "aria-label": `image ${i}, label ${name}`, title: `image ${i}, label ${name}` },
          el("img", { src: picture.canvas.toDataURL(), alt: "", draggable: "false" }));
        thumb.addEventListener("click", () => choose(i));
        return thumb;
      }));
    },
    /** @param {number} image  @param {object | null} picture  shown in the image's place */
    set: (image, picture) => {
      chosenOwn.hidden = !picture;
      const key = picture && (picture.camera ?? picture.U); // of a camera the first frame is enough
      if (picture && key !== painted) {
        own.paint(picture.U);
        chosenOwn.title = picture.title;
      }
      painted = key;
      if (picture) image = -1;
      if (image === chosen) return;
      list.children[chosen]?.setAttribute("aria-selected", "false");
      chosen = image;
      const thumb = list.children[chosen];
      if (!thumb) return;
      thumb.setAttribute("aria-selected", "true");
      list.setAttribute("aria-activedescendant", thumb.id);
      // Scroll the strip alone: scrollIntoView would move the page under the hand.
      const [low, high] = [thumb.offsetTop, thumb.offsetLeft];
      if (low < list.scrollTop || low + thumb.offsetHeight > list.scrollTop + list.clientHeight) list.scrollTop = low - list.clientHeight / 2;
      if (high < list.scrollLeft || high + thumb.offsetWidth > list.scrollLeft + list.clientWidth) list.scrollLeft = high - list.clientWidth / 2;
    },
  };
}
