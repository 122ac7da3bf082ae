// @ts-check
// Filters of a table's columns: a histogram that can be brushed, or a list of values with counts. Plain JavaScript for
// Panel (JSComponent). All numbers are computed by Python. The messages are declared in galviz/tools/filters/messages.py.

import { button, clamp, clientName, draw, listen, make, number, send, untilRemoved } from "../shared.js";

const TALL = 44; // px of a histogram
const SHORT = 8; // values of a list that are shown at first
const OFFERED = 30; // columns that are offered at once
const STEPS = 200; // a range moves by this part of the histogram
const GRIP = 7; // px around an end that take hold of it

const CSS = `
.galviz-filters { width: 100%; font: 13px/1.4 system-ui, sans-serif; --selected: #1f86c8; --focus: #d55e00;
  color: var(--jp-ui-font-color1, var(--design-background-text-color, var(--panel-on-background-color, inherit)));
  --line: color-mix(in srgb, currentColor 24%, transparent); --faint: color-mix(in srgb, currentColor 26%, transparent); }
.galviz-filters * { box-sizing: border-box; }
.galviz-filters .top { display: flex; gap: 6px 10px; align-items: baseline; flex-wrap: wrap; }
.galviz-filters .counts { flex: 1 1 auto; font-variant-numeric: tabular-nums; }
.galviz-filters .alert { color: var(--focus); font-weight: 600; }
.galviz-filters input:not([type=checkbox]) { font: inherit; font-size: 12px; color: inherit; background: none; min-width: 0;
  border: 1px solid var(--line); border-radius: 5px; padding: 2px 6px; }
.galviz-filters input::placeholder { color: inherit; opacity: .7; }
.galviz-filters input[type=search] { width: 100%; margin: 6px 0; padding: 4px 8px; }
.galviz-filters button { font: inherit; font-size: 12px; color: inherit; background: none; cursor: pointer;
  border: 1px solid var(--line); border-radius: 5px; padding: 1px 8px; }
.galviz-filters button.plain { border-color: transparent; padding: 1px 5px; opacity: .8; }
.galviz-filters button:hover { background: color-mix(in srgb, currentColor 10%, transparent); opacity: 1; }
.galviz-filters [hidden] { display: none !important; }
.galviz-filters :is(input, button):focus-visible { outline: 2px solid var(--focus); outline-offset: 1px; }
.galviz-filters section { padding: 8px 0 10px; border-top: 1px solid var(--line); }
.galviz-filters header { display: flex; align-items: baseline; gap: 2px; }
.galviz-filters h4 { flex: 1 1 auto; min-width: 0; margin: 0; font: inherit; font-weight: 600; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; }
.galviz-filters section.active h4::before { content: "● "; color: var(--selected); }
.galviz-filters h4 .unit { font-weight: 400; opacity: .75; }
.galviz-filters .plot { position: relative; height: ${TALL}px; margin: 2px 4px 0; touch-action: none; cursor: crosshair;
  user-select: none; }
.galviz-filters .plot svg { position: absolute; inset: 0; width: 100%; height: 100%; display: block; }
.galviz-filters .plot .all { fill: var(--faint); }
.galviz-filters .plot .left { fill: var(--selected); }
.galviz-filters .range { position: absolute; top: 0; bottom: 0; cursor: grab; border-radius: 2px;
  background: color-mix(in srgb, var(--selected) 16%, transparent); }
.galviz-filters .range.none { background: none; cursor: crosshair; }
.galviz-filters .end { position: absolute; top: -2px; bottom: -2px; width: 5px; margin-left: -2.5px; border-radius: 3px;
  cursor: ew-resize; background: var(--selected); }
.galviz-filters .end.open { background: color-mix(in srgb, currentColor 40%, transparent); }
.galviz-filters :is(.range, .end):focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
.galviz-filters .ends { display: flex; align-items: center; gap: 6px; margin-top: 4px; }
.galviz-filters .ends input { flex: 1 1 0; width: 0; font-variant-numeric: tabular-nums; }
.galviz-filters ul { list-style: none; margin: 2px 0 0; padding: 0; }
.galviz-filters li label, .galviz-filters label.missing { position: relative; display: flex; gap: 6px; align-items: center;
  padding: 1px 4px; border-radius: 4px; cursor: pointer; overflow: hidden; }
.galviz-filters li label:hover, .galviz-filters label.missing:hover { background: color-mix(in srgb, currentColor 8%,
  transparent); }
.galviz-filters input[type=checkbox] { margin: 0; flex: none; accent-color: var(--selected); }
.galviz-filters .text { flex: 1 1 auto; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.galviz-filters .text.odd { font-style: italic; opacity: .8; }
.galviz-filters .many { flex: none; min-width: 7.5em; text-align: right; font-size: 12px; font-variant-numeric: tabular-nums; opacity: .85; }
.galviz-filters .share { flex: 0 0 44px; height: 9px; border-radius: 2px; position: relative; overflow: hidden; }
.galviz-filters .share i { position: absolute; inset: 0 auto 0 0; background: var(--faint); }
.galviz-filters .share i + i { background: var(--selected); }
.galviz-filters .offered { display: flex; flex-wrap: wrap; gap: 4px; margin: 2px 0 8px; }
.galviz-filters .offered button { max-width: 100%; overflow: hidden; text-overflow: ellipsis; }
.galviz-filters .note { opacity: .8; font-size: 12px; }
`;

