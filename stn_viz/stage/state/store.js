/** The stage's one state object: replaced, never edited in place; drawn at most once an animation frame. */

/**
 * @param {object} initial  the first state
 * @param {(state: object) => void} render  draws a state
 * @param {(draw: () => void) => number} schedule  asks for the next frame
 */
export function createStore(initial, render, schedule = (draw) => requestAnimationFrame(draw)) {
  let state = initial;
  let due = 0;
  const draw = () => {
    due = 0;
    render(state);
  };
  const set = (change) => {
    state = { ...state, ...(typeof change === "function" ? change(state) : change) };
    if (!due) due = schedule(draw) || 1;
  };
  return {
    get: () => state,
    set,
    /** Draw now what is due, for a hand that goes on from what is shown. */
    flush: () => {
      if (!due) return;
      cancelAnimationFrame(due);
      draw();
    },
    stop: () => cancelAnimationFrame(due),
  };
}
