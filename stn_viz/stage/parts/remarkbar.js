/** Remarks under U: at most two lines at once, in a place that is kept for them, so that nothing moves when they come and go. */

import { kernelWords, remarksOf } from "../numbers/remarks.js";
import { el, setText } from "./dom.js";
import { depthRemarks } from "./slicebar.js";

const MOST = 2;
const REST_MS = 900; // a screen reader hears of a remark when the hand has come to rest

/** @returns {{element: HTMLElement, set: (shown: object, state: object) => void, stop: () => void}} */
export function createRemarks() {
  const lines = Array.from({ length: MOST }, () => el("p.remark", { hidden: true }));
  const spoken = el("p.spoken", { "aria-live": "polite" });
  const element = el("div.remarks", { role: "group", "aria-label": "remarks" }, ...lines, spoken);
  let timer = 0;
  let known = "";

  return {
    element,
    set: (shown, state) => {
      const found = (shown.depth ? depthRemarks(shown) : remarksOf(shown, state)).slice(0, MOST);
      lines.forEach((line, i) => {
        const remark = found[i];
        line.hidden = !remark;
        if (!remark) return;
        setText(line, remark.text);
        if (line.title !== remark.more) line.title = remark.more;
        line.classList.toggle("warns", remark.level > 1);
      });
      const keys = found.map(({ key }) => key).join();
      if (keys === known) return;
      known = keys;
      clearTimeout(timer);
      timer = setTimeout(() => setText(spoken, lines.filter((line) => !line.hidden).map((line) => `${line.textContent} ${line.title}`).join(" ")), REST_MS);
    },
    stop: () => clearTimeout(timer),
  };
}

/** The word beside a choice of kernels: what nearest does to learning. */
export function createKernelNote() {
  const element = el("span.kernelnote", { hidden: true, title: "V jumps from pixel to pixel as θ moves: its slope is 0 everywhere, and nothing can be learnt from it" });
  return {
    element,
    set: (kernel) => {
      setText(element, kernelWords(kernel));
      element.hidden = !element.textContent;
    },
  };
}