/**
 * @import { Model, Unnamed } from "../shared.js"
 * @import { Column, FromBrowser, State, ToBrowser, Value } from "./messages.d.ts"
 *
 * @typedef {[number | null, number | null]} Range null is open
 * @typedef {"low" | "high" | "both" | "new"} Grip what a pointer has hold of
 */

/**
 * @param {number} value
 * @param {number[]} edges of the histogram
 * @returns {number} the nearest value with as many digits as a histogram can tell apart
 */
export function rounded(value, [low, high]) {
  const digits = Math.ceil(-Math.log10((high - low) / STEPS));
  return Number(value.toFixed(clamp(digits, 0, 100)));
}

/**
 * @param {number} part 0 … 1 from the left
 * @param {number[]} edges
 * @returns {number} an edge as it is: rounded, it would leave out the object that lies on it
 */
export function valueAt(part, [low, high]) {
  if (part <= 0) return low;
  return part >= 1 ? high : rounded(low + part * (high - low), [low, high]);
}

/**
 * @param {number} value
 * @param {number[]} edges
 * @returns {number} its part of the way from the first edge to the last, 0 … 1
 */
export const partOf = (value, [low, high]) => clamp((value - low) / (high - low));

/**
 * @param {Range} range
 * @param {number[]} edges
 * @returns {Range} the same in order, and open at an end that has reached the edge
 */
export function opened([a, b], [low, high]) {
  const [first, last] = a !== null && b !== null && a > b ? [b, a] : [a, b];
  return [first === null || first <= low ? null : first, last === null || last >= high ? null : last];
}

/**
 * @param {Range} range
 * @param {Grip} grip what is moved
 * @param {number} by part of the histogram
 * @param {number[]} edges
 * @returns {Range} a range that is moved as a whole keeps its width; an end that lies outside, as typed, stays there
 */
export function moved([low, high], grip, by, edges) {
  const [first, last] = [partOf(low ?? edges[0], edges), partOf(high ?? edges[1], edges)];
  const lowAt = (/** @type {number} */ part) => opened([valueAt(part, edges), null], edges)[0];
  const highAt = (/** @type {number} */ part) => opened([null, valueAt(part, edges)], edges)[1];
  if (grip === "low") return [lowAt(Math.min(first + by, last)), high];
  if (grip === "high") return [low, highAt(Math.max(last + by, first))];
  const outside = (/** @type {number | null} */ end) => end !== null && (end < edges[0] || end > edges[1]);
  const within = clamp(by, outside(low) ? -last : -first, outside(high) ? 1 - first : 1 - last);
  return [outside(low) ? low : lowAt(first + within), outside(high) ? high : highAt(last + within)];
}

