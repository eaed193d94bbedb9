/** Whose answer is shown: the recorded one where the picture is the recorded one, else the network's, asked live. */

import { createLine } from "./line.js";
import { isRecorded, viewOf } from "./view.js";

const STATUS = {
  connecting: "the network is starting …",
  loading: "the network is starting …",
  away: "network away, reconnecting: the stage goes on without it",
  failed: "the network could not be loaded: the server's log says why",
};

/** @param {(change: object) => void} set  puts `answer` and `status` into the state */
export function createAsker(set) {
  let line = null;
  let address = "";
  let asked = "";
  let warm = false; // has the server been asked anything since its network came up

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
      onAnswer: (question, answer) => set({ answer: { ...answer, key: JSON.stringify(question.view) } }),
      onError: (question, sentence) => set({ answer: { probabilities: null, loss: null, error: sentence, key: JSON.stringify(question.view) } }),
    });
  };

  const ask = (view) => {
    warm = true;
    line.ask({ lens: "predictions", view });
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
    const known = state.answer;
    const source = STATUS[status] ?? (known?.error || (known ? `weights of step ${known.snapshot.toLocaleString("en")}` : ""));
    return known
      ? { probabilities: known.probabilities, loss: known.loss, label, stale: status !== "ready" || Boolean(known.error), source }
      : { ...nothing, source };
  };
  return { connect, answer, close: () => line?.close() };
}
