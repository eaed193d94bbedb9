/** Squares in a rectangle: how large they can be, and what of a line lies within one. */

/**
 * The largest squares of which `count` fill a rectangle row by row without leaving it; where that would be less than `least`,
 * squares of about that size, in rows beyond the rectangle's foot.
 *
 * @param {number} count
 * @param {{width: number, height: number}} room  px
 * @param {{gap: number, foot: number, least: number, most: number}} rule  px: between two, kept below each, smallest and largest side
 * @returns {{side: number, columns: number, rows: number, height: number}} height: of all rows
 */
export function tiling(count, { width, height }, { gap, foot, least, most }) {
  const sideFor = (columns) => Math.floor((width + gap) / columns) - gap;
  const made = (side, columns) => {
    const rows = Math.ceil(count / columns);
    return { side, columns, rows, height: rows * (side + foot + gap) - gap };
  };
  let best = 0;
  for (let columns = 1; columns <= count; columns++) {
    const down = Math.floor((height + gap) / Math.ceil(count / columns)) - gap - foot;
    best = Math.max(best, Math.min(sideFor(columns), down, most));
  }
  const columnsFor = (side) => Math.max(1, Math.floor((width + gap) / (side + gap)));
  if (best >= least) return made(best, Math.min(Math.max(1, count), columnsFor(best)));
  const columns = columnsFor(least);
  return made(Math.min(most, sideFor(columns)), columns);
}

/**
 * The part of a piece of a line that lies in a rectangle.
 *
 * @param {number} x0
 * @param {number} y0
 * @param {number} x1
 * @param {number} y1
 * @param {ArrayLike<number>} rectangle  left, top, right, bottom
 * @param {Float64Array} out  4 numbers, written: the part's ends
 * @returns {boolean} whether there is any; false too where an end is no number
 */
export function clipInto(x0, y0, x1, y1, [left, top, right, bottom], out) {
  const dx = x1 - x0;
  const dy = y1 - y0;
  let start = 0;
  let end = 1;
  // Liang and Barsky: each side lets through a part of the piece.
  for (let side = 0; side < 4; side++) {
    const by = side === 0 ? -dx : side === 1 ? dx : side === 2 ? -dy : dy;
    const room = side === 0 ? x0 - left : side === 1 ? right - x0 : side === 2 ? y0 - top : bottom - y0;
    if (by === 0) {
      if (room < 0) return false;
    } else if (by < 0) start = Math.max(start, room / by);
    else end = Math.min(end, room / by);
  }
  if (!(start <= end)) return false; // NaN too
  out[0] = x0 + start * dx;
  out[1] = y0 + start * dy;
  out[2] = x0 + end * dx;
  out[3] = y0 + end * dy;
  return true;
}