/**
 * @param {Range} range
 * @param {0 | 1} k the end that was typed
 * @param {number | null} value
 * @returns {Range} an end typed beyond the other opens the other: exchanged, both fields would change while one types
 */
export function typedEnd([low, high], k, value) {
  const [first, last] = k ? [low, value] : [value, high];
  if (first === null || last === null || first <= last) return [first, last];
  return k ? [null, last] : [first, null];
}

/**
 * @param {string} key of the keyboard
 * @param {boolean} far
 * @returns {number | undefined} part of the histogram by which it moves
 */
export function keyMove(key, far) {
  const step = (far ? 10 : 1) / STEPS;
  const sides = new Map([
    ["ArrowLeft", -step],
    ["ArrowDown", -step],
    ["ArrowRight", step],
    ["ArrowUp", step],
    ["PageDown", -10 / STEPS],
    ["PageUp", 10 / STEPS],
    ["Home", -1],
    ["End", 1],
  ]);
  return sides.get(key);
}

/**
 * @param {number} n objects
 * @param {number} most
 * @returns {number} height of a bar, 0 … 1: by the square root, so that few objects are seen too
 */
export const heightOf = (n, most) => (n && most ? Math.max(0.05, Math.sqrt(n / most)) : 0);

/** @param {number} n */
const count = (n) => n.toLocaleString("en-US");

/**
 * @param {Pick<State, "total" | "selected" | "active">} state
 * @returns {string}
 */
export function countsText({ total, selected, active }) {
  if (!selected && !active) return `${count(total)} objects`;
  return `${count(selected)} of ${count(total)} objects selected`;
}

/**
 * @param {string[]} names
 * @param {string} query
 * @returns {string[]} those that contain it, those that begin with it first
 */
export function found(names, query) {
  const wanted = query.trim().toLowerCase();
  const inside = names.filter((name) => name.toLowerCase().includes(wanted));
  const begins = (/** @type {string} */ name) => name.toLowerCase().startsWith(wanted);
  return [...inside.filter(begins), ...inside.filter((name) => !begins(name))];
}

/** A histogram with a range that can be drawn, moved and typed. */
class Histogram {
  /** @type {Column} */
  column;
  /** @type {Range} */
  range = [null, null];
  /** @type {{grip: Grip, from: number, range: Range, pointer: number, moved: boolean} | null} */
  held = null;

  root = make("div");
  plot = make("div", "plot");
  svg = draw(this.plot, "svg", { viewBox: "0 0 1 1", preserveAspectRatio: "none", "aria-hidden": "true" });
  body = make("div", "range", "", { role: "slider" });
  low = make("div", "end", "", { role: "slider", tabindex: "0" });
  high = make("div", "end", "", { role: "slider", tabindex: "0" });
  from = make("input", "", "", { type: "text", inputmode: "decimal" });
  to = make("input", "", "", { type: "text", inputmode: "decimal" });

  /**
   * @param {Column} column
   * @param {(range: Range, done: boolean) => void} brushed
   */
  constructor(column, brushed) {
    this.column = column;
    this.brushed = brushed;
    this.plot.append(this.body, this.low, this.high);
    const ends = make("div", "ends");
    ends.append(this.from, make("span", "", "–", { "aria-hidden": "true" }), this.to);
    this.root.append(this.plot, ends);
    this.from.setAttribute("aria-label", `${column.name}, smallest`);
    this.to.setAttribute("aria-label", `${column.name}, largest`);
    this.plot.addEventListener("pointerdown", (event) => this.take(event));
    this.plot.addEventListener("pointermove", (event) => this.drag(event));
    this.plot.addEventListener("pointerup", () => this.drop());
    this.plot.addEventListener("pointercancel", () => this.drop());
    this.plot.addEventListener("dblclick", () => this.set([null, null], true));
    this.low.addEventListener("keydown", (event) => this.key(event, "low"));
    this.high.addEventListener("keydown", (event) => this.key(event, "high"));
    this.body.addEventListener("keydown", (event) => this.key(event, "both"));
    this.plot.addEventListener("keyup", (event) => {
      if (keyMove(event.key, false) !== undefined) this.set(this.range, true);
    });
    this.from.addEventListener("change", () => this.typed(this.from, 0));
    this.to.addEventListener("change", () => this.typed(this.to, 1));
  }

