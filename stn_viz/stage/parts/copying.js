/** A button that copies a text, and says on itself whether it could. */

import { el, setText } from "./dom.js";

const SAID_MS = 1500;

/**
 * @param {string} text  what stands on the button
 * @param {{title: string, read: () => string | null, select?: () => void}} options  read: what is copied, null for nothing; select:
 *   marks it for a copy by keys, where the clipboard is refused (no https, no permission)
 * @returns {HTMLButtonElement}
 */
export function createCopyButton(text, { title, read, select = null }) {
  const button = el("button.plain.copy", { type: "button", title, text });
  let back = 0;
  const say = (words) => {
    setText(button, words);
    clearTimeout(back);
    back = setTimeout(() => setText(button, text), SAID_MS);
  };
  button.addEventListener("click", async () => {
    const copied = read();
    if (copied === null) return;
    try {
      await navigator.clipboard.writeText(copied);
      say("Copied");
    } catch {
      select?.();
      say(select ? "Press Ctrl+C" : "Not allowed");
    }
  });
  return button;
}
