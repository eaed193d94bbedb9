/** Telling the others where the stage stands, at rest: the address, Python, screen readers. */

import { gaugeOf } from "../numbers/gauge.js";
import { sentence } from "../numbers/words.js";
import { queryOf } from "./view.js";

const REST_MS = 200;
const PATIENCE_MS = 5000;

/**
 * @param {{setState: (name: string, value: object) => void}} host
 * @param {(sentence: string) => void} speak
 */
export function createTeller(host, speak) {
  let timer = 0;
  let told = ""; // to the address
  let known = ""; // to Python
  let waiting = null;
  let leaving = 0; // a timer: a server that is away must not silence the address for ever

  const tell = () => {
    clearTimeout(timer);
    timer = 0;
    if (!waiting || leaving) return;
    const { view, sentence } = waiting;
    waiting = null;
    speak(sentence());
    const key = JSON.stringify(view);
    if (key === told) return;
    told = key;
    // replaceState, not Streamlit's query_params: each write of those is an entry in the browser's history.
    const query = queryOf(view);
    if (query !== location.search) window.history.replaceState(window.history.state, "", query + location.hash);
    if (key !== known) host.setState("view", view);
    known = key;
  };
  return {
    /** @param {boolean} busy  while something moves nothing is told; the last state is, when it has come to rest */
    later: (view, sentence, busy) => {
      waiting = { view, sentence };
      known ||= JSON.stringify(view); // the first is what Python handed over
      clearTimeout(timer);
      timer = busy ? 0 : setTimeout(tell, REST_MS);
    },
    now: tell,
    /** Another run was asked for: what still rests here must not be told after that, and call the run back. */
    leave: () => {
      clearTimeout(leaving);
      leaving = setTimeout(() => {
        leaving = 0;
        told = known = "-"; // the other run did not come: Python is told that this one is still shown
        tell();
      }, PATIENCE_MS);
    },
    /** What was asked for is here, and no view of the run before is told any more. */
    arrive: () => {
      clearTimeout(leaving);
      leaving = 0;
      waiting = null;
    },
    stop: () => {
      clearTimeout(timer);
      clearTimeout(leaving);
    },
  };
}

/** The stage in one sentence, for a screen reader. */
export function spokenOf({ family, theta, outside }, { site, data }, { probabilities }) {
  const best = probabilities ? probabilities.indexOf(Math.max(...probabilities)) : -1;
  const prediction = best < 0 ? null : { label: data.run.classes[best], probability: probabilities[best] };
  const without = site ? "a grid of no family" : "no transformer";
  if (!theta) return prediction ? `${without}, reads ${prediction.label} at ${prediction.probability.toFixed(2)}` : without;
  return sentence({ family: family ?? site.family, theta, gauge: gaugeOf(family), outside, prediction });
}
