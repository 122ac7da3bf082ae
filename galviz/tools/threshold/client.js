// A histogram of scores with a line that can be dragged, a slider and a box for the same number, and what the line does.
// Plain JavaScript for Panel (JSComponent) and Jupyter (anywidget); it asks nothing of any other server.
// Counts and numbers are told by Python, see galviz/threshold.py; what it tells back is the threshold.

const SVG = "http://www.w3.org/2000/svg";
const [LEFT, RIGHT, TOP, BOTTOM] = [58, 12, 12, 38]; // px around the bars
const TALL = 230;
const CSS = `
.galviz-threshold { display: flex; flex-wrap: wrap; gap: 8px 24px; width: 100%; font: 13px/1.4 system-ui, sans-serif;
  color: var(--design-background-text-color, var(--panel-on-background-color, var(--jp-ui-font-color1, inherit)));
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
.galviz-threshold dt { opacity: .8; }
.galviz-threshold dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; }
`;
const LOOKS = {
  all: { fill: "#1f86c8", "fill-opacity": 0.8 },
  yes: { fill: "none", stroke: "#e69f00", "stroke-width": 2.5 },
  no: { fill: "none", stroke: "currentColor", "stroke-width": 1.5, "stroke-dasharray": "4 3" },
};

function make(tag, className = "", text = "", attributes = {}) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.className = className;
  element.textContent = text;
  return element;
}

function draw(parent, tag, attributes, text = "") {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  parent.append(element);
  return element;
}

const clamp = (value) => Math.max(0, Math.min(1, value));
const short = (value) => (value >= 10000 ? value.toExponential(0).replace("e+", "e") : String(value));

class Threshold {
  constructor(model, el) {
    this.client = Math.random().toString(36).slice(2); // two views of one model number what they tell apart
    Object.assign(this, { model, chart: null, value: 0.5, seq: 0, heard: 0, wanted: null, logarithmic: true });
    this.build(el);
    this.listen = (content) => this.receive(content);
    model.on("msg:custom", this.listen);
    this.send({ type: "hello" });
  }

  send(message) {
    const full = { client: this.client, ...message };
    if (typeof this.model.send_msg === "function") this.model.send_msg(full);
    else this.model.send(full);
  }

  close() {
    this.model.off("msg:custom", this.listen);
    this.watch.disconnect();
  }

