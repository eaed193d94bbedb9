/** The response: one image turned, scaled or shifted by a hand, and what the transformer answers to it, before, now and after. */

import { el, setText, sized } from "../parts/dom.js";
import { createChoice } from "../parts/slider.js";
import { createImageRow } from "./imagerow.js";
import { across, drawResponse, words } from "./responsechart.js";
import { createResponsePictures } from "./responsepictures.js";
import { stateAt } from "./sides.js";

const BY = [
  { value: "turn", text: "Turn", done: "turned by", axes: "turn by the transformer, over the image's turn", about: "turn the image about its middle" },
  { value: "scale", text: "Scale", done: "scaled by", axes: "zoom by the transformer, over the image's scale", about: "make the image smaller and larger" },
  { value: "shift_x", text: "Shift x", done: "shifted right by", axes: "shift by the transformer, over the image's shift", about: "shift the image sideways" },
  { value: "shift_y", text: "Shift y", done: "shifted down by", axes: "shift by the transformer, over the image's shift", about: "shift the image up and down" },
];

/** What the transformer did of itself, against what was done to the image: it undoes it, or goes on in the same direction. */
function sentenceOf({ by, can }, x, answer, unit) {
  if (!can) return by === "turn" ? "This family cannot turn." : "This family cannot zoom.";
  if (Math.abs(x) < 1e-6) return "The image as it is: answers are read against the one to it.";
  if (!Number.isFinite(answer)) return "The transformer's answer is not a number here.";
  const much = words(Math.abs(answer), unit);
  if (much === words(0, unit)) return "The transformer does not answer.";
  const back = Math.sign(answer) !== Math.sign(x);
  if (by === "scale") return `The transformer makes it ${answer > 0 ? "larger" : "smaller"} ${back ? "again" : "still"}, ${words(answer, unit)}.`;
  const does = by === "turn" ? "turns" : "moves";
  return back ? `The transformer ${does} it back by ${much}.` : `The transformer ${does} it on by ${much}.`;
}

const WEIGHTS = ["with the first weights of the training", "with the weights in force at the step under the scrubber", "with the last weights of the training"];

/** @returns {number} the snapshot whose weights are in force at a step */
const inForce = (snapshots, step) => snapshots.reduce((found, each) => (each <= step ? each : found), snapshots[0]);

/** Why there is nothing to be seen of a run; null where there is. */
function refusal({ data, sites }, siteIndex) {
  if (!sites.length) return "There is no transformer in this network: nothing answers when the image is turned. Choose a run that has one.";
  if (sites[siteIndex].output_size.length !== 2) return "This network takes volumes, which are not turned here. Choose a run of flat images.";
  if (!data.run.has_network) return data.run.closed ?? "This run came without its network, so nobody can ask it about an image that was turned. The other lenses show what was recorded.";
  return null;
}

