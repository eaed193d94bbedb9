/**
 * V_i = sum_nm U_nm k(x_i - m) k(y_i - n): the sampler (eq. 3), as torch's grid_sample computes it on a CPU.
 *
 * Kernels: nearest (ties to even, as nearbyint), bilinear, bicubic (Keys, a = -0.75). Padding: zeros, border, reflection.
 * Bilinear and nearest pad the coordinate and then sample; bicubic samples and pads the column and row of each tap.
 * Coordinates are rounded to float32 at the steps where torch rounds, so that a tie falls to the same side and a
 * reflection far outside (1e6, where a float32 pixel position is no longer exact) lands on the same pixel.
 *
 * Not finite: NaN and what overflows is torch's where torch gives a number (border and reflection clip NaN to pixel 0,
 * border clips infinity to the last pixel), and 0 where torch gives NaN.
 * Source: aten/src/ATen/native/cpu/GridSamplerKernel.cpp; Jaderberg et al. 2015, section 3.3.
 */

const f = Math.fround;
const CUBIC = -0.75;
const wx = new Float64Array(4); // weights of the four columns and rows of a bicubic sample: scratch
const wy = new Float64Array(4);
const cols = new Int32Array(4); // and where they are; -1 is outside
const rows = new Int32Array(4);

/**
 * @typedef {object} Image
 * @property {Float32Array|Uint8Array} data  (channels, height, width), row-major
 * @property {number} channels
 * @property {number} height
 * @property {number} width
 *
 * @typedef {object} Rule  a site's own
 * @property {"nearest"|"bilinear"|"bicubic"} kernel
 * @property {"zeros"|"border"|"reflection"} padding
 * @property {boolean} align_corners
 */

/**
 * V = sample(U, grid), all channels.
 *
 * @param {Float32Array} out  channels * n, written: (channels, n)
 * @param {Image} U
 * @param {Float32Array} grid  n * 2, normalised (x, y)
 * @param {number} n
 * @param {Rule} rule
 * @returns {Float32Array} out
 * @throws {Error} for a kernel or padding of another name
 */
export function sampleInto(out, U, grid, n, rule) {
  const { kernel, padding, align_corners: align } = rule;
  check(rule);
  if (kernel === "bilinear") bilinear(out, U, grid, n, padding, align);
  else if (kernel === "nearest") nearest(out, U, grid, n, padding, align);
  else bicubic(out, U, grid, n, padding, align);
  return out;
}

/**
 * The pixels that one sample reads, with their weights: V = sum of weight * U where inside (for the pixel lens; allocates).
 *
 * @param {number} x  normalised
 * @param {number} y
 * @param {{height: number, width: number}} U
 * @param {Rule} rule
 * @returns {{col: number, row: number, weight: number, inside: boolean}[]}  1, 4 or 16 entries, row by row; under zeros a
 *   tap outside has `inside` false and reads 0; under border and reflection col and row are where it reads. Empty where
 *   the coordinate is not finite and no pixel stands for it
 */
export function taps(x, y, U, rule) {
  const { kernel, padding, align_corners: align } = rule;
  check(rule);
  const { width, height } = U;
  let px = pixel(x, width, align);
  let py = pixel(y, height, align);
  if (kernel !== "bicubic") {
    px = padded(px, width, padding, align);
    py = padded(py, height, padding, align);
  }
  if (!Number.isFinite(px) || !Number.isFinite(py)) return [];
  const across = kernel === "nearest" ? [[halfEven(px), 1]] : spread(px, kernel);
  const down = kernel === "nearest" ? [[halfEven(py), 1]] : spread(py, kernel);
  const found = [];
  for (const [r, weightY] of down) {
    for (const [c, weightX] of across) {
      const col = kernel === "bicubic" ? padded(c, width, padding, align) : c;
      const row = kernel === "bicubic" ? padded(r, height, padding, align) : r;
      const inside = col >= 0 && col < width && row >= 0 && row < height;
      found.push({ col, row, weight: weightX * weightY, inside });
    }
  }
  return found;
}

/** Positions and weights along one axis: [[position, weight], ...], 2 for bilinear, 4 for bicubic. */
function spread(p, kernel) {
  const low = Math.floor(p);
  if (kernel === "bilinear") return [[low, 1 - (p - low)], [low + 1, p - low]];
  const weights = cubic(p - low, new Float64Array(4));
  return [0, 1, 2, 3].map((i) => [low - 1 + i, weights[i]]);
}

/** Refuses a rule that torch does not have. */
function check({ kernel, padding }) {
  if (kernel !== "nearest" && kernel !== "bilinear" && kernel !== "bicubic") {
    throw new Error(`kernel is "${kernel}"; expected nearest, bilinear or bicubic`);
  }
  if (padding !== "zeros" && padding !== "border" && padding !== "reflection") {
    throw new Error(`padding is "${padding}"; expected zeros, border or reflection`);
  }
}

/** Normalised to pixel position; centres are at integers. One rounding at the end, as torch's fused multiply-add has. */
export function pixel(coord, size, align) {
  return align ? f(f(coord + 1) * ((size - 1) / 2)) : f(f(coord + 1) * (size / 2) - 0.5);
}

