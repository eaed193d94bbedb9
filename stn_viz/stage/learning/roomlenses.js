/** The lenses of the room, in the order of their tabs. A new one is a module here and a line in the list. */

import { createPair } from "./pair.js";
import { createCongealing } from "./congealing.js";
import { createErrors } from "./errors.js";
import { createInside } from "./inside.js";
import { createPoses } from "./poses.js";
import { createResponse } from "./response.js";
import { createWall } from "./wall.js";

/** @param {object} room  what a lens may do (learning/room.js) */
export function roomLenses(room) {
  return [createWall(room), createCongealing(room), createPoses(room), createResponse(room), createInside(room), createErrors(room), createPair(room)];
}