  /**
   * @param {Column} column
   * @param {boolean} pending a range is on its way to Python
   */
  show(column, pending) {
    const drawn = (/** @type {Column} */ { all, left, edges }) => JSON.stringify([all, left, edges]);
    const same = drawn(column) === drawn(this.column);
    this.column = column;
    if (!this.held && !pending) this.range = [column.low, column.high];
    if (!same || !this.svg.childElementCount) this.bars();
    this.place();
  }

  bars() {
    const { all, left, edges } = this.column;
    const most = Math.max(...all);
    const wide = 1 / all.length;
    this.svg.replaceChildren();
    for (const [k, n] of all.entries()) {
      const bar = (/** @type {string} */ name, /** @type {number} */ many) => {
        const height = heightOf(many, most);
        return draw(this.svg, "rect", { class: name, x: k * wide, y: 1 - height, width: wide * 0.9, height });
      };
      bar(left.length ? "all" : "left", n);
      if (left.length) bar("left", left[k]);
    }
    const chosen = left.length ? `, ${count(left.reduce((a, b) => a + b, 0))} selected` : "";
    this.plot.title =
      `${this.column.name}: ${number(edges[0])} to ${number(edges[1])}, ` +
      `${count(all.reduce((a, b) => a + b, 0))} objects${chosen}. Bars grow with the square root of the number. ` +
      "Drag to select a range; double-click to clear it.";
  }

  place() {
    const { edges, ends, name } = this.column;
    const [low, high] = this.range;
    const [first, last] = [partOf(low ?? edges[0], edges), partOf(high ?? edges[1], edges)];
    Object.assign(this.body.style, { left: `${100 * first}%`, width: `${100 * (last - first)}%` });
    this.low.style.left = `${100 * first}%`;
    this.high.style.left = `${100 * last}%`;
    const none = low === null && high === null;
    this.body.classList.toggle("none", none);
    this.body.tabIndex = none ? -1 : 0;
    this.low.classList.toggle("open", low === null);
    this.high.classList.toggle("open", high === null);
    /** @type {[HTMLElement, string, number | null, number][]} */
    const sliders = [
      [this.low, `${name} from`, low, edges[0]],
      [this.high, `${name} to`, high, edges[1]],
      [this.body, `${name}, range as a whole`, low, edges[0]],
    ];
    for (const [element, label, value, edge] of sliders) {
      element.setAttribute("aria-label", label);
      element.setAttribute("aria-valuemin", String(edges[0]));
      element.setAttribute("aria-valuemax", String(edges[1]));
      element.setAttribute("aria-valuenow", String(value ?? edge));
      element.setAttribute("aria-valuetext", value === null ? "open" : number(value));
    }
    const active = /** @type {Document | ShadowRoot} */ (this.root.getRootNode()).activeElement;
    if (active !== this.from) this.from.value = low === null ? "" : String(low);
    if (active !== this.to) this.to.value = high === null ? "" : String(high);
    this.from.placeholder = number(ends[0]);
    this.to.placeholder = number(ends[1]);
  }

  /**
   * @param {Range} range
   * @param {boolean} done
   */
  set(range, done) {
    this.range = range;
    this.place();
    this.brushed(range, done);
  }

  /** @param {PointerEvent} event */
  partAt(event) {
    const box = this.plot.getBoundingClientRect();
    return clamp((event.clientX - box.x) / Math.max(1, box.width));
  }

