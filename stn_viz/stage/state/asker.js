/** Whose answer is shown: the recorded one where the picture is the recorded one, else the network's, asked live. */

import { createLine } from "./line.js";
import { isRecorded, viewOf } from "./view.js";

const STATUS = {
  connecting: "the network is starting …",
  loading: "the network is starting …",
  away: "network away, reconnecting: the stage goes on without it",
  failed: "the network could not be loaded: the server's log says why",
};

const LATE_MS = 250; // an answer takes a few milliseconds: after this, the one before is shown as old

/** @param {(change: object) => void} set  puts `answer`, `status` and `late` into the state */
export function createAsker(set) {
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
      onError: ({ view }, sentence) => hear({ view }, { probabilities: null, loss: null, error: sentence }),
    });
  };

  const ask = (view) => {
    warm = true;
    late ||= setTimeout(() => set({ late: true }), LATE_MS);
    line.ask({ lens: "predictions", view });
  };
  const hear = ({ view }, answer) => {
    clearTimeout(late);
    late = asked && asked !== JSON.stringify(view) ? setTimeout(() => set({ late: true }), LATE_MS) : 0; // a newer question is under way
    set({ answer: { ...answer, view }, late: false });
  };

  /** What to show of the network for this state; asks for it when nobody has. */
  const answer = (state, scene) => {
    const { data, trace, probes, index, image, status } = state;
    const label = probes.labels[image] ?? -1;
    if (isRecorded(state)) {
      // The first question of a server builds the network: asked before the hand needs the answer.
      if (status === "ready" && !warm && data.run.has_network) ask(viewOf(state, scene.theta));
      else line?.drop();
      asked = "";
      return { probabilities: trace.probabilities(index, image), loss: trace.probeLoss(index, image), label, stale: false, source: "" };
    }
    const nothing = { probabilities: null, loss: null, label, stale: true };
    if (!data.run.has_network) return { ...nothing, source: "this run came without its network: answers are the recorded ones alone" };
    if (!scene.theta) return { ...nothing, source: "" };
    const view = viewOf(state, scene.theta);
    const key = JSON.stringify(view);
    if (key !== asked && line) {
      asked = key;
      ask(view);
    }
    // While theta moves the answer is a frame behind; one about another image says nothing about this one.
    const known = state.answer && ["run", "image", "site"].every((name) => state.answer.view[name] === view[name]) ? state.answer : null;
    const source = STATUS[status] ?? (known?.error || (known ? `weights of step ${known.snapshot.toLocaleString("en")}` : ""));
    return known
      ? { probabilities: known.probabilities, loss: known.loss, label, stale: status !== "ready" || state.late || Boolean(known.error), source }
      : { ...nothing, source };
  };
  const close = () => {
    clearTimeout(late);
    line?.close();
  };
  return { connect, answer, close };
}
