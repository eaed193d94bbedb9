/** "drag me": shown once after eight idle seconds, and never again in this browser. */

const IDLE_MS = 8000;
const NUDGED = "stn-viz-nudged";

const seen = () => {
  try {
    return localStorage.getItem(NUDGED);
  } catch {
    return "1"; // a private window remembers nothing: better no nudge than one each time
  }
};

/**
 * @param {(on: boolean) => void} show
 * @param {() => boolean} idle  is there a grid that nobody has touched
 */
export function createNudge(show, idle) {
  let timer = 0;
  return {
    wake: () => {
      clearTimeout(timer);
      show(false);
      if (seen()) return;
      timer = setTimeout(() => {
        if (!idle()) return;
        show(true);
        try {
          localStorage.setItem(NUDGED, "1");
        } catch {
          // a private window
        }
      }, IDLE_MS);
    },
    stop: () => clearTimeout(timer),
  };
}
