/** The hand on the image, where the image moves under a still V: what it does to the content, theta does by the inverse. */

import { basisAt } from "../numbers/footprint.js";
import { fitTheta } from "../numbers/fit.js";
import { coefficients, pointsInto } from "../numbers/grid.js";
import { toPixel } from "../numbers/mesh.js";
import { inverted } from "../numbers/ways.js";
import { el } from "../parts/dom.js";
import { turning } from "./motions.js";

const POINTS = 81; // of the 9 x 9 lattice
const WHEEL_MS = 300;
const TURN = Math.PI / 36;
const ZOOM = 1.05;

/**
 * Theta after the content has gone by D in V: T' = T D^-1; the nearest of the family where that is not of it.
 *
 * @param {import("../numbers/grid.js").Basis} basis
 * @param {ArrayLike<number>} theta
 * @param {number[]} D  [a, b, e, c, d, f] in V's normalised coordinates
 * @param {boolean} align  the target grid's own convention
 * @returns {Float64Array | null} null where it would leave the horizon's front
 */
export function contentMoved(basis, theta, D, align) {
  const [a, b, e, c, d, f] = inverted(D);
  const { k, size: [H, W] } = basis;
  const rows = new Float32Array(POINTS * k);
  for (let i = 0; i < POINTS; i++) {
    const [x, y] = [(i % 9) / 4 - 1, Math.floor(i / 9) / 4 - 1];
    const [px, py] = [a * x + b * y + e, c * x + d * y + f];
    basisAt(basis, toPixel(py, H, align), toPixel(px, W, align), rows.subarray(i * k, (i + 1) * k));
  }
  const w = new Float32Array(POINTS);
  const points = pointsInto(rows, k, POINTS, coefficients(basis, theta, basis.coefficients), new Float32Array(2 * POINTS), w);
  if (!w.every((value) => value > 1e-6) || !points.every(Number.isFinite)) return null;
  const found = fitTheta(basis, basis.hand.b, POINTS, points, theta);
  return found.every(Number.isFinite) ? found : null;
}

/** X -> anchor + A (X - anchor) + by, as [a, b, e, c, d, f]. */
const about = ([x, y], [a, b, c, d], [dx, dy] = [0, 0]) => [a, b, x - a * x - b * y + dx, c, d, y - c * x - d * y + dy];

/**
 * @param {HTMLElement} pad  around U's canvas
 * @param {HTMLCanvasElement} canvas
 * @param {() => {scene: object, viewV: object, align: boolean} | null} now  what stands there; null while the image cannot be held
 * @param {object} actions  begin, handTheta(theta, tag), commit, cancel, hover, set, signal
 * @returns {{elements: HTMLElement[], rest: () => void, drop: () => void, hide: () => void, place: (viewV: object, turns: boolean, aside: boolean) => void}} two grips: the image, and its turn;
 *   aside: the turn's stands below the frame and leaves the place above it to a ruler
 */
