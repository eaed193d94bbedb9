/** Images: any picture as U. The gallery, digits of the test set, drawn ones, files, the camera. */

import { el } from "../parts/dom.js";
import { createChoice } from "../parts/slider.js";
import { createDigitsPanel } from "../pictures/digits.js";
import { createDrawPanel } from "../pictures/draw.js";
import { createFilesPanel } from "../pictures/files.js";
import { createGalleryPanel } from "../pictures/gallery.js";
import { createPreparer } from "../pictures/prepare.js";
import { createWebcamPanel } from "../pictures/webcam.js";

/** @param {object} actions  choosePicture, chooseLens, say, signal, get (the state), set */
export function createPicturesLens({ choosePicture, chooseLens, say, signal, get, set }) {
  const inputSize = () => {
    const { channels, height, width } = get().probes.image(0);
    return [channels, height, width];
  };
  const base = () => get().data.routes.picture;
  const standing = () => get().picture?.U ?? get().probes.image(get().image);
  const preparer = createPreparer({ choose: choosePicture, inputSize: () => (get().data?.run.has_network ? inputSize() : null) });
  const prepared = { choose: preparer.take, say, signal, inputSize, standing };
  const panels = {
    gallery: ["Gallery", createGalleryPanel({ ...prepared, address: (file) => `${base()}gallery/${file}` })],
    digits: ["Digits", createDigitsPanel({ choose: choosePicture, say, inputSize, base, task: () => get().data.run.task, standing })],
    draw: ["Draw", createDrawPanel({ choose: choosePicture, inputSize })],
    file: ["File", createFilesPanel({
      ...prepared,
      opened: () => {
        chooseLens("pictures");
        open("file");
      },
    })],
    camera: ["Camera", createWebcamPanel({ ...prepared, current: () => get().picture })],
  };
  let source = "gallery";
  const tabs = createChoice("source of the image", Object.entries(panels).map(([value, [text]]) => ({ value, text })), (value) => open(value));
  const bodies = Object.fromEntries(Object.entries(panels).map(([name, [, panel]]) => [name, el("div.source", { hidden: true }, panel.element)]));
  const open = (name) => {
    if (name !== "camera") panels.camera[1].stop?.();
    source = name;
    tabs.set(name);
    for (const [each, body] of Object.entries(bodies)) body.hidden = each !== name;
    preparer.element.classList.toggle("away", name === "digits" || name === "draw");
    set({}); // a panel is filled when it is first drawn
  };
  open(source);

  return {
    name: "pictures",
    title: "Images",
    bare: true,
    element: el("div.pictureslens", {}, tabs.element, ...Object.values(bodies), preparer.element),
    set: (shown, state) => {
      panels[source][1].set?.(shown, state);
      if (source !== "digits" && source !== "draw") preparer.set(shown, state);
    },
  };
}
