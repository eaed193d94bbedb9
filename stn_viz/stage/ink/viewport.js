/** Where normalised source coordinates stand on the U canvas, and back. */

/** Half of the canvas's width in normalised units at rest: the image and a margin where the grid can go. */
export const HALF = 1.34;
/** The farthest the view opens by itself: beyond it the image would be a stamp, and the grid goes on out of sight. */
const HALF_MAX = 3.4;

/**
 * @param {number} side  the canvas's side, px (the canvas is square)
 * @param {{width: number, height: number}} image  pixels of U: its longer side spans the same share of the canvas
 * @param {number} half  half of the canvas in units of half the image's longer side
 * @param {boolean} align  U's align_corners: whether -1 and 1 are the outer pixels' centres, so that their edges lie beyond
 */
export function createViewport(side, image, half, align) {
  const longer = Math.max(image.width, image.height);
  const scale = side / (2 * half);
  const sx = (scale * image.width) / longer;
  const sy = (scale * image.height) / longer;
  const middle = side / 2;
  const reach = (size) => (align && size > 1 ? size / (size - 1) : 1);
  const [ex, ey] = [sx * reach(image.width), sy * reach(image.height)];
  return {
    side,
    /** pixels on the screen per normalised unit of x and of y */
    metric: [sx, sy],
    toScreen: (x, y) => [middle + x * sx, middle + y * sy],
    toImage: (px, py) => [(px - middle) / sx, (py - middle) / sy],
    /** the image's rectangle, whole pixels: left, top, width, height */
    rect: [middle - ex, middle - ey, 2 * ex, 2 * ey],
  };
}

/** Half-extent that shows all of these points, between HALF and HALF_MAX; steps coarse enough not to creep. */
export function halfFor(points, image) {
  const longer = Math.max(image.width, image.height);
  let reach = 0;
  for (let i = 0; i < points.length; i += 2) {
    const x = Math.abs(points[i]) * (image.width / longer);
    const y = Math.abs(points[i + 1]) * (image.height / longer);
    if (Number.isFinite(x)) reach = Math.max(reach, x);
    if (Number.isFinite(y)) reach = Math.max(reach, y);
  }
  if (reach <= HALF - 0.02) return HALF;
  return Math.min(HALF_MAX, HALF * 1.25 ** Math.ceil(Math.log((reach + 0.05) / HALF) / Math.log(1.25)));
}
