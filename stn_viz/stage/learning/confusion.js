/** A confusion matrix: true class down, answer across. What is right is calm, what is wrong has a shade and a number. */

import { el, setText } from "../parts/dom.js";

const MOST = 20; // classes in a matrix; of more there is a list of what is taken for what
const LISTED = 24;
const MOVES = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };

/** @returns {string} "3 read as 5", or "3 read rightly" */
export const inWords = (classes, truth, said) => (truth === said ? `${classes[truth]} read rightly` : `${classes[truth]} read as ${classes[said]}`);

/** @param {(cell: [number, number] | null) => void} choose  a cell: true class and answer; null for all that is wrong */
export function createConfusion(choose) {
  const table = el("table", { role: "grid", "aria-label": "confusion matrix: true class down, answer across" });
  const list = el("div.pairs", { role: "group", "aria-label": "what is taken for what" });
  const element = el("div.confusion", {}, el("p.across", { text: "answer", "aria-hidden": true }), el("p.down", { text: "true class", "aria-hidden": true }), table, list);
  let built = "";
  let cells = []; // K rows of K
  let standing = null; // {counts, K, cell}
  let focus = [0, 0];

  const pick = (truth, said) => {
    const { counts, K, cell } = standing;
    if (cell && cell[0] === truth && cell[1] === said) return choose(null);
    if (counts[truth * K + said]) choose([truth, said]);
  };
  const build = (classes) => {
    const K = classes.length;
    const headed = (name, scope) => el("th", { scope, title: name, text: name });
    cells = classes.map((_, truth) => classes.map((__, said) => el("td", { role: "gridcell", tabindex: "-1", "data-kind": truth === said ? "right" : "wrong", on: { click: () => pick(truth, said) } })));
    table.replaceChildren(
      el("thead", {}, el("tr", {}, el("td"), ...classes.map((name) => headed(name, "col")))),
      el("tbody", {}, ...cells.map((row, truth) => el("tr", {}, headed(classes[truth], "row"), ...row))),
    );
    table.style.setProperty("--K", String(K));
    focus = [Math.min(focus[0], K - 1), Math.min(focus[1], K - 1)];
  };
  table.addEventListener("focusin", (event) => {
    cells.forEach((row, truth) => {
      const said = row.indexOf(event.target);
      if (said >= 0) focus = [truth, said];
    });
    tabStop();
  });
  table.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const by = MOVES[event.key];
    if (by) {
      const K = cells.length;
      focus = [(focus[0] + by[0] + K) % K, (focus[1] + by[1] + K) % K];
      cells[focus[0]][focus[1]].focus();
    } else if (event.key === "Enter" || event.key === " ") pick(...focus);
    else if (event.key === "Escape" && standing?.cell) choose(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  const tabStop = () => cells.forEach((row, truth) => row.forEach((cell, said) => { cell.tabIndex = truth === focus[0] && said === focus[1] ? 0 : -1; }));

  const drawMatrix = (classes, counts, cell) => {
    const K = classes.length;
    let most = 1; // of what is wrong
    counts.forEach((count, i) => { if (Math.floor(i / K) !== i % K) most = Math.max(most, count); });
    cells.forEach((row, truth) => row.forEach((each, said) => {
      const count = counts[truth * K + said];
      setText(each, count ? count.toLocaleString("en") : "");
      const label = `${inWords(classes, truth, said)}: ${count} ${count === 1 ? "image" : "images"}`;
      if (each.title !== label) {
        each.title = label;
        each.setAttribute("aria-label", label);
      }
      each.style.setProperty("--share", truth !== said && count ? String(Math.sqrt(count / most)) : "0");
      each.toggleAttribute("data-any", count > 0);
      each.setAttribute("aria-selected", String(Boolean(cell) && cell[0] === truth && cell[1] === said));
    }));
    tabStop();
  };
  const drawList = (classes, counts, cell) => {
    const K = classes.length;
    const pairs = Array.from(counts, (count, i) => ({ count, truth: Math.floor(i / K), said: i % K }))
      .filter(({ count, truth, said }) => count && truth !== said).sort((a, b) => b.count - a.count).slice(0, LISTED);
    list.replaceChildren(...pairs.map(({ count, truth, said }) => el("button", {
      type: "button", "aria-pressed": String(Boolean(cell) && cell[0] === truth && cell[1] === said), on: { click: () => pick(truth, said) },
    }, el("span", { text: inWords(classes, truth, said) }), el("b", { text: String(count) }))));
  };
  return {
    element,
    /** @param {{classes: string[], counts: Int32Array, cell: [number, number] | null}} shown  counts (K, K) */
    set: ({ classes, counts, cell }) => {
      const K = classes.length;
      standing = { counts, K, cell };
      const small = K <= MOST;
      element.classList.toggle("listed", !small);
      table.hidden = !small;
      list.hidden = small;
      const key = classes.join("\n");
      if (small && key !== built) build(classes);
      built = key;
      if (small) drawMatrix(classes, counts, cell);
      else drawList(classes, counts, cell);
    },
  };
}
