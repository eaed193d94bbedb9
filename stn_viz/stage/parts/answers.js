/** What the network says about V: a bar for each class, the loss, and where the answer comes from. */

import { el, setText } from "./dom.js";

export function createAnswers() {
  const loss = el("span.aside");
  const bars = el("div.bars", { role: "list" });
  const source = el("p.source");
  const element = el("section.answers", { "aria-label": "the network says" }, el("div.title", {}, el("h2", { text: "The network says, %" }), loss), bars, source);
  let items = [];
  let shown = null;

  return {
    element,
    start: (classes) => {
      if (shown === classes.join()) return;
      shown = classes.join();
      element.hidden = !classes.length;
      items = classes.map((name) => {
        const fill = el("i");
        const value = el("span.value");
        const item = el("div.bar", { role: "listitem" }, el("b", { text: name, title: name.length > 2 ? name : null }), el("span.track", {}, fill), value);
        return { name, fill, value, item };
      });
      // Few classes, as digits, stand in two columns read row by row; many scroll.
      bars.classList.toggle("many", classes.length > 12);
      bars.classList.toggle("named", classes.some((name) => name.length > 2));
      bars.style.setProperty("--name", `${Math.min(5.2, 0.55 * Math.max(...classes.map((name) => name.length)))}em`); // what names leave is the bars'
      bars.replaceChildren(...items.map(({ item }) => item));
    },
    /**
     * @param {{probabilities: ArrayLike<number> | null, loss: number | null, label: number, stale: boolean, source: string}} answer
     */
    set: ({ probabilities, loss: lossNow, label, stale, source: sourceNow }) => {
      let best = -1;
      if (probabilities) for (let i = 0; i < items.length; i++) if (best < 0 || probabilities[i] > probabilities[best]) best = i;
      items.forEach(({ name, fill, value, item }, i) => {
        const p = probabilities ? probabilities[i] : 0;
        fill.style.transform = `scaleX(${p})`;
        setText(value, probabilities ? (100 * p).toFixed(1) : "–");
        item.classList.toggle("best", i === best);
        item.classList.toggle("label", i === label);
        item.title = i === label ? `${name} is the true class` : "";
      });
      element.classList.toggle("stale", stale);
      element.classList.toggle("wrong", best >= 0 && label >= 0 && best !== label);
      const truth = label >= 0 && items[label] ? `label ${items[label].name}` : "";
      setText(loss, [truth, lossNow !== null && Number.isFinite(lossNow) ? `loss ${lossNow.toFixed(3)}` : ""].filter(Boolean).join(" · "));
      setText(source, sourceNow);
      element.classList.toggle("silent", !probabilities && Boolean(sourceNow));
    },
  };
}

