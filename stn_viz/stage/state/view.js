/** The view (run, image, step, theta, rule ...) as the stage tells it to the URL, to Python and to the line. */

import { isVolume } from "./slices.js";

const same = (a, b) => a.kernel === b.kernel && a.padding === b.padding && a.align_corners === b.align_corners;

/** Is the rule one that a site can have: its own size, one point a pixel, one convention? */
const plain = ({ size, area, grid_align }) => !size && (area ?? 1) === 1 && (grid_align ?? null) === null;

/** Does the picture follow the site's own family and rule, so that what was recorded is what is shown? */
export function isRecorded(state) {
  const site = state.site;
  return state.mode === "network" && !state.picture && (!site || (same(state.rule, site) && plain(state.rule)));
}

/**
 * What the network is asked about: the view's fields as Python's View has them; null where the site's own value holds.
 * @param {object} state
 * @param {Float32Array | null} theta  what is shown
 */
export function viewOf(state, theta) {
  const { data, site, rule, hand, mode } = state;
  const byHand = mode === "hand" && hand;
  const own = site && byHand && hand.family === site.family && (hand.points || null) === (site.options.points || null);
  return {
    run: data.run.name,
    image: state.image,
    site: state.siteIndex,
    step: state.trace.step[state.index],
    family: byHand && !own ? hand.family : null,
    points: byHand && !own && hand.points ? hand.points : null,
    theta: byHand && theta ? Array.from(theta, Number) : null,
    kernel: site && rule.kernel !== site.kernel ? rule.kernel : null,
    padding: site && rule.padding !== site.padding ? rule.padding : null,
    align_corners: site && rule.align_corners !== site.align_corners ? rule.align_corners : null,
    ...(rule.grid_align !== null && rule.grid_align !== undefined && { grid_align: rule.grid_align }),
    ...(rule.size && { size: rule.size }),
    ...(rule.area > 1 && { area: rule.area }),
    ...(state.picture?.id && { picture: state.picture.id }),
  };
}

/** The whole view, for the address and for Python: what the network is asked about, and how somebody looks at it. */
export function placeOf(state, theta) {
  const { lens, way, slice } = state;
  return { ...viewOf(state, theta), ...(Number.isInteger(slice) && isVolume(state) && { slice }), ...(lens && lens !== "sliders" && { lens }), ...(way && { way: Number(way.toFixed(3)) }) };
}

const flag = (value) => (value === true ? "1" : value === false ? "0" : null);
const short = (number) => String(Number(number.toPrecision(6)));

/** The same view in the page's address; names as in view.py. */
export function queryOf(view) {
  const query = new URLSearchParams(location.search);
  const fields = {
    run: view.run,
    image: String(view.image),
    site: view.site ? String(view.site) : null,
    step: String(view.step),
    family: view.family,
    points: view.points && String(view.points),
    theta: view.theta && view.theta.map(short).join(","),
    kernel: view.kernel,
    padding: view.padding,
    align: flag(view.align_corners),
    galign: flag(view.grid_align),
    size: view.size && view.size.join("x"),
    area: view.area && String(view.area),
    picture: view.picture,
    lens: view.lens,
    way: view.way && String(view.way),
    slice: Number.isInteger(view.slice) ? String(view.slice) : null,
  };
  for (const [name, value] of Object.entries(fields)) {
    if (value === null || value === undefined) query.delete(name);
    else query.set(name, value);
  }
  return `?${query.toString().replaceAll("%2C", ",").replaceAll("%3A", ":")}`;
}
