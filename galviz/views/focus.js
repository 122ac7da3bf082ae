// One object, large. Its pixels come as floats; stretch, blinking and what is under the pointer are computed here.
// Plain JavaScript for Panel (JSComponent) and Jupyter (anywidget). See galviz/views/focus.py.

const CSS = `
.galviz-focus { display: flex; flex-direction: column; gap: 6px; width: 100%; font: 13px/1.4 system-ui, sans-serif;
  color: var(--design-background-text-color, var(--panel-on-background-color, var(--jp-ui-font-color1, inherit)));
  --line: color-mix(in srgb, currentColor 24%, transparent); --focus: #d55e00; }
.galviz-focus * { box-sizing: border-box; }
.galviz-focus .id { font: 600 14px ui-monospace, monospace; overflow-wrap: anywhere; }
.galviz-focus .facts { display: flex; flex-wrap: wrap; gap: 0 14px; }
.galviz-focus .facts span span, .galviz-focus .what { opacity: .72; }
.galviz-focus .facts b { font-variant-numeric: tabular-nums; }
.galviz-focus .tools { display: flex; flex-wrap: wrap; gap: 4px; align-items: center; }
.galviz-focus button { font: inherit; color: inherit; background: none; border: 1px solid var(--line); min-width: 34px;
  border-radius: 5px; padding: 2px 9px; cursor: pointer; }
.galviz-focus button[aria-pressed=true] { background: color-mix(in srgb, currentColor 16%, transparent);
  border-color: currentColor; font-weight: 700; }
.galviz-focus button:focus-visible, .galviz-focus .frame:focus-visible { outline: 2px solid var(--focus); }
.galviz-focus .show { display: flex; gap: 10px; align-items: stretch; }
.galviz-focus .frame { position: relative; flex: 0 1 auto; border-radius: 6px; overflow: hidden; cursor: crosshair;
  background: repeating-linear-gradient(135deg, #8c8c8c 0 8px, #a3a3a3 8px 11px); }
.galviz-focus .frame canvas { display: block; width: 100%; height: 100%; image-rendering: pixelated; }
.galviz-focus svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; pointer-events: none; }
.galviz-focus svg text { font: 600 12px system-ui, sans-serif; fill: #fff; paint-order: stroke; stroke: #000b;
  stroke-width: 3px; }
.galviz-focus svg .over { stroke: #fff; stroke-width: 2; fill: none; }
.galviz-focus svg .under { stroke: #000b; stroke-width: 4.5; fill: none; }
.galviz-focus .scale { flex: none; width: 74px; position: relative; font-size: 11px; }
.galviz-focus .scale canvas { position: absolute; left: 0; width: 14px; height: 100%; border-radius: 3px;
  border: 1px solid var(--line); }
.galviz-focus .ticks { position: absolute; left: 20px; height: 100%; font-variant-numeric: tabular-nums; }
.galviz-focus .ticks span { position: absolute; transform: translateY(50%); white-space: nowrap; }
.galviz-focus .under-pointer { min-height: 2.8em; font: 12px/1.4 ui-monospace, monospace; white-space: pre-wrap; }
.galviz-focus .legend { display: flex; flex-wrap: wrap; gap: 2px 14px; }
.galviz-focus .legend svg { position: static; width: 14px; height: 14px; vertical-align: -2px; margin-right: 4px; }
.galviz-focus .none { padding: 40px; color: #111; }
`;
const SVG = "http://www.w3.org/2000/svg";
const SHAPES = {
  circle: "M-6,0a6,6 0 1,0 12,0a6,6 0 1,0 -12,0", square: "M-5.5,-5.5h11v11h-11z", x: "M-5,-5L5,5M5,-5L-5,5",
  diamond: "M0,-7L7,0L0,7L-7,0z",
  star: "M0,-8L1.9,-2.6L7.6,-2.5L3,1L4.7,6.5L0,3.2L-4.7,6.5L-3,1L-7.6,-2.5L-1.9,-2.6z",
};

