/** True pose against predicted pose: what was done to each image, and what the transformer undoes of it. */

import { rangeOf } from "../numbers/scatter.js";
import { el, setText } from "../parts/dom.js";
import { createChoice } from "../parts/slider.js";
import { createPoseTiles, statesOf } from "./posetiles.js";
import { words } from "./responsechart.js";
import { createScatter } from "./scatterplot.js";
import { stateAt } from "./sides.js";

const COUNT = 1000; // images of the test set
const OWN = ["r", "rts", "p", "e", "t", "tc"]; // tasks that have one
const COLUMNS = 4;
const WAYS = [
  { value: "probes", text: "the run's images", title: "the images that the run follows: they move with every recorded step" },
  { value: "test", text: "1,000 of the test set", title: "asked of the network, with the weights in force at this step" },
];

/** @returns {number} the snapshot whose weights are in force at a step */
const inForce = (snapshots, step) => snapshots.reduce((found, each) => (each <= step ? each : found), snapshots[0]);

/** What the scatters show: one for each column that was varied, or, where no true pose is known, theta's columns in pairs. */
function panelsOf({ known, columns, can, varied }) {
  if (known) return columns.flatMap((title, column) => (can[column] && varied[column] ? [{ title, x: column, y: column, of: "applied" }] : []));
  const turns = can[0] && can[1] ? [{ title: "turn and scale", x: 0, y: 1, of: "undone" }] : [];
  return [...turns, { title: "shift", x: 2, y: 3, of: "undone" }];
}

