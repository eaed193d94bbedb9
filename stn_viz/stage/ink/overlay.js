/** The sampling grid over U: lines, coloured edges, the network's ghost, a pixel's taps. */

const EDGES = ["top", "right", "bottom", "left"];

const FAR = 100; // normalised: beyond it a line is cut, since a canvas does not place far points well
const part = new Float64Array(4); // what is left of a piece that is cut: scratch

/** One polyline of the grid; broken where a point is behind the horizon (H_w <= 0) or not a number, cut where it is far out. */
export function traceLine(context, view, points, w, first, count) {
  let drawing = false;
  let from = -1; // the point before, if there is one
  for (let i = first; i < first + count; i++) {
    const [x, y] = [points[2 * i], points[2 * i + 1]];
    if (!(w[i] > 1e-6) || !Number.isFinite(x) || !Number.isFinite(y)) {
      drawing = false;
      from = -1;
      continue;
    }
    const near = Math.abs(x) <= FAR && Math.abs(y) <= FAR;
    if (near && drawing) context.lineTo(...view.toScreen(x, y));
    else if (near && from < 0) context.moveTo(...view.toScreen(x, y));
    else if (from >= 0 && cut(points[2 * from], points[2 * from + 1], x, y)) {
      if (!drawing) context.moveTo(...view.toScreen(part[0], part[1]));
      context.lineTo(...view.toScreen(part[2], part[3]));
    }
    drawing = near;
    from = i;
  }
}

/** The part of a piece that lies within FAR of the middle, into `part`; false if there is none. */
function cut(x0, y0, x1, y1) {
  let [start, end] = [0, 1];
  for (const [from, by] of [[x0, x1 - x0], [y0, y1 - y0]]) {
    const [a, b] = by < 0 ? [(FAR - from) / by, (-FAR - from) / by] : [(-FAR - from) / by, (FAR - from) / by];
    if (by === 0) {
      if (Math.abs(from) > FAR) return false;
      continue;
    }
    start = Math.max(start, a);
    end = Math.min(end, b);
  }
  if (!(start < end)) return false;
  part[0] = x0 + start * (x1 - x0);
  part[1] = y0 + start * (y1 - y0);
  part[2] = x0 + end * (x1 - x0);
  part[3] = y0 + end * (y1 - y0);
  return true;
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
    if (!Object.values(edges).includes(line)) traceLine(context, view, points, w, line * m, m);
  }
  context.stroke();
  context.globalAlpha = 1;
  for (const edge of EDGES) {
    context.strokeStyle = theme.edges[edge];
    context.lineWidth = theme.edgeWidth;
    context.beginPath();
    traceLine(context, view, points, w, edges[edge] * m, m);
    context.stroke();
  }
}

/** The network's own grid while theta is by hand: its outline, dashed. */
export function drawGhost(context, view, theme, { points, w, L, m }) {
  context.setLineDash([6, 5]);
  context.lineCap = "butt";
  for (const [width, colour] of [[3.5, theme.ghostHalo], [1.5, theme.ghost]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    for (const line of Object.values(edgeLines(L))) traceLine(context, view, points, w, line * m, m);
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

const CELL = 30; // px a pixel in the magnifier, for 2 x 2 taps

/** The pixels that one sample reads, with their weights, and the sample point itself: on U, and magnified in a corner. */
export function drawTaps(context, view, theme, { x, y, taps, image, picture }) {
  const [left, top, width, height] = view.rect;
  const px = width / image.width;
  const py = height / image.height;
  const point = view.toScreen(x, y);
  context.strokeStyle = theme.tap;
  for (const { col, row, inside } of taps) {
    context.lineWidth = inside && px >= 12 ? 2 : 1; // thick frames would hide small pixels
    context.setLineDash(inside ? [] : [3, 3]);
    context.strokeRect(left + col * px + 0.5, top + row * py + 0.5, px - 1, py - 1);
  }
  context.setLineDash([]);
  drawPoint(context, theme, point);
  if (taps.length) magnify(context, view, theme, { taps, image, picture, at: [(point[0] - left) / px, (point[1] - top) / py], point });
}

/** A sample point on U. */
export function drawPoint(context, theme, [x, y]) {
  context.fillStyle = theme.tap;
  context.strokeStyle = theme.ghostHalo;
  context.lineWidth = 1.5;
  context.beginPath();
  context.arc(x, y, 4.5, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
}

/** A window of the taps and one pixel around them, large enough for the weights, in the corner farthest from the point. */
function magnify(context, view, theme, { taps, image, picture, at, point }) {
  const span = (name) => [Math.min(...taps.map((tap) => tap[name])) - 1, Math.max(...taps.map((tap) => tap[name])) + 2];
  const [fromX, toX] = span("col");
  const [fromY, toY] = span("row");
  const cell = Math.min(CELL, view.side / 2.6 / Math.max(toX - fromX, toY - fromY));
  const [w, h] = [(toX - fromX) * cell, (toY - fromY) * cell];
  const left = point[0] < view.side / 2 ? view.side - w - 8 : 8;
  const top = point[1] < view.side / 2 ? view.side - h - 8 : 8;
  const place = (column, row) => [left + (column - fromX) * cell, top + (row - fromY) * cell];

  context.save();
  context.beginPath();
  context.rect(left, top, w, h);
  context.fillStyle = theme.surface;
  context.fill();
  context.clip();
  context.imageSmoothingEnabled = false;
  context.drawImage(picture, ...place(0, 0), image.width * cell, image.height * cell);
  context.font = `600 ${Math.max(8, Math.min(12, cell * 0.4))}px ${theme.font}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const { col, row, weight, inside } of taps) {
    const [px, py] = place(col, row);
    context.strokeStyle = theme.tap;
    context.lineWidth = 1.5;
    context.setLineDash(inside ? [] : [3, 3]);
    context.strokeRect(px + 1, py + 1, cell - 2, cell - 2);
    context.lineWidth = 3;
    context.strokeStyle = theme.ghostHalo;
    context.setLineDash([]);
    context.fillStyle = theme.tap;
    context.strokeText(weight.toFixed(2), px + cell / 2, py + cell / 2);
    context.fillText(weight.toFixed(2), px + cell / 2, py + cell / 2);
  }
  const [column, row] = at;
  drawPoint(context, theme, place(column, row));
  context.restore();
  context.strokeStyle = theme.muted;
  context.lineWidth = 1;
  context.strokeRect(left - 0.5, top - 0.5, w + 1, h + 1);
}
