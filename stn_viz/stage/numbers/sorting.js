/** Putting many images in an order, and what a network answers for one. */

/**
 * @param {ArrayLike<number>} values  one for each image
 * @param {number[]} images  which of them
 * @param {boolean} [descending]
 * @returns {number[]} the images by their value; what is no number comes last either way, and of equals the first image first
 */
export function ordered(values, images, descending = false) {
  const sign = descending ? -1 : 1;
  return [...images].sort((a, b) => {
    const known = Number.isFinite(values[b]) - Number.isFinite(values[a]);
    if (known) return known;
    return (Number.isFinite(values[a]) && sign * (values[a] - values[b])) || a - b;
  });
}

/** @returns {number} index of the largest, the first of equals; -1 where there is no number, or nothing */
export function largest(values) {
  let best = -1;
  for (let i = 0; values && i < values.length; i++) if (Number.isFinite(values[i]) && (best < 0 || values[i] > values[best])) best = i;
  return best;
}

/** @returns {boolean} whether an answer is known, the label too, and they differ */
export const isWrong = (label, answer) => label >= 0 && answer >= 0 && label !== answer;
