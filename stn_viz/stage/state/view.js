/** The view (run, image, step, theta, rule ...) as the stage tells it to the URL, to Python and to the line. */

const same = (a, b) => a.kernel === b.kernel && a.padding === b.padding && a.align_corners === b.align_corners;

/** Does the picture follow the site's own family and rule, so that what was recorded is what is shown? */
export function isRecorded(state) {
  const site = state.site;
  return state.mode === "network" && (!site || same(state.rule, site));
}

/**
 * The view's fields as Python's View has them; null where the site's own value holds.
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
  };
}

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
    align: view.align_corners === null ? null : view.align_corners ? "1" : "0",
  };
  for (const [name, value] of Object.entries(fields)) {
    if (value === null || value === undefined) query.delete(name);
    else query.set(name, value);
  }
  return `?${query.toString().replaceAll("%2C", ",")}`;
}
