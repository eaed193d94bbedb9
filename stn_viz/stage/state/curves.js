/** The curves that stand on the timeline beside loss and error: what is left of the pose in V, how sharp its means are. */

/**
 * @param {{spread: Float32Array | null}} trace
 * @param {ArrayLike<number> | null} [sharpness]  one number for each record
 * @returns {object[]} as timeline.start takes them
 */
export function curvesOf(trace, sharpness = null) {
  return [
    trace.spread && { name: "spread", title: "pose spread of V", values: trace.spread, colour: "spread", dash: [2, 3], unit: " px" },
    sharpness && { name: "sharpness", title: "sharpness", values: sharpness, colour: "sharpness", dash: [9, 3, 2, 3] },
  ].filter(Boolean);
}
