/** One iteration in six beats: back, play slowly, on, the beats by name, and the numbers of the one that is on. */

import { numeral } from "../numbers/pixelwords.js";
import { longest } from "../numbers/film.js";
import { BEATS } from "../state/filmbeats.js";
import { el, setText } from "./dom.js";
import { entryNames } from "./entries.js";

const MOST_ROWS = 8; // entries of theta that stand in the table
const ROUGHLY = 1e-4; // below it a number is written with a power of ten

/** Digits that mean something, and a true minus: 0.116, 3.2e−5. */
export const figure = (value, digits = 3) => {
  if (!Number.isFinite(value)) return "–";
  const text = value === 0 ? "0" : Math.abs(value) < ROUGHLY || Math.abs(value) >= 1e4 ? value.toExponential(1).replace(".0", "") : String(Number(value.toPrecision(digits)));
  return text.replaceAll("-", "−");
};

/** @param {{show: (at: number) => void, step: (by: number) => void, play: () => void, end: () => void}} beats */
export function createBeatPlayer(beats) {
  const round = (text, title, click) => el("button.round", { type: "button", title, "aria-label": title, text, on: { click } });
  const back = round("‹", "the beat before", () => beats.step(-1));
  const play = round("▶", "play the beats slowly", beats.play);
  play.classList.add("slowly");
  const on = round("›", "the next beat", () => beats.step(1));
  const leave = el("button.plain.leave", { type: "button", text: "End", title: "end the beats (Esc)", hidden: true, on: { click: beats.end } });
  const names = BEATS.map(({ name }, i) => el("button.beat", { type: "button", text: name, title: `beat ${i + 1} of ${BEATS.length}`, on: { click: () => beats.show(i) } }));
  const list = el("div.beatnames", { role: "group", "aria-label": "beats of one iteration" }, ...names);
  const says = el("p.says", { "aria-live": "polite" });
  const table = el("table.thetas", { "aria-label": "theta in this iteration" });
  const across = el("div.across", {}, table);
  const more = el("p.more");
  const element = el("section.beats", { "aria-label": "one iteration" },
    el("div.player", {}, el("h3", { text: "One iteration" }), back, play, on, leave), list, says, across, more);
  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const running = !leave.hidden;
    if (event.key === "Escape" && running) beats.end();
    else if (by && list.contains(event.target)) {
      const at = Math.max(0, Math.min(names.length - 1, names.indexOf(event.target) + by));
      if (names[at].disabled) return;
      names[at].focus();
      beats.show(at);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });

  return {
    element,
    /**
     * @param {object | null} beat  as createBeats gives it
     * @param {{U: object, size: number[], family: string | null, counter: string, label: string | null, refusal: string, problem: string, from: number | null}} about
     *   from: the step that the playhead stood at before
     */
    set: (beat, about) => {
      const { refusal, problem } = about;
      const off = Boolean(refusal);
      back.disabled = off || !beat || beat.at === 0;
      on.disabled = off || Boolean(beat && beat.at >= beat.last);
      play.disabled = off;
      const slow = Boolean(beat?.slow);
      setText(play, slow ? "❚❚" : "▶");
      play.title = slow ? "stop at this beat" : "play the beats slowly";
      play.setAttribute("aria-label", play.title);
      leave.hidden = !beat;
      names.forEach((name, i) => {
        name.disabled = off || Boolean(beat && i > beat.last);
        const here = beat?.at === i;
        if (here) name.setAttribute("aria-current", "step");
        else name.removeAttribute("aria-current");
        name.classList.toggle("done", Boolean(beat) && i < beat.at);
      });
      if (!beat) {
        setText(says, refusal || problem || "Forward and back through this network once, for this image, in six beats.");
        setText(more, "");
        table.hidden = true;
        return;
      }
      if (!beat.answer) {
        setText(says, "The network is asked …");
        setText(more, "");
        table.hidden = true;
        return;
      }
      const [first, second] = words(beat, about);
      setText(says, first);
      setText(more, second ?? "");
      setTable(table, beat, about);
    },
  };
}

