/** The list of shortcuts, as a dialog. */

import { LOCAL, SHORTCUTS } from "../hand/keys.js";
import { el } from "./dom.js";

const OF_STAGE = [...SHORTCUTS.map(({ keys, what }) => [keys, what]), ...LOCAL];

/** @param {[string, string][]} lines  keys and what they do */
export function createHelp(lines = OF_STAGE) {
  const close = el("button.plain", { type: "button", text: "Close", on: { click: () => dialog.close() } });
  const dialog = el("dialog.help", { "aria-label": "keys" },
    el("h2", { text: "Keys" }),
    el("dl", {}, ...lines.flatMap(([keys, what]) => [el("dt", {}, el("kbd", { text: keys })), el("dd", { text: what })])),
    close);
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("keydown", (event) => { if (event.key !== "Tab") event.stopPropagation(); });
  return { element: dialog, toggle: () => (dialog.open ? dialog.close() : dialog.showModal()) };
}
