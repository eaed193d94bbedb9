/**
 * Congealing: the mean of every class in V, and how it varies, over a part of the test set. Fog becomes a digit.
 *
 * Above stand the means of before (the transformer does nothing), below those of the true pose (the best there can be);
 * under them one class from left to right over training, with the one number that says how sharp the means are.
 */

import { createPicture } from "../ink/picture.js";
import { el, setText } from "../parts/dom.js";
import { createChoice } from "../parts/slider.js";
import { nearest } from "../state/playing.js";
import { createClassFilm } from "./classfilm.js";
import { createCongealed, stopsOf, wantedStep } from "./congealed.js";

const WHAT = [
  { value: "mean", text: "Mean", title: "the mean of V, class by class" },
  { value: "variance", text: "Variance", title: "how much V varies about that mean: bright is where the images of a class differ" },
];
const ROWS = ["raw", "now", "pose"];
const LEAST = 58; // px a class; with less room they go on in a second row
const MOST = 190;

export function createCongealing(room) {
  let what = "mean";
  let siteIndex = 0;
  let group = null; // the place of the class that the film shows; null: that of the room's image
  let last = null; // {side, siteIndex, entry}: what stands on the screen
  const congealed = createCongealed(room.ask);
  const painter = createPicture();
  const again = () => room.set({});

  const choice = createChoice("what is shown of each class", WHAT, (value) => {
    what = value;
    again();
  });
  const siteBox = el("div.sites");
  const status = el("p.passage", { role: "status" });
  const retry = el("button", { type: "button", text: "Ask again", hidden: true, on: { click: room.retry } });
  const labels = Object.fromEntries(ROWS.map((name) => [name, { element: el(`div.told.${name}`, {}), name: el("span"), value: el("b") }]));
  for (const { element, name, value } of Object.values(labels)) element.append(value, name);
  const unit = el("span.unit", { text: "sharpness" });
  labels.now.element.append(unit);
  const means = el("div.means", { role: "radiogroup", "aria-label": "class" });
  const film = createClassFilm((step) => room.seek(nearest(room.get().a.trace.step, step)));
  const caption = el("p.caption");
  const body = el("div.fog", {}, el("div.wide", {}, el("div.tells", {}, ...ROWS.map((name) => labels[name].element)), means), film.element, caption);
  const refused = el("p.note", { hidden: true });
  const element = el("div.congealing", {}, el("div.doing", {}, choice.element, siteBox, status, retry), body, refused);

  let cells = []; // {button, canvases: {raw, now, pose}, drawn: {raw, now, pose}}
  let built = "";
  const build = (facts) => {
    cells = facts.classes.map((name, place) => {
      const canvases = Object.fromEntries(ROWS.map((row) => [row, el(`canvas.${row}`)]));
      const button = el("button.group", {
        type: "button", role: "radio", title: `${name}: ${facts.images[place]} images`, "aria-label": `${name}, ${facts.images[place]} images`,
        on: { click: () => choose(place) },
      }, canvases.raw, canvases.now, canvases.pose, el("span", { text: name }));
      return { button, canvases, drawn: {} };
    });
    means.replaceChildren(...cells.map(({ button }) => button));
  };
  const choose = (place) => {
    group = place;
    again();
  };
  means.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const next = (cells.findIndex(({ button }) => button.matches(":focus")) + by + cells.length) % cells.length;
    cells[next].button.focus();
    choose(next);
  });

  /** One group's picture of a tensor of bytes onto a canvas at its own size. */
  const paint = (canvas, side, { data, shape }, place, facts) => {
    const [, channels, height, width] = shape;
    const n = channels * height * width;
    const onImage = !side.sites.length || side.sites[siteIndex].on_image;
    const { screen } = side.probes.image(0);
    const inValues = what === "mean" && screen && onImage && channels === side.probes.image(0).channels;
    const [from, by] = inValues ? [facts.low, (facts.high - facts.low) / 255] : [0, 1 / 255];
    painter.paint({ data: Float32Array.from({ length: n }, (_, i) => from + by * data[place * n + i]), channels, height, width, screen: inValues ? screen : null });
    canvas.width = width;
    canvas.height = height;
    canvas.getContext("2d").drawImage(painter.canvas, 0, 0);
  };

  const layOut = (facts, aspect) => {
    const width = means.clientWidth;
    const K = facts.classes.length;
    const inRows = Math.max(1, Math.ceil((K * LEAST) / Math.max(LEAST, width)));
    const columns = Math.ceil(K / inRows);
    // What the window leaves for the large picture, with half its height above it and half below: all else stays in sight.
    const box = element.getBoundingClientRect();
    const scrubber = element.getRootNode().querySelector(".timeline")?.offsetHeight ?? 120;
    const others = body.offsetTop - element.offsetTop + film.element.offsetHeight + caption.offsetHeight + 5 * parseFloat(getComputedStyle(element).fontSize);
    const free = (window.innerHeight - Math.max(60, box.top + window.scrollY) - scrubber - others) / 2;
    const byWidth = Math.floor(width / columns) - 8;
    const side = Math.max(LEAST - 8, Math.min(MOST, byWidth, inRows > 1 ? MOST : Math.max(88, Math.floor(free) * aspect)));
    means.style.setProperty("--columns", String(columns));
    element.style.setProperty("--side", `${side}px`);
    element.style.setProperty("--aspect", String(aspect));
    element.classList.toggle("several", inRows > 1);
  };

  const prepare = ({ data }, { facts }) => {
    const key = JSON.stringify([facts.classes, facts.images, data.run.name, data.run.version, siteIndex]);
    if (key !== built) build(facts);
    built = key;
  };

  const drawMeans = (side, entry) => {
    const { facts } = entry;
    const stills = congealed.still(side, siteIndex);
    const tensors = { raw: stills[`raw_${what}`], now: entry[what], pose: stills[`pose_${what}`] };
    const [height, width] = entry.mean.shape.slice(2);
    layOut(facts, width / height);
    cells.forEach(({ button, canvases, drawn }, place) => {
      button.setAttribute("aria-checked", String(place === group));
      button.tabIndex = place === group ? 0 : -1;
      for (const row of ROWS) {
        canvases[row].hidden = !tensors[row];
        const wanted = `${what}/${row === "now" ? entry.step : ""}`;
        if (!tensors[row] || drawn[row] === wanted) continue;
        paint(canvases[row], side, tensors[row], place, facts);
        drawn[row] = wanted;
      }
    });
    const tell = (row, value, name) => {
      labels[row].element.hidden = !tensors[row];
      setText(labels[row].value, value === null || value === undefined ? "–" : value.toFixed(2));
      setText(labels[row].name, name);
    };
    tell("raw", facts.raw_sharpness, "before");
    tell("now", facts.sharpness, `${side.data.run.counter} ${entry.step.toLocaleString("en")}`);
    tell("pose", facts.pose_sharpness, "true pose");
  };

  const drawFilm = (side, entry, stops, now, theme) => {
    const { facts } = entry;
    const here = stops.map((step) => congealed.at(side, siteIndex, step));
    const curve = congealed.curve(side, siteIndex)?.tensors;
    const [height, width] = entry.mean.shape.slice(2);
    film.element.hidden = stops.length < 2 || !side.sites.length;
    if (film.element.hidden) return;
    film.set({
      steps: stops, now, counter: side.data.run.counter, aspect: width / height,
      name: /^[\w]{1,3}$/.test(facts.classes[group]) && facts.labels[group] >= 0 ? `class ${facts.classes[group]}` : facts.classes[group], count: facts.images[group],
      keyOf: (step) => (here[stops.indexOf(step)] ? `${built}/${what}/${group}/${step}` : ""),
      paint: (canvas, step) => paint(canvas, side, here[stops.indexOf(step)][what], group, facts),
      sharpness: here.map((each) => each?.facts.sharpness ?? null),
      levels: { raw: facts.raw_sharpness, pose: facts.pose_sharpness },
      curve: curve && { at: placesOf(side.trace.step, stops), values: Array.from(curve.sharpness.data) },
    }, theme);
  };

  const set = ({ a, index, image }, theme) => {
    choice.set(what);
    siteBox.picker?.set(siteIndex);
    const stops = stopsOf(a);
    const wanted = wantedStep(a, index);
    const { error } = congealed.want(a, siteIndex, wanted, stops);
    const entry = congealed.at(a, siteIndex, wanted) ?? congealed.near(a, siteIndex, wanted);
    const filled = stops.filter((step) => congealed.at(a, siteIndex, step)).length;
    const number = `${a.data.run.counter} ${wanted.toLocaleString("en")}`;
    const waits = [entry?.step !== wanted && entry && !error && `${number} is on its way`, entry && filled < stops.length && `${filled} of ${stops.length} ${a.data.run.has_network ? "snapshots" : "records"}`];
    setText(status, entry ? error ?? waits.filter(Boolean).join(" · ") : error ? "" : "V is computed for the test set …");
    retry.hidden = !error || !/did not arrive/.test(error);
    body.hidden = !entry;
    refused.hidden = Boolean(entry) || !error;
    setText(refused, error ?? "");
    if (!entry) return;
    if (last?.side !== a) group = null;
    last = { side: a };
    const { facts } = entry;
    group ??= Math.max(0, facts.labels.indexOf(a.probes.labels[image]));
    group = Math.min(group, facts.classes.length - 1);
    setText(caption, words(a, entry, what));
    prepare(a, entry);
    drawFilm(a, entry, stops, stops.filter((step) => step <= wanted).at(-1) ?? stops[0], theme);
    drawMeans(a, entry);
  };

  const sitesOf = ({ sites }) => {
    siteBox.replaceChildren();
    siteBox.picker = null;
    if (sites.length < 2) return;
    siteBox.picker = createChoice("transformer", sites.map((_, i) => ({ value: i, text: `Site ${i}`, title: sites[i].name })), (value) => {
      siteIndex = value;
      group = null;
      again();
    });
    siteBox.replaceChildren(siteBox.picker.element);
  };

  return {
    name: "congealing", title: "Congealing", element, set,
    start: ({ a }) => {
      if (siteIndex >= a.sites.length) siteIndex = 0;
      sitesOf(a);
    },
  };
}

