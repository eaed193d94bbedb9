/** Training's time: seek, step, play. */

const RECORDS_A_SECOND = 15; // at speed 1
const PAUSE_MS = 1000; // without a frame, the page was hidden: playing goes on where it stood

/**
 * @param {{get: () => object, set: (change: object) => void}} store
 * @param {AbortSignal} signal
 */
export function createPlaying({ get, set }, signal) {
  let from = 0;
  const seek = (index) => set(({ trace }) => ({ index: Math.max(0, Math.min(trace.count - 1, index)), playing: false, fits: true }));
  const tick = (now) => {
    const { playing, index, trace, speed } = get();
    if (!playing || signal.aborted) return;
    const wait = 1000 / (RECORDS_A_SECOND * speed);
    if (!from || now - from > PAUSE_MS) from = now;
    const by = Math.floor((now - from) / wait);
    if (by > 0) {
      from += by * wait;
      const next = Math.min(trace.count - 1, index + by);
      set({ index: next, playing: next < trace.count - 1 });
    }
    requestAnimationFrame(tick);
  };
  return {
    seek,
    step: (by) => seek(get().index + by),
    play: () => {
      const { playing, index, trace } = get();
      if (playing) return set({ playing: false });
      from = 0;
      set({ playing: true, index: index >= trace.count - 1 ? 0 : index });
      requestAnimationFrame(tick);
    },
  };
}

/** @returns {number} index of the recorded step nearest to `step` */
export function nearest(steps, step) {
  let best = 0;
  for (let i = 1; i < steps.length; i++) if (Math.abs(steps[i] - step) < Math.abs(steps[best] - step)) best = i;
  return best;
}
