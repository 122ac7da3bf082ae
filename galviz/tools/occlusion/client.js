// @ts-check
// An image beside its map: one view of both, the occluder under the pointer, what lies there, and regions to draw.
// Plain JavaScript for Panel (JSComponent) and Jupyter (anywidget); it loads nothing from any other server.
// Id and pixels come in one message. The messages are declared in galviz/tools/occlusion/messages.py.

import {
  button,
  bytes,
  clamp,
  draw,
  drawMark,
  isTyping,
  legendOf,
  listen,
  make,
  number,
  onPage,
  pen,
  rootOf,
  send,
  untilRemoved,
} from "../shared.js";

const CSS = `
.galviz-occlusion { display: flex; flex-direction: column; gap: 6px; width: 100%; font: 13px/1.4 system-ui, sans-serif;
  color: var(--jp-ui-font-color1, var(--design-background-text-color, var(--panel-on-background-color, inherit)));
  --line: color-mix(in srgb, currentColor 24%, transparent); }
.galviz-occlusion.fills { height: 100%; box-sizing: border-box; }
.galviz-occlusion .pair { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)) minmax(170px, 0.5fr); gap: 12px; }
.galviz-occlusion { container-type: inline-size; }
.galviz-occlusion.fills .pair { flex: 1; min-height: 0; }
.galviz-occlusion figure { margin: 0; min-width: 0; min-height: 0; display: flex; flex-direction: column; }
.galviz-occlusion:not(.fills) figure { max-width: 560px; }
.galviz-occlusion figcaption { font-weight: 600; white-space: nowrap; overflow: hidden; text-overflow: ellipsis;
  min-height: 1.4em; }
.galviz-occlusion .stage { display: flex; justify-content: center; align-items: flex-start; container-type: inline-size; }
.galviz-occlusion.fills .stage { flex: 1; min-height: 0; container-type: size; }
.galviz-occlusion .frame { display: block; width: 100%; touch-action: none; cursor: crosshair; border-radius: 6px;
  background: repeating-linear-gradient(135deg, #8c8c8c 0 8px, #a3a3a3 8px 11px); }
.galviz-occlusion.fills .frame { width: min(100cqw, calc(100cqh * var(--shape, 1))); }
.galviz-occlusion .side { min-width: 0; min-height: 0; overflow: auto; display: flex; flex-direction: column; gap: 6px; }
.galviz-occlusion .side ol { margin: 0; padding-left: 1.6em; display: flex; flex-direction: column; gap: 4px; }
.galviz-occlusion .side li .what { display: block; }
.galviz-occlusion .side li button { padding: 0 7px; float: right; }
.galviz-occlusion .hint { font-size: 12px; }
.galviz-occlusion .bands { display: grid; gap: 2px; flex: none; padding-bottom: 6px; border-bottom: 1px solid var(--line); }
.galviz-occlusion .bands[hidden] { display: none; }
.galviz-occlusion .bands p { margin: 0; font-size: 12px; }
.galviz-occlusion .bands .one { display: grid; grid-template-columns: minmax(2ch, max-content) 1fr 9ch; gap: 8px;
  align-items: center; padding: 1px 6px; text-align: left; border-color: transparent; font-variant-numeric: tabular-nums; }
.galviz-occlusion .bands .one:is(:hover, [aria-pressed=true]) { border-color: var(--line); }
.galviz-occlusion .bands .one i { height: 10px; width: calc(100% * var(--part)); background: #1f86c8; border-radius: 2px; }
.galviz-occlusion .bands .one span { text-align: right; }
@container (max-width: 700px) {
  .galviz-occlusion .pair { grid-template-columns: repeat(2, minmax(0, 1fr)); grid-template-rows: minmax(160px, 1fr) auto; }
  .galviz-occlusion .side { grid-column: 1 / -1; max-height: 150px; }
}
.galviz-occlusion :is(.frame, button, input):focus-visible { outline: 2px solid #d55e00; }
.galviz-occlusion image { image-rendering: pixelated; }
.galviz-occlusion .tools { display: flex; flex-wrap: wrap; gap: 4px 12px; align-items: center; }
.galviz-occlusion button { font: inherit; color: inherit; background: none; padding: 2px 9px; cursor: pointer;
  border: 1px solid var(--line); border-radius: 5px; }
.galviz-occlusion button[aria-pressed=true] { background: color-mix(in srgb, currentColor 16%, transparent); }
.galviz-occlusion .bar { display: flex; min-height: 20px; align-items: center; gap: 8px; margin-top: 4px; font-size: 12px; }
.galviz-occlusion .signs { font-size: 12px; min-height: 2.8em; }
.galviz-occlusion .ramp { flex: 1; height: 10px; border: 1px solid var(--line); border-radius: 3px; }
.galviz-occlusion .readout { min-height: 1.4em; font: 12px/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
.galviz-occlusion .legend { display: flex; gap: 14px; flex-wrap: wrap; }
`;

