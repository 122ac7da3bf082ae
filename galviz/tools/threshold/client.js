// @ts-check
// A histogram of scores with a line that can be dragged, a slider and a box for the same number, and what the line does.
// Plain JavaScript for Panel (JSComponent) and Jupyter (anywidget); it loads nothing from any other server.
// Counts and numbers are computed by Python. The messages are declared in galviz/tools/threshold/messages.py.

import { button, clamp, clientName, draw, listen, make, rootOf, send, untilRemoved } from "../shared.js";

const [LEFT, RIGHT, TOP, BOTTOM] = [58, 12, 12, 38]; // px around the bars
const TALL = 230;
const FEW = 100; // where no bin has more objects, the axis of numbers is linear at first
const CSS = `
.galviz-threshold { display: flex; flex-wrap: wrap; gap: 8px 24px; width: 100%; font: 13px/1.4 system-ui, sans-serif;
  color: var(--jp-ui-font-color1, var(--design-background-text-color, var(--panel-on-background-color, inherit)));
  --line: color-mix(in srgb, currentColor 24%, transparent); }
.galviz-threshold * { box-sizing: border-box; }
.galviz-threshold .chart { flex: 1 1 420px; min-width: 0; }
.galviz-threshold svg { display: block; width: 100%; height: ${TALL}px; touch-action: none; cursor: ew-resize; }
.galviz-threshold svg text { font: 11px system-ui, sans-serif; fill: currentColor; }
.galviz-threshold .set { display: flex; flex-wrap: wrap; gap: 4px 14px; align-items: center; }
.galviz-threshold input[type=range] { display: block; margin: 2px ${RIGHT - 8}px 6px ${LEFT - 8}px; accent-color: #d55e00;
  width: calc(100% - ${LEFT + RIGHT - 16}px); }
.galviz-threshold input[type=number], .galviz-threshold button { font: inherit; color: inherit; background: none;
  border: 1px solid var(--line); border-radius: 5px; padding: 2px 8px; }
.galviz-threshold input[type=number] { width: 9em; font-variant-numeric: tabular-nums; }
.galviz-threshold button { cursor: pointer; }
.galviz-threshold button[aria-pressed=true] { background: color-mix(in srgb, currentColor 16%, transparent);
  font-weight: 700; }
.galviz-threshold :is(input, button):focus-visible { outline: 2px solid #d55e00; outline-offset: 1px; }
.galviz-threshold .legend { display: flex; flex-wrap: wrap; gap: 2px 14px; }
.galviz-threshold .legend svg { display: inline-block; width: 22px; height: 12px; vertical-align: -1px;
  margin-right: 4px; cursor: default; }
.galviz-threshold dl { flex: 0 1 420px; min-width: min(300px, 100%); margin: 0; align-content: start; display: grid;
  grid-template-columns: auto 1fr; gap: 3px 14px; }
.galviz-threshold dt { opacity: .8; width: auto; font-weight: 400; }
.galviz-threshold dd { margin: 0; width: auto; font-weight: 600; font-variant-numeric: tabular-nums; }
`;
/** @type {["all" | "yes" | "no", Record<string, string | number>][]} */
const PARTS = [
  ["all", { fill: "#1f86c8", "fill-opacity": 0.8 }],
  ["yes", { fill: "none", stroke: "#e69f00", "stroke-width": 2.5 }],
  ["no", { fill: "none", stroke: "currentColor", "stroke-width": 1.5, "stroke-dasharray": "4 3" }],
];

/**
 * @import { Model, Unnamed } from "../shared.js"
 * @import { Chart, FromBrowser, ToBrowser } from "./messages.d.ts"
 */

/**
 * @param {number} n
 * @returns {string} a tick's label
 */
export const tickText = (n) => (n >= 10000 ? n.toExponential(0).replace("e+", "e") : String(n));

/**
 * @param {number} most objects in a bin
 * @param {boolean} logarithmic from half an object, so that one object has a bar
 * @returns {{ticks: number[], part: (n: number) => number}} ticks, and how high a number stands, 0 … 1
 */
export function countAxis(most, logarithmic) {
  const scale = (/** @type {number} */ n) => (logarithmic ? Math.log10(Math.max(n, 0.5)) : n);
  const low = scale(0);
  const high = scale(most * (logarithmic ? 1.5 : 1.05));
  const powers = [...Array(Math.floor(Math.log10(most)) + 1).keys()].map((k) => 10 ** k);
  const ticks = logarithmic ? powers : [...new Set([0, most / 2, most].map(Math.round))];
  return { ticks, part: (n) => (scale(n) - low) / (high - low) };
}

