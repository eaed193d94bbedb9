/** Streamlit's side of the room (components.v2), as hosts/streamlit.js is the stage's: mount once, then update. */
import { createRoom } from "../learning/room.js";

/** @type {WeakMap<Node, {room: {update: Function, destroy: Function}, setStateValue: Function, setTriggerValue: Function}>} */
const mounted = new WeakMap();

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
    instance = { room: null, setStateValue, setTriggerValue };
    const made = instance;
    instance.room = createRoom(parentElement.querySelector(".stn-room"), {
      setState: (name, value) => made.setStateValue(name, value),
      goTo: (to, view) => made.setTriggerValue("page", { to, view: view ?? null }),
    });
    mounted.set(parentElement, instance);
  }
  instance.room.update(data);
  return () => {
    // Also called for a call that a newer one overtook: then the room is still in the page and lives on.
    if (parentElement.isConnected || mounted.get(parentElement) !== instance) return;
    mounted.delete(parentElement);
    instance.room.destroy();
  };
}
