/** What a network says, short: an upright bar for each class. Many classes, or long names, stand in the workbench's list. */

import { createAnswers } from "../parts/answers.js";
import { el, setText } from "../parts/dom.js";

const MOST = 12;

export function createPairBars() {
  const bars = el("div.uprights", { role: "list", "aria-label": "the network says, %" });
  const list = createAnswers();
  const none = el("p.without", { text: "This network gives no classes." });
  const element = el("div.pairbars", {}, bars, list.element, none);
  let items = [];
  let short = true;
  return {
    element,
    start: (classes) => {
      short = classes.length <= MOST && classes.every((name) => name.length <= 2);
      none.hidden = classes.length > 0;
      bars.hidden = !short || !classes.length;
      if (!short) list.start(classes);
      list.element.hidden = short;
      items = !short ? [] : classes.map((name) => {
        const [fill, value] = [el("i"), el("span.value")];
        const item = el("div.upright", { role: "listitem" }, value, el("span.shaft", {}, fill), el("b", { text: name }));
        return { name, fill, value, item, said: "" };
      });
      bars.replaceChildren(...items.map(({ item }) => item));
    },
    /** @param {{probabilities: ArrayLike<number> | null, label: number}} answer */
    set: ({ probabilities, label }) => {
      if (!short) return list.set({ probabilities, loss: null, label, stale: false, source: "" });
      let best = -1;
      if (probabilities) for (let i = 0; i < items.length; i++) if (best < 0 || probabilities[i] > probabilities[best]) best = i;
      items.forEach((each, i) => {
        const p = probabilities ? probabilities[i] : NaN;
        each.fill.style.transform = `scaleY(${Number.isFinite(p) ? p : 0})`;
        const percent = Number.isFinite(p) ? (100 * p).toFixed(p > 0.9995 ? 0 : 1) : "–";
        setText(each.value, i === best ? percent : "");
        each.item.classList.toggle("best", i === best);
        each.item.classList.toggle("wrong", i === best && label >= 0 && i !== label);
        each.item.classList.toggle("label", i === label);
        const said = `${each.name}: ${percent} %${i === label ? ", the true class" : ""}`;
        if (said !== each.said) each.item.setAttribute("aria-label", said);
        if (said !== each.said) each.item.title = said;
        each.said = said;
      });
      return undefined;
    },
  };
}
