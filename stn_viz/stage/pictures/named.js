/** A picture by the id that a link carries. */

import { digitNamed } from "./digits.js";
import { openNamed } from "./gallery.js";

/**
 * @param {string} id  "mnist:1234:rts:3", "1234:held:rts:0" (an image that the run was tested on), "chelsea", "sign:square:28x28:grey"
 * @param {{base: string, input: [number, number, number]}} where  the route of pictures, the network's (C, H, W)
 * @returns {Promise<object>} the picture
 * @throws {Error} one sentence
 */
export async function pictureNamed(id, { base, input }) {
  const picture = /^(mnist:|\d+:held:)/.test(id) ? await digitNamed(id, base, input) : await openNamed(id, { address: (file) => `${base}gallery/${file}`, input });
  if (!picture) throw new Error(`The link names a picture “${id.slice(0, 40)}” that is not here. The run's own image is shown.`);
  return picture;
}
