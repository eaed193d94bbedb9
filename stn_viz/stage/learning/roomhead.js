/** The head of the room: which run, which one beside it, the ways to the other pages, share, present, help; what training reached. */

import { el, setText } from "../parts/dom.js";

const NONE = "";
const SHOWN_MS = 1600;

/**
 * @param {{chooseRun: (name: string) => void, beside: (name: string | null) => void, goTo: (page: string) => void, share: () => Promise<string>, present: () => void, help: () => void}} actions
 */
export function createRoomHead(actions) {
  const run = el("select.run", { "aria-label": "run", title: "choose a run" });
  const beside = el("select.run.beside", { "aria-label": "run beside", title: "another run beside it, under the same scrubber" });
  run.addEventListener("change", () => actions.chooseRun(run.value));
  beside.addEventListener("change", () => actions.beside(beside.value || null));
  const way = (page, text, title) => el("button.plain.all", { type: "button", text, title, on: { click: () => actions.goTo(page) } });
  const share = el("button.plain", { type: "button", text: "Share", title: "copy a link to this view" });
  share.addEventListener("click", async () => {
    setText(share, await actions.share());
    setTimeout(() => setText(share, "Share"), SHOWN_MS);
  });
  const present = el("button.plain.presenting", { type: "button", text: "Present", title: "large, for a projector", "aria-pressed": "false", on: { click: actions.present } });
  const help = el("button.plain.help", { type: "button", text: "?", title: "keys (?)", "aria-label": "keys", on: { click: actions.help } });
  const element = el("header.head", {}, el("h1", {}, "STN Viz ", el("span", { text: "· learning" })), el("span.space"), run, beside,
    way("workbench", "Workbench", "this image and step, to be touched"), way("runs", "Runs", "all runs: open, import, diagnose"), share, present, help);
  const outcome = el("p.outcome", { hidden: true });
  let shown = "";
  return {
    element, outcome,
    start: (runs, name, besideName) => {
      const key = JSON.stringify([runs, name]);
      if (key !== shown) {
        const option = (each) => el("option", { value: each.name, title: each.problem, disabled: !each.usable, text: each.usable ? each.title : `${each.title} (does not open)` });
        run.replaceChildren(...runs.map(option));
        beside.replaceChildren(el("option", { value: NONE, text: "beside: none" }), ...runs.filter((each) => each.name !== name).map(option));
      }
      shown = key;
      run.value = name;
      beside.value = besideName ?? NONE;
    },
    /** What the training reached, in one line; "" where nothing is known. */
    setOutcome: (sentence) => {
      setText(outcome, sentence);
      outcome.hidden = !sentence;
    },
    setPresenting: (on) => {
      setText(present, on ? "Leave" : "Present");
      present.setAttribute("aria-pressed", String(on));
    },
  };
}