/**
 * @import { Model } from "../shared.js"
 * @import { Effects, FromBrowser, Map as MapMessage, Object as Shown, Region, Source, ToBrowser } from "./messages.d.ts"
 *
 * @typedef {[number, number, number, number]} Box left, top, width, height of what both frames show, image pixels
 * @typedef {[number, number]} Point of the image, pixels from its left and its top
 * @typedef {Omit<MapMessage, "values" | "outputs"> & {values: Float32Array, outputs: Float32Array}} Answer a map with its numbers
 * @typedef {{name: "image" | "map", svg: SVGSVGElement, caption: HTMLElement, bar: HTMLElement, signs: HTMLElement}} Frame
 */

/**
 * @param {Box} box
 * @param {number} width of the image
 * @param {number} height
 * @returns {Box} the same, moved into the image
 */
export const insideImage = ([x, y, w, h], width, height) => [clamp(x, 0, width - w), clamp(y, 0, height - h), w, h];

/**
 * @param {Box} box
 * @param {number} factor more than 1: closer; 0: the whole image
 * @param {Point} at stays where it is
 * @param {number} width of the image
 * @param {number} height
 * @returns {Box} of the image's shape, inside it, a twentieth of it at least
 */
export function zoomed([x, y, w, h], factor, [cx, cy], width, height) {
  const size = factor ? clamp(w / width / factor, 0.05, 1) : 1;
  const left = cx - ((cx - x) * size * width) / w;
  const top = cy - ((cy - y) * size * height) / h;
  return insideImage([left, top, size * width, size * height], width, height);
}

/**
 * @param {Point} at
 * @param {Pick<Answer, "tops" | "lefts" | "patch" | "outputs">} answer
 * @param {number} height of the image
 * @returns {number} the place of the occluder whose middle is nearest, of those with an output; -1: there is none
 */
export function nearestPlace([x, y], { tops, lefts, patch, outputs }, height) {
  const row = height - y; // counted from the bottom, as the places are
  let best = -1;
  let least = Infinity;
  for (let k = 0; k < tops.length; k += 1) {
    const far = Math.hypot(tops[k] + patch / 2 - row, lefts[k] + patch / 2 - x);
    if (far < least && Number.isFinite(outputs[k])) [best, least] = [k, far];
  }
  return best;
}

const CORNERS = 24; // of the region around a source
const MOST = 20; // regions of an object
const FEW = 8; // sources that are counted at a glance
const CLOSE = 8; // pixels of the screen from the first corner, where a click closes a region
const JITTER = 4; // pixels of the screen that a hand moves while it clicks, and between corners of a line it draws

/**
 * @param {Pick<MapMessage, "bands" | "effects">} map
 * @returns {{name: string, effect: number, part: number}[]} each band, its mean absolute change, and this as part of
 *   the largest; none until all are known
 */
export function barsOf({ bands, effects }) {
  if (effects.length !== bands.length) return [];
  const most = Math.max(...effects);
  return bands.map((name, k) => ({ name, effect: effects[k], part: most > 0 ? effects[k] / most : 0 }));
}

/**
 * @param {Point[]} line of the pointer, image pixels
 * @param {Point} to
 * @param {number} least image pixels between two corners
 * @returns {Point[]} the line with a corner more, unless that is too near to the last one
 */
