// @ts-check
// One object: one picture large, or its colours and every band side by side. Pixels come as floats; stretch, blinking
// and what is under the pointer are computed here. Plain JavaScript for Panel (JSComponent) and Jupyter (anywidget).
// Its style is in client.css. See galviz/tools/viewer/core.py and view.py.

import { button, bytes, clamp, draw, make, number, SVG, send, untilRemoved } from "../shared.js";

/**
 * How pixels become colours.
 * @typedef {object} Look
 * @property {"linear" | "asinh" | "lupton" | string} kind
 * @property {number} a softening of asinh
 * @property {number} Q of Lupton et al. (2004)
 * @property {number} gamma
 * @property {number[][]} palette 255 colours of a single band, red, green, blue 0 … 255
 * @property {Record<string, Limits>} limits of each picture
 * @property {[string, string[]][]} pictures name and bands of each: three bands, or one
 * @property {string} name of the picture to show
 * @property {string} all name of the choice that shows all of them
 *
 * @typedef {[number, number]} Limits pixel values of black and white; of "lupton", of black and the linear range
 * @typedef {(p: number) => number[]} Painter from the number of a pixel to its red, green, blue, 0 … 255
 * @typedef {{crval: number[], crpix: number[], cd: number[]}} Wcs tangent plane, degrees; cd is row by row
 * @typedef {{x: number, y: number, kind: string, p_mem: number | null}} Source at a pixel, whole numbers at centres
 *
 * What Python tells of the object.
 * @typedef {object} Shown
 * @property {string} id
 * @property {number} width
 * @property {number} height
 * @property {number} tallest px that a large picture is high at most
 * @property {string[]} bands
 * @property {string} unit
 * @property {string} origin
 * @property {Wcs | null} wcs
 * @property {{pixels: number, label: string}} bar the scale bar; 0 pixels: the scale is not known
 * @property {[string, string][]} facts
 * @property {Source[]} sources
 * @property {Record<string, [string, string, string]>} marks kind of source → shape, colour, name
 * @property {number} place 1 for the first object; 0: it is not in the order
 * @property {number} count of objects
 */

const SHAPES = {
  circle: "M-6,0a6,6 0 1,0 12,0a6,6 0 1,0 -12,0",
  square: "M-5.5,-5.5h11v11h-11z",
  x: "M-5,-5L5,5M5,-5L-5,5",
  diamond: "M0,-7L7,0L0,7L-7,0z",
  star: "M0,-8L1.9,-2.6L7.6,-2.5L3,1L4.7,6.5L0,3.2L-4.7,6.5L-3,1L-7.6,-2.5L-1.9,-2.6z",
};

/**
 * @param {number} value of a pixel
 * @param {Limits} limits
 * @param {Look} look
 * @returns {number} brightness 0 … 1: galviz.sky.photometry.stretch, then gamma
 */
export function level(value, [low, high], look) {
  const y = high > low ? clamp((value - low) / (high - low)) : 0;
  const bent = look.kind === "asinh" || look.kind === "lupton" ? Math.asinh(y / look.a) / Math.asinh(1 / look.a) : y;
  return bent ** look.gamma;
}

/**
 * @param {number} brightness 0 … 1
 * @param {Limits} limits
 * @param {Look} look
 * @returns {number} the pixel value that is as bright: the inverse of `level`
 */
export function valueAt(brightness, [low, high], look) {
  const bent = brightness ** (1 / look.gamma);
  const asinh = look.kind === "asinh" || look.kind === "lupton";
  return low + (high - low) * (asinh ? look.a * Math.sinh(bent * Math.asinh(1 / look.a)) : bent);
}

/**
 * @param {Float32Array[]} planes of one band or of three
 * @param {Limits} limits
 * @param {Look} look
 * @returns {Painter}
 */
