/** The stage: one state, one frame, the parts that show it and the hands that change it. Knows no host. */

import { randomTheta } from "./hand/chance.js";
import { createHand } from "./hand/hand.js";
import { wireKeys } from "./hand/keys.js";
import { isPoseKnown, trueTheta } from "./hand/truepose.js";
import { readTheme } from "./ink/theme.js";
import { halfFor, HALF } from "./ink/viewport.js";
import { createDirectionLens } from "./lenses/directionlens.js";
import { createFilmLens } from "./lenses/filmlens.js";
import { createNumbersLens } from "./lenses/numberslens.js";
import { createPixelLens } from "./lenses/pixellens.js";
import { createRulesLens } from "./lenses/ruleslens.js";
import { createPicturesLens } from "./lenses/pictureslens.js";
import { createSlidersLens } from "./lenses/sliderslens.js";
import { randomVolumeTheta } from "./numbers/volume.js";
import { createAnswers } from "./parts/answers.js";
import { createBench } from "./parts/bench.js";
import { el } from "./parts/dom.js";
import { createHead } from "./parts/head.js";
import { createHelp } from "./parts/help.js";
import { createNotices } from "./parts/notices.js";
import { createNudge } from "./parts/nudge.js";
import { flatAlone, FLAT_WAY } from "./parts/slicebar.js";
import { createStrip } from "./parts/strip.js";
import { createThetaPanel } from "./parts/thetapanel.js";
import { createTimeline } from "./parts/timeline.js";
import { canAsk, createPicturing } from "./pictures/picturing.js";
import { createArriving } from "./state/arriving.js";
import { createAsker } from "./state/asker.js";
import { createChoosing } from "./state/choosing.js";
import { curvesOf } from "./state/curves.js";
import { createFacing } from "./state/facing.js";
import { createFilm, FILM } from "./state/filmstate.js";
import { createLooking, NOTHING_FETCHED } from "./state/looking.js";
import { createPace } from "./state/pace.js";
import { createPlaying, nearest } from "./state/playing.js";
import { createScene } from "./state/scene.js";
import { isVolume } from "./state/slices.js";
import { createStore } from "./state/store.js";
import { createTeller, spokenOf } from "./state/teller.js";
import { createTurning } from "./state/turning.js";
import { placeOf } from "./state/view.js";

/**
 * @param {HTMLElement} root  an empty element
 * @param {{setState: (name: string, value: any) => void, goTo?: (page: string) => void}} host
 * @returns {{update: (data: object) => void, destroy: () => void}}
 */