export function longer(line, to, least) {
  const last = line.at(-1);
  return last && Math.hypot(last[0] - to[0], last[1] - to[1]) < least ? line : [...line, to];
}

/**
 * @param {Pick<Region, "name">[]} regions
 * @returns {string} a name that none of them has
 */
export function newName(regions) {
  let k = regions.length + 1;
  while (regions.some(({ name }) => name === `region ${k}`)) k += 1;
  return `region ${k}`;
}

/**
 * @param {Point[]} line from the image's left and top
 * @param {number} height of the image
 * @returns {[number, number][]} the same as places of sources: whole numbers at the centres of pixels, row 0 at the bottom
 */
export const asPlaces = (line, height) => line.map(([x, y]) => [x - 0.5, height - y - 0.5]);

/**
 * @param {Pick<Source, "x" | "y">} source
 * @param {number} radius pixels
 * @returns {[number, number][]} corners of a circle around it
 */
export function circle({ x, y }, radius) {
  const angles = [...Array(CORNERS).keys()].map((k) => (2 * Math.PI * k) / CORNERS);
  return angles.map((angle) => [x + radius * Math.cos(angle), y + radius * Math.sin(angle)]);
}

/**
 * @param {EventTarget | undefined} target of a key
 * @param {HTMLElement} root of the view
 * @returns {boolean} whether ← and → are free there to go to another object
 */
function isFree(target, root) {
  if (!(target instanceof Element)) return true;
  const plain = target === document.body || target.matches("button:not([role=tab])");
  return plain || (root.contains(target) && !target.matches("input, svg"));
}

/**
 * @param {number} value
 * @param {Pick<Answer, "limits" | "palette">} scale
 * @returns {number[]} red, green, blue; those in the middle where both limits are the same
 */
export function colourOf(value, { limits: [low, high], palette }) {
  const part = high > low ? (value - low) / (high - low) : 0.5;
  return palette[Math.round(clamp(part) * (palette.length - 1))];
}

/**
 * @param {Answer} answer
 * @param {Shown} object
 * @returns {string} address of the map as a picture, row 0 at the bottom; what has not come yet is transparent
 */
function paintedMap(answer, { width, height }) {
  const canvas = make("canvas", "", "", { width, height });
  const out = new ImageData(width, height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const value = answer.values[y * width + x];
      if (!Number.isFinite(value)) continue;
      out.data.set([...colourOf(value, answer), 255], 4 * ((height - 1 - y) * width + x));
    }
  }
  pen(canvas).putImageData(out, 0, 0);
  return canvas.toDataURL();
}

/**
 * @param {HTMLElement} bar gets the colours and the limits of a map
 * @param {Answer} answer
 */
function fillRamp(bar, { limits: [low, high], palette, unit }) {
  const ramp = make("div", "ramp");
  ramp.style.background = `linear-gradient(to right, ${palette.map((colour) => `rgb(${colour})`)})`;
  bar.replaceChildren(make("span", "", number(low)), ramp, make("span", "", `${number(high)} ${unit}`));
}

/** @type {Map<string, Point>} */
const STEPS = new Map([
  ["ArrowLeft", [-1, 0]],
  ["ArrowRight", [1, 0]],
  ["ArrowUp", [0, -1]],
  ["ArrowDown", [0, 1]],
]);
const FACTORS = new Map([
  ["+", 1.25],
  ["=", 1.25],
  ["-", 0.8],
  ["0", 0],
]);

/**
 * @param {number} sources of the image
 * @returns {string} of the button: where there are many, also how many of them become regions
 */
export function aroundText(sources) {
  const many = sources > MOST ? ` (${MOST} of ${sources})` : ` (${sources})`;
  return `Sources as regions${sources > FEW ? many : ""}`;
}

/**
 * @param {number} views over which the run's prediction is averaged
 * @returns {string} why the output for the image is not the run's prediction
 */
export const viewsText = (views) => (views > 1 ? ` (one view; the prediction is the mean of ${views} views)` : "");

