// @ts-check
// One object: one picture large, or its colours and every band side by side. Pixels come as floats; stretch, blinking
// and what is under the pointer are computed here. Plain JavaScript for Panel (JSComponent) and Jupyter (anywidget).
// Its style is in client.css. The messages are declared in galviz/tools/viewer/messages.py.

import { button, bytes, clamp, draw, listen, make, number, pen, rootOf, SVG, send, untilRemoved } from "../shared.js";

/**
 * @import { Model } from "../shared.js"
 * @import { FromBrowser, Stretch, Object as Shown, ToBrowser, Wcs } from "./messages.d.ts"
 *
 * @typedef {[number, number]} Limits pixel values of black and white; of "lupton", of black and the linear range
 * @typedef {(p: number) => number[]} Painter from the number of a pixel to its red, green, blue, 0 … 255
 *
 * What is shown: an object, how it is shown, and its data: bands, rows from the bottom, columns.
 * @typedef {object} Scene
 * @property {Shown} object
 * @property {Stretch} stretch
 * @property {Float32Array | null} pixels null: there is no image
 * @property {Uint8Array | null} coverage 0: not observed; null: all is observed
 */

/** @type {Record<string, string>} */
const SHAPES = {
  circle: "M-6,0a6,6 0 1,0 12,0a6,6 0 1,0 -12,0",
  square: "M-5.5,-5.5h11v11h-11z",
  x: "M-5,-5L5,5M5,-5L-5,5",
  diamond: "M0,-7L7,0L0,7L-7,0z",
  star: "M0,-8L1.9,-2.6L7.6,-2.5L3,1L4.7,6.5L0,3.2L-4.7,6.5L-3,1L-7.6,-2.5L-1.9,-2.6z",
};
const UNKNOWN = ["diamond", "#8a8a8a"]; // shape and colour of a kind of source without marks

/**
 * @param {number} value of a pixel
 * @param {Limits} limits
 * @param {Stretch} stretch
 * @returns {number} brightness 0 … 1: galviz.sky.photometry.stretch, then gamma
 */
export function level(value, [low, high], stretch) {
  const y = high > low ? clamp((value - low) / (high - low)) : 0;
  const bent =
    stretch.kind === "asinh" || stretch.kind === "lupton" ? Math.asinh(y / stretch.a) / Math.asinh(1 / stretch.a) : y;
  return bent ** stretch.gamma;
}

/**
 * @param {number} brightness 0 … 1
 * @param {Limits} limits
 * @param {Stretch} stretch
 * @returns {number} the pixel value that is as bright: the inverse of `level`
 */
export function valueAt(brightness, [low, high], stretch) {
  const bent = brightness ** (1 / stretch.gamma);
  const asinh = stretch.kind === "asinh" || stretch.kind === "lupton";
  return low + (high - low) * (asinh ? stretch.a * Math.sinh(bent * Math.asinh(1 / stretch.a)) : bent);
}

/**
 * @param {Float32Array[]} planes of one band or of three
 * @param {Limits} limits
 * @param {Stretch} stretch
 * @returns {Painter}
 */
export function painter(planes, limits, stretch) {
  if (planes.length === 1) return (p) => stretch.palette[Math.round(level(planes[0][p], limits, stretch) * 254)];
  if (stretch.kind !== "lupton")
    return (p) => planes.map((plane) => Math.round(255 * level(plane[p], limits, stretch)));
  const [low, linear] = limits; // Lupton et al. (2004), as astropy computes it
  const slope = 0.1 / Math.asinh(0.1 * stretch.Q);
  return (p) => {
    const three = planes.map((plane) => plane[p] - low);
    const intensity = (three[0] + three[1] + three[2]) / 3;
    const factor = intensity > 0 ? (slope * Math.asinh((stretch.Q * intensity) / linear)) / intensity : 0;
    const scaled = three.map((value) => Math.max(0, value * factor));
    const most = Math.max(1, ...scaled);
    return scaled.map((value) => Math.round(255 * (Math.floor((255 * value) / most) / 255) ** stretch.gamma));
  };
}

