/** How far two sampling grids are from each other: |T_A(v) - T_B(v)| over the target lattice, in pixels of U. */

import { coefficients, pointsInto } from "../numbers/grid.js";

/**
 * One grid: `basis` and `theta` of it, `align` (its align_corners), and the U that it samples.
 * @typedef {{basis: object, theta: ArrayLike<number>, align: boolean, U: {width: number, height: number}}} Laid
 */

const same = (a, b) => a[0] === b[0] && a[1] === b[1];

const MOST = 60000; // products a coordinate: the curve over a whole training asks for hundreds of differences

/** @returns {"pixels" | "frame"} the target lattice that two grids share: V's own pixels, or 9 x 9 points of its frame where the V differ or are large */
export function latticeOf(a, b) {
  const alike = same(a.basis.size, b.basis.size) && a.align === b.align;
  return alike && a.basis.n * Math.max(a.basis.k, b.basis.k) <= MOST ? "pixels" : "frame";
}

const rowsOf = (basis, lattice) => (lattice === "pixels" ? [basis.b, basis.n] : [basis.hand.b, basis.hand.n]);

const placesOf = ({ basis, theta }, lattice, buffer, name) => {
  const [rows, n] = rowsOf(basis, lattice);
  const w = buffer(`${name} w`, n);
  return { n, w, points: pointsInto(rows, basis.k, n, coefficients(basis, theta, basis.coefficients), buffer(name, 2 * n), w) };
};

/**
 * @param {Laid} a
 * @param {Laid} b
 * @param {(name: string, length: number) => Float32Array} buffer
 * @param {"pixels" | "frame"} [lattice]
 * @returns {{rms: number, largest: number, unit: "px" | "%", n: number, lost: number}} in pixels of U, or, where the two U differ
 *   in size, in percent of its sides. `lost` of the n points are behind a horizon or not a number: they do not count. NaN where none counts
 */
export function apart(a, b, buffer, lattice = latticeOf(a, b)) {
  const [first, second] = [placesOf(a, lattice, buffer, "apart a"), placesOf(b, lattice, buffer, "apart b")];
  const alike = a.U.width === b.U.width && a.U.height === b.U.height;
  const [ax, bx] = alike ? [a, b].map(({ U, align }) => (U.width - (align ? 1 : 0)) / 2) : [50, 50];
  const [ay, by] = alike ? [a, b].map(({ U, align }) => (U.height - (align ? 1 : 0)) / 2) : [50, 50];
  let sum = 0;
  let largest = 0;
  let counted = 0;
  for (let i = 0; i < first.n; i++) {
    // Both middles of U are the same place under either convention: no offset between them.
    const dx = first.points[2 * i] * ax - second.points[2 * i] * bx;
    const dy = first.points[2 * i + 1] * ay - second.points[2 * i + 1] * by;
    const square = dx * dx + dy * dy;
    if (!(first.w[i] > 1e-6 && second.w[i] > 1e-6) || !Number.isFinite(square)) continue;
    sum += square;
    if (square > largest) largest = square;
    counted++;
  }
  return { rms: counted ? Math.sqrt(sum / counted) : NaN, largest: counted ? Math.sqrt(largest) : NaN, unit: alike ? "px" : "%", n: first.n, lost: first.n - counted };
}
