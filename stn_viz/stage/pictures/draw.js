/** Draw a digit: white on black with a round brush, averaged down to the network's input; each stroke is answered. */

import { el } from "../parts/dom.js";

const FINE = 8; // pixels of the drawing for one of the network's
const STROKE = 3; // of the network's pixels: MNIST's strokes are two to three wide

/** @param {{choose: (picture: object) => void, inputSize: () => [number, number, number]}} actions */
export function createDrawPanel({ choose, inputSize }) {
  let strokes = []; // lists of points, in pixels of the drawing
  let stroke = null;
  let pointer = null; // the one that draws: a second finger is no part of the stroke
  let due = 0;
  const canvas = el("canvas.drawing", { role: "img", "aria-label": "draw a digit here with a pointer or a finger", tabindex: 0 });
  const button = (text, title, click) => el("button.plain", { type: "button", text, title, on: { click } });
  const undo = button("Undo stroke", "take the last stroke away (Backspace)", () => {
    strokes.pop();
    changed();
  });
  const clear = button("Clear", "start again (Delete)", () => {
    strokes = [];
    changed();
  });

  const context = () => canvas.getContext("2d", { willReadFrequently: true });
  const fit = () => {
    const [, H, W] = inputSize();
    if (canvas.width === W * FINE && canvas.height === H * FINE) return;
    canvas.width = W * FINE;
    canvas.height = H * FINE;
    strokes = [];
    paint();
  };
  const paint = () => {
    const ink = context();
    ink.fillStyle = "black"; // of the picture itself: MNIST's 0 and 1, no colours of the theme
    ink.fillRect(0, 0, canvas.width, canvas.height);
    ink.strokeStyle = "white";
    ink.lineWidth = STROKE * FINE;
    ink.lineCap = ink.lineJoin = "round";
    for (const points of strokes) {
      ink.beginPath();
      ink.moveTo(...points[0]);
      for (const point of points.length > 1 ? points.slice(1) : points) ink.lineTo(...point);
      ink.stroke();
    }
  };
  /** The drawing as U: the mean of each pixel's block, in steps of 1/255. */
  const reduced = () => {
    const [channels, H, W] = inputSize();
    const bytes = context().getImageData(0, 0, canvas.width, canvas.height).data;
    const data = new Float32Array(channels * H * W);
    for (let row = 0; row < H; row++) {
      for (let column = 0; column < W; column++) {
        let sum = 0;
        for (let i = 0; i < FINE; i++) for (let j = 0; j < FINE; j++) sum += bytes[4 * ((row * FINE + i) * canvas.width + column * FINE + j)];
        data[row * W + column] = Math.round(sum / FINE ** 2) / 255;
      }
    }
    for (let c = 1; c < channels; c++) data.copyWithin(c * H * W, 0, H * W);
    return { data, channels, height: H, width: W };
  };
  const changed = () => {
    undo.disabled = clear.disabled = !strokes.length;
    if (due) return;
    due = requestAnimationFrame(() => {
      due = 0;
      paint();
      choose({ id: null, name: "drawn", title: "drawn", label: -1, U: reduced(), pose: null, original: null, theta: null, note: "" });
    });
  };

  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * canvas.width, ((event.clientY - box.top) / box.height) * canvas.height];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button || stroke) return;
    event.preventDefault();
    pointer = event.pointerId;
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    stroke = [at(event)];
    strokes.push(stroke);
    changed();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!stroke || event.pointerId !== pointer) return;
    for (const each of event.getCoalescedEvents?.() ?? [event]) stroke.push(at(each));
    changed();
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => { if (event.pointerId === pointer) stroke = null; });
  canvas.addEventListener("keydown", (event) => {
    const act = { Backspace: undo, Delete: clear }[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act.click();
  });
  undo.disabled = clear.disabled = true;

  return {
    element: el("div.drawpanel", {}, canvas, el("div.side", {}, undo, clear,
      el("p.note", { text: "Draw with a mouse, a pen or a finger; the network answers each stroke. Without one, Digits has ten thousand to choose from." }))),
    set: fit,
  };
}
