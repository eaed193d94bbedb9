/** The tabs of the room's lenses, and the one that is open: only that one is drawn. */

import { el } from "../parts/dom.js";

/**
 * @param {{name: string, title: string, element: HTMLElement, set: (state: object, theme: object) => void}[]} lenses
 * @param {(name: string) => void} choose
 */
export function createLensTabs(lenses, choose) {
  const tabs = lenses.map(({ name, title }) =>
    el("button.tab", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `lens-${name}`, text: title, on: { click: () => choose(name) } }));
  const bar = el("div.tabs", { role: "tablist", "aria-label": "lenses" }, ...tabs);
  bar.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const next = (tabs.findIndex((tab) => tab.matches(":focus")) + by + tabs.length) % tabs.length;
    tabs[next].focus();
    choose(lenses[next].name);
  });
  /** On a phone the row is longer than the window: it scrolls by itself, never the page. */
  const bring = (tab) => {
    const [left, right] = [tab.offsetLeft - bar.offsetLeft, tab.offsetLeft - bar.offsetLeft + tab.offsetWidth];
    if (left < bar.scrollLeft) bar.scrollLeft = left - tab.offsetWidth / 2;
    else if (right > bar.scrollLeft + bar.clientWidth - 40) bar.scrollLeft = right - bar.clientWidth + 40 + tab.offsetWidth / 2;
    ended();
  };
  const ended = () => bar.classList.toggle("ended", bar.scrollLeft + bar.clientWidth >= bar.scrollWidth - 2);
  bar.addEventListener("scroll", ended, { passive: true });
  let brought = null;
  const bodies = lenses.map(({ name, element }) => el("div.lens", { role: "tabpanel", id: `lens-${name}`, "aria-labelledby": `tab-${name}`, hidden: true }, element));
  return {
    bar,
    body: el("div.roombody", {}, ...bodies),
    set: (state, theme) => {
      const open = Math.max(0, lenses.findIndex(({ name }) => name === state.lens));
      lenses.forEach((lens, i) => {
        tabs[i].setAttribute("aria-selected", String(i === open));
        tabs[i].tabIndex = i === open ? 0 : -1;
        bodies[i].hidden = i !== open;
      });
      const key = `${open} ${bar.clientWidth}`;
      if (key !== brought && bar.clientWidth) bring(tabs[open]);
      brought = key;
      lenses[open].set(state, theme);
    },
  };
}
