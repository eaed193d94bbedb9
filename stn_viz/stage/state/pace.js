/**
 * How finely V is sampled: every pixel at rest; while pictures follow one another, as coarsely as keeps the frames coming.
 *
 * A stride of s samples every s-th pixel each way. It grows while a frame is dear (its own work, or the interval to the one
 * before) and is kept for the next gesture; REST_MS after the last frame of a gesture the full picture is drawn.
 */

const DEAR_MS = 9; // of work in one frame: more leaves the browser too little of its 16.7 ms for drawing
const CHEAP_MS = 3;
const SLOW_MS = 21; // between frames that should come every 16.7
const GESTURE_MS = 60; // frames closer than this follow one hand
const REST_MS = 40;
const LARGEST = 4;
const LEAST_PIXELS = 96 * 96; // a smaller V is never what costs

/**
 * @param {() => void} full  asks for a frame at rest
 * @param {() => number} now  a clock in milliseconds
 */
export function createPace(full, now = () => performance.now()) {
  let learned = 1; // the stride of a gesture
  let key = "";
  let last = -Infinity; // when the last frame began
  let slow = 0; // slow frames in a row
  let timer = 0;

  return {
    /**
     * The stride for the frame that begins now.
     * @param {string} what  what makes a frame dear (sizes, family, kernel): another one is learned anew
     * @param {number} pixels  of V
     * @param {boolean} moving  does something hold theta, or play: else this frame is one of rest
     */
    begin: (what, pixels, moving) => {
      const at = now();
      const since = at - last;
      last = at;
      clearTimeout(timer);
      if (what !== key) {
        key = what;
        learned = 1;
        slow = 0;
      }
      if (!moving || since > GESTURE_MS || pixels < LEAST_PIXELS) {
        slow = 0;
        return 1;
      }
      slow = since > SLOW_MS ? slow + 1 : 0;
      if (slow > 2 && learned < LARGEST) {
        learned++;
        slow = 0;
      }
      return learned;
    },
    /** The frame is drawn. @param {number} stride  it was drawn with */
    end: (stride) => {
      const took = now() - last;
      if (took > DEAR_MS && stride === learned && learned < LARGEST) learned++;
      else if (took < CHEAP_MS && stride > 1 && slow === 0 && learned > 2) learned--;
      if (stride > 1) timer = setTimeout(full, REST_MS);
    },
    stop: () => clearTimeout(timer),
  };
}
