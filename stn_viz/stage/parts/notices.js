/** Sentences that somebody must be able to read: what went wrong and what to do; and the state, for screen readers. */

import { el, setText } from "./dom.js";

const SHOWN_MS = 6000;

export function createNotices() {
  const list = el("div.notices", { role: "alert" });
  const passing = el("p.passing", { role: "alert", hidden: true });
  const status = el("p.spoken", { role: "status" });
  let timer = 0;
  let shown = "";
  return {
    element: el("div.messages", {}, list, passing),
    status,
    /** Sentences about the run that stay until closed. @param {string[]} sentences */
    set: (sentences) => {
      const key = sentences.join("\n");
      if (key === shown) return;
      shown = key;
      list.replaceChildren(...sentences.map((text) => {
        const notice = el("p", { text });
        notice.append(el("button.close", { type: "button", text: "×", "aria-label": "close", on: { click: () => notice.remove() } }));
        return notice;
      }));
    },
    /** One sentence that goes away by itself. */
    say: (sentence) => {
      setText(passing, sentence);
      passing.hidden = false;
      clearTimeout(timer);
      timer = setTimeout(() => { passing.hidden = true; }, SHOWN_MS);
    },
    speak: (sentence) => setText(status, sentence),
    stop: () => clearTimeout(timer),
  };
}
