// Put into a page before its own scripts: what happens in each animation frame while somebody drags.
// After each frame's painting (a message posted from it arrives then) the pictures are read and compared with the last ones.
(() => {
  const native = window.requestAnimationFrame.bind(window);
  const frames = [];
  const asked = new Map(); // id -> {sent, moved, frame, words, answered, drawn, drawnFrame}
  let recording = false;
  let handlers = 0; // ms in pointermove listeners since the last frame
  let handlerFrom = 0;
  let moved = 0; // time stamp of the newest pointermove
  let before = {};

  const roots = (root) => [root, ...[...root.querySelectorAll("*")].flatMap((e) => (e.shadowRoot ? roots(e.shadowRoot) : []))];
  let stage = null;
  const findStage = () => {
    if (!stage?.isConnected) stage = roots(document).map((root) => root.querySelector(".stn-stage")).find(Boolean) ?? null;
    return stage;
  };

  const small = new OffscreenCanvas(64, 64).getContext("2d", { willReadFrequently: true });
  const hash = (canvas) => {
    if (!canvas?.width) return 0;
    small.drawImage(canvas, 0, 0, 64, 64);
    const words = new Uint32Array(small.getImageData(0, 0, 64, 64).data.buffer);
    let h = 17;
    for (const word of words) h = (Math.imul(h, 31) + word) | 0;
    return h;
  };
  const pictures = () => {
    const found = findStage();
    if (!found) {
      const images = document.querySelectorAll(".js-plotly-plot image");
      return { V: [...images].map((image) => image.getAttribute("href") ?? image.getAttribute("xlink:href")).join() };
    }
    return {
      theta: found.querySelector(".matrix")?.textContent,
      grid: hash(found.querySelector(".u canvas")),
      V: hash(found.querySelector(".v canvas")),
      answers: [...found.querySelectorAll(".answers .value")].map((e) => e.textContent).join(),
    };
  };

  const frameAt = (now) => {
    const last = frames.at(-1);
    if (last?.now === now) return last;
    const frame = { now, js: handlers, moved, changed: {}, done: 0 };
    handlers = 0;
    frames.push(frame);
    return frame;
  };
  const timed = (callback) => (now) => {
    const from = performance.now();
    callback(now);
    if (recording) frameAt(now).js += performance.now() - from;
  };
  window.requestAnimationFrame = (callback) => native(timed(callback));

  const after = new MessageChannel();
  after.port1.onmessage = ({ data: index }) => {
    const frame = frames[index];
    if (!recording || !frame) return;
    frame.done = performance.now();
    const shown = pictures();
    for (const name in shown) frame.changed[name] = before[name] !== undefined && shown[name] !== before[name];
    before = shown;
    const open = [...asked.values()].filter((question) => question.answered && !question.drawn).reverse();
    const drawn = open.find(({ words }) => words === shown.answers);
    if (drawn) Object.assign(drawn, { drawn: frame.done, drawnFrame: index });
  };
  const tick = (now) => {
    if (recording) {
      frameAt(now);
      after.port2.postMessage(frames.length - 1);
    }
    native(tick);
  };
  native(tick);

  addEventListener("pointermove", (event) => {
    moved = event.timeStamp;
    handlerFrom = performance.now();
  }, true);
  addEventListener("pointermove", () => { handlers += performance.now() - handlerFrom; });

  const Native = window.WebSocket;
  window.WebSocket = class extends Native {
    constructor(...given) {
      super(...given);
      if (!new URL(this.url).pathname.endsWith("/live")) return;
      this.counted = true;
      this.addEventListener("message", ({ data }) => {
        const message = JSON.parse(data);
        if (message.state) window.measured.line = message.state;
        const question = asked.get(message.id);
        if (!question || !message.answer) return;
        question.answered = performance.now();
        question.words = message.answer.probabilities.map((p) => (100 * p).toFixed(1)).join();
      });
    }
    send(data) {
      if (this.counted && recording) asked.set(JSON.parse(data).id, { sent: performance.now(), moved, frame: frames.length - 1 });
      super.send(data);
    }
  };

  window.measured = {
    line: "",
    start: () => {
      frames.length = 0;
      asked.clear();
      before = pictures();
      recording = true;
    },
    answers: () => [...asked.values()].filter((question) => question.answered).length,
    stop: () => {
      recording = false;
      return { frames, asked: [...asked.values()] };
    },
  };
})();
