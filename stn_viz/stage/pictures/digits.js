/** MNIST's test set: by class and index, with a distortion of the paper's or of one's own; the true pose comes with it. */

import { createPicture } from "../ink/picture.js";
import { readTensors } from "../numbers/tensors.js";
import { el, setText } from "../parts/dom.js";
import { createChoice, createSlider, row } from "../parts/slider.js";

const PAGE = 60; // as pictures.py has it
const LAST = 9999;
const SLOW_MS = 400;
const TASKS = [
  ["own", "by hand", "turn, scale and move the digit yourself"],
  ["r", "R", "rotated by up to 90°"],
  ["rts", "RTS", "rotated, scaled, moved"],
  ["p", "P", "projective"],
  ["e", "E", "elastic"],
  ["t", "T", "moved in 60 × 60"],
  ["tc", "TC", "moved, with clutter, in 60 × 60"],
];
const whole = (value) => value.toFixed(0).replace("-", "−");
const OWN = [
  { label: "turn", low: -180, high: 180, step: 1, format: (v) => `${whole(v)}°` },
  { label: "size", low: 0.4, high: 2, step: 0.02, log: true, format: (v) => `${v.toFixed(2)}×` },
  { label: "move x", low: -20, high: 20, step: 0.5, format: (v) => `${v.toFixed(1).replace("-", "−")} px` },
  { label: "move y", low: -20, high: 20, step: 0.5, format: (v) => `${v.toFixed(1).replace("-", "−")} px` },
];

/**
 * A digit by its id.
 *
 * @param {string} id  "mnist:1234:rts:3", "mnist:1234:own:30:0.9:4:-2", "1234:held:rts:0" (pictures.py says what each is)
 * @param {string} base  the route of pictures
 * @param {[number, number, number]} input  the network's (C, H, W): the size of a distortion of one's own
 * @returns {Promise<object>} a picture as the stage has it
 * @throws {Error} one sentence
 */
export async function digitNamed(id, base, [channels, height, width]) {
  let response;
  try {
    response = await fetch(`${base}digit/${encodeURIComponent(id.replace(/^mnist:/, ""))}/${height}x${width}`);
  } catch {
    throw new Error("The digit did not arrive: is the server running? Choose it again.");
  }
  if (!response.ok) throw new Error(await response.text());
  const { U, shape, label, pose } = await response.json();
  const bytes = Uint8Array.from(atob(U), (letter) => letter.charCodeAt(0));
  const grey = Float32Array.from(bytes, (byte) => byte / 255);
  const [index, kind] = id.replace(/^mnist:/, "").split(":");
  const copies = shape[0] === 1 && channels === 3 ? 3 : 1; // a network for colour gets the grey digit as all three
  const data = new Float32Array(copies * grey.length);
  for (let c = 0; c < copies; c++) data.set(grey, c * grey.length);
  return {
    id, name: `mnist:${index}`, title: `${kind === "held" ? "test image" : "digit"} ${index}, a ${label}`, label, theta: null, original: null, note: "",
    U: { data, channels: copies * shape[0], height: shape[1], width: shape[2] },
    pose: { ...pose, theta: Float64Array.from(pose.theta) },
  };
}