const list = (names) => (names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`);

/** What is left out, and why. */
function noteOf({ known, columns, can, varied, family }) {
  if (!known) return "No true pose is known of these images, so this is theta alone: what the transformer does to each. A cloud that is one point gives every image the same theta.";
  const cannot = columns.filter((_, i) => !can[i]);
  const same = columns.filter((_, i) => can[i] && !varied[i]);
  return [
    cannot.length && `This family (${family}) has no entry for ${list(cannot)}.`,
    same.length && `No ${list(same)} to undo: all images have the same.`,
  ].filter(Boolean).join(" ");
}

export function createPoses(room) {
  let way = "probes";
  let siteIndex = 0;
  let chosen = new Set();
  let cursor = -1;
  let part = null; // the newest answer about the test set, {answer, step, side}
  let shown = null; // {side, facts, way}: what stands on the screen
  const again = () => room.set({});

  const pick = (images) => {
    chosen = new Set(images);
    cursor = -1;
    again();
  };
  const open = (image) => {
    const id = shown?.facts.ids?.[image];
    room.open(id ? { picture: id } : { image });
  };
  const point = (image) => {
    cursor = image;
    chosen = new Set(image < 0 ? [] : [image]);
    if (image >= 0 && !shown.facts.ids) room.choose(image);
    again();
  };
  const choice = createChoice("images", WAYS, (value) => {
    way = value;
    pick([]);
  });
  const siteBox = el("div.sites");
  const left = el("p.left");
  const status = el("p.passage", { role: "status" });
  const note = el("p.note", { hidden: true });
  const scatters = [0, 1, 2, 3].map(() => createScatter({ pick, point, open, seek: (index) => room.seek(index) }));
  const tiles = createPoseTiles((item) => open(item.image));
  const key = el("div.key", {}, el("span.ideal", { text: "learned to undo: slope −1" }), el("span.fit", { text: "least squares" }));
  const plots = el("div.scatters", {}, ...scatters.map((each) => each.element));
  const body = el("div.body", { hidden: true }, plots, tiles.element);
  const element = el("div.poses", {}, el("div.doing", {}, choice.element, siteBox, left, key, status), note, body);
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !chosen.size) return;
    event.preventDefault();
    event.stopPropagation();
    pick([]);
  });

  const ranges = new WeakMap(); // the answer of all records -> the frame of each column, still while time moves
  const rangesOf = ({ tensors }) => {
    if (!ranges.has(tensors)) {
      const columns = [0, 1, 2, 3];
      ranges.set(tensors, {
        applied: tensors.applied && columns.map((i) => rangeOf(tensors.applied.data, COLUMNS, i)),
        undone: columns.map((i) => rangeOf(tensors.undone.data, COLUMNS, i)),
      });
    }
    return ranges.get(tensors);
  };
  const columnOf = (data, from, n, column) => Float64Array.from({ length: n }, (_, i) => data[(from + i) * COLUMNS + column]);
  const spreads = new WeakMap(); // the answer of all records -> of each panel, what theta varies by at each record
  /** Standard deviation of a pair of columns over the images, at every record. */
  const deviations = ({ tensors }, { x, y }) => {
    const key = `${x}${y}`;
    if (!spreads.has(tensors)) spreads.set(tensors, {});
    return (spreads.get(tensors)[key] ??= Float64Array.from({ length: tensors.undone.shape[0] }, (_, record) => {
      const n = tensors.undone.shape[1];
      return Math.hypot(...(x === 0 ? [x] : [x, y]).map((column) => deviation(columnOf(tensors.undone.data, record * n, n, column))));
    }));
  };

  const place = (side) => {
    if (side.sites.length < 2) return siteBox.replaceChildren();
    const picker = createChoice("transformer", side.sites.map((site, i) => ({ value: i, text: `Site ${i}`, title: site.name })), (value) => {
      siteIndex = value;
      pick([]);
    });
    picker.set(siteIndex);
    siteBox.replaceChildren(picker.element);
    siteBox.picker = picker;
  };
  const refuse = (sentence) => {
    body.hidden = key.hidden = true;
    setText(left, "");
    setText(status, "");
    setText(note, sentence);
    note.hidden = false;
  };

  /** The points of now: of the run's images out of all records, of the test set as the network answered. */
  const cloudOf = (all, { a, index }) => {
    const n = all.tensors.undone.shape[1];
    const here = { tensors: all.tensors, facts: all.facts, n, from: index * n, record: index, fresh: true };
    if (way === "probes") return here;
    const step = inForce(a.data.run.snapshots, a.trace.step[index]);
    const answer = room.ask(a, "pose", { site: siteIndex, step, count: COUNT });
    if (answer?.tensors) part = { answer, step, side: a };
    if (answer?.error) return { error: answer.error };
    if (part?.side !== a) return null;
    const { tensors, facts } = part.answer;
    return { tensors, facts, n: tensors.undone.shape[0], from: 0, record: 0, fresh: part.step === step, step: part.step };
  };

  const set = (state, theme) => {
    const { a, index } = state;
    const tested = a.sites.length > 0 && a.data.run.has_network && OWN.includes(a.data.run.task) && a.data.run.snapshots.length > 0;
    if (!tested) way = "probes";
    element.classList.toggle("alone", !tested && a.sites.length < 2);
    choice.element.hidden = !tested;
    choice.set(way);
    siteBox.picker?.set(siteIndex);
    if (!a.sites.length) return refuse("There is no transformer in this network, so there is no theta to compare with a pose. Choose a run that has one.");
    const all = room.ask(a, "pose", { site: siteIndex, source: "probes", records: "all" });
    if (all?.error) return refuse(all.error);
    const cloud = all && cloudOf(all, state);
    if (cloud?.error) return refuse(cloud.error);
    if (!cloud) return setText(status, way === "test" && all ? `asking the network about ${COUNT.toLocaleString("en")} images …` : "reading the run …");
    shown = { side: a, facts: cloud.facts, way };
    if (Math.max(-1, ...chosen) >= cloud.n) chosen = new Set();
    if (cursor >= cloud.n) cursor = -1;
    body.hidden = false;
    key.hidden = !cloud.facts.known;
    const told = noteOf(cloud.facts);
    setText(note, told);
    note.hidden = !told;
    const counter = a.data.run.counter;
    setText(status, cloud.step === undefined ? "" : cloud.fresh ? `weights of ${counter} ${cloud.step.toLocaleString("en")}` : `weights of ${counter} ${cloud.step.toLocaleString("en")}; asking for newer …`);
    setText(left, leftOf(cloud));
    show(all, cloud, state, theme);
    showTiles(cloud, state, theme);
  };

  const show = (all, cloud, { index, image }, theme) => {
    const { facts, tensors, n, from, record } = cloud;
    const panels = panelsOf(facts);
    body.style.setProperty("--panels", String(Math.max(1, panels.length)));
    body.classList.toggle("few", panels.length < 3);
    const ring = cursor >= 0 ? cursor : facts.ids ? -1 : image;
    const frames = rangesOf(all);
    scatters.forEach((scatter, i) => {
      const panel = panels[i];
      scatter.element.hidden = !panel;
      if (!panel) return;
      const x = columnOf(tensors[panel.of].data, panel.of === "applied" ? 0 : from, n, panel.x);
      const y = columnOf(tensors.undone.data, from, n, panel.y);
      const units = [facts.units[panel.x], facts.units[panel.y]];
      const at = record * COLUMNS + panel.y;
      const slope = facts.known ? tensors.slope.data[at] : NaN;
      const told = facts.known ? `slope ${signed(slope)} · r ${signed(tensors.correlation.data[at])}` : variesBy(panel, x, y, units);
      const sayPoint = () => (ring < 0 ? "" : `image ${ring}: ${facts.known ? "applied" : facts.columns[panel.x]} ${words(x[ring], units[0])}, ${facts.known ? "undone" : facts.columns[panel.y]} ${words(y[ring], units[1])}`);
      scatter.set({
        title: panel.title, told, x, y, units, cursor: ring, chosen, index,
        label: `${panel.title}, ${n} images: ${told}. Arrows go from point to point, Enter opens the image on the workbench`,
        ranges: { x: frames[panel.of][panel.x], y: frames.undone[panel.y], alike: facts.known },
        names: facts.known ? [units[0] === "px" ? "applied, px →" : "applied →", "undone"] : [`${facts.columns[panel.x]} →`, facts.columns[panel.y]],
        fit: facts.known && Number.isFinite(slope) ? { slope, offset: tensors.offset.data[at] } : null,
        ideal: facts.known, slope: facts.known,
        values: facts.known ? columnOf(all.tensors.slope.data, 0, all.tensors.undone.shape[0], panel.y) : deviations(all, panel),
        words: sayPoint,
      }, theme);
    });
  };

  const showTiles = (cloud, { a, index }, theme) => {
    const some = [...chosen].slice(0, tiles.room());
    let stateOf = (_, image) => stateAt(a, { index, image, siteIndex });
    if (cloud.facts.ids && some.length) {
      const asked = room.ask(a, "pose", { site: siteIndex, step: cloud.step, count: COUNT, tiles: some.join() });
      stateOf = asked?.tensors ? statesOf(a, siteIndex, asked.tensors) : () => null;
    }
    const name = (image) => {
      const label = cloud.tensors.labels.data[image];
      return `image ${image}${label >= 0 ? `, label ${a.classes[label] ?? label}` : ""}: open it on the workbench`;
    };
    tiles.set(some.map((image, i) => ({ image, state: stateOf(i, image), label: name(image) })), chosen.size, theme);
  };

  return {
    name: "poses", title: "Pose", element, set,
    start: ({ a }) => {
      if (shown?.side.data.run.name !== a.data.run.name) {
        siteIndex = Math.max(0, a.sites.findIndex(({ family, output_size: size, on_image: onImage }) => family && size.length === 2 && onImage !== false));
        [chosen, cursor, part] = [new Set(), -1, null];
      }
      place(a);
    },
  };
}

const signed = (value) => (Number.isFinite(value) ? value.toFixed(2).replace(/^-(?=0\.00$)/, "").replace("-", "−") : "–");

function deviation(values) {
  const known = values.filter(Number.isFinite);
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  return Math.sqrt(known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / known.length);
}

function variesBy({ x: column }, x, y, units) {
  if (column === 0) return `varies by ${words(deviation(x), units[0])} and ${words(deviation(y), units[1])}`;
  return `varies by ${words(Math.hypot(deviation(x), deviation(y)), units[0])}`;
}

/** "left in V: 7.6 px · turn 23° · scale 1.11× · shift 1.6 px" */
function leftOf({ tensors, facts, record }) {
  if (!facts.known || !Number.isFinite(tensors.spread.data[record])) return "";
  const [turn, scale, shift] = tensors.parts.data.subarray(3 * record, 3 * record + 3);
  return `pose spread of V ${words(tensors.spread.data[record], "px")}: turn ${words(turn, "deg")}, scale ${words(scale, "log2")}, shift ${words(shift, "px")}`;
}
