/** What congealing asks for, and what has come: class means snapshot by snapshot, kept so that scrubbing never waits twice. */

const MOST_STOPS = 24; // snapshots of the film
const MOST_BYTES = 48 * 2 ** 20;

/** @returns {number[]} at most `most` of them, the first and the last among them, evenly by their place */
export function spread(values, most) {
  if (values.length <= most) return [...values];
  return Array.from({ length: most }, (_, i) => values[Math.round((i * (values.length - 1)) / (most - 1))]);
}

/** The steps of a side whose means the film shows: its snapshots, or some of its records where there is no network. */
export function stopsOf({ data, trace }) {
  return spread(data.run.has_network ? data.run.snapshots : Array.from(trace.step), MOST_STOPS);
}

/** The step whose means belong under the scrubber: the snapshot in force, or the record itself where there is no network. */
export function wantedStep({ data, trace }, index) {
  const step = trace.step[index];
  if (!data.run.has_network) return step;
  return data.run.snapshots.reduce((found, each) => (each <= step ? each : found), data.run.snapshots[0]);
}

/** All steps, the one that is wanted first, then its neighbours outwards. */
export function inOrder(stops, wanted) {
  return [...new Set([wanted, ...[...stops].sort((a, b) => Math.abs(place(stops, a) - place(stops, wanted)) - Math.abs(place(stops, b) - place(stops, wanted)))])];
}
const place = (stops, step) => stops.filter((each) => each < step).length;

/** @param {(side: object, lens: string, options: object) => object | null} ask  room.ask */
export function createCongealed(ask) {
  const kept = new Map(); // key -> {step, facts, mean, variance}, the newest last
  const still = new Map(); // key of the side and site -> what does not change from step to step
  const keyOf = ({ data }, siteIndex, step) => `${data.run.name}/${data.run.version}/${siteIndex}/${step}`;

  const keep = (side, siteIndex, step, { tensors, facts }) => {
    // Copies: a view would hold the whole answer, before and true pose too, once for every snapshot.
    const copy = (name) => tensors[name] && { data: tensors[name].data.slice(), shape: tensors[name].shape };
    kept.set(keyOf(side, siteIndex, step), { step, facts, mean: copy("mean"), variance: copy("variance") });
    const same = keyOf(side, siteIndex, "");
    still.set(same, Object.fromEntries(["raw_mean", "raw_variance", "pose_mean", "pose_variance"].map((name) => [name, copy(name)])));
    if (still.size > 8) still.delete(still.keys().next().value);
    let bytes = 0;
    for (const [key, { mean }] of [...kept].reverse()) {
      bytes += 2 * mean.data.length;
      if (bytes > MOST_BYTES) kept.delete(key);
    }
  };
  return {
    /** Ask for what is missing, the most important first. @returns {{error: string | null}} of the wanted step */
    want: (side, siteIndex, wanted, stops) => {
      let wrong = null;
      const ordered = inOrder(stops, wanted);
      ordered.forEach((step, i) => {
        if (!kept.has(keyOf(side, siteIndex, step))) {
          const answer = ask(side, "congealing", { step, site: siteIndex });
          if (answer?.tensors) keep(side, siteIndex, step, answer);
          else if (answer?.error && step === wanted) wrong = answer.error;
        }
        if (i === 0 && side.sites.length) ask(side, "sharpness", { site: siteIndex }); // a moment's work, and the curve is whole at once
      });
      return { error: wrong };
    },
    /** The curve over all records; null until it is here. */
    curve: (side, siteIndex) => (side.sites.length ? ask(side, "sharpness", { site: siteIndex }) : null),
    at: (side, siteIndex, step) => kept.get(keyOf(side, siteIndex, step)) ?? null,
    /** The nearest before a step that is here, else the nearest after it. */
    near: (side, siteIndex, step) => {
      const prefix = keyOf(side, siteIndex, "");
      const here = [...kept].filter(([key]) => key.startsWith(prefix)).map(([, each]) => each);
      const before = here.filter((each) => each.step <= step).sort((a, b) => b.step - a.step)[0];
      return before ?? here.sort((a, b) => a.step - b.step)[0] ?? null;
    },
    still: (side, siteIndex) => still.get(keyOf(side, siteIndex, "")) ?? {},
  };
}
