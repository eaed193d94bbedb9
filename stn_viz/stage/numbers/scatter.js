/** Where the points of a scatter stand: ranges that keep still while time moves, marks worth a number, points under a hand. */

/**
 * The range of most values of a column: from the first to the last of a hundred.
 *
 * @param {ArrayLike<number>} values  rows of `columns` numbers
 * @returns {[number, number]} of 0, 0 where nothing is finite
 */
export function rangeOf(values, columns, column) {
  const found = [];
  for (let i = column; i < values.length; i += columns) if (Number.isFinite(values[i])) found.push(values[i]);
  if (!found.length) return [0, 0];
  found.sort((a, b) => a - b);
  const at = (share) => found[Math.round(share * (found.length - 1))];
  return [at(0.005), at(0.995)];
}

/**
 * Values <-> px. Alike: one unit takes as many px across as up, so that a slope of -1 falls by 45 degrees.
 *
 * @param {{x: [number, number], y: [number, number], alike: boolean}} ranges
 * @param {{left: number, top: number, right: number, foot: number}} box  px
 */
export function viewOf({ x, y, alike }, box) {
  const [width, height] = [box.right - box.left, box.foot - box.top];
  const wide = ([low, high]) => 1.12 * Math.max(high - low, 1e-6);
  let [byX, byY] = [wide(x) / width, wide(y) / height];
  if (alike) byX = byY = Math.max(byX, byY);
  const [midX, midY] = [(x[0] + x[1]) / 2, (y[0] + y[1]) / 2];
  const [centreX, centreY] = [(box.left + box.right) / 2, (box.top + box.foot) / 2];
  return {
    toX: (value) => centreX + (value - midX) / byX,
    toY: (value) => centreY - (value - midY) / byY,
    x: [midX - (byX * width) / 2, midX + (byX * width) / 2],
    y: [midY - (byY * height) / 2, midY + (byY * height) / 2],
  };
}

/** @returns {number[]} marks between low and high, at most `most`: whole steps of 1, 2 or 5 times a power of ten; of angles, of 15, 30, 45 or 90 */
export function marksOf([low, high], unit, most) {
  const span = high - low;
  if (!(span > 0) || !Number.isFinite(span)) return [];
  const decade = 10 ** Math.floor(Math.log10(span / most));
  const steps = unit === "deg" ? [5, 10, 15, 30, 45, 90, 180] : unit === "log2" ? [0.5, 1, 2, 4, 8] : [1, 2, 5, 10].map((each) => each * decade);
  const step = steps.find((each) => span / each <= most) ?? steps[steps.length - 1];
  const marks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) marks.push(i * step + 0); // no -0
  return marks;
}

/** @returns {number} the point nearest to (px, py), no further than `within` px; -1 where there is none */
export function nearestPoint(xs, ys, px, py, within) {
  let [found, least] = [-1, within * within];
  for (let i = 0; i < xs.length; i++) {
    const apart = (xs[i] - px) ** 2 + (ys[i] - py) ** 2;
    if (apart <= least) [found, least] = [i, apart];
  }
  return found;
}

/** @returns {number[]} the points in a rectangle given by two corners, px */
export function pointsWithin(xs, ys, [x0, y0, x1, y1]) {
  const [left, right, top, foot] = [Math.min(x0, x1), Math.max(x0, x1), Math.min(y0, y1), Math.max(y0, y1)];
  const found = [];
  for (let i = 0; i < xs.length; i++) if (xs[i] >= left && xs[i] <= right && ys[i] >= top && ys[i] <= foot) found.push(i);
  return found;
}

/**
 * The next point in the order of a coordinate, ties in the order of their numbers.
 *
 * @param {ArrayLike<number>} values
 * @param {number} from  a point, or -1: then the first, or going back the last
 * @param {1 | -1} by
 * @returns {number} `from` itself at the end; -1 where no value is finite
 */
export function nextPoint(values, from, by) {
  const order = Array.from(values, (_, i) => i).filter((i) => Number.isFinite(values[i])).sort((a, b) => values[a] - values[b] || a - b);
  if (!order.length) return -1;
  const at = order.indexOf(from);
  if (at < 0) return by > 0 ? order[0] : order[order.length - 1];
  return order[Math.max(0, Math.min(order.length - 1, at + by))];
}
