/** What is looked at of a run of somebody else's: which transformer, what is fetched of it, and the others over the same U. */

import { createOthers } from "./others.js";
import { createParts } from "./parts.js";
import { createSiteInput } from "./siteinput.js";
import { isDeep, lookedAt, refusalAt } from "./sites.js";

/** What the state begins with. */
export const NOTHING_FETCHED = { parts: new Map(), seeing: "components", channels: null };

/**
 * @param {{get: () => object, set: (change: object) => void}} store
 * @param {{say: (sentence: string) => void, gesture: (change: () => void) => void, needBases: () => void}} around
 */
export function createLooking({ get, set }, { say, gesture, needBases }) {
  const parts = createParts({ get, set }, say);
  const others = createOthers();
  const input = createSiteInput(set);

  /** Another of the network's transformers: its own grid under its own rule; an undo comes back. */
  const chooseSite = (siteIndex) => {
    const { data, picture, siteIndex: before } = get();
    if (siteIndex === before || !data.sites[siteIndex]) return;
    const refused = picture && isDeep(data.sites[siteIndex]);
    gesture(() => set({
      ...lookedAt(data, siteIndex),
      // What the network says of a picture is asked anew: its theta is this site's.
      ...(picture && { picture: refused ? null : { ...picture, theta: null } }),
    }));
    if (refused) say(refusalAt(get()));
    needBases();
  };
  return {
    chooseSite,
    see: (seeing) => set({ seeing }),
    /** Before a state is drawn. @returns {boolean} whether what it shows will be here in a moment */
    need: (state) => {
      if (state.picture && refusalAt(state)) { // by an undo
        set({ picture: null });
        say(refusalAt(state));
      }
      input.need(state);
      return parts(state);
    },
    /** The scene with the other sites' frames. */
    around: (state, scene) => ({ ...scene, others: scene.grid ? others(state) : [] }),
    stop: input.close,
  };
}
