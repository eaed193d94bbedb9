/** Area-averaged sampling and differences of pictures: V as the mean over several samples a pixel, and how two V differ. */

/**
 * The mean over blocks of k x k samples: V of a grid that is k times finer each way.
 *
 * @param {Float32Array} out  channels * height * width, written
 * @param {Float32Array} fine  channels * (k height) * (k width)
 * @param {number} channels
 * @param {number} height  of V
 * @param {number} width
 * @param {number} k  samples a pixel each way
 * @returns {Float32Array} out
 */
export function averageInto(out, fine, channels, height, width, k) {
  const across = k * width;
  const share = 1 / (k * k);
  for (let c = 0, at = 0; c < channels; c++) {
    for (let row = 0; row < height; row++) {
      const top = (c * k * height + k * row) * across;
      for (let column = 0; column < width; column++, at++) {
        let sum = 0;
        for (let i = 0; i < k; i++) for (let j = 0; j < k; j++) sum += fine[top + i * across + k * column + j];
        out[at] = sum * share;
      }
    }
  }
  return out;
}

/**
 * b - a, and how large it is.
 *
 * @param {Float32Array} a  channels * n, values 0..1
 * @param {Float32Array} b  the same
 * @param {number} width  of both, to say where
 * @param {number} channels
 * @returns {{largest: number, signed: number, row: number, column: number, channel: number, mean: number}}
 *   largest |b - a| and its sign, the first place where it is; mean of |b - a|
 */
export function differenceOf(a, b, width, channels) {
  let largest = 0;
  let where = 0;
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    const size = Math.abs(b[i] - a[i]);
    sum += size;
    if (size > largest) {
      largest = size;
      where = i;
    }
  }
  const n = a.length / channels;
  const pixel = where % n;
  return { largest, signed: a.length ? b[where] - a[where] : 0, row: Math.floor(pixel / width), column: pixel % width, channel: Math.floor(where / n), mean: a.length ? sum / a.length : 0 };
}

/**
 * The difference as a picture: 0 is mid-grey, gain stretches it, beyond 0..1 it is clipped.
 *
 * @param {Float32Array} out  as long as a and b, written: 0.5 + gain (b - a) / 2
 * @returns {Float32Array} out
 */
export function differenceInto(out, a, b, gain) {
  for (let i = 0; i < out.length; i++) out[i] = 0.5 + (gain * (b[i] - a[i])) / 2;
  return out;
}
