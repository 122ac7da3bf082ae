// @ts-check
// A colour–magnitude diagram with a line that can be dragged and tilted, a lasso, and the scores of each region beside it.
// Plain JavaScript for Panel (JSComponent) and Jupyter (anywidget); it loads nothing from any other server.
// All counts are made by Python. The messages are declared in galviz/tools/diagram/messages.py.

import {
  button,
  bytes,
  clientName,
  draw,
  isTyping,
  listen,
  make,
  number,
  onPage,
  pen,
  rootOf,
  send,
  untilRemoved,
} from "../shared.js";

const [LEFT, RIGHT, TOP, BOTTOM] = [52, 8, 8, 36]; // px around the plot
const ENDS = [0.06, 0.94]; // where the line is held to tilt it, as shares of the width
const REDDEST = 10; // of the slider, σ
const MOST = 5000; // points of more than this number are smaller
const BANDS = ["#a50f15", "#ef6548", "#31a354", "#2b7bba"]; // the regions along the line, from red to blue
const NAMES = ["red shoulder", "red sequence", "green valley", "blue cloud"];
const AVERAGES = ["accuracy", "macro avg", "weighted avg"];
const CSS = `
.galviz-diagram { display: flex; gap: 4px 14px; width: 100%; height: 100%; min-height: 0; overflow: hidden;
  font: 12.5px/1.35 system-ui, sans-serif; padding: 2px 4px; container-type: size;
  color: var(--design-background-text-color, var(--panel-on-background-color, var(--jp-ui-font-color1, inherit)));
  --line: color-mix(in srgb, currentColor 24%, transparent); }
.galviz-diagram:focus { outline: none; }
.galviz-diagram * { box-sizing: border-box; }
.galviz-diagram .left { flex: 1 1 0; min-width: 0; display: flex; flex-direction: column; gap: 3px; }
.galviz-diagram .right { flex: 0 1 470px; min-width: 0; overflow: auto; display: flex; flex-direction: column; gap: 8px;
  padding-right: 4px; }
.galviz-diagram .both { display: contents; }
.galviz-diagram .place { position: relative; flex: 1 1 0; min-height: 170px; }
.galviz-diagram .place > * { position: absolute; inset: 0; width: 100%; height: 100%; display: block; }
.galviz-diagram .place > svg { touch-action: none; cursor: crosshair; user-select: none; }
.galviz-diagram svg text { font: 11px system-ui, sans-serif; fill: currentColor; }
.galviz-diagram .place text.band { font-weight: 600; paint-order: stroke; stroke-width: 3px; stroke-linejoin: round;
  stroke: var(--panel-background-color, var(--jp-layout-color0, #fff)); }
.galviz-diagram .hit { stroke: transparent; stroke-width: 16; fill: none; cursor: ns-resize; }
.galviz-diagram .end { cursor: move; }
.galviz-diagram .row { display: flex; flex-wrap: wrap; gap: 3px 10px; align-items: center; }
.galviz-diagram label { display: inline-flex; gap: 5px; align-items: center; }
.galviz-diagram input, .galviz-diagram select, .galviz-diagram button { font: inherit; color: inherit; background: none;
  border: 1px solid var(--line); border-radius: 5px; padding: 1px 6px; min-width: 0; }
.galviz-diagram option { color: initial; }
.galviz-diagram input[type=number] { width: 6.2em; font-variant-numeric: tabular-nums; }
.galviz-diagram td input[type=number] { width: 4.6em; padding: 0 3px; }
.galviz-diagram .names label { flex: 1 1 auto; max-width: 16em; white-space: nowrap; }
.galviz-diagram .cut { display: grid; grid-template-columns: 8.5em auto minmax(60px, 1fr); gap: 1px 8px; align-items: center; }
.galviz-diagram .cut output { grid-column: 2 / 4; opacity: .8; min-height: 1.35em; }
.galviz-diagram input[type=range] { padding: 0; margin: 0; width: 100%; accent-color: #d55e00; }
.galviz-diagram .names input { flex: 1; width: 3em; min-width: 3em; }
.galviz-diagram button { cursor: pointer; }
.galviz-diagram button:disabled { opacity: .5; cursor: default; }
.galviz-diagram button[aria-pressed=true] { background: color-mix(in srgb, currentColor 16%, transparent);
  font-weight: 700; }
.galviz-diagram :is(input, select, button, summary):focus-visible { outline: 2px solid #d55e00; outline-offset: 1px; }
.galviz-diagram table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
.galviz-diagram :is(td, th) { padding: 1px 4px; text-align: right; font-weight: 400; vertical-align: top; }
.galviz-diagram th:first-child { text-align: left; }
.galviz-diagram thead th { opacity: .75; border-bottom: 1px solid var(--line); vertical-align: bottom; }
.galviz-diagram small { display: block; opacity: .75; font-size: 10.5px; white-space: nowrap; }
.galviz-diagram .regions button { display: flex; gap: 5px; align-items: center; text-align: left; width: 100%; white-space: nowrap; }
.galviz-diagram .regions button[aria-pressed=true] { font-weight: inherit; border-color: currentColor; }
.galviz-diagram .chip { flex: none; width: 10px; height: 10px; border-radius: 2px; border: 1px solid var(--line); }
.galviz-diagram .matrix { width: auto; }
.galviz-diagram .matrix th { vertical-align: middle; }
.galviz-diagram .matrix th[scope=col] { padding: 1px 7px; text-align: center; }
.galviz-diagram .matrix th:first-child { max-width: 8.5em; }
.galviz-diagram .matrix td { padding: 1px; }
.galviz-diagram .matrix td button { min-width: 5.6em; width: 100%; text-align: center; padding: 3px 6px; border-radius: 3px; }
.galviz-diagram .curve { width: 190px; height: 170px; display: block; }
.galviz-diagram h3 { font: inherit; font-weight: 700; margin: 0; }
.galviz-diagram p { margin: 0; }
.galviz-diagram .bad { color: #d55e00; font-weight: 600; }
.galviz-diagram .legend svg { width: 16px; height: 16px; vertical-align: -3px; margin-right: 3px; }
.galviz-diagram summary { cursor: pointer; font-weight: 700; }
.galviz-diagram details > * + * { margin-top: 4px; }
@container (max-width: 760px) {
  .galviz-diagram .right { flex: 0 0 54%; font-size: 11.5px; gap: 5px; }
  .galviz-diagram :is(td, th) { padding: 0 2px; }
  .galviz-diagram .edge { display: none; }
  .galviz-diagram .matrix td button { min-width: 4em; padding: 1px 3px; }
  .galviz-diagram .regions button { padding: 0 3px; }
  .galviz-diagram .cut { grid-template-columns: 7em auto minmax(40px, 1fr); }
}
@container (max-width: 560px) {
  .galviz-diagram .right { flex-basis: 46%; font-size: 11px; }
  .galviz-diagram :is(.chip, .ends, td small) { display: none; }
  .galviz-diagram .matrix td small { display: block; }
}
@container (max-width: 430px) {
  .galviz-diagram .both { display: flex; flex-direction: column; gap: 8px; overflow: auto; width: 100%; }
  .galviz-diagram .left { flex: none; height: max(300px, 88cqh); }
  .galviz-diagram .right { flex: none; overflow: visible; font-size: inherit; }
}
`;

