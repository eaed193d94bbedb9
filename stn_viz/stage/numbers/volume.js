/**
 * Volumes: a slice of V, read from all of U. Three sides of everything: x runs along W, y along H, z along D.
 *
 * A straight family over volumes is affine in the target's (x, y, z), so over one slice it is affine in (x, y): `sliced` makes
 * of it a basis like any other (numbers/grid.js), of the same theta, whose x_s and y_s are drawn and dragged as ever. z_s comes
 * from the same basis functions by `depthsInto`. Sampling rounds where torch's grid_sampler_3d does, which is not where the
 * planar one does. Source: aten/src/ATen/native/GridSampler.{h,cpp}.
 */

import { centre } from "./grid.js";

const f = Math.fround;
const LINES = 15; // as transformer/drawing.py lays them
const HAND = 9;

/**
 * @typedef {object} VolumeBasis
 * @property {3} sides
 * @property {number} k  basis functions
 * @property {number} P  parameters
 * @property {Float32Array} M  (4k, P); row 4 j + d: basis function j, coordinate d of (x, y, z, w)
 * @property {Float32Array} m0  (4k,)
 * @property {Float32Array} identity  (P,)
 * @property {number[]} size  [D', H', W']
 * @property {Float32Array} corners  (8, k): the corners of [-1, 1]^3, z outermost, then y, then x
 *
 * @typedef {object} Volume
 * @property {Float32Array} data  (channels, depth, height, width)
 * @property {number} channels
 * @property {number} depth
 * @property {number} height
 * @property {number} width
 */

/** @returns {VolumeBasis} from its asset (the tensors of transformer.drawing_basis for a family over volumes) */
export function makeVolumeBasis({ corners_b: corners, M, m0, identity, size }) {
  const k = corners.shape[1];
  const P = identity.shape[0];
  if (corners.shape[0] !== 8 || M.shape[0] !== 4 * k || M.shape[1] !== P || m0.shape[0] !== 4 * k || size.data.length !== 3) {
    throw new Error(`basis of a volume: corners_b is [${corners.shape}], M [${M.shape}], m0 [${m0.shape}], size [${[...size.data]}]; expected (8, k), (4k, P), (4k), D' H' W'. Write the asset again.`);
  }
  return { sides: 3, k, P, M: M.data, m0: m0.data, identity: identity.data, size: [...size.data], corners: corners.data };
}

/**
 * The family over one slice of V: a planar basis of the same theta, with `depth` for z_s.
 *
 * @param {VolumeBasis} volume
 * @param {number} slice  of V, 0..D'-1
 * @param {[number, number]} size  [H', W']
 * @param {boolean} align  the target grid's align_corners
 * @returns {import("./grid.js").Basis}
 */
export function sliced(volume, slice, [H, W], align) {
  const { k, P, M, m0, corners } = volume;
  const z = centre(slice, volume.size[0], align);
  const rows = (places) => {
    const out = new Float32Array(places.length * k);
    places.forEach(([x, y], i) => functionsAt(corners, k, x, y, z, out.subarray(i * k, (i + 1) * k)));
    return out;
  };
  const pixels = Array.from({ length: H * W }, (_, i) => [centre(i % W, W, align), centre(Math.floor(i / W), H, align)]);
  const at = (i, count) => (2 * i) / (count - 1) - 1;
  const ends = Array.from({ length: LINES }, (_, i) => [-1, 1].map((end) => [at(i, LINES), end]));
  const lines = [...ends.flat(), ...ends.flat().map(([own, along]) => [along, own])];
  const hand = Array.from({ length: HAND * HAND }, (_, i) => [at(i % HAND, HAND), at(Math.floor(i / HAND), HAND)]);
  const [planeM, plane0] = [new Float32Array(3 * k * P), new Float32Array(3 * k)];
  const [depthM, depth0] = [new Float32Array(k * P), new Float32Array(k)];
  for (let j = 0; j < k; j++) {
    [0, 1, 3].forEach((from, d) => {
      planeM.set(M.subarray((4 * j + from) * P, (4 * j + from + 1) * P), (3 * j + d) * P);
      plane0[3 * j + d] = m0[4 * j + from];
    });
    depthM.set(M.subarray((4 * j + 2) * P, (4 * j + 3) * P), j * P);
    depth0[j] = m0[4 * j + 2];
  }
  return {
    n: H * W, k, P, linear: true, straight: true, b: rows(pixels), M: planeM, m0: plane0, identity: volume.identity, size: [H, W],
    lines: { b: rows(lines), shape: [2 * LINES, 2], count: 4 * LINES }, hand: { b: rows(hand), n: HAND * HAND },
    control: null, coefficients: new Float64Array(3 * k),
    depth: { M: depthM, m0: depth0, z, slice, slices: volume.size[0], middle: rows([[0, 0]]) },
    settle: P === 12 ? (theta, near) => settle(theta, near, z) : undefined,
  };
}

