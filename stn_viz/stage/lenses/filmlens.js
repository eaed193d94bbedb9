/** The film of one image: its earlier grids and their paths over U, when they moved fastest, and one iteration in beats. */

import { createBeatPlayer, figure } from "../parts/beats.js";
import { el, setText } from "../parts/dom.js";
import { createChoice } from "../parts/slider.js";
import { filmless } from "../state/filmtrack.js";

/** "a step", "an epoch" */
const one = (counter) => `${/^[aeiou]/.test(counter) ? "an" : "a"} ${counter}`;

/** @param {object} actions  get, set, seek(index), film: state/filmstate.js */
export function createFilmLens({ get, set, seek, film }) {
  const change = (to) => set((state) => ({ film: { ...state.film, ...to } }));
  const toggle = (name, text, title) => el("button.plain", { type: "button", text, title, "aria-pressed": "true", on: { click: () => change({ [name]: !get().film[name] }) } });
  const onion = toggle("onion", "Onion", "earlier grids of this image, the older the fainter");
  const path = toggle("path", "Path", "the ways of the grid’s centre and corners; fainter, what is to come");
  const by = createChoice("fastest by", [
    { value: "record", text: "a record", title: "the way from the record before: what the timeline shows as a jump" },
    { value: "step", text: "a step", title: "that way divided by the steps that it took: the speed itself" },
  ], (value) => change({ by: value }));
  const list = el("div.moments", { role: "group", "aria-label": "when the grid moved fastest" });
  const note = el("p.hint");
  const none = el("p.note", { hidden: true });
  const player = createBeatPlayer(film.beats);
  const tools = el("div.tools", {}, onion, path, el("span.hint"));
  const fastest = el("section.fastest", { "aria-label": "when the grid moved fastest" }, el("div.tools", {}, el("h3", { text: "It moved fastest" }), by.element), list, note);
  const element = el("div.filmlens", {}, none, tools, player.element, fastest);
  let built = null;

  const build = (found, { trace, data }) => {
    const counter = data.run.counter ?? "step";
    list.replaceChildren(...found.map(({ record, px, steps }) => {
      const words = [`${counter} ${trace.step[record].toLocaleString("en")}`, `${figure(px, 2)} px`, `${figure(px / steps, 2)} px ${one(counter)}`];
      return el("button.moment", { type: "button", "aria-label": words.join(", "), on: { click: () => seek(record) } }, ...words.map((text) => el("span", { text })));
    }));
  };

  return {
    name: "film",
    title: "Film",
    raw: true,
    element,
    set: (shown, state) => {
      const without = filmless(state);
      none.hidden = !without;
      tools.hidden = player.element.hidden = Boolean(without);
      fastest.hidden = Boolean(without || film.beat()); // the beats have the room
      if (none.textContent !== without) setText(none, without);
      const made = film.film();
      for (const [button, on] of [[onion, state.film.onion], [path, state.film.path]]) button.setAttribute("aria-pressed", String(on));
      by.set(state.film.by);
      const found = made?.moments(state.film.by) ?? [];
      if (built !== found) build(found, state);
      built = found;
      [...list.children].forEach((button, i) => button.classList.toggle("here", found[i].record === state.index));
      const counter = state.data.run.counter ?? "step";
      const skins = made && state.film.onion ? made.skins(state.index) : null;
      setText(note, !made ? (without ? "" : "The grids of this image are on their way …")
        : [
          found.length ? `Ways of the whole grid, in pixels of U, from the record before. Early records may lie ${one(counter)} apart, late ones many: look at both figures.` : "The grid of this image hardly moves.",
        ].join(" "));
      setText(tools.lastChild, [
        skins?.records.length && !film.beat() ? `${skins.records.length} earlier, ${figure(skins.apart, 2)} px apart or more` : "",
        made && state.mode === "hand" ? "the network’s own, not the hand’s" : "",
      ].filter(Boolean).join("; "));
      const { run } = state.data;
      const label = state.probes.labels[state.image] ?? -1;
      player.set(film.beat(), {
        U: shown.U, size: state.site.output_size, family: state.site.family, counter, label: run.classes[label] ?? null,
        refusal: run.has_network ? "" : run.closed ?? "This run came without its network, so no iteration of it can be replayed.",
        problem: film.beats.problem(state), from: film.beats.from(),
      });
    },
  };
}
