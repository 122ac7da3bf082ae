// @ts-check
// What the scripts of several tools need. galviz/tools/client.py puts this text in front of theirs, so their names differ.

export const SVG = "http://www.w3.org/2000/svg";
const GREETINGS = 12; // within a good minute

/**
 * What Panel's and anywidget's models share. `In` is what Python sends. Other events, such as a parameter that changed,
 * have no content.
 * @template In
 * @typedef {object} Events
 * @property {(event: string, listener: (content: In, buffers?: DataView[]) => void) => void} on
 * @property {(event: string, listener: (content: In, buffers?: DataView[]) => void) => void} off
 */

/**
 * The model of Panel's JSComponent; `Out` is what Python receives.
 * @template In, Out
 * @typedef {Events<In> & {send_msg: (message: Out) => void}} PageModel
 */

/**
 * The model of anywidget; `Traits` are those that both sides know.
 * @template In, Out
 * @template [Traits = {}]
 * @typedef {Events<In> & {send: (message: Out) => void} & Traitlets<Traits>} WidgetModel
 */

/**
 * @template Traits
 * @typedef {object} Traitlets
 * @property {<K extends keyof Traits>(trait: K) => Traits[K]} get
 * @property {<K extends keyof Traits>(trait: K, value: Traits[K]) => void} set
 * @property {() => void} save_changes
 */

/**
 * @template In, Out
 * @template [Traits = {}]
 * @typedef {PageModel<In, Out> | WidgetModel<In, Out, Traits>} Model
 */

/**
 * A message before the view that sends it adds its name.
 * @template Out
 * @typedef {Out extends unknown ? Omit<Out, "client"> : never} Unnamed
 */

/**
 * Bytes of Python: Panel brings the first, anywidget the second.
 * @typedef {ArrayBuffer | ArrayBufferView} Bytes
 *
 * @typedef {Record<string, string | number | boolean>} Attributes
 */

// ---- Panel and notebooks

/**
 * @template In, Out, Traits
 * @param {Model<In, Out, Traits>} model
 * @returns {model is PageModel<In, Out>} true on a page of Panel, false in a notebook
 */
export const onPage = (model) => typeof (/** @type {{send_msg?: unknown}} */ (model).send_msg) === "function";

/**
 * @template In, Out, Traits
 * @param {Model<In, Out, Traits>} model
 * @param {Out} message
 */
export function send(model, message) {
  if (onPage(model)) model.send_msg(message);
  else model.send(message);
}

/**
 * Listens to Python and greets it, so that it sends what to show. JupyterLab drops what is sent before it has connected
 * the cell to the kernel, so the greeting is repeated, ever more slowly, until something comes back.
 * @template In, Out, Traits
 * @param {Model<In, Out, Traits>} model
 * @param {(content: In, buffers?: DataView[]) => void} receive
 * @param {Out} hello
 * @returns {() => void} what stops listening
 */
export function listen(model, receive, hello) {
  let tries = 0;
  let timer = 0;
  const greet = () => {
    tries += 1;
    send(model, hello);
    if (tries < GREETINGS) timer = setTimeout(greet, 1000 * tries);
  };
  /** @type {typeof receive} */
  const heard = (content, buffers) => {
    if (!(/** @type {{client?: string}} */ (content).client)) clearTimeout(timer); // not meant for one view: the state
    receive(content, buffers);
  };
  model.on("msg:custom", heard);
  greet();
  return () => {
    clearTimeout(timer);
    model.off("msg:custom", heard);
  };
}

/**
 * Shows a view until its place on the page goes.
 * @template In, Out, Traits
 * @param {{close: () => void}} view
 * @param {Model<In, Out, Traits>} model
 * @returns {() => void} what anywidget calls at the end; Panel sends an event
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
 * @param {Bytes} data which may lie anywhere in a buffer
 * @returns {ArrayBuffer} that begins with the first of them, as arrays of floats need it
 */
export function bytes(data) {
  if (data instanceof ArrayBuffer) return data;
  return /** @type {ArrayBuffer} */ (data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength));
}

/**
 * @param {HTMLCanvasElement} canvas
 * @returns {CanvasRenderingContext2D} what draws on it
 */
export function pen(canvas) {
  const context = canvas.getContext("2d");
  if (!context) throw new Error("canvas: expected a 2d context, got none. Close other pages with many pictures.");
  return context;
}

/**
 * @param {Node} node
 * @returns {Document | ShadowRoot} what it lies in; Panel has a shadow root for each component
 */
export const rootOf = (node) => /** @type {Document | ShadowRoot} */ (node.getRootNode());

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

/**
 * @param {Event} event
 * @returns {boolean} whether someone types
 */
export const isTyping = (event) =>
  event
    .composedPath()
    .some((at) => at instanceof HTMLElement && (/^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName) || at.isContentEditable));

// ---- marks of sources: galviz/tools/marks.py

/**
 * @typedef {Record<string, [string, string, string]>} Marks kind of source → path of its shape, colour, name
 */

/**
 * Draws a mark that can be seen on any background.
 * @param {Element} parent
 * @param {Marks} marks
 * @param {string} kind
 * @param {string} transform puts it in its place
 */
export function drawMark(parent, marks, kind, transform = "") {
  const [d, colour] = marks[kind];
  const path = { d, transform, fill: "none", "stroke-linejoin": "round" };
  draw(parent, "path", { ...path, stroke: "#000b", "stroke-width": 4.2 });
  draw(parent, "path", { ...path, stroke: colour, "stroke-width": 2 });
}

/**
 * @param {{kind: string}[]} sources
 * @param {Marks} marks
 * @returns {HTMLElement[]} an entry for each kind: its mark, its name, and how many there are
 */
export function legendOf(sources, marks) {
  return [...new Set(sources.map((source) => source.kind))].map((kind) => {
    const entry = make("span");
    drawMark(draw(entry, "svg", { viewBox: "-10 -10 20 20", width: 16, height: 16, "aria-hidden": true }), marks, kind);
    entry.append(` ${marks[kind][2]} (${sources.filter((source) => source.kind === kind).length})`);
    return entry;
  });
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