/** Where each record stands among the film's frames: 1.5 is halfway between the second and the third. */
function placesOf(steps, stops) {
  return Array.from(steps, (step) => {
    const after = stops.findIndex((each) => each >= step);
    if (after < 0) return stops.length - 1;
    if (after === 0) return 0;
    return after - (stops[after] - step) / (stops[after] - stops[after - 1]);
  });
}

/** What is seen, in a sentence or two. */
function words({ sites, data }, { facts, step }, what) {
  const of = facts.source === "test set" ? `the first ${facts.count.toLocaleString("en")} images of the test set` : `the run's own ${facts.count.toLocaleString("en")} images`;
  const by = data.run.has_network ? `by the network of ${data.run.counter} ${step.toLocaleString("en")}` : `as recorded at ${data.run.counter} ${step.toLocaleString("en")}`;
  const first = sites.length
    ? `${what === "mean" ? "Mean" : "Variance"} of V over ${of}, ${by}${facts.shown ? `; shown is ${facts.shown}` : ""}.`
    : `This network has no transformer: what it sees is U itself, the same at every step. ${what === "mean" ? "Mean" : "Variance"} of U over ${of}.`;
  const more = facts.more ? ` The ${facts.classes.length} classes with most images; ${facts.more} more are left out.` : "";
  return `${first}${more} Sharpness is the share of ${sites.length ? "V" : "U"}'s variance that the mean of its class explains: 0 is fog, 1 would be the same picture every time.`;
}
