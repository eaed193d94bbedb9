/**
 * Images to another size: along each axis the mean over a pixel's area where it shrinks, bilinear where it grows.
 *
 * Shrinking by area is what keeps stripes from aliasing: each source pixel counts by its share of the target pixel that
 * covers it, fractions included (as OpenCV's INTER_AREA). Growing is bilinear at pixel centres, edges repeated (as torch's
 * interpolate with align_corners False). Rows may come in pieces, so that a large file never stands in memory as floats.
 */

/**
 * @typedef {object} Axis
 * @property {number} from  source pixels
 * @property {number} to  target pixels
 * @property {number} taps  source pixels that one target pixel reads
 * @property {Int32Array} first  (to,) the first of them
 * @property {Float64Array} weights  (to, taps), each row sums to 1
 */

/** @returns {Axis} */
export function axis(from, to) {
  const shrinks = to <= from;
  const taps = shrinks ? Math.min(from, Math.ceil(from / to) + (from % to ? 1 : 0)) : Math.min(2, from);
  const first = new Int32Array(to);
  const weights = new Float64Array(to * taps);
  for (let i = 0; i < to; i++) {
    const start = shrinks ? Math.floor((i * from) / to) : Math.floor(Math.max(0, ((i + 0.5) * from) / to - 0.5));
    first[i] = Math.min(start, from - taps);
    const t = Math.max(0, ((i + 0.5) * from) / to - 0.5) - start;
    for (let tap = 0; tap < taps; tap++) {
      const pixel = first[i] + tap;
      // Overlaps in units of 1 / (from to): whole numbers, so that no rounding adds a pixel of weight 1e-16.
      const overlap = Math.min((i + 1) * from, (pixel + 1) * to) - Math.max(i * from, pixel * to);
      if (shrinks) weights[i * taps + tap] = Math.max(0, overlap) / from;
      else if (pixel === start) weights[i * taps + tap] += start + 1 < from ? 1 - t : 1;
      else if (pixel === start + 1) weights[i * taps + tap] = t;
    }
  }
  return { from, to, taps, first, weights };
}

/**
 * @param {Axis} across  columns
 * @param {Axis} down  rows
 * @returns {{add: Function}}
 */
export function createReduction(across, down) {
  const line = new Float64Array(across.to);
  const same = across.from === across.to && down.from === down.to;

  /**
   * Add source rows y0..y1-1 of one channel into its plane of the target.
   *
   * @param {Float32Array} out  zero before the first rows come; target pixel (r, c) at out[at + r * across.to + c]
   * @param {number} at
   * @param {ArrayLike<number>} source  pixel (y, x) at source[start + (y - y0) * stride + x * step]
   * @param {{start: number, step: number, stride: number, scale: number}} layout  scale: factor on each value (1/255 for bytes)
   * @param {number} y0
   * @param {number} y1
   */
  const add = (out, at, source, { start, step, stride, scale }, y0, y1) => {
    const width = across.to;
    for (let y = y0; y < y1; y++) {
      const row = start + (y - y0) * stride;
      if (same) {
        for (let x = 0; x < width; x++) out[at + y * width + x] = scale * source[row + x * step];
        continue;
      }
      for (let x = 0, w = 0; x < width; x++) {
        let sum = 0;
        let pixel = row + across.first[x] * step;
        for (let tap = 0; tap < across.taps; tap++, pixel += step) sum += across.weights[w++] * source[pixel];
        line[x] = scale * sum;
      }
      for (let r = firstRow(down, y); r < down.to && down.first[r] <= y; r++) {
        const weight = down.weights[r * down.taps + y - down.first[r]];
        if (weight === 0) continue;
        for (let x = 0; x < width; x++) out[at + r * width + x] += weight * line[x];
      }
    }
  };
  return { add };
}

/** The first target row that reads source row y or a later one. */
function firstRow({ from, to, taps, first }, y) {
  let r = Math.max(0, Math.min(to - 1, Math.floor(((y - taps) * to) / from)));
  while (r > 0 && first[r] + taps > y) r--;
  while (r < to && first[r] + taps <= y) r++;
  return r;
}

/** @returns {[number, number]} [H', W'] of the same proportions whose longer side is at most `longest` */
export function capped(height, width, longest) {
  const share = Math.min(1, longest / Math.max(height, width));
  return [Math.max(1, Math.round(share * height)), Math.max(1, Math.round(share * width))];
}
