/** The other sites that sample the same U: their frames over U with numbers and a legend, and their small V beside the large one. */

import { COLOURS, cornerOf, distanceTo, drawFrame } from "../ink/frames.js";
import { createPicture } from "../ink/picture.js";
import { titleOf } from "../state/sites.js";
import { el } from "./dom.js";

const NEAR = 6; // px from a frame within which a click is on it
const STILL = 3; // px that a click may move
const MOST_SMALL = 4; // V beside the large one
const MOST_NAMED = 8; // in the legend over U: of more, the list beside theta and the numbers on the frames are left

/** @param {(site: number) => void} choose */
export function createSiteMarks(choose) {
  const legend = el("div.legendofsites", { role: "group", "aria-label": "transformers over this U", hidden: true });
  const labels = el("div.sitelabels");
  const layer = el("div.sites", {}, labels, legend);
  const smalls = el("div.smalls", { role: "group", "aria-label": "V of the other transformers", hidden: true });
  let built = "";
  let marks = []; // {index, label, entry, small, picture}
  let others = [];
  let view = null;
  let down = null;

  const build = (state) => {
    marks = others.map(({ index, title, rank }, i) => {
      const tone = `tone${rank % COLOURS}`;
      const [click, name] = [() => choose(index), `look at transformer ${title}`];
      const picture = createPicture();
      return {
        picture,
        label: el(`button.sitelabel.${tone}`, { type: "button", title: name, "aria-label": name, text: String(index + 1), on: { click } }),
        entry: el(`button.siteentry.${tone}`, { type: "button", tabindex: -1, title: name, on: { click } }, el("b", { text: String(index + 1) }), el("span", { text: nameOf(title, index) })),
        small: i < MOST_SMALL ? el(`button.small.${tone}`, { type: "button", tabindex: -1, title: `V of ${title}`, "aria-label": `V of ${title}`, on: { click } }, picture.canvas, el("b", { text: String(index + 1) })) : null,
      };
    });
    const own = state.site ? titleOf(state.site, state.siteIndex) : ""; // a network without a transformer has none
    const mine = el("span.siteentry.own", { title: `${own}: chosen, with the four edge colours` }, el("b", { text: String(state.siteIndex + 1) }), el("span", { text: nameOf(own, state.siteIndex) }));
    const entries = marks.map(({ entry }) => entry);
    entries.splice(others.filter(({ index }) => index < state.siteIndex).length, 0, mine); // in the network's order
    labels.replaceChildren(...marks.map(({ label }) => label));
    legend.replaceChildren(...entries);
    smalls.replaceChildren(...marks.flatMap(({ small }) => small ?? []));
  };

  return {
    layer, smalls,
    /** A click on a frame, that no handle and no drag took. @param {HTMLElement} canvas  U's */
    wire: (canvas) => {
      const place = (event) => {
        const box = canvas.getBoundingClientRect();
        return [event.clientX - box.left, event.clientY - box.top];
      };
      canvas.addEventListener("pointerdown", (event) => { down = place(event); });
      canvas.addEventListener("click", (event) => {
        const at = place(event);
        if (!view || !others.length || !down || Math.hypot(at[0] - down[0], at[1] - down[1]) > STILL) return;
        const [nearest] = others.map((each) => [distanceTo(view, each.lines, at), each]).sort((a, b) => a[0] - b[0]);
        if (nearest[0] <= NEAR) choose(nearest[1].index);
      });
    },
    /** @param {object | null} viewNow  null where the image moves: there is one grid alone */
    set: (context, viewNow, theme, scene, state) => {
      others = (viewNow && scene.others) || [];
      view = viewNow;
      labels.hidden = !others.length;
      legend.hidden = !others.length || others.length >= MOST_NAMED;
      const key = JSON.stringify([state.siteIndex, state.data.run.name, others.map(({ index, title }) => [index, title])]);
      if (!others.length) {
        smalls.hidden = true;
        return;
      }
      if (key !== built) build(state);
      built = key;
      smalls.hidden = false;
      others.forEach(({ lines, V, rank }, i) => {
        const { label, picture, small } = marks[i];
        drawFrame(context, view, theme, lines, theme.sites[rank % COLOURS]);
        const [x, y] = cornerOf(view, lines);
        const seen = x > -8 && y > -8 && x < view.side + 8 && y < view.side + 8;
        label.classList.toggle("away", !seen); // off the canvas: its name in the legend is left
        if (seen) label.style.transform = `translate(${Math.max(10, Math.min(view.side - 10, x))}px, ${Math.max(10, Math.min(view.side - 10, y))}px)`;
        if (small) picture.paint(V);
      });
    },
  };
}

/** The name without its number. */
const nameOf = (title, index) => title.replace(`${index + 1} · `, "");
