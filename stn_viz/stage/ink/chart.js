/** The timeline's picture: loss and error over the recorded steps, snapshots as ticks, the playhead. */

/**
 * Scale of one curve: logarithmic, since both fall by orders of magnitude. Values that are not positive stand at the foot.
 * @returns {(value: number) => number} 0 at the foot .. 1 at the top
 */
export function logScale(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value > 0 && Number.isFinite(value)) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (!(high > low)) return () => 0.5;
  const from = Math.log(low);
  const span = Math.log(high) - from;
  return (value) => (value > 0 ? Math.min(1, Math.max(0, (Math.log(value) - from) / span)) : 0);
}

/** Record index <-> x on the chart. Records are dense early, so the axis gives early training the room that it needs. */
export function axis(count, left, right) {
  const step = (right - left) / Math.max(1, count - 1);
  return {
    toX: (index) => left + index * step,
    toIndex: (x) => Math.max(0, Math.min(count - 1, Math.round((x - left) / step))),
  };
}

/** Steps worth a number under the axis: 0, then 1-2-5 decades at least `gap` px apart, and the last. */
export function labels(steps, toX, gap) {
  const last = steps.length - 1;
  const out = [{ index: 0, text: steps[0] }];
  for (let decade = 10; decade <= steps[last]; decade *= 10) {
    for (const factor of [1, 2, 5]) {
      const wanted = decade * factor;
      let index = 0;
      while (index < last && steps[index] < wanted) index++;
      const near = Math.abs(steps[index] - wanted) <= 0.1 * wanted;
      if (near && toX(index) - toX(out[out.length - 1].index) > gap && toX(last) - toX(index) > gap) out.push({ index, text: wanted });
    }
  }
  if (last > 0) out.push({ index: last, text: steps[last] });
  return out.map(({ index, text }) => ({ index, text: Number(text).toLocaleString("en") }));
}

/**
 * @param {{steps, loss, error, scales, ticks: number[], index: number, hover: number | null, curves?: {values: ArrayLike<number>, scale: (value: number) => number, colour: string, dash: number[]}[], marks?: number[]}} timeline
 *   curves: further ones, over the same steps; marks: records to be pointed at from above
 * @param {{width: number, height: number, pad: number, head?: number}} size  px; head: room above the curves
 */
export function drawTimeline(context, theme, timeline, { width, height, pad, head = 8 }) {
  const { steps, loss, error, scales, ticks, index, hover, curves = [], marks = [] } = timeline;
  const foot = height - 30;
  const { toX } = axis(steps.length, pad, width - pad);
  const curve = (values, scale, colour, dash) => {
    context.strokeStyle = colour;
    context.lineWidth = 2;
    context.setLineDash(dash);
    context.beginPath();
    let drawing = false;
    for (let i = 0; i < values.length; i++) {
      if (!Number.isFinite(values[i])) {
        drawing = false;
        continue;
      }
      const y = foot - 4 - scale(values[i]) * (foot - 4 - head);
      if (drawing) context.lineTo(toX(i), y);
      else context.moveTo(toX(i), y);
      drawing = true;
    }
    context.stroke();
    context.setLineDash([]);
  };
  context.clearRect(0, 0, width, height);
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(pad, foot + 0.5);
  context.lineTo(width - pad, foot + 0.5);
  for (const tick of ticks) {
    context.moveTo(toX(tick), foot);
    context.lineTo(toX(tick), foot + 5);
  }
  context.stroke();
  for (const { values, scale, colour, dash } of curves) curve(values, scale, colour, dash);
  curve(error, scales.error, theme.error, [5, 3]);
  curve(loss, scales.loss, theme.loss, []);

  context.fillStyle = theme.muted;
  context.font = `${theme.small}px ${theme.font}`;
  context.textBaseline = "alphabetic";
  for (const label of labels(steps, toX, theme.small * 5)) {
    context.textAlign = label.index === 0 ? "left" : label.index === steps.length - 1 ? "right" : "center";
    context.fillText(label.text, toX(label.index), height - 6);
  }
  context.fillStyle = theme.ink;
  for (const mark of marks) {
    context.beginPath();
    context.moveTo(toX(mark) - 5, 0);
    context.lineTo(toX(mark) + 5, 0);
    context.lineTo(toX(mark), 8);
    context.fill();
  }
  const marker = (at, colour, radius, y = foot) => {
    context.strokeStyle = colour;
    context.fillStyle = colour;
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(toX(at), 2);
    context.lineTo(toX(at), y);
    context.stroke();
    context.beginPath();
    context.arc(toX(at), y, radius, 0, 2 * Math.PI);
    context.fill();
  };
  if (hover !== null && hover !== index) marker(hover, theme.muted, 3);
  marker(index, theme.ink, 6.5);
}