/**
 * @param {number} most objects in a bin
 * @param {boolean | null} chosen by the user, if at all
 * @returns {boolean}
 */
export const isLogarithmic = (most, chosen) => chosen ?? most > FEW;

/**
 * @param {number} value 0 … 1
 * @param {number} width of the drawing, px
 * @returns {number} px from its left
 */
export const xOf = (value, width) => LEFT + value * (width - LEFT - RIGHT);

/**
 * @param {number} x px from the left of the drawing
 * @param {number} width px
 * @returns {number} the nearest value within 0 … 1, in thousandths
 */
export const valueAtX = (x, width) => Math.round(clamp((x - LEFT) / Math.max(1, width - LEFT - RIGHT)) * 1000) / 1000;

class Threshold {
  client = clientName(); // two views of one model number their messages apart
  /** @type {Chart | null} */
  chart = null;
  value = 0.5;
  seq = 0; // number of the last threshold that was sent
  acknowledged = 0; // number of the last one that Python has set
  /** @type {{value: number, done: boolean} | null} */
  wanted = null; // a threshold that is not sent yet
  /** @type {boolean | null} */
  logarithmic = null; // as chosen; else it depends on the numbers
  dragged = false;

  root = make("div", "galviz-threshold");
  place = make("div", "chart");
  svg = draw(this.place, "svg", { role: "img" });
  slider = make("input", "", "", { type: "range", min: 0, max: 1, step: 0.001, "aria-label": "Threshold" });
  box = make("input", "", "", { type: "number", min: 0, max: 1, step: "any" });
  log = button("logarithmic", () => this.turn(), { pressed: true });
  legend = make("div", "legend");
  numbers = make("dl", "", "", { role: "status", "aria-label": "What the threshold does" });
  watch = new ResizeObserver(() => this.bars());

  /**
   * @param {Model<ToBrowser, FromBrowser>} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    this.model = model;
    this.build(el);
    this.unlisten = listen(model, this.receive, { type: "hello" });
  }

  close() {
    this.unlisten();
    this.watch.disconnect();
  }

  turn() {
    this.logarithmic = this.log.getAttribute("aria-pressed") !== "true";
    this.bars();
  }

  /** @param {HTMLElement} el */
  build(el) {
    this.root.dataset.lmSuppressShortcuts = "true"; // keys are ours, not JupyterLab's
    const label = make("label", "", "Threshold ");
    label.append(this.box);
    const set = make("div", "set");
    set.append(label, this.log, this.legend);
    this.place.append(this.slider, set);
    this.root.append(make("style", "", CSS), this.place, this.numbers);
    el.replaceChildren(this.root);
    this.slider.addEventListener("input", () => this.choose(Number(this.slider.value), false));
    this.slider.addEventListener("change", () => this.choose(Number(this.slider.value), true));
    this.box.addEventListener("change", () => {
      if (this.box.value !== "" && Number.isFinite(Number(this.box.value))) this.choose(Number(this.box.value), true);
      if (Number(this.box.value) !== this.value) this.box.value = String(this.value); // it was outside 0…1
    });
    const drag = (/** @type {PointerEvent} */ event, /** @type {boolean} */ done) => {
      const box = this.svg.getBoundingClientRect();
      this.choose(valueAtX(event.clientX - box.x, box.width), done);
    };
    this.svg.addEventListener("pointerdown", (event) => {
      this.dragged = true;
      this.svg.setPointerCapture(event.pointerId);
      drag(event, false);
    });
    this.svg.addEventListener("pointermove", (event) => {
      if (this.dragged) drag(event, false);
    });
    this.svg.addEventListener("pointerup", (event) => {
      if (this.dragged) drag(event, true);
      this.dragged = false;
    });
    this.svg.addEventListener("pointercancel", () => {
      this.dragged = false;
    });
    this.watch.observe(this.place);
  }

  /**
   * Sets the threshold. One is on its way at a time; of those that come meanwhile only the last is sent.
   * @param {number} value
   * @param {boolean} done the line was released
   */
  choose(value, done) {
    this.value = clamp(value);
    this.wanted = { value: this.value, done };
    this.line();
    this.sendNext();
  }

