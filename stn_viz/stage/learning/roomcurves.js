/** The room's timeline: pose spread of V is in the trace; sharpness of its means is asked for, and joins when it is here. */

import { curvesOf } from "../state/curves.js";

/**
 * @param {(side: object, lens: string, options: object) => object | null} ask
 * @param {(side: object, curves: object[]) => void} restart
 * @returns {(side: object) => void} called in each frame, after the open lens has asked for what it shows
 */
export function createRoomCurves(ask, restart) {
  let drawn = null;
  return (side) => {
    if (side === drawn) return;
    const answer = side.sites.length ? ask(side, "sharpness", { site: 0 }) : { error: "no transformer" };
    if (!answer || answer.passing) return;
    drawn = side;
    restart(side, curvesOf(side.trace, answer.tensors?.sharpness?.data ?? null));
  };
}