class Occlusion {
  /** @type {Shown | null} */
  object = null;
  /** @type {Answer | null} */
  answer = null;
  /** @type {Box} */
  box = [0, 0, 1, 1]; // until an object comes
  /** @type {Point | null} */
  pointed = null;
  /** @type {{from: Point, svg: SVGSVGElement} | null} */
  drag = null;
  marks = true;
  drawing = false;
  /** @type {Point[]} */
  line = []; // corners of the region that is being drawn
  /** @type {{x: number, y: number} | null} */
  pressed = null; // where on the screen, while the pointer draws
  /** @type {Region[]} */
  regions = [];
  /** @type {Effects | null} */
  effects = null;
  picture = ""; // address of the image
  painted = ""; // address of the map

  root = make("div", "galviz-occlusion");
  pair = make("div", "pair");
  frames = [this.frame("image"), this.frame("map")];
  opacity = make("input", "", "", { type: "range", min: 0, max: 1, step: 0.05, value: 0 });
  toggle = button("sources", () => this.turn(), { pressed: true });
  legend = make("div", "legend");
  readout = make("div", "readout", "", { role: "status" });
  drawButton = button("Draw region", () => this.draw(!this.drawing), {
    title: "drag along its edge, or click its corners; Enter closes it, Esc ends",
    pressed: false,
  });
  around = button(aroundText(0), () => this.aroundSources(), { title: "a circle around each marked source" });
  clear = button("Clear", () => this.change([]), { title: "remove all regions" });
  list = make("ol", "", "", { "aria-label": "Regions" });
  together = make("div", "together", "", { role: "status" });
  hint = make("div", "hint", "", { role: "status" });
  bands = make("section", "bands", "", { "aria-label": "Which band matters" });
  watch = new ResizeObserver(() => this.show());

