/** Two runs under one scrubber: the same image, U and V of both, their curves, and how far their grids are from each other. */

import { logScale } from "../ink/chart.js";
import { el, setText } from "../parts/dom.js";
import { createChoice } from "../parts/slider.js";
import { buffers } from "../state/scene.js";
import { nearest } from "../state/playing.js";
import { imageBeside } from "./alike.js";
import { apart, latticeOf } from "./apart.js";
import { lockAxis, refusalOf, wordsOf } from "./lockaxis.js";
import { createPairApart, laidOf } from "./pairapart.js";
import { createPairChart } from "./pairchart.js";
import { createPairInvitation } from "./pairinvitation.js";
import { createPairSide } from "./pairside.js";
import { indexBeside } from "./sides.js";

const DASH = [6, 4];
const BUDGET_MS = 3; // of a frame, for the curve of differences
const LOCKS = [
  { value: "step", text: "Step", title: "the same step" },
  { value: "images", text: "Images", title: "the same number of images seen" },
  { value: "share", text: "Share", title: "the same share of the training" },
];

/** @returns {[number, number] | null} smallest and largest value that a logarithmic scale shows */
function endsOf(values) {
  const shown = values.filter((value) => value > 0 && Number.isFinite(value));
  return shown.length ? [shown.reduce((a, b) => Math.min(a, b)), shown.reduce((a, b) => Math.max(a, b))] : null;
}

/** @returns {string} where B was recorded to, if A is beyond it */
function ended({ a, b, index, lock }) {
  if (lock === "share") return "";
  const [now, last] = lock === "images" ? [a.trace.images[index], b.trace.images[b.trace.count - 1]] : [a.trace.step[index], b.trace.step[b.trace.count - 1]];
  return now > last ? `at ${wordsOf(lock, last, b.data.run.counter)}` : "";
}

