/** The film on the stage: what it lays over U and V, the marks on the timeline, and what the network says at each beat. */

import { drawGhost, drawGrid } from "../ink/overlay.js";
import { drawArrows, drawEdges, drawOnion, drawPaths, drawRow, paintHeat } from "../ink/filmink.js";
import { heatOf, longest, onTheWay } from "../numbers/film.js";
import { centre } from "../numbers/grid.js";
import { rawLines } from "../numbers/rawgrid.js";
import { createBeats } from "./filmbeats.js";
import { createFilmTrack } from "./filmtrack.js";
import { buffers, gridAlign, linesOf } from "./scene.js";

/** What the state begins with. */
export const FILM = { onion: true, path: true, by: "record" };

/** What a beat changes, for screens that show one thing at a time. */
const PLACES = { localise: ".u", grid: ".u", sample: ".middle", classify: ".middle", loss: ".middle", gradient: ".u" };

const ease = (t) => t * t * (3 - 2 * t);

/**
 * @param {{get: () => object, set: (change: object) => void}} store
 * @param {{root: HTMLElement, gesture: Function, holdWay: Function, still: MediaQueryList}} around  root: the stage; its data-beat says which beat is on
 */
export function createFilm(store, { root, gesture, holdWay, still }) {
  const beats = createBeats(store, { gesture, holdWay }, still);
  const trackOf = createFilmTrack();
  const buffer = buffers();
  const narrow = matchMedia("(max-width: 720px)");
  const heat = document.createElement("canvas");
  heat.className = "heat";
  heat.hidden = true;
  heat.setAttribute("aria-hidden", "true");
  let film = null; // of this frame; null where the lens is closed
  let beat = null;
  let state = null;
  let painted = null; // the answer whose heat stands on the canvas, and the colours

  /** Beats are seen once the network has answered. */
  const seen = () => (beat?.answer ? beat : null);

  /** The lines on their way from V's own lattice. */
  const onTheirWay = (scene, share) => {
    const { lines, basis, size } = scene;
    const from = basis ? linesOf(basis, basis.identity, buffer, "target") : rawLines(targets(size, gridAlign(state.rule)), size, buffer, "target");
    return { ...lines, points: onTheWay(from.points, lines.points, share, buffer("on the way", lines.points.length)), w: share < 1 ? from.w : lines.w };
  };
  const row = (height) => Math.min(height, Math.floor(ease(beat.share) * (height + 1)));

  return {
    heat, beats,
    /** Before anything is drawn. */
    frame: (now) => {
      state = now;
      film = state.lens === "film" ? trackOf(state) : null;
      beat = beats.frame(state);
      const name = seen()?.name ?? "";
      if ((root.dataset.beat ?? "") === name) return;
      if (!name) return void delete root.dataset.beat;
      root.dataset.beat = name;
      // One column: what the beat is about is brought above the sheet that the player has become.
      if (narrow.matches) root.querySelector(PLACES[name]).scrollIntoView({ block: "start", behavior: still.matches ? "auto" : "smooth" });
    },
    /** For the lens. */
    film: () => film,
    beat: () => beat,
    /** Records that the timeline points at. */
    marks: () => (film ? film.moments(state.film.by).map(({ record }) => record) : []),
    /** Under the live grid. */
    under: (context, view, theme) => {
      if (!film) return;
      if (state.film.onion) drawOnion(context, view, theme, film.skins(state.index).records.map(film.outline));
      if (state.film.path) drawPaths(context, view, theme, film.paths, state.index, film.moments(state.film.by).map(({ record }) => record));
    },
    /** While a beat is on, in place of all that lies over U. @returns {boolean} whether it was */
    onU: (context, view, theme, scene) => {
      if (!seen() || !scene.grid) return false;
      const { name, share, answer } = beat;
      if (name === "localise") return true;
      if (name === "grid") drawGrid(context, view, theme, onTheirWay(scene, ease(share)));
      else if (name === "gradient") drawEdges(context, view, theme, scene.lines);
      else drawGrid(context, view, theme, scene.lines);
      if (name === "sample" && share < 1) drawRow(context, view, theme, scene.grid, Math.min(row(scene.V.height), scene.V.height - 1), scene.V.width);
      if (name !== "gradient") return true;
      const { pull, pull_at: at, next_grid: next, next_theta: theta } = answer.tensors;
      if (next) drawGhost(context, view, theme, theta && scene.basis ? linesOf(scene.basis, theta.data, buffer, "next") : rawLines(next.data, next.shape, buffer, "next"));
      drawArrows(context, view, theme, { at: at.data, by: pull.data, longest: longest(pull.data) }, 0.085 * view.side * (still.matches ? 1 : ease(share)));
      return true;
    },
    /** V as far as it is sampled. @returns {object} an image */
    V: ({ V }) => {
      if (!seen() || beat.at > 2) return V;
      const rows = beat.at < 2 ? 0 : row(V.height);
      if (rows >= V.height) return V;
      const data = buffer("V so far", V.data.length).fill(0);
      const plane = V.height * V.width;
      for (let c = 0; c < V.channels; c++) data.set(V.data.subarray(c * plane, c * plane + rows * V.width), c * plane);
      return { ...V, data };
    },
    /** After V is drawn. */
    overV: (theme) => {
      const dV = seen()?.name === "gradient" && beat.answer.tensors.dV;
      heat.hidden = !dV;
      if (!dV) return;
      heat.style.opacity = String(still.matches ? 1 : ease(beat.share));
      const key = [beat.answer, theme.loss, theme.error];
      if (painted && key.every((part, i) => part === painted[i])) return;
      paintHeat(heat, theme, heatOf(dV).values, dV.shape.slice(-2));
      painted = key;
    },
    /** What the network says: nothing before it is classified, no loss before that. */
    said: (answer) => {
      if (!seen()) return answer;
      const { at, share, answer: { tensors: { probabilities }, facts } } = beat;
      const grown = at > 3 ? 1 : ease(share);
      return {
        probabilities: at < 3 || !probabilities ? null : Array.from(probabilities.data, (p) => p * grown),
        loss: at > 3 ? facts.loss : null,
        label: answer.label, stale: false, source: "",
      };
    },
    stop: beats.stop,
  };
}

const lattices = new Map(); // V's size and convention -> its own points

/** @returns {Float32Array} (H', W', 2): the target points, where the identity leaves them */
function targets([H, W], align) {
  const key = `${H} ${W} ${align}`;
  if (!lattices.has(key)) {
    lattices.clear();
    lattices.set(key, Float32Array.from({ length: 2 * H * W }, (_, i) => (i % 2 ? centre(Math.floor((i >> 1) / W), H, align) : centre((i >> 1) % W, W, align))));
  }
  return lattices.get(key);
}