/** What a beat is, with its numbers; and below them, what is to be known of it. */
function words({ name, last, answer: { tensors, facts } }, { U, size: [height, width], family, counter, label, from }) {
  const without = last < BEATS.length - 1 ? facts.without ?? "" : "";
  const named = (step) => `${counter} ${step.toLocaleString("en")}`;
  const at = `weights of ${named(facts.snapshot)}${from === null || from === facts.snapshot ? "" : `, the last that were kept up to ${named(from)}`}`;
  if (name === "localise") {
    const P = tensors.theta?.data.length ?? 0;
    return [P ? `The localisation network reads U, ${U.height} × ${U.width}, and answers θ: ${P} numbers.` : `The network reads U, ${U.height} × ${U.width}, and makes a grid of no family: there is no θ.`, at];
  }
  if (name === "grid") {
    const grid = tensors.grid.data;
    const place = (i) => `(${numeral(grid[2 * i], 2)}, ${numeral(grid[2 * i + 1], 2)})`;
    return [`${height} × ${width} target points go to their places on U${family ? " by θ" : ""}: the first pixel of V looks at ${place(0)}, the last at ${place(height * width - 1)}.`, "x, y from −1 to 1 over U"];
  }
  if (name === "sample") {
    const V = tensors.V.data;
    let [low, high] = [Infinity, -Infinity];
    for (const value of V) [low, high] = [Math.min(low, value), Math.max(high, value)];
    return [`Row by row, V reads U at these points: ${height * width} samples, from ${numeral(low, 2)} to ${numeral(high, 2)}.`, without];
  }
  const p = label !== null && tensors.probabilities ? tensors.probabilities.data[facts.label] : NaN;
  if (name === "classify") {
    const all = Array.from(tensors.probabilities.data);
    const best = all.indexOf(Math.max(...all));
    return [`The rest of the network reads V alone: ${best === facts.label ? "the true class" : "another class"} comes first at ${figure(100 * all[best])} %${best === facts.label || !Number.isFinite(p) ? "" : `, the true one has ${figure(100 * p)} %`}.`, without];
  }
  if (name === "loss") return [`Loss = −log p(${label}) = −log ${figure(p)} = ${figure(facts.loss)}.`, "cross entropy of this image alone, nats"];
  const pulls = longest(tensors.pull.data);
  const step = facts.rate === undefined ? "" : ` Dashed: the grid after one step of SGD on this image alone, rate ${figure(facts.rate)}: ${figure(facts.moved, 2)} px further, loss ${figure(facts.loss)} → ${figure(facts.next_loss)}.`;
  return [
    `Arrows pull the grid to where the loss falls, −dL/dgrid, the longest ${figure(pulls, 2)} a pixel.${step}`,
    `V: orange where more there raises the loss, blue where it lowers it. |dL/dw| ${figure(facts.norm_localisation)} in the localisation network, ${figure(facts.norm_rest)} in the rest. The rate is one that moves the grid by about a pixel; training's own steps are means over a batch.`,
  ];
}

/** Theta at the first beat; at the last one beside its gradient and what follows. */
function setTable(table, { name, answer: { tensors } }, { family }) {
  const { theta, dtheta, next_theta: next } = tensors;
  const back = name === "gradient" && dtheta;
  table.hidden = !theta || !(name === "localise" || back);
  if (table.hidden) return;
  const P = theta.data.length;
  const all = entryNames(family, P).map((entry, p) => ({ entry, p }));
  const weight = (p) => Math.abs(dtheta ? dtheta.data[p] : theta.data[p]);
  const rows = P > MOST_ROWS ? all.sort((a, b) => weight(b.p) - weight(a.p)).slice(0, 6) : all;
  const head = ["", "θ", ...(back ? ["dL/dθ", ...(next ? ["θ after"] : [])] : [])];
  const lines = rows.map(({ entry, p }) => [entry, numeral(theta.data[p], 3), ...(back ? [figure(dtheta.data[p], 2), ...(next ? [numeral(next.data[p], 3)] : [])] : [])]);
  const text = JSON.stringify([head, lines]);
  if (table.dataset.text === text) return;
  table.dataset.text = text;
  table.classList.toggle("wide", rows.length > 6);
  // Written as columns for few entries: the panel is wide and not high.
  const columns = head.map((name, c) => [name, ...lines.map((line) => line[c])]);
  table.replaceChildren(...columns.map((cells, r) => el("tr", {}, ...cells.map((cell, c) => (r && c ? el("td", { text: cell }) : el("th", { scope: c ? "col" : "row", text: cell }))))));
}
