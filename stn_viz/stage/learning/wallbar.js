/** The wall's controls: what a tile shows, the order, which images, and which of several transformers. */

import { el, setText } from "../parts/dom.js";
import { createChoice } from "../parts/slider.js";
import { titleOf } from "../state/sites.js";
import { MEANING, nameOf } from "./wallvalues.js";

export const ALL = "all";

/** @param {{change: (change: object) => void, site: (site: number) => void, sort: () => void}} actions  change: of the wall's own state */
export function createWallBar(actions) {
  const show = createChoice("tiles", [
    { value: "u", text: "U with grid", title: "the image, and where the network looks" },
    { value: "v", text: "V", title: "what the network fetches from there" },
  ], (value) => actions.change({ show: value }));
  const sort = el("select", { "aria-label": "sort by", title: "sort by" });
  sort.addEventListener("change", () => actions.change({ sort: sort.value, reverse: false }));
  const turn = el("button.plain.turn", { type: "button", on: { click: () => actions.change((wall) => ({ reverse: !wall.reverse })) } });
  const labels = el("select", { "aria-label": "class", title: "images of one class" });
  labels.addEventListener("change", () => actions.change({ label: labels.value }));
  const wrong = el("button.plain.wrong", { type: "button", text: "wrong", title: "only what the network gets wrong at this step", on: { click: () => actions.change((wall) => ({ wrong: !wall.wrong })) } });
  const sites = el("select", { "aria-label": "transformer", title: "which of the network's transformers", hidden: true });
  sites.addEventListener("change", () => actions.site(Number(sites.value)));
  const figures = el("span.figures", { "aria-live": "off" });
  const again = el("button.plain.again", { type: "button", text: "re-sort", on: { click: actions.sort } });
  const sorting = el("label.sorting", {}, el("span", { text: "sort" }), sort);
  const element = el("div.wallbar", { role: "group", "aria-label": "what the wall shows" },
    show.element, el("div.pick", {}, sorting, turn), el("div.pick", {}, labels, wrong), sites, figures, again);

  return {
    element,
    /** Another run, or another of its transformers. */
    start: (side, siteIndex, quantities) => {
      sort.replaceChildren(...quantities.map(({ name, title }) => el("option", { value: name, title: MEANING[name], text: title })));
      const counts = new Map();
      for (let i = 0; i < side.probes.count; i++) counts.set(side.probes.labels[i], (counts.get(side.probes.labels[i]) ?? 0) + 1);
      const known = [...counts.keys()].filter((label) => label >= 0).sort((a, b) => a - b);
      labels.replaceChildren(el("option", { value: ALL, text: "all classes" }), ...known.map((label) => el("option", { value: label, text: `${nameOf(side, label)} (${counts.get(label)})` })));
      labels.hidden = known.length < 2;
      wrong.hidden = !known.length || !side.trace.probabilities(0, 0);
      sites.replaceChildren(...side.sites.map((site, i) => el("option", { value: i, text: titleOf(site, i) })));
      sites.hidden = side.sites.length < 2;
      sites.value = String(siteIndex);
    },
    /** @param {{show: string, sort: string, reverse: boolean, label: string, wrong: boolean}} wall  @param {{descending: boolean, figures: string, stale: string | null}} now  stale: the step of which the order is, if it is not this one's */
    set: (wall, { descending, figures: text, stale }) => {
      show.set(wall.show);
      if (sort.value !== wall.sort) sort.value = wall.sort;
      if (labels.value !== wall.label) labels.value = wall.label;
      setText(turn, descending ? "↓" : "↑");
      const way = descending ? "largest first" : "smallest first";
      if (turn.title !== way) {
        turn.title = way;
        turn.setAttribute("aria-label", way);
      }
      wrong.setAttribute("aria-pressed", String(wall.wrong));
      setText(figures, text);
      again.hidden = stale === null;
      if (stale !== null) again.title = `the tiles stand as at ${stale}: put them in this step's order`;
    },
  };
}
