/** Which way round, on the bench: the switch beside U's name, the picture on its way, the line of sight, rulers, the box. */

import { createBox } from "../hand/box.js";
import { createContent } from "../hand/content.js";
import { canTurn } from "../hand/holds.js";
import { drawPoint } from "../ink/overlay.js";
import { drawRulers } from "../ink/ruler.js";
import { createWay } from "../ink/way.js";
import { centre } from "../numbers/grid.js";
import { gridAlign } from "../state/scene.js";
import { el, sized } from "./dom.js";
import { createSight } from "./sight.js";
import { createChoice } from "./slider.js";

/**
 * @param {object} actions  of the stage; with turnWay(to)
 * @param {{pad: HTMLElement, canvas: HTMLCanvasElement, frame: HTMLElement, picture: HTMLCanvasElement}} bench  U's pad and canvas, V's frame and canvas
 * @returns {object} `toggle`, to stand beside U's name; `wire(home)`; and what the bench calls in each frame
 */
export function createWayRound(actions, { pad, canvas, frame, picture }) {
  const toggle = createChoice("which way round", [
    { value: 0, text: "grid moves", title: "the grid moves over a still U (W)" },
    { value: 1, text: "image moves", title: "the image moves under a still V: by the inverse (W)" },
  ], actions.turnWay);
  const way = createWay();
  const marks = el("canvas.vruler", { hidden: true, "aria-hidden": "true" });
  let standing = null; // {scene, state, view, drawn}
  let sight = null;

  const now = () => (standing?.state.way === 1 && standing.drawn && !standing.state.boxing ? { scene: standing.scene, viewV: standing.drawn.viewV, align: gridAlign(standing.state.rule) } : null);
  const content = createContent(pad, canvas, now, actions);
  const box = createBox(pad, canvas, () => (standing?.scene.theta && standing.state.way === 0 ? standing : null), () => Boolean(standing?.state.boxing), actions);
  pad.append(...content.elements, box.element);
  frame.append(marks);

  const rulersOf = ({ ruler, rule }, own) => (ruler === "both" ? [true, false] : ruler === "on" ? [own ?? rule.align_corners] : null);

  return {
    toggle: toggle.element,
    /** The wheel's gesture on the image ends here. */
    rest: content.rest,
    /** Another run: whatever is held is let go. */
    drop: () => {
      content.drop();
      box.drop();
    },
    wire: (home) => {
      sight = createSight(home);
      home.append(sight.element);
    },
    /** Before U is drawn. @returns {boolean} whether it is drawn by `draw`, since it is on its way */
    begin: (scene, state, view) => {
      const turned = Boolean(scene.theta) && state.way > 0;
      standing = { scene, state, view, drawn: null };
      if (!turned || state.way < 1) content.hide();
      toggle.set(state.way >= 0.5 ? 1 : 0);
      toggle.element.hidden = !scene.theta || Boolean(scene.depth); // of a volume one slice is seen: it is no image that could move
      pad.classList.toggle("turned", turned);
      pad.classList.toggle("boxing", Boolean(state.boxing));
      return turned;
    },
    draw: (context, theme) => {
      const { scene, state, view } = standing;
      const align = gridAlign(state.rule);
      standing.drawn = way.draw(context, view, theme, scene, { rule: state.rule, way: state.way, align });
      if (state.way === 1) content.place(standing.drawn.viewV, canTurn(scene.family), state.ruler !== "off");
    },
    /** After U is drawn: what lies over it. */
    finish: (context, theme) => {
      const { scene, state, view, drawn } = standing;
      const align = gridAlign(state.rule);
      const rulers = rulersOf(state);
      frame.classList.toggle("ruled", Boolean(rulers));
      marks.hidden = !rulers;
      if (rulers && state.way === 0) drawRulers(context, theme, { rect: view.rect, size: [scene.U.height, scene.U.width], conventions: rulers });
      if (!scene.grid) return sight?.hide();
      const own = rulersOf(state, align);
      if (own && drawn && state.way === 1) drawRulers(context, theme, { rect: drawn.viewV.rect, size: scene.size, conventions: own });
      if (own) vRuler(theme, scene.size, own);
      const found = scene.pixel;
      if (!found) return sight.hide();
      const target = [centre(found.column, scene.size[1], align), centre(found.row, scene.size[0], align)];
      const point = drawn ? drawn.place(target, [found.x, found.y]) : view.toScreen(found.x, found.y);
      if (drawn) drawPoint(context, theme, point);
      sight.show(found, point, pad, picture, scene, state.rule.align_corners);
    },
  };

  function vRuler(theme, size, conventions) {
    const [outer, inner] = [marks.getBoundingClientRect(), picture.getBoundingClientRect()];
    if (!outer.width || !inner.width) return;
    const context = sized(marks, outer.width, outer.height);
    context.clearRect(0, 0, outer.width, outer.height);
    drawRulers(context, theme, { rect: [inner.left - outer.left, inner.top - outer.top, inner.width, inner.height], size, conventions });
  }
}
