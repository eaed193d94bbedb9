/**
 * The film of one image: where its grid stood at each record, how far it moved from one to the next, and which of the
 * earlier grids are worth being seen at once.
 *
 * A track holds some points of the grid at each record, K a side over the whole frame, so that corners and centre are
 * among them. How far a grid moved is the root mean square of its points' ways, in pixels of U: a measure of the grid and
 * not of theta, so that it means the same for every family.
 */

/** Points of a track a side; odd, so that one is the centre. */
export const K = 5;
export const CENTRE = (K * K - 1) / 2;
/** Clockwise from the top left. */
export const CORNERS = [0, K - 1, K * K - 1, K * (K - 1)];

const MOST_MOMENTS = 3;
const APART = 0.04; // of all records, between two moments: the slopes of one jump are not moments of their own
const LEAST_MOVE = 0.25; // px: less is no jump
const MOST_SKINS = 8;
const LEAST_SKIN = 0.5; // px between two grids of the onion skin
const WIDER = Math.SQRT2;

/**
 * @param {number} count  records
 * @param {(record: number, out: Float32Array) => boolean} place  writes K * K * 2 numbers, normalised; false where there is no grid
 * @param {[number, number]} pixel  a pixel of U in normalised units of x and y
 * @returns {{count: number, points: Float32Array, pixel: number[], moved: Float32Array}} points (count, K * K, 2), NaN where there is
 *   no grid; moved (count,): px from the record before, 0 for the first, and next to a record without a grid
 */
export function makeTrack(count, place, pixel) {
  const size = 2 * K * K;
  const points = new Float32Array(count * size);
  for (let i = 0; i < count; i++) {
    const out = points.subarray(i * size, (i + 1) * size);
    if (!place(i, out) || !out.every(Number.isFinite)) out.fill(NaN);
  }
  const track = { count, points, pixel, moved: new Float32Array(count) };
  for (let i = 1; i < count; i++) track.moved[i] = between(track, i - 1, i) || 0; // NaN is no way at all
  return track;
}

/** @returns {number} how far apart the grids of two records are, root mean square over their points, px of U; NaN where one is missing */
export function between({ points, pixel: [px, py] }, i, j) {
  const size = 2 * K * K;
  let sum = 0;
  for (let at = i * size, to = j * size; at < (i + 1) * size; at += 2, to += 2) {
    const dx = (points[at] - points[to]) / px;
    const dy = (points[at + 1] - points[to + 1]) / py;
    sum += dx * dx + dy * dy;
  }
  return Math.sqrt(sum / (K * K));
}

/**
 * The records to which the grid moved fastest: local maxima, at most three, some way apart, in the order of time.
 *
 * By "record" it is the way from the record before, which is what the timeline shows as a jump: its records are equally far
 * apart. By "step" that way is divided by the steps that it took: the speed itself, for which records a step apart count
 * with all their trembling.
 *
 * @param {object} track
 * @param {ArrayLike<number>} steps  of the records
 * @param {"record" | "step"} by
 * @returns {{record: number, px: number, steps: number}[]} px from the record before, and how many steps lie between
 */
export function moments({ count, moved }, steps, by) {
  const apart = Math.max(2, Math.round(APART * count));
  const took = (i) => Math.max(1, steps[i] - steps[i - 1]);
  const value = (i) => (i < 1 || i >= count ? -1 : by === "step" ? moved[i] / took(i) : moved[i]);
  const peaks = [];
  for (let i = 1; i < count; i++) if (moved[i] >= LEAST_MOVE && value(i) >= value(i - 1) && value(i) > value(i + 1)) peaks.push(i);
  peaks.sort((a, b) => value(b) - value(a) || a - b);
  const chosen = [];
  for (const i of peaks) if (chosen.length < MOST_MOMENTS && chosen.every((each) => Math.abs(each - i) >= apart)) chosen.push(i);
  return chosen.sort((a, b) => a - b).map((i) => ({ record: i, px: moved[i], steps: took(i) }));
}

/**
 * The earlier grids that stand for the way up to a record: from the first on, each is some pixels away from all before it.
 *
 * How many pixels is the smallest of a few widths at which no more than eight remain, so that the skins stay where they are
 * while the playhead goes on, and only now and then some of them give way.
 *
 * @returns {{records: number[], apart: number}} in the order of time, all before `record`, none like its own grid; and px between them
 */
export function onionSkins(track, record) {
  for (let apart = LEAST_SKIN; ; apart *= WIDER) {
    const chosen = [];
    for (let i = 0; i < record && chosen.length <= MOST_SKINS; i++) {
      if (chosen.every((each) => between(track, each, i) >= apart) && Number.isFinite(track.points[2 * K * K * i])) chosen.push(i);
    }
    if (chosen.length <= MOST_SKINS) return { records: chosen.filter((i) => !(between(track, i, record) < LEAST_SKIN)), apart };
  }
}

/** Where one of a track's points stood at each record. @returns {Float32Array} (count, 2), normalised */
export function pathOf({ count, points }, point) {
  const path = new Float32Array(2 * count);
  for (let i = 0; i < count; i++) {
    path[2 * i] = points[2 * (K * K * i + point)];
    path[2 * i + 1] = points[2 * (K * K * i + point) + 1];
  }
  return path;
}

/**
 * Lines on their way from the target lattice to their place on U.
 *
 * @param {ArrayLike<number>} from  x, y of the lattice's points
 * @param {ArrayLike<number>} to  x, y on U, as many
 * @param {number} share  0 to 1
 * @param {Float32Array} out  written
 */
export function onTheWay(from, to, share, out) {
  for (let i = 0; i < out.length; i++) out[i] = share >= 1 ? to[i] : from[i] + share * (to[i] - from[i]);
  return out;
}

/**
 * dL/dV as one number a pixel from -1 to 1, the sum over its channels by the largest of them all.
 *
 * @param {{data: ArrayLike<number>, shape: number[]}} dV  (C, H, W)
 * @returns {{values: Float32Array, most: number}} most: the largest |sum|, loss for each unit of V
 */
export function heatOf({ data, shape: [channels, height, width] }) {
  const n = height * width;
  const values = new Float32Array(n);
  for (let c = 0; c < channels; c++) for (let i = 0; i < n; i++) values[i] += data[c * n + i];
  const most = values.reduce((all, value) => Math.max(all, Math.abs(value)), 0);
  if (most > 0) for (let i = 0; i < n; i++) values[i] /= most;
  return { values, most };
}

/** @returns {number} the largest of some arrows, (count, 2) */
export function longest(arrows) {
  let most = 0;
  for (let i = 0; i < arrows.length; i += 2) most = Math.max(most, Math.hypot(arrows[i], arrows[i + 1]));
  return most;
}
