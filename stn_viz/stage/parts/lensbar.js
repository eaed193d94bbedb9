/** The lenses of the right column: a row of tabs and the one that is open; only that one is drawn. */

import { el } from "./dom.js";

/**
 * @param {{name: string, title: string, element: HTMLElement, bare?: boolean, set: (shown: object, state: object, theme: object) => void}[]} lenses
 *   bare: it has something to say where no grid is; raw: where there is a grid without theta
 * @param {(name: string) => void} choose
 */
export function createLensbar(lenses, choose) {
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
  const bodies = lenses.map(({ name, element }) => el("div.lens", { role: "tabpanel", id: `lens-${name}`, "aria-labelledby": `tab-${name}`, hidden: true }, element));
  return {
    bar,
    body: el("div.lenses", {}, ...bodies),
    set: (shown, state, theme) => {
      // Where there is a grid without theta, some lenses have nothing to say: the first stands for them.
      const mute = ({ bare, raw }) => !shown.theta && Boolean(state.site) && !state.site.family && !bare && !raw;
      const open = Math.max(0, lenses.findIndex((lens) => lens.name === state.lens && !mute(lens)));
      lenses.forEach((lens, i) => {
        const on = i === open;
        tabs[i].disabled = mute(lens);
        tabs[i].title = mute(lens) ? "needs a θ: choose a family first" : "";
        tabs[i].setAttribute("aria-selected", String(on));
        tabs[i].tabIndex = on ? 0 : -1;
        bodies[i].hidden = !on;
      });
      if (shown.theta || lenses[open].bare || (lenses[open].raw && state.site && !state.site.family)) lenses[open].set(shown, state, theme);
    },
  };
}