/**
 * @param {string[]} bands of a picture
 * @param {string} kind of stretch
 * @param {string} one text for a single band
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
  const two = (/** @type {number} */ value, more = 0) => value.toFixed(more).padStart(more ? 3 + more : 2, "0");
  return `${signed ? (degrees < 0 ? "−" : "+") : ""}${two(whole)}:${two(minutes)}:${two(seconds, digits)}`;
}

/**
 * @template {Float32Array | Uint8Array} T
 * @param {T} data of all bands
 * @param {number} k number of a band
 * @param {{width: number, height: number}} size pixels
 * @returns {T} data of that band
 */
export function planeOf(data, k, { width, height }) {
  return /** @type {T} */ (data.subarray(k * width * height, (k + 1) * width * height));
}

/**
 * @param {Scene} scene
 * @param {string} name of a picture
 * @returns {string[]} its bands
 */
const bandsOf = ({ stretch }, name) => stretch.pictures.find((picture) => picture[0] === name)?.[1] ?? [];

/**
 * @param {Scene} scene with pixels
 * @param {string} name of a picture
 * @param {Float32Array} pixels
 * @returns {ImageData} row 0 at the bottom; what was not observed is transparent
 */
function imageOf(scene, name, pixels) {
  const { object, stretch, coverage } = scene;
  const { width, height } = object;
  const numbers = bandsOf(scene, name).map((band) => object.bands.indexOf(band));
  const covers = coverage ? numbers.map((k) => planeOf(coverage, k, object)) : [];
  const planes = numbers.map((k) => planeOf(pixels, k, object));
  const colour = painter(planes, stretch.limits[name], stretch);
  const out = new ImageData(width, height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const p = y * width + x;
      const q = 4 * ((height - 1 - y) * width + x);
      const [r, g, b] = colour(p);
      out.data[q] = r;
      out.data[q + 1] = g;
      out.data[q + 2] = b;
      out.data[q + 3] = covers.every((cover) => cover[p]) ? 255 : 0;
    }
  }
  return out;
}

// One picture of the object, large or small: pixels, what lies over them, and what black and white are.
class Picture {
  name = "";
  root = make("div", "picture");
  title = make("div", "title");
  frame = make("div", "frame", "", { tabindex: 0 });
  canvas = make("canvas", "", "", { role: "img" });
  over = document.createElementNS(SVG, "svg");
  scale = make("div", "scale");

  /** @param {Focus} focus */
  constructor(focus) {
    this.focus = focus;
    this.frame.append(this.canvas, this.over, make("i"));
    this.root.append(this.title, this.frame, this.scale);
    this.frame.addEventListener("pointermove", (event) => focus.point({ event, picture: this }));
    this.frame.addEventListener("pointerleave", () => focus.point(null));
    this.frame.addEventListener("click", (event) => this.open(event));
    this.frame.addEventListener("keydown", (event) => {
      if ([" ", "Enter"].includes(event.key)) this.open(event);
    });
  }

  /** @param {Event} event */
  open(event) {
    if (!this.focus.every) return;
    event.preventDefault();
    this.focus.turn(this.name, true);
    this.focus.pictures[0].frame.focus({ preventScroll: true });
  }

  /**
   * @param {Scene} scene
   * @param {string} name of the picture
   */
  paint(scene, name) {
    const { object, stretch, pixels, coverage } = scene;
    const { every } = this.focus;
    const bands = bandsOf(scene, name);
    this.name = name;
    const observed = (/** @type {string} */ band) =>
      !coverage || planeOf(coverage, object.bands.indexOf(band), object).some(Boolean);
    const note = bands.length > 1 ? bands.join(" ") : bands.every(observed) ? "" : "not observed";
    this.title.replaceChildren(`${name} `, make("span", "", note));
    const label = `${object.id}, ${every ? recipeText(bands, stretch.kind) : this.focus.what.textContent}`;
    this.canvas.setAttribute("aria-label", label);
    this.frame.setAttribute("role", every ? "button" : "group");
    this.frame.setAttribute("aria-label", every ? `${label}: show large` : object.id);
    this.frame.title = every ? `show ${name} large` : "";
    Object.assign(this.canvas, { width: object.width, height: object.height });
    if (pixels) pen(this.canvas).putImageData(imageOf(scene, name, pixels), 0, 0);
    this.bar(scene, bands);
  }

