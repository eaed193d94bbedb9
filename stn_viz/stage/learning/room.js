/**
 * The room: lenses over a whole training under one scrubber, of one run or of two side by side. Knows no host.
 *
 * A lens is {name, title, element, set(state, theme), start?(state), stop?()}: `start` when another run arrived, `set` in
 * each frame in which it is open, `stop` when it is closed. It reads `state.a` (and `state.b`, the run beside, or null),
 * `state.index` (the record of `a` under the scrubber), `state.indexB` (that of `b`, under `state.lock`) and `state.image`, and
 * asks for what it needs by `room.ask`.
 */

import { readTheme } from "../ink/theme.js";
import { el } from "../parts/dom.js";
import { createHelp } from "../parts/help.js";
import { createNotices } from "../parts/notices.js";
import { createTimeline } from "../parts/timeline.js";
import { createPlaying } from "../state/playing.js";
import { curvesOf } from "../state/curves.js";
import { createStore } from "../state/store.js";
import { createArrivals } from "./arrivals.js";
import { createAsking } from "./asking.js";
import { createRoomCurves } from "./roomcurves.js";
import { createRoomHead } from "./roomhead.js";
import { createLensTabs } from "./lenstabs.js";
import { lockBetween } from "./lockaxis.js";
import { indexBeside, titled } from "./sides.js";
import { createRoomTeller, lockOfAddress } from "./roomteller.js";
import { roomLenses } from "./roomlenses.js";
import { ROOM_KEYS, wireRoomKeys } from "./roomkeys.js";

/** @returns {string[]} what is wrong with the runs, each sentence once; of the second run it says so */
const problemsOf = ({ a, b }) => [...new Set([...a.problems, ...(b?.problems ?? []).map((each) => `B, ${each}`)])];

/**
 * @param {HTMLElement} root  an empty element
 * @param {{setState: (name: string, value: any) => void, goTo: (page: string, view?: object) => void}} host
 * @returns {{update: (data: object) => void, destroy: () => void}}
 */