/**
 * @import { Model } from "../shared.js"
 * @typedef {{type: "move", slope: number, intercept: number, scatter: number, done: boolean}} Move
 * @typedef {{type: "set", name: string, value: number | null, done: boolean}} Slide
 * @import { Chart, FromBrowser, Line, Scores, State, ToBrowser } from "./messages.d.ts"
 */

/**
 * @param {number} low
 * @param {number} high
 * @param {number} most
 * @returns {number[]} round numbers within low … high, at most about so many
 */
export function roundTicks(low, high, most) {
  const rough = (high - low) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((one) => one >= rough) ?? 10 * power;
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, k) => Number(((first + k) * step).toPrecision(10)));
}

/**
 * @param {Line} line
 * @param {number} magnitude
 * @returns {number} colour of the line
 */
export const colourAt = (line, magnitude) => line.intercept + line.slope * (magnitude - line.pivot);

/**
 * @param {Line} line
 * @param {number} up mag
 * @returns {Line} the line, moved to redder colours
 */
export const shifted = (line, up) => ({ ...line, intercept: line.intercept + up });

/**
 * Tilts a line about a fixed magnitude.
 * @param {Line} line
 * @param {number} fixed magnitude whose colour stays
 * @param {number} magnitude
 * @param {number} colour that the line has there afterwards
 * @returns {Line}
 */
export function tilted(line, fixed, magnitude, colour) {
  const stays = colourAt(line, fixed);
  const slope = (colour - stays) / (magnitude - fixed);
  return { ...line, slope, intercept: stays + slope * (line.pivot - fixed) };
}

/**
 * @param {number | null} value
 * @returns {string}
 */
export const score = (value) => (value === null ? "–" : value.toFixed(3));

/**
 * @param {[number | null, number | null] | undefined} ends
 * @returns {string} an interval
 */
export const interval = (ends) =>
  ends && ends[0] !== null && ends[1] !== null ? `${ends[0].toFixed(2)}–${ends[1].toFixed(2)}` : "";

/** @param {number} n */
const whole = (n) => n.toLocaleString("en");
const NOTHING = new Uint8Array();
let diagrams = 0;

class Diagram {
  client = clientName();
  /** @type {Chart | null} */
  chart = null;
  /** @type {State | null} */
  state = null;
  /** @type {ArrayBuffer | null} */
  data = null;
  selected = NOTHING;
  /** @type {Line | null} */
  line = null; // as it is drawn: while it is dragged, ahead of the state
  seq = 0;
  acknowledged = 0;
  /** @type {Move | Slide | null} */
  wanted = null; // a step of a drag that is not sent yet
  /** @type {{kind: "move" | "tilt" | "lasso", start: Line | null, x: number, y: number, fixed: number} | null} */
  drag = null;
  /** @type {[number, number][]} */
  polygon = [];
  sliding = ""; // the cut whose slider is dragged
  /** @type {Record<string, HTMLInputElement>} */
  sliders = {};
  /** @type {Map<string, string>} */
  built = new Map(); // what parts of the report were last built from

