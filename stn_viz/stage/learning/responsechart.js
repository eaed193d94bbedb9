/** The response curve's picture: what the transformer answers over what was done to the image; below it, what the network says. */

/** Room at the left for the numbers, at the foot for the amounts, between the two charts. */
const LEFT = 46;
const FOOT = 22;
const BETWEEN = 26;
const TOP = 8;
const RIGHT = 10;
const LIKELY_SHARE = 0.26; // of the height, for the probability

/** The words of an amount or an answer: degrees, factors, pixels. */
export function words(value, unit) {
  if (!Number.isFinite(value)) return "–";
  if (unit === "log2") return `${(2 ** value).toFixed(2)}×`;
  const digits = unit === "px" ? 1 : 0;
  const text = value.toFixed(digits).replace("-", "−");
  return (Number(value.toFixed(digits)) === 0 ? text.replace("−", "") : text) + (unit === "deg" ? "°" : " px");
}

/** The same at a line of the chart: no digit more than it takes. */
const label = (value, unit) => words(value, unit).replace(/(\.\d*?)0+(?=×| px)/, "$1").replace(/\.(?=×| px)/, "");

/** Where to write which amount: five or so, none at all among them. */
function marks(low, high, unit) {
  if (unit === "log2") return [0.5, 0.7, 1, 1.4, 2, 2.8, 4].map(Math.log2).filter((at) => at >= low - 1e-6 && at <= high + 1e-6);
  const reach = Math.max(-low, high);
  const by = unit === "deg" ? 45 : [1, 2, 5, 10, 20, 50, 100].find((each) => reach / each <= 3.5) ?? 200;
  const most = Math.floor(reach / by + 1e-6);
  return Array.from({ length: 2 * most + 1 }, (_, i) => (i - most) * by).filter((at) => at >= low - 1e-6 && at <= high + 1e-6);
}

/** The three curves' looks, first weights, this step's, last: the same in the legend (response.css). */
export const looks = (theme) => [
  { colour: theme.muted, width: 1.75, dash: [] },
  { colour: theme.loss, width: 2.75, dash: [] },
  { colour: theme.ink, width: 1.75, dash: [6, 4] },
];

