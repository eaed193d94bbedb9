/** One pixel of V in words: where it is, which grid point it has, and where that is among U's pixels; x before y, column before row. */

/**
 * @param {number} coord  normalised x or y
 * @param {number} size  U's width or height
 * @param {boolean} align  the sampler's align_corners
 * @returns {number} column or row; a pixel's centre is a whole number, the first is 0
 */
export const pixelPosition = (coord, size, align) => (align ? ((coord + 1) * (size - 1)) / 2 : ((coord + 1) * size - 1) / 2);

/** A number with so many digits and a true minus; what is too large for them, short: 2.0e+6. */
export function numeral(value, digits = 2) {
  if (Number.isNaN(value)) return "not a number";
  if (!Number.isFinite(value)) return value < 0 ? "−∞" : "∞";
  const text = Math.abs(value) >= 1e5 ? value.toExponential(1) : value.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
}

/**
 * @param {{row: number, column: number, x: number, y: number}} pixel  of V, and its grid point (normalised)
 * @param {{height: number, width: number}} U
 * @param {boolean} align  the sampler's align_corners
 * @returns {{place: string, grid: string, read: string}} "row 3, column 2", "grid (−0.250, 0.125)", "column 3.00, row 4.50"
 */
export function pixelWords({ row, column, x, y }, U, align) {
  const [across, down] = [pixelPosition(x, U.width, align), pixelPosition(y, U.height, align)];
  return {
    place: `row ${row}, column ${column}`,
    grid: `grid (${numeral(x, 3)}, ${numeral(y, 3)})`,
    read: `column ${numeral(across)}, row ${numeral(down)}`,
  };
}
