/** Undo and redo: one entry a gesture; quick repeats of one key count as one gesture. */

const DEPTH = 500;
const ONE_GESTURE_MS = 700;

/** @param {() => number} now  a clock in milliseconds, an argument so that tests need no waiting */
export function createHistory(now = () => performance.now()) {
  let past = [];
  let future = [];
  let last = { tag: null, at: -Infinity };

  /** Remember `before`, the entry that an undo brings back. Same non-null tag within 0.7 s: the same gesture. */
  const push = (before, tag = null) => {
    const at = now();
    const same = tag !== null && tag === last.tag && at - last.at < ONE_GESTURE_MS && past.length > 0;
    if (!same) past = [...past, before].slice(-DEPTH);
    future = [];
    last = { tag, at };
  };
  const swap = (from, to, current) => {
    if (!from.length) return null;
    to.push(current);
    last = { tag: null, at: -Infinity };
    return from.pop();
  };
  return {
    push,
    /** @returns the entry to bring back, or null if there is none */
    undo: (current) => swap(past, future, current),
    redo: (current) => swap(future, past, current),
    clear: () => {
      past = [];
      future = [];
    },
    depth: () => [past.length, future.length],
  };
}