export function createStage(root, host) {
  const ending = new AbortController();
  const { signal } = ending;
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const scene = createScene();
  let shown = null; // the scene of the last frame
  let drawn = null; // the images of the run that stands on the bench

  const store = createStore({ ready: false, pixel: null, pin: null, half: HALF, fits: true, speed: 1, playing: false, sliders: "gauge", holding: null, picture: null, lens: "sliders", way: 0, ruler: "off", boxing: false, film: FILM, ...NOTHING_FETCHED }, render);
  const { get, set } = store;
  const notices = createNotices();
  const say = notices.say;

  // --- what changes the state ---
  const turning = createTurning(store, { shown: () => shown, rest: () => {
      hand.rest();
      bench.rest();
    }, say, needBases: () => choosing.needBases(), forget: () => choosing.forget(), canAsk: () => canAsk(get()), still });
  const { begin, handTheta, commit, cancel, gesture } = turning;
  const choosing = createChoosing(store, { shown: () => shown, say, gesture });
  const looking = createLooking(store, { say, gesture, needBases: choosing.needBases });
  const playing = createPlaying(store, signal);
  const facing = createFacing(store, still);
  const film = createFilm(store, { root, gesture, holdWay: facing.hold, still });
  const pinned = () => (get().lens === "pixel" ? get().pin : null);
  const { chooseImage, choosePicture, restore, restoring } = createPicturing(store, { shown: () => shown, say, pinned, needBases: choosing.needBases });
  const chooseMode = (mode) => {
    if (mode === get().mode) return;
    if (mode === "network" && canAsk(get())) gesture(() => set({ mode }));
    else if (mode === "hand" && shown?.theta) gesture(() => handTheta(shown.theta));
    else if (mode === "hand" && shown?.raw) choosing.chooseFamily("affine"); // fitted to the recorded grid
  };
  const chooseLens = (lens) => {
    set({ lens });
    set({ pixel: pinned() });
  };
  const turnWay = (way) => {
    if (isVolume(get())) return say(FLAT_WAY);
    set({ boxing: false }); // a box is drawn on U where it is
    facing.turn(way);
  };
  const acts = {
    play: playing.play,
    step: playing.step,
    glide: turning.glide,
    image: (by) => chooseImage(Math.max(0, Math.min(get().probes.count - 1, get().image + by))),
    identity: () => shown?.theta && gesture(() => handTheta(Float64Array.from(shown.basis.identity))),
    random: () => shown?.theta && gesture(() => handTheta(shown.depth ? randomVolumeTheta() : randomTheta(shown.family, shown.basis))),
    truePose: async () => {
      const [state, from] = [get(), shown];
      if (!isPoseKnown(state, from)) return;
      const theta = await trueTheta(state, from, choosing.fetchBasis);
      const still = get().probes === state.probes && shown.family === from.family && shown.theta.length === from.theta.length && get().image === state.image && get().picture === state.picture;
      if (theta && still) gesture(() => handTheta(theta));
    },
    way: () => turnWay(),
    resetView: () => set({ half: HALF, fits: false }),
    escape: () => {
      if (hand.escape()) return;
      if (get().mode === "hand") chooseMode("network");
    },
    undo: () => turning.travel("undo"),
    redo: () => turning.travel("redo"),
    help: () => help.toggle(),
  };
  const act = (name, argument) => { if (get().ready) acts[name](argument); };

  // --- the parts ---
  const actions = {
    begin, handTheta, commit, cancel, gesture, get, set, say, reject: say, signal, film, seek: playing.seek,
    glide: turning.glide, depth: turning.depth, chooseSite: looking.chooseSite, see: looking.see, chooseMode, chooseLens, choosePicture,
    chooseFamily: choosing.chooseFamily, chooseRule: choosing.chooseRule,
    identity: () => act("identity"),
    random: () => act("random"),
    truePose: () => act("truePose"),
    undo: () => act("undo"),
    redo: () => act("redo"),
    chooseSliders: (sliders) => set({ sliders }),
    fetchBasis: (rule) => shown?.theta && choosing.fetchBasis({ ...get(), rule: { ...get().rule, ...rule } }, shown.family, shown.points),
    pinned,
    hover: (pixel) => set({ pixel: pixel ?? pinned() }),
    /** A pixel of V that somebody wants to read: while its lens is open, it stays. */
    read: (pixel) => set(({ lens, pin }) => ({ pixel, pin: lens === "pixel" ? pixel : pin })),
    turnWay,
    holdWay: (way) => {
      set({ boxing: false });
      facing.hold(way);
    },
    chooseBox: () => {
      if (!get().boxing) facing.turn(0); // a box is drawn on U where it is
      set({ boxing: !get().boxing });
    },
  };
  const lenses = [createSlidersLens(actions), ...[createRulesLens(actions), createNumbersLens(actions), createPixelLens(), createDirectionLens(actions), createFilmLens(actions), createPicturesLens(actions)].map(flatAlone)];
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
    goTo: host.goTo ? (page) => {
      teller.now(); // what is shown is what somebody comes back to
      host.goTo(page);
    } : null,
    share: async () => {
      teller.now();
      try {
        await navigator.clipboard.writeText(location.href);
        return get().picture && !get().picture.id ? "Copied, without the picture" : "Copied";
      } catch {
        return "In the address bar"; // no clipboard without https or permission; the address is up to date all the same
      }
    },
    present: () => present(!root.classList.contains("present")),
    help: () => help.toggle(),
  });
  const strip = createStrip(chooseImage, () => chooseLens("pictures"), () => choosePicture(null));
  const bench = createBench(actions);
  const panel = createThetaPanel(actions, lenses);
  const answers = createAnswers();
  const timeline = createTimeline({ ...playing, reject: say, setSpeed: (speed) => set({ speed }) });
  const help = createHelp();
  const middle = el("div.middle", {}, bench.v, answers.element);
  const loading = el("p.loading", { text: "Opening the run …" });
  root.replaceChildren(head.element, notices.element, el("div.bench", {}, strip.element, bench.u, middle, panel.element), timeline.element, notices.status, loading, help.element);
  root.classList.add("waiting");

  const hand = createHand({
    bench, signal,
    shown: () => shown,
    rule: () => get().rule,
    actions: { begin, commit, cancel, say, turn: handTheta, hold: (name) => set({ holding: name }), redraw: () => set({}) },
  });
  bench.wire(hand);
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

  const nudge = createNudge((on) => {
    bench.showNudge(on);
    if (on) set({});
  }, () => Boolean(shown?.theta) && get().mode !== "hand");
  for (const name of ["pointerdown", "keydown", "wheel"]) {
    root.addEventListener(name, nudge.wake, { signal, passive: true });
    // Each act goes on from what is shown; of two within one frame the first would be lost.
    root.addEventListener(name, store.flush, { signal, passive: true, capture: true });
  }

  const pace = createPace(() => set({}));
  function render(state) {
    if (!state.ready || signal.aborted) return;
    const { U, size } = shown?.theta ? shown : { size: [0, 0] };
    const stride = pace.begin([U?.width, U?.height, U?.channels, size, shown?.family, state.rule.kernel, state.rule.area].join(), size[0] * size[1] * state.rule.area ** 2, turning.busy() || facing.busy() || state.playing || Boolean(state.picture?.live));
    const awaited = looking.need(state);
    shown = looking.around(state, scene(state, stride));
    const theme = readTheme(root);
    film.frame(state);
    if (awaited && drawn === state.probes && !state.holding) bench.hold();
    else bench.set(shown, state, theme);
    drawn = state.probes;
    strip.set(state.image, state.picture);
    timeline.set({ ...state, marks: film.marks() }, theme);
    panel.set(shown, state, theme, canAsk(state));
    const answer = asker.answer(state, shown);
    answers.set(film.said(answer));
    if (!shown.waiting && !restoring()) teller.later(placeOf(state, shown.theta), () => spokenOf(shown, state, answer), state.playing || turning.busy());
    settle(state);
    pace.end(stride);
  }

  /** U's view opens when the grid leaves it, and closes again: never under a hand that holds something. */
  function settle(state) {
    if (!shown.grid || !shown.whole || state.holding || !state.fits) return; // a horizon lies at infinity
    const goal = halfFor(shown.lines.points, shown.U);
    if (Math.abs(goal - state.half) < 1e-3) return;
    const near = still.matches || Math.abs(goal - state.half) < 5e-3;
    set({ half: near ? goal : state.half + 0.3 * (goal - state.half) });
  }

  const update = createArriving(store, {
    header: ({ runs, run }) => head.start(runs, run.name),
    wish: ({ step, image }) => {
      if (image !== get().image) chooseImage(image);
      playing.seek(nearest(get().trace.step, step));
    },
    problems: notices.set,
    newer: (count, load) => timeline.newer([{ count, load }]),
    leave: () => {
      hand.rest();
      hand.escape();
      bench.drop();
      facing.stop();
      turning.clear(); // what a hand still holds is of the run before
      choosing.forget();
      teller.arrive();
    },
    opened: (data, { probes, trace }, view) => {
      if (view) {
        notices.set(data.problems);
        panel.start(get().site);
        strip.start(probes, data.run.classes);
        answers.start(data.run.classes);
        choosing.needBases();
        if (view.picture) restore(view.picture, data);
      }
      timeline.start(trace, data.run.snapshots, data.run.counter, curvesOf(trace));
      asker.connect(data.routes.line);
      root.classList.remove("waiting");
      nudge.wake();
    },
  }, signal);

  return {
    update,
    destroy: () => {
      ending.abort();
      turning.stopGlide();
      facing.stop();
      film.stop();
      nudge.stop();
      bench.stop();
      size.disconnect();
      store.stop();
      pace.stop();
      teller.stop();
      asker.close();
      looking.stop();
      notices.stop();
    },
  };
}
