/** The places where a network samples a grid: which of them sample the same U, and what the stage shows of one. */

/** @returns {boolean} whether the site samples a flat picture; of volumes there are slices */
export const isFlat = (site) => site.input_size?.length !== 3;

/** @returns {boolean} whether U is a feature map inside the network rather than the image itself */
export const isDeep = (site) => site.on_image === false;

/** @returns {number[]} the other sites that sample what the state's site samples: they can be drawn over the same U */
export function together({ data, site, siteIndex }) {
  if (!site || !isFlat(site) || site.input === null || site.input === undefined) return [];
  return data.sites.flatMap((each, i) => (i !== siteIndex && each.input === site.input && isFlat(each) ? [i] : []));
}

/** @returns {string} a site's name in a list: "2 · stn2.sampler" */
export const titleOf = (site, i) => (/^site[_ ]?\d+$/.test(site.name) ? `site ${i + 1}` : `${i + 1} · ${site.name}`);

/** The site's own rule, with what a view changes of it. */
export function ruleOf(site, view = {}) {
  const own = site ?? { kernel: "bilinear", padding: "zeros", align_corners: false };
  return {
    kernel: view.kernel ?? own.kernel,
    padding: view.padding ?? own.padding,
    align_corners: view.align_corners ?? own.align_corners,
    grid_align: view.grid_align ?? null,
    size: view.size ?? null,
    area: view.area ?? 1,
  };
}

/** What is set when another site is looked at: its network's grid under its own rule. */
export function lookedAt(data, siteIndex) {
  const site = data.sites[siteIndex];
  return { site, siteIndex, rule: ruleOf(site), mode: "network", hand: null, pixel: null, pin: null, sliceU: null, boxing: false, fits: true };
}

/** Why a chosen picture cannot be U here; "" where it can. As lens/predictions.py says it. */
export function refusalAt({ site, siteIndex }) {
  if (!site || !isDeep(site)) return "";
  return `Site ${siteIndex} samples a feature map inside the network, which is known for the run's own images alone. Choose one of these, or the network's first transformer.`;
}