export function createResponse(room) {
  let by = BY[0];
  let siteIndex = 0;
  let standing = ""; // the run that was begun with
  const places = { turn: null, scale: null, shift_x: null, shift_y: null }; // where the marker stands, each its own
  let shown = null; // {answer, key, side, image, siteIndex}: what stands on the screen
  const again = () => room.set({});
  const pictures = createResponsePictures();

  const choice = createChoice("what is done to the image", BY.map(({ value, text, about }) => ({ value, text, title: about })), (value) => {
    by = BY.find((each) => each.value === value);
    again();
  });
  const siteBox = el("div.sites");
  const status = el("p.passage", { role: "status" });
  const images = createImageRow(room.choose);
  const u = el("canvas", { role: "img", "aria-label": "the image as it was moved, with the sampling grid" });
  const v = el("canvas", { role: "img", "aria-label": "what the transformer makes of it" });
  const done = el("span");
  const range = el("input.range", { type: "range", min: 0, max: 60, step: 1, "aria-label": "how far the image is moved" });
  const amount = el("output.amount");
  const said = el("p.said");
  const rows = [0, 1, 2].map(() => ({ name: el("span"), slope: el("b") }));
  const legend = el("div.key", {}, ...rows.map(({ name, slope }, i) => el(`span.curve.of${i}`, { title: WEIGHTS[i] }, name, " ", slope)), el("span.curve.ideal", {}, "undoes it ", el("b", { text: "−1" })));
  const chart = el("canvas", { role: "slider", tabindex: 0, "aria-label": "response curve: how far the image is moved" });
  const note = el("p.note", { hidden: true });
  const body = el("div.both", {},
    el("div.hands", {},
      el("div.pictures", {},
        el("figure", {}, u, el("figcaption", {}, "U, ", done)),
        el("figure", {}, v, el("figcaption", { text: "V" }))),
      el("div.moving", {}, range, amount), said, images.element),
    el("div.curves", {}, legend, el("div.plot", {}, chart)));
  const refused = el("p.note.refused", { hidden: true });
  const doing = el("div.doing", {}, choice.element, siteBox, status);
  const element = el("div.response", {}, doing, note, body, refused);

  // --- the marker ---
  const place = (at) => {
    if (!shown) return;
    places[shown.answer.facts.by] = Math.max(0, Math.min(shown.answer.tensors.x.data.length - 1, at));
    again();
  };
  const at = () => places[shown.answer.facts.by] ?? shown.answer.facts.zero + 10;
  range.addEventListener("input", () => place(Number(range.value)));
  const under = (event) => across(shown.answer.tensors.x.data, chart.clientWidth).toIndex(event.clientX - chart.getBoundingClientRect().left);
  chart.addEventListener("pointerdown", (event) => {
    if (event.button || !shown) return;
    chart.setPointerCapture(event.pointerId);
    place(under(event));
  });
  chart.addEventListener("pointermove", (event) => { if (shown && (event.buttons || event.pointerType === "mouse")) place(under(event)); });
  chart.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
    const end = { Home: 0, End: Infinity }[event.key];
    if ((!step && end === undefined) || !shown || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    place(end ?? at() + step);
  });

  // --- what is asked ---
  const ask = ({ a, index, image }) => {
    const { snapshots } = a.data.run;
    const now = inForce(snapshots, a.trace.step[index]);
    const question = (change) => room.ask(a, "response", { by: by.value, image, step: now, site: siteIndex, ...change });
    const answer = question({});
    if (answer?.tensors && shown?.answer !== answer) shown = { answer, side: a, image, siteIndex, relative: relative(answer) };
    if (shown && shown.side.data.run.name !== a.data.run.name) shown = null;
    const beside = snapshots.indexOf(now);
    for (const near of [snapshots[beside + 1], snapshots[beside - 1]]) if (near !== undefined) question({ step: near });
    if (image + 1 < a.probes.count) question({ image: image + 1 });
    const waits = !answer && (shown ? `step ${now.toLocaleString("en")} is on its way` : "The network is asked …");
    setText(status, answer?.error ?? (waits || ""));
    if (answer?.error) shown = null;
  };
  const relative = ({ tensors, facts }) => {
    const [three, X, G] = tensors.undone.shape;
    return Array.from({ length: three }, (_, row) => {
      const value = (i) => tensors.undone.data[(row * X + i) * G + facts.main];
      return Float32Array.from({ length: X }, (_, i) => value(i) - value(facts.zero));
    });
  };

  // --- what is drawn ---
  const tell = (side, index) => {
    const { tensors, facts } = shown.answer;
    const word = BY.find((each) => each.value === facts.by);
    const unit = facts.units[facts.main];
    const x = words(tensors.x.data[index], unit);
    const counter = side.data.run.counter;
    setText(done, `${word.done} ${x}`);
    setText(amount, x);
    range.max = String(tensors.x.data.length - 1);
    if (Number(range.value) !== index) range.value = String(index);
    range.style.setProperty("--at", `${(100 * index) / (tensors.x.data.length - 1)}%`);
    rows.forEach(({ name, slope }, i) => {
      setText(name, i === 1 ? `${counter} ${facts.snapshots[1].toLocaleString("en")}` : ["before", "", "after"][i]);
      setText(slope, facts.slopes[i] === null ? "–" : facts.slopes[i].toFixed(2).replace("-", "−").replace("−0.00", "0.00"));
    });
    const chance = tensors.likely.data[tensors.likely.shape[1] + index];
    const name = side.classes[facts.label] ?? "";
    const reads = Number.isFinite(chance) ? ` The network gives ${name} a probability of ${chance.toFixed(2)}.` : "";
    const answer = words(shown.relative[1][index], unit);
    setText(said, sentenceOf(facts, tensors.x.data[index], shown.relative[1][index], unit) + reads);
    range.setAttribute("aria-valuetext", `${word.done} ${x}`);
    for (const [key, value] of [["aria-valuemin", 0], ["aria-valuemax", tensors.x.data.length - 1], ["aria-valuenow", index], ["aria-valuetext", `${word.done} ${x}: the transformer answers ${answer}.${reads}`]]) chart.setAttribute(key, String(value));
  };
  const drawChart = (theme, index) => {
    const { tensors, facts } = shown.answer;
    const word = BY.find((each) => each.value === facts.by);
    const box = chart.parentElement.getBoundingClientRect();
    if (!box.width || !box.height) return;
    const [three, X] = tensors.likely.shape;
    const likely = Array.from({ length: three }, (_, row) => tensors.likely.data.subarray(row * X, (row + 1) * X));
    const known = likely.some((row) => row.some(Number.isFinite));
    const name = shown.side.classes[facts.label];
    drawResponse(sized(chart, box.width, box.height), theme, {
      x: tensors.x.data, curves: shown.relative, likely: known ? likely : null, unit: facts.units[facts.main], at: index,
      titles: [word.axes, `probability of ${name}, the true class`],
    }, { width: box.width, height: box.height });
  };

  const sitesOf = ({ sites }) => {
    if (sites.length < 2) return siteBox.replaceChildren();
    const picker = createChoice("transformer", sites.map((_, i) => ({ value: i, text: `Site ${i}`, title: sites[i].name })), (value) => {
      siteIndex = value;
      shown = null;
      again();
    });
    siteBox.replaceChildren(picker.element);
    siteBox.picker = picker;
  };

  return {
    name: "response",
    title: "Response",
    element,
    start: ({ a }) => {
      if (standing === a.data.run.name) return; // with newer steps: what is shown stays
      standing = a.data.run.name;
      siteIndex = 0;
      shown = null;
      sitesOf(a);
    },
    set: (state, theme) => {
      const { a, image } = state;
      const why = refusal(a, siteIndex);
      refused.hidden = !why;
      body.hidden = doing.hidden = Boolean(why);
      setText(refused, why ?? "");
      note.hidden = true;
      if (why) return setText(status, "");
      choice.set(by.value);
      siteBox.picker?.set(siteIndex);
      images.set(a, image);
      ask(state);
      body.classList.toggle("waiting", !shown);
      if (!shown && !a.sites[siteIndex].on_image) return; // of a feature map nothing is here
      if (!shown) return pictures.still(u, v, theme, stateAt(a, { index: state.index, image, siteIndex }));
      if (shown.answer.facts.mapped) {
        note.hidden = false;
        setText(note, `Site ${siteIndex} samples a feature map: its grid is drawn over the image that went in, and V is the mean of the map's channels.`);
      }
      const index = at();
      tell(a, index);
      pictures.draw(u, v, theme, shown, index);
      drawChart(theme, index);
    },
  };
}
