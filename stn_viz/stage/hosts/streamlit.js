/**
 * Streamlit's side of the stage (components.v2): mount once, then update.
 *
 * Streamlit calls `render` at mount, at every change of `data` and on a theme or fragment change; the instance is kept by
 * its parent element, so that all but the first are updates. The newest setStateValue is taken each time.
 */
import { createStage } from "../stage.js";

/** @type {WeakMap<Node, {stage: {update: Function, destroy: Function}, setStateValue: Function}>} */
const mounted = new WeakMap();

/**
 * When its server stops, Streamlit 1.67 opens a dialog that makes the page inert. The stage goes on without a server and says
 * so itself, so the dialog is closed; Streamlit goes on reconnecting, and opens no second one.
 */
const away = new MutationObserver(() => {
  const dialog = document.querySelector("body > [data-testid=stDialog]");
  if (dialog?.querySelector("h2")?.textContent.includes("Connection error")) dialog.querySelector("button[aria-label=Close]")?.click();
});

/**
 * The component's default export.
 *
 * @param {{data: object, parentElement: ShadowRoot | HTMLElement, setStateValue: (name: string, value: any) => void, setTriggerValue: (name: string, value: any) => void}} component
 * @returns {() => void} cleanup, for the unmount
 */
export function render({ data, parentElement, setStateValue, setTriggerValue }) {
  let instance = mounted.get(parentElement);
  if (instance) {
    Object.assign(instance, { setStateValue, setTriggerValue });
  } else {
    instance = { stage: null, setStateValue, setTriggerValue };
    const made = instance;
    const host = {
      setState: (name, value) => made.setStateValue(name, value),
      goTo: (page) => made.setTriggerValue("page", page), // the app's other pages; a host without any leaves it out
    };
    instance.stage = createStage(parentElement.querySelector(".stn-stage"), host);
    mounted.set(parentElement, instance);
    away.observe(document.body, { childList: true });
  }
  instance.stage.update(data);
  return () => {
    // Also called for a call that a newer one overtook: then the stage is still in the page and lives on.
    if (parentElement.isConnected || mounted.get(parentElement) !== instance) return;
    mounted.delete(parentElement);
    away.disconnect();
    instance.stage.destroy();
  };
}