function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
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
const number = (value) => (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e5) || value === 0
  ? String(Number(value.toPrecision(4))) : value.toExponential(2);

// Brightness 0..1 of a pixel value: galviz.sky.photometry.stretch, then gamma.
function level(value, [low, high], look) {
  const y = high > low ? clamp((value - low) / (high - low)) : 0;
  const bent = look.kind === "asinh" || look.kind === "lupton" ? Math.asinh(y / look.a) / Math.asinh(1 / look.a) : y;
  return bent ** look.gamma;
}

function valueAt(brightness, [low, high], look) {
  const bent = brightness ** (1 / look.gamma);
  const asinh = look.kind === "asinh" || look.kind === "lupton";
  return low + (high - low) * (asinh ? look.a * Math.sinh(bent * Math.asinh(1 / look.a)) : bent);
}

// Tangent plane to the sky, degrees. FITS counts pixels from 1.
export function sky([x, y], { crval, crpix, cd }) {
  const [u, v, rad] = [x + 1 - crpix[0], y + 1 - crpix[1], Math.PI / 180];
  const [xi, eta] = [(cd[0] * u + cd[1] * v) * rad, (cd[2] * u + cd[3] * v) * rad];
  const [sin, cos] = [Math.sin(crval[1] * rad), Math.cos(crval[1] * rad)];
  const depth = cos - eta * sin;
  const ra = crval[0] + Math.atan2(xi, depth) / rad;
  return [((ra % 360) + 360) % 360, Math.atan2(sin + eta * cos, Math.hypot(xi, depth)) / rad];
}

function sexagesimal(degrees, digits, signed) {
  const scale = 10 ** digits;
  const total = Math.round(Math.abs(degrees) * 3600 * scale);
  const [whole, minutes] = [Math.floor(total / 3600 / scale), Math.floor(total / 60 / scale) % 60];
  const seconds = (total / scale) % 60;
  const two = (value, more = 0) => value.toFixed(more).padStart(more ? 3 + more : 2, "0");
  return `${signed ? (degrees < 0 ? "−" : "+") : ""}${two(whole)}:${two(minutes)}:${two(seconds, digits)}`;
}

class Focus {
  constructor(model, el) {
    this.model = model;
    this.panel = typeof model.send_msg === "function";
    Object.assign(this, { object: null, look: null, shown: "", marks: true, playing: null });
    this.build(el);
    this.heard = (content, buffers) => this.receive(content, buffers ?? [content.pixels, content.coverage]);
    model.on("msg:custom", this.heard);
    const hello = { type: "hello" };
    if (this.panel) model.send_msg(hello);
    else model.send(hello);
  }

  build(el) {
    this.root = make("div", "galviz-focus");
    this.root.dataset.lmSuppressShortcuts = "true"; // keys are ours, not JupyterLab's
    this.head = make("div", "id");
    this.head.setAttribute("role", "status");
    this.facts = make("div", "facts");
    this.tools = make("div", "tools");
    this.frame = make("div", "frame");
    this.frame.tabIndex = 0;
    this.canvas = make("canvas");
    this.canvas.setAttribute("role", "img");
    this.over = document.createElementNS(SVG, "svg");
    this.frame.append(this.canvas, this.over);
    this.scale = make("div", "scale");
    const show = make("div", "show");
    show.append(this.frame, this.scale);
    this.what = make("div", "what");
    this.pointer = make("div", "under-pointer");
    this.legend = make("div", "legend");
    const style = make("style", "", CSS);
    this.root.append(style, this.head, this.facts, this.tools, show, this.what, this.pointer, this.legend);
    el.replaceChildren(this.root);
    this.frame.addEventListener("pointermove", (event) => this.point(event));
    this.frame.addEventListener("pointerleave", () => { this.pointer.textContent = ""; });
    this.root.addEventListener("keydown", (event) => {
      if (event.key === "b" && !event.ctrlKey && !event.metaKey) this.blink();
    });
    this.watch = new ResizeObserver(() => this.resize());
    this.watch.observe(this.root);
  }

