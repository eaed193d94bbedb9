/** Which image of another run stands beside one: the very same picture where it has it, else the same number. */

const same = (a, b) => {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
};

const isSame = (one, i, other, j) => {
  const [a, b] = [one.image(i), other.image(j)];
  return one.labels[i] === other.labels[j] && a.width === b.width && a.height === b.height && a.channels === b.channels && same(a.data, b.data);
};

const known = new WeakMap(); // probes -> other probes -> image -> found

function find(one, other, image) {
  if (image < other.count && isSame(one, image, other, image)) return { image, same: true, clamped: false };
  for (let j = 0; j < other.count; j++) if (isSame(one, image, other, j)) return { image: j, same: true, clamped: false };
  return { image: Math.min(image, other.count - 1), same: false, clamped: image >= other.count };
}

/**
 * @param {object} one  probes of A (state/load.js)
 * @param {object} other  of B
 * @param {number} image  of A
 * @returns {{image: number, same: boolean, clamped: boolean}} of B; `same`: it shows the same picture, byte for byte; `clamped`: B
 *   has not so many images, and its last stands here
 */
export function imageBeside(one, other, image) {
  if (!known.has(one)) known.set(one, new WeakMap());
  const pairs = known.get(one);
  if (!pairs.has(other)) pairs.set(other, new Map());
  const found = pairs.get(other);
  if (!found.has(image)) found.set(image, find(one, other, image));
  return found.get(image);
}