  build(el) {
    this.root = make("div", "galviz-threshold");
    this.root.dataset.lmSuppressShortcuts = "true"; // keys are ours, not JupyterLab's
    const chart = make("div", "chart");
    this.svg = draw(chart, "svg", { role: "img" });
    this.slider = make("input", "", "", { type: "range", min: 0, max: 1, step: 0.001, "aria-label": "Threshold" });
    this.box = make("input", "", "", { type: "number", min: 0, max: 1, step: "any" });
    const label = make("label", "", "Threshold ");
    label.append(this.box);
    this.log = make("button", "", "logarithmic", { type: "button", "aria-pressed": "true" });
    this.legend = make("div", "legend");
    const set = make("div", "set");
    set.append(label, this.log, this.legend);
    chart.append(this.slider, set);
    this.numbers = make("dl", "", "", { role: "status", "aria-label": "What the threshold does" });
    this.root.append(make("style", "", CSS), chart, this.numbers);
    el.replaceChildren(this.root);
    this.slider.addEventListener("input", () => this.choose(Number(this.slider.value), false));
    this.slider.addEventListener("change", () => this.choose(Number(this.slider.value), true));
    this.box.addEventListener("change", () => {
      if (this.box.value !== "" && Number.isFinite(Number(this.box.value))) this.choose(Number(this.box.value), true);
      if (Number(this.box.value) !== this.value) this.box.value = String(this.value); // it was outside 0…1
    });
    this.log.addEventListener("click", () => {
      this.logarithmic = !this.logarithmic;
      this.log.setAttribute("aria-pressed", this.logarithmic);
      this.bars();
    });
    const drag = (event, done) => {
      const box = this.svg.getBoundingClientRect();
      const part = (event.clientX - box.x - LEFT) / Math.max(1, box.width - LEFT - RIGHT);
      this.choose(Math.round(clamp(part) * 1000) / 1000, done);
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
    this.watch = new ResizeObserver(() => this.bars());
    this.watch.observe(chart);
  }

  // One wish is on its way at a time; of those that come meanwhile only the last is told.
  choose(value, done) {
    this.value = clamp(value);
    this.wanted = { value: this.value, done };
    this.line();
    this.tell();
  }

  tell() {
    if (!this.wanted || (this.heard < this.seq && !this.wanted.done)) return;
    this.seq += 1;
    this.send({ type: "threshold", ...this.wanted, seq: this.seq });
    this.wanted = null;
  }

  receive(content) {
    if (content.type === "chart") {
      this.chart = content;
      this.bars();
    } else if (content.type === "state") {
      const told = content.heard instanceof Map ? Object.fromEntries(content.heard) : content.heard;
      this.heard = told[this.client] ?? 0;
      if (this.heard >= this.seq && !this.wanted && !this.dragged) this.value = content.threshold;
      const entries = content.numbers.flatMap(([name, value]) => [make("dt", "", name), make("dd", "", value)]);
      this.numbers.replaceChildren(...entries);
      this.line();
      this.tell();
    }
  }

  get wide() {
    return Math.max(120, this.svg.clientWidth);
  }

  x(value) {
    return LEFT + value * (this.wide - LEFT - RIGHT);
  }

  bars() {
    if (!this.chart) return;
    const { edges, name } = this.chart;
    const low = this.logarithmic ? Math.log10(0.5) : 0;
    const scale = (n) => (this.logarithmic ? Math.log10(Math.max(n, 0.5)) : n);
    const most = Math.max(1, ...this.chart.all);
    const high = scale(most * (this.logarithmic ? 1.5 : 1.05));
    const y = (n) => TALL - BOTTOM - ((scale(n) - low) / (high - low)) * (TALL - TOP - BOTTOM);
    this.svg.replaceChildren();
    this.svg.setAttribute("viewBox", `0 0 ${this.wide} ${TALL}`);
    for (const tick of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
      draw(this.svg, "path", { d: `M${this.x(tick)} ${TALL - BOTTOM}v5`, stroke: "currentColor" });
      draw(this.svg, "text", { x: this.x(tick), y: TALL - BOTTOM + 17, "text-anchor": "middle" }, tick);
    }
    const powers = [...Array(Math.floor(Math.log10(most)) + 1).keys()].map((k) => 10 ** k);
    for (const tick of this.logarithmic ? powers : [0, most / 2, most].map(Math.round)) {
      draw(this.svg, "path", { d: `M${LEFT} ${y(tick)}h${this.wide - LEFT - RIGHT}`, stroke: "var(--line)" });
      draw(this.svg, "text", { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, short(tick));
    }
    const words = { all: "all objects", yes: `known: ${name}`, no: `known: not ${name}` };
    const drawn = Object.keys(LOOKS).filter((part) => this.chart[part].some((n) => n > 0));
    for (const part of drawn) {
      const steps = this.chart[part].map((n, k) => `V${y(n)}H${this.x(edges[k + 1])}`);
      const d = `M${this.x(0)} ${TALL - BOTTOM}${steps.join("")}V${TALL - BOTTOM}`;
      draw(this.svg, "path", { class: part, d, ...LOOKS[part] });
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
      ...drawn.map((part) => {
        const entry = make("span");
        draw(draw(entry, "svg", { viewBox: "0 0 22 12" }), "rect", {
          x: 1,
          y: 1,
          width: 20,
          height: 10,
          ...LOOKS[part],
        });
        entry.append(words[part]);
        return entry;
      }),
    );
    this.line();
  }

  line() {
    const shown = String(Number(this.value.toPrecision(6)));
    this.slider.value = this.value;
    if (this.box.getRootNode().activeElement !== this.box || this.box.value === "") this.box.value = shown;
    this.svg.querySelectorAll(".threshold").forEach((element) => element.remove());
    this.svg.setAttribute("aria-label", `Histogram of scores, line at ${shown}`);
    if (!this.chart) return;
    const x = this.x(this.value);
    const group = draw(this.svg, "g", { class: "threshold", stroke: "#d55e00", fill: "#d55e00" });
    draw(group, "path", { d: `M${x} ${TOP}V${TALL - BOTTOM}`, "stroke-width": 2.5 });
    draw(group, "path", { d: `M${x - 7} ${TOP - 10}h14l-7 12z`, stroke: "none" });
  }
}

export function render({ model, el }) {
  const view = new Threshold(model, el);
  if (typeof model.send_msg === "function") model.on("lifecycle:remove", () => view.close());
  return () => view.close();
}

export default { render };
