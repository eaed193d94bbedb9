/** Colours and sizes for canvases, read from the stage's CSS variables: one source for DOM and ink, light and dark. */

/** @param {HTMLElement} root  the stage's element, inside the host's theme */
export function readTheme(root) {
  const style = getComputedStyle(root);
  const of = (name) => style.getPropertyValue(name).trim();
  const small = Math.max(11, 0.8 * parseFloat(style.fontSize));
  return {
    font: style.fontFamily,
    small,
    ink: of("--ink"),
    muted: of("--muted-solid"),
    line: of("--line-solid"),
    surface: of("--surface-solid"),
    hatch: of("--hatch"),
    marginAlpha: Number(of("--margin-alpha")),
    pictureAlpha: Number(of("--margin-alpha-picture")),
    loss: of("--loss"),
    error: of("--error"),
    spread: of("--spread"),
    sharpness: of("--sharpness"),
    grid: of("--grid"),
    ghost: of("--ghost"),
    ghostHalo: of("--ghost-halo"),
    tap: of("--tap"),
    rulers: [of("--ruler-off"), of("--ruler-on")],
    marks: { folded: of("--mark-folded"), dot: of("--mark-dot"), outside: of("--mark-outside"), behind: of("--mark-behind") },
    sites: [0, 1, 2, 3].map((i) => of(`--site-${i}`)),
    edgeWidth: 4,
    edges: { top: of("--edge-top"), right: of("--edge-right"), bottom: of("--edge-bottom"), left: of("--edge-left") },
  };
}