  /** @param {PointerEvent} event */
  take(event) {
    if (event.button) return;
    const { edges } = this.column;
    const from = this.partAt(event);
    const width = Math.max(1, this.plot.clientWidth);
    const none = this.range[0] === null && this.range[1] === null;
    const [first, last] = [partOf(this.range[0] ?? edges[0], edges), partOf(this.range[1] ?? edges[1], edges)];
    /** @type {Grip} */
    let grip = !none && from > first && from < last ? "both" : "new";
    if (Math.abs(from - last) * width < GRIP) grip = "high";
    if (Math.abs(from - first) * width < GRIP && (grip !== "high" || from < first || first > 0.5)) grip = "low";
    this.held = { grip, from, range: this.range, pointer: event.pointerId, moved: false };
    this.plot.setPointerCapture(event.pointerId);
    event.preventDefault();
    ({ low: this.low, high: this.high, both: this.body, new: this.high })[grip].focus({ preventScroll: true });
  }

  /** @param {PointerEvent} event */
  drag(event) {
    const { held } = this;
    if (!held || held.pointer !== event.pointerId) return;
    const to = this.partAt(event);
    if (!held.moved && Math.abs(to - held.from) * this.plot.clientWidth < 3) return;
    held.moved = true;
    const { edges } = this.column;
    const drawn = opened([valueAt(held.from, edges), valueAt(to, edges)], edges);
    this.set(held.grip === "new" ? drawn : moved(held.range, held.grip, to - held.from, edges), false);
  }

  drop() {
    const { held } = this;
    this.held = null;
    if (held?.moved) this.set(this.range, true);
  }

