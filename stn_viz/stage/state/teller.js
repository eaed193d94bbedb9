/** Telling the others where the stage stands, at rest: the address, Python, screen readers. */

import { queryOf } from "./view.js";

const REST_MS = 200;

/**
 * @param {{setState: (name: string, value: object) => void}} host
 * @param {(sentence: string) => void} speak
 */
export function createTeller(host, speak) {
  let timer = 0;
  let told = "";
  let waiting = null;

  const tell = () => {
    clearTimeout(timer);
    timer = 0;
    if (!waiting) return;
    const { view, sentence } = waiting;
    waiting = null;
    speak(sentence());
    const key = JSON.stringify(view);
    if (key === told) return;
    const first = told === "";
    told = key;
    // replaceState, not Streamlit's query_params: each write of those is an entry in the browser's history.
    const query = queryOf(view);
    if (query !== location.search) window.history.replaceState(window.history.state, "", query + location.hash);
    if (!first) host.setState("view", view);
  };
  return {
    /** @param {boolean} busy  while something moves nothing is told; the last state is, when it has come to rest */
    later: (view, sentence, busy) => {
      waiting = { view, sentence };
      clearTimeout(timer);
      timer = busy ? 0 : setTimeout(tell, REST_MS);
    },
    now: tell,
    stop: () => clearTimeout(timer),
  };
}
