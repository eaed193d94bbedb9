/** "Can the hand save them?": another grid for each image that is read wrongly, asked for once somebody wants to know. */

import { el, setText } from "../parts/dom.js";

const MOST = 32; // images of one question; a search of as many takes some seconds

const sure = (p) => p.toFixed(2);

/**
 * @param {{ask: (side: object, lens: string, options: object) => object | null}} room
 * @param {() => void} again  draw another frame
 */
export function createSaving(room, again) {
  const wanted = new Set(); // questions of `errors` for which somebody asked this
  let standing = "";
  const button = el("button", { type: "button", text: "Can the hand save them?", title: "try other grids: the true pose, the identity, and a search within 4 px", on: { click: () => {
    wanted.add(standing);
    again();
  } } });
  const summary = el("p.summary", { role: "status", hidden: true });
  const kept = new WeakMap(); // an answer -> its verdicts

  const verdicts = (answer) => {
    if (kept.has(answer)) return kept.get(answer);
    const { tensors } = answer;
    const place = new Map(Array.from(tensors.indices.data, (index, i) => [index, i]));
    const row = ({ data, shape }, i) => Float64Array.from(data.subarray(i * shape[1], (i + 1) * shape[1]));
    const found = {
      /** What became of an image of the part; null where it was not tried. */
      of: (index) => {
        const i = place.get(index);
        if (i === undefined) return null;
        if (tensors.saved_pose.data[i]) return { by: "pose", words: `saved by the true pose, ${sure(tensors.p_pose.data[i])}`, theta: row(tensors.theta_pose, i) };
        if (tensors.saved_search.data[i]) return { by: "search", words: `saved by a grid ${tensors.moved_search.data[i].toFixed(1)} px off, ${sure(tensors.p_search.data[i])}`, theta: row(tensors.theta_search, i) };
        if (tensors.saved_identity.data[i]) return { by: "identity", words: `saved by the identity, ${sure(tensors.p_identity.data[i])}`, theta: row(tensors.theta_identity, i) };
        return { by: "none", words: "not saved", theta: null };
      },
    };
    kept.set(answer, found);
    return found;
  };

  return {
    button,
    element: summary,
    /**
     * @param {{side: object, key: string, step: number, site: number, count: number, indices: Int32Array, able: boolean, playing: boolean}} now
     *   key: of the question about errors that stands on the screen; able: whether other grids can be tried for it
     * @returns {{of: (index: number) => object | null} | null} verdicts, once they are here
     */
    set: ({ side, key, step, site, count, indices, able }) => {
      standing = key;
      const on = able && wanted.has(key);
      button.hidden = !able || on;
      summary.hidden = !on;
      if (!on) return null;
      const options = { step, site, count, indices: Array.from(indices.subarray(0, MOST)).sort((a, b) => a - b).join(",") };
      const answer = room.ask(side, "saving", options);
      const control = answer?.tensors ? room.ask(side, "saving", { ...options, control: "only" }) : null;
      setText(summary, sentence(answer, control, indices.length));
      return answer?.tensors ? verdicts(answer) : null;
    },
  };
}

/** What came of it, and what that is worth. */
function sentence(answer, control, many) {
  if (!answer) return "Trying other grids: the true pose, the identity, and a search …";
  if (answer.error) return answer.error;
  const { asked, saved, px, pose_known: posed } = answer.facts;
  const of = asked < many ? `the first ${asked}` : asked === 1 ? "this one" : `these ${asked}`;
  const left = asked - saved.hand;
  const first = `Of ${of}, ${posed ? `the true pose saves ${saved.pose}` : `the identity saves ${saved.identity}`} and a search that moves no point of the grid by more than ${px} px saves ${saved.search}. ${left ? `Under none of them ${left} ${left === 1 ? "is" : "are"} read rightly.` : "Each is read rightly under some other grid."}`;
  if (!control) return `${first} Comparing with images that are read rightly …`;
  const { control: other } = control.facts ?? {};
  if (!other) return first;
  // Where the search fools the network as easily as it saves, it has found no better grid but a weak spot.
  const fools = other.spoiled * asked > 0.5 * saved.search * other.asked;
  return `${first} But a search can also fool a network: from ${other.asked} read rightly, it makes the next likely class the answer for ${other.spoiled}, a random one for ${other.random}${fools ? ", so what it saves says little about the grid" : ""}.`;
}
