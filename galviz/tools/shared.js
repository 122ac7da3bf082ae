// @ts-check
// What the scripts of several tools need. galviz/tools/client.py puts this text in front of theirs, so their names differ.

export const SVG = "http://www.w3.org/2000/svg";

/**
 * A message. From Python it may be a Map where it was a dict; see `plain`.
 * @typedef {{type: string, [name: string]: any}} Message
 *
 * The model of Panel's JSComponent, which has `send_msg`, or of anywidget, which has the rest.
 * @typedef {object} Model
 * @property {(event: string, listener: Function) => void} on
 * @property {(event: string, listener: Function) => void} off
 * @property {(message: Message) => void} [send_msg]
 * @property {(message: Message | string) => void} send
 * @property {(trait: string) => any} get
 * @property {(trait: string, value: unknown) => void} set
 * @property {() => void} save_changes
 *
 * @typedef {Record<string, string | number | boolean>} Attributes
 */

// ---- Panel and notebooks

/**
 * @param {Model} model
 * @returns {boolean} true on a page of Panel, false in a notebook
 */
export const onPage = (model) => typeof model.send_msg === "function";

/**
 * @param {Model} model
 * @param {Message} message
 */
export function send(model, message) {
  if (onPage(model)) model.send_msg(message);
  else model.send(message);
}

/**
 * Shows a view until its place on the page goes.
 * @param {{close: () => void}} view
 * @param {Model} model
 * @returns {() => void} what anywidget calls at the end; Panel tells it as an event
 */
export function untilRemoved(view, model) {
  if (onPage(model)) model.on("lifecycle:remove", () => view.close());
  return () => view.close();
}

/**
 * @returns {string} tells one view of a model from another of the same model
 */
export const clientName = () => Math.random().toString(36).slice(2);

/**
 * @template T
 * @param {Map<string, T> | Record<string, T> | null | undefined} value a dict of Python
 * @returns {Record<string, T>}
 */
export const plain = (value) => (value instanceof Map ? Object.fromEntries(value) : (value ?? {}));

/**
 * @param {ArrayBuffer | ArrayBufferView} data bytes of Python, which may lie anywhere in a buffer
 * @returns {ArrayBuffer} that begins with the first of them, as arrays of floats need it
 */
export function bytes(data) {
  if (data instanceof ArrayBuffer) return data;
  return /** @type {ArrayBuffer} */ (data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength));
}

// ---- elements

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} className
 * @param {string} text
 * @param {Attributes} attributes
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, className = "", text = "", attributes = {}) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.className = className;
  element.textContent = text;
  return element;
}

/**
 * @template {keyof SVGElementTagNameMap} K
 * @param {Element} parent gets the new element as its last child
 * @param {K} tag
 * @param {Attributes} attributes
 * @param {string | number} text
 * @returns {SVGElementTagNameMap[K]}
 */
export function draw(parent, tag, attributes, text = "") {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.textContent = String(text);
  parent.append(element);
  return element;
}

/**
 * @param {string} text
 * @param {() => void} act what a click does
 * @param {{title?: string, pressed?: boolean}} options pressed: it stays down, or not, until the next click
 * @returns {HTMLButtonElement}
 */
export function button(text, act, { title = "", pressed } = {}) {
  const element = make("button", "", text, { type: "button" });
  element.title = title;
  if (pressed !== undefined) element.setAttribute("aria-pressed", String(pressed));
  element.addEventListener("click", act);
  return element;
}

// ---- numbers

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 * @returns {number} the nearest to `value` within low … high; `low` where there is none
 */
export const clamp = (value, low = 0, high = 1) => Math.max(low, Math.min(high, value));

/**
 * @param {number} value
 * @returns {string} four digits, with a power of ten if it is very small or very large
 */
export function number(value) {
  const size = Math.abs(value);
  const short = value === 0 || (size >= 1e-3 && size < 1e5);
  return short ? String(Number(value.toPrecision(4))) : value.toExponential(2);
}
