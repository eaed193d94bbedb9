/** Rulers at a picture's upper and left side: the pixels' indices, and their normalised coordinates under one align_corners or both. */

const TICK = 5; // px
const GAP = 3; // px between two ticks at least
const MARKS = [-1, -0.5, 0, 0.5, 1];

/** @returns {number} every how many pixels a label stands: 1, 2, 5, 10 ... so that neighbours are `room` px apart */
export function every(pixel, room) {
  for (let decade = 1; ; decade *= 10) for (const factor of [1, 2, 5]) if (decade * factor * pixel >= room) return decade * factor;
}

/** @returns {number} place of a normalised coordinate along a side, px from its outer edge */
export function along(value, size, length, align) {
  const pixel = length / size;
  return align ? pixel * (0.5 + ((value + 1) / 2) * (size - 1)) : ((value + 1) / 2) * length;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {object} theme
 * @param {object} of
 * @param {number[]} of.rect  left, top, width, height of the picture, px
 * @param {number[]} of.size  [height, width], pixels
 * @param {boolean[]} of.conventions  align_corners, one row of normalised values each
 */
export function drawRulers(context, theme, { rect: [left, top, width, height], size: [rows, columns], conventions }) {
  context.save();
  context.translate(left, top);
  ruler(context, theme, columns, width, conventions);
  context.rotate(Math.PI / 2); // the left side: down is along, and text is read from below
  ruler(context, theme, rows, height, conventions, true);
  context.restore();
}

/** Along x from 0, away from the picture towards -y (the upper side) or +y (the left one). */
function ruler(context, theme, count, length, conventions, turned = false) {
  const out = turned ? 1 : -1;
  const pixel = length / count;
  const line = theme.small + 2;
  context.fillStyle = theme.ink;
  context.strokeStyle = theme.muted;
  context.lineWidth = 1;
  context.beginPath();
  const [ticks, labels] = [every(pixel, GAP), every(pixel, 2 * theme.small + 4)];
  for (let i = 0; i < count; i += ticks) {
    const x = (i + 0.5) * pixel;
    context.moveTo(x, 2 * out);
    context.lineTo(x, (2 + (i % labels ? TICK - 2 : TICK)) * out);
  }
  context.stroke();
  context.font = `${theme.small}px ${theme.font}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  const level = (row) => out * (TICK + 3 + (row + 0.5) * line);
  const write = (text, x, row) => label(context, theme, text, x, level(row), turned);
  const last = count - 1;
  for (let i = 0; i < count; i += labels) if (i === 0 || (last - i) * pixel >= 2 * theme.small || i === last) write(String(i), (i + 0.5) * pixel, 0);
  if (last % labels) write(String(last), (last + 0.5) * pixel, 0);
  conventions.forEach((align, row) => {
    if (align && count === 1) return; // both ends would be one point
    context.strokeStyle = theme.rulers[Number(align)];
    context.lineWidth = 1.5;
    context.beginPath();
    for (const value of [-1, 1]) {
      const x = along(value, count, length, align);
      context.moveTo(x, 0);
      context.lineTo(x, out * (TICK + 3)); // up to the index, which stands just here where -1 and 1 are pixels' centres
      context.moveTo(x, level(0) + (out * line) / 2);
      context.lineTo(x, level(row + 1) - (out * line) / (conventions.length > 1 && row === 0 ? -3 : 2));
    }
    context.stroke();
    context.fillStyle = theme.rulers[Number(align)];
    for (const value of MARKS) {
      if (length < 10 * theme.small && Math.abs(value) === 0.5) continue;
      // Of two rows the nearer one's ends stand inside, beside the farther one's marks.
      const aside = conventions.length > 1 && row === 0 ? -value * theme.small * (Math.abs(value) === 1) : 0;
      write(String(value).replace("-", "−"), along(value, count, length, align) + aside, row + 1);
    }
    context.fillStyle = theme.ink;
  });
}

/** Text on the picture's margin: with a halo, so that it is read on whatever the padding writes there. */
function label(context, theme, text, x, y, turned) {
  context.save();
  context.translate(x, y);
  if (turned) context.rotate(Math.PI); // not upside down: read from below
  const fill = context.fillStyle;
  context.lineWidth = 3;
  context.lineJoin = "round";
  context.strokeStyle = theme.surface;
  context.strokeText(text, 0, 0);
  context.fillStyle = fill;
  context.fillText(text, 0, 0);
  context.restore();
}
