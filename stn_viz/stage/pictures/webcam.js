/** The camera: every frame becomes the picture, through the same pre-processing and the same sampler as any other. */

import { axis, capped, createReduction } from "../numbers/areas.js";
import { el, setText } from "../parts/dom.js";

const LONGEST = 320; // pixels of the longer side: what a frame leaves time for
const WISH = { video: { width: { ideal: 320 }, height: { ideal: 240 }, frameRate: { ideal: 30 } }, audio: false };
const TELL_MS = 1000;

/** What the browser's refusals mean, and what to do. */
const REFUSALS = {
  NotAllowedError: "The camera was not allowed. Allow it beside the page's address, then start it again.",
  NotFoundError: "No camera was found. Connect one, then start it again.",
  OverconstrainedError: "No camera was found that sends a picture. Connect another, then start it again.",
  NotReadableError: "The camera is in use by another program, or broken. Close that program, then start it again.",
};

/**
 * @param {object} actions
 * @param {(picture: object) => void} actions.choose  takes each frame
 * @param {(sentence: string) => void} actions.say
 * @param {AbortSignal} actions.signal
 * @param {() => object | null} actions.current  the picture that is shown: when it is another one, the camera stops
 * @returns {{element: HTMLElement, set: () => void, stop: () => void}}
 */
export function createWebcamPanel({ choose, say, signal, current }) {
  const video = el("video", { playsinline: true, hidden: true });
  video.muted = true;
  const button = el("button.plain", { type: "button", on: { click: () => (stream || starting ? stop() : start()) } });
  const flip = el("button.plain", { type: "button", text: "Mirror", "aria-pressed": "false", title: "left and right swapped, as in a mirror" });
  const said = el("p.said", { text: "Frames go from the camera to this page and nowhere else." });
  flip.addEventListener("click", () => {
    mirrored = !mirrored;
    flip.setAttribute("aria-pressed", String(mirrored));
  });
  let stream = null;
  let starting = 0; // which request for a camera is under way
  let asked = 0;
  let mirrored = false;
  let reader = null;
  let shown = null; // the mark that this camera's frames carry
  let seen = { count: 0, since: 0 };
  const label = () => setText(button, stream ? "Stop" : starting ? "Cancel" : "Start the camera");

  async function start() {
    if (!navigator.mediaDevices?.getUserMedia) return say("The browser gives a camera to https and localhost pages only. Open this page so, or use a file.");
    const mine = (starting = ++asked);
    const before = current()?.U;
    label();
    let got;
    try {
      got = await navigator.mediaDevices.getUserMedia(WISH);
      if (mine !== starting || signal.aborted || current()?.U !== before) return end(got); // overtaken by another choice
      stream = got;
      stream.getVideoTracks()[0].addEventListener("ended", () => {
        if (stream !== got) return;
        stop();
        say("The camera went away. Connect it, then start it again.");
      });
      video.srcObject = stream;
      await video.play();
    } catch (error) {
      if (mine !== starting) return;
      stop();
      say(REFUSALS[error.name] ?? `The camera did not start (${error.message}). Try again, or use a file.`);
      return;
    } finally {
      if (mine === starting) starting = 0;
      label();
    }
    if (stream !== got) return;
    reader = createReader();
    shown = Symbol("camera");
    seen = { count: 0, since: performance.now() };
    next(got);
  }

  /** Ask for the next frame that the camera sends; each is taken once. */
  function next(from) {
    const frame = () => {
      if (stream !== from) return;
      if (seen.count && current()?.camera !== shown) return stop(); // another picture was chosen
      choose({ name: null, title: "Camera", label: -1, pose: null, theta: null, live: true, camera: shown, original: reader.read(video, mirrored) });
      count();
      next(from);
    };
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(frame);
    else requestAnimationFrame(frame);
  }

  function count() {
    seen.count += 1;
    const now = performance.now();
    if (now - seen.since < TELL_MS && seen.count > 1) return;
    const rate = seen.count > 1 ? `, ${Math.round((1000 * seen.count) / (now - seen.since))} frames a second` : "";
    const { width, height } = reader.size();
    setText(said, `Camera ${video.videoWidth} × ${video.videoHeight}${width === video.videoWidth ? "" : ` reduced to ${width} × ${height}`}${rate}`);
    if (seen.count > 1) seen = { count: 1, since: now };
  }

  const end = (old) => old.getTracks().forEach((track) => track.stop());
  function stop() {
    starting = 0;
    if (stream) {
      end(stream);
      setText(said, "The camera is off; its last frame stays.");
    }
    stream = null;
    video.srcObject = null;
    label();
  }
  label();
  signal.addEventListener("abort", stop, { once: true });
  document.addEventListener("visibilitychange", () => { if (document.hidden) stop(); }, { signal });
  return { element: el("div.camera", {}, el("div.pick", {}, button, flip), said, video), set: () => {}, stop };
}

/** From the video's frame to floats: two images in turn, so that the one shown is never the one being written. */
function createReader() {
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  let reduction = null;
  let size = { width: 0, height: 0 };
  let planes = [];
  let turn = 0;
  const fit = ({ videoWidth: width, videoHeight: height }) => {
    if (context.canvas.width === width && context.canvas.height === height && reduction) return;
    context.canvas.width = width;
    context.canvas.height = height;
    const [to, wide] = capped(height, width, LONGEST);
    size = { width: wide, height: to };
    reduction = createReduction(axis(width, wide), axis(height, to));
    planes = [0, 1].map(() => new Float32Array(3 * to * wide));
  };
  return {
    size: () => size,
    read: (video, mirrored) => {
      fit(video);
      const { width, height } = context.canvas;
      context.setTransform(mirrored ? -1 : 1, 0, 0, 1, mirrored ? width : 0, 0);
      context.drawImage(video, 0, 0);
      const bytes = context.getImageData(0, 0, width, height).data; // the one buffer a frame that the browser makes anew
      const data = planes[(turn = 1 - turn)].fill(0);
      const n = size.width * size.height;
      for (let c = 0; c < 3; c++) reduction.add(data, c * n, bytes, { start: c, step: 4, stride: 4 * width, scale: 1 / 255 }, 0, height);
      return { data, channels: 3, ...size };
    },
  };
}
