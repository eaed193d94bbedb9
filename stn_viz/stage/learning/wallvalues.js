/** What a wall is sorted by: a number for each image at one record, its name, and how it is written. */

import { gaugeOf } from "../numbers/gauge.js";
import { gridInto } from "../numbers/grid.js";
import { largest } from "../numbers/sorting.js";
import { outsideShare } from "../numbers/words.js";
import { signed } from "../parts/number.js";
import { buffers } from "../state/scene.js";
import { apart } from "./apart.js";
import { stateAt } from "./sides.js";
import { laidOf } from "./tile.js";

const digits = (count) => (value) => signed(value, count).replace("+", "");
const percent = (value) => (value > 0 && value < 0.005 ? "< 1 %" : `${Math.round(100 * value)} %`); // as numbers/words.js says it
const pixels = (value) => `${digits(1)(value)} px`;
const GAUGE = {
  rotation: { title: "rotation", format: (value) => `${value.toFixed(1).replace("-", "−").replace("−0.0", "0.0")}°` },
  zoom: { title: "zoom", format: (value) => (Math.abs(value) >= 1e5 ? "∞" : `${digits(2)(value)}×`) },
  aspect: { title: "aspect", format: digits(2) },
  shear: { title: "shear", format: digits(2) },
  shift_x: { title: "shift x", format: (value) => signed(value, 2) },
  shift_y: { title: "shift y", format: (value) => signed(value, 2) },
};

/** What people read theta by: the family's gauge, or its own entries where these are shifts; none for the others. */
function readingOf(family) {
  if (family === "translation") return { names: ["shift_x", "shift_y"], fromTheta: (theta) => theta };
  return gaugeOf(family);
}

/**
 * A state for each image in turn: the same object, with `image` set, so that a frame of hundreds makes none of them anew.
 *
 * @returns {(image: number) => object}
 */
export function statesAt(side, at) {
  const state = stateAt(side, { ...at, image: 0 });
  return (image) => {
    state.image = image;
    return state;
  };
}

/** @returns {number} the class that the network answers; -1 where nobody recorded it */
export const answerOf = (state) => largest(state.trace.probabilities(state.index, state.image));

/** @returns {string} a class in words */
export const nameOf = (side, label) => (label < 0 ? "?" : side.classes[label] ?? String(label));

/**
 * The quantities that a run's images have at a site. `of` takes a state; `still` are those that no training changes.
 *
 * @returns {{name: string, title: string, still?: boolean, descending: boolean, of: (state: object) => number, format: (value: number) => string}[]}
 */
export function quantitiesOf(side, siteIndex) {
  const { probes, trace } = side;
  const site = side.sites[siteIndex] ?? null;
  const buffer = buffers();
  const images = Array.from({ length: probes.count }, (_, image) => image);
  const labelled = images.some((image) => probes.labels[image] >= 0);
  const found = [{ name: "image", title: "image", still: true, descending: false, of: ({ image }) => image, format: String }];
  if (labelled) {
    found.push({ name: "class", title: "class", still: true, descending: false, of: ({ image }) => (probes.labels[image] < 0 ? NaN : probes.labels[image]), format: (label) => nameOf(side, label) });
  }
  const last = trace.count - 1;
  if (images.some((image) => Number.isFinite(trace.probeLoss(last, image)) || Number.isFinite(trace.probeLoss(0, image)))) {
    found.push({ name: "loss", title: "loss", descending: true, of: ({ index, image }) => trace.probeLoss(index, image), format: digits(3) });
  }
  if (labelled && trace.probabilities(0, 0)) {
    const of = ({ index, image }) => (probes.labels[image] < 0 ? NaN : trace.probabilities(index, image)[probes.labels[image]]);
    found.push({ name: "p", title: "p of its class", descending: false, of, format: digits(3) });
  }
  if (!site?.family) return found;

  const start = stateAt(side, { index: 0, image: 0, siteIndex });
  const flat = laidOf(start) && !laidOf(start).basis.depth;
  if (flat) {
    const align = start.rule.align_corners;
    const gridOf = (state) => {
      const laid = laidOf(state);
      return laid && { ...laid, align, U: probes.image(state.image) };
    };
    found.push({
      name: "outside", title: "outside", descending: true, format: percent,
      of: (state) => {
        const laid = laidOf(state);
        return laid ? outsideShare(gridInto(laid.basis, laid.theta, buffer("grid", 2 * laid.basis.n)), laid.basis.n) : NaN;
      },
    });
    found.push({
      name: "moved", title: "moved", descending: true, format: pixels,
      of: (state) => {
        const now = gridOf(state);
        start.image = state.image;
        return now ? apart({ ...now, theta: start.trace.theta(siteIndex, 0, state.image) }, now, buffer).rms : NaN;
      },
    });
    if (!readingOf(site.family)) {
      found.push({
        name: "identity", title: "from identity", descending: true, format: pixels,
        of: (state) => {
          const now = gridOf(state);
          return now ? apart({ ...now, theta: now.basis.identity }, now, buffer).rms : NaN;
        },
      });
    }
  }
  const reading = readingOf(site.family);
  const of = (i) => ({ trace: { theta }, index, image }) => {
    const now = theta(siteIndex, index, image);
    return now ? reading.fromTheta(now)[i] : NaN;
  };
  return [...found, ...(reading?.names ?? []).map((name, i) => ({ name, descending: false, of: of(i), ...GAUGE[name] }))];
}

/** What each means, for a title; in the words of the stage. */
export const MEANING = {
  image: "the run's own order",
  class: "what is on the image",
  loss: "loss of this image",
  p: "probability that the network gives its true class",
  outside: "share of the grid that lies outside U",
  moved: "how far the grid has moved since the first step, RMS over V's pixels, in pixels of U",
  identity: "how far the grid is from the identity's, RMS over V's pixels, in pixels of U",
  rotation: "of theta, in degrees",
  zoom: "of theta: above 1 the digit is made larger",
  aspect: "of theta",
  shear: "of theta",
  shift_x: "of theta, where 2 is U's width",
  shift_y: "of theta, where 2 is U's height",
};
