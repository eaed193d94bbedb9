/** A random member of a family that is worth looking at: something happens, all of it can be seen, most of it is inside U. */

import { fitTheta } from "../numbers/fit.js";
import { mapped } from "./motions.js";
import { fourPoints, isConvex } from "./quads.js";

const REACH = 1.05; // how far from U's middle the frame may go
const SHIFT = 0.35; // of a frame that cannot shrink
const BUMPS = 3;
const WIDTH = 0.45; // of a bump, normalised

/**
 * @param {string} family
 * @param {object} basis  numbers/grid.js
 * @param {() => number} chance  uniform in 0..1
 * @returns {Float64Array} theta
 */
export function randomTheta(family, basis, chance = Math.random) {
  const between = (low, high) => low + (high - low) * chance();
  const A = linearPart(family, between);
  const reach = [Math.abs(A[0]) + Math.abs(A[1]), Math.abs(A[2]) + Math.abs(A[3])];
  const t = reach.map((side) => {
    if (family === "translation") return (between(-1, 1) < 0 ? -1 : 1) * between(SHIFT / 4, SHIFT); // or nothing would happen
    const room = Math.max(0, REACH - side);
    return between(-room, room);
  });
  const at = (x, y) => [A[0] * x + A[1] * y + t[0], A[2] * x + A[3] * y + t[1]];
  const size = Math.sqrt(Math.abs(A[0] * A[3] - A[1] * A[2]));
  if (family === "projective") {
    for (let tries = 0; tries < 20; tries++) {
      const quad = [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([x, y]) => at(x, y).map((value) => value + 0.35 * size * between(-1, 1)));
      if (isConvex(quad)) return fourPoints(quad);
    }
  }
  if (basis.control) return bent(basis.control, at, size, between);
  const lattice = new Float32Array(2 * basis.hand.n);
  for (let i = 0; i < basis.hand.n; i++) lattice.set([(i % 9) / 4 - 1, Math.floor(i / 9) / 4 - 1], 2 * i);
  const points = mapped(lattice, [0, 0], A).map((value, i) => value + t[i % 2]);
  return fitTheta(basis, basis.hand.b, basis.hand.n, points, basis.identity);
}

/** Rotation, zoom, aspect and shear, as far as the family has them. */
function linearPart(family, between) {
  if (family === "translation") return [1, 0, 0, 1];
  const scale = between(0.5, 0.85);
  if (family === "attention") return [scale, 0, 0, scale];
  const angle = between(0.1, 0.9) * (between(-1, 1) < 0 ? -1 : 1);
  const [c, s] = [scale * Math.cos(angle), scale * Math.sin(angle)];
  if (family === "similarity") return [c, -s, s, c];
  const [aspect, shear] = [Math.exp(between(-0.25, 0.25)), between(-0.25, 0.25)];
  return [c * aspect, (c * shear - s) / aspect, s * aspect, (s * shear + c) / aspect];
}

/** Control points under an affine map and a few smooth bumps, none of them so steep that the grid folds. */
function bent(control, at, size, between) {
  const bumps = Array.from({ length: BUMPS }, () => [between(-0.8, 0.8), between(-0.8, 0.8), between(-0.22, 0.22), between(-0.22, 0.22)]);
  const theta = new Float64Array(control.length);
  for (let i = 0; i < control.length; i += 2) {
    const [x, y] = [control[i], control[i + 1]];
    let [px, py] = at(x, y);
    for (const [bx, by, dx, dy] of bumps) {
      const near = Math.exp(-((x - bx) ** 2 + (y - by) ** 2) / (2 * WIDTH * WIDTH));
      px += size * dx * near;
      py += size * dy * near;
    }
    theta[i] = px;
    theta[i + 1] = py;
  }
  return theta;
}