  root = make("div", "galviz-diagram");
  place = make("div", "place");
  canvas = make("canvas");
  svg = draw(this.place, "svg", { role: "img", "aria-label": "Colour–magnitude diagram" });
  legend = make("div", "row legend");
  list = make("datalist");
  regions = make("table", "regions");
  matrix = make("div");
  report = make("div");
  curve = make("div");
  words = make("p");
  moved = make("p");
  left = make("div");
  back = button("↶", () => this.tell({ type: "act", name: "undo" }), {
    title: "Undo the last change of the line, the cuts or the drawn region (Ctrl+Z)",
  });
  status = make("p", "", "", { role: "status" });
  stars = make("p", "row");
  title = make("h3");
  these = button("Select these", () => this.tell({ type: "act", name: "region" }), {
    title: "Select the objects of this region",
  });
  /** @type {Record<string, HTMLInputElement>} */
  inputs = {};
  fitTo = make("select", "", "", { "aria-label": "Fit to" });
  member = make("select", "", "", { "aria-label": "Class" });
  watch = new ResizeObserver(() => this.redraw());

  /**
   * @param {Model<ToBrowser, FromBrowser, {height: number}>} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    this.model = model;
    this.build(el);
    if (!onPage(model)) this.root.style.height = `${model.get("height")}px`;
    this.unlisten = listen(model, this.receive, { type: "hello" });
  }

  close() {
    this.unlisten();
    this.watch.disconnect();
  }

  /**
   * Sends a message with a number.
   * @param {{type: "set", name: string, value: number | string | null} | {type: "cell", true: number, given: number}
   *   | {type: "lasso", polygon: [number, number][]} | {type: "act", name: "fit" | "refit" | "region" | "stars" | "undo"}
   *   | Move | Slide} message
   */
  tell(message) {
    this.seq += 1;
    send(this.model, /** @type {FromBrowser} */ ({ ...message, client: this.client, seq: this.seq }));
  }

  /**
   * @param {string} name of the setting
   * @param {string} text of its label
   * @param {Record<string, string | number | boolean>} attributes
   * @returns {HTMLLabelElement}
   */
  field(name, text, attributes) {
    const label = make("label", "", text);
    label.append(this.input(name, attributes));
    return label;
  }

  /**
   * @param {string} name
   * @param {Record<string, string | number | boolean>} attributes
   * @returns {HTMLInputElement}
   */
  input(name, attributes) {
    const box = make("input", "", "", attributes);
    this.inputs[name] = box;
    box.addEventListener("change", () => this.typed(name, box));
    return box;
  }

  /**
   * @param {string} name
   * @param {HTMLInputElement} box
   */
  typed(name, box) {
    const value = box.type === "number" ? (box.value === "" ? null : Number(box.value)) : box.value;
    if (["slope", "intercept", "scatter"].includes(name)) {
      if (this.line && typeof value === "number") this.choose({ ...this.line, [name]: value }, true);
    } else this.tell({ type: "set", name, value });
  }

  /**
   * @param {string} name
   * @param {string} text of its label
   * @param {number} step
   * @returns {HTMLElement} a cut: a field, a slider whose end is no cut, and the number of objects that remain
   */
  cut(name, text, step) {
    const row = make("div", "cut");
    row.append(make("span", "", text));
    row.append(this.input(name, { type: "number", step: "any", placeholder: "no cut", "aria-label": text }));
    const slider = make("input", "", "", { type: "range", min: 0, max: 1, step, "aria-label": `${text}, slider` });
    const slide = (/** @type {boolean} */ done) => {
      const value = Number(slider.value) >= Number(slider.max) ? null : Number(slider.value);
      this.sliding = done ? "" : name;
      this.inputs[name].value = value === null ? "" : String(value);
      this.wanted = { type: "set", name, value, done };
      this.sendNext();
    };
    slider.addEventListener("input", () => slide(false));
    slider.addEventListener("change", () => slide(true));
    this.sliders[name] = slider;
    row.append(slider, make("output", name));
    return row;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const [at] = event.composedPath();
    const typing = isTyping(event) && !(at instanceof HTMLInputElement && at.type === "range");
    if (!(event.ctrlKey || event.metaKey) || event.shiftKey || event.key.toLowerCase() !== "z" || typing) return;
    event.preventDefault();
    event.stopPropagation();
    this.tell({ type: "act", name: "undo" });
  }

