/**
 * Errors: what the network of a step gets wrong. The confusion matrix to the left chooses, to the right stand the images,
 * with the grid that theta made; one question more asks whether another grid would have saved them.
 */

import { el, setText } from "../parts/dom.js";
import { createChoice } from "../parts/slider.js";
import { wantedStep } from "./congealed.js";
import { createConfusion, inWords } from "./confusion.js";
import { createErrorTiles } from "./errortiles.js";
import { createSaving } from "./errorsaving.js";
import { indexBeside } from "./sides.js";

const COUNTS = [1000, 10000];
const STILL_MS = 120; // a snapshot that the scrubber only passes is not asked about
const number = (value) => value.toLocaleString("en");
const percent = ({ error, known }) => `${(100 * error).toFixed(known < 10000 ? 1 : 2)} %`; // one image of 1,000 is 0.1 %

export function createErrors(room) {
  let count = COUNTS[0];
  let cell = null;
  let siteIndex = 0;
  let last = null; // {side, key, answer, index}: what stands on the screen
  let wanted = { key: "", at: 0 };
  let timer = 0;
  const known = new Set(); // questions that were answered once
  const again = () => room.set({});

  const figure = el("b.figure");
  const counted = el("span.counted");
  const besides = el("p.besides", { hidden: true });
  const counts = createChoice("images", COUNTS.map((value) => ({ value, text: number(value), title: `the first ${number(value)} images of the test set` })), (value) => {
    count = value;
    again();
  });
  const siteBox = el("div.sites");
  const status = el("p.passage", { role: "status" });
  const retry = el("button", { type: "button", text: "Ask again", hidden: true, on: { click: room.retry } });
  const matrix = createConfusion((chosen) => {
    cell = chosen;
    tiles.start();
    again();
  });
  const title = el("h2");
  const all = el("button.plain", { type: "button", text: "All wrong", title: "every image that is read wrongly", hidden: true, on: { click: () => {
    cell = null;
    tiles.start();
    again();
  } } });
  const tiles = createErrorTiles({ again, open: (place) => {
    const { answer, side, index } = last;
    const image = answer.tensors.indices.data[place];
    const { ids } = answer.facts;
    room.open({ side, step: side.trace.step[index], ...(ids ? { picture: ids[place] } : { image }) });
  } });
  const saving = createSaving(room, again);
  const body = el("div.wrongs", {}, matrix.element,
    el("div.those", {}, el("div.title", {}, title, all, el("span.space"), saving.button), saving.element, el("div.scroll", {}, tiles.element)));
  const refused = el("p.note", { hidden: true });
  const element = el("div.errors", {}, el("div.doing", {}, el("p.error", {}, figure, " ", counted), counts.element, siteBox, status, retry), besides, body, refused);

  const question = (step) => ({ step, site: siteIndex, count, ...(cell && { cell: cell.join("-") }) });
  const keyOf = (side, step) => JSON.stringify([side.data.run.name, side.data.run.version, question(step)]);

  /** The answer at the scrubber, if it is here; what the scrubber only passes is not asked about. */
  const asked = (side, step) => {
    const key = keyOf(side, step);
    if (key !== wanted.key) {
      wanted = { key, at: performance.now() };
      clearTimeout(timer);
      timer = setTimeout(again, STILL_MS + 10);
    }
    if (last?.side === side && !known.has(key) && performance.now() - wanted.at < STILL_MS) return null;
    const answer = room.ask(side, "errors", question(step));
    if (answer?.tensors) known.add(key);
    return answer;
  };

  const setBeside = ({ a, b, index, indexB }) => {
    const at = b && wantedStep(b, indexB ?? indexBeside(a.trace, b.trace, index));
    const other = b && last && room.ask(b, "errors", { step: at, site: 0, count });
    besides.hidden = !other?.tensors || !last;
    if (besides.hidden) return;
    const { facts, tensors } = other;
    const own = last.answer;
    const name = b.title ?? b.data.run.name;
    const shared = facts.of && facts.of === own.facts.of && facts.count === own.facts.count;
    let words = `Beside it, ${name}: ${percent(facts)} (${b.data.run.counter} ${number(facts.snapshot)}).`;
    if (shared) {
      const tally = { both: 0, here: 0, there: 0 };
      own.tensors.labels.data.forEach((label, i) => {
        const [here, there] = [own.tensors.answers.data[i] !== label, tensors.answers.data[i] !== label];
        if (here && there) tally.both++;
        else if (here) tally.here++;
        else if (there) tally.there++;
      });
      words += ` Of the same images ${number(tally.both)} are wrong in both, ${number(tally.here)} in this run alone, ${number(tally.there)} in the other alone.`;
    }
    setText(besides, words);
  };

  const set = (state, theme) => {
    const { a, index, playing } = state;
    counts.set(count);
    siteBox.picker?.set(siteIndex);
    const step = wantedStep(a, index);
    const answer = asked(a, step);
    if (answer?.tensors) {
      if (last?.answer !== answer) element.dataset.step = String(answer.facts.snapshot);
      last = { side: a, key: wanted.key, answer, index };
    }
    if (last && last.side !== a) last = null;
    const error = answer?.error ?? null;
    setText(status, last ? error ?? (last.key !== wanted.key ? `${a.data.run.counter} ${number(step)} is on its way` : "") : error ? "" : "The network reads the images …");
    retry.hidden = !error || !/did not arrive/.test(error);
    body.hidden = figure.hidden = counted.hidden = !last;
    refused.hidden = Boolean(last) || !error;
    setText(refused, error ?? "");
    if (!last) {
      counts.element.hidden = true;
      besides.hidden = true;
      return;
    }
    const { facts, tensors } = last.answer;
    counts.element.hidden = facts.most <= COUNTS[0];
    setText(figure, `${percent(facts)} wrong`);
    setText(counted, `${number(facts.wrong)} of ${number(facts.known)} ${facts.source === "test set" ? "test images" : "of the run’s images"}, ${a.data.run.has_network ? "weights of" : "as recorded at"} ${a.data.run.counter} ${number(facts.snapshot)}`);
    matrix.set({ classes: facts.classes, counts: tensors.confusion.data, cell });
    setBeside(state);

    const many = tensors.indices.data.length;
    const right = cell && cell[0] === cell[1];
    const whole = cell ? tensors.confusion.data[cell[0] * facts.classes.length + cell[1]] : facts.wrong;
    const order = many > 1 ? `, the ${right ? "least sure" : "surest mistakes"} first` : "";
    setText(title, !whole ? (cell ? `${inWords(facts.classes, ...cell)}: none here` : "Nothing is read wrongly here") : `${cell ? `${inWords(facts.classes, ...cell)}: ` : ""}${number(whole)} ${cell ? (whole === 1 ? "image" : "images") : "wrong"}${many < whole ? `, ${number(many)} shown` : ""}${order}`);
    all.hidden = !cell;
    const able = a.sites.length > 0 && a.data.run.has_network && tensors.theta && many > 0 && !right && last.key === wanted.key;
    const saved = saving.set({ side: a, key: last.key, step, site: siteIndex, count, indices: tensors.indices.data, able, playing });
    tiles.set({ answer: last.answer, side: a, index: last.index, siteIndex, saving: saved, theme });

    if (playing || last.key !== wanted.key || count > COUNTS[0] || !a.data.run.has_network) return;
    const stops = a.data.run.snapshots;
    const here = stops.indexOf(step);
    for (const next of [stops[here + 1], stops[here - 1]]) {
      if (next !== undefined && room.ask(a, "errors", question(next))?.tensors) known.add(keyOf(a, next));
    }
  };

  const sitesOf = ({ sites }) => {
    siteBox.replaceChildren();
    siteBox.picker = null;
    if (sites.length < 2) return;
    siteBox.picker = createChoice("transformer", sites.map((_, i) => ({ value: i, text: `Site ${i}`, title: sites[i].name })), (value) => {
      siteIndex = value;
      again();
    });
    siteBox.replaceChildren(siteBox.picker.element);
  };

  return {
    name: "errors", title: "Errors", element, set,
    start: ({ a }) => {
      if (siteIndex >= a.sites.length) siteIndex = 0;
      if (last?.side !== a) {
        cell = null;
        tiles.start();
      }
      sitesOf(a);
    },
    stop: () => clearTimeout(timer),
  };
}
