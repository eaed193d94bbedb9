/** Making elements in one line each. */

/**
 * @param {string} tag  "div.name.other": tag and classes
 * @param {object} [attributes]  aria-*, role, title ...; `on` holds listeners, `text` the text
 * @param {...(Node | string)} children
 */
export function el(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  const { on = {}, text, ...rest } = attributes;
  for (const [key, value] of Object.entries(rest)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  for (const [event, listener] of Object.entries(on)) element.addEventListener(event, listener);
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}

/** Set text only when it changed: the DOM stays still while the numbers do. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A canvas's context at the device's resolution, cleared of nothing; resized only when its size changed. */
export function sized(canvas, width, height) {
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  const w = Math.round(width * ratio);
  const h = Math.round(height * ratio);
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}