  /** @param {HTMLElement} el */
  build(el) {
    diagrams += 1;
    this.list.id = `galviz-diagram-${diagrams}`;
    this.root.dataset.lmSuppressShortcuts = "true"; // keys are ours, not JupyterLab's
    const text = { type: "text", list: this.list.id, spellcheck: "false" };
    const any = { type: "number", step: "any" };
    const names = make("div", "row names");
    this.back.setAttribute("aria-label", "Undo");
    names.append(this.field("magnitude", "Magnitude", text), this.field("colour", "Colour", text), this.back);
    this.place.prepend(this.canvas);
    const left = make("div", "left");
    left.append(names, this.place, this.legend, this.status, this.list);

    const line = make("details");
    const numbers = make("div", "row");
    numbers.append(
      this.field("slope", "Slope", { ...any, step: 0.005 }),
      this.field("intercept", "Colour", { ...any, step: 0.01 }),
      this.field("scatter", "Scatter (mag)", { ...any, step: 0.005, min: 0.001 }),
    );
    const fits = make("div", "row");
    const of = make("label", "", "Fit to");
    of.append(this.fitTo);
    this.fitTo.addEventListener("change", () => this.tell({ type: "set", name: "fit_to", value: this.fitTo.value }));
    fits.append(
      of,
      button("Fit", () => this.tell({ type: "act", name: "fit" }), { title: "Find the red sequence again" }),
      button("Fit from this line", () => this.tell({ type: "act", name: "refit" }), {
        title: "Start where the line is",
      }),
    );
    line.append(make("summary", "", "Red sequence"), this.words, this.moved, numbers, fits);

    const which = make("label", "row", "Purity and completeness of");
    which.append(this.member, make("span", "ends", "small numbers: 95 % intervals"));
    this.member.addEventListener("change", () => this.tell({ type: "set", name: "member", value: this.member.value }));

    const cuts = make("details");
    this.left.append(this.cut("faintest", "Brighter than", 0.1), this.cut("reddest", "Bluer than (σ)", 0.25));
    cuts.append(make("summary", "", "Cuts"), this.left);

    const stars = make("details");
    const fields = make("div", "row");
    fields.append(
      this.field("light", "Star-like light", {
        ...text,
        placeholder: "such as spread_model",
        size: 20,
        title: "small for stars",
      }),
      this.field("below", "below", { ...any }),
      this.field("redshift", "Redshift", { ...text, size: 10, title: "stars are below 0.01" }),
    );
    stars.append(make("summary", "", "Probably stars"), this.stars, fields);
    line.open = cuts.open = stars.open = true;
    const scores = make("div", "row");
    scores.style.alignItems = "flex-start";
    scores.append(this.matrix, this.curve);
    const right = make("div", "right");
    const head = make("div", "row");
    head.append(this.title, this.these);
    right.append(which, this.regions, head, scores, this.report, line, cuts, stars);
    const both = make("div", "both");
    both.append(left, right);
    this.root.append(make("style", "", CSS), both);
    el.replaceChildren(this.root);
    this.root.tabIndex = -1; // a click on the plot brings the keys here
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.svg.addEventListener("pointerdown", (event) => this.grab(event));
    this.svg.addEventListener("pointermove", (event) => this.pull(event, false));
    this.svg.addEventListener("pointerup", (event) => this.pull(event, true));
    this.svg.addEventListener("pointercancel", () => {
      this.drag = null;
      this.overlay();
    });
    this.watch.observe(this.place);
  }

  // ---- messages

  /** @type {(content: ToBrowser, buffers?: DataView[]) => void} */
  receive = (content, buffers) => {
    if (content.type === "chart") {
      this.chart = content;
      this.data = bytes(/** @type {ArrayBuffer} */ (content.data ?? buffers?.[0]));
      this.selected = NOTHING;
      this.polygon = [];
      this.list.replaceChildren(...content.columns.map((name) => make("option", "", "", { value: name })));
      const { classes, names } = content;
      this.fitTo.replaceChildren(
        make("option", "", "all objects", { value: "all" }),
        ...classes.map((one, k) => make("option", "", `true: ${names[k]}`, { value: one })),
      );
      this.member.replaceChildren(...classes.map((one, k) => make("option", "", names[k], { value: one })));
      const [low, high] = content.x;
      Object.assign(this.sliders.faintest, { min: Math.floor(low * 10) / 10, max: Math.ceil(high * 10) / 10 });
      Object.assign(this.sliders.reddest, { min: 0, max: REDDEST });
      this.redraw();
    } else if (content.type === "selected") {
      this.selected = new Uint8Array(bytes(/** @type {ArrayBuffer} */ (content.data ?? buffers?.[0])));
      this.root.dataset.selected = String(content.count);
      this.paint();
      this.showLegend(content.count);
    } else {
      this.acknowledged = content.acknowledged[this.client] ?? 0;
      this.state = content;
      if (this.acknowledged >= this.seq && !this.wanted && !this.drag) {
        this.line = content.line;
        this.polygon = content.polygon;
      }
      this.show();
      this.overlay();
      this.sendNext();
    }
  };

  /**
   * Moves the line. One is on its way at a time; of those that come meanwhile only the last is sent.
   * @param {Line} line
   * @param {boolean} done it was released
   */
  choose(line, done) {
    const { slope, intercept, scatter } = line;
    this.line = line;
    this.wanted = { type: "move", slope, intercept, scatter, done };
    this.overlay();
    this.sendNext();
  }

  sendNext() {
    if (!this.wanted || (this.acknowledged < this.seq && !this.wanted.done)) return;
    const message = this.wanted;
    this.wanted = null;
    this.tell(message);
  }

  // ---- the plot

  get wide() {
    return Math.max(60, this.place.clientWidth - LEFT - RIGHT);
  }

  get high() {
    return Math.max(60, this.place.clientHeight - TOP - BOTTOM);
  }

  /** @param {number} magnitude */
  px(magnitude) {
    const [low, high] = this.chart?.x ?? [0, 1];
    return ((magnitude - low) / (high - low)) * this.wide;
  }

  /** @param {number} colour */
  py(colour) {
    const [low, high] = this.chart?.y ?? [0, 1];
    return (1 - (colour - low) / (high - low)) * this.high;
  }