/** @returns {{toX: (x: number) => number, toIndex: (px: number) => number}} amounts <-> px over a chart of this width */
export function across(x, width) {
  const [low, high] = [x[0], x[x.length - 1]];
  const scale = (width - LEFT - RIGHT) / (high - low);
  const toX = (value) => LEFT + (value - low) * scale;
  const toIndex = (px) => {
    let best = 0;
    for (let i = 1; i < x.length; i++) if (Math.abs(toX(x[i]) - px) < Math.abs(toX(x[best]) - px)) best = i;
    return best;
  };
  return { toX, toIndex };
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {object} theme
 * @param {{x: Float32Array, curves: Float32Array[], likely: Float32Array[] | null, unit: string, at: number, stale: boolean, titles: string[]}} response
 *   curves: the answers relative to the one at x = 0; at: the index of the marker; titles: of the two charts
 * @param {{width: number, height: number}} size  px
 */
export function drawResponse(context, theme, { x, curves, likely, unit, at, titles }, { width, height }) {
  context.clearRect(0, 0, width, height);
  context.font = `${theme.small}px ${theme.font}`;
  const { toX } = across(x, width);
  const ends = [x[0], x[x.length - 1]];
  const share = likely ? LIKELY_SHARE : 0;
  const answers = { top: TOP + theme.small + 4, foot: likely ? height * (1 - share) - FOOT - BETWEEN / 2 : height - FOOT - theme.small };
  // Both axes in the same unit: the line that undoes it falls from corner to corner, and further out a curve is cut.
  const reach = Math.max(Math.abs(ends[0]), Math.abs(ends[1])) * 1.04;
  const toY = (value) => (answers.top + answers.foot) / 2 - (value * (answers.foot - answers.top)) / 2 / reach;

  const frame = ({ top, foot }, ticks, toHeight, text) => {
    context.strokeStyle = theme.line;
    context.fillStyle = theme.muted;
    context.lineWidth = 1;
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const tick of ticks) {
      const y = Math.round(toHeight(tick)) + 0.5;
      context.globalAlpha = tick === 0 ? 1 : 0.45;
      context.beginPath();
      context.moveTo(LEFT, y);
      context.lineTo(width - RIGHT, y);
      context.stroke();
      context.globalAlpha = 1;
      context.fillText(text(tick), LEFT - 6, y);
    }
    context.textBaseline = "alphabetic";
    for (const tick of marks(...ends, unit)) {
      const place = Math.round(toX(tick)) + 0.5;
      context.globalAlpha = tick === 0 ? 1 : 0.45;
      context.beginPath();
      context.moveTo(place, top);
      context.lineTo(place, foot);
      context.stroke();
      context.globalAlpha = 1;
    }
  };
  const trace = (values, toHeight, { colour, width: thick, dash }, { top, foot }) => {
    context.save();
    context.beginPath();
    context.rect(LEFT, top - 2, width - LEFT - RIGHT, foot - top + 4);
    context.clip();
    context.strokeStyle = colour;
    context.lineWidth = thick;
    context.lineJoin = "round";
    context.setLineDash(dash);
    context.beginPath();
    let drawing = false;
    for (let i = 0; i < values.length; i++) {
      if (Number.isFinite(values[i])) context[drawing ? "lineTo" : "moveTo"](toX(x[i]), toHeight(values[i]));
      drawing = Number.isFinite(values[i]);
    }
    context.stroke();
    context.restore();
  };
  const dot = (value, toHeight, colour, { top, foot }) => {
    const y = toHeight(value);
    if (!Number.isFinite(value) || y < top - 3 || y > foot + 3) return;
    context.fillStyle = colour;
    context.strokeStyle = theme.surface;
    context.lineWidth = 1.5;
    context.beginPath();
    context.arc(toX(x[at]), y, 4.5, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  };
  const title = (text, y) => {
    context.fillStyle = theme.ink;
    context.textAlign = "left";
    context.fillText(text, LEFT, y);
  };
  const marker = (top, foot) => {
    context.strokeStyle = theme.ink;
    context.lineWidth = 1.25;
    context.beginPath();
    context.moveTo(toX(x[at]), top);
    context.lineTo(toX(x[at]), foot);
    context.stroke();
  };

  frame(answers, marks(-reach, reach, unit), toY, (tick) => label(tick, unit));
  title(titles[0], TOP + theme.small - 4);
  trace(x.map((value) => -value), toY, { colour: theme.muted, width: 1.25, dash: [1.5, 4] }, answers);
  marker(answers.top, likely ? height - FOOT - theme.small + 4 : answers.foot);
  const styles = looks(theme);
  [0, 2, 1].forEach((i) => trace(curves[i], toY, styles[i], answers));
  [0, 2, 1].forEach((i) => dot(curves[i][at], toY, styles[i].colour, answers));
  let foot = answers.foot;
  if (likely) {
    const below = { top: answers.foot + BETWEEN + theme.small, foot: height - FOOT - theme.small + 4 };
    const toChance = (value) => below.foot - value * (below.foot - below.top);
    frame(below, [0, 0.5, 1], toChance, (tick) => String(tick));
    title(titles[1], below.top - 7);
    [0, 2, 1].forEach((i) => trace(likely[i], toChance, styles[i], below));
    [0, 2, 1].forEach((i) => dot(likely[i][at], toChance, styles[i].colour, below));
    foot = below.foot;
  }
  context.fillStyle = theme.muted;
  for (const tick of marks(...ends, unit)) {
    const place = toX(tick);
    context.textAlign = place < LEFT + 12 ? "left" : place > width - RIGHT - 14 ? "right" : "center";
    context.fillText(label(tick, unit), place, foot + theme.small + 5);
  }
}
