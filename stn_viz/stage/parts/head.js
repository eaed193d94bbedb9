/** The head of the stage: which run, the ways to the other pages, share, present, help. */

import { el, setText } from "./dom.js";

const SHOWN_MS = 1600;

/**
 * @param {{chooseRun: (name: string) => void, goTo: ((page: string) => void) | null, share: () => Promise<string>, present: () => void, help: () => void}} actions
 *   goTo is null where the host has no other pages
 */
export function createHead(actions) {
  const picker = el("select.run", { "aria-label": "run", title: "choose a run" });
  picker.addEventListener("change", () => actions.chooseRun(picker.value));
  const way = (page, text, title) => el("button.plain.all", { type: "button", text, title, on: { click: () => actions.goTo(page) } });
  const all = actions.goTo ? [way("learning", "Learning", "how localisation was learned: all images, over the whole training"), way("runs", "Runs", "all runs: open, import, diagnose")] : [];
  const share = el("button.plain", { type: "button", text: "Share", title: "copy a link to this view" });
  share.addEventListener("click", async () => {
    const said = await actions.share();
    setText(share, said);
    setTimeout(() => setText(share, "Share"), SHOWN_MS);
  });
  const present = el("button.plain.presenting", { type: "button", text: "Present", title: "large, for a projector", "aria-pressed": "false", on: { click: actions.present } });
  const help = el("button.plain.help", { type: "button", text: "?", title: "keys (?)", "aria-label": "keys", on: { click: actions.help } });
  const element = el("header.head", {}, el("h1", { text: "STN Viz" }), el("span.space"), picker, ...all, share, present, help);
  let shown = "";
  return {
    element,
    start: (runs, name) => {
      const key = JSON.stringify(runs);
      if (key !== shown) {
        picker.replaceChildren(...runs.map((run) => el("option", { value: run.name, title: run.problem, text: run.usable ? run.title : `${run.title} (does not open)` })));
      }
      shown = key;
      picker.value = name;
    },
    setPresenting: (on) => {
      setText(present, on ? "Leave" : "Present");
      present.setAttribute("aria-pressed", String(on));
    },
  };
}
