/** The stage's shortcuts: one table that both acts and explains itself. */

/** @typedef {{keys: string, what: string, matches: (event: KeyboardEvent) => boolean, act: string, argument?: number}} Shortcut */

const key = (name) => (event) => event.key.toLowerCase() === name && !event.ctrlKey && !event.metaKey && !event.altKey;
const withControl = (name, shift) => (event) => (event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === name && event.shiftKey === shift;

/** @type {Shortcut[]} */
export const SHORTCUTS = [
  { keys: "Space", what: "play or pause training", matches: key(" "), act: "play" },
  { keys: "←", what: "one step back", matches: key("arrowleft"), act: "step", argument: -1 },
  { keys: "→", what: "one step on", matches: key("arrowright"), act: "step", argument: 1 },
  { keys: "Page Up", what: "ten steps back", matches: key("pageup"), act: "step", argument: -10 },
  { keys: "Page Down", what: "ten steps on", matches: key("pagedown"), act: "step", argument: 10 },
  { keys: "Home", what: "the first step", matches: key("home"), act: "step", argument: -Infinity },
  { keys: "End", what: "the last step", matches: key("end"), act: "step", argument: Infinity },
  { keys: "[", what: "the image before", matches: key("["), act: "image", argument: -1 },
  { keys: "]", what: "the next image", matches: key("]"), act: "image", argument: 1 },
  { keys: "I", what: "identity theta", matches: key("i"), act: "identity" },
  { keys: "N", what: "a random theta of this family", matches: key("n"), act: "random" },
  { keys: "T", what: "the true pose: undo the distortion", matches: key("t"), act: "truePose" },
  { keys: "G", what: "glide to the network's theta", matches: key("g"), act: "glide" },
  { keys: "W", what: "which way round: the grid moves over U, or the image under V", matches: key("w"), act: "way" },
  { keys: "R", what: "reset the view of U", matches: key("r"), act: "resetView" },
  { keys: "Esc", what: "drop the drag, or back to the network's theta", matches: key("escape"), act: "escape" },
  { keys: "Ctrl Z", what: "undo", matches: withControl("z", false), act: "undo" },
  { keys: "Ctrl Shift Z", what: "redo", matches: withControl("z", true), act: "redo" },
  { keys: "Ctrl Y", what: "redo", matches: withControl("y", false), act: "redo" },
  { keys: "?", what: "this list", matches: key("?"), act: "help" },
];

/** What keys do on a handle, a slider or a number; told in the list, done where they stand. */
export const LOCAL = [
  ["arrows", "move a focused handle, slider or number"],
  ["Shift arrows", "finely"],
  ["Page Up, Page Down", "coarsely"],
  ["Home, End", "ends of a slider; level, centre or size of the grid on a handle"],
  ["Enter", "type a number"],
  ["Shift drag", "it snaps: moves by whole pixels of U from the identity's place, turns to 15°; an edge slides along itself"],
  ["Alt, while a corner or edge is held", "the centre stays, and not the corner or edge across"],
  ["Ctrl, while a corner is held", "the frame keeps its shape"],
  ["Shift click", "on a control point: choose it too, or no longer"],
  ["Shift drag on U, or a drag outside the frame", "a rubber band that chooses control points; Ctrl A all, Esc none"],
  ["Space, Alt arrows", "on a control point: choose it; go to its neighbour; arrows move what is chosen, Home brings it back"],
  ["Page Up, Page Down, wheel", "on V, where U is a volume: the next slice, the slice before"],
  ["[ ], Alt wheel", "on U: the brush's radius; Shift: pinch swells"],
];

/**
 * @param {HTMLElement} root  the stage
 * @param {(act: string, argument?: number) => void} act
 * @param {AbortSignal} signal
 */
export function wireKeys(root, act, signal) {
  const run = (event) => {
    const shortcut = SHORTCUTS.find(({ matches }) => matches(event));
    if (!shortcut) return false;
    act(shortcut.act, shortcut.argument);
    event.preventDefault();
    return true;
  };
  root.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input[type=text], textarea");
    const picking = event.target.matches("select");
    const pressing = event.target.matches("button") && (event.key === " " || event.key === "Enter");
    // Streamlit listens further out ('r' reruns, 'c' clears the cache): letters end here. Tab and Escape go on.
    if (event.key !== "Tab" && event.key !== "Escape") event.stopPropagation();
    if (!typing && !picking && !pressing && !event.defaultPrevented) run(event);
  }, { signal });
  // With nothing focused, a presenter's clicker and the space bar still work; letters stay Streamlit's own.
  document.addEventListener("keydown", (event) => {
    if (event.target !== document.body || event.defaultPrevented) return;
    if (event.key.length === 1 && event.key !== " " && event.key !== "?" && !event.ctrlKey && !event.metaKey) return;
    if (run(event)) event.stopPropagation();
  }, { signal, capture: true });
}
