/**
 * From a network's values to a screen's: P = shift + scale U by channel, red, green and blue in the order of the screen.
 *
 * A picture is drawn as it is, 0 black and 1 white, unless it carries a `screen`. A run with a preparation has
 * U = (range P - mean) / std, which its images' screen undoes; a feature map's screen brings its values to 0..1.
 *
 * @typedef {{scale: number[], shift: number[], from: number[]}} Screen  three numbers each: channel c of the screen is
 *   shift[c] + scale[c] U[from[c]]; a grey picture reads its one channel three times
 */

/**
 * @param {{mean: number[], std: number[], channel_order: "rgb" | "bgr", value_range: number} | null} preparation  of the run
 * @param {number} channels  of its images
 * @returns {Screen | null} null where the network takes pictures as they are
 */
export function screenOf(preparation, channels) {
  if (!preparation) return null;
  const { mean, std, value_range: range } = preparation;
  const from = orderOf(preparation, channels);
  return { scale: from.map((c) => std[c % std.length] / range), shift: from.map((c) => mean[c % mean.length] / range), from };
}

/** The network's channel that is red, green, blue. */
const orderOf = ({ channel_order: order }, channels) => (channels < 3 ? [0, 0, 0] : order === "bgr" ? [2, 1, 0] : [0, 1, 2]);

/**
 * @param {[number, number]} range  the values that are black and white
 * @param {number} channels
 * @returns {Screen}
 */
export function screenBetween([low, high], channels) {
  const by = 1 / (high - low);
  return { scale: [by, by, by], shift: [-low * by, -low * by, -low * by], from: channels < 3 ? [0, 0, 0] : [0, 1, 2] };
}

/** @returns {[number, number, number]} what is seen of a pixel's values, 0..1 and beyond: red, green, blue */
export function seen(values, screen) {
  if (!screen) return values.length >= 3 ? [values[0], values[1], values[2]] : [values[0], values[0], values[0]];
  const { scale, shift, from } = screen;
  return [0, 1, 2].map((c) => shift[c] + scale[c] * values[from[c]]);
}

/**
 * Channels-first values to bytes, red, green, blue and an opaque alpha.
 *
 * @param {{data: ArrayLike<number>, channels: number, height: number, width: number, screen?: Screen | null}} image
 * @param {Uint8ClampedArray} bytes  4 * height * width, written; it rounds, and values outside 0..1 stop at black and white
 */
export function bytesInto({ data, channels, height, width, screen }, bytes) {
  const count = height * width;
  const { scale, shift, from } = screen ?? { scale: [1, 1, 1], shift: [0, 0, 0], from: channels >= 3 ? [0, 1, 2] : [0, 0, 0] };
  for (let c = 0; c < 3; c++) {
    const [plane, by, more] = [from[c] * count, 255 * scale[c], 255 * shift[c]];
    for (let i = 0; i < count; i++) bytes[4 * i + c] = by * data[plane + i] + more;
  }
  for (let i = 3; i < 4 * count; i += 4) bytes[i] = 255;
}

/** @returns {string} the colour that a network's 0 is, for CSS: black where pictures are taken as they are */
export function zeroColour(screen) {
  const bytes = Uint8ClampedArray.from(screen ? screen.shift : [0, 0, 0], (value) => 255 * value);
  return `rgb(${bytes.join(", ")})`;
}

/**
 * A picture as a run's network takes it: U = (range P - mean) / std.
 *
 * @param {{data: Float32Array, channels: number, height: number, width: number}} P  values 0..1
 * @param {object} preparation  of the run
 * @param {Screen} screen  screenOf(preparation, P.channels)
 * @returns {object} U, which carries the screen
 */
export function preparedU(P, { mean, std, value_range: range, channel_order }, screen) {
  const { data, channels, height, width } = P;
  const count = height * width;
  const from = orderOf({ channel_order }, channels);
  const U = new Float32Array(channels * count);
  for (let c = 0; c < channels; c++) {
    const [plane, m, s] = [channels < 3 ? c * count : from[c] * count, mean[c % mean.length], std[c % std.length]];
    for (let i = 0; i < count; i++) U[c * count + i] = (range * data[plane + i] - m) / s;
  }
  return { data: U, channels, height, width, screen };
}