/**
 * On one slice t13 and t14 do the same (t13 z + t14), and t23 and t24: what a hand changes there is the shift, so that the slices
 * go on together and no other entry moves.
 */
function settle(theta, near, z) {
  for (const row of [0, 4]) {
    theta[row + 3] += z * (theta[row + 2] - near[row + 2]);
    theta[row + 2] = near[row + 2];
  }
}

/** @returns {Volume} with `flat(d)`: one slice as a flat image, the same object each time */
export function volumeWith(volume) {
  const { data, channels, depth, height, width, screen } = volume;
  const plane = height * width;
  const slices = new Map();
  const cut = (d) => {
    if (channels === 1) return data.subarray(d * plane, (d + 1) * plane);
    const out = new Float32Array(channels * plane);
    for (let c = 0; c < channels; c++) out.set(data.subarray((c * depth + d) * plane, (c * depth + d + 1) * plane), c * plane);
    return out;
  };
  const flat = (d) => {
    if (!slices.has(d)) slices.set(d, { data: cut(d), channels, height, width, screen, slice: d });
    return slices.get(d);
  };
  return { ...volume, flat };
}

/** The basis functions at (x, y, z): between the corners of the cube, which is exact where they are affine. */
function functionsAt(corners, k, x, y, z, out) {
  for (let j = 0; j < k; j++) {
    const [first, right, down, deep] = [corners[j], corners[k + j], corners[2 * k + j], corners[4 * k + j]];
    out[j] = first + ((x + 1) * (right - first) + (y + 1) * (down - first) + (z + 1) * (deep - first)) / 2;
  }
}

/**
 * Where a slice's points lie in depth.
 *
 * @param {import("./grid.js").Basis} basis  of a slice
 * @param {Float32Array} rows  (count, k) basis functions: basis.b for V's pixels
 * @param {number} count
 * @param {ArrayLike<number>} theta
 * @param {Float32Array} out  count numbers, written: z_s, normalised
 * @returns {Float32Array} out
 */
export function depthsInto({ k, P, depth: { M, m0 } }, rows, count, theta, out) {
  const coeff = Float64Array.from(m0);
  for (let j = 0; j < k; j++) for (let p = 0; p < P; p++) coeff[j] += M[j * P + p] * theta[p];
  for (let i = 0; i < count; i++) {
    let sum = 0;
    for (let j = 0; j < k; j++) sum += rows[i * k + j] * coeff[j];
    out[i] = sum;
  }
  return out;
}

/** @returns {number} a slice of U at a normalised depth: whole numbers are the slices' middles, from 0 */
export const sliceAt = (z, depth, align) => (align ? ((z + 1) / 2) * (depth - 1) : ((z + 1) * depth - 1) / 2);

/**
 * V's slice: sample(U, grid) of a volume, nearest or bilinear (trilinear), all channels.
 *
 * @param {Float32Array} out  channels * n, written
 * @param {Volume} U
 * @param {Float32Array} grid  n * 2, normalised (x, y)
 * @param {Float32Array} z  n, normalised
 * @param {number} n
 * @param {{kernel: string, padding: string, align_corners: boolean}} rule
 * @returns {Float32Array} out
 * @throws {Error} for bicubic, which torch does not have for volumes
 */