  sendNext() {
    if (!this.wanted || (this.acknowledged < this.seq && !this.wanted.done)) return;
    this.seq += 1;
    send(this.model, { type: "threshold", client: this.client, seq: this.seq, ...this.wanted });
    this.wanted = null;
  }

  /** @type {(content: ToBrowser) => void} */
  receive = (content) => {
    if (content.type === "chart") {
      this.chart = content;
      this.bars();
    } else {
      this.acknowledged = content.acknowledged[this.client] ?? 0;
      if (this.acknowledged >= this.seq && !this.wanted && !this.dragged) this.value = content.threshold;
      const entries = content.numbers.flatMap(([name, value]) => [make("dt", "", name), make("dd", "", value)]);
      this.numbers.replaceChildren(...entries);
      this.line();
      this.sendNext();
    }
  };

  get wide() {
    return Math.max(120, this.svg.clientWidth);
  }

  /** @param {number} value 0 … 1 */
  x(value) {
    return xOf(value, this.wide);
  }

  bars() {
    if (!this.chart) return;
    const { chart } = this;
    const { edges, name, other } = chart;
    const most = Math.max(1, ...chart.all);
    const logarithmic = isLogarithmic(most, this.logarithmic);
    this.log.setAttribute("aria-pressed", String(logarithmic));
    const { ticks, part: height } = countAxis(most, logarithmic);
    const y = (/** @type {number} */ n) => TALL - BOTTOM - height(n) * (TALL - TOP - BOTTOM);
    this.svg.replaceChildren();
    this.svg.setAttribute("viewBox", `0 0 ${this.wide} ${TALL}`);
    for (const tick of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
      draw(this.svg, "path", { d: `M${this.x(tick)} ${TALL - BOTTOM}v5`, stroke: "currentColor" });
      draw(this.svg, "text", { x: this.x(tick), y: TALL - BOTTOM + 17, "text-anchor": "middle" }, tick);
    }
    for (const tick of ticks) {
      draw(this.svg, "path", { d: `M${LEFT} ${y(tick)}h${this.wide - LEFT - RIGHT}`, stroke: "var(--line)" });
      draw(this.svg, "text", { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, tickText(tick));
    }
    const words = { all: "all objects", yes: `known: ${name}`, no: `known: ${other}` };
    const drawn = PARTS.filter(([part]) => chart[part].some((n) => n > 0));
    for (const [part, style] of drawn) {
      const steps = chart[part].map((n, k) => `V${y(n)}H${this.x(edges[k + 1])}`);
      const d = `M${this.x(0)} ${TALL - BOTTOM}${steps.join("")}V${TALL - BOTTOM}`;
      draw(this.svg, "path", { class: part, d, ...style });
    }
    const middle = (TALL - BOTTOM + TOP) / 2;
    draw(
      this.svg,
      "text",
      { x: (LEFT + this.wide - RIGHT) / 2, y: TALL - 4, "text-anchor": "middle" },
      `score (${name})`,
    );
    draw(this.svg, "text", { transform: `translate(12 ${middle}) rotate(-90)`, "text-anchor": "middle" }, "objects");
    this.legend.replaceChildren(
      ...drawn.map(([part, style]) => {
        const entry = make("span");
        draw(draw(entry, "svg", { viewBox: "0 0 22 12" }), "rect", {
          x: 1,
          y: 1,
          width: 20,
          height: 10,
          ...style,
        });
        entry.append(words[part]);
        return entry;
      }),
    );
    this.line();
  }

  line() {
    const shown = String(Number(this.value.toPrecision(6)));
    this.slider.value = String(this.value);
    if (rootOf(this.box).activeElement !== this.box || this.box.value === "") this.box.value = shown;
    for (const element of this.svg.querySelectorAll(".threshold")) element.remove();
    this.svg.setAttribute("aria-label", `Histogram of scores, line at ${shown}`);
    if (!this.chart) return;
    const x = this.x(this.value);
    const group = draw(this.svg, "g", { class: "threshold", stroke: "#d55e00", fill: "#d55e00" });
    draw(group, "path", { d: `M${x} ${TOP}V${TALL - BOTTOM}`, "stroke-width": 2.5 });
    draw(group, "path", { d: `M${x - 7} ${TOP - 10}h14l-7 12z`, stroke: "none" });
  }
}

/** @param {{model: Model<ToBrowser, FromBrowser>, el: HTMLElement}} place */
export function render({ model, el }) {
  return untilRemoved(new Threshold(model, el), model);
}

export default { render };