/** The position that padding puts in the place of p. NaN becomes 0 except under zeros, as in torch. */
function padded(p, size, padding, align) {
  if (padding === "zeros") return p;
  let at = p;
  if (padding === "reflection") at = reflected(p, size, align);
  return at > 0 ? Math.min(at, size - 1) : 0;
}

/** The index that a bicubic tap at position p reads; -1 is outside. */
function tap(p, size, padding, align) {
  if (p >= 0 && p < size) return p;
  return padding === "zeros" ? -1 : padded(p, size, padding, align);
}

/** Reflected at the centres (align) or the outer sides (not align) of the first and last pixel. */
function reflected(p, size, align) {
  if (align && size <= 1) return 0;
  const low = align ? 0 : -0.5;
  const period = align ? 2 * (size - 1) : 2 * size;
  const distance = Math.abs(f(p - low));
  const extra = f(distance - Math.trunc(f(distance / period)) * period);
  return f(Math.min(extra, f(period - extra)) + low);
}

/** Round to nearest, ties to even. */
function halfEven(p) {
  const low = Math.floor(p);
  const rest = p - low;
  if (rest < 0.5) return low;
  if (rest > 0.5) return low + 1;
  return low % 2 === 0 ? low : low + 1;
}

/** The four weights of a bicubic sample at distance t (0..1) past its second tap, into out. */
function cubic(t, out) {
  const far = 1 + t;
  const rest = 1 - t;
  const last = 2 - t;
  out[0] = ((CUBIC * far - 5 * CUBIC) * far + 8 * CUBIC) * far - 4 * CUBIC;
  out[1] = ((CUBIC + 2) * t - (CUBIC + 3)) * t * t + 1;
  out[2] = ((CUBIC + 2) * rest - (CUBIC + 3)) * rest * rest + 1;
  out[3] = ((CUBIC * last - 5 * CUBIC) * last + 8 * CUBIC) * last - 4 * CUBIC;
  return out;
}

function nearest(out, U, grid, n, padding, align) {
  const { data, channels, height, width } = U;
  const plane = height * width;
  for (let i = 0; i < n; i++) {
    const col = halfEven(padded(pixel(grid[2 * i], width, align), width, padding, align));
    const row = halfEven(padded(pixel(grid[2 * i + 1], height, align), height, padding, align));
    // Written so that NaN counts as outside.
    const at = col >= 0 && col < width && row >= 0 && row < height ? row * width + col : -1;
    for (let c = 0; c < channels; c++) out[c * n + i] = at < 0 ? 0 : data[c * plane + at];
  }
}

function bilinear(out, U, grid, n, padding, align) {
  const { data, channels, height, width } = U;
  const plane = height * width;
  for (let i = 0; i < n; i++) {
    let x = pixel(grid[2 * i], width, align);
    let y = pixel(grid[2 * i + 1], height, align);
    // Between the outermost centres padding changes nothing: most points are there, and half the time is saved.
    if (!(x >= 0 && x <= width - 1)) x = padded(x, width, padding, align);
    if (!(y >= 0 && y <= height - 1)) y = padded(y, height, padding, align);
    // Further out than one pixel nothing is read: most of a grid that left the image ends here, NaN too.
    if (!(x > -1 && x < width && y > -1 && y < height)) {
      for (let c = 0; c < channels; c++) out[c * n + i] = 0;
      continue;
    }
    const col = Math.floor(x);
    const row = Math.floor(y);
    const east = x - col;
    const south = y - row;
    const west = col >= 0;
    const north = row >= 0;
    const right = col + 1 < width;
    const below = row + 1 < height;
    const a = north && west ? (1 - east) * (1 - south) : 0;
    const b = north && right ? east * (1 - south) : 0;
    const d = below && west ? (1 - east) * south : 0;
    const e = below && right ? east * south : 0;
    // A tap outside has weight 0; it reads a neighbour that exists, so that nothing is undefined.
    const left = west ? col : 0;
    const atRight = right ? col + 1 : col;
    const top = (north ? row : 0) * width;
    const bottom = (below ? row + 1 : row) * width;
    for (let c = 0; c < channels; c++) {
      const base = c * plane;
      out[c * n + i] =
        a * data[base + top + left] + b * data[base + top + atRight] + d * data[base + bottom + left] + e * data[base + bottom + atRight];
    }
  }
}

function bicubic(out, U, grid, n, padding, align) {
  const { data, channels, height, width } = U;
  const plane = height * width;
  for (let i = 0; i < n; i++) {
    const x = pixel(grid[2 * i], width, align);
    const y = pixel(grid[2 * i + 1], height, align);
    const col = Math.floor(x);
    const row = Math.floor(y);
    if (!Number.isFinite(x) || !Number.isFinite(y)) {
      for (let c = 0; c < channels; c++) out[c * n + i] = 0;
      continue;
    }
    cubic(x - col, wx);
    cubic(y - row, wy);
    for (let j = 0; j < 4; j++) {
      cols[j] = tap(f(col - 1 + j), width, padding, align);
      rows[j] = tap(f(row - 1 + j), height, padding, align);
    }
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let r = 0; r < 4; r++) {
        if (rows[r] < 0) continue;
        const base = c * plane + rows[r] * width;
        let across = 0;
        for (let j = 0; j < 4; j++) if (cols[j] >= 0) across += wx[j] * data[base + cols[j]];
        sum += wy[r] * across;
      }
      out[c * n + i] = sum;
    }
  }
}