export function sampleVolumeInto(out, U, grid, z, n, { kernel, padding, align_corners: align }) {
  if (kernel === "bicubic") throw new Error("a volume is sampled nearest or bilinear (trilinear), not bicubic");
  const { data, channels, depth, height, width } = U;
  const plane = height * width;
  const all = depth * plane;
  for (let i = 0; i < n; i++) {
    const x = source(grid[2 * i], width, padding, align);
    const y = source(grid[2 * i + 1], height, padding, align);
    const d = source(z[i], depth, padding, align);
    if (kernel === "nearest") {
      const [col, row, slice] = [halfEven(x), halfEven(y), halfEven(d)];
      const inside = col >= 0 && col < width && row >= 0 && row < height && slice >= 0 && slice < depth;
      const at = slice * plane + row * width + col;
      for (let c = 0; c < channels; c++) out[c * n + i] = inside ? data[c * all + at] : 0;
      continue;
    }
    for (let c = 0; c < channels; c++) out[c * n + i] = 0;
    if (!(x > -1 && x < width && y > -1 && y < height && d > -1 && d < depth)) continue;
    const [col, row, slice] = [Math.floor(x), Math.floor(y), Math.floor(d)];
    for (let corner = 0; corner < 8; corner++) {
      const [dx, dy, dz] = [corner & 1, (corner >> 1) & 1, corner >> 2];
      const [m, r, s] = [col + dx, row + dy, slice + dz];
      if (m < 0 || m >= width || r < 0 || r >= height || s < 0 || s >= depth) continue;
      const weight = (dx ? x - col : 1 - x + col) * (dy ? y - row : 1 - y + row) * (dz ? d - slice : 1 - d + slice);
      const at = s * plane + r * width + m;
      for (let c = 0; c < channels; c++) out[c * n + i] += weight * data[c * all + at];
    }
  }
  return out;
}

/** Normalised to pixel position, padded: the scalar arithmetic of torch's 3-D sampler, step by step in float32. */
function source(coord, size, padding, align) {
  const p = align ? f(f(f(coord + 1) / 2) * (size - 1)) : f(f(f(f(coord + 1) * size) - 1) / 2);
  if (padding === "zeros") return p;
  const at = padding === "reflection" ? reflected(p, size, align) : p;
  return Math.min(size - 1, Math.max(at, 0));
}

function reflected(p, size, align) {
  const low = align ? 0 : -0.5;
  const span = align ? size - 1 : size;
  if (span === 0) return 0;
  const from = Math.abs(f(p - low));
  const extra = f(from % span);
  return Math.floor(f(from / span)) % 2 ? f(f(span - extra) + low) : f(extra + low);
}

/** Round to nearest, ties to even. */
function halfEven(p) {
  const low = Math.floor(p);
  const rest = p - low;
  return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
}

/** @returns {number} share (0..1) of points outside the volume, or not finite */
export function outsideVolume(grid, z, n) {
  let inside = 0;
  for (let i = 0; i < n; i++) if (Math.abs(grid[2 * i]) <= 1 && Math.abs(grid[2 * i + 1]) <= 1 && Math.abs(z[i]) <= 1) inside++;
  return n ? 1 - inside / n : 0;
}

/**
 * A random map of space: a turn about some axis, a zoom, a shift.
 *
 * @param {() => number} [random]  0..1
 * @returns {Float64Array} (12,)
 */
export function randomVolumeTheta(random = Math.random) {
  const around = [random() - 0.5, random() - 0.5, random() - 0.5];
  const length = Math.hypot(...around) || 1;
  const [x, y, z] = length > 1e-6 ? around.map((value) => value / length) : [0, 0, 1];
  const angle = (random() * 2 - 1) * (Math.PI / 3);
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const scale = 0.8 + 0.5 * random();
  const turn = [
    [c + x * x * (1 - c), x * y * (1 - c) - z * s, x * z * (1 - c) + y * s],
    [y * x * (1 - c) + z * s, c + y * y * (1 - c), y * z * (1 - c) - x * s],
    [z * x * (1 - c) - y * s, z * y * (1 - c) + x * s, c + z * z * (1 - c)],
  ];
  return Float64Array.from(turn.flatMap((row) => [...row.map((value) => scale * value), 0.4 * random() - 0.2]));
}
