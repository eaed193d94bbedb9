/** Telling the address and Python where the room stands, at rest. */

import { queryOf } from "../state/view.js";

const REST_MS = 200;
const PATIENCE_MS = 5000;
const LOCKS = ["step", "images", "share"];

/** @returns {"step" | "images" | "share"} what two runs are locked on, as a link says it */
export function lockOfAddress() {
  const said = new URLSearchParams(location.search).get("lock");
  return LOCKS.includes(said) ? said : LOCKS[0];
}

/** @param {{setState: (name: string, value: object) => void}} host  @param {(sentence: string) => void} speak */
export function createRoomTeller(host, speak) {
  let timer = 0;
  let known = "";
  let waiting = null;
  let leaving = 0; // a timer: a page that does not come must not silence the address for ever
  const viewOf = ({ a, index, image }) => ({ run: a.data.run.name, image, step: a.trace.step[index] });
  const tell = () => {
    clearTimeout(timer);
    timer = 0;
    if (!waiting || leaving) return;
    const { state } = waiting;
    waiting = null;
    const view = { ...viewOf(state), lens: state.lens };
    const query = new URLSearchParams(queryOf(view));
    const put = (name, value) => (value ? query.set(name, value) : query.delete(name));
    put("beside", state.b?.data.run.name);
    put("lock", state.b && state.lock !== LOCKS[0] && state.lock);
    const address = `?${query}`;
    if (address !== location.search) window.history.replaceState(window.history.state, "", address + location.hash);
    const key = JSON.stringify(view);
    if (key !== known) {
      host.setState("view", view);
      speak(`${state.a.data.run.counter} ${view.step}, image ${view.image}`);
    }
    known = key;
  };
  return {
    /** @param {boolean} busy  while it plays nothing is told */
    later: (state, busy) => {
      waiting = { state };
      known ||= JSON.stringify({ ...viewOf(state), lens: state.lens }); // the first is what Python handed over
      clearTimeout(timer);
      timer = busy ? 0 : setTimeout(tell, REST_MS);
    },
    now: tell,
    /** Another page was asked for. What rests here is not told after that: a second rerun would swallow the click. */
    leave: () => {
      clearTimeout(leaving);
      leaving = setTimeout(() => {
        leaving = 0;
        tell();
      }, PATIENCE_MS);
    },
    view: viewOf,
    stop: () => {
      clearTimeout(timer);
      clearTimeout(leaving);
    },
  };
}