  /**
   * @param {Model<ToBrowser, FromBrowser>} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    this.model = model;
    this.root.dataset.lmSuppressShortcuts = "true"; // keys are ours, not JupyterLab's
    const tools = make("div", "tools");
    this.opacity.addEventListener("input", () => this.show());
    const over = make("label", "", "Map over the image ");
    over.append(this.opacity);
    const whole = button("whole image", () => this.zoom(0), { title: "undo the zoom (0)" });
    whole.setAttribute("aria-label", "whole image");
    const keys = "wheel or + −: zoom; drag: move; shift and arrows: move the occluder; ← →: other object";
    for (const { svg } of this.frames) svg.setAttribute("aria-description", keys);
    tools.append(over, this.toggle, whole, this.legend);
    const side = make("section", "side", "", { "aria-label": "Bands and regions that are hidden" });
    const buttons = make("div", "tools");
    buttons.append(this.drawButton, this.around, this.clear);
    side.append(this.bands, buttons, this.hint, this.list, this.together);
    this.pair.append(side);
    this.root.append(make("style", "", CSS), this.pair, tools, this.readout);
    el.replaceChildren(this.root);
    if (onPage(model)) {
      this.root.classList.add("fills");
      el.style.height = "100%";
      document.addEventListener("keydown", this.pageKey);
    }
    this.watch.observe(this.root);
    this.unlisten = listen(model, this.receive, { type: "hello" });
  }

  close() {
    document.removeEventListener("keydown", this.pageKey);
    this.unlisten();
    this.watch.disconnect();
  }

  turn() {
    this.marks = !this.marks;
    this.toggle.setAttribute("aria-pressed", String(this.marks));
    this.show();
  }

  /**
   * @param {Frame["name"]} name
   * @returns {Frame}
   */
  frame(name) {
    const figure = make("figure");
    const caption = make("figcaption");
    const stage = make("div", "stage");
    const svg = draw(stage, "svg", { class: "frame", tabindex: 0, role: "img" });
    const bar = make("div", "bar");
    const signs = make("div", "signs");
    figure.append(caption, stage, bar, signs);
    svg.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.zoom(event.deltaY < 0 ? 1.25 : 0.8, this.at(event, svg));
      },
      { passive: false },
    );
    svg.addEventListener("pointerdown", (event) => {
      svg.setPointerCapture(event.pointerId);
      if (this.drawing) this.press(event, svg);
      else this.drag = { from: this.at(event, svg), svg };
    });
    svg.addEventListener("pointerup", (event) => {
      this.drag = null;
      if (this.pressed) this.release(event);
    });
    svg.addEventListener("pointermove", (event) => this.moved(event, svg));
    svg.addEventListener("pointerleave", () => {
      if (!this.drag) this.point(null);
    });
    svg.addEventListener("keydown", (event) => this.key(event));
    this.pair.append(figure);
    return { name, svg, caption, bar, signs };
  }

  /** @type {(content: ToBrowser, buffers?: DataView[]) => void} */
  receive = (content, buffers = []) => {
    if (content.type === "object") {
      const png = new Blob([bytes(content.png ?? buffers[0])], { type: "image/png" });
      if (this.picture) URL.revokeObjectURL(this.picture);
      this.picture = URL.createObjectURL(png);
      this.object = content;
      this.answer = null;
      this.effects = null;
      this.regions = content.regions;
      this.line = [];
      this.box = [0, 0, content.width, content.height];
    } else if (content.type === "effects") {
      if (content.id === this.object?.id) this.effects = content;
      this.fillList();
      return;
    } else if (content.id === this.object?.id) {
      const values = new Float32Array(bytes(content.values ?? buffers[0]));
      const outputs = new Float32Array(bytes(content.outputs ?? buffers[1]));
      this.answer = { ...content, values, outputs };
      this.painted = paintedMap(this.answer, this.object);
    } else return;
    this.show();
  };

  // ---- both frames show the same part

  /**
   * @param {number} factor as of `zoomed`
   * @param {Point} [at] stays where it is; the middle by default
   */
  zoom(factor, at) {
    if (!this.object) return;
    const { width, height } = this.object;
    const [x, y, w, h] = this.box;
    this.box = zoomed(this.box, factor, at ?? [x + w / 2, y + h / 2], width, height);
    this.show();
  }

  /** @param {Box} box */
  move(box) {
    if (!this.object) return;
    const { width, height } = this.object;
    this.box = insideImage(box, width, height);
    this.show();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const [x, y, w, h] = this.box;
    const step = STEPS.get(event.key);
    const factor = FACTORS.get(event.key);
    if (!this.object || this.drawn(event) || (!step && factor === undefined)) return;
    event.preventDefault();
    if (step?.[0] && !event.shiftKey && w === this.object.width) send(this.model, { type: "step", by: step[0] });
    else if (factor !== undefined) this.zoom(factor);
    else if (step && event.shiftKey) this.step(step);
    else if (step) this.move([x + (step[0] * w) / 8, y + (step[1] * h) / 8, w, h]);
  }

  /** @param {KeyboardEvent} event anywhere on the page */
  pageKey = (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (isTyping(event) || !this.root.offsetParent || !isFree(event.composedPath()[0], this.root)) return;
    event.preventDefault();
    send(this.model, { type: "step", by });
  };

  // ---- regions: drawn with the pointer along their edge, by their corners, or with keys

  /** @param {boolean} on */
  draw(on) {
    this.drawing = on;
    this.line = [];
    this.drawButton.setAttribute("aria-pressed", String(on));
    this.show();
    if (on) this.frames[0].svg.focus();
  }

  /**
   * @param {KeyboardEvent} event
   * @returns {boolean} whether it was a key of drawing
   */
  drawn(event) {
    if (!this.drawing || !this.object) return false;
    const step = STEPS.get(event.key);
    const { width, height } = this.object;
    if (event.key === "Escape") this.draw(false);
    else if (event.key === "Enter") this.finish();
    else if (event.key === " ") this.line = [...this.line, this.pointed ?? [width / 2, height / 2]];
    else if (step) {
      const [x, y] = this.pointed ?? [width / 2, height / 2];
      const by = this.box[2] / 48;
      this.pointed = [clamp(x + step[0] * by, 0, width), clamp(y + step[1] * by, 0, height)];
    } else return false;
    event.preventDefault();
    event.stopPropagation();
    this.show();
    return true;
  }

  /**
   * @param {PointerEvent} event
   * @param {SVGSVGElement} svg
   */
  press(event, svg) {
    const at = this.at(event, svg);
    const first = this.line[0];
    const unit = this.box[2] / (svg.clientWidth || 1);
    this.pressed = { x: event.clientX, y: event.clientY };
    if (this.line.length > 2 && Math.hypot(first[0] - at[0], first[1] - at[1]) < CLOSE * unit) {
      this.pressed = null;
      this.finish();
    } else this.line = longer(this.line, at, 0.01);
    this.show();
  }

  /** @param {PointerEvent} event */
  release(event) {
    const from = this.pressed;
    this.pressed = null;
    const moved = from && Math.hypot(event.clientX - from.x, event.clientY - from.y) > JITTER;
    if (this.line.length > 3 && (moved || this.dragged)) this.finish();
    this.dragged = false;
  }

  dragged = false; // whether the pointer drew a line, not a corner

  finish() {
    if (!this.object || this.line.length < 3) return;
    const region = { name: newName(this.regions), points: asPlaces(this.line, this.object.height) };
    this.line = [];
    this.change([...this.regions, region].slice(-MOST));
  }

  aroundSources() {
    if (!this.object) return;
    const radius = Math.max(2, (this.answer?.patch ?? 4) / 2);
    const free = this.object.sources.slice(0, MOST - this.regions.length);
    const kinds = this.object.marks;
    const named = free.map((source, k) => ({
      name: `${(kinds[source.kind] ?? ["", "", source.kind])[2].split(",")[0]} ${k + 1}`,
      points: circle(source, radius),
    }));
    this.change([...this.regions.filter((one) => !named.some(({ name }) => name === one.name)), ...named]);
  }

  /** @param {Region[]} regions */
  change(regions) {
    if (!this.object) return;
    this.regions = regions;
    this.effects = null;
    send(this.model, { type: "regions", id: this.object.id, regions });
    this.show();
  }

  fillBands() {
    const { answer } = this;
    const name = (/** @type {string} */ band) => () => send(this.model, { type: "band", name: band });
    this.bands.hidden = !answer?.bands.length;
    if (!answer || this.bands.hidden) return;
    const bars = barsOf(answer);
    const at = [...this.bands.querySelectorAll("button")].indexOf(
      /** @type {HTMLButtonElement} */ (rootOf(this.bands).activeElement),
    );
    const of = `mean |change| of ${answer.unit}`;
    const rows = bars.map(({ name: band, effect, part }) => {
      const title = `${of} when ${band} alone is hidden; click: its map`;
      const row = button("", name(band), { title, pressed: band === answer.band });
      row.className = "one";
      const bar = make("i");
      bar.style.setProperty("--part", String(part));
      row.append(make("b", "", band), bar, make("span", "", number(effect)));
      return row;
    });
    const first = button("Hide each band on its own", name(answer.bands[0]), { title: "computes a map for each band" });
    const back = button("Hide all bands at once", name("all bands"));
    const all = answer.band === "all bands";
    const head = make("p", "", "");
    head.append(make("b", "", "Which band matters"), all ? "" : bars.length ? `: ${of}` : ": computing …");
    this.bands.replaceChildren(head, ...rows, all ? first : back);
    this.bands.querySelectorAll("button")[at]?.focus();
  }

  fillList() {
    const texts = this.effects?.texts ?? {};
    this.list.replaceChildren(
      ...this.regions.map(({ name }) => {
        const entry = make("li");
        const remove = button("×", () => this.change(this.regions.filter((one) => one.name !== name)));
        remove.setAttribute("aria-label", `Remove ${name}`);
        const busy = this.answer && !(name in texts) ? "…" : "";
        entry.append(
          remove,
          make("b", "", name),
          make("span", "what", name in texts ? `hiding it ${texts[name]}` : busy),
        );
        return entry;
      }),
    );
    const all = texts["all together"];
    this.together.textContent = all ? `Hiding all together ${all}` : "";
    this.clear.hidden = !this.regions.length;
    this.around.hidden = !this.object?.sources.length;
    this.around.textContent = aroundText(this.object?.sources.length ?? 0);
    const drawing = "Drag along the edge of a region, or click its corners and close it with Enter. Esc: stop drawing.";
    const empty = "Draw regions to see what hiding each of them changes, and all together.";
    this.hint.textContent = this.drawing ? drawing : this.regions.length ? "" : empty;
  }

  /**
   * @param {SVGSVGElement} svg
   * @param {number} unit image pixels a pixel of the screen
   */
  drawRegions(svg, unit) {
    if (!this.object) return;
    const { height } = this.object;
    /** @type {[string, Point[], boolean][]} */
    const lines = this.regions.map(({ name, points }) => [
      name,
      points.map(([x, y]) => [x + 0.5, height - y - 0.5]),
      true,
    ]);
    if (this.line.length) lines.push(["", this.line, false]);
    for (const [k, [name, line, closed]] of lines.entries()) {
      const shape = {
        d: `M${line.map((at) => at.join(",")).join("L")}${closed ? "Z" : ""}`,
        fill: closed ? "#fff2" : "none",
      };
      draw(svg, "path", { ...shape, class: "region", stroke: "#000", "stroke-width": 3.5 * unit });
      draw(svg, "path", {
        ...shape,
        stroke: "#fff",
        "stroke-width": 1.5 * unit,
        "stroke-dasharray": `${5 * unit} ${3 * unit}`,
      });
      for (const [x, y] of closed || line.length > 12 ? [] : line)
        draw(svg, "circle", { cx: x, cy: y, r: 3 * unit, fill: "#fff", stroke: "#000", "stroke-width": unit });
      if (!closed) continue;
      const [x, y] = line.reduce((top, at) => (at[1] < top[1] ? at : top));
      const words = {
        x,
        y: y - 3 * unit,
        "font-size": 12 * unit,
        fill: "#fff",
        stroke: "#000",
        "text-anchor": "middle",
      };
      const text = draw(svg, "text", { ...words, "stroke-width": 3 * unit, "paint-order": "stroke" }, String(k + 1));
      draw(text, "title", {}, name);
    }
    if (this.drawing && this.pointed) {
      const [x, y] = this.pointed;
      const cross = { d: `M${x - 7 * unit},${y}h${14 * unit}M${x},${y - 7 * unit}v${14 * unit}`, class: "cross" };
      draw(svg, "path", { ...cross, stroke: "#000", "stroke-width": 3 * unit });
      draw(svg, "path", { ...cross, stroke: "#fff", "stroke-width": 1.2 * unit });
    }
  }

  /**
   * Moves the occluder by half its side.
   * @param {Point} by
   */
  step([right, down]) {
    if (!this.object) return;
    const { width, height } = this.object;
    const by = (this.answer?.patch ?? 2) / 2;
    const [x, y] = this.pointed ?? [width / 2, height / 2];
    this.point([clamp(x + right * by, 0, width), clamp(y + down * by, 0, height)]);
  }

  /**
   * @param {MouseEvent} event
   * @param {SVGSVGElement} svg
   * @returns {Point}
   */
  at(event, svg) {
    const frame = svg.getBoundingClientRect();
    const [x, y, w, h] = this.box;
    return [x + ((event.clientX - frame.x) / frame.width) * w, y + ((event.clientY - frame.y) / frame.height) * h];
  }

  /**
   * @param {MouseEvent} event
   * @param {SVGSVGElement} svg
   */
  moved(event, svg) {
    if (!this.object) return;
    const at = this.at(event, svg);
    if (this.pressed && Math.hypot(event.clientX - this.pressed.x, event.clientY - this.pressed.y) > JITTER) {
      this.dragged = true;
      this.line = longer(this.line, at, (JITTER * this.box[2]) / (svg.clientWidth || 1));
      this.pointed = at;
      this.show();
      return;
    }
    if (this.drag?.svg === svg) {
      const [x, y, w, h] = this.box;
      this.move([x + this.drag.from[0] - at[0], y + this.drag.from[1] - at[1], w, h]);
    }
    this.point(this.at(event, svg));
  }

  show() {
    if (!this.object) return;
    const { answer, object } = this;
    const { width, height, id, title, sources, marks } = object;
    const captions = { image: `${id} · ${title}`, map: answer ? answer.label : "no map yet" };
    for (const { name, svg, caption, bar, signs } of this.frames) {
      caption.textContent = captions[name];
      caption.title = captions[name];
      signs.textContent = name === "map" && answer ? answer.signs : "";
      svg.setAttribute("viewBox", this.box.join(" "));
      svg.setAttribute("aria-label", captions[name]);
      svg.style.aspectRatio = `${width} / ${height}`;
      svg.style.setProperty("--shape", String(width / height));
      svg.replaceChildren();
      const whole = { x: 0, y: 0, width, height, preserveAspectRatio: "none" };
      if (name === "image") draw(svg, "image", { ...whole, href: this.picture });
      const opacity = name === "map" ? 1 : Number(this.opacity.value);
      if (answer && opacity) draw(svg, "image", { ...whole, href: this.painted, opacity });
      const unit = this.box[2] / (svg.clientWidth || 1); // image pixels a pixel of the screen
      for (const { x, y, kind } of this.marks ? sources : [])
        drawMark(svg, marks, kind, `translate(${x + 0.5},${height - y - 0.5}) scale(${unit})`);
      this.drawRegions(svg, unit);
      if (name === "image") this.scale(svg, object.bar, unit);
      if (name === "map" && answer) fillRamp(bar, answer);
      else bar.replaceChildren();
    }
    this.toggle.hidden = !sources.length;
    this.legend.replaceChildren(...(this.marks ? legendOf(sources, marks) : []));
    this.fillBands();
    this.fillList();
    this.point(this.pointed);
  }

  /**
   * @param {SVGSVGElement} svg
   * @param {Shown["bar"]} bar
   * @param {number} unit image pixels a pixel of the screen
   */
  scale(svg, bar, unit) {
    if (!bar.pixels) return;
    const [x, y, , h] = this.box;
    const from = [x + 12 * unit, y + h - 12 * unit];
    const line = { d: `M${from}h${bar.pixels}`, fill: "none" };
    draw(svg, "path", { ...line, stroke: "#000b", "stroke-width": 5 * unit });
    draw(svg, "path", { ...line, stroke: "#fff", "stroke-width": 2 * unit });
    const words = { x: from[0], y: from[1] - 6 * unit, "font-size": 12 * unit, fill: "#fff", stroke: "#000b" };
    draw(svg, "text", { ...words, "stroke-width": 3 * unit, "paint-order": "stroke" }, bar.label);
  }

  // ---- the occluder under the pointer

  /** @param {Point | null} at */
  point(at) {
    this.pointed = at;
    for (const element of this.root.querySelectorAll(".occluder")) element.remove();
    this.readout.textContent = "";
    if (!this.object || !this.answer || this.answer.clean === null) return;
    const { tops, lefts, patch, outputs, clean, unit, views } = this.answer;
    const { height } = this.object;
    this.readout.textContent = `unchanged image: ${number(clean)} ${unit}${viewsText(views)}`;
    if (at && !tops.length) {
      const [row, column] = [Math.floor(height - at[1]), Math.floor(at[0])];
      const value = this.answer.values[row * this.object.width + column];
      if (Number.isFinite(value)) this.readout.textContent += ` · the map here: ${number(value)} ${unit}`;
    }
    const k = at && !this.drawing ? nearestPlace(at, this.answer, height) : -1;
    if (k < 0) return;
    for (const { svg } of this.frames) {
      const size = this.box[2] / (svg.clientWidth || 1);
      const place = { x: lefts[k], y: height - tops[k] - patch, width: patch, height: patch };
      const look = { class: "occluder", fill: "#8884", stroke: "#000", "stroke-width": 3 * size };
      draw(svg, "rect", { ...place, ...look });
      draw(svg, "rect", { ...place, ...look, fill: "none", stroke: "#fff", "stroke-width": 1.2 * size });
    }
    const change = clean - outputs[k];
    this.readout.textContent +=
      ` · occluded here: ${number(outputs[k])} (hiding it ${change < 0 ? "raises" : "lowers"} ` +
      `${unit} by ${number(Math.abs(change))})`;
  }
}

/** @param {{model: Model<ToBrowser, FromBrowser>, el: HTMLElement}} place */
export function render({ model, el }) {
  return untilRemoved(new Occlusion(model, el), model);
}

export default { render };
