/** Choosing what is U: one of the run's images, any other picture, or the one that a link names. */

import { forNetwork } from "../state/pictured.js";
import { fits, networkTheta } from "../state/scene.js";
import { refusalAt } from "../state/sites.js";
import { pictureNamed } from "./named.js";

/** Can the network say a theta for what is shown: a probe's is recorded, another picture has to fit. */
export function canAsk(state) {
  if (state.picture) return fits(state) && !state.picture.refusal && state.data.run.has_network;
  return Boolean(networkTheta(state) || (state.site && !state.site.family)); // as recorded, where it is of no family
}

const sameSize = (a, b) => a.width === b.width && a.height === b.height;

/**
 * @param {{get: () => object, set: (change: object) => void}} store
 * @param {object} around
 * @param {() => object | null} around.shown  the scene of the last frame
 * @param {(sentence: string) => void} around.say
 * @param {() => number | null} around.pinned  the pixel of V that stays when another image comes
 * @param {() => void} around.needBases  fetches what V's new size asks for
 */
export function createPicturing({ get, set }, { shown, say, pinned, needBases }) {
  let restoring = false;

  const chooseImage = (image) => {
    const left = get().picture;
    set({ image, picture: null, pixel: pinned(), fits: true });
    if (left) needBases(); // V has the run's size again
  };
  /** Any picture as U. The grid that stands is kept; what the network says of it is asked where its size fits. */
  const choosePicture = (picture) => {
    if (!picture) return chooseImage(get().image);
    if (refusalAt(get())) return say(refusalAt(get()));
    picture = forNetwork(picture, get());
    const same = get().picture && sameSize(get().picture.U, picture.U);
    // Until the network has said its theta of this picture, the one before stands: a grid must not jump to the identity.
    if (fits({ ...get(), picture }) && !picture.refusal) picture = { ...picture, theta: picture.theta ?? networkTheta(get()) };
    set({ picture, fits: true, ...(!same && { pixel: null, pin: null }) });
    const { site, mode } = get();
    const now = shown();
    if (site?.family && mode === "network" && !canAsk(get()) && now?.theta) {
      set({ mode: "hand", hand: { theta: Float64Array.from(now.theta), family: now.family, points: now.points } });
    }
    if (!same) needBases();
  };
  /** The picture of a link; the run's own image stays where it is not to be had. */
  const restore = async (id, { routes }) => {
    restoring = true;
    try {
      const { probes, image } = get();
      const { channels, height, width } = probes.image(0);
      const picture = await pictureNamed(id, { base: routes.picture, input: [channels, height, width] });
      // Somebody may have chosen another image since.
      if (get().probes === probes && get().image === image && !get().picture) choosePicture(picture);
    } catch (error) {
      say(error.message);
    }
    restoring = false;
    set({});
  };
  return {
    chooseImage, choosePicture, restore,
    /** Is a link's picture on its way: until it is here, the address keeps naming it. */
    restoring: () => restoring,
  };
}
