// @ts-check
// An image beside the map of what occluding it does: one view of both, the occluder under the pointer, what lies there.
// Plain JavaScript for Panel (JSComponent) and Jupyter (anywidget); it loads nothing from any other server.
// Id and pixels come in one message. The messages are declared in galviz/tools/occlusion/messages.py.

import { button, bytes, clamp, draw, drawMark, legendOf, listen, make, number, pen, untilRemoved } from "../shared.js";

const CSS = `
.galviz-occlusion { display: flex; flex-direction: column; gap: 6px; width: 100%; font: 13px/1.4 system-ui, sans-serif;
  color: var(--design-background-text-color, var(--panel-on-background-color, var(--jp-ui-font-color1, inherit)));
  --line: color-mix(in srgb, currentColor 24%, transparent); }
.galviz-occlusion .pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(260px, 100%), 1fr)); gap: 12px;
  max-width: 1132px; }
.galviz-occlusion figure { margin: 0; min-width: 0; max-width: 560px; }
.galviz-occlusion figcaption { font-weight: 600; overflow-wrap: anywhere; min-height: 1.4em; }
.galviz-occlusion .frame { display: block; width: 100%; touch-action: none; cursor: crosshair; border-radius: 6px;
  background: repeating-linear-gradient(135deg, #8c8c8c 0 8px, #a3a3a3 8px 11px); }
.galviz-occlusion .frame:focus-visible, .galviz-occlusion button:focus-visible { outline: 2px solid #d55e00; }
.galviz-occlusion image { image-rendering: pixelated; }
.galviz-occlusion .tools { display: flex; flex-wrap: wrap; gap: 4px 12px; align-items: center; }
.galviz-occlusion button { font: inherit; color: inherit; background: none; padding: 2px 9px; cursor: pointer;
  border: 1px solid var(--line); border-radius: 5px; }
.galviz-occlusion button[aria-pressed=true] { background: color-mix(in srgb, currentColor 16%, transparent); }
.galviz-occlusion .bar { display: flex; align-items: center; gap: 8px; margin-top: 4px; font-size: 12px; }
.galviz-occlusion .ramp { flex: 1; height: 10px; border: 1px solid var(--line); border-radius: 3px; }
.galviz-occlusion .readout { min-height: 1.4em; font: 12px/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
.galviz-occlusion .legend { display: flex; gap: 14px; flex-wrap: wrap; }
`;

/**
 * @import { Model } from "../shared.js"
 * @import { FromBrowser, Map as MapMessage, Object as Shown, ToBrowser } from "./messages.d.ts"
 *
 * @typedef {[number, number, number, number]} Box left, top, width, height of what both frames show, image pixels
 * @typedef {[number, number]} Point of the image, pixels from its left and its top
 * @typedef {Omit<MapMessage, "values" | "outputs"> & {values: Float32Array, outputs: Float32Array}} Answer a map with its numbers
 * @typedef {{name: "image" | "map", svg: SVGSVGElement, caption: HTMLElement, bar: HTMLElement}} Frame
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
  picture = ""; // address of the image
  painted = ""; // address of the map

  root = make("div", "galviz-occlusion");
  pair = make("div", "pair");
  frames = [this.frame("image"), this.frame("map")];
  opacity = make("input", "", "", { type: "range", min: 0, max: 1, step: 0.05, value: 0 });
  toggle = button("sources", () => this.turn(), { pressed: true });
  legend = make("div", "legend");
  readout = make("div", "readout", "", { role: "status" });
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
    const hint = make("span", "", "wheel or + − to zoom, drag or arrows to move, shift and arrows: occluder");
    hint.style.opacity = "0.7";
    tools.append(over, this.toggle, whole, hint, this.legend);
    this.root.append(make("style", "", CSS), this.pair, tools, this.readout);
    el.replaceChildren(this.root);
    this.watch.observe(this.root);
    this.unlisten = listen(model, this.receive, { type: "hello" });
  }

  close() {
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
    const svg = draw(figure, "svg", { class: "frame", tabindex: 0, role: "img" });
    figure.prepend(caption);
    const bar = make("div", "bar");
    if (name === "map") figure.append(bar);
    svg.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.zoom(event.deltaY < 0 ? 1.25 : 0.8, this.at(event, svg));
      },
      { passive: false },
    );
    svg.addEventListener("pointerdown", (event) => {
      this.drag = { from: this.at(event, svg), svg };
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointerup", () => {
      this.drag = null;
    });
    svg.addEventListener("pointermove", (event) => this.moved(event, svg));
    svg.addEventListener("pointerleave", () => {
      if (!this.drag) this.point(null);
    });
    svg.addEventListener("keydown", (event) => this.key(event));
    this.pair.append(figure);
    return { name, svg, caption, bar };
  }

  /** @type {(content: ToBrowser, buffers?: DataView[]) => void} */
  receive = (content, buffers = []) => {
    if (content.type === "object") {
      const png = new Blob([bytes(content.png ?? buffers[0])], { type: "image/png" });
      if (this.picture) URL.revokeObjectURL(this.picture);
      this.picture = URL.createObjectURL(png);
      this.object = content;
      this.answer = null;
      this.box = [0, 0, content.width, content.height];
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
    if (!this.object || (!step && factor === undefined)) return;
    event.preventDefault();
    if (factor !== undefined) this.zoom(factor);
    else if (step && event.shiftKey) this.step(step);
    else if (step) this.move([x + (step[0] * w) / 8, y + (step[1] * h) / 8, w, h]);
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
    for (const { name, svg, caption, bar } of this.frames) {
      caption.textContent = captions[name];
      svg.setAttribute("viewBox", this.box.join(" "));
      svg.setAttribute("aria-label", captions[name]);
      svg.style.aspectRatio = `${width} / ${height}`;
      svg.replaceChildren();
      const whole = { x: 0, y: 0, width, height, preserveAspectRatio: "none" };
      if (name === "image") draw(svg, "image", { ...whole, href: this.picture });
      const opacity = name === "map" ? 1 : Number(this.opacity.value);
      if (answer && opacity) draw(svg, "image", { ...whole, href: this.painted, opacity });
      const unit = this.box[2] / (svg.clientWidth || 1); // image pixels a pixel of the screen
      for (const { x, y, kind } of this.marks ? sources : [])
        drawMark(svg, marks, kind, `translate(${x + 0.5},${height - y - 0.5}) scale(${unit})`);
      if (name === "image") this.scale(svg, object.bar, unit);
      if (name === "map" && answer) fillRamp(bar, answer);
      else bar.replaceChildren();
    }
    this.toggle.hidden = !sources.length;
    this.legend.replaceChildren(...(this.marks ? legendOf(sources, marks) : []));
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
    const { tops, lefts, patch, outputs, clean, unit } = this.answer;
    const { height } = this.object;
    this.readout.textContent = `unchanged image: ${number(clean)} ${unit}`;
    const k = at ? nearestPlace(at, this.answer, height) : -1;
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
      ` · occluded here: ${number(outputs[k])} (it gives ${change < 0 ? "−" : "+"}` + `${number(Math.abs(change))})`;
  }
}

/** @param {{model: Model<ToBrowser, FromBrowser>, el: HTMLElement}} place */
export function render({ model, el }) {
  return untilRemoved(new Occlusion(model, el), model);
}

export default { render };
