/** The sampling grid over U: margin and image, lines, coloured edges, the network's ghost, a pixel's taps. */

const EDGES = ["top", "right", "bottom", "left"];

/** The margin as the padding rule has it, dimmed and hatched, and the image itself. */
export function drawImage(context, view, theme, { image, margin, marginPixels }) {
  const { side, rect } = view;
  context.fillStyle = theme.surface;
  context.fillRect(0, 0, side, side);
  context.imageSmoothingEnabled = false;
  const [left, top, width, height] = rect;
  const px = width / image.width;
  const py = height / image.height;
  const [mx, my] = marginPixels;
  context.globalAlpha = theme.marginAlpha;
  context.drawImage(margin, left - mx * px, top - my * py, width + 2 * mx * px, height + 2 * my * py);
  context.globalAlpha = 1;
  hatch(context, side, theme.hatch);
  context.drawImage(image, left, top, width, height);
}

function hatch(context, side, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  for (let at = -side; at < side; at += 9) {
    context.moveTo(at, 0);
    context.lineTo(at + side, side);
  }
  context.stroke();
}

/** One polyline of the grid; broken where a point is behind the horizon (H_w <= 0) or not a number. */
function trace(context, view, points, w, first, count) {
  let drawing = false;
  for (let i = first; i < first + count; i++) {
    const x = points[2 * i];
    const y = points[2 * i + 1];
    if (w[i] <= 1e-6 || !(Math.abs(x) < 1e4) || !(Math.abs(y) < 1e4)) {
      drawing = false;
      continue;
    }
    const [px, py] = view.toScreen(x, y);
    if (drawing) context.lineTo(px, py);
    else context.moveTo(px, py);
    drawing = true;
  }
}

/** Line indices of the four edges among L lines down and L lines across. */
const edgeLines = (L) => ({ left: 0, right: L - 1, top: L, bottom: 2 * L - 1 });

/**
 * @param {{points: Float32Array, w: Float32Array, L: number, m: number}} lines  L lines down, then L across, m points each
 */
export function drawGrid(context, view, theme, { points, w, L, m }) {
  const edges = edgeLines(L);
  context.lineJoin = "round";
  context.lineCap = "round";
  context.strokeStyle = theme.grid;
  context.globalAlpha = 0.75;
  context.lineWidth = 1;
  context.beginPath();
  for (let line = 0; line < 2 * L; line++) {
    if (!Object.values(edges).includes(line)) trace(context, view, points, w, line * m, m);
  }
  context.stroke();
  context.globalAlpha = 1;
  for (const edge of EDGES) {
    context.strokeStyle = theme.edges[edge];
    context.lineWidth = theme.edgeWidth;
    context.beginPath();
    trace(context, view, points, w, edges[edge] * m, m);
    context.stroke();
  }
}

/** The network's own grid while theta is by hand: its outline, dashed. */
export function drawGhost(context, view, theme, { points, w, L, m }) {
  context.setLineDash([6, 5]);
  for (const [width, colour] of [[3.5, theme.ghostHalo], [1.5, theme.ghost]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    for (const line of Object.values(edgeLines(L))) trace(context, view, points, w, line * m, m);
    context.stroke();
  }
  context.setLineDash([]);
}

/** The arm from the middle of the top edge to the rotation handle. */
export function drawArm(context, theme, from, to) {
  for (const [width, colour] of [[4, theme.ghostHalo], [1.5, theme.ghost]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
  }
}

/** The pixels that one sample reads, with their weights, and the sample point itself. */
export function drawTaps(context, view, theme, { x, y, taps, image }) {
  const [left, top, width, height] = view.rect;
  const px = width / image.width;
  const py = height / image.height;
  context.font = `600 ${Math.max(9, Math.min(13, px * 0.36))}px ${theme.font}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const { col, row, weight, inside } of taps) {
    const cx = left + col * px;
    const cy = top + row * py;
    context.strokeStyle = theme.tap;
    context.lineWidth = inside ? 2 : 1;
    context.setLineDash(inside ? [] : [3, 3]);
    context.strokeRect(cx + 1, cy + 1, px - 2, py - 2);
    if (px < 22) continue; // no room for a number
    context.fillStyle = theme.tap;
    context.fillText(weight.toFixed(2), cx + px / 2, cy + py / 2);
  }
  context.setLineDash([]);
  const [sx, sy] = view.toScreen(x, y);
  context.fillStyle = theme.tap;
  context.strokeStyle = theme.ghostHalo;
  context.lineWidth = 1.5;
  context.beginPath();
  context.arc(sx, sy, 4.5, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
}