export function painter(planes, limits, look) {
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

/**
 * @param {string[]} bands of a picture
 * @param {string} kind of stretch
 * @param {string} one what is said of a single band
 * @returns {string}
 */
export function recipeText([red, green, blue], kind, one = `band ${red}`) {
  if (!green) return `${one} · ${kind.replace("lupton", "asinh")}`;
  const colours = Object.entries({ red, green, blue });
  return `${colours.map(([of, band]) => (of === band ? of : `${of} ${band}`)).join(", ")} · ${kind}`;
}

/**
 * @param {[number, number]} place in the picture, from its left and its top, 0 … 1
 * @param {{width: number, height: number}} size pixels
 * @returns {{x: number, y: number, column: number, row: number} | null} pixel coordinates from 0, whole numbers at
 *   centres, row 0 at the bottom, and the pixel there; null: outside
 */
export function pixelAt([left, top], { width, height }) {
  const [x, y] = [left * width - 0.5, (1 - top) * height - 0.5];
  const [column, row] = [Math.round(x), Math.round(y)];
  return column < 0 || row < 0 || column >= width || row >= height ? null : { x, y, column, row };
}

/**
 * @param {[number, number]} pixel
 * @param {Wcs} wcs a tangent plane
 * @returns {[number, number]} right ascension 0 … 360 and declination, degrees
 */
export function sky([x, y], { crval, crpix, cd }) {
  // FITS counts pixels from 1.
  const [u, v, rad] = [x + 1 - crpix[0], y + 1 - crpix[1], Math.PI / 180];
  const [xi, eta] = [(cd[0] * u + cd[1] * v) * rad, (cd[2] * u + cd[3] * v) * rad];
  const [sin, cos] = [Math.sin(crval[1] * rad), Math.cos(crval[1] * rad)];
  const depth = cos - eta * sin;
  const ra = crval[0] + Math.atan2(xi, depth) / rad;
  return [((ra % 360) + 360) % 360, Math.atan2(sin + eta * cos, Math.hypot(xi, depth)) / rad];
}

/**
 * @param {number[]} cd matrix of a WCS, row by row
 * @returns {Record<"E" | "N", [number, number]>} to the right and down on the screen, of length 1
 */
export function eastNorth(cd) {
  const det = cd[0] * cd[3] - cd[1] * cd[2];
  const [[ex, ey], [nx, ny]] = [
    [cd[3] / det, -cd[2] / det], // pixels a degree
    [-cd[1] / det, cd[0] / det],
  ];
  const [e, n] = [Math.hypot(ex, ey), Math.hypot(nx, ny)];
  return { E: [ex / e, -ey / e], N: [nx / n, -ny / n] };
}

/**
 * @param {number} degrees of a declination, or hours of a right ascension
 * @param {number} digits of the seconds
 * @param {boolean} signed true of a declination
 * @returns {string} such as +00:41:09.1
 */
export function sexagesimal(degrees, digits, signed) {
  const scale = 10 ** digits;
  const total = Math.round(Math.abs(degrees) * 3600 * scale);
  const hours = Math.floor(total / 3600 / scale);
  const whole = signed ? hours : hours % 24; // a right ascension that rounds to 24 hours is 0
  const minutes = Math.floor(total / 60 / scale) % 60;
  const seconds = (total / scale) % 60;
  const two = (value, more = 0) => value.toFixed(more).padStart(more ? 3 + more : 2, "0");
  return `${signed ? (degrees < 0 ? "−" : "+") : ""}${two(whole)}:${two(minutes)}:${two(seconds, digits)}`;
}

// One picture of the object, large or small: pixels, what lies over them, and what black and white are.
class Picture {
  constructor(focus) {
    /** @type {Focus} */
    this.focus = focus;
    this.name = "";
    /** @type {string[]} */
    this.bands = [];
    this.root = make("div", "picture");
    this.title = make("div", "title");
    this.frame = make("div", "frame", "", { tabindex: 0 });
    this.canvas = make("canvas", "", "", { role: "img" });
    this.over = document.createElementNS(SVG, "svg");
    this.frame.append(this.canvas, this.over, make("i"));
    this.scale = make("div", "scale");
    this.root.append(this.title, this.frame, this.scale);
    this.frame.addEventListener("pointermove", (event) => focus.point(event, this));
    this.frame.addEventListener("pointerleave", () => focus.point(null));
    this.frame.addEventListener("click", (event) => this.open(event));
    this.frame.addEventListener("keydown", (event) => {
      if ([" ", "Enter"].includes(event.key)) this.open(event);
    });
  }

  open(event) {
    if (!this.focus.every) return;
    event.preventDefault();
    this.focus.turn(this.name, true);
    this.focus.pictures[0].frame.focus({ preventScroll: true });
  }

  get limits() {
    return this.focus.look.limits[this.name];
  }

  paint(name) {
    const { object, look, every, coverage } = this.focus;
    this.name = name;
    this.bands = look.pictures.find((picture) => picture[0] === name)[1];
    const seen = !coverage || this.planes(coverage).every((plane) => plane.some(Boolean));
    this.title.replaceChildren(`${name} `);
    this.title.append(make("span", "", this.bands.length > 1 ? this.bands.join(" ") : seen ? "" : "not observed"));
    const said = `${object.id}, ${every ? recipeText(this.bands, look.kind) : this.focus.what.textContent}`;
    this.canvas.setAttribute("aria-label", said);
    this.frame.setAttribute("role", every ? "button" : "group");
    this.frame.setAttribute("aria-label", every ? `${said}: show large` : object.id);
    this.frame.title = every ? `show ${name} large` : "";
    Object.assign(this.canvas, { width: object.width, height: object.height });
    if (this.focus.pixels) this.canvas.getContext("2d").putImageData(this.image(), 0, 0);
    this.bar();
  }

  planes(data) {
    const { object } = this.focus;
    return this.bands.map((name) => this.focus.plane(data, object.bands.indexOf(name)));
  }

  image() {
    const {
      object: { width, height },
      pixels,
      coverage,
    } = this.focus;
    const out = new ImageData(width, height);
    const covers = coverage ? this.planes(coverage) : [];
    const colour = painter(this.planes(pixels), this.limits, this.focus.look);
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

  bar() {
    const {
      object: { unit },
      look,
      pixels,
      every,
    } = this.focus;
    this.scale.replaceChildren();
    this.scale.hidden = every && this.bands.length > 1;
    if (this.bands.length > 1 || !pixels) return;
    const strip = make("div", "", "", { style: `--ramp: ${look.palette.map((colour) => `rgb(${colour})`)}` });
    const ticks = (every ? [0, 1] : [0, 0.25, 0.5, 0.75, 1]).map((at) => {
      const tick = make("span", "", number(valueAt(at, this.limits, look)));
      tick.style.bottom = `calc(${100 * at}% ${at === 0 ? "+ 8px" : at === 1 ? "- 8px" : ""})`;
      return tick;
    });
    if (every) ticks.splice(1, 0, make("span", "", unit));
    this.scale.append(strip, ...ticks);
    this.scale.title = `black ${number(this.limits[0])}, white ${number(this.limits[1])} ${unit} per pixel`;
  }

  // ---- what lies over it: scale bar, north and east, sources

  mark() {
    const {
      object: { width, height, wcs, bar, sources, marks },
      pictures,
      every,
    } = this.focus;
    const room = this.frame.clientWidth;
    const size = room / width;
    this.over.replaceChildren();
    this.over.setAttribute("viewBox", `0 0 ${room} ${size * height}`);
    const line = (d) => {
      for (const name of ["under", "over"]) draw(this.over, "path", { d, class: name });
    };
    const length = bar.pixels * size;
    if (length) line(`M14,${size * height - 16}h${length}m0,-5v10m${-length},-10v10`); // else the scale is not known
    draw(this.over, "text", { x: 14 + length / 2, y: size * height - 24, "text-anchor": "middle" }, bar.label);
    if (wcs && this === pictures[0]) this.compass(wcs, room, line);
    if (!this.focus.marks) return;
    for (const source of sources) {
      const [shape, colour] = marks[source.kind] ?? ["diamond", "#8a8a8a"];
      const at = `translate(${(source.x + 0.5) * size},${(height - source.y - 0.5) * size})`;
      const path = { d: SHAPES[shape], transform: every ? `${at} scale(.7)` : at, fill: "none" };
      draw(this.over, "path", { ...path, stroke: "#000a", "stroke-width": 4 });
      draw(this.over, "path", { ...path, stroke: colour, "stroke-width": 1.8 });
    }
  }

  compass({ cd }, room, line) {
    const from = [room - 58, 58];
    for (const [name, [dx, dy]] of Object.entries(eastNorth(cd))) {
      const end = [from[0] + 32 * dx, from[1] + 32 * dy];
      const wing = (s) => `L${end[0] - 7 * dx + s * 4 * dy},${end[1] - 7 * dy - s * 4 * dx}`;
      line(`M${from}L${end}${wing(1)}M${end}${wing(-1)}`);
      const middle = { "text-anchor": "middle", "dominant-baseline": "middle" };
      draw(this.over, "text", { x: end[0] + 13 * dx, y: end[1] + 13 * dy, ...middle }, name);
    }
  }
}

class Focus {
  constructor(model, el) {
    this.model = model;
    /** @type {Shown | null} */
    this.object = null;
    /** @type {Look | null} */
    this.look = null;
    /** @type {Float32Array | null} */
    this.pixels = null; // bands, rows from the bottom, columns
    /** @type {Uint8Array | null} */
    this.coverage = null; // the same; 0: not observed. null: all is observed
    this.shown = ""; // the picture, or all of them
    this.marks = false;
    /** @type {number | null} */
    this.playing = null;
    /** @type {Picture[]} */
    this.pictures = [];
    this.build(el);
    this.heard = (content, buffers) => this.receive(content, buffers ?? [content.pixels, content.coverage]);
    model.on("msg:custom", this.heard);
    send(model, { type: "hello" });
  }

  build(el) {
    this.root = make("div", "galviz-focus");
    this.root.dataset.lmSuppressShortcuts = "true"; // keys are ours, not JupyterLab's
    this.head = make("div", "id", "", { role: "status" });
    this.place = make("span", "place");
    this.typed = make("input", "", "", { placeholder: "Go to object_id", "aria-label": "Go to object_id" });
    this.alert = make("div", "alert", "", { role: "alert" });
    const steps = make("div", "steps");
    const step = (words, by) => button(words, () => send(this.model, { type: "step", by }));
    steps.append(this.head, this.place, step("◀ Previous", -1), step("Next ▶", 1), this.typed);
    this.facts = make("div", "facts");
    this.tools = make("div", "tools");
    this.show = make("div", "show");
    this.what = make("div", "what");
    this.pointer = make("div", "under-pointer");
    this.legend = make("div", "legend");
    this.root.append(steps, this.alert, this.facts, this.tools, this.show, this.what, this.pointer, this.legend);
    el.replaceChildren(this.root);
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.watch = new ResizeObserver(() => this.resize());
    this.watch.observe(this.root);
  }

  key(event) {
    if (event.target === this.typed) {
      if (event.key !== "Enter") return;
      this.alert.textContent = "";
      send(this.model, { type: "go", id: this.typed.value });
    } else if (this.object && !event.ctrlKey && !event.metaKey && !event.altKey) {
      if (event.key === "b") this.blink();
      if (event.key === "a" && this.names[0] === this.look.all) this.turn(this.look.all, true);
    }
  }

  close() {
    this.model.off("msg:custom", this.heard);
    this.watch.disconnect();
    this.stop();
  }

  receive(content, [pixels, coverage]) {
    if (content.type === "object") {
      this.object = content;
      this.pixels = pixels ? new Float32Array(bytes(pixels)) : null;
      this.coverage = coverage ? new Uint8Array(bytes(coverage)) : null;
      this.look = content.look;
      this.write();
    } else if (content.type === "said") {
      this.alert.textContent = content.words;
      return;
    } else if (content.type === "look" && content.id === this.object?.id) {
      this.look = content.look;
    } else return;
    if (content.turn || !this.names.includes(this.shown)) this.shown = this.look.name;
    this.paint();
  }

  get names() {
    const names = this.look.pictures.map(([name]) => name);
    return names.length > 1 ? [this.look.all, ...names] : names;
  }

  get every() {
    return this.shown === this.look.all;
  }

  // ---- words

  write() {
    const { id, facts, sources, marks, place, count } = this.object;
    this.head.textContent = id;
    this.place.textContent = place ? `${place.toLocaleString("en")} of ${count.toLocaleString("en")}` : "";
    this.alert.textContent = "";
    this.facts.replaceChildren(
      ...facts.map(([name, value]) => {
        const fact = make("span");
        fact.append(make("span", "", `${name} `), make("b", "", value));
        return fact;
      }),
    );
    const kinds = [...new Set(sources.map((source) => source.kind))];
    this.legend.replaceChildren(
      ...kinds.map((kind) => {
        const [shape, colour, name] = marks[kind] ?? ["diamond", "#8a8a8a", kind];
        const entry = make("span");
        const sign = document.createElementNS(SVG, "svg");
        sign.setAttribute("viewBox", "-9 -9 18 18");
        draw(sign, "path", { d: SHAPES[shape], fill: "none", stroke: colour, "stroke-width": 2.4 });
        entry.append(sign, `${name} (${sources.filter((source) => source.kind === kind).length})`);
        return entry;
      }),
    );
    this.point(null);
  }

  buttons() {
    const {
      names,
      shown,
      look: { all: every },
    } = this;
    const all = names.map((name) => {
      const title = name === every ? "colours and bands side by side (a)" : `show ${name}`;
      return button(name, () => this.turn(name, name === every), { title, pressed: name === shown });
    });
    if (names.length > 1) {
      const state = { title: "through the bands (b)", pressed: this.playing !== null };
      all.push(button("blink", () => this.blink(), state));
    }
    if (this.object.sources.length) {
      const turn = () => {
        this.marks = !this.marks;
        this.paint();
      };
      all.push(button("sources", turn, { title: "mark what is known to lie here", pressed: this.marks }));
    }
    const root = /** @type {Document | ShadowRoot} */ (this.tools.getRootNode());
    const at = [...this.tools.children].indexOf(root.activeElement);
    this.tools.replaceChildren(...all);
    all[at]?.focus();
  }

  // What is told is the choice of all views that share the controls; the other turns are for this one.
  turn(name, tell = false) {
    if (tell) this.stop();
    this.shown = name;
    this.paint();
    if (tell) send(this.model, { type: "picture", name });
  }

  blink() {
    const bands = this.object?.bands ?? [];
    if (this.playing === null && bands.length > 1) {
      const next = () => this.turn(bands[(bands.indexOf(this.shown) + 1) % bands.length]);
      this.playing = setInterval(next, 600);
      next();
    } else {
      this.stop();
      this.paint();
    }
  }

  stop() {
    clearInterval(this.playing);
    this.playing = null;
  }

  // ---- the pictures

  resize() {
    if (!this.object) return;
    const { width, height, tallest } = this.object;
    const room = this.every ? "auto" : `${Math.min(this.root.clientWidth - 84, (tallest * width) / height)}px`;
    for (const picture of this.pictures) {
      Object.assign(picture.frame.style, { width: room, aspectRatio: `${width} / ${height}` });
      picture.mark();
    }
  }

  paint() {
    if (!this.object) return;
    this.buttons();
    const names = this.every ? this.names.slice(1) : [this.shown];
    while (this.pictures.length < names.length) this.pictures.push(new Picture(this));
    this.pictures.length = names.length;
    this.show.className = this.every ? "show all" : "show";
    const roots = this.pictures.map((picture) => picture.root);
    if (roots.length !== this.show.childElementCount) {
      this.show.replaceChildren(...roots);
      this.point(null); // what is under the pointer is elsewhere now
    }
    this.describe(names);
    this.legend.hidden = !this.marks;
    for (const [k, name] of names.entries()) this.pictures[k].paint(name);
    this.resize();
  }

  describe(names) {
    const {
      object: { bands, unit, origin },
      look: { pictures, kind },
    } = this;
    const shown = pictures.filter(([name]) => names.includes(name)).map(([, colours]) => colours);
    const whole = (name) => this.plane(this.coverage, bands.indexOf(name)).every(Boolean);
    const seen = this.coverage && !shown.flat().every(whole) ? " · hatched: not observed" : "";
    const measure = unit === "display" ? "pixels meant for the eye" : `${unit} per pixel`;
    const recipe = recipeText(shown[0], kind) + (this.every ? ` · ${recipeText([], kind, "each band")}` : "");
    this.what.textContent = this.pixels ? `${recipe} · ${measure} · ${origin}${seen}` : "no image of this object";
  }

  plane(data, k) {
    const size = this.object.width * this.object.height;
    return data.subarray(k * size, (k + 1) * size);
  }

  point(event, picture) {
    this.show.classList.toggle("pointed", event !== null);
    this.pointer.replaceChildren();
    if (!event) return;
    const { width, bands, wcs, unit, sources } = this.object;
    const at = picture.frame.getBoundingClientRect();
    const [left, top] = [(event.clientX - at.x) / at.width, (event.clientY - at.y) / at.height];
    const pixel = pixelAt([left, top], this.object);
    if (!pixel) return;
    const { x, y, column, row } = pixel;
    this.show.style.setProperty("--x", `${100 * left}%`);
    this.show.style.setProperty("--y", `${100 * top}%`);
    const words = [`x ${x.toFixed(1)}  y ${y.toFixed(1)}`];
    if (wcs) {
      const [ra, dec] = sky([x, y], wcs);
      const text = `RA ${sexagesimal(ra / 15, 2, false)} Dec ${sexagesimal(dec, 1, true)}`;
      words.push(`${text}  ${ra.toFixed(5)} ${dec.toFixed(5)}`);
    }
    const near = sources.find((source) => this.marks && Math.hypot(source.x - x, source.y - y) * at.width < 9 * width);
    if (near) words.push(`${near.kind}${near.p_mem === null ? "" : ` p_mem ${number(near.p_mem)}`}`);
    this.pointer.append(`${words.join("   ")}\n`);
    if (!this.pixels) return;
    const p = row * width + column;
    const seen = (k) => !this.coverage || this.plane(this.coverage, k)[p];
    const value = (k) => (seen(k) ? number(this.plane(this.pixels, k)[p]) : "not observed");
    const here = (name) => this.every && name === picture.name;
    const values = bands.map((name, k) => make(here(name) ? "b" : "span", "", `${name} ${value(k)}`));
    this.pointer.append(...values.flatMap((element) => [element, "  "]), unit === "display" ? "" : unit);
  }
}

export function render({ model, el }) {
  return untilRemoved(new Focus(model, el), model);
}

export default { render, sky };
