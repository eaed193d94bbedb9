/** "Undo distortion": the theta that a perfect localiser would give, where it is known. */

import { coefficients, pointsInto, thinned } from "../numbers/grid.js";
import { fitTheta } from "../numbers/fit.js";
import { pixelOf } from "./snaps.js";

const MOST = 32; // pixels of V a side that are fitted over

/** @returns {{family: string, points: number | null, theta: ArrayLike<number>} | null} of the picture that is U, under align_corners False */
export function poseOf(state) {
  if (state.picture) return state.picture.pose;
  const theta = state.probes.pose?.(state.image);
  const family = state.data.run.pose_family;
  if (!theta || !family || !theta.every(Number.isFinite)) return null;
  return { family, points: ["tps", "free"].includes(family) ? Math.round(Math.sqrt(theta.length / 2)) : null, theta };
}

/** Poses are told under align_corners False: under it, theta is the pose's own. */
const asTold = (rule, shown, pose) =>
  !rule.align_corners && !(rule.grid_align ?? rule.align_corners) && shown.family === pose.family && shown.theta.length === pose.theta.length;

/** @returns {boolean} whether trueTheta has an answer; of a slice it has the pose's own theta or none, since its points say nothing of the others */
export function isPoseKnown(state, shown) {
  const pose = shown?.theta ? poseOf(state) : null;
  return Boolean(pose) && (!shown.depth || asTold(state.rule, shown, pose));
}

/**
 * The true pose in the family that is shown. A pose is told under align_corners False; under another convention, or in another
 * family, its grid is what counts: the same pixels of V fetch from the same places of U.
 *
 * @param {object} state
 * @param {object} shown  the scene
 * @param {(state: object, family: string, points: number | null) => Promise<object | null>} fetchBasis
 * @returns {Promise<Float64Array | null>} null where the pose's own grid did not arrive
 */
export async function trueTheta(state, shown, fetchBasis) {
  const pose = poseOf(state);
  const { rule } = state;
  if (asTold(rule, shown, pose)) return Float64Array.from(pose.theta);
  if (shown.depth) return null;
  const own = await fetchBasis({ ...state, rule: { ...rule, align_corners: false, grid_align: false, area: 1 } }, pose.family, pose.points);
  if (!own) return null;
  const size = shown.basis.size.map((side) => Math.min(side, MOST)); // far more points than theta has numbers, all the same
  const [basis, there] = [shown.basis, own].map((each) => thinned(each, size));
  const points = pointsInto(there.b, there.k, there.n, coefficients(there, pose.theta, there.coefficients), new Float32Array(2 * there.n));
  const [wide, here] = [false, true].map((align) => pixelOf(shown.U, align && rule.align_corners));
  for (let i = 0; i < points.length; i++) points[i] *= here[i % 2] / wide[i % 2];
  return fitTheta(basis, basis.b, basis.n, points, basis.identity);
}
