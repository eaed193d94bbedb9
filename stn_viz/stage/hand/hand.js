/** Everything by which the grid on U is held: the frame's handles, control points, the brush. */

import { createBrush } from "./brushbar.js";
import { createControls, hasControls } from "./controls.js";
import { wireGestures } from "./gestures.js";
import { holdOf } from "./holds.js";

/**
 * @param {object} wiring
 * @param {object} wiring.bench  parts/bench.js: canvas, pad, handles, view()
 * @param {() => object | null} wiring.shown  the scene of the last frame
 * @param {() => object} wiring.rule
 * @param {object} wiring.actions  begin, turn(theta, tag), commit, cancel, hold(name | null), say(sentence), redraw()
 * @param {AbortSignal} wiring.signal
 * @returns {{place: (view: object, shown: object) => number, rest: () => void, escape: () => boolean}}
 */
export function createHand({ bench, shown, rule, actions, signal }) {
  const { canvas, pad, handles } = bench;
  const hold = () => {
    const scene = shown();
    return scene?.theta && bench.view() ? holdOf(scene, bench.view(), rule(), handles.quad()) : null;
  };
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const common = { hold, place, actions, signal };
  const brush = createBrush(common);
  const controls = createControls({ ...common, open: () => !gestures.busy() });
  pad.append(controls.element, brush.circle);
  pad.after(brush.element);
  const gestures = wireGestures({ ...common, canvas, handles: handles.list, controls, brush });

  return {
    rest: gestures.rest,
    escape: gestures.escape,
    /** @returns {number} control points a side that are shown, to which the frame's handles leave their places; 0 for none */
    place: (view, scene) => {
      brush.place(view, scene);
      const on = scene.whole && hasControls(scene.basis) && brush.points();
      controls.place(view, on ? scene : null);
      return on ? Math.round(Math.sqrt(scene.basis.control.length / 2)) : 0;
    },
  };
}