  /**
   * @param {PointerEvent} event
   * @returns {[number, number]} magnitude and colour under the pointer
   */
  under(event) {
    const box = this.svg.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.x - LEFT) / this.wide, (event.clientY - box.y - TOP) / this.high];
    const [[left, right], [low, high]] = [this.chart?.x ?? [0, 1], this.chart?.y ?? [0, 1]];
    return [left + x * (right - left), high - y * (high - low)];
  }

  /** @param {PointerEvent} event */
  grab(event) {
    if (!this.chart || event.button !== 0) return;
    const part = event.target instanceof Element ? event.target.getAttribute("class") : "";
    const [x, y] = this.under(event);
    const kind = part === "hit" && this.line ? "move" : part === "end" && this.line ? "tilt" : "lasso";
    const [left, right] = this.chart.x;
    const other = x > (left + right) / 2 ? ENDS[0] : ENDS[1];
    this.drag = { kind, start: this.line, x, y, fixed: left + other * (right - left) };
    if (kind === "lasso") this.polygon = [[x, y]];
    this.svg.setPointerCapture(event.pointerId);
  }

  /**
   * @param {PointerEvent} event
   * @param {boolean} done
   */
  pull(event, done) {
    const { drag } = this;
    if (!drag) return;
    const [x, y] = this.under(event);
    if (done) this.drag = null;
    if (drag.kind === "lasso") {
      this.polygon.push([x, y]);
      this.overlay();
      if (!done) return;
      const far = this.polygon.some(
        ([a, b]) => Math.hypot(this.px(a) - this.px(drag.x), this.py(b) - this.py(drag.y)) > 4,
      );
      if (far && this.polygon.length > 3) this.tell({ type: "lasso", polygon: this.polygon });
      else this.polygon = this.state?.polygon ?? []; // a click
      this.overlay();
    } else if (drag.start) {
      const line = drag.kind === "move" ? shifted(drag.start, y - drag.y) : tilted(drag.start, drag.fixed, x, y);
      const [left, right] = this.chart?.x ?? [0, 1];
      if (drag.kind === "tilt" && Math.abs(x - drag.fixed) < 0.2 * (right - left)) return; // it would be steep
      this.choose(line, done);
    }
  }

  redraw() {
    this.paint();
    this.axes();
    this.overlay();
    this.showLegend(Number(this.root.dataset.selected ?? 0));
  }

  /** Draws the objects: points, or their density. */
  paint() {
    const { chart, data } = this;
    if (!chart || !data || !this.place.clientWidth) return;
    const scale = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(this.place.clientWidth * scale);
    this.canvas.height = Math.round(this.place.clientHeight * scale);
    const context = pen(this.canvas);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.beginPath();
    context.rect(LEFT, TOP, this.wide, this.high);
    context.clip();
    if (chart.points) this.paintPoints(context, chart, data, scale);
    else this.paintDensity(context, chart, data);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Chart} chart
   * @param {ArrayBuffer} data
   * @param {number} scale
   */
  paintPoints(context, chart, data, scale) {
    const n = chart.points;
    const [x, y] = [new Float32Array(data, 0, n), new Float32Array(data, 4 * n, n)];
    const [given, truth] = [new Uint8Array(data, 8 * n, n), new Uint8Array(data, 9 * n, n)];
    const shapes = chart.shapes.map((d) => new Path2D(d));
    const size = n > MOST ? 0.3 : 0.45;
    context.lineWidth = 1.3 / size;
    context.globalAlpha = n > MOST ? 0.6 : 0.85;
    const at = (/** @type {number} */ k) =>
      context.setTransform(
        size * scale,
        0,
        0,
        size * scale,
        (LEFT + this.px(x[k])) * scale,
        (TOP + this.py(y[k])) * scale,
      );
    for (let k = 0; k < n; k += 1) {
      at(k);
      context.strokeStyle = chart.colours[given[k]];
      context.stroke(shapes[truth[k]]);
    }
    const triangle = new Path2D("M0 -13L12 9H-12Z");
    [context.fillStyle, context.strokeStyle, context.globalAlpha] = ["#e69f00", "black", 1];
    this.selected.forEach((one, k) => {
      if (!one) return;
      at(k);
      context.fill(triangle);
      context.stroke(triangle);
    });
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Chart} chart
   * @param {ArrayBuffer} data
   */
  paintDensity(context, chart, data) {
    const { wide, high } = chart;
    const counts = new Float32Array(data, 0, wide * high);
    const codes = new Uint8Array(data, 4 * wide * high, wide * high);
    const most = Math.log(1 + counts.reduce((a, b) => Math.max(a, b), 1));
    const image = new ImageData(wide, high);
    const colours = chart.colours.map((one) => [1, 3, 5].map((k) => Number.parseInt(one.slice(k, k + 2), 16)));
    counts.forEach((n, k) => {
      if (!n) return;
      const place = 4 * ((high - 1 - Math.floor(k / wide)) * wide + (k % wide));
      const marked = this.selected[k];
      image.data.set(marked ? [230, 159, 0] : colours[codes[k]], place);
      image.data[place + 3] = 255 * (marked ? 0.9 : 0.18 + (0.82 * Math.log(1 + n)) / most);
    });
    const small = make("canvas", "", "", { width: wide, height: high });
    pen(small).putImageData(image, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(small, LEFT, TOP, this.wide, this.high);
  }

  axes() {
    const { chart } = this;
    this.svg.replaceChildren();
    if (!chart) return;
    this.svg.setAttribute("viewBox", `0 0 ${this.place.clientWidth} ${this.place.clientHeight}`);
    const foot = TOP + this.high;
    draw(this.svg, "rect", {
      x: LEFT,
      y: TOP,
      width: this.wide,
      height: this.high,
      fill: "none",
      stroke: "var(--line)",
    });
    for (const tick of roundTicks(...chart.x, this.wide / 70)) {
      const x = LEFT + this.px(tick);
      draw(this.svg, "path", { d: `M${x} ${foot}v4`, stroke: "currentColor" });
      draw(this.svg, "text", { x, y: foot + 15, "text-anchor": "middle" }, tick);
    }
    for (const tick of roundTicks(...chart.y, this.high / 40)) {
      const y = TOP + this.py(tick);
      draw(this.svg, "path", { d: `M${LEFT} ${y}h-4`, stroke: "currentColor" });
      draw(this.svg, "text", { x: LEFT - 7, y: y + 4, "text-anchor": "end" }, tick);
    }
    const { magnitude, colour } = this.state?.fields ?? {};
    draw(this.svg, "text", { x: LEFT + this.wide / 2, y: foot + 31, "text-anchor": "middle" }, magnitude ?? "");
    const turn = `translate(12 ${TOP + this.high / 2}) rotate(-90)`;
    draw(this.svg, "text", { transform: turn, "text-anchor": "middle" }, colour ?? "");
    draw(this.svg, "svg", { class: "over", x: LEFT, y: TOP, width: this.wide, height: this.high, overflow: "hidden" });
  }

  /** Draws what moves: the regions, the line and the lasso. */
  overlay() {
    const over = this.svg.querySelector(".over");
    if (!over || !this.chart) return;
    over.replaceChildren();
    const { line, state } = this;
    const [left, right] = this.chart.x;
    const cut = { fill: "currentColor", "fill-opacity": 0.16, "pointer-events": "none" }; // what is left out
    if (state && state.faintest !== null) {
      const x = Math.max(0, this.px(state.faintest));
      draw(over, "rect", { class: "cut", x, y: 0, width: Math.max(0, this.wide - x), height: this.high, ...cut });
    }
    if (line && state) {
      const at = (/** @type {number} */ share, /** @type {number} */ up) =>
        this.py(colourAt(line, left + share * (right - left)) + up);
      const far = 10 * (this.chart.y[1] - this.chart.y[0]);
      const beside = ENDS[0] * this.wide + 12; // not under a handle
      const ends = [far, ...[...state.edges].reverse().map((edge) => edge * line.scatter), -far];
      NAMES.forEach((name, k) => {
        const [above, below] = [ends[k], ends[k + 1]];
        const d = `M0 ${at(0, above)}L${this.wide} ${at(1, above)}V${at(1, below)}L0 ${at(0, below)}Z`;
        const strong = state.region === name ? 0.26 : 0.1;
        draw(over, "path", { d, fill: BANDS[k], "fill-opacity": strong, "pointer-events": "none" });
        const [top, foot] = [Math.max(0, at(ENDS[0], above)), Math.min(this.high, at(ENDS[0], below))];
        const room = foot - Math.max(top, k === 1 ? at(ENDS[0], 0) + 6 : top); // not under the line
        if (room > 14) draw(over, "text", { class: "band", x: beside, y: k === 0 ? top + 13 : foot - 5 }, name);
      });
      if (state.reddest !== null) {
        const up = state.reddest * line.scatter;
        const red = `M0 ${at(0, far)}L${this.wide} ${at(1, far)}V${at(1, up)}L0 ${at(0, up)}Z`;
        draw(over, "path", { class: "cut", d: red, ...cut });
      }
      const d = `M0 ${at(0, 0)}L${this.wide} ${at(1, 0)}`;
      draw(over, "path", { class: "line", d, stroke: "#d55e00", "stroke-width": 2.5, fill: "none" });
      draw(
        over,
        "title",
        {},
        "Drag the line up or down; drag a square at its ends to tilt it; draw elsewhere to select",
      );
      draw(over, "path", { class: "hit", d });
      for (const end of ENDS) {
        const [x, y] = [end * this.wide, at(end, 0)];
        draw(over, "rect", {
          class: "end",
          x: x - 6,
          y: y - 6,
          width: 12,
          height: 12,
          fill: "#d55e00",
          stroke: "white",
        });
      }
    }
    if (this.polygon.length > 1) {
      const d = `M${this.polygon.map(([x, y]) => `${this.px(x).toFixed(1)} ${this.py(y).toFixed(1)}`).join("L")}Z`;
      const style = { fill: "#d55e00", "fill-opacity": 0.08, stroke: "currentColor", "stroke-dasharray": "5 3" };
      draw(over, "path", { class: "lasso", d, "pointer-events": "none", ...style });
    }
  }

  /** @param {number} selected number of objects */
  showLegend(selected) {
    const { chart, state } = this;
    if (!chart || !state) return;
    const key = [chart.names, chart.points > 0, chart.outside, chart.missing, chart.unknown];
    this.once("legend", key, () => {
      const sign = (/** @type {number} */ k, /** @type {string} */ colour, /** @type {string} */ d) => {
        const one = draw(make("span"), "svg", { viewBox: "-9 -9 18 18", "aria-hidden": true });
        draw(one, "path", { d, fill: "none", stroke: colour, "stroke-width": 2.2 });
        const entry = make("span");
        entry.append(one, chart.names[k] ?? "not known");
        return entry;
      };
      const square = "M-7 -7H7V7H-7Z";
      const some = (/** @type {number} */ unknown) => [...chart.names.keys(), ...(unknown ? [chart.names.length] : [])];
      const [untrue, ungiven] = chart.unknown;
      const parts = [make("span", "", chart.points ? "Predicted:" : "Most frequent prediction:")];
      parts.push(...some(ungiven).map((k) => sign(k, chart.colours[k], square)));
      if (chart.points) {
        parts.push(make("span", "", "True:"));
        parts.push(...some(untrue).map((k) => sign(k, "currentColor", chart.shapes[k])));
      }
      const out = [
        chart.outside && `${whole(chart.outside)} outside the axes`,
        chart.missing && `${whole(chart.missing)} without a value`,
      ];
      parts.push(make("span", "", out.filter(Boolean).join(", ")), make("span", "count"));
      this.legend.replaceChildren(...parts);
    });
    const count = this.legend.querySelector(".count");
    if (count) count.textContent = selected ? `Selected: ${whole(selected)}` : "";
  }

  // ---- the report

  /**
   * Builds a part of the page again only if what it shows is different: else a button would lose the focus.
   * @param {string} name
   * @param {unknown} from
   * @param {() => void} build
   */
  once(name, from, build) {
    const key = JSON.stringify(from);
    if (this.built.get(name) === key) return;
    this.built.set(name, key);
    build();
  }

  /**
   * Shows a value in a field, unless someone types in it.
   * @param {string} name
   * @param {string | number | null} value
   */
  put(name, value) {
    const box = this.inputs[name];
    if (box && rootOf(box).activeElement !== box) box.value = value === null ? "" : String(value);
  }

  show() {
    const { state, chart } = this;
    if (!state) return;
    for (const [name, value] of Object.entries(state.fields)) this.put(name, value);
    for (const [k, edge] of state.edges.entries()) this.put(`edge${k}`, edge);
    this.put("faintest", state.faintest);
    this.put("reddest", state.reddest);
    for (const name of /** @type {const} */ (["slope", "intercept", "scatter"]))
      this.put(name, this.line ? Number(this.line[name].toPrecision(4)) : null);
    this.back.disabled = state.undoable === 0;
    for (const cut of /** @type {const} */ (["faintest", "reddest"])) {
      const words = this.left.querySelector(`output.${cut}`);
      const remain = cut in state.left ? `${whole(state.left[cut])} of ${whole(state.counted)} remain` : "";
      if (words) words.textContent = remain || (chart ? `no cut: all ${whole(state.counted)} count` : "");
      const slider = this.sliders[cut];
      if (this.sliding !== cut) slider.value = String(state[cut] ?? slider.max);
    }
    this.fitTo.value = state.fit_to;
    this.member.value = state.member;
    this.words.textContent = state.words;
    this.moved.textContent = state.moved;
    this.status.textContent = state.error || state.busy;
    this.status.className = state.error ? "bad" : "";
    if (!chart || !state.regions.length) return;
    this.showStars(state);
    this.once("axes", [state.fields.magnitude, state.fields.colour], () => this.axes());
    this.showLegend(Number(this.root.dataset.selected ?? 0));
    this.showRegions(state);
    const here = state.regions.find((one) => one.name === state.region);
    this.title.textContent = `${state.region === "all" ? "All regions" : state.region}: ${whole(here?.objects ?? 0)} objects`;
    this.these.disabled = !here?.objects;
    this.once("matrix", [state.matrix, chart.names], () => this.showMatrix(state, chart));
    this.once("report", state.report, () => this.report.replaceChildren(this.table(state.report)));
    this.once("curve", [state.curve, state.kind, chart.scored], () => this.showCurve(state, chart));
  }

  /**
   * @param {string} name of a class
   * @returns {string} what it is called
   */
  called(name) {
    const { classes, names } = /** @type {Chart} */ (this.chart);
    return names[classes.indexOf(name)] ?? name;
  }

  /** @param {State} state */
  showStars(state) {
    this.once("stars", [state.stars, state.member], () => {
      const words = `${whole(state.stars)} ${state.stars === 1 ? "object" : "objects"} predicted as ${this.called(state.member)}, with star-like light or a redshift below 0.01.`;
      const choose = button("Select", () => this.tell({ type: "act", name: "stars" }), { title: "Select them" });
      choose.disabled = state.stars === 0;
      choose.setAttribute("aria-label", "Select what is probably a star");
      this.stars.replaceChildren(make("span", "", words), choose);
    });
  }

  /** @param {State} state */
  showRegions(state) {
    const names = state.regions.map((one) => one.name);
    this.once("rows", names, () => {
      const head = make("thead");
      const titles = ["Region", "from (σ)", "Objects", "Purity", "Compl.", "F1"];
      head.append(make("tr"));
      head.firstElementChild?.append(
        ...titles.map((one, k) => make("th", k === 1 ? "edge" : "", one, { scope: "col" })),
      );
      const body = make("tbody");
      for (const name of names) {
        const row = make("tr", "", "", { "data-region": name });
        const title = make("th", "", "", { scope: "row" });
        const chip = make("span", "chip");
        const k = NAMES.indexOf(name);
        if (k >= 0) chip.style.background = BANDS[k];
        const choose = button("", () => this.tell({ type: "set", name: "region", value: name }), { pressed: false });
        choose.append(chip, name);
        title.append(choose);
        const edge = make("td", "edge");
        if (k >= 0 && k < 3)
          edge.append(this.input(`edge${2 - k}`, { type: "number", step: 0.5, "aria-label": `Lower edge of ${name}` }));
        row.append(title, edge, ...[0, 1, 2, 3].map(() => make("td", "score")));
        body.append(row);
      }
      this.regions.replaceChildren(head, body);
      for (const [k, edge] of state.edges.entries()) this.put(`edge${k}`, edge);
    });
    for (const one of state.regions) {
      const row = [...this.regions.querySelectorAll("tr")].find((tr) => tr.dataset.region === one.name);
      row?.querySelector("button")?.setAttribute("aria-pressed", String(one.name === state.region));
      const [count, ...cells] = row?.querySelectorAll(".score") ?? [];
      if (count) count.textContent = whole(one.objects);
      for (const [k, cell] of cells.entries())
        cell.replaceChildren(score(one.values[k]), make("small", "", interval(one.ends[k])));
    }
  }

  /**
   * @param {State} state
   * @param {Chart} chart
   */
  showMatrix(state, chart) {
    const table = make("table", "matrix");
    const head = make("tr");
    head.append(
      make("th", "", "True ↓ predicted\u00a0→"),
      ...chart.names.map((one) => make("th", "", one, { scope: "col" })),
    );
    table.append(head);
    state.matrix.forEach((counts, i) => {
      const row = make("tr");
      row.append(make("th", "", chart.names[i], { scope: "row" }));
      const sum = counts.reduce((a, b) => a + b, 0);
      counts.forEach((n, j) => {
        const words = `${whole(n)} true ${chart.names[i]}, predicted ${chart.names[j]}`;
        const cell = button(whole(n), () => this.tell({ type: "cell", true: i, given: j }), {
          title: `Select ${words}`,
        });
        const share = sum ? `${Math.round((100 * n) / sum)} %` : "–";
        cell.append(" ", make("small", "", share));
        cell.setAttribute("aria-label", `${whole(n)} ${share}, true ${chart.names[i]}, predicted ${chart.names[j]}`);
        cell.style.background = `color-mix(in srgb, ${i === j ? "#1f86c8" : "#d55e00"} ${Math.round((55 * n) / (sum || 1))}%, transparent)`;
        const place = make("td");
        place.append(cell);
        row.append(place);
      });
      table.append(row);
    });
    this.matrix.replaceChildren(table);
  }

  /**
   * @param {Scores[]} rows
   * @returns {HTMLTableElement} the scores of each class, and their averages
   */
  table(rows) {
    const table = make("table");
    const head = make("tr");
    head.append(
      ...["Class", "Purity", "Completeness", "F1", "Objects"].map((one) => make("th", "", one, { scope: "col" })),
    );
    const top = make("thead");
    top.append(head);
    const body = make("tbody");
    for (const one of rows) {
      const row = make("tr");
      row.append(
        make("th", "", AVERAGES.includes(one.name) ? one.name.replace("avg", "average") : this.called(one.name), {
          scope: "row",
        }),
      );
      one.values.forEach((value, k) => {
        const cell = make("td", "", one.name === "accuracy" && k < 2 ? "" : score(value));
        if (one.name !== "accuracy" || k === 2) cell.append(make("small", "", interval(one.ends[k])));
        row.append(cell);
      });
      row.append(make("td", "", whole(one.objects)));
      body.append(row);
    }
    table.append(top, body);
    return table;
  }

  /**
   * @param {State} state
   * @param {Chart} chart
   */
  showCurve(state, chart) {
    if (!chart.scored) {
      this.curve.replaceChildren();
      return;
    }
    const kinds = make("div", "row");
    for (const [kind, text] of [
      ["ROC", "ROC"],
      ["purity", "Purity–completeness"],
    ])
      kinds.append(
        button(text, () => this.tell({ type: "set", name: "kind", value: kind }), { pressed: state.kind === kind }),
      );
    const found = state.curve;
    const words = found ? `${state.kind === "ROC" ? "AUC" : "Mean purity"} ${number(found.area)}` : "Undefined here";
    const picture = make("div");
    if (found) {
      const svg = draw(picture, "svg", {
        class: "curve",
        viewBox: "0 0 190 170",
        role: "img",
        "aria-label": `${words} of ${this.called(state.member)}`,
      });
      const [x, y] = [(/** @type {number} */ n) => 30 + 150 * n, (/** @type {number} */ n) => 140 - 132 * n];
      draw(svg, "rect", { x: 30, y: 8, width: 150, height: 132, fill: "none", stroke: "var(--line)" });
      if (state.kind === "ROC")
        draw(svg, "path", { d: `M${x(0)} ${y(0)}L${x(1)} ${y(1)}`, stroke: "var(--line)", "stroke-dasharray": "4 3" });
      const d = `M${found.x.map((one, k) => `${x(one)} ${y(found.y[k])}`).join("L")}`;
      draw(svg, "path", { d, fill: "none", stroke: "#1f86c8", "stroke-width": 2 });
      for (const tick of [0, 1]) {
        draw(svg, "text", { x: x(tick), y: 153, "text-anchor": "middle" }, tick);
        draw(svg, "text", { x: 25, y: y(tick) + 4, "text-anchor": "end" }, tick);
      }
      const [across, up] = state.kind === "ROC" ? ["false-positive rate", "completeness"] : ["completeness", "purity"];
      draw(svg, "text", { x: 105, y: 165, "text-anchor": "middle" }, across);
      draw(svg, "text", { transform: "translate(12 74) rotate(-90)", "text-anchor": "middle" }, up);
    }
    this.curve.replaceChildren(kinds, make("p", "", words), picture);
  }
}

/** @param {{model: Model<ToBrowser, FromBrowser, {height: number}>, el: HTMLElement}} place */
export function render({ model, el }) {
  return untilRemoved(new Diagram(model, el), model);
}

export default { render };
