/** Where no run stands beside the first: a calm invitation, and a sensible first choice. */

import { el, setText } from "../parts/dom.js";

const taskOf = ({ title }) => title.split(" · ")[0];

/** @returns {object | null} the run to begin with: of the same task and another network or family, else any other that opens */
export function suggested(runs, name) {
  const own = runs.find((run) => run.name === name);
  const others = runs.filter((run) => run.usable && run.name !== name);
  const kin = own ? others.filter((run) => taskOf(run) === taskOf(own)) : [];
  return kin.find((run) => run.title !== own.title && !run.problem) ?? kin[0] ?? others.find((run) => !run.problem) ?? others[0] ?? null;
}

/** @param {(name: string) => void} choose */
export function createPairInvitation(choose) {
  const select = el("select.run", { "aria-label": "the run to put beside" });
  const go = el("button.plain.go", { type: "button", text: "Put it beside", on: { click: () => select.value && choose(select.value) } });
  const words = el("p");
  const row = el("div.row2", {}, select, go);
  const element = el("section.pairinvitation", {}, el("h2", { text: "Two runs, one scrubber" }), words, row);
  let shown = "";
  return {
    element,
    set: (a, runs) => {
      const key = JSON.stringify([a.data.run.name, runs]);
      if (key === shown) return;
      shown = key;
      const others = runs.filter((run) => run.usable && run.name !== a.data.run.name);
      const first = suggested(runs, a.data.run.name);
      setText(words, others.length
        ? "Choose another run: both then stand here at the same step and on the same image, with their curves and the difference of their grids."
        : "There is no other run that opens. Train one, or import checkpoints on the page Runs.");
      row.hidden = !others.length;
      select.replaceChildren(...others.map((run) => el("option", { value: run.name, text: run.title })));
      if (first) select.value = first.name;
    },
  };
}
