/** The stage: one state, one frame, the parts that show it and the hands that change it. Knows no host. */

import { wireGestures } from "./hand/gestures.js";
import { wireKeys } from "./hand/keys.js";
import { halfFor, HALF } from "./ink/viewport.js";
import { readTheme } from "./ink/theme.js";
import { fitTheta } from "./numbers/fit.js";
import { gaugeOf } from "./numbers/gauge.js";
import { sentence } from "./numbers/words.js";
import { createAnswers } from "./parts/answers.js";
import { createBench } from "./parts/bench.js";
import { el } from "./parts/dom.js";
import { createHead } from "./parts/head.js";
import { createHelp } from "./parts/help.js";
import { createNotices } from "./parts/notices.js";
import { createStrip } from "./parts/strip.js";
import { createThetaPanel } from "./parts/thetapanel.js";
import { createTimeline } from "./parts/timeline.js";
import { createAsker } from "./state/asker.js";
import { path } from "./state/glide.js";
import { createHistory } from "./state/history.js";
import { basisName, loadBasis, loadRun } from "./state/load.js";
import { basisOf, createScene, networkTheta } from "./state/scene.js";
import { createStore } from "./state/store.js";
import { createTeller } from "./state/teller.js";
import { viewOf } from "./state/view.js";

const RECORDS_A_SECOND = 15; // at speed 1
const GLIDE_MS = 600;
const PAUSE_MS = 1000; // without a frame, the page was hidden: playing goes on where it stood
const IDLE_MS = 8000;
const LARGEST = 1e6; // of an entry of theta, as in view.py
const NUDGED = "stn-viz-nudged";

/**
 * @param {HTMLElement} root  an empty element
 * @param {{setState: (name: string, value: any) => void}} host
 * @returns {{update: (data: object) => void, destroy: () => void}}
 */
