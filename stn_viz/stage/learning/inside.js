/** Inside the localisation network: its layers for one image at one snapshot, and the last sum that makes theta. */

import { el, setText } from "../parts/dom.js";
import { createChoice } from "../parts/slider.js";
import { nearest } from "../state/playing.js";
import { createImageRow } from "./imagerow.js";
import { createBand } from "./insideband.js";
import { createWaterfall } from "./waterfall.js";

/** @returns {number} the snapshot whose weights are in force at a step */
const inForce = (snapshots, step) => snapshots.reduce((found, each) => (each <= step ? each : found), snapshots[0]);

/** Why there is nothing to be seen of a run; null where there is. */
function refusal({ data, sites }) {
  if (!sites.length) return "There is no transformer in this network, so it has no localisation network either. Choose a run that has one.";
  if (!data.run.has_network) return data.run.closed ?? "This run came without its network, so its layers cannot be seen. Record a training with stn_viz.record and the network comes along; the other lenses show what was recorded.";
  return null;
}

export function createInside(room) {
  let mode = "activations";
  let siteIndex = 0;
  let entry = 0;
  let unit = { pointed: null, pinned: null };
  let shown = null; // {answer, side, image, siteIndex, record}: what stands on the screen
  const again = () => room.set({});

  const choice = createChoice("pictures", [
    { value: "activations", text: "Activations", title: "what each layer makes of this image" },
    { value: "filters", text: "Filters", title: "the weights of the convolutions" },
  ], (value) => {
    mode = value;
    again();
  });
  const siteBox = el("div.sites");
  const status = el("p.passage", { role: "status" });
  const images = createImageRow(room.choose);
  const point = (pointed) => {
    if (pointed === unit.pointed) return;
    unit = { ...unit, pointed };
    again();
  };
  const band = createBand({ point });
  const waterfall = createWaterfall({
    point,
    pin: (pinned) => {
      unit = { ...unit, pinned };
      again();
    },
    choose: (chosen) => {
      entry = chosen;
      again();
    },
  });
  const without = el("p.note", { hidden: true });
  const body = el("div.both", {}, el("div.passing", {}, band.element, images.element), el("div.lastsum", {}, waterfall.element, without));
  const refused = el("p.note.refused", { hidden: true });
  const element = el("div.inside", {}, el("div.doing", {}, choice.element, siteBox, status), body, refused);

  const ask = ({ a, index, image }) => {
    const { snapshots, counter } = a.data.run;
    const step = a.trace.step[index];
    const now = inForce(snapshots, step);
    const question = (change) => room.ask(a, "inside", { image, step: now, site: siteIndex, ...change });
    const answer = question({});
    if (answer?.tensors) {
      if (shown && shown.side !== a) unit = { pointed: null, pinned: null };
      shown = { answer, side: a, image, siteIndex, record: nearest(a.trace.step, answer.facts.snapshot) };
    } else if (answer?.error || (shown && shown.side !== a)) {
      shown = null;
    }
    const beside = snapshots.indexOf(now);
    for (const near of [snapshots[beside + 1], snapshots[beside - 1]]) if (near !== undefined) question({ step: near });
    for (const near of [image + 1, image - 1]) if (near >= 0 && near < a.probes.count) question({ image: near });
    const named = (number) => `${counter} ${number.toLocaleString("en")}`;
    if (answer?.error) return answer.error;
    if (!answer && shown) return `${named(now)}${image === shown.image ? "" : `, image ${image}`} is on its way`;
    if (!answer) return "The network is asked …";
    return now === step ? `weights of ${named(now)}` : `weights of ${named(now)}, the ${now < step ? "last" : "first"} that were kept`;
  };
  const sitesOf = ({ sites }) => {
    siteBox.picker = null;
    if (sites.length < 2) return siteBox.replaceChildren();
    siteBox.picker = createChoice("transformer", sites.map((_, i) => ({ value: i, text: `Site ${i}`, title: sites[i].name })), (value) => {
      siteIndex = value;
      shown = null;
      again();
    });
    return siteBox.replaceChildren(siteBox.picker.element);
  };

  return {
    name: "inside",
    title: "Localisation network",
    element,
    start: ({ a }) => {
      siteIndex = 0;
      shown = null;
      sitesOf(a);
    },
    stop: () => { unit = { ...unit, pointed: null }; },
    set: (state, theme) => {
      const { a, image } = state;
      const why = refusal(a);
      refused.hidden = !why;
      body.hidden = choice.element.hidden = siteBox.hidden = Boolean(why);
      setText(refused, why ?? "");
      if (why) return setText(status, "");
      choice.set(mode);
      siteBox.picker?.set(siteIndex);
      images.set(a, image);
      setText(status, ask(state));
      body.classList.toggle("waiting", !shown);
      if (!shown) return;
      const { tensors, facts } = shown.answer;
      const { sum } = facts;
      const units = tensors.hidden?.data.length ?? 0;
      const now = unit.pointed ?? unit.pinned;
      const chosen = now !== null && now < units ? now : null;
      band.set({ ...shown, mode, unit: chosen }, theme);
      waterfall.element.hidden = !sum;
      without.hidden = Boolean(sum);
      setText(without, facts.why ?? "");
      if (sum) waterfall.set({ tensors, sum }, Math.min(entry, sum.names.length - 1), chosen);
    },
  };
}
