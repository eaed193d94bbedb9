/** Whose answer is shown: the recorded one where the picture is the recorded one, else the network's, asked live. */

import { createLine } from "./line.js";
import { fits } from "./scene.js";
import { isRecorded, viewOf } from "./view.js";

const STATUS = {
  connecting: "the network is starting …",
  loading: "the network is starting …",
  away: "network away, reconnecting: the stage goes on without it",
  failed: "the network could not be loaded: the server's log says why",
};

const LATE_MS = 250; // an answer takes a few milliseconds: after this, the one before is shown as old

/** @param {(change: object | ((state: object) => object)) => void} set  puts `answer`, `status`, `late` and a picture's theta into the state */
export function createAsker(set) {
  const wire = createWire();
  const about = new WeakMap(); // a question's view -> whose picture it is about
  const own = new WeakMap(); // U -> the step at which its own theta was asked for while another stood
  let line = null;
  let address = "";
  let asked = "";
  let warm = false; // has the server been asked anything since its network came up
  let late = 0; // a timer, from a question to its answer

  const connect = (path) => {
    const url = new URL(path, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    if (url.href === address) return;
    address = url.href;
    line?.close();
    line = createLine(url.href, {
      onStatus: (status) => {
        if (status === "ready") {
          asked = "";
          warm = false;
        }
        set({ status });
      },
      onAnswer: hear,
      onError: (question, sentence) => hear(question, { probabilities: null, loss: null, error: sentence }),
    });
  };

  /** Of a picture that the run's preparation was applied to, the line carries what it was before. */
  const bytesOf = (picture) => wire.bytes(picture.sent ?? picture.U);

  const ask = (view, picture = null) => {
    warm = true;
    about.set(view, identity(picture));
    late ||= setTimeout(() => set({ late: true }), LATE_MS);
    line.ask({ lens: "predictions", view, ...(picture && { U: bytesOf(picture) }) });
  };
  const hear = ({ view, U }, answer) => {
    clearTimeout(late);
    late = asked && asked !== keyOf(view, U) ? setTimeout(() => set({ late: true }), LATE_MS) : 0; // a newer question is under way
    const of = about.get(view);
    set(({ picture, siteIndex, answer: before }) => ({
      // What was asked for its theta alone says nothing about the theta that stands.
      answer: own.get(U) === view ? before : { ...answer, view, of },
      late: false,
      // The network's own theta of a picture that is not the run's; of one that moves, of a frame or two ago.
      ...(picture && answer.theta && of === identity(picture) && view.site === siteIndex && { picture: { ...picture, theta: Float32Array.from(answer.theta) } }),
    }));
  };
  const keyOf = (view, U) => JSON.stringify(view) + (U ? wire.number(U) : "");

  /** What to show of the network for this state; asks for it when nobody has. */
  const answer = (state, scene) => {
    const { data, trace, probes, index, image, status, picture, site } = state;
    const label = picture ? picture.label : probes.labels[image] ?? -1;
    if (isRecorded(state)) {
      // The first question of a server builds the network: asked before the hand needs the answer.
      if (status === "ready" && !warm && data.run.has_network) ask(viewOf(state, scene.theta));
      else line?.drop();
      asked = "";
      return { probabilities: trace.probabilities(index, image), loss: trace.probeLoss(index, image), label, stale: false, source: "" };
    }
    const nothing = { probabilities: null, loss: null, label, stale: true };
    const refusal = refused(state);
    if (refusal) {
      line?.drop();
      asked = "";
      return { ...nothing, source: refusal };
    }
    // A grid of no family is the network's own: it can be asked about another picture, not about another rule.
    const itsOwn = Boolean(picture) && site && !site.family && isRecorded({ ...state, picture: null });
    if (site && !scene.theta && !itsOwn) return { ...nothing, source: scene.raw || (picture && !site.family) ? "the network was recorded under its own rule: choose a family to ask it about this one" : "" };
    const view = viewOf(state, scene.theta);
    const U = picture && bytesOf(picture);
    const key = keyOf(view, U);
    if (picture && view.theta && line?.idle() && own.get(U)?.step !== view.step) {
      // By hand the network's own theta is asked for too, once a step: it is the ghost, and the way home.
      const home = { ...view, theta: null, family: null, points: null };
      own.set(U, home);
      asked = "";
      ask(home, picture);
    } else if (key !== asked && line) {
      asked = key;
      ask(view, picture);
    }
    // While theta or the picture moves the answer is a frame behind; one about another image says nothing about this one.
    const kin = state.answer && state.answer.of === identity(picture) && ["run", "image", "site"].every((name) => state.answer.view[name] === view[name]);
    const known = kin ? state.answer : null;
    if (!known) return { ...nothing, source: STATUS[status] ?? "asking the network …" };
    const source = STATUS[status] ?? (known.error || `weights of ${data.run.counter ?? "step"} ${known.snapshot.toLocaleString("en")}`);
    const loss = known.loss ?? (picture && label >= 0 && known.probabilities ? -Math.log(Math.max(1e-12, known.probabilities[label])) : null);
    return { probabilities: known.probabilities, loss, label, stale: status !== "ready" || state.late || Boolean(known.error), source };
  };
  const close = () => {
    clearTimeout(late);
    line?.close();
  };
  return { connect, answer, close };
}

/** Whose answer it is: the run's own images are told apart by their number, in the view. */
const identity = (picture) => (picture ? picture.name ?? picture.title : "");

/** Why the network is not asked at all, as a sentence; "" where it is. */
function refused(state) {
  const { data, picture, probes } = state;
  if (!data.run.has_network) return data.run.closed || "this run came without its network: answers are the recorded ones alone";
  if (picture?.refusal) return picture.refusal;
  if (fits(state)) return "";
  const { channels, height, width } = probes.image(0);
  return `the network takes ${height} × ${width} ${channels === 1 ? "grey" : "colour"}: “As the network takes it” in Images makes this picture so`;
}

/** Pictures as the line carries them, each encoded once: base64 of bytes. */
function createWire() {
  const encoded = new WeakMap(); // U -> {shape, data}; not by its numbers, which a camera's frames write anew in turn
  const numbers = new WeakMap(); // {shape, data} -> a number of its own
  let count = 0;
  return {
    bytes: (U) => {
      if (!encoded.has(U)) {
        const { data, channels, height, width } = U;
        const bytes = Uint8ClampedArray.from(data, (value) => 255 * value); // it rounds, and clips
        let text = "";
        for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
        encoded.set(U, { shape: [channels, height, width], data: btoa(text) });
      }
      return encoded.get(U);
    },
    number: (U) => {
      if (!numbers.has(U)) numbers.set(U, ++count);
      return numbers.get(U);
    },
  };
}
