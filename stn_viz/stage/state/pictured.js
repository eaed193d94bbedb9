/** A chosen picture as the run's network takes it: a preparation is applied, and undone on the screen; a digit is a class of digits alone. */

import { preparedU, screenOf } from "../numbers/screen.js";
import { fits } from "./scene.js";

const DIGITS = "0,1,2,3,4,5,6,7,8,9";
const TWICE = "This run’s own mean and std are applied to every picture, so the network is not asked about one that is normalised already. Set “normalise” to none to ask it.";

/**
 * @param {object} picture  with U from 0 to 1
 * @param {object} state
 * @returns {object} the picture; its U prepared, and `sent`: what the line carries, as it was before
 */
export function forNetwork(picture, state) {
  const { preparation, classes } = state.data.run;
  if (picture.label >= 0 && String(classes) !== DIGITS) picture = { ...picture, label: -1 }; // a 7 is no seventh class of something else
  if (preparation && picture.refusal && picture.settings && picture.settings.normalise !== "none") return { ...picture, refusal: TWICE };
  if (!preparation || picture.sent || picture.refusal || !fits({ ...state, picture })) return picture;
  return { ...picture, sent: picture.U, U: preparedU(picture.U, preparation, screenOf(preparation, picture.U.channels)) };
}
