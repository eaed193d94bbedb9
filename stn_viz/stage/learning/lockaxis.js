/** The axis that two runs share: the step, the images seen or the share of the training, early training drawn wide. */

const VALUE = {
  step: (trace) => trace.step,
  images: (trace) => trace.images,
  share: (trace) => {
    const last = trace.step[trace.count - 1] || 1;
    return Float64Array.from(trace.step, (step) => step / last);
  },
};

/**
 * @param {"step" | "images" | "share"} lock
 * @param {object} a  a side (learning/sides.js)
 * @param {object} b
 * @returns {string | null} why two runs cannot be locked so; null where they can
 */
export function refusalOf(lock, a, b) {
  const [counts, other] = [a.data.run.counter, b.data.run.counter];
  if (lock === "step") return counts === other ? null : `A is counted in ${counts}s, B in ${other}s`;
  const [counted, too] = [a.trace.images, b.trace.images];
  if (lock !== "images" || (counted && too)) return null;
  return counted || too ? `Run ${counted ? "B" : "A"} did not count its images` : "Neither run counted its images";
}

/** @returns {"step" | "images" | "share"} what two runs are locked on where they cannot be as somebody wants: the share can always be */
export const lockBetween = (wanted, a, b) => (refusalOf(wanted, a, b) ? "share" : wanted);

/** @returns {string} "step 833", "106,624 images", "5.0 %" */
export function wordsOf(lock, value, counter = "step") {
  if (lock === "share") return `${(100 * value).toFixed(1)} %`;
  return lock === "images" ? `${value.toLocaleString("en")} images` : `${counter} ${value.toLocaleString("en")}`;
}

const EARLY = 8; // the first of so many parts of the records is drawn about as wide as each later decade

/**
 * @param {object} a  trace of A
 * @param {object} b  trace of B
 * @param {"step" | "images" | "share"} lock
 * @returns {{values: [ArrayLike<number>, ArrayLike<number>], place: (value: number) => number, value: (place: number) => number, last: number}}
 *   values: of each record of A and of B; place: 0 .. 1 along the axis, and back; last: the largest value of both
 */
export function lockAxis(a, b, lock) {
  const values = [VALUE[lock](a), VALUE[lock](b)];
  const last = Math.max(values[0][a.count - 1], values[1][b.count - 1]) || 1;
  const early = values[0][Math.min(a.count - 1, Math.ceil(a.count / EARLY))] || last;
  const whole = Math.log1p(last / early);
  return { values, last, place: (value) => Math.log1p(value / early) / whole, value: (place) => early * Math.expm1(place * whole) };
}

/** @returns {{place: number, text: string}[]} numbers under the axis, at least `gap` (a share of its length) apart */
export function ticksOf({ place, last }, lock, gap) {
  const text = (value) => (lock === "share" ? `${Number((100 * value).toPrecision(2))} %` : value.toLocaleString("en"));
  const out = [{ place: 0, text: text(0) }];
  for (let decade = 10 ** Math.floor(Math.log10(last / 1e6)); decade <= last; decade *= 10) {
    if (lock !== "share" && decade < 1) continue;
    const at = place(decade);
    if (at - out[out.length - 1].place > gap && 1 - at > gap) out.push({ place: at, text: text(Number(decade.toPrecision(6))) });
  }
  out.push({ place: 1, text: text(last) });
  return out;
}