  close() {
    this.model.off("msg:custom", this.heard);
    this.watch.disconnect();
    clearInterval(this.playing);
  }

  receive(content, [pixels, coverage]) {
    if (content.type === "object") {
      this.object = content;
      const cut = ({ buffer, byteOffset, byteLength }) => buffer.slice(byteOffset, byteOffset + byteLength);
      const bytes = (data) => (data instanceof ArrayBuffer ? data : cut(data));
      this.pixels = pixels ? new Float32Array(bytes(pixels)) : null;
      this.coverage = coverage ? new Uint8Array(bytes(coverage)) : null;
      this.look = content.look;
      this.write();
    } else if (content.type === "look" && content.id === this.object?.id) {
      this.look = content.look;
    } else return;
    if (content.turn || ![this.look.name, ...this.object.bands].includes(this.shown)) this.shown = this.look.name;
    this.resize();
    this.paint();
  }

  // ---- words

  write() {
    const { id, facts, sources, marks } = this.object;
    this.head.textContent = id;
    this.facts.replaceChildren(...facts.map(([name, value]) => {
      const fact = make("span");
      fact.append(make("span", "", `${name} `), make("b", "", value));
      return fact;
    }));
    const kinds = [...new Set(sources.map((source) => source.kind))];
    this.legend.replaceChildren(...kinds.map((kind) => {
      const [shape, colour, name] = marks[kind] ?? ["diamond", "#8a8a8a", kind];
      const entry = make("span");
      const sign = document.createElementNS(SVG, "svg");
      sign.setAttribute("viewBox", "-9 -9 18 18");
      draw(sign, "path", { d: SHAPES[shape], fill: "none", stroke: colour, "stroke-width": 2.4 });
      entry.append(sign, `${name} (${sources.filter((source) => source.kind === kind).length})`);
      return entry;
    }));
    this.pointer.textContent = "";
  }

  buttons() {
    const names = [...new Set([this.look.name, ...this.object.bands])];
    const button = (text, pressed, title, does) => {
      const element = make("button", "", text);
      element.type = "button";
      element.title = title;
      element.setAttribute("aria-pressed", pressed);
      element.addEventListener("click", does);
      return element;
    };
    const all = names.map((name) => button(name, name === this.shown, `show ${name}`, () => this.turn(name)));
    if (names.length > 1) all.push(button("blink", this.playing !== null, "through the bands (b)", () => this.blink()));
    if (this.object.sources.length) {
      const turn = () => { this.marks = !this.marks; this.paint(); };
      all.push(button("sources", this.marks, "mark what is known to lie here", turn));
    }
    const at = [...this.tools.children].indexOf(this.tools.getRootNode().activeElement);
    this.tools.replaceChildren(...all);
    all[at]?.focus();
  }

  turn(name) {
    this.shown = name;
    this.paint();
  }

  blink() {
    const bands = this.object?.bands ?? [];
    if (this.playing === null && bands.length > 1) {
      const next = () => this.turn(bands[(bands.indexOf(this.shown) + 1) % bands.length]);
      this.playing = setInterval(next, 600);
      next();
    } else {
      clearInterval(this.playing);
      this.playing = null;
      this.paint();
    }
  }

  // ---- the picture

  resize() {
    if (!this.object) return;
    const { width, height, tallest } = this.object;
    const room = Math.min(this.root.clientWidth - 84, (tallest * width) / height);
    Object.assign(this.frame.style, { width: `${room}px`, height: `${(room * height) / width}px` });
    this.mark();
  }

  get colours() {
    return this.shown === this.look.name ? this.look.bands : [this.shown];
  }

