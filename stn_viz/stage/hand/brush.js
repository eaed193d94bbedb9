/**
 * A brush on a free form: what a dab does to its control points. Numbers only; no DOM.
 *
 * theta (2 K^2,) holds the points' source positions; distances are measured on the screen by `metric` (px per unit of x, y).
 * A dab's effect falls smoothly from 1 at the brush's middle to 0 at its rim.
 */

/** (1 - t^2)^2 for t = distance / radius below 1, else 0: smooth at both ends. */
export function falloff(dx, dy, radius) {
  const t = (dx * dx + dy * dy) / (radius * radius);
  return t < 1 ? (1 - t) ** 2 : 0;
}

/** Points under the brush go along with it, from `from` to `to` (normalised). Writes `theta`. */
export function push(theta, from, to, radius, metric) {
  for (let i = 0; i < theta.length; i += 2) {
    const share = falloff((theta[i] - from[0]) * metric[0], (theta[i + 1] - from[1]) * metric[1], radius);
    theta[i] += share * (to[0] - from[0]);
    theta[i + 1] += share * (to[1] - from[1]);
  }
  return theta;
}

/** Points under the brush draw together at its middle by a share of their way; a negative share drives them apart. */
export function pinch(theta, at, radius, metric, share) {
  for (let i = 0; i < theta.length; i += 2) {
    const [dx, dy] = [theta[i] - at[0], theta[i + 1] - at[1]];
    const near = falloff(dx * metric[0], dy * metric[1], radius) * share;
    theta[i] -= near * dx;
    theta[i + 1] -= near * dy;
  }
  return theta;
}

/** Points under the brush go toward the mean of their neighbours (on an edge of the lattice, along it); its corners stay. */
export function smooth(theta, at, radius, metric, share) {
  const K = Math.round(Math.sqrt(theta.length / 2));
  const before = theta.slice();
  for (let row = 0; row < K; row++) {
    for (let column = 0; column < K; column++) {
      const i = 2 * (row * K + column);
      const near = falloff((before[i] - at[0]) * metric[0], (before[i + 1] - at[1]) * metric[1], radius) * share;
      if (!near) continue;
      const across = column > 0 && column < K - 1;
      const down = row > 0 && row < K - 1;
      for (let d = 0; d < 2; d++) {
        let [sum, count] = [0, 0];
        if (across) [sum, count] = [sum + before[i + d - 2] + before[i + d + 2], count + 2];
        if (down) [sum, count] = [sum + before[i + d - 2 * K] + before[i + d + 2 * K], count + 2];
        if (count) theta[i + d] += near * (sum / count - before[i + d]);
      }
    }
  }
  return theta;
}
