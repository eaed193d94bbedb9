/** What the room asks of the lenses over a training, by address: each answer once, one question on its way at a time. */

import { readFacts, readTensors } from "../numbers/tensors.js";

const MOST = 64; // answers that are kept: memory stays bounded while somebody scrubs
const MOST_BYTES = 96 * 2 ** 20;

/**
 * @param {() => void} arrived  something is here that was waited for
 * @param {(address: string, signal: AbortSignal) => Promise<Response>} fetching
 */
export function createAsking(arrived, fetching = (address, signal) => fetch(address, { signal })) {
  const answers = new Map(); // address -> {tensors, facts, bytes} | {error}, the newest last
  let wanted = []; // addresses of this frame, the most important first
  let underway = null; // {address, abort}
  let stopped = false;

  const keep = (address, answer) => {
    answers.set(address, answer);
    let bytes = 0;
    const newest = [...answers].reverse();
    newest.forEach(([key, each], i) => {
      bytes += each.bytes ?? 0;
      if (i >= MOST || (i > 0 && bytes > MOST_BYTES)) answers.delete(key);
    });
  };
  const next = async () => {
    if (underway || stopped) return;
    const address = wanted.find((each) => !answers.has(each));
    if (!address) return;
    underway = { address, abort: new AbortController() };
    const mine = underway;
    try {
      const response = await fetching(address, mine.abort.signal);
      if (!response.ok || (response.headers.get("content-type") || "").includes("text/html")) {
        keep(address, { error: response.ok ? "The server answered with a page. Reload this one." : await response.text() });
      } else {
        const buffer = await response.arrayBuffer();
        keep(address, { tensors: readTensors(buffer), facts: readFacts(buffer), bytes: buffer.byteLength });
      }
    } catch (error) {
      if (!mine.abort.signal.aborted) keep(address, { error: `The answer did not arrive (${error.message}). Is the server running? Choose it again.`, passing: true });
    }
    underway = null;
    if (stopped) return;
    arrived();
    next();
  };
  return {
    /** Called at the begin of a frame: what is asked for from here on is what is still wanted. */
    begin: () => { wanted = []; },
    /**
     * @param {object} side  a run of the room
     * @param {string} lens
     * @param {Object<string, string | number>} options  image, step, site and the lens's own
     * @returns {{tensors: object, facts: object} | {error: string} | null} null while it is on its way
     */
    ask: (side, lens, options) => {
      const query = new URLSearchParams(Object.entries(options).map(([name, value]) => [name, String(value)]));
      query.sort();
      const address = `${side.data.routes.ask}${encodeURIComponent(side.data.run.name)}/${side.data.run.version}/${lens}.safetensors?${query}`;
      const known = answers.get(address);
      if (known) {
        answers.delete(address); // now the newest
        answers.set(address, known);
        return known;
      }
      wanted.push(address);
      return null;
    },
    /** Called at the end of a frame: an answer that nobody wants any more is not waited for. */
    end: () => {
      if (underway && !wanted.includes(underway.address)) underway.abort.abort();
      next();
    },
    /** How many answers are still awaited. */
    waiting: () => wanted.filter((each) => !answers.has(each)).length,
    /** Ask again for what failed on its way. */
    retry: () => { for (const [address, answer] of answers) if (answer.passing) answers.delete(address); },
    stop: () => {
      stopped = true;
      underway?.abort.abort();
    },
  };
}