  /**
   * @param {Scene} scene
   * @param {string[]} bands
   */
  bar({ object: { unit }, stretch, pixels }, bands) {
    const { every } = this.focus;
    const limits = stretch.limits[this.name];
    this.scale.replaceChildren();
    this.scale.hidden = every && bands.length > 1;
    if (bands.length > 1 || !pixels) return;
    const strip = make("div", "", "", { style: `--ramp: ${stretch.palette.map((colour) => `rgb(${colour})`)}` });
    const ticks = (every ? [0, 1] : [0, 0.25, 0.5, 0.75, 1]).map((at) => {
      const tick = make("span", "", number(valueAt(at, limits, stretch)));
      tick.style.bottom = `calc(${100 * at}% ${at === 0 ? "+ 8px" : at === 1 ? "- 8px" : ""})`;
      return tick;
    });
    if (every) ticks.splice(1, 0, make("span", "", unit));
    this.scale.append(strip, ...ticks);
    this.scale.title = `black ${number(limits[0])}, white ${number(limits[1])} ${unit} per pixel`;
  }

  // ---- what lies over it: scale bar, north and east, sources

  /** @param {Shown} object */
  mark({ width, height, wcs, bar, sources, marks }) {
    const { pictures, every } = this.focus;
    const room = this.frame.clientWidth;
    const size = room / width;
    this.over.replaceChildren();
    this.over.setAttribute("viewBox", `0 0 ${room} ${size * height}`);
    const length = bar.pixels * size;
    if (length) this.line(`M14,${size * height - 16}h${length}m0,-5v10m${-length},-10v10`); // else the scale is not known
    draw(this.over, "text", { x: 14 + length / 2, y: size * height - 24, "text-anchor": "middle" }, bar.label);
    if (wcs && this === pictures[0]) this.compass(wcs, room);
    if (!this.focus.marks) return;
    for (const source of sources) {
      const [shape, colour] = marks[source.kind] ?? UNKNOWN;
      const at = `translate(${(source.x + 0.5) * size},${(height - source.y - 0.5) * size})`;
      const path = { d: SHAPES[shape], transform: every ? `${at} scale(.7)` : at, fill: "none" };
      draw(this.over, "path", { ...path, stroke: "#000a", "stroke-width": 4 });
      draw(this.over, "path", { ...path, stroke: colour, "stroke-width": 1.8 });
    }
  }

  /** @param {string} d path, drawn dark below and light above */
  line(d) {
    for (const name of ["under", "over"]) draw(this.over, "path", { d, class: name });
  }

  /**
   * @param {Wcs} wcs
   * @param {number} room px that the picture is wide
   */
  compass({ cd }, room) {
    const from = [room - 58, 58];
    for (const [name, [dx, dy]] of Object.entries(eastNorth(cd))) {
      const end = [from[0] + 32 * dx, from[1] + 32 * dy];
      const wing = (/** @type {number} */ s) => `L${end[0] - 7 * dx + s * 4 * dy},${end[1] - 7 * dy - s * 4 * dx}`;
      this.line(`M${from}L${end}${wing(1)}M${end}${wing(-1)}`);
      const middle = { "text-anchor": "middle", "dominant-baseline": "middle" };
      draw(this.over, "text", { x: end[0] + 13 * dx, y: end[1] + 13 * dy, ...middle }, name);
    }
  }
}

/**
 * @param {Scene} scene
 * @returns {string[]} names of its pictures, and first that of all of them if there are several
 */
function namesOf({ stretch }) {
  const names = stretch.pictures.map(([name]) => name);
  return names.length > 1 ? [stretch.all, ...names] : names;
}

