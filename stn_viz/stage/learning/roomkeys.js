/** The room's keys, as on the stage (hand/keys.js): Space plays, arrows step, brackets go from image to image. */

const STEPS = { ArrowRight: 1, ArrowLeft: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };

/** What the list of keys says: [keys, what they do]. */
export const ROOM_KEYS = [
  ["Space", "play or pause training"],
  ["← →", "one step back, one step on"],
  ["Page Up, Page Down", "ten steps back, ten steps on"],
  ["Home, End", "the first step, the last step"],
  ["[ ]", "the image before, the next image"],
  ["arrows", "on the tabs: the next lens; in a lens: from picture to picture, from point to point"],
  ["Enter", "open what is focused; on a picture: on the workbench"],
  ["Tab", "to the next thing that can be focused"],
  ["?", "this list"],
];

/**
 * @param {HTMLElement} root
 * @param {{step: (by: number) => void, play: () => void, image: (by: number) => void, help: () => void}} acts
 * @param {() => boolean} ready
 * @param {AbortSignal} signal
 */
export function wireRoomKeys(root, acts, ready, signal) {
  const run = (event) => {
    if (!ready() || event.ctrlKey || event.metaKey || event.altKey) return false;
    if (event.key === " ") acts.play();
    else if (STEPS[event.key]) acts.step(STEPS[event.key]);
    else if (event.key === "[" || event.key === "]") acts.image(event.key === "]" ? 1 : -1);
    else if (event.key === "?") acts.help();
    else return false;
    event.preventDefault();
    return true;
  };
  root.addEventListener("keydown", (event) => {
    // Streamlit listens further out ('r' reruns, 'c' clears the cache): letters end here. Tab and Escape go on.
    if (event.key !== "Tab" && event.key !== "Escape") event.stopPropagation();
    const pressing = event.target.matches("button") && event.key === " ";
    if (!event.target.matches("input, textarea, select") && !pressing && !event.defaultPrevented) run(event);
  }, { signal });
  // With nothing focused, a presenter's clicker and the space bar still work; letters stay Streamlit's own.
  document.addEventListener("keydown", (event) => {
    if (event.target === document.body && !event.defaultPrevented && run(event)) event.stopPropagation();
  }, { signal, capture: true });
}