/** @param {object} room  what a lens may do (learning/room.js) */
export function createPair(room) {
  let beside = { image: 0, same: true, clamped: false };
  const invitation = createPairInvitation(room.beside);
  const back = el("button.round", { type: "button", text: "‹", title: "the image before ([)", "aria-label": "the image before", on: { click: () => room.choose(room.get().image - 1) } });
  const on = el("button.round", { type: "button", text: "›", title: "the next image (])", "aria-label": "the next image", on: { click: () => room.choose(room.get().image + 1) } });
  const which = el("span.which");
  const lock = createChoice("locked on", LOCKS, (value) => {
    const { a, b } = room.get();
    const refused = refusalOf(value, a, b);
    if (refused) room.say(`${refused}.`);
    else room.set({ lock: value });
  });
  const where = el("span.where", { role: "status" });
  const about = el("span.about");
  const swap = el("button.plain", { type: "button", text: "Swap A and B", on: { click: () => room.swap(beside.image) } });

  const sides = [
    createPairSide(room, "A", () => room.open({})),
    createPairSide(room, "B", () => {
      const { b, indexB } = last;
      room.open({ side: b, image: beside.image, step: b.trace.step[indexB] });
    }),
  ];
  const difference = createPairApart();
  const jump = (place) => {
    const { a } = room.get();
    room.seek(nearest(axis.values[0], axis.value(place)));
  };
  const charts = ["loss", "error"].map((name) => {
    const chart = createPairChart(`${name} of both runs`, jump);
    chart.legend.append(el(`span.${name}`, { text: name }), el("span", { text: "— A" }), el("span", { text: "┅ B" }));
    return chart;
  });
  const over = createPairChart("difference of theta over training", jump);
  over.legend.append(el("span", { text: "RMS of the difference" }));
  const two = el("div.two", {},
    el("div.controls", {}, el("div.images", {}, back, which, on), el("span.label", { text: "locked on" }), lock.element, where, about, el("span.space"), swap),
    el("div.columns", {}, sides[0].element, sides[1].element, difference.element),
    el("div.charts", {}, ...charts.map((chart) => chart.element), over.element));
  const element = el("div.pairlens", {}, invitation.element, two);

  let axis = null;
  let axisOf = []; // what the axis was made of
  let standing = [null, null];
  let last = null;
  let half = null;
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const buffer = buffers();
  let course = { key: null, values: null, done: 0 };
  const serial = new WeakMap(); // a number for each side, for keys
  let count = 0;
  const numberOf = (side) => {
    if (!serial.has(side.trace)) serial.set(side.trace, ++count);
    return serial.get(side.trace);
  };

  /** The view of all three pictures opens when a grid leaves it, and closes again, as on the stage. */
  const settled = (goal) => {
    if (half === null || still.matches || Math.abs(goal - half) < 5e-3) half = goal;
    else {
      half += 0.3 * (goal - half);
      room.set({});
    }
    return half;
  };

  /** RMS at each record of A, a few a frame. */
  const differences = (state, looks, key) => {
    const laid = looks.map(laidOf);
    if (!laid[0] || !laid[1]) return null;
    const { a, b } = state;
    if (course.key !== key) course = { key, values: new Float32Array(a.trace.count).fill(NaN), done: 0, lattice: latticeOf(...laid) };
    const until = performance.now() + BUDGET_MS;
    while (course.done < a.trace.count && performance.now() < until) {
      const at = [course.done, indexBeside(a.trace, b.trace, course.done, state.lock)];
      const thetas = looks.map(({ state: each }, i) => each.trace.theta(each.siteIndex, at[i], each.image));
      course.values[course.done] = apart({ ...laid[0], theta: thetas[0] }, { ...laid[1], theta: thetas[1] }, buffer, course.lattice).rms;
      course.done++;
    }
    if (course.done < a.trace.count) room.set({});
    return course;
  };

  const drawCharts = (state, looks, theme) => {
    const { a, b, index, indexB, lock: locked } = state;
    const traces = [a.trace, b.trace];
    if (axisOf[0] !== a.trace || axisOf[1] !== b.trace || axisOf[2] !== locked) {
      axis = lockAxis(...traces, locked);
      axisOf = [a.trace, b.trace, locked];
      axis.places = axis.values.map((values) => Float64Array.from(values, axis.place));
      axis.ends = Object.fromEntries(["loss", "error"].map((name) => [name, endsOf([...a.trace[name], ...b.trace[name]])]));
      axis.scales = Object.fromEntries(["loss", "error"].map((name) => [name, logScale([...a.trace[name], ...b.trace[name]])]));
    }
    const heads = [{ place: axis.places[0][index], dash: [] }, { place: axis.places[1][indexB], dash: [3, 3] }];
    const at = (place) => {
      const i = nearest(axis.values[0], axis.value(place));
      return [i, indexBeside(...traces, i, locked)];
    };
    const figure = (value, digits, unit = "") => (Number.isFinite(value) ? value.toFixed(digits) + unit : "–");
    const told = (trace, i, side) => `${side} ${state[side.toLowerCase()].data.run.counter} ${trace.step[i].toLocaleString("en")}: loss ${figure(trace.loss[i], 3)}, error ${figure(100 * trace.error[i], 1, " %")}`;
    const both = (pair) => traces.map((trace, k) => told(trace, pair[k], "AB"[k])).join(" · ");
    const key = [numberOf(a), numberOf(b), locked].join();
    ["loss", "error"].forEach((name, i) => {
      const ends = axis.ends[name];
      charts[i].element.hidden = !ends;
      if (ends) charts[i].set({
        axis, lock: locked, key, heads,
        ends: ends.map((value, top) => ({ text: name === "error" ? `${Number((100 * value).toPrecision(2))} %` : value.toPrecision(2), colour: theme[name], top: top === 1 })),
        curves: [1, 0].map((k) => ({ at: axis.places[k], values: traces[k][name], scale: axis.scales[name], colour: theme[name], dash: k ? DASH : [] })),
        tipAt: (place) => both(at(place)), says: both([index, indexB]),
      }, theme);
    });
    const where = [key, ...looks.flatMap(({ state: each }) => [each.image, each.siteIndex])].join();
    const found = differences(state, looks, where);
    over.element.hidden = !found;
    two.classList.toggle("apartless", !found);
    if (!found) return;
    const most = found.values.reduce((top, value) => (value > top ? value : top), 0);
    const { unit } = apart(...looks.map(laidOf), buffer, "frame");
    const told2 = (i) => (Number.isFinite(found.values[i]) ? `RMS ${found.values[i].toFixed(2)} ${unit}` : "no difference: a grid is not finite");
    over.set({
      axis, lock: locked, key: `${where},${found.done}`, heads: heads.slice(0, 1),
      ends: [{ text: `${most.toFixed(most < 10 ? 1 : 0)} ${unit}`, colour: theme.muted, top: true }],
      curves: [{ at: axis.places[0], values: found.values, scale: (value) => (most > 0 ? value / most : 0), colour: theme.ink, dash: [] }],
      tipAt: (place) => `A ${wordsOf(locked, axis.values[0][at(place)[0]], a.data.run.counter)}: ${told2(at(place)[0])}`, says: told2(index),
    }, theme);
  };

  const set = (state, theme) => {
    const { a, b, image, index, indexB, lock: locked } = state;
    invitation.element.hidden = Boolean(b);
    two.hidden = !b;
    if (!b) {
      standing = [null, null];
      return invitation.set(a, state.runs);
    }
    last = state;
    [a, b].forEach((side, i) => { if (standing[i] !== side.data.run.name) sides[i].start(side); });
    standing = [a.data.run.name, b.data.run.name];
    [a, b].forEach((side, i) => sides[i].reach(side, Boolean(a.data.result || b.data.result)));
    beside = imageBeside(a.probes, b.probes, image);
    const looks = [sides[0].look(a, index, image), sides[1].look(b, indexB, beside.image)];
    const view = settled(Math.max(...looks.map((look) => look.half)));
    sides.forEach((side, i) => side.draw(looks[i], view, theme, i === 1 && beside.image !== image));
    difference.set(...looks, view, beside, theme);
    lock.set(locked);
    [...lock.element.children].forEach((button, i) => {
      const refused = refusalOf(LOCKS[i].value, a, b);
      button.disabled = Boolean(refused);
      button.title = refused ? `${refused}.` : LOCKS[i].title;
    });
    back.disabled = image <= 0;
    on.disabled = image >= a.probes.count - 1;
    setText(which, `image ${image}`);
    setText(where, `A ${a.data.run.counter} ${a.trace.step[index].toLocaleString("en")} · B ${b.data.run.counter} ${b.trace.step[indexB].toLocaleString("en")}`);
    const images = beside.same ? "" : beside.clamped ? `B has ${b.probes.count} images: its last stands here` : "other images: locked by number";
    setText(about, [images, ended(state) && `B ends ${ended(state)}`].filter(Boolean).join(" · "));
    drawCharts(state, looks, theme);
  };
  return { name: "pair", title: "Two runs", element, set };
}