class Focus {
  /** @type {Scene | null} */
  scene = null;
  shown = ""; // the picture, or all of them
  marks = false;
  playing = 0; // the timer that blinks; 0: none
  /** @type {Picture[]} */
  pictures = [];

  root = make("div", "galviz-focus");
  head = make("div", "id", "", { role: "status" });
  place = make("span", "place");
  typed = make("input", "", "", { placeholder: "Go to object_id", "aria-label": "Go to object_id" });
  alert = make("div", "alert", "", { role: "alert" });
  facts = make("div", "facts");
  tools = make("div", "tools");
  show = make("div", "show");
  what = make("div", "what");
  pointer = make("div", "under-pointer");
  legend = make("div", "legend");
  watch = new ResizeObserver(() => this.resize());

  /**
   * @param {Model<ToBrowser, FromBrowser>} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    this.model = model;
    this.root.dataset.lmSuppressShortcuts = "true"; // keys are ours, not JupyterLab's
    const steps = make("div", "steps");
    const step = (/** @type {string} */ text, /** @type {number} */ by) =>
      button(text, () => send(model, { type: "step", by }));
    steps.append(this.head, this.place, step("◀ Previous", -1), step("Next ▶", 1), this.typed);
    this.root.append(steps, this.alert, this.facts, this.tools, this.show, this.what, this.pointer, this.legend);
    el.replaceChildren(this.root);
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.watch.observe(this.root);
    this.unlisten = listen(model, this.receive, { type: "hello" });
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.target === this.typed) {
      if (event.key !== "Enter") return;
      this.alert.textContent = "";
      send(this.model, { type: "go", id: this.typed.value });
    } else if (this.scene && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const { all } = this.scene.stretch;
      if (event.key === "b") this.blink();
      if (event.key === "a" && namesOf(this.scene)[0] === all) this.turn(all, true);
    }
  }

  close() {
    this.unlisten();
    this.watch.disconnect();
    this.stop();
  }

  /** @type {(content: ToBrowser, buffers?: DataView[]) => void} */
  receive = (content, buffers) => {
    let turn = false;
    if (content.type === "object") {
      const [pixels, coverage] = buffers ?? [content.pixels, content.coverage];
      this.scene = {
        object: content,
        stretch: content.stretch,
        pixels: pixels ? new Float32Array(bytes(pixels)) : null,
        coverage: coverage ? new Uint8Array(bytes(coverage)) : null,
      };
      this.write(content);
    } else if (content.type === "alert") {
      this.alert.textContent = content.text;
      return;
    } else if (content.id === this.scene?.object.id) {
      this.scene.stretch = content.stretch;
      turn = content.turn;
    } else return;
    if (turn || !namesOf(this.scene).includes(this.shown)) this.shown = this.scene.stretch.name;
    this.paint();
  };

  // Whether all pictures are shown side by side.
  get every() {
    return this.shown === this.scene?.stretch.all;
  }

  // ---- words

  /** @param {Shown} object */
  write({ id, facts, sources, marks, place, count }) {
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
        const [shape, colour, name] = marks[kind] ?? [...UNKNOWN, kind];
        const entry = make("span");
        const sign = draw(entry, "svg", { viewBox: "-9 -9 18 18" });
        draw(sign, "path", { d: SHAPES[shape], fill: "none", stroke: colour, "stroke-width": 2.4 });
        entry.append(`${name} (${sources.filter((source) => source.kind === kind).length})`);
        return entry;
      }),
    );
    this.point(null);
  }

  /** @param {Scene} scene */
  buttons(scene) {
    const names = namesOf(scene);
    const { all } = scene.stretch;
    const buttons = names.map((name) => {
      const title = name === all ? "colours and bands side by side (a)" : `show ${name}`;
      return button(name, () => this.turn(name, name === all), { title, pressed: name === this.shown });
    });
    if (names.length > 1) {
      const state = { title: "through the bands (b)", pressed: this.playing !== 0 };
      buttons.push(button("blink", () => this.blink(), state));
    }
    if (scene.object.sources.length) {
      const turn = () => {
        this.marks = !this.marks;
        this.paint();
      };
      buttons.push(button("sources", turn, { title: "mark what is known to lie here", pressed: this.marks }));
    }
    const { activeElement } = rootOf(this.tools);
    const at = activeElement ? [...this.tools.children].indexOf(activeElement) : -1;
    this.tools.replaceChildren(...buttons);
    buttons[at]?.focus();
  }

  /**
   * Shows another picture.
   * @param {string} name
   * @param {boolean} share with all views that share the controls
   */
  turn(name, share = false) {
    if (share) this.stop();
    this.shown = name;
    this.paint();
    if (share) send(this.model, { type: "picture", name });
  }

  blink() {
    const bands = this.scene?.object.bands ?? [];
    if (this.playing === 0 && bands.length > 1) {
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
    this.playing = 0;
  }

  // ---- the pictures

  resize() {
    if (!this.scene) return;
    const { object } = this.scene;
    const { width, height, tallest } = object;
    const room = this.every ? "auto" : `${Math.min(this.root.clientWidth - 84, (tallest * width) / height)}px`;
    for (const picture of this.pictures) {
      Object.assign(picture.frame.style, { width: room, aspectRatio: `${width} / ${height}` });
      picture.mark(object);
    }
  }

  paint() {
    const { scene } = this;
    if (!scene) return;
    this.buttons(scene);
    const names = this.every ? namesOf(scene).slice(1) : [this.shown];
    while (this.pictures.length < names.length) this.pictures.push(new Picture(this));
    this.pictures.length = names.length;
    this.show.className = this.every ? "show all" : "show";
    const roots = this.pictures.map((picture) => picture.root);
    if (roots.length !== this.show.childElementCount) {
      this.show.replaceChildren(...roots);
      this.point(null); // what is under the pointer is elsewhere now
    }
    this.what.textContent = this.description(scene, names);
    this.legend.hidden = !this.marks;
    for (const [k, name] of names.entries()) this.pictures[k].paint(scene, name);
    this.resize();
  }

  /**
   * @param {Scene} scene
   * @param {string[]} names of the pictures that are shown
   * @returns {string}
   */
  description(scene, names) {
    const { object, stretch, pixels, coverage } = scene;
    if (!pixels) return "no image of this object";
    const shown = names.map((name) => bandsOf(scene, name));
    const whole = (/** @type {string} */ band) =>
      !coverage || planeOf(coverage, object.bands.indexOf(band), object).every(Boolean);
    const observed = shown.flat().every(whole) ? "" : " · hatched: not observed";
    const measure = object.unit === "display" ? "display pixels" : `${object.unit} per pixel`;
    const recipe =
      recipeText(shown[0], stretch.kind) + (this.every ? ` · ${recipeText([], stretch.kind, "each band")}` : "");
    return `${recipe} · ${measure} · ${object.origin}${observed}`;
  }

  /** @param {{event: PointerEvent, picture: Picture} | null} over null: the pointer left */
  point(over) {
    this.show.classList.toggle("pointed", over !== null);
    this.pointer.replaceChildren();
    if (!over || !this.scene) return;
    const { event, picture } = over;
    const { object, pixels, coverage } = this.scene;
    const { width, bands, wcs, unit, sources } = object;
    const at = picture.frame.getBoundingClientRect();
    const [left, top] = [(event.clientX - at.x) / at.width, (event.clientY - at.y) / at.height];
    const pixel = pixelAt([left, top], object);
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
    if (!pixels) return;
    const p = row * width + column;
    const values = bands.map((name, k) => {
      const observed = !coverage || planeOf(coverage, k, object)[p];
      const value = observed ? number(planeOf(pixels, k, object)[p]) : "not observed";
      return make(this.every && name === picture.name ? "b" : "span", "", `${name} ${value}`);
    });
    this.pointer.append(...values.flatMap((element) => [element, "  "]), unit === "display" ? "" : unit);
  }
}

/** @param {{model: Model<ToBrowser, FromBrowser>, el: HTMLElement}} place */
export function render({ model, el }) {
  return untilRemoved(new Focus(model, el), model);
}

export default { render, sky };
