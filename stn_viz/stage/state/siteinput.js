/** The channels of what a deep site samples, asked of the network on a line of their own: no question about theta waits for them. */

import { createLine } from "./line.js";
import { isDeep } from "./sites.js";

/** @returns {boolean} whether the channels are looked at, and there is somebody to ask */
export const seesChannels = ({ seeing, site, picture, data }) => seeing === "channels" && !picture && Boolean(site) && isDeep(site) && data.run.has_network;

/** @param {(change: object) => void} set  puts `channels` into the state: the answer, or {error} */
export function createSiteInput(set) {
  let line = null;
  let address = "";
  let asked = "";

  const close = () => {
    line?.close();
    line = null;
    asked = address = "";
  };
  const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

  /** To be called with each state that is drawn. */
  const need = (state) => {
    if (!seesChannels(state)) {
      if (line) close();
      return;
    }
    const { data: { run, routes }, trace, index, image, siteIndex } = state;
    const url = new URL(routes.line, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    if (url.href !== address) {
      close();
      address = url.href;
      line = createLine(url.href, {
        onStatus: () => {},
        onAnswer: ({ view }, answer) => set({ channels: { ...answer, data: bytesOf(answer.data), view } }),
        onError: ({ view }, error) => set({ channels: { error, view } }),
      });
    }
    const view = { run: run.name, image, site: siteIndex, step: trace.step[index] };
    const key = JSON.stringify([view, run.version]);
    if (key === asked) return;
    asked = key;
    line.ask({ lens: "site_input", view });
  };
  return { need, close };
}