  paint() {
    if (!this.object) return;
    this.buttons();
    const { width, height, bands, id, unit, origin } = this.object;
    Object.assign(this.canvas, { width, height });
    this.frame.classList.toggle("empty", !this.pixels);
    if (this.pixels) this.canvas.getContext("2d").putImageData(this.image(), 0, 0);
    const colours = this.colours;
    const rgb = colours.length === 3;
    const kind = rgb ? this.look.kind : this.look.kind.replace("lupton", "asinh");
    const recipe = rgb ? `red ${colours[0]}, green ${colours[1]}, blue ${colours[2]}` : `band ${colours[0]}`;
    const whole = (name) => this.plane(this.coverage, bands.indexOf(name)).every(Boolean);
    const seen = this.coverage && !colours.every(whole) ? " · hatched: not observed" : "";
    const measure = unit === "display" ? "pixels meant for the eye" : `${unit} per pixel`;
    const said = `${recipe} · ${kind} · ${measure} · ${origin}${seen}`;
    this.what.textContent = this.pixels ? said : "no image of this object";
    this.canvas.setAttribute("aria-label", `${id}, ${this.what.textContent}`);
    this.bar(rgb);
    this.mark();
  }

  plane(data, k) {
    const size = this.object.width * this.object.height;
    return data.subarray(k * size, (k + 1) * size);
  }

