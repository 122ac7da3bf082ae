// @ts-check
// An image beside the map of what occluding it does: one view of both, the occluder under the pointer, what lies there.
// Plain JavaScript for Panel (JSComponent) and Jupyter (anywidget); it asks nothing of any other server.
// What it shows it was told, id and pixels in one message. See galviz/tools/occlusion/core.py.

import { button, bytes, clamp, draw, make, number, send, untilRemoved } from "../shared.js";

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
.galviz-occlusion .said { min-height: 1.4em; font: 12px/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
.galviz-occlusion .legend { display: flex; gap: 14px; flex-wrap: wrap; }
`;

/**
 * @typedef {[number, number, number, number]} Box left, top, width, height of what both frames show, image pixels
 * @typedef {[number, number]} Point of the image, pixels from its left and its top
 * @typedef {{x: number, y: number, kind: string}} Source at a pixel, whole numbers at centres, row 0 at the bottom
 *
 * What Python tells of the object.
 * @typedef {object} Shown
 * @property {string} id
 * @property {number} width
 * @property {number} height
 * @property {string} title
 * @property {{pixels: number, label: string}} bar the scale bar; 0 pixels: the scale is not known
 * @property {Source[]} sources
 * @property {Record<string, [string, string, string]>} marks kind of source → shape, colour, name
 *
 * What Python tells of its map, as far as that has come.
 * @typedef {object} Answer
 * @property {string} label
 * @property {string} unit
 * @property {[number, number]} limits values of the first and the last colour
 * @property {number[][]} palette red, green, blue, 0 … 255
 * @property {Float32Array} values of the map, row 0 at the bottom; NaN: not there yet
 * @property {number} clean output for the image as it is
 * @property {number} patch side of the occluder
 * @property {number[]} tops its places: rows from the bottom
 * @property {number[]} lefts columns
 * @property {Float32Array} outputs with the occluder there; NaN: not there yet
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

class Occlusion {
  constructor(model, el) {
    this.model = model;
    /** @type {Shown | null} */
    this.object = null;
    /** @type {Answer | null} */
    this.answer = null;
    /** @type {Box} */
    this.box = [0, 0, 1, 1]; // until an object comes
    /** @type {Point | null} */
    this.pointed = null;
    /** @type {{from: Point, svg: SVGSVGElement} | null} */
    this.drag = null;
    this.marks = true;
    this.picture = ""; // address of the image
    this.painted = ""; // address of the map
    this.build(el);
    this.heard = (content, buffers) => this.receive(content, buffers ?? []);
    model.on("msg:custom", this.heard);
    send(model, { type: "hello" });
  }

  close() {
    this.model.off("msg:custom", this.heard);
    this.watch.disconnect();
  }

  build(el) {
    this.root = make("div", "galviz-occlusion");
    this.root.dataset.lmSuppressShortcuts = "true"; // keys are ours, not JupyterLab's
    this.pair = make("div", "pair");
    this.frames = ["image", "map"].map((name) => this.frame(name));
    const tools = make("div", "tools");
    this.opacity = make("input", "", "", { type: "range", min: 0, max: 1, step: 0.05, value: 0 });
    this.opacity.addEventListener("input", () => this.show());
    const over = make("label", "", "Map over the image ");
    over.append(this.opacity);
    const toggle = () => {
      this.marks = !this.marks;
      this.toggle.setAttribute("aria-pressed", String(this.marks));
      this.show();
    };
    this.toggle = button("sources", toggle, { pressed: true });
    const whole = button("whole image", () => this.zoom(0), { title: "undo the zoom (0)" });
    const hint = make("span", "", "wheel or + − to zoom, drag or arrows to move, shift and arrows: occluder");
    hint.style.opacity = "0.7";
    this.legend = make("div", "legend");
    tools.append(over, this.toggle, whole, hint, this.legend);
    this.said = make("div", "said", "", { role: "status" });
    this.root.append(make("style", "", CSS), this.pair, tools, this.said);
    el.replaceChildren(this.root);
    this.watch = new ResizeObserver(() => this.show());
    this.watch.observe(this.root);
  }

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

  receive(content, buffers) {
    if (content.type === "object") {
      const png = new Blob([bytes(content.png ?? buffers[0])], { type: "image/png" });
      if (this.picture) URL.revokeObjectURL(this.picture);
      this.picture = URL.createObjectURL(png);
      this.object = content;
      this.answer = null;
      this.box = [0, 0, content.width, content.height];
    } else if (content.type === "map" && content.id === this.object?.id) {
      this.answer = { ...content, values: new Float32Array(bytes(content.values ?? buffers[0])) };
      this.answer.outputs = new Float32Array(bytes(content.outputs ?? buffers[1]));
      this.painted = this.paint();
    } else return;
    this.show();
  }

  // The map as a picture, row 0 at the bottom; what has not come yet is transparent.
  paint() {
    const { values } = this.answer;
    const { width, height } = this.object;
    const canvas = make("canvas", "", "", { width, height });
    const out = new ImageData(width, height);
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        const value = values[y * width + x];
        if (!Number.isFinite(value)) continue;
        out.data.set([...colourOf(value, this.answer), 255], 4 * ((height - 1 - y) * width + x));
      }
    }
    canvas.getContext("2d").putImageData(out, 0, 0);
    return canvas.toDataURL();
  }

  // ---- both frames show the same part

  zoom(factor, at = null) {
    if (!this.object) return;
    const { width, height } = this.object;
    const [x, y, w, h] = this.box;
    this.box = zoomed(this.box, factor, at ?? [x + w / 2, y + h / 2], width, height);
    this.show();
  }

  move(box) {
    const { width, height } = this.object;
    this.box = insideImage(box, width, height);
    this.show();
  }

  key(event) {
    const [x, y, w, h] = this.box;
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const factors = { "+": 1.25, "=": 1.25, "-": 0.8, 0: 0 };
    if (!this.object || !(event.key in steps || event.key in factors)) return;
    event.preventDefault();
    if (event.key in factors) this.zoom(factors[event.key]);
    else if (event.shiftKey) this.step(steps[event.key]);
    else this.move([x + (steps[event.key][0] * w) / 8, y + (steps[event.key][1] * h) / 8, w, h]);
  }

  // The occluder by keys: half its side at a time.
  step([right, down]) {
    const { width, height } = this.object;
    const by = (this.answer?.patch ?? 2) / 2;
    const [x, y] = this.pointed ?? [width / 2, height / 2];
    this.point([clamp(x + right * by, 0, width), clamp(y + down * by, 0, height)]);
  }

  /** @returns {Point} */
  at(event, svg) {
    const frame = svg.getBoundingClientRect();
    const [x, y, w, h] = this.box;
    return [x + ((event.clientX - frame.x) / frame.width) * w, y + ((event.clientY - frame.y) / frame.height) * h];
  }

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
    const { width, height, id, title, sources, marks } = this.object;
    const { answer } = this;
    const told = { image: `${id} · ${title}`, map: answer ? answer.label : "no map yet" };
    for (const { name, svg, caption, bar } of this.frames) {
      caption.textContent = told[name];
      svg.setAttribute("viewBox", this.box.join(" "));
      svg.setAttribute("aria-label", told[name]);
      svg.style.aspectRatio = `${width} / ${height}`;
      svg.replaceChildren();
      const whole = { x: 0, y: 0, width, height, preserveAspectRatio: "none" };
      if (name === "image") draw(svg, "image", { ...whole, href: this.picture });
      const opacity = name === "map" ? 1 : Number(this.opacity.value);
      if (answer && opacity) draw(svg, "image", { ...whole, href: this.painted, opacity });
      const unit = this.box[2] / (svg.clientWidth || 1); // image pixels a pixel of the screen
      if (this.marks) for (const source of sources) this.mark(svg, source, marks, unit);
      if (name === "image") this.scale(svg, unit);
      if (name === "map" && answer) this.ramp(bar);
      else bar.replaceChildren();
    }
    const kinds = [...new Set(sources.map((source) => source.kind))];
    this.toggle.hidden = !sources.length;
    this.legend.replaceChildren(
      ...(this.marks ? kinds : []).map((kind) => {
        const entry = make("span");
        const sign = draw(entry, "svg", { viewBox: "-7 -7 14 14", width: 14, height: 14 });
        this.mark(sign, { kind, x: -0.5, y: this.object.height - 0.5 }, marks, 1);
        entry.append(` ${(marks[kind] ?? ["", "", kind])[2]} (${sources.filter((one) => one.kind === kind).length})`);
        return entry;
      }),
    );
    this.point(this.pointed);
  }

  mark(svg, { kind, x, y }, marks, unit) {
    const [shape, colour] = marks[kind] ?? ["ring", "#8a8a8a"];
    const place = { cx: x + 0.5, cy: this.object.height - y - 0.5 };
    const dot = shape === "dot";
    const line = { "stroke-width": (dot ? 1 : 2) * unit, stroke: dot ? "#fff" : colour, fill: dot ? colour : "none" };
    draw(svg, "circle", { ...place, ...line, r: (dot ? 3.5 : 6) * unit });
  }

  scale(svg, unit) {
    const { bar } = this.object;
    if (!bar.pixels) return;
    const [x, y, , h] = this.box;
    const from = [x + 12 * unit, y + h - 12 * unit];
    const line = { d: `M${from}h${bar.pixels}`, fill: "none" };
    draw(svg, "path", { ...line, stroke: "#000b", "stroke-width": 5 * unit });
    draw(svg, "path", { ...line, stroke: "#fff", "stroke-width": 2 * unit });
    const words = { x: from[0], y: from[1] - 6 * unit, "font-size": 12 * unit, fill: "#fff", stroke: "#000b" };
    draw(svg, "text", { ...words, "stroke-width": 3 * unit, "paint-order": "stroke" }, bar.label);
  }

  ramp(bar) {
    const {
      limits: [low, high],
      palette,
      unit,
    } = this.answer;
    const ramp = make("div", "ramp");
    ramp.style.background = `linear-gradient(to right, ${palette.map((colour) => `rgb(${colour})`)})`;
    bar.replaceChildren(make("span", "", number(low)), ramp, make("span", "", `${number(high)} ${unit}`));
  }

  // ---- the occluder under the pointer

  point(at) {
    this.pointed = at;
    for (const element of this.root.querySelectorAll(".occluder")) element.remove();
    const known = Number.isFinite(this.answer?.clean);
    this.said.textContent = known ? `as it is: ${number(this.answer.clean)} ${this.answer.unit}` : "";
    if (!at || !this.answer || !Number.isFinite(this.answer.clean)) return;
    const k = nearestPlace(at, this.answer, this.object.height);
    if (k < 0) return;
    const { tops, lefts, patch, outputs, clean } = this.answer;
    for (const { svg } of this.frames) {
      const size = this.box[2] / (svg.clientWidth || 1);
      const place = { x: lefts[k], y: this.object.height - tops[k] - patch, width: patch, height: patch };
      const look = { class: "occluder", fill: "#8884", stroke: "#000", "stroke-width": 3 * size };
      draw(svg, "rect", { ...place, ...look });
      draw(svg, "rect", { ...place, ...look, fill: "none", stroke: "#fff", "stroke-width": 1.2 * size });
    }
    const change = clean - outputs[k];
    this.said.textContent +=
      ` · occluded here: ${number(outputs[k])} (it gives ${change < 0 ? "−" : "+"}` + `${number(Math.abs(change))})`;
  }
}

export function render({ model, el }) {
  return untilRemoved(new Occlusion(model, el), model);
}

export default { render };
