/**
 * The list of runs: a row each, with what can be done with it. Streamlit calls the export at mount and at every change
 * of `data`: {runs: [{name, title, usable, facts, marks, problem, notes, asks}], chosen: name | null, empty: sentence}.
 * A click is told as the trigger `asked`: {do: "open" | "doctor" | "trust", run: name, at: milliseconds}.
 */
const FILTER_FROM = 8; // runs; fewer are seen at once

function el(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  const { on = {}, text, ...rest } = attributes;
  for (const [key, value] of Object.entries(rest)) if (value !== null && value !== false) element.setAttribute(key, value);
  for (const [event, listener] of Object.entries(on)) element.addEventListener(event, listener);
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}

/** @type {WeakMap<Node, {update: Function, tell: Function}>} */
const mounted = new WeakMap();

export default function render({ data, parentElement, setTriggerValue }) {
  let list = mounted.get(parentElement);
  if (!list) {
    list = createList(parentElement.querySelector(".stn-runs"), (asked) => list.tell(asked));
    mounted.set(parentElement, list);
  }
  list.tell = (asked) => setTriggerValue("asked", asked);
  list.update(data);
}

function createList(root, ask) {
  const filter = el("input", { type: "text", "aria-label": "find a run", placeholder: "find a run …", on: { input: () => sift() } });
  const head = el("div.find", {}, filter);
  const rows = el("ul");
  const none = el("p.none");
  root.replaceChildren(head, rows, none);
  let shown = "";
  let data = null;

  function sift() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const [index, run] of data.runs.entries()) {
      const text = [run.name, run.title, ...run.facts, ...run.marks].join(" ").toLowerCase();
      const found = words.every((word) => text.includes(word));
      rows.children[index].hidden = !found;
      count += found;
    }
    none.hidden = count > 0;
    none.textContent = data.runs.length ? "No run is called like this." : data.empty;
  }

  const row = (run) => {
    const act = (what) => ask({ do: what, run: run.name, at: Date.now() });
    const marks = run.marks.map((mark) => el("span.mark", { text: mark }));
    const open = el("button.open", { type: "button", text: "Open", "aria-label": `open ${run.name}`, disabled: run.usable ? null : "", on: { click: () => act("open") } });
    const doctor = el("button", { type: "button", text: "Doctor", "aria-label": `doctor for ${run.name}`, title: "look for faults of this training", "aria-pressed": String(run.name === data.chosen), disabled: run.usable ? null : "", on: { click: () => act("doctor") } });
    const about = el("div.about", {},
      el("div.line", {}, el("b", { text: run.name }), ...(run.title ? [el("span.title", { text: run.title })] : []), ...marks),
      el("div.facts", { text: run.facts.join("  ·  ") }));
    if (run.problem) about.append(el("p.problem", { text: run.problem }));
    if (run.asks) about.append(asking(run, act));
    if (run.notes.length) {
      const words = run.notes.length === 1 ? "1 note of its import" : `${run.notes.length} notes of its import`;
      about.append(el("details", {}, el("summary", { text: words }), el("ul", {}, ...run.notes.map((note) => el("li", { text: note })))));
    }
    return el("li", { "aria-current": run.name === data.chosen ? "true" : null }, about, el("div.acts", {}, doctor, open));
  };

  const asking = (run, act) => {
    const box = el("div.asks", {}, el("p", { text: data.asking }));
    if (data.local) box.append(el("button", { type: "button", text: "Yes, I trust this program", "aria-label": `yes, I trust the program of ${run.name}`, on: { click: () => act("trust") } }));
    return box;
  };

  return {
    tell: null,
    update: (given) => {
      const key = JSON.stringify(given);
      if (key === shown) return;
      // A click redraws the list: who came here by keyboard stays where they are, and what was unfolded stays so.
      const held = root.getRootNode().activeElement?.getAttribute("aria-label");
      const unfolded = new Set([...rows.querySelectorAll("details[open]")].map((each) => each.closest("li").dataset.run));
      const another = data && given.chosen && given.chosen !== data.chosen;
      shown = key;
      data = given;
      head.hidden = data.runs.length < FILTER_FROM;
      rows.replaceChildren(...data.runs.map((run) => {
        const made = row(run);
        made.dataset.run = run.name;
        const details = made.querySelector("details");
        if (details && unfolded.has(run.name)) details.open = true;
        return made;
      }));
      sift();
      // What the doctor says stands above the list, which may be long.
      if (another) root.getRootNode().host?.closest("[data-testid=stMain]")?.scrollTo({ top: 0 });
      if (held) [...rows.querySelectorAll("button")].find((button) => button.getAttribute("aria-label") === held)?.focus({ preventScroll: true });
    },
  };
}