  image() {
    const { width, height, bands } = this.object;
    const out = new ImageData(width, height);
    const rows = this.colours.map((name) => bands.indexOf(name));
    const planes = rows.map((k) => this.plane(this.pixels, k));
    const covers = this.coverage ? rows.map((k) => this.plane(this.coverage, k)) : [];
    const colour = this.painter(planes);
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        const p = y * width + x;
        const q = 4 * ((height - 1 - y) * width + x); // row 0 at the bottom
        const [r, g, b] = colour(p);
        out.data[q] = r;
        out.data[q + 1] = g;
        out.data[q + 2] = b;
        out.data[q + 3] = covers.every((cover) => cover[p]) ? 255 : 0;
      }
    }
    return out;
  }

  painter(planes) {
    const { look } = this;
    const limits = look.limits[this.shown];
    if (planes.length === 1) return (p) => look.palette[Math.round(level(planes[0][p], limits, look) * 254)];
    if (look.kind !== "lupton") return (p) => planes.map((plane) => Math.round(255 * level(plane[p], limits, look)));
    const [low, linear] = limits; // Lupton et al. (2004), as astropy computes it
    const slope = 0.1 / Math.asinh(0.1 * look.Q);
    return (p) => {
      const three = planes.map((plane) => plane[p] - low);
      const intensity = (three[0] + three[1] + three[2]) / 3;
      const factor = intensity > 0 ? (slope * Math.asinh((look.Q * intensity) / linear)) / intensity : 0;
      const scaled = three.map((value) => Math.max(0, value * factor));
      const most = Math.max(1, ...scaled);
      return scaled.map((value) => Math.round(255 * (Math.floor((255 * value) / most) / 255) ** look.gamma));
    };
  }

  bar(rgb) {
    this.scale.replaceChildren();
    if (rgb || !this.pixels) return;
    const strip = Object.assign(make("canvas"), { width: 1, height: 255 });
    const image = new ImageData(1, 255);
    for (let k = 0; k < 255; k += 1) image.data.set([...this.look.palette[254 - k], 255], 4 * k);
    strip.getContext("2d").putImageData(image, 0, 0);
    const ticks = make("div", "ticks");
    for (const at of [0, 0.25, 0.5, 0.75, 1]) {
      const tick = make("span", "", number(valueAt(at, this.look.limits[this.shown], this.look)));
      tick.style.bottom = `calc(${100 * at}% ${at === 0 ? "+ 8px" : at === 1 ? "- 8px" : ""})`;
      ticks.append(tick);
    }
    this.scale.append(strip, ticks);
    this.scale.title = `${this.object.unit} per pixel`;
  }

  // ---- what lies over it: scale bar, north and east, sources

  mark() {
    if (!this.object) return;
    const { width, height, wcs, bar, sources, marks } = this.object;
    const room = this.frame.clientWidth;
    const size = room / width;
    this.over.replaceChildren();
    this.over.setAttribute("viewBox", `0 0 ${room} ${size * height}`);
    const line = (d) => ["under", "over"].forEach((name) => draw(this.over, "path", { d, class: name }));
    const length = bar.pixels * size;
    line(`M14,${size * height - 16}h${length}m0,-5v10m${-length},-10v10`);
    draw(this.over, "text", { x: 14 + length / 2, y: size * height - 24, "text-anchor": "middle" }, bar.label);
    if (wcs) this.compass(wcs, room, size * height, line);
    if (!this.marks) return;
    for (const source of sources) {
      const [shape, colour] = marks[source.kind] ?? ["diamond", "#8a8a8a"];
      const at = `translate(${(source.x + 0.5) * size},${(height - source.y - 0.5) * size})`;
      draw(this.over, "path", { d: SHAPES[shape], transform: at, fill: "none", stroke: "#000a", "stroke-width": 4 });
      draw(this.over, "path", { d: SHAPES[shape], transform: at, fill: "none", stroke: colour, "stroke-width": 1.8 });
    }
  }

  compass({ cd }, room, tall, line) {
    const det = cd[0] * cd[3] - cd[1] * cd[2];
    const ways = { E: [cd[3] / det, -cd[2] / det], N: [-cd[1] / det, cd[0] / det] }; // pixels a degree of each
    const from = [room - 58, 58];
    for (const [name, [x, y]] of Object.entries(ways)) {
      const norm = Math.hypot(x, y);
      const [dx, dy] = [x / norm, -y / norm];
      const end = [from[0] + 32 * dx, from[1] + 32 * dy];
      const wing = (s) => `L${end[0] - 7 * dx + s * 4 * dy},${end[1] - 7 * dy - s * 4 * dx}`;
      line(`M${from}L${end}${wing(1)}M${end}${wing(-1)}`);
      const middle = { "text-anchor": "middle", "dominant-baseline": "middle" };
      draw(this.over, "text", { x: end[0] + 13 * dx, y: end[1] + 13 * dy, ...middle }, name);
    }
  }

  point(event) {
    if (!this.object) return;
    const { width, height, bands, wcs, unit, sources } = this.object;
    const at = this.frame.getBoundingClientRect();
    const x = ((event.clientX - at.x) / at.width) * width - 0.5; // pixel centres are whole numbers, from 0
    const y = (1 - (event.clientY - at.y) / at.height) * height - 0.5;
    const [column, row] = [Math.round(x), Math.round(y)];
    if (column < 0 || row < 0 || column >= width || row >= height) return;
    const words = [`x ${x.toFixed(1)}  y ${y.toFixed(1)}`];
    if (wcs) {
      const [ra, dec] = sky([x, y], wcs);
      const text = `RA ${sexagesimal(ra / 15, 2, false)} Dec ${sexagesimal(dec, 1, true)}`;
      words.push(`${text}  ${ra.toFixed(5)} ${dec.toFixed(5)}`);
    }
    const near = sources.find((source) => this.marks && Math.hypot(source.x - x, source.y - y) * at.width < 9 * width);
    if (near) words.push(`${near.kind}${near.p_mem === null ? "" : ` p_mem ${number(near.p_mem)}`}`);
    const p = row * width + column;
    const seen = (k) => !this.coverage || this.plane(this.coverage, k)[p];
    const value = (k) => (seen(k) ? number(this.plane(this.pixels, k)[p]) : "not observed");
    const values = this.pixels ? bands.map((name, k) => `${name} ${value(k)}`).join("  ") : "";
    this.pointer.textContent = `${words.join("   ")}\n${values}  ${values ? unit : ""}`;
  }
}

export function render({ model, el }) {
  const focus = new Focus(model, el);
  if (focus.panel) model.on("lifecycle:remove", () => focus.close());
  return () => focus.close();
}

export default { render, sky };