  /**
   * @param {KeyboardEvent} event
   * @param {Grip} grip
   */
  key(event, grip) {
    if (event.altKey || event.metaKey || event.ctrlKey) return;
    const by = keyMove(event.key, event.shiftKey);
    if (by !== undefined) this.set(moved(this.range, grip, by, this.column.edges), false);
    else if (["Delete", "Backspace", "Escape"].includes(event.key)) this.set([null, null], true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /**
   * @param {HTMLInputElement} input
   * @param {0 | 1} k the end of the range
   */
  typed(input, k) {
    const text = input.value.trim();
    const value = text === "" ? null : Number(text);
    const valid = value === null || Number.isFinite(value);
    input.setAttribute("aria-invalid", String(!valid));
    if (valid) this.set(typedEnd(this.range, k, value), true);
  }
}

/**
 * @param {Column} column
 * @returns {string} what a section is built from; a column that was replaced may have other values
 */
export const builtFrom = ({ unit, edges, values }) =>
  JSON.stringify([unit, edges.length > 0, values.map(({ text }) => text)]);

/** One column: its name, a histogram or a list, and the objects without a value. */
class Section {
  root = make("section");
  title = make("h4");
  clear = make("button", "plain", "Clear", { type: "button" });
  list = make("ul");
  rest = make("button", "plain", "", { type: "button" });
  lacking = make("label", "missing");
  tick = make("input", "", "", { type: "checkbox" });
  lack = make("span", "text");
  long = false;

  /**
   * @param {Column} column
   * @param {(message: Unnamed<FromBrowser>) => void} act
   * @param {(range: Range, done: boolean) => void} brushed
   */
  constructor(column, act, brushed) {
    const { name } = column;
    this.column = column;
    this.act = act;
    this.histogram = column.edges.length ? new Histogram(column, brushed) : null;
    const away = button("✕", () => act({ type: "remove", name }), { title: `Hide ${name} and its filter` });
    away.className = "plain";
    away.setAttribute("aria-label", `Hide ${name}`);
    this.clear.setAttribute("aria-label", `Clear the filter of ${name}`);
    this.clear.addEventListener("click", () => act({ type: "clear", name }));
    const header = make("header");
    header.append(this.title, this.clear, away);
    this.title.title = name;
    this.title.append(name, make("span", "unit", column.unit ? ` (${column.unit})` : ""));
    this.root.setAttribute("aria-label", `Filter ${name}`);
    this.rest.addEventListener("click", () => {
      this.long = !this.long;
      this.show(this.column);
    });
    this.tick.addEventListener("change", () => act({ type: "missing", name, on: this.tick.checked }));
    this.lacking.append(this.tick, this.lack);
    this.root.append(header, this.histogram?.root ?? this.list, this.rest, this.lacking);
    for (const [place] of column.values.entries()) this.list.append(this.line(place));
  }

  /** @param {number} place of a value in the list */
  line(place) {
    const line = make("li");
    const label = make("label");
    const tick = make("input", "", "", { type: "checkbox" });
    tick.addEventListener("change", () => this.act({ type: "tick", name: this.column.name, place, on: tick.checked }));
    const { text } = this.column.values[place];
    const share = make("span", "share", "", { "aria-hidden": "true" });
    share.append(make("i"), make("i"));
    label.append(tick, make("span", text ? "text" : "text odd", text || "empty"), share, make("span", "many"));
    label.title = text;
    line.append(label);
    return line;
  }

  /**
   * @param {Column} column
   * @param {boolean} pending
   */
  show(column, pending = false) {
    this.column = column;
    this.root.classList.toggle("active", column.active);
    this.clear.hidden = !column.active;
    this.histogram?.show(column, pending);
    const most = Math.max(1, ...column.values.map(({ all }) => all));
    const some = column.values.some(({ left }) => left > 0) || column.active;
    for (const [k, line] of [...this.list.children].entries())
      this.fill(/** @type {HTMLElement} */ (line), k, most, some);
    const hidden = column.values.length - SHORT;
    this.rest.hidden = hidden <= 0 && !column.more;
    const beyond = column.more ? ` (${count(column.more)} rarer values are not listed)` : "";
    this.rest.textContent = `${this.long ? "Fewer" : `${count(Math.max(0, hidden))} more`}${beyond}`;
    this.rest.setAttribute("aria-expanded", String(this.long));
    this.lacking.hidden = column.missing === 0;
    this.tick.checked = column.with_missing;
    const left = column.missing_left ? `, ${count(column.missing_left)} selected` : "";
    this.lack.textContent = `${count(column.missing)} without a value${left}`;
  }

  /**
   * @param {HTMLElement} line
   * @param {number} k
   * @param {number} most objects with one value
   * @param {boolean} some objects are selected, or none passes
   */
  fill(line, k, most, some) {
    const value = this.column.values[k];
    const [tick, , share, many] = /** @type {[HTMLInputElement, Element, HTMLElement, Element]} */ ([
      .../** @type {Element} */ (line.firstElementChild).children,
    ]);
    line.hidden = !this.long && k >= SHORT && !value.ticked;
    tick.checked = value.ticked;
    const [all, left] = /** @type {HTMLElement[]} */ ([...share.children]);
    all.style.width = `${(100 * value.all) / most}%`;
    left.style.width = `${(100 * (some ? value.left : value.all)) / most}%`;
    many.textContent = some ? `${count(value.left)} of ${count(value.all)}` : count(value.all);
  }
}

class Filters {
  client = clientName(); // two views of one model number their messages apart
  seq = 0;
  acknowledged = 0;
  /** @type {{name: string, range: Range, done: boolean} | null} */
  wanted = null; // a range that is not sent yet: one at a time, so that a slow server is not flooded
  /** @type {State | null} */
  state = null;
  /** @type {Map<string, Section>} */
  sections = new Map();

  root = make("div", "galviz-filters");
  counts = make("span", "counts", "loading …", { role: "status" });
  clear = button("Clear all", () => this.act({ type: "clear", name: "" }), { title: "Clear all filters" });
  search = make("input", "", "", { type: "search", placeholder: "Find a column", "aria-label": "Find a column" });
  add = button("+ Add column", () => this.turn(), { title: "Columns that can be added" });
  offered = make("div", "offered");
  alert = make("div", "alert", "", { role: "alert" });
  list = make("div");
  offering = false;

  /**
   * @param {Model<ToBrowser, FromBrowser>} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    this.model = model;
    this.root.dataset.lmSuppressShortcuts = "true"; // keys are ours, not JupyterLab's
    const top = make("div", "top");
    top.append(this.counts, this.clear);
    this.clear.hidden = true;
    this.search.addEventListener("input", () => this.offer());
    this.root.append(make("style", "", CSS), top, this.alert, this.search, this.list, this.add, this.offered);
    el.replaceChildren(this.root);
    this.unlisten = listen(model, this.receive, { type: "hello", client: this.client });
  }

  close() {
    this.unlisten();
  }

  /** @param {Unnamed<FromBrowser>} message */
  act(message) {
    this.seq += 1;
    send(this.model, /** @type {FromBrowser} */ ({ client: this.client, seq: this.seq, ...message }));
  }

  /** @type {(state: ToBrowser) => void} */
  receive = (state) => {
    this.state = state;
    this.acknowledged = state.acknowledged[this.client] ?? 0;
    this.counts.textContent = countsText(state);
    this.clear.hidden = !state.active;
    this.alert.textContent = state.error;
    const names = state.columns.map(({ name }) => name);
    for (const [name, { root }] of this.sections) {
      if (names.includes(name)) continue;
      root.remove();
      this.sections.delete(name);
    }
    for (const column of state.columns) {
      const before = this.sections.get(column.name);
      const section = before && builtFrom(before.column) === builtFrom(column) ? before : this.grow(column, before);
      section.show(column, this.wanted?.name === column.name || this.acknowledged < this.seq);
    }
    this.offer();
    this.sendBrush();
  };

  /**
   * @param {Column} column
   * @param {Section} [before] whose place it takes
   */
  grow(column, before) {
    const { name } = column;
    const section = new Section(
      column,
      (message) => this.act(message),
      (range, done) => this.brush(name, range, done),
    );
    this.sections.set(name, section);
    if (before) before.root.replaceWith(section.root);
    else this.list.append(section.root);
    return section;
  }

  /**
   * @param {string} name
   * @param {Range} range
   * @param {boolean} done
   */
  brush(name, range, done) {
    if (this.wanted && this.wanted.name !== name) this.sendBrush(true);
    this.wanted = { name, range, done };
    this.sendBrush();
  }

  sendBrush(now = false) {
    if (!this.wanted || (!now && this.acknowledged < this.seq)) return;
    const { name, range, done } = this.wanted;
    this.wanted = null;
    this.act({ type: "brush", name, low: range[0], high: range[1], done });
  }

  turn() {
    this.offering = !this.offering;
    this.offer();
    if (this.offering) this.search.focus();
  }

  /** Shows the columns that are searched for, and offers others. */
  offer() {
    if (!this.state) return;
    const query = this.search.value;
    const shown = found([...this.sections.keys()], query);
    for (const [name, { root }] of this.sections) root.hidden = !shown.includes(name);
    const others = found(this.state.others, query);
    this.add.hidden = !this.state.others.length || query.trim() !== "";
    this.add.setAttribute("aria-expanded", String(this.offering));
    this.offered.hidden = !this.offering && query.trim() === "";
    const key = JSON.stringify(others);
    if (this.offered.dataset.names === key) return;
    this.offered.dataset.names = key;
    const buttons = others
      .slice(0, OFFERED)
      .map((name) => button(`+ ${name}`, () => this.choose(name), { title: `Add ${name}` }));
    const more = others.length > OFFERED ? `and ${count(others.length - OFFERED)} more: type a part of the name` : "";
    this.offered.replaceChildren(...buttons, make("span", "note", more));
    if (query.trim() && !others.length && !shown.length)
      this.offered.append(make("span", "note", "No column with numbers or few values has this in its name."));
  }

  /** @param {string} name */
  choose(name) {
    this.search.value = "";
    this.act({ type: "add", name });
    this.search.focus();
  }
}

/** @param {{model: Model<ToBrowser, FromBrowser>, el: HTMLElement}} place */
export function render({ model, el }) {
  return untilRemoved(new Filters(model, el), model);
}

export default { render };
