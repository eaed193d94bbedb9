/** From one theta to another, smoothly: in the gauge's coordinates where there is one, so that a turn turns. */

import { gaugeOf } from "../numbers/gauge.js";

const ease = (t) => (t < 0.5 ? 2 * t * t : 1 - 2 * (1 - t) * (1 - t));

/**
 * @param {string} family
 * @param {ArrayLike<number>} from  P numbers
 * @param {ArrayLike<number>} to  P numbers
 * @returns {(t: number) => Float64Array} t 0..1
 */
export function path(family, from, to) {
  const gauge = gaugeOf(family);
  const straight = (a, b) => (t) => Float64Array.from(a, (value, i) => value + (b[i] - value) * t);
  const a = gauge && gauge.fromTheta(from);
  const b = gauge && gauge.fromTheta(to);
  const at = (name) => gauge.names.indexOf(name);
  // A mirrored grid has no smooth way through the gauge to one that is not: it goes straight, through the fold.
  const mirror = gauge && gauge.names.includes("aspect") && a[at("aspect")] * b[at("aspect")] < 0;
  const singular = gauge && ![...a, ...b].every((value) => Math.abs(value) < 1e4);
  if (!gauge || mirror || singular) {
    const line = straight(from, to);
    return (t) => line(ease(t));
  }
  const bent = ["zoom", "aspect"].filter((name) => gauge.names.includes(name) && a[at(name)] * b[at(name)] > 0);
  if (gauge.names.includes("rotation")) {
    const i = at("rotation");
    b[i] = a[i] + ((((b[i] - a[i] + 180) % 360) + 360) % 360) - 180; // the short way round
  }
  return (t) => {
    if (t >= 1) return Float64Array.from(to);
    const s = ease(t);
    const values = Array.from(a, (value, i) => value + (b[i] - value) * s);
    for (const name of bent) {
      const i = at(name);
      values[i] = a[i] * Math.exp(Math.log(b[i] / a[i]) * s);
    }
    return Float64Array.from(gauge.toTheta(values));
  };
}
