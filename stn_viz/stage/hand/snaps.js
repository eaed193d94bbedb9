/** Shift: what is dragged goes by whole steps. Moves by whole pixels of U from the place that the identity gives, turns by 15°. */

const TURN = Math.PI / 12;

/** @returns {number} the value nearest to `value` that is whole steps away from `home` */
export const snapped = (value, home, step) => home + Math.round((value - home) / step) * step;

/**
 * @param {number[]} point  source point, normalised
 * @param {number[]} home  where the identity has it
 * @param {number[]} pixel  a pixel of U, in normalised units of x and y
 */
export const snappedPoint = ([x, y], home, pixel) => [snapped(x, home[0], pixel[0]), snapped(y, home[1], pixel[1])];

/** @returns {number} the turn that takes `angle` + `turn` to a multiple of 15°; radians */
export const snappedTurn = (angle, turn) => snapped(angle + turn, 0, TURN) - angle;

/** @returns {[number, number]} a pixel of U in normalised units; a side of one pixel has no step under align_corners */
export const pixelOf = ({ width, height }, align) => [width, height].map((size) => 2 / (align ? Math.max(1, size - 1) : size));
