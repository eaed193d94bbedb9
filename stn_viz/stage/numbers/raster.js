/**
 * U's picture under any map, pixel by pixel: as pixels, not smoothed, and beyond its sides what the padding rule gives.
 *
 * Positions on U here are counted in its pixels from its outer edge: 0 .. width, pixel i spans i .. i + 1.
 */

/**
 * @typedef {object} Texture
 * @property {Uint32Array} data  height * width, 0x00bbggrr
 * @property {number} width
 * @property {number} height
 * @property {number} share  its pixels for one of U's: 1, or less for a copy of a large U
 *
 * @typedef {object} Fill
 * @property {Uint32Array} out  side * side, 0xaabbggrr
 * @property {number} side
 * @property {Texture} texture
 * @property {"zeros"|"border"|"reflection"} padding
 * @property {boolean} align  the sampler's align_corners: reflection is about the outer pixels' centres
 * @property {number} [zero]  0x00bbggrr: what the value 0 is, beyond the sides under zeros; black where it is not given
 * @property {number[]} alphas  0..255: of U in the frame, of U beyond it, of padding in the frame, of padding beyond it
 */

/** Factor and offset from a normalised coordinate to a position on U. */
export const positionOf = (size, align) => (align ? [(size - 1) / 2, size / 2] : [size / 2, size / 2]);

/** The pixel that padding puts in the place of a position beyond the sides; -1 for none. */
function beyond(position, size, padding, align) {
  if (padding === "zeros") return -1;
  if (!(Math.abs(position) < 1e9)) return padding === "border" && position > 0 ? size - 1 : 0;
  if (padding === "border") return position < 0 ? 0 : size - 1;
  const low = align ? 0.5 : 0;
  const span = align ? size - 1 : size;
  if (span <= 0) return 0;
  const period = 2 * span;
  const along = (((position - low) % period) + period) % period;
  return Math.max(0, Math.min(size - 1, Math.floor((along > span ? period - along : along) + low)));
}

/** One pixel of the screen. */
function put(fill, at, x, y, inside) {
  const { texture, padding, align, alphas } = fill;
  const { width, height, share, data } = texture;
  let column = Math.floor(x * share);
  let row = Math.floor(y * share);
  let alpha = alphas[inside ? 0 : 1];
  if (!(column >= 0 && column < width && row >= 0 && row < height)) {
    alpha = alphas[inside ? 2 : 3];
    column = column >= 0 && column < width ? column : beyond(x * share, width, padding, align);
    row = row >= 0 && row < height ? row : beyond(y * share, height, padding, align);
  }
  const colour = column < 0 || row < 0 ? fill.zero ?? 0 : data[row * width + column];
  fill.out[at] = ((alpha << 24) | colour) >>> 0;
}

/**
 * The whole square from an affine map.
 *
 * @param {Fill} fill
 * @param {number[]} toU  [a, b, e, c, d, f]: from places on the square to positions on U
 * @param {number[] | null} toFrame  from places to the frame's own coordinates, of which |x|, |y| <= 1 is inside; null: nothing is
 */
export function fillAffine(fill, [a, b, e, c, d, f], toFrame) {
  const { side } = fill;
  const [p, q, r, s, u, v] = toFrame ?? [0, 0, 2, 0, 0, 2];
  for (let row = 0, at = 0; row < side; row++) {
    const y = row + 0.5;
    for (let column = 0; column < side; column++, at++) {
      const x = column + 0.5;
      const px = p * x + q * y + r;
      const py = s * x + u * y + v;
      put(fill, at, a * x + b * y + e, c * x + d * y + f, px >= -1 && px <= 1 && py >= -1 && py <= 1);
    }
  }
}

/**
 * One triangle; neighbours that share an edge neither overlap nor leave a gap.
 *
 * @param {Fill} fill
 * @param {Float64Array} places  (x, y) of the mesh's vertices on the square
 * @param {Float64Array} reads  (x w, y w, w) of the vertices: their position on U is x, y, and w says how the perspective goes
 * @param {number} i  the three vertices
 * @param {number} j
 * @param {number} k
 * @param {boolean} inside  of the frame
 */
export function fillTriangle(fill, places, reads, i, j, k, inside) {
  const { side } = fill;
  const [x0, y0, x1, y1, x2, y2] = [places[2 * i], places[2 * i + 1], places[2 * j], places[2 * j + 1], places[2 * k], places[2 * k + 1]];
  const area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0);
  const low = Math.min(y0, y1, y2);
  const high = Math.max(y0, y1, y2);
  if (!(Math.abs(area) > 1e-9) || !(low < side) || !(high > 0) || !Number.isFinite(area)) return;
  const first = Math.max(0, Math.ceil(low - 0.5));
  const last = Math.min(side - 1, Math.ceil(high - 0.5) - 1);
  for (let row = first; row <= last; row++) {
    const y = row + 0.5;
    let left = Infinity;
    let right = -Infinity;
    const cut = (ax, ay, bx, by) => {
      if (ay <= y === by <= y) return;
      const x = ax + ((y - ay) * (bx - ax)) / (by - ay);
      if (x < left) left = x;
      if (x > right) right = x;
    };
    if (y0 < y1) cut(x0, y0, x1, y1); else cut(x1, y1, x0, y0); // the same arithmetic for both triangles at an edge
    if (y1 < y2) cut(x1, y1, x2, y2); else cut(x2, y2, x1, y1);
    if (y2 < y0) cut(x2, y2, x0, y0); else cut(x0, y0, x2, y2);
    const from = Math.max(0, Math.ceil(left - 0.5));
    const to = Math.min(side - 1, Math.ceil(right - 0.5) - 1);
    for (let column = from; column <= to; column++) {
      const x = column + 0.5;
      const m = ((x - x0) * (y2 - y0) - (x2 - x0) * (y - y0)) / area;
      const n = ((x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)) / area;
      const l = 1 - m - n;
      const w = l * reads[3 * i + 2] + m * reads[3 * j + 2] + n * reads[3 * k + 2];
      put(fill, row * side + column,
        (l * reads[3 * i] + m * reads[3 * j] + n * reads[3 * k]) / w,
        (l * reads[3 * i + 1] + m * reads[3 * j + 1] + n * reads[3 * k + 1]) / w, inside);
    }
  }
}