export function createContent(pad, canvas, now, actions) {
  const { signal } = actions;
  const grip = (className, label) => el(`div.handle.grip.${className}`, { role: "button", tabindex: 0, "aria-label": label, title: label });
  const image = grip("image", "image: move; plus and minus zoom");
  const turn = grip("turn", "image: turn");
  const pointers = new Map();
  let drag = null; // {basis, theta, family, viewV, align, kind, from: points}
  let wheeling = 0;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const on = (element, name, listener, options = {}) => element.addEventListener(name, listener, { signal, ...options });

  const apply = ({ basis, theta, align }, D, tag = null) => {
    const next = contentMoved(basis, theta, D, align);
    if (next) actions.handTheta(next, tag);
  };
  const hold = () => {
    const { scene, viewV, align } = now();
    return { basis: scene.basis, theta: Float64Array.from(scene.theta), family: scene.family, viewV, align };
  };
  const angleTo = ({ viewV }, [x, y]) => Math.atan2(y - viewV.side / 2, x - viewV.side / 2);

  const start = (event, kind) => {
    if (!now() || event.button || event.altKey) return;
    event.preventDefault();
    rest();
    event.currentTarget.focus({ preventScroll: true });
    event.currentTarget.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    if (pointers.size > 2) return;
    if (!drag) actions.begin();
    actions.set({ holding: "image" });
    drag = { ...hold(), kind: pointers.size === 2 ? "pinch" : kind, from: [...pointers.values()] };
  };
  const move = (event) => {
    if (!pointers.has(event.pointerId) || !drag) return;
    pointers.set(event.pointerId, place(event));
    if (!now() || now().scene.family !== drag.family) return;
    const { viewV, from, kind } = drag;
    const to = [...pointers.values()];
    const [p, q] = [viewV.toImage(...from[0]), viewV.toImage(...to[0])];
    if (kind === "turn") return apply(drag, about([0, 0], turning(angleTo(drag, to[0]) - angleTo(drag, from[0]), 1, viewV.metric)));
    if (kind === "move") return apply(drag, [1, 0, q[0] - p[0], 0, 1, q[1] - p[1]]);
    if (to.length < 2) return;
    const [before, after] = [from, to].map(([a, b]) => [b[0] - a[0], b[1] - a[1]]);
    const factor = Math.hypot(...after) / Math.max(1, Math.hypot(...before));
    const angle = Math.atan2(before[0] * after[1] - before[1] * after[0], before[0] * after[0] + before[1] * after[1]);
    apply(drag, about(p, turning(angle, factor, viewV.metric), [q[0] - p[0], q[1] - p[1]]));
  };
  const end = (keep) => {
    if (!drag) return;
    drag = null;
    (keep ? actions.commit : actions.cancel)();
  };
  const release = (event) => {
    if (pointers.delete(event.pointerId)) end(event.type !== "pointercancel");
  };
  const rest = () => {
    if (!wheeling) return;
    clearTimeout(wheeling);
    wheeling = 0;
    actions.commit();
  };

  on(canvas, "pointerdown", (event) => start(event, "move"));
  on(image, "pointerdown", (event) => start(event, "move"));
  on(turn, "pointerdown", (event) => start(event, "turn"));
  for (const element of [canvas, image, turn]) {
    on(element, "pointermove", move);
    on(element, "pointerup", release);
    on(element, "pointercancel", release);
  }
  on(canvas, "pointermove", (event) => {
    if (!now() || drag || event.pointerType !== "mouse") return;
    canvas.style.cursor = "grab";
    const [x, y] = place(event);
    const { viewV: { rect: [left, top, width, height] }, scene: { size: [rows, columns] } } = now();
    const [row, column] = [Math.floor((rows * (y - top)) / height), Math.floor((columns * (x - left)) / width)];
    actions.hover(row >= 0 && row < rows && column >= 0 && column < columns ? row * columns + column : null);
  });
  on(canvas, "pointerleave", () => { if (now() && !drag) actions.hover(null); });
  on(pad, "wheel", (event) => {
    if (!now() || drag) return;
    event.preventDefault();
    const factor = Math.exp(-Math.max(-120, Math.min(120, event.deltaY)) * (event.ctrlKey ? 0.006 : 0.0015));
    if (!wheeling) actions.begin();
    const held = hold();
    apply(held, about(held.viewV.toImage(...place(event)), [factor, 0, 0, factor]));
    clearTimeout(wheeling);
    wheeling = setTimeout(rest, WHEEL_MS);
  }, { passive: false });
  // While the hand holds, Escape is the hand's.
  on(document, "keydown", (event) => {
    if (event.key !== "Escape" || !drag) return;
    event.preventDefault();
    event.stopPropagation();
    pointers.clear();
    end(false);
  }, { capture: true });
  const byKey = (element, change) => on(element, "keydown", (event) => {
    if (!now() || event.ctrlKey || event.metaKey || event.altKey) return;
    const held = hold();
    const D = change(event.key, event.shiftKey ? 0.2 : 1, held);
    if (!D) return;
    event.preventDefault();
    event.stopPropagation();
    actions.begin();
    apply(held, D, `key image ${event.key}`);
    actions.commit();
  });
  byKey(image, (key, fine, { align, basis: { size } }) => {
    const [rows, columns] = size.map((side) => (align ? Math.max(1, side - 1) : side)); // pixels over -1..1
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    if (by) return [1, 0, (2 * fine * by[0]) / columns, 0, 1, (2 * fine * by[1]) / rows];
    const zoom = { "+": ZOOM, "=": ZOOM, "-": 1 / ZOOM }[key];
    return zoom && about([0, 0], [zoom, 0, 0, zoom]);
  });
  byKey(turn, (key, fine, { viewV }) => {
    const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[key];
    return by && about([0, 0], turning(by * fine * TURN, 1, viewV.metric));
  });

  return {
    rest,
    /** What is still held is let go, as if it had not been grabbed. */
    drop: () => {
      pointers.clear();
      end(false);
    },
    elements: [image, turn],
    hide: () => { image.hidden = turn.hidden = true; },
    place: ({ side, rect }, turns, aside) => {
      image.hidden = false;
      image.style.transform = `translate(${side / 2}px, ${side / 2}px)`;
      turn.hidden = !turns;
      const y = aside ? Math.min(side - 14, rect[1] + rect[3] + 24) : Math.max(14, rect[1] - 24);
      turn.style.transform = `translate(${side / 2}px, ${y}px)`;
    },
  };
}
