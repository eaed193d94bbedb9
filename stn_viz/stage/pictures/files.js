/** A file of one's own: chosen, dropped anywhere on the stage, or pasted. It is read in the browser and goes nowhere. */

import { el, setText } from "../parts/dom.js";
import { decodeFile } from "./decode.js";

/**
 * @param {{choose: (picture: object) => void, say: (sentence: string) => void, signal: AbortSignal, standing: () => any, opened?: () => void}} actions
 *   standing: what is U now: another one that came meanwhile is the newer choice;
 *   opened: a file came by drop or paste, so that whoever shows this panel may open it
 * @returns {{element: HTMLElement, set: () => void}}
 */
export function createFilesPanel({ choose, say, signal, standing = () => null, opened = () => {} }) {
  const input = el("input", { type: "file", accept: "image/*", hidden: true, "aria-label": "image file" });
  const button = el("button.plain", { type: "button", text: "Choose a file …", on: { click: () => input.click() } });
  const said = el("p.said", { role: "status" });
  const element = el("div.files", {}, el("div.pick", {}, button, el("span", { text: "or drop it anywhere, or paste it (Ctrl+V)" })), said,
    el("p.note", { text: "PNG, JPEG, WebP, GIF, BMP or AVIF, up to 64 megapixels. It stays in this browser." }), input);
  let newest = 0;

  const take = async (files, from) => {
    const file = files[0];
    const mine = ++newest;
    const before = standing();
    const name = file.name && from !== "pasted" ? file.name : "The pasted image";
    try {
      const { image, remarks } = await decodeFile(file, name, say);
      if (mine !== newest || standing() !== before || signal.aborted) return;
      if (files.length > 1) remarks.push(`the first of ${files.length} files`);
      setText(said, [`${name}: ${image.width} × ${image.height}`, ...remarks].join("; "));
      choose({ name: null, title: name, label: -1, pose: null, theta: null, original: image });
      if (from !== "chosen") opened();
    } catch (error) {
      if (mine !== newest || signal.aborted) return;
      setText(said, error.message); // the picture that was there stays
      say(error.message);
    }
  };

  input.addEventListener("change", () => {
    if (input.files.length) take([...input.files], "chosen");
    input.value = ""; // the same file may be chosen again
  });
  wirePaste((files) => take(files, "pasted"), () => element.closest(".stn-stage"), signal);
  wireDrop((files) => take(files, "dropped"), say, () => element.closest(".stn-stage"), signal);
  return { element, set: () => {} };
}

/** A paste reaches whatever has the focus, often nothing of the stage: it is heard on the document while the stage is on the page. */
function wirePaste(take, stage, signal) {
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length || !stage()?.isConnected || event.defaultPrevented) return; // text is pasted as ever
    event.preventDefault();
    take(files);
  }, { signal });
}

/** Heard on the document, since the stage is not known before it is on the page; what misses the stage is left alone. */
function wireDrop(take, say, stage, signal) {
  let over = null; // the stage that shows that it would take the file
  const at = (event) => event.composedPath().find((node) => node === stage());
  const show = (root) => {
    if (root === over) return;
    over?.classList.remove("dropping");
    root?.classList.add("dropping");
    over = root ?? null;
  };
  const brings = (event, kind) => event.dataTransfer?.types.includes(kind);
  document.addEventListener("dragover", (event) => {
    const root = at(event);
    const wanted = root && (brings(event, "Files") || brings(event, "text/uri-list"));
    show(wanted ? root : null);
    if (!wanted) return;
    event.preventDefault(); // without this the browser would open the file in place of the page
    event.dataTransfer.dropEffect = "copy";
  }, { signal });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) show(null); // it left the window
  }, { signal });
  document.addEventListener("drop", (event) => {
    const root = at(event);
    show(null);
    if (!root || !(brings(event, "Files") || brings(event, "text/uri-list"))) return;
    event.preventDefault();
    const files = [...event.dataTransfer.files];
    if (files.length) take(files);
    else say("That was a link, not a file. Save the image first, then drop the file.");
  }, { signal });
}
