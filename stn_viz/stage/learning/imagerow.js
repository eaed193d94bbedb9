/** The images of a run in one row that scrolls: one is chosen. Painted when it is first looked at. */

import { createPicture } from "../ink/picture.js";
import { el } from "../parts/dom.js";

let rows = 0; // two lenses have one each in the same page

/** @param {(image: number) => void} choose */
export function createImageRow(choose) {
  const row = `row-${(rows += 1)}`;
  const element = el("div.thumbs.imagerow", { role: "listbox", "aria-label": "images", "aria-orientation": "horizontal", tabindex: 0 });
  const picture = createPicture();
  let standing = null; // the probes that stand here
  let chosen = -1;

  element.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    const end = { Home: 0, End: element.children.length - 1 }[event.key];
    if ((!by && end === undefined) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    choose(Math.max(0, Math.min(element.children.length - 1, end ?? chosen + by)));
  });
  const fill = (probes, classes) => {
    chosen = -1;
    element.replaceChildren(...Array.from({ length: probes.count }, (_, i) => {
      picture.paint(probes.image(i));
      const name = `image ${i}, label ${classes[probes.labels[i]] ?? "unknown"}`;
      const thumb = el("div.thumb", { role: "option", id: `${row}-image-${i}`, "aria-label": name, title: name },
        el("img", { src: picture.canvas.toDataURL(), alt: "", draggable: "false" }));
      thumb.addEventListener("click", () => choose(i));
      return thumb;
    }));
  };
  return {
    element,
    /** @param {object} side  a run of the room  @param {number} image */
    set: ({ probes, classes }, image) => {
      if (probes !== standing) fill(probes, classes);
      standing = probes;
      if (image === chosen) return;
      element.children[chosen]?.setAttribute("aria-selected", "false");
      chosen = image;
      const thumb = element.children[chosen];
      thumb.setAttribute("aria-selected", "true");
      element.setAttribute("aria-activedescendant", thumb.id);
      // The row alone scrolls: scrollIntoView would move the page under the hand.
      const at = thumb.offsetLeft;
      if (at < element.scrollLeft || at + thumb.offsetWidth > element.scrollLeft + element.clientWidth) element.scrollLeft = at - element.clientWidth / 2;
    },
  };
}
