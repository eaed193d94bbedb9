/** Which of the network's transformers is looked at: one line in the head of theta's panel, where there are several. */

import { titleOf } from "../state/sites.js";
import { el } from "./dom.js";

/** @param {(site: number) => void} choose */
export function createSitePicker(choose) {
  const picker = el("select.site", { "aria-label": "transformer", title: "which of the network's transformers", hidden: true });
  picker.addEventListener("change", () => choose(Number(picker.value)));
  let shown = "";
  return {
    element: picker,
    set: ({ data: { sites }, siteIndex }) => {
      const key = sites.map(titleOf).join("\n");
      if (key !== shown) {
        picker.replaceChildren(...sites.map((site, i) => el("option", { value: i, text: titleOf(site, i) })));
        picker.hidden = sites.length < 2;
      }
      shown = key;
      if (picker.value !== String(siteIndex)) picker.value = String(siteIndex);
    },
  };
}