/** @param {{choose: (picture: object) => void, say: (sentence: string) => void, inputSize: () => [number, number, number], base: () => string, task: () => string, standing: () => any}} actions  standing: what is shown as U */
export function createDigitsPanel({ choose, say, inputSize, base, task, standing }) {
  let kind = "all";
  let page = 0;
  let total = 0;
  let index = -1; // the digit that is chosen
  let seed = 1;
  let distortion = null;
  let own = [30, 1, 0, 0];
  let started = false;
  let input = "";

  // --- one picture under way, the newest waits ---
  let busy = false;
  let waiting = false;
  const load = async () => {
    if (index < 0) return;
    if (busy) {
      waiting = true;
      return;
    }
    busy = true;
    const late = setTimeout(() => say("Drawing this digit: the first time it waits for torch."), SLOW_MS);
    try {
      const how = distortion === "own" ? own.map((value) => Number(value.toFixed(3))).join(":") : seed;
      const before = standing();
      const digit = await digitNamed(`mnist:${index}:${distortion}:${how}`, base(), inputSize());
      if (standing() === before) choose(digit); // else somebody has chosen another picture since
    } catch (error) {
      say(error.message);
    }
    clearTimeout(late);
    busy = false;
    if (!waiting) return;
    waiting = false;
    load();
  };
  const pick = (at) => {
    index = at;
    typed.value = String(at);
    mark();
    load();
  };

  // --- which digit ---
  const classes = createChoice("class", ["all", ...Array(10).keys()].map((value) => ({ value: String(value), text: String(value) })), (value) => {
    kind = value;
    page = 0;
    show();
  });
  const typed = el("input.index", { type: "text", inputmode: "numeric", "aria-label": "index in the test set", title: `index in the test set, 0 to ${LAST}` });
  typed.addEventListener("change", () => {
    const wanted = Number(typed.value);
    if (!typed.value.trim() || !Number.isInteger(wanted) || wanted < 0 || wanted > LAST) {
      say(`“${typed.value}” is no index. Type a whole number from 0 to ${LAST.toLocaleString("en")}.`);
      typed.value = index < 0 ? "" : String(index);
    } else if (wanted !== index) pick(wanted);
  });
  typed.addEventListener("keydown", (event) => {
    if (event.key === "Enter") typed.blur();
    if (event.key !== "Tab") event.stopPropagation();
  });
  const button = (text, title, click) => el("button.plain", { type: "button", text, title, "aria-label": title, on: { click } });
  const turn = (by) => {
    page = Math.max(0, Math.min(Math.ceil(total / PAGE) - 1, page + by));
    show();
  };
  const back = button("‹", "earlier digits", () => turn(-1));
  const on = button("›", "more digits", () => turn(1));
  const where = el("span.aside");
  const random = button("Random", "any digit of the test set", () => {
    seed = 1 + Math.floor(Math.random() * 9999);
    pick(Math.floor(Math.random() * (LAST + 1)));
    setText(again, `Draw ${seed}`);
  });
  const list = el("div.digits", { role: "group", "aria-label": "digits of the test set" });

  let newest = 0;
  const show = async () => {
    const mine = ++newest;
    classes.set(kind);
    try {
      const response = await fetch(`${base()}digits/${kind}-${page}.safetensors`);
      if (!response.ok) throw new Error(await response.text());
      const tensors = readTensors(await response.arrayBuffer());
      if (mine !== newest) return;
      total = tensors.total.data[0];
      paint(tensors);
    } catch (error) {
      if (mine === newest) say(`The digits did not arrive (${error.message}). Is the server running?`);
    }
  };
  const picture = createPicture();
  const paint = ({ U, index: places, label }) => {
    list.replaceChildren(...Array.from(places.data, (at, i) => {
      picture.paint({ data: Float32Array.from(U.data.subarray(784 * i, 784 * (i + 1)), (byte) => byte / 255), channels: 1, height: 28, width: 28 });
      const name = `digit ${at}, a ${label.data[i]}`;
      const thumb = el("button.digit", { type: "button", title: name, "aria-label": name, "aria-pressed": "false", "data-index": at, on: { click: () => pick(at) } }, el("img", { src: picture.canvas.toDataURL(), alt: "", draggable: "false" }));
      return thumb;
    }));
    list.scrollTop = 0;
    setText(where, `${(page * PAGE + 1).toLocaleString("en")}–${Math.min(total, (page + 1) * PAGE).toLocaleString("en")} of ${total.toLocaleString("en")}`);
    back.disabled = page === 0;
    on.disabled = (page + 1) * PAGE >= total;
    mark();
  };
  const mark = () => { for (const thumb of list.children) thumb.setAttribute("aria-pressed", String(Number(thumb.dataset.index) === index)); };

  // --- which distortion ---
  const kinds = createChoice("distortion", TASKS.map(([value, text, title]) => ({ value, text, title })), (value) => {
    distortion = value;
    distorted();
    load();
  });
  const again = button("Draw 1", "another draw of this distortion", () => {
    seed += 1;
    setText(again, `Draw ${seed}`);
    load();
  });
  const sliders = OWN.map((scale, i) => createSlider(scale, {
    begin: () => {}, commit: () => {}, reject: say, cancel: () => {},
    input: (value) => {
      own = own.map((each, j) => (j === i ? Math.max(scale.low, Math.min(scale.high, value)) : each));
      sliders[i].set(own[i]);
      load();
    },
  }));
  const hand = el("div.sliders", {}, ...sliders.map(({ element }) => element));
  const fitting = el("p.note");
  const distorted = () => {
    kinds.set(distortion);
    hand.hidden = distortion !== "own";
    again.hidden = distortion === "own";
    sliders.forEach((slider, i) => slider.set(own[i]));
    const [, H, W] = inputSize();
    const size = { r: 28, p: 28, e: 28, rts: 42, t: 60, tc: 60 }[distortion];
    const apart = size && (size !== H || size !== W);
    setText(fitting, apart ? `The paper's ${distortion.toUpperCase()} is ${size} × ${size}; this network takes ${H} × ${W}, so it is not asked.` : "");
    fitting.hidden = !apart;
  };

  return {
    element: el("div.digitspanel", {}, classes.element, list, el("div.pages", {}, back, on, where, el("span.space"), typed, random),
      el("div.pages", {}, row("distortion", kinds.element), again), hand, fitting),
    set: () => {
      const key = inputSize().join();
      if (started && key !== input) distorted(); // another run takes another size
      input = key;
      if (started) return;
      started = true;
      distortion = TASKS.some(([value]) => value === task()) ? task() : "own";
      distorted();
      show();
    },
  };
}