export function createStage(root, host) {
  const ending = new AbortController();
  const { signal } = ending;
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const history = createHistory();
  const scene = createScene();
  let before = null; // what an undo of the running gesture brings back
  let touched = false; // did the running gesture change anything
  let motion = 0; // the animation frame of a glide
  let playingFrom = 0;
  const newest = { family: 0, corners: 0 }; // choices so far: the newest wins, whichever basis comes first
  let shown = null; // the scene of the last frame

  const store = createStore({ ready: false, pixel: null, half: HALF, fits: true, speed: 1, playing: false, sliders: "gauge", holding: null }, render);
  const { get, set } = store;

  // --- gestures on theta: begin, any number of handTheta, then commit or cancel ---
  const entry = ({ mode, hand, rule }) => ({ mode, hand, rule });
  let tag = null;
  const begin = () => {
    stopGlide();
    gestures.rest();
    if (before && touched) history.push(before, tag); // a second hand's gesture ends the first one's
    before = entry(get());
    touched = false;
  };
  const handTheta = (theta, tagNow = null) => {
    if (!theta.every(Number.isFinite)) return notices.say("Theta must stay finite: this change was left out.");
    const limited = theta.map((value) => Math.max(-LARGEST, Math.min(LARGEST, value)));
    if (limited.some((value, i) => value !== theta[i])) notices.say("An entry of theta stops at a million: farther away there is no picture.");
    touched = true;
    tag = tagNow;
    set({ mode: "hand", hand: { theta: Float64Array.from(limited), family: shown.family, points: shown.points }, fits: true });
  };
  const commit = () => {
    if (before && touched) history.push(before, tag);
    before = null;
    set({ holding: null });
  };
  const cancel = () => {
    if (before) set({ ...before, holding: null });
    before = null;
  };
  const gesture = (change) => {
    begin();
    change();
    touched = true;
    tag = null;
    commit();
  };
  /** @param {"undo" | "redo"} way */
  const travel = (way) => {
    gestures.rest();
    const to = history[way](entry(get()));
    if (to) {
      stopGlide();
      set(to);
      needBases();
    }
  };

  const stopGlide = () => {
    cancelAnimationFrame(motion);
    motion = 0;
  };
  /** Glide the hand's theta home; the last frame is the network's own. */
  const glide = () => {
    const { mode, hand, site } = get();
    if (mode !== "hand" || !shown?.theta) return;
    const own = basisOf(get(), site.family, site.options.points ?? null);
    const same = hand.family === site.family && hand.points === (site.options.points ?? null);
    const from = same ? hand.theta : own && fitTheta(own, own.hand.b, own.hand.n, shown.lattice, own.identity);
    begin();
    history.push(before);
    before = null;
    if (still.matches || !from?.every(Number.isFinite)) return set({ mode: "network" });
    const started = performance.now();
    const frame = (now) => {
      const t = Math.min(1, Math.max(0, now - started) / GLIDE_MS);
      if (t >= 1) {
        motion = 0;
        return set({ mode: "network" });
      }
      const along = path(site.family, from, networkTheta(get())); // where the step or image moved on, so does the goal
      set({ hand: { theta: along(t), family: site.family, points: site.options.points ?? null } });
      motion = requestAnimationFrame(frame);
    };
    motion = requestAnimationFrame(frame);
  };

  // --- families and rules: their bases may have to be fetched ---
  const fetchBasis = async (family, points, alignCorners) => {
    const { data, site, bases } = get();
    const name = basisName(family, site.output_size, alignCorners, points);
    if (bases.has(name)) return bases.get(name);
    const late = setTimeout(() => notices.say("Making this family's grid: the first time it waits for torch."), 400);
    try {
      const basis = await loadBasis(data.routes, name);
      set((now) => ({ bases: new Map(now.bases).set(name, basis) }));
      return basis;
    } catch (error) {
      notices.say(`This family's grid did not arrive (${error.message}). Is the server running? Choose it again.`);
      return null;
    } finally {
      clearTimeout(late);
    }
  };
  /** Whatever the state names is fetched: after undo, a link, a change of rule. */
  const needBases = async () => {
    const { site, hand, mode, rule } = get();
    if (!site?.family) return;
    await fetchBasis(site.family, site.options.points ?? null, rule.align_corners);
    if (mode === "hand" && hand) await fetchBasis(hand.family, hand.points, rule.align_corners);
  };
  const chooseFamily = async (family, points = family === "tps" ? get().site.options.points ?? 4 : null) => {
    const mine = ++newest.family;
    const basis = await fetchBasis(family, points, get().rule.align_corners);
    if (!basis || !shown?.lattice || mine !== newest.family) return;
    if (shown.family === family && shown.points === points) return;
    const theta = shown.whole ? fitTheta(basis, basis.hand.b, basis.hand.n, shown.lattice, basis.identity) : Float64Array.from(basis.identity);
    gesture(() => set({ mode: "hand", hand: { theta, family, points }, fits: true }));
    needBases();
  };
  const chooseRule = async (change) => {
    if (change.align_corners !== undefined && shown?.theta) {
      const mine = ++newest.corners;
      if (!(await fetchBasis(shown.family, shown.points, change.align_corners)) || mine !== newest.corners) return;
    }
    const rule = { ...get().rule, ...change };
    if (Object.keys(change).every((name) => rule[name] === get().rule[name])) return;
    gesture(() => set({ rule }));
    needBases();
  };

  // --- training's time ---
  const seek = (index) => set(({ trace }) => ({ index: Math.max(0, Math.min(trace.count - 1, index)), playing: false, fits: true }));
  const step = (by) => seek(get().index + by);
  const play = () => {
    const { playing, index, trace } = get();
    if (playing) return set({ playing: false });
    playingFrom = 0;
    set({ playing: true, index: index >= trace.count - 1 ? 0 : index });
    requestAnimationFrame(tick);
  };
  const tick = (now) => {
    const { playing, index, trace, speed } = get();
    if (!playing || signal.aborted) return;
    const wait = 1000 / (RECORDS_A_SECOND * speed);
    if (!playingFrom || now - playingFrom > PAUSE_MS) playingFrom = now;
    const by = Math.floor((now - playingFrom) / wait);
    if (by > 0) {
      playingFrom += by * wait;
      const next = Math.min(trace.count - 1, index + by);
      set({ index: next, playing: next < trace.count - 1 });
    }
    requestAnimationFrame(tick);
  };

  // --- the other acts, by name for the keys ---
  const chooseImage = (image) => set({ image, pixel: null, fits: true });
  const acts = {
    play, step, glide,
    image: (by) => chooseImage(Math.max(0, Math.min(get().probes.count - 1, get().image + by))),
    identity: () => shown?.theta && gesture(() => handTheta(Float64Array.from(shown.basis.identity))),
    resetView: () => set({ half: HALF, fits: false }),
    escape: () => {
      if (gestures.escape()) return;
      if (get().mode === "hand") chooseMode("network");
    },
    undo: () => travel("undo"),
    redo: () => travel("redo"),
    help: () => help.toggle(),
  };
  const act = (name, argument) => { if (get().ready) acts[name](argument); };
  const chooseMode = (mode) => {
    if (mode === get().mode) return;
    if (mode === "network") gesture(() => set({ mode }));
    else if (shown?.theta) gesture(() => handTheta(shown.theta));
  };

  // --- the parts ---
  const reject = (text) => notices.say(text);
  const head = createHead({
    chooseRun: (name) => {
      const run = get().data.runs.find((each) => each.name === name);
      if (run.usable) {
        teller.leave();
        return host.setState("view", { run: name });
      }
      head.start(get().data.runs, get().data.run.name);
      notices.set([]); // closed and asked for again, it is said again
      notices.set([run.problem]);
    },
    share: async () => {
      teller.now();
      try {
        await navigator.clipboard.writeText(location.href);
        return "Copied";
      } catch {
        return "In the address bar"; // no clipboard without https or permission; the address is up to date all the same
      }
    },
    present: () => present(!root.classList.contains("present")),
    help: () => help.toggle(),
  });
  const notices = createNotices();
  const strip = createStrip(chooseImage);
  const bench = createBench({ hover: (pixel) => set({ pixel }) });
  const panel = createThetaPanel({
    begin, handTheta, commit, cancel, reject, glide, chooseFamily, chooseRule, chooseMode,
    choosePoints: (points) => chooseFamily("tps", points),
    identity: () => act("identity"),
    undo: () => act("undo"),
    redo: () => act("redo"),
    chooseSliders: (sliders) => set({ sliders }),
  });
  const answers = createAnswers();
  const timeline = createTimeline({ seek, step, play, reject, setSpeed: (speed) => set({ speed }) });
  const help = createHelp();
  const middle = el("div.middle", {}, bench.v, answers.element);
  const loading = el("p.loading", { text: "Opening the run …" });
  root.replaceChildren(head.element, notices.element, el("main.bench", {}, strip.element, bench.u, middle, panel.element), timeline.element, notices.status, loading, help.element);
  root.classList.add("waiting");

  const gestures = wireGestures({
    canvas: bench.canvas,
    handles: bench.handles,
    signal,
    scene: () => (shown?.theta && shown.whole && bench.view() ? { view: bench.view(), points: shown.lattice } : null),
    actions: {
      begin, commit, cancel,
      hold: (name) => set({ holding: name }),
      reach: (points, tagNow) => {
        const { basis, theta } = shown;
        handTheta(fitTheta(basis, basis.hand.b, basis.hand.n, points, theta), tagNow);
      },
    },
  });
  wireKeys(root, act, signal);

  // --- the outer world: line, URL, Python, presenter, idle nudge ---
  const asker = createAsker(set);
  const teller = createTeller(host, notices.speak);
  const present = (on) => {
    root.classList.toggle("present", on);
    head.setPresenting(on);
    if (on) root.requestFullscreen?.().catch(() => {}); // refused inside some frames: large type alone then
    else if (root.getRootNode().fullscreenElement) document.exitFullscreen();
    set({});
  };
  document.addEventListener("fullscreenchange", () => { if (!document.fullscreenElement) present(false); }, { signal });
  const size = new ResizeObserver(() => set({}));
  size.observe(root);

  const once = { get: () => { try { return localStorage.getItem(NUDGED); } catch { return "1"; } }, set: () => { try { localStorage.setItem(NUDGED, "1"); } catch { /* private window */ } } };
  let idle = 0;
  const wake = () => {
    clearTimeout(idle);
    bench.showNudge(false);
    if (once.get()) return;
    idle = setTimeout(() => {
      if (!shown?.theta || get().mode === "hand") return;
      bench.showNudge(true);
      once.set();
      set({});
    }, IDLE_MS);
  };
  for (const name of ["pointerdown", "keydown", "wheel"]) {
    root.addEventListener(name, wake, { signal, passive: true });
    // Each act goes on from what is shown; of two within one frame the first would be lost.
    root.addEventListener(name, store.flush, { signal, passive: true, capture: true });
  }

  function render(state) {
    if (!state.ready || signal.aborted) return;
    shown = scene(state);
    const theme = readTheme(root);
    const [past, future] = history.depth();
    bench.set(shown, state, theme);
    strip.set(state.image);
    timeline.set(state, theme);
    if (shown.theta) {
      panel.set({ family: shown.family, points: shown.points, theta: shown.theta, mode: state.mode, rule: state.rule, sliders: state.sliders, step: state.trace.step[state.index], depth: [past, future] });
    }
    const answer = asker.answer(state, shown);
    answers.set(answer);
    if (!shown.waiting) teller.later(viewOf(state, shown.theta), () => spoken(state, answer), state.playing || before !== null || motion !== 0);
    settle(state);
  }

  const spoken = ({ site, data }, { probabilities }) => {
    const best = probabilities ? probabilities.indexOf(Math.max(...probabilities)) : -1;
    const prediction = best < 0 ? null : { label: data.run.classes[best], probability: probabilities[best] };
    const without = site ? "a grid of no family" : "no transformer";
    if (!shown.theta) return prediction ? `${without}, reads ${prediction.label} at ${prediction.probability.toFixed(2)}` : without;
    return sentence({ family: shown.family ?? site.family, theta: shown.theta, gauge: gaugeOf(shown.family), outside: shown.outside, prediction });
  };

  /** U's view opens when the grid leaves it, and closes again: never under a hand that holds something. */
  function settle(state) {
    if (!shown.theta || !shown.whole || state.holding || !state.fits) return; // a horizon lies at infinity
    const goal = halfFor(shown.lines.points, shown.U);
    if (Math.abs(goal - state.half) < 1e-3) return;
    const near = still.matches || Math.abs(goal - state.half) < 5e-3;
    set({ half: near ? goal : state.half + 0.3 * (goal - state.half) });
  }

  // --- data from the host ---
  let loaded = ""; // which run, with which images and sites, stands here
  let standing = ""; // and in which version
  let wanted = "";
  const update = async (data) => {
    // A rerun says nothing new: what was said stays until it is closed or another run opens.
    if (data.problems.length) notices.set(data.problems);
    head.start(data.runs, data.run.name);
    const key = JSON.stringify([data.run.name, data.assets]);
    if (key === wanted) {
      if (key === standing) set({ data }); // else it is still on its way: the run that stands here keeps its own
      return;
    }
    wanted = key;
    try {
      const run = await loadRun(data);
      if (wanted !== key || signal.aborted) return;
      standing = key;
      open(data, run);
    } catch (error) {
      if (wanted !== key) return; // somebody has chosen another since
      wanted = standing;
      notices.set([`The run's pictures did not arrive: ${error.message}`]);
    }
  };
  const open = (data, { probes, trace, bases }) => {
    const name = JSON.stringify([data.run.name, data.assets.probes, data.sites]);
    const again = loaded === name; // a run that is still being written: nothing moves under the viewer
    loaded = name;
    const view = data.view;
    const siteIndex = Math.min(view.site, Math.max(0, data.sites.length - 1));
    const site = data.sites[siteIndex] ?? null;
    const known = new Map();
    data.sites.forEach((each, i) => {
      if (bases[i]) known.set(basisName(each.family, each.output_size, each.align_corners, each.options.points), bases[i]);
    });
    const common = { data, probes, trace, site, siteIndex, ready: true };
    if (again) {
      set(({ bases: had, index, trace: old, image }) => ({ ...common, bases: new Map([...had, ...known]), index: nearest(trace.step, old.step[index]), image: Math.min(image, probes.count - 1) }));
    } else {
      gestures.rest();
      gestures.escape();
      stopGlide();
      before = null; // what a hand still holds is of the run before
      newest.family++;
      newest.corners++;
      history.clear();
      teller.arrive();
      notices.set(data.problems);
      const rule = site && {
        kernel: view.kernel ?? site.kernel,
        padding: view.padding ?? site.padding,
        align_corners: view.align_corners ?? site.align_corners,
      };
      const hand = view.theta && site?.family ? { theta: Float64Array.from(view.theta), family: view.family ?? site.family, points: view.family ? view.points ?? null : site.options.points ?? null } : null;
      set({
        ...common, bases: known, rule: rule ?? { kernel: "bilinear", padding: "zeros", align_corners: false }, hand, mode: hand ? "hand" : "network",
        image: Math.min(view.image, probes.count - 1), index: nearest(trace.step, view.step), playing: false, pixel: null, half: HALF, fits: true, answer: null,
      });
      panel.start(site);
      strip.start(probes, data.run.classes);
      answers.start(data.run.classes);
      needBases();
    }
    timeline.start(trace, data.run.snapshots);
    asker.connect(data.routes.line);
    root.classList.remove("waiting");
    wake();
  };

  return {
    update,
    destroy: () => {
      ending.abort();
      stopGlide();
      clearTimeout(idle);
      size.disconnect();
      store.stop();
      teller.stop();
      asker.close();
      notices.stop();
    },
  };
}

/** Index of the recorded step nearest to `step`. */
function nearest(steps, step) {
  let best = 0;
  for (let i = 1; i < steps.length; i++) if (Math.abs(steps[i] - step) < Math.abs(steps[best] - step)) best = i;
  return best;
}