export function createRoom(root, host) {
  const ending = new AbortController();
  const { signal } = ending;
  const store = createStore({ ready: false, a: null, b: null, index: 0, image: 0, lens: "wall", lock: lockOfAddress(), runs: [], playing: false, speed: 1 }, render);
  const { get, set } = store;
  // state/playing.js plays whatever stands under `trace`.
  const playing = createPlaying({ get: () => ({ ...get(), trace: get().a?.trace }), set: (change) => set(typeof change === "function" ? (state) => change({ ...state, trace: state.a.trace }) : change) }, signal);
  const asking = createAsking(() => set({}));
  const notices = createNotices();
  const teller = createRoomTeller(host, notices.speak);

  const leave = (page, view) => {
    teller.now();
    teller.leave();
    host.goTo(page, page === "workbench" ? view : null);
  };
  const room = {
    get, set, signal,
    say: notices.say,
    ask: asking.ask,
    retry: () => {
      asking.retry();
      set({});
    },
    seek: playing.seek,
    choose: (image) => set(({ a }) => ({ image: Math.max(0, Math.min(a.probes.count - 1, image)) })),
    /** Show an image on the workbench: one of the run's, or `picture`, an id of pictures.py. */
    open: ({ image = get().image, picture = null, side = get().a, step = get().a.trace.step[get().index] } = {}) =>
      leave("workbench", { run: side.data.run.name, image, step, ...(side === get().a && get().siteIndex > 0 && { site: get().siteIndex }), ...(picture && { picture }) }),
    /** Another run beside the first, or none. */
    beside: (name) => host.setState("beside", name),
    /** A and B change places, on this image of B. */
    swap: (image) => {
      const { a, b, index } = get();
      if (!b) return;
      const lock = lockBetween(get().lock, a, b);
      set({ a: b, b: a, index: indexBeside(a.trace, b.trace, index, lock), image: Math.min(image, b.probes.count - 1), playing: false });
      arrivals.swapped();
      host.setState("beside", a.data.run.name);
      host.setState("view", { ...teller.view(get()), lens: get().lens });
    },
  };
  const lenses = roomLenses(room);
  const present = (on) => {
    root.classList.toggle("present", on);
    head.setPresenting(on);
    if (on) root.requestFullscreen?.().catch(() => {}); // refused inside some frames: large type alone then
    else if (root.getRootNode().fullscreenElement) document.exitFullscreen();
    set({});
  };
  document.addEventListener("fullscreenchange", () => { if (!document.fullscreenElement) present(false); }, { signal });
  const help = createHelp(ROOM_KEYS);
  const head = createRoomHead({
    chooseRun: (name) => host.setState("view", { run: name }),
    beside: room.beside,
    goTo: (page) => leave(page, teller.view(get())),
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
    help: help.toggle,
  });
  const open = (name) => {
    const before = lenses.find((lens) => lens.name === get().lens);
    if (before && before.name !== name) before.stop?.();
    set({ lens: name });
  };
  const tabs = createLensTabs(lenses, open);
  const timeline = createTimeline({ ...playing, reject: notices.say, setSpeed: (speed) => set({ speed }) });
  const curves = createRoomCurves(asking.ask, (a, list) => {
    timeline.start(a.trace, a.data.run.snapshots, a.data.run.counter, list);
    set({});
  });
  const loading = el("p.loading", { text: "Opening the run …" });
  root.replaceChildren(head.element, notices.element, el("div.under", {}, tabs.bar, head.outcome), tabs.body, timeline.element, notices.status, loading, help.element);
  root.classList.add("waiting");
  wireRoomKeys(root, { step: playing.step, play: playing.play, image: (by) => room.choose(get().image + by), help: help.toggle }, () => get().ready, signal);
  const size = new ResizeObserver(() => set({}));
  size.observe(root);

  function render(now) {
    if (!now.ready || signal.aborted) return;
    const lock = now.b ? lockBetween(now.lock, now.a, now.b) : now.lock;
    const state = { ...now, lock, indexB: now.b ? indexBeside(now.a.trace, now.b.trace, now.index, lock) : 0 };
    const theme = readTheme(root);
    asking.begin();
    head.outcome.hidden = !head.outcome.textContent || (state.lens === "pair" && Boolean(state.b)); // there each run has its own
    timeline.set({ ...state, marks: [] }, theme);
    tabs.set(state, theme);
    curves(state.a);
    asking.end();
    teller.later(state, state.playing);
  }

  const arrivals = createArrivals(store, {
    header: (data) => {
      const runs = titled(data.a.runs);
      head.start(runs, data.a.run.name, data.b?.run.name ?? null);
      // A rerun says nothing new: what was said stays until it is closed or another run opens.
      const problems = problemsOf(data);
      if (problems.length) notices.set(problems);
      if (JSON.stringify(get().runs) !== JSON.stringify(runs)) set({ runs });
    },
    view: ({ a: { view }, lens }, another) => {
      const known = another && [view.lens, get().ready ? null : lens].find((each) => lenses.some(({ name }) => name === each));
      return known ? { lens: known } : {};
    },
    opened: (data, another) => {
      const { a } = get();
      if (another) notices.set(problemsOf(data));
      timeline.start(a.trace, a.data.run.snapshots, a.data.run.counter, curvesOf(a.trace));
      head.setOutcome(a.data.result ?? "");
      for (const lens of lenses) lens.start?.(get());
      root.classList.remove("waiting");
    },
    newer: ({ a, b }) => timeline.newer([{ count: a, load: () => arrivals.load("a") }, { count: b, of: "B", load: () => arrivals.load("b") }]),
    failed: (sentence) => notices.set([sentence]),
  }, signal);

  return {
    update: arrivals.update,
    destroy: () => {
      ending.abort();
      size.disconnect();
      store.stop();
      asking.stop();
      teller.stop();
      notices.stop();
    },
  };
}
