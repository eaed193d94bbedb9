/** The values of an image: smallest and largest, and its background. */

/** @returns {[number, number]} smallest and largest value; NaN is passed over, [0, 0] for nothing */
export function rangeOf({ data }) {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 0];
}

const known = new WeakMap(); // image -> its values

/**
 * Of an image that does not change.
 *
 * @param {{data: ArrayLike<number>, channels: number, height: number, width: number}} image
 * @returns {{range: [number, number], background: number[]}} background: the median of the border's pixels, by channel
 */
export function valuesOf(image) {
  if (!known.has(image)) known.set(image, { range: rangeOf(image), background: background(image) });
  return known.get(image);
}

function background({ data, channels, height, width }) {
  const medians = [];
  for (let c = 0; c < channels; c++) {
    const plane = c * height * width;
    const border = [];
    for (let column = 0; column < width; column++) border.push(data[plane + column], data[plane + (height - 1) * width + column]);
    for (let row = 1; row < height - 1; row++) border.push(data[plane + row * width], data[plane + row * width + width - 1]);
    const sorted = Float64Array.from(border).sort();
    const half = sorted.length / 2;
    medians.push(sorted.length % 2 ? sorted[Math.floor(half)] : (sorted[half - 1] + sorted[half]) / 2);
  }
  return medians;
}
