/** Turning the way round: state.way glides between 0 (the grid moves over a still U) and 1 (the image moves under a still V). */

const TURN_MS = 600;
const ease = (t) => t * t * (3 - 2 * t);

/**
 * @param {{get: () => object, set: (change: object) => void}} store
 * @param {MediaQueryList} still  prefers-reduced-motion
 */
export function createFacing({ get, set }, still) {
  let motion = 0; // the animation frame
  let goal = null;
  const stop = () => {
    cancelAnimationFrame(motion);
    motion = 0;
    goal = null;
  };
  /** @param {number} [to]  0 or 1; without it, the other one */
  const turn = (to = (goal ?? get().way) < 0.5 ? 1 : 0) => {
    stop();
    const from = get().way;
    if (from === to) return;
    if (still.matches) return set({ way: to });
    goal = to;
    const started = performance.now();
    const frame = (now) => {
      const t = Math.min(1, Math.max(0, now - started) / TURN_MS);
      if (t >= 1) stop();
      else motion = requestAnimationFrame(frame);
      set({ way: t >= 1 ? to : from + (to - from) * ease(t) });
    };
    motion = requestAnimationFrame(frame);
  };
  return {
    turn,
    /** Held at some way between, by the slider. */
    hold: (way) => {
      stop();
      set({ way: Math.max(0, Math.min(1, way)) });
    },
    stop,
    busy: () => motion !== 0,
  };
}
