// @ts-check
// One object: one picture large, or its colours and every band side by side. Pixels come as floats; stretch, blinking
// and what is under the pointer are computed here. Plain JavaScript for Panel (JSComponent) and Jupyter (anywidget).
// Its style is in client.css. The messages are declared in galviz/tools/viewer/messages.py.

import {
  button,
  bytes,
  clamp,
  draw,
  drawMark,
  legendOf,
  listen,
  make,
  number,
  pen,
  rootOf,
  SVG,
  send,
  untilRemoved,
} from "../shared.js";

/**
 * @import { Model } from "../shared.js"
 * @import { FromBrowser, Fluxes, Object as Shown, Stretch, ToBrowser, Wcs } from "./messages.d.ts"
 *
 * @typedef {[number, number]} Limits pixel values of black and white; of "lupton", of black and the linear range
 * @typedef {(p: number) => number[]} Painter from the number of a pixel to its red, green, blue, 0 … 255
 * @typedef {[number, number]} Point to the right and down
 * @typedef {[number, number, number, number]} Matrix a, b, c, d, as CSS has them: right = a u + c v, down = b u + d v
 *
 * @typedef {object} Tone what dragging does to the stretch
 * @property {number} bias brightness 0 … 1 that is shown as half bright
 * @property {number} contrast how fast it grows there
 *
 * @typedef {object} View the part of an image that is shown
 * @property {number} zoom 1: the whole image
 * @property {Point} at what is in the middle, from the left and the top of the image, 0 … 1
 *
 * @typedef {object} Layout where an image lies on the screen: right, down = origin + matrix · (u, v)
 * @property {Matrix} matrix of u and v, pixels from the left and the top of the image
 * @property {Point} origin
 * @property {number} scale px of the screen a pixel
 *
 * @typedef {object} Aperture a circle and a ring around it, pixels from 0, row 0 at the bottom
 * @property {number} x
 * @property {number} y
 * @property {number} radius
 * @property {number} inner
 * @property {number} outer
 *
 * What is shown: an object, how it is shown, and its data: bands, rows from the bottom, columns.
 * @typedef {object} Scene
 * @property {Shown} object
 * @property {Stretch} stretch
 * @property {Float32Array | null} pixels null: there is no image
 * @property {Uint8Array | null} coverage 0: not observed; null: all is observed
 */

/** @type {Matrix} */
const AS_TAKEN = [1, 0, 0, 1];
const PLAIN = { bias: 0.5, contrast: 1 };
const CLOSEST = 48; // px of the screen a pixel
const GAP = 8; // px between pictures

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
 * @param {Tone} tone
 * @returns {(brightness: number) => number} 0 … 1
 */
export function toned({ bias, contrast }) {
  if (bias === PLAIN.bias && contrast === PLAIN.contrast) return (brightness) => brightness;
  return (brightness) => clamp((brightness - bias) * contrast + 0.5);
}

/**
 * @param {Tone} tone when the pointer went down
 * @param {Point} by how far it went since, in widths and heights of the frame
 * @returns {Tone} to the right less is bright, upwards the contrast grows
 */
export function dragged({ bias, contrast }, [right, down]) {
  return { bias: clamp(bias + right), contrast: clamp(contrast * 10 ** (-2 * down), 0.1, 30) };
}

/**
 * @param {Float32Array[]} planes of one band or of three
 * @param {Limits} limits
 * @param {Stretch} stretch
 * @returns {Float32Array[]} brightness of each pixel, 0 … 1; of one band or of red, green and blue
 */
export function brightness(planes, limits, stretch) {
  if (planes.length < 3 || stretch.kind !== "lupton")
    return planes.map((plane) => plane.map((value) => level(value, limits, stretch)));
  const [low, linear] = limits; // Lupton et al. (2004), as astropy computes it
  const slope = 0.1 / Math.asinh(0.1 * stretch.Q);
  const out = planes.map((plane) => new Float32Array(plane.length));
  for (let p = 0; p < planes[0].length; p += 1) {
    const intensity = (planes[0][p] + planes[1][p] + planes[2][p]) / 3 - low;
    if (intensity <= 0) continue;
    const factor = (slope * Math.asinh((stretch.Q * intensity) / linear)) / intensity;
    let most = 1;
    for (const plane of planes) most = Math.max(most, (plane[p] - low) * factor);
    for (let k = 0; k < 3; k += 1) {
      const value = Math.max(0, (planes[k][p] - low) * factor);
      out[k][p] = (Math.floor((255 * value) / most) / 255) ** stretch.gamma;
    }
  }
  return out;
}

/**
 * @param {Float32Array[]} levels brightness of one band or of three
 * @param {Stretch} stretch
 * @param {Tone} [tone]
 * @returns {Painter}
 */
export function painter(levels, { palette }, tone = PLAIN) {
  const shown = toned(tone);
  if (levels.length === 1) return (p) => palette[Math.round(shown(levels[0][p]) * 254)];
  const rgb = [0, 0, 0]; // the same for all pixels: a new one for each is slow
  return (p) => {
    for (let k = 0; k < 3; k += 1) rgb[k] = Math.round(255 * shown(levels[k][p]));
    return rgb;
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
 * @param {Aperture} circle
 * @param {Point} point of the image, pixels from its left and its top
 * @param {{width: number, height: number}} size pixels
 * @returns {Aperture} with its middle there; where that is outside the image, as it was
 */
export function placed(circle, [u, v], { width, height }) {
  const pixel = pixelAt([u / width, v / height], { width, height });
  return pixel ? { ...circle, x: pixel.x, y: pixel.y } : circle;
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
 * @param {number[] | undefined} cd matrix of a WCS
 * @returns {Matrix} turns and mirrors the image so that north is up and east is left; without a WCS nothing
 */
export function northUp(cd) {
  if (!cd) return AS_TAKEN;
  const {
    E: [ex, ey],
    N: [nx, ny],
  } = eastNorth(cd);
  const flip = ny * ex - nx * ey > 0 ? 1 : -1; // where east would lie to the right
  return [-ny * flip, -nx, nx * flip, -ny];
}

/**
 * @param {Matrix} matrix
 * @param {Point} point
 * @returns {Point}
 */
const times = ([a, b, c, d], [u, v]) => [a * u + c * v, b * u + d * v];

/**
 * @param {{width: number, height: number}} size pixels of the image
 * @param {Point} room px of the frame
 * @param {View} view where the image is smaller than the frame, it stays in its middle; else it covers the frame
 * @param {Matrix} turn
 * @returns {Layout}
 */
export function layout({ width, height }, room, { zoom, at }, turn = AS_TAKEN) {
  const [a, b, c, d] = turn.map(Math.abs);
  const box = [a * width + c * height, b * width + d * height];
  const scale = zoom * Math.min(room[0] / box[0], room[1] / box[1]);
  const matrix = /** @type {Matrix} */ (turn.map((value) => value * scale));
  const off = times(matrix, [(0.5 - at[0]) * width, (0.5 - at[1]) * height]);
  const half = times(matrix, [width / 2, height / 2]);
  const [x, y] = [0, 1].map((k) => {
    const most = Math.max(0, (scale * box[k] - room[k]) / 2);
    return room[k] / 2 + clamp(off[k], -most, most) - half[k];
  });
  return { matrix, origin: [x, y], scale };
}

/**
 * @param {Layout} layout
 * @param {Point} point of the screen, from the left and the top of the frame
 * @returns {Point} of the image, pixels from its left and its top
 */
export function onImage({ matrix: [a, b, c, d], origin }, [x, y]) {
  const det = a * d - b * c;
  const [right, down] = [x - origin[0], y - origin[1]];
  return [(d * right - c * down) / det, (a * down - b * right) / det];
}

/**
 * @param {Layout} layout
 * @param {Point} point of the image
 * @returns {Point} of the screen
 */
export function onScreen({ matrix, origin }, point) {
  const [right, down] = times(matrix, point);
  return [origin[0] + right, origin[1] + down];
}

/**
 * @param {{width: number, height: number}} size of the image
 * @param {Point} room of the frame
 * @param {View} view
 * @param {Matrix} turn
 * @param {{factor?: number, from?: Point, to?: Point}} change factor: of the zoom; what lies at `from` on the screen
 *   comes to `to`; by default the middle stays
 * @returns {View}
 */
export function changed(size, room, view, turn, { factor = 1, from = [room[0] / 2, room[1] / 2], to = from }) {
  const { width, height } = size;
  const before = layout(size, room, view, turn);
  const fixed = onImage(before, from);
  const most = Math.max(4, (CLOSEST * view.zoom) / before.scale);
  const zoom = clamp(view.zoom * factor, 1, most);
  const shift = onImage({ ...before, origin: [0, 0] }, [to[0] - room[0] / 2, to[1] - room[1] / 2]);
  const part = zoom / view.zoom;
  const free = [0, 1].map((k) => (fixed[k] - shift[k] / part) / [width, height][k]);
  const middle = onImage(layout(size, room, { zoom, at: [free[0], free[1]] }, turn), [room[0] / 2, room[1] / 2]);
  return { zoom, at: [middle[0] / width, middle[1] / height] };
}

/**
 * @param {number} count of pictures
 * @param {Point} room px for all of them
 * @param {number} ratio width of a picture over its height
 * @param {number} more px that each needs below and above
 * @returns {{columns: number, side: number}} in how many columns they are widest, and that width, px
 */
export function gridOf(count, [width, height], ratio, more) {
  let best = { columns: 1, side: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const tall = (height - GAP * (rows - 1)) / rows - more;
    const side = Math.floor(Math.min((width - GAP * (columns - 1)) / columns, tall * ratio));
    if (side > best.side) best = { columns, side };
  }
  return best;
}

/**
 * @param {number} width of a pane, px
 * @param {number} height
 * @returns {boolean} whether the tools stand beside the picture: in a low, wide pane it is larger than between them
 */
export function liesBeside(width, height) {
  return height < 480 && Math.min(width - 250, height) > Math.min(width, height - 170) + 40;
}

/**
 * @param {number} side arcsec
 * @returns {{length: number, label: string}} galviz.tools.viewer.figure.scale_bar: a round length, arcsec
 */
export function scaleBar(side) {
  const unit = side * 0.4 >= 60 ? 60 : 1;
  const limit = (0.4 * side) / unit;
  const step = 10 ** Math.floor(Math.log10(limit));
  const times = [5, 2, 1].find((m) => m * step <= limit * (1 + 1e-9)) ?? 1;
  const length = Number((times * step).toPrecision(3));
  return { length: length * unit, label: `${length}${unit === 60 ? "′" : "″"}` };
}

/**
 * @param {Point} room px of the frame
 * @param {Point} size px of what is put into a corner
 * @param {{at: Point, radius: number}} object what must stay free, px
 * @param {string[]} order corners: "top right" …; the first that is free is taken, or else the first
 * @returns {Point} left and top
 */
export function corner(room, size, { at, radius }, order) {
  const places = order.map((name) => {
    const place = /** @type {Point} */ ([
      name.includes("left") ? 0 : room[0] - size[0],
      name.includes("top") ? 0 : room[1] - size[1],
    ]);
    const near = at.map((value, k) => Math.max(0, place[k] - value, value - place[k] - size[k]));
    return { place, free: Math.hypot(...near) >= radius };
  });
  return (places.find(({ free }) => free) ?? places[0]).place;
}

/**
 * @param {number} value
 * @returns {string} with the seven digits that a pixel has
 */
export function exact(value) {
  const size = Math.abs(value);
  if (value === 0 || (size >= 1e-4 && size < 1e7)) return String(Number(value.toPrecision(7)));
  return value.toExponential(6);
}

/**
 * @param {number | null} value
 * @param {number | null} error
 * @returns {string} value ± error, with the digits that the error allows
 */
export function withError(value, error) {
  if (value === null) return "–";
  if (error === null || error <= 0) return number(value);
  const digits = Math.max(0, 1 - Math.floor(Math.log10(error)));
  const written = (/** @type {number} */ unit, /** @type {number} */ places) =>
    [value, error].map((one) => (one / unit).toFixed(places)).join(" ± ");
  if (digits <= 8) return written(1, digits).replaceAll("-", "−");
  const power = Math.floor(Math.log10(Math.max(Math.abs(value), error)));
  return `(${written(10 ** power, clamp(digits + power, 0, 8))})e${power}`.replaceAll("-", "−");
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
 * @param {Pick<Scene, "stretch">} scene
 * @param {string} name of a picture
 * @returns {string[]} its bands
 */
const bandsOf = ({ stretch }, name) => stretch.pictures.find((picture) => picture[0] === name)?.[1] ?? [];

/**
 * @param {Scene} scene
 * @param {string} name of a picture
 * @param {Float32Array[]} levels its brightness
 * @param {Tone} tone
 * @returns {ImageData} row 0 at the bottom; what was not observed is transparent
 */
function imageOf({ object, stretch, coverage }, name, levels, tone) {
  const { width, height } = object;
  const bands = bandsOf({ stretch }, name);
  const covers = coverage ? bands.map((band) => planeOf(coverage, object.bands.indexOf(band), object)) : [];
  const colour = painter(levels, stretch, tone);
  const out = new ImageData(width, height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const p = y * width + x;
      const q = 4 * ((height - 1 - y) * width + x);
      const rgb = colour(p);
      out.data[q] = rgb[0];
      out.data[q + 1] = rgb[1];
      out.data[q + 2] = rgb[2];
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
  strip = make("div");
  /** @type {{from: Point, view: View, tone: Tone, circle: Aperture | null, act: "pan" | "tone" | "move" | "resize"} | null} */
  drag = null;
  moved = false; // since the pointer went down: then it is no click
  /** @type {Float32Array[]} */
  levels = []; // brightness of its pixels, before contrast and bias
  /** @type {Point} */
  room = [1, 1]; // px of the frame
  /** @type {Layout} */
  layout = { matrix: AS_TAKEN, origin: [0, 0], scale: 1 };

  /** @param {Focus} focus */
  constructor(focus) {
    this.focus = focus;
    this.over.setAttribute("aria-hidden", "true"); // the description has words for what is drawn there
    this.frame.append(this.canvas, this.over, make("i"));
    this.root.append(this.title, this.frame, this.scale);
    const on = this.frame;
    on.addEventListener("pointerdown", (event) => this.down(event));
    on.addEventListener("pointermove", (event) => this.move(event));
    on.addEventListener("pointerup", () => this.up());
    on.addEventListener("pointercancel", () => this.up());
    on.addEventListener("pointerleave", () => focus.leave());
    on.addEventListener("contextmenu", (event) => event.preventDefault()); // the right button sets the contrast
    on.addEventListener("dblclick", (event) => {
      event.stopPropagation(); // the pane would be enlarged
      focus.setTone(PLAIN);
    });
    on.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    on.addEventListener("click", (event) => {
      if (!this.moved) this.act(event, onImage(this.layout, this.at(event)));
    });
    on.addEventListener("keydown", (event) => {
      if ([" ", "Enter"].includes(event.key)) this.act(event, focus.placeRead());
    });
  }

  /**
   * Shows one of several pictures large; else places the aperture, if there is one.
   * @param {Event} event
   * @param {Point} point of the image
   */
  act(event, point) {
    const { every, circle, scene } = this.focus;
    if (!every && !circle) return;
    event.preventDefault();
    if (!every) {
      if (circle && scene) this.focus.setCircle(placed(circle, point, scene.object));
      return;
    }
    this.focus.turn(this.name, true);
    this.focus.pictures[0].frame.focus({ preventScroll: true });
  }

  // ---- the pointer

  /**
   * @param {MouseEvent} event
   * @returns {Point} px from the left and the top of the frame
   */
  at(event) {
    const frame = this.frame.getBoundingClientRect();
    return [event.clientX - frame.x, event.clientY - frame.y];
  }

  /**
   * @param {Point} point of the frame
   * @returns {"pan" | "tone" | "move" | "resize"} what dragging from there does
   */
  actAt(point) {
    const { circle, scene, contrasts } = this.focus;
    if (circle && scene) {
      const { scale } = this.layout;
      const [x, y] = onScreen(this.layout, [circle.x + 0.5, scene.object.height - circle.y - 0.5]);
      const far = Math.hypot(point[0] - x, point[1] - y) - circle.radius * scale;
      if (Math.abs(far) < 6) return "resize";
      if (far < 0) return "move";
    }
    return contrasts ? "tone" : "pan";
  }

  /** @param {PointerEvent} event */
  down(event) {
    this.moved = false;
    if (event.button !== 0 && event.button !== 2) return;
    const from = this.at(event);
    const { view, tone, circle } = this.focus;
    this.drag = { from, view, tone, circle, act: event.button === 2 ? "tone" : this.actAt(from) };
    this.frame.setPointerCapture(event.pointerId);
  }

  up() {
    this.drag = null;
  }

  /** @param {PointerEvent} event */
  move(event) {
    const { focus, drag, room } = this;
    const to = this.at(event);
    const { scene } = focus;
    if (!scene) return;
    const by = drag ? /** @type {Point} */ ([to[0] - drag.from[0], to[1] - drag.from[1]]) : [0, 0];
    if (drag && (this.moved || Math.hypot(by[0], by[1]) > 3)) {
      this.moved = true;
      if (drag.act === "tone") focus.setTone(dragged(drag.tone, [by[0] / room[0], by[1] / room[1]]));
      if (drag.act === "pan")
        focus.setView(changed(scene.object, room, drag.view, focus.turned, { from: drag.from, to }));
      const { circle } = drag;
      if (circle && drag.act === "move") {
        const [now, then] = [onImage(this.layout, to), onImage(this.layout, drag.from)];
        focus.setCircle({ ...circle, x: circle.x + now[0] - then[0], y: circle.y - now[1] + then[1] });
      }
      if (circle && drag.act === "resize") {
        const [u, v] = onImage(this.layout, to);
        focus.resizeCircle(Math.hypot(u - circle.x - 0.5, scene.object.height - v - 0.5 - circle.y), circle);
      }
    } else if (!drag) {
      this.frame.style.cursor = { pan: "", tone: "ns-resize", move: "move", resize: "nwse-resize" }[this.actAt(to)];
    }
    focus.point(this, to);
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    const { scene, view, turned } = this.focus;
    if (!scene) return;
    event.preventDefault();
    const factor = 1.0015 ** -clamp(event.deltaY * (event.deltaMode ? 40 : 1), -300, 300);
    this.focus.setView(changed(scene.object, this.room, view, turned, { factor, from: this.at(event) }));
    this.focus.point(this, this.at(event));
  }

  // ---- pixels

  /**
   * @param {Scene} scene
   * @param {string} name of the picture
   */
  paint(scene, name) {
    const { object, stretch, pixels, coverage } = scene;
    const { every } = this.focus;
    const bands = bandsOf(scene, name);
    this.name = name;
    const planes = bands.map((band) => pixels && planeOf(pixels, object.bands.indexOf(band), object));
    this.levels = brightness(/** @type {Float32Array[]} */ (planes.filter(Boolean)), stretch.limits[name], stretch);
    const observed = (/** @type {string} */ band) =>
      !coverage || planeOf(coverage, object.bands.indexOf(band), object).some(Boolean);
    const note = bands.length > 1 ? bands.join(" ") : bands.every(observed) ? "" : "not observed";
    this.title.replaceChildren(`${name} `, make("span", "", note));
    const label = `${object.id}, ${every ? recipeText(bands, stretch.kind) : this.focus.what.textContent}`;
    this.canvas.setAttribute("aria-label", label);
    this.frame.setAttribute("role", every ? "button" : "application");
    this.frame.setAttribute(
      "aria-label",
      every ? `${label}: show large` : `${object.id}: arrows move it, plus and minus zoom`,
    );
    this.frame.title = every ? `show ${name} large` : "";
    Object.assign(this.canvas, { width: object.width, height: object.height });
    this.colour(scene);
    this.bar(scene, bands);
  }

  /** @param {Scene} scene */
  colour(scene) {
    const { tone } = this.focus;
    if (this.levels.length) pen(this.canvas).putImageData(imageOf(scene, this.name, this.levels, tone), 0, 0);
    // The numbers beside the strip stay where they are: its colours move, as in ds9.
    const { palette } = scene.stretch;
    const shown = toned(tone);
    const colours = Array.from({ length: 65 }, (_, k) => `rgb(${palette[Math.round(254 * shown(k / 64))]})`);
    this.strip.setAttribute("style", `--ramp: ${colours}`);
  }

  /**
   * @param {Scene} scene
   * @param {string[]} bands
   */
  bar({ object: { unit }, stretch, pixels }, bands) {
    const { every } = this.focus;
    const limits = stretch.limits[this.name];
    this.scale.replaceChildren();
    this.scale.hidden = bands.length > 1 || !pixels;
    if (this.scale.hidden) return;
    const ticks = (every ? [0, 1] : [0, 0.25, 0.5, 0.75, 1]).map((at) => {
      const tick = make("span", "", number(valueAt(at, limits, stretch)));
      tick.style.bottom = `calc(${100 * at}% ${at === 0 ? "+ 8px" : at === 1 ? "- 8px" : ""})`;
      return tick;
    });
    if (every) ticks.splice(1, 0, make("span", "", unit));
    this.scale.append(this.strip, ...ticks);
    this.scale.title = `black ${number(limits[0])}, white ${number(limits[1])} ${unit} per pixel`;
  }

  // ---- where it lies, and what lies over it: contours, sources, circle, scale bar, north and east

  /** @param {Shown} object */
  mark(object) {
    const { width, height, wcs, arcsec, sources, marks } = object;
    const { pictures, every, view, turned, lines, circle } = this.focus;
    const { width: across, height: down } = this.frame.getBoundingClientRect();
    if (!across || !down) return; // hidden
    this.room = [across, down];
    this.layout = layout(object, this.room, view, turned);
    const { matrix, origin, scale } = this.layout;
    const turn = matrix.map((value) => value / scale);
    Object.assign(this.canvas.style, {
      width: `${width * scale}px`,
      height: `${height * scale}px`,
      transform: `matrix(${turn},${origin})`,
    });
    this.over.replaceChildren();
    this.over.setAttribute("viewBox", `0 0 ${across} ${down}`);
    if (lines) {
      const path = { d: lines, transform: `matrix(${matrix},${origin})`, "vector-effect": "non-scaling-stroke" };
      for (const name of ["contour under", "contour over"]) draw(this.over, "path", { ...path, class: name });
    }
    for (const source of this.focus.marks ? sources : []) {
      const at = onScreen(this.layout, [source.x + 0.5, height - source.y - 0.5]);
      drawMark(this.over, marks, source.kind, `translate(${at})${every ? " scale(.7)" : ""}`);
    }
    if (circle) {
      const [cx, cy] = onScreen(this.layout, [circle.x + 0.5, height - circle.y - 0.5]);
      for (const [radius, kind] of /** @type {const} */ ([
        [circle.radius, "aperture"],
        [circle.inner, "ring"],
        [circle.outer, "ring"],
      ]))
        for (const name of ["under", "over"])
          draw(this.over, "circle", { cx, cy, r: radius * scale, class: `${kind} ${name}` });
    }
    const galaxy = {
      at: onScreen(this.layout, [width / 2, height / 2]),
      radius: Math.max(10, 0.1 * scale * Math.min(width, height)),
    };
    if (arcsec) {
      const shown = Math.min(across, Math.abs(matrix[0]) * width + Math.abs(matrix[2]) * height);
      const { length, label } = scaleBar((arcsec * shown) / scale);
      const long = (length / arcsec) * scale;
      const [left, top] = corner(this.room, [long + 28, 44], galaxy, ["bottom left", "bottom right"]);
      this.line(`M${left + 14},${top + 28}h${long}m0,-5v10m${-long},-10v10`);
      draw(this.over, "text", { x: left + 14 + long / 2, y: top + 20, "text-anchor": "middle" }, label);
    }
    if (wcs && this === pictures[0]) this.compass(wcs, /** @type {Matrix} */ (turn), galaxy);
  }

  /** @param {string} d path, drawn dark below and light above */
  line(d) {
    for (const name of ["under", "over"]) draw(this.over, "path", { d, class: name });
  }

  /**
   * @param {Wcs} wcs
   * @param {Matrix} turn
   * @param {{at: Point, radius: number}} galaxy
   */
  compass({ cd }, turn, galaxy) {
    const long = 32 * clamp(Math.min(...this.room) / 240, 0.5);
    const size = long + 26;
    const from = corner(this.room, [2 * size, 2 * size], galaxy, ["top right", "top left"]).map((edge) => edge + size);
    for (const [name, way] of Object.entries(eastNorth(cd))) {
      const [dx, dy] = times(turn, way);
      const end = [from[0] + long * dx, from[1] + long * dy];
      const wing = (/** @type {number} */ s) => `L${end[0] - 7 * dx + s * 4 * dy},${end[1] - 7 * dy - s * 4 * dx}`;
      this.line(`M${from}L${end}${wing(1)}M${end}${wing(-1)}`);
      const middle = { "text-anchor": "middle", "dominant-baseline": "middle" };
      draw(this.over, "text", { x: end[0] + 13 * dx, y: end[1] + 13 * dy, ...middle }, name);
    }
  }
}

/**
 * @param {Scene} scene
 * @returns {string[]} names of its pictures, and last that of all of them if there are several
 */
function namesOf({ stretch }) {
  const names = stretch.pictures.map(([name]) => name);
  return names.length > 1 ? [...names, stretch.all] : names;
}

/**
 * @param {string} text
 * @returns {Promise<void>} when it is in the clipboard
 */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without encryption, only pages of this machine have a clipboard.
    const box = make("textarea");
    box.value = text;
    document.body.append(box);
    box.select();
    document.execCommand("copy");
    box.remove();
  }
}

/** @type {Map<string, Point>} */
const ARROWS = new Map([
  ["ArrowLeft", [-1, 0]],
  ["ArrowRight", [1, 0]],
  ["ArrowUp", [0, -1]],
  ["ArrowDown", [0, 1]],
]);
const FACTORS = new Map([
  ["+", 1.25],
  ["=", 1.25],
  ["-", 0.8],
]);
/** @type {Record<keyof Aperture, [string, string]>} */
const SIZES = {
  x: ["centre x", "middle of the circle, pixels"],
  y: ["centre y", "middle of the circle, pixels"],
  radius: ["radius", "of the circle, pixels"],
  inner: ["sky from", "inner radius of the ring of sky, pixels"],
  outer: ["to", "outer radius of the ring of sky, pixels"],
};

class Focus {
  /** @type {Scene | null} */
  scene = null;
  shown = ""; // the picture, or all of them
  marks = false;
  contrasts = false; // dragging sets the contrast
  north = false; // up
  /** @type {View} */
  view = { zoom: 1, at: [0.5, 0.5] };
  /** @type {Tone} */
  tone = PLAIN;
  lines = ""; // contours, as a path
  /** @type {Aperture | null} */
  circle = null;
  /** @type {Fluxes[]} */
  fluxes = [];
  /** @type {Point | null} */
  pointed = null; // x and y of the pixel that is read; null: that in the middle
  /** @type {{picture: Picture, point: Point} | null} */
  over = null; // where the pointer is
  playing = 0; // the timer that blinks; 0: none
  drawing = 0; // the next frame in which all is drawn; 0: none
  measuring = 0; // the timer of the next request of fluxes; 0: none
  repaint = false;
  /** @type {Picture[]} */
  pictures = [];

  root = make("div", "galviz-focus");
  head = make("div", "id", "", { role: "status" });
  place = make("span", "place");
  typed = make("input", "", "", { placeholder: "Go to object_id", "aria-label": "Go to object_id" });
  alert = make("div", "alert", "", { role: "alert" });
  facts = make("div", "facts");
  tools = make("div", "tools");
  chips = make("span", "chips", "", { role: "group", "aria-label": "Colours and bands" });
  contour = make("select", "", "", { "aria-label": "Contours of a band", title: "contour lines of a band, over all" });
  count = make("input", "", "", { type: "number", min: 1, max: 12, value: 5, "aria-label": "Number of contours" });
  show = make("div", "show");
  what = make("div", "what");
  measured = make("div", "measured", "", { role: "group", "aria-label": "Aperture photometry" });
  sizes = make("div", "sizes");
  table = make("div", "fluxes", "", { role: "status" });
  pointer = make("div", "under-pointer", "", { role: "group", "aria-label": "Pixel" });
  links = make("span", "links");
  copied = make("span", "copied", "", { role: "status" });
  legend = make("div", "legend");
  watch = new ResizeObserver(() => this.later());
  buttons = {
    blink: button("blink", () => this.blink(), { title: "cycle through the bands (b)", pressed: false }),
    contrast: button("contrast", () => this.setContrast(), {
      title:
        "drag: right and left for the bias, up and down for the contrast; so does the right button; double-click: undo (s)",
      pressed: false,
    }),
    north: button("north up", () => this.setNorth(), { title: "turned for display only (n)", pressed: false }),
    sources: button("sources", () => this.mark(), { title: "mark known sources (m)", pressed: false }),
    circle: button("aperture", () => this.setCircle(this.circle ? null : this.firstCircle()), {
      title: "flux, magnitude and S/N inside a circle: click where it shall lie, or drag it or its edge (p)",
      pressed: false,
    }),
    facts: button("facts", () => this.open(), { title: "catalogue values of this object (i)", pressed: false }),
    whole: button("reset", () => this.reset(), { title: "whole image (0), contrast as before (r)" }),
  };

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
    const { blink, contrast, north, sources, circle, facts, whole } = this.buttons;
    facts.className = "opens"; // in a pane, where there is little room
    const lines = make("span", "lines");
    lines.append(this.contour, this.count);
    this.tools.append(this.chips, blink, contrast, north, sources, lines, circle, facts, whole);
    for (const field of [this.contour, this.count]) field.addEventListener("change", () => this.askContours());
    const main = make("div", "main");
    main.append(this.show, this.measured);
    const below = make("div", "below");
    const copying = button("copy", () => this.copy(), { title: "pixel, coordinates and values (c)" });
    below.append(this.what, copying, this.copied, this.links);
    this.fields = Object.entries(SIZES).map(([name, [words, title]]) => {
      const field = make("input", "", "", { type: "number", step: 0.5, title });
      const label = make("label", "", `${words} `);
      label.append(field);
      this.sizes.append(label);
      field.addEventListener("change", () => {
        if (this.circle && field.value) this.setCircle({ ...this.circle, [name]: Number(field.value) });
      });
      return /** @type {const} */ ([/** @type {keyof Aperture} */ (name), field]);
    });
    this.measured.append(this.sizes, this.table);
    this.measured.hidden = true;
    this.root.append(steps, this.alert, this.facts, this.tools, main, below, this.pointer, this.legend);
    el.replaceChildren(this.root);
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.watch.observe(this.root);
    this.watch.observe(this.show);
    this.unlisten = listen(model, this.receive, { type: "hello" });
  }

  /** @type {Record<string, () => void>} */
  keys = {
    b: () => this.blink(),
    a: () => {
      if (this.scene && namesOf(this.scene).length > 1) this.turn(this.scene.stretch.all, true);
    },
    c: () => this.copy(),
    i: () => this.open(),
    m: () => this.mark(),
    n: () => this.setNorth(),
    p: () => this.buttons.circle.click(),
    r: () => this.setTone(PLAIN),
    s: () => this.setContrast(),
    0: () => this.setView({ zoom: 1, at: [0.5, 0.5] }),
  };

  /** @param {KeyboardEvent} event */
  key(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (target === this.typed && event.key === "Enter") {
      this.alert.textContent = "";
      send(this.model, { type: "go", id: this.typed.value });
    }
    if (target.matches("input, select") || !this.scene || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = target.matches(".frame") ? ARROWS.get(event.key) : undefined;
    const factor = FACTORS.get(event.key);
    const act = this.keys[event.key];
    if (!arrow && !factor && !act) return;
    event.preventDefault();
    event.stopPropagation(); // the page may have the same key
    if (act) act();
    else if (arrow && event.shiftKey) this.step(arrow);
    else if (arrow && this.contrasts) this.setTone(dragged(this.tone, [arrow[0] / 20, arrow[1] / 20]));
    else this.move(arrow, factor);
  }

  /**
   * Moves or enlarges what the pictures show.
   * @param {Point | undefined} arrow
   * @param {number | undefined} factor
   */
  move(arrow, factor) {
    const { scene, pictures, view, turned } = this;
    if (!scene) return;
    const { room } = pictures[0];
    const [x, y] = [room[0] / 2, room[1] / 2];
    const from = /** @type {Point} */ (arrow ? [x + (arrow[0] * room[0]) / 8, y + (arrow[1] * room[1]) / 8] : [x, y]);
    this.setView(changed(scene.object, room, view, turned, { factor, from, to: [x, y] }));
  }

  close() {
    this.unlisten();
    this.watch.disconnect();
    clearTimeout(this.measuring);
    cancelAnimationFrame(this.drawing);
    this.stop();
  }

  /** @type {(content: ToBrowser, buffers?: DataView[]) => void} */
  receive = (content, buffers) => {
    let turn = false;
    if (content.type === "object") {
      const before = this.scene?.object;
      const [pixels, coverage] = buffers ?? [content.pixels, content.coverage];
      this.scene = {
        object: content,
        stretch: content.stretch,
        pixels: pixels ? new Float32Array(bytes(pixels)) : null,
        coverage: coverage ? new Uint8Array(bytes(coverage)) : null,
      };
      this.write(content);
      this.follow(before, content);
    } else if (content.type === "alert") {
      this.alert.textContent = content.text;
      return;
    } else if (content.id !== this.scene?.object.id) return;
    else if (content.type === "contours") {
      if (content.band === this.contour.value) this.setLines(content.lines);
      return;
    } else if (content.type === "photometry") {
      this.setFluxes(content.bands, content.problem);
      return;
    } else {
      this.scene.stretch = content.stretch;
      turn = content.turn;
    }
    if (turn || !namesOf(this.scene).includes(this.shown)) this.shown = this.scene.stretch.name;
    this.paint();
  };

  // Whether all pictures are shown side by side.
  get every() {
    return this.shown === this.scene?.stretch.all;
  }

  get turned() {
    return this.north ? northUp(this.scene?.object.wcs?.cd) : AS_TAKEN;
  }

  /**
   * Keeps contours and circle while stepping through objects; the circle keeps its size on the sky.
   * @param {Shown | undefined} before
   * @param {Shown} object
   */
  follow(before, object) {
    if (before && before.id !== object.id) this.pointed = null;
    this.lines = before?.id === object.id ? this.lines : "";
    const bands = ["", ...object.bands];
    if (
      bands.length !== this.contour.options.length ||
      bands.some((name, k) => this.contour.options[k].value !== name)
    ) {
      const { value } = this.contour;
      const option = (/** @type {string} */ name) => new Option(name ? `contours of ${name}` : "no contours", name);
      this.contour.replaceChildren(...bands.map(option));
      this.contour.value = bands.includes(value) ? value : "";
    }
    if (before?.id !== object.id) {
      this.askContours();
      this.setFluxes([], ""); // those of the object before
    }
    if (!this.circle || before?.id === object.id) return;
    const [then, now] = [before?.arcsec, object.arcsec];
    if (then && now && then !== now) {
      const { x, y, radius, inner, outer } = this.circle;
      const part = then / now;
      this.circle = { x, y, radius: radius * part, inner: inner * part, outer: outer * part };
    }
    this.setCircle(this.circle);
  }

  // ---- words

  /** @param {Shown} object */
  write({ id, facts, sources, marks, place, count, links }) {
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
    this.links.replaceChildren(
      ...links.map(([name, href]) => {
        const title = `open this place in ${name}, in a new tab`;
        return make("a", "", `${name} ↗`, { href, target: "_blank", rel: "noopener noreferrer", title });
      }),
    );
    this.legend.replaceChildren(...legendOf(sources, marks));
    this.copied.textContent = "";
  }

  /** @param {Scene} scene */
  press(scene) {
    const names = namesOf(scene);
    const { all } = scene.stretch;
    const chips = names.map((name) => {
      const title = name === all ? "colours and bands side by side (a)" : `show ${name}`;
      return button(name, () => this.turn(name, name === all), { title, pressed: name === this.shown });
    });
    const { activeElement } = rootOf(this.tools);
    const at = activeElement ? [...this.chips.children].indexOf(activeElement) : -1;
    this.chips.replaceChildren(...chips);
    chips[at]?.focus();
    const { blink, contrast, north, sources, circle } = this.buttons;
    const states = [
      [blink, this.playing !== 0, names.length > 1],
      [contrast, this.contrasts, true],
      [north, this.north, scene.object.wcs !== null],
      [sources, this.marks, scene.object.sources.length > 0],
      [circle, this.circle !== null, scene.pixels !== null],
    ];
    for (const [element, pressed, there] of /** @type {[HTMLButtonElement, boolean, boolean][]} */ (states)) {
      element.setAttribute("aria-pressed", String(pressed));
      element.hidden = !there;
    }
    this.count.hidden = this.contour.value === "";
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

  mark() {
    this.marks = !this.marks;
    this.paint();
  }

  open() {
    this.buttons.facts.setAttribute("aria-pressed", String(this.root.classList.toggle("open")));
  }

  setContrast() {
    this.contrasts = !this.contrasts;
    this.paint();
  }

  setNorth() {
    if (this.scene?.object.wcs) this.north = !this.north;
    this.paint();
  }

  /** @param {View} view of all pictures */
  setView(view) {
    this.view = view;
    this.later();
  }

  /** @param {Tone} tone of all pictures */
  setTone(tone) {
    this.tone = tone;
    this.repaint = true;
    this.later();
  }

  reset() {
    this.setTone(PLAIN);
    this.setView({ zoom: 1, at: [0.5, 0.5] });
  }

  // ---- contours and circle: Python computes them

  askContours() {
    const { scene, contour } = this;
    this.setLines([]);
    this.count.hidden = contour.value === "";
    const count = clamp(Math.round(Number(this.count.value)), 1, 12);
    if (scene && contour.value) send(this.model, { type: "contours", id: scene.object.id, band: contour.value, count });
  }

  /** @param {number[][]} lines */
  setLines(lines) {
    const height = this.scene?.object.height ?? 0;
    this.lines = lines.map((line) => pathOf(line, height)).join("");
    this.later();
  }

  /** @returns {Aperture | null} in the middle, a tenth of the image wide */
  firstCircle() {
    if (!this.scene?.pixels) return null;
    const { width, height } = this.scene.object;
    const radius = Math.max(3, Math.round(Math.min(width, height) / 10));
    return { x: (width - 1) / 2, y: (height - 1) / 2, radius, inner: 1.5 * radius, outer: 2.2 * radius };
  }

  /** @param {Aperture | null} circle */
  setCircle(circle) {
    this.circle = circle;
    this.measured.hidden = !circle;
    this.buttons.circle.setAttribute("aria-pressed", String(circle !== null));
    for (const [name, field] of this.fields) if (circle) field.value = String(Number(circle[name].toFixed(2)));
    this.later();
    const ask = () => {
      this.measuring = 0;
      if (this.scene && this.circle) send(this.model, { type: "circle", id: this.scene.object.id, ...this.circle });
    };
    if (circle && !this.fluxes.length) this.table.replaceChildren(make("p", "", "measuring …"));
    if (circle && !this.measuring) this.measuring = setTimeout(ask, 80); // not with every move of the pointer
    if (!circle) this.setFluxes([], "");
  }

  /**
   * @param {number} radius
   * @param {Aperture} circle as it was; its ring grows with it
   */
  resizeCircle(radius, circle) {
    const size = Math.max(0.5, radius);
    const part = size / circle.radius;
    this.setCircle({ ...circle, radius: size, inner: circle.inner * part, outer: circle.outer * part });
  }

  /**
   * @param {Fluxes[]} fluxes
   * @param {string} problem
   */
  setFluxes(fluxes, problem) {
    this.fluxes = this.circle ? fluxes : []; // an answer may come when the circle is gone
    this.table.replaceChildren();
    const { circle, scene } = this;
    if (!circle || !scene) return;
    if (problem) this.table.append(make("p", "", problem));
    if (!fluxes.length) return;
    const { arcsec } = scene.object;
    const { unit } = scene.object;
    const size = arcsec ? ` = ${number(circle.radius * arcsec)}″` : "";
    const table = make("table");
    const title = `Radius ${number(circle.radius)} px${size}. Errors include the sky noise only, not the source's photon noise.`;
    table.append(make("caption", "", title));
    const row = (/** @type {string[]} */ cells, /** @type {"td" | "th"} */ tag) => {
      const line = make("tr");
      line.append(...cells.map((text, k) => make(k ? tag : "th", "", text)));
      table.append(line);
    };
    row(["band", `flux (${unit})`, "mag (AB)", "S/N"], "th");
    for (const one of fluxes) row(cellsOf(one), "td");
    const gaps = fluxes
      .filter(({ missing }) => missing >= 0.05)
      .map(({ band, missing }) => `${band} ${number(missing)}`);
    this.table.append(table);
    if (gaps.length) this.table.append(make("p", "", `Not observed: ${gaps.join(", ")} px of the circle.`));
  }

  // ---- the pictures

  // Draws with the next frame of the screen, however often it is called before.
  later() {
    this.drawing ||= requestAnimationFrame(() => {
      this.drawing = 0;
      if (this.repaint && this.scene) for (const picture of this.pictures) picture.colour(this.scene);
      this.repaint = false;
      this.resize();
    });
  }

  resize() {
    if (!this.scene) return;
    const { object } = this.scene;
    const { width, height, tallest } = object;
    const fills = tallest === 0;
    this.root.classList.toggle("fill", fills);
    this.root.classList.toggle("beside", fills && liesBeside(this.root.clientWidth, this.root.clientHeight));
    const ratio = `${width} / ${height}`;
    const large = { width: fills ? "" : `${Math.min(this.root.clientWidth - 84, (tallest * width) / height)}px` };
    let style = { ...large, aspectRatio: fills ? "" : ratio };
    this.show.style.gridTemplateColumns = "";
    if (this.every) {
      style = { width: "auto", aspectRatio: ratio };
      if (fills) {
        const { clientWidth, clientHeight } = this.show;
        const { columns, side } = gridOf(this.pictures.length, [clientWidth, clientHeight], width / height, 52);
        this.show.style.gridTemplateColumns = `repeat(${columns}, ${Math.max(side, 64)}px)`;
      }
    }
    for (const picture of this.pictures) {
      Object.assign(picture.frame.style, style);
      picture.mark(object);
    }
    if (this.over)
      this.point(this.over.picture, this.over.point); // another pixel may lie there now
    else this.read();
  }

  paint() {
    const { scene } = this;
    if (!scene) return;
    this.press(scene);
    const names = this.every ? namesOf(scene).slice(0, -1) : [this.shown];
    while (this.pictures.length < names.length) this.pictures.push(new Picture(this));
    this.pictures.length = names.length;
    this.show.className = this.every ? "show all" : "show";
    const roots = this.pictures.map((picture) => picture.root);
    if (roots.length !== this.show.childElementCount) {
      this.show.replaceChildren(...roots);
      this.leave();
    }
    this.what.textContent = this.description(scene, names);
    this.what.title = this.what.textContent;
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
    const turned = this.turned === AS_TAKEN ? "" : " · turned for display only";
    return `${recipe} · ${measure} · ${object.origin}${observed}${turned}`;
  }

  // ---- the pixel that is read

  /**
   * @param {Picture} picture
   * @param {Point} point of its frame, px
   */
  point(picture, point) {
    if (!this.scene) return;
    this.over = { picture, point };
    const { object } = this.scene;
    const [u, v] = onImage(picture.layout, point);
    const pixel = pixelAt([u / object.width, v / object.height], object);
    this.show.classList.toggle("pointed", pixel !== null);
    if (!pixel) return;
    this.show.style.setProperty("--x", `${(100 * point[0]) / picture.room[0]}%`);
    this.show.style.setProperty("--y", `${(100 * point[1]) / picture.room[1]}%`);
    this.pointed = [pixel.x, pixel.y];
    this.pointer.setAttribute("aria-live", "off"); // it would be read out all the time
    this.read();
  }

  /** @returns {Point} the pixel that is read, from the left and the top of the image */
  placeRead() {
    const { width, height } = this.scene?.object ?? { width: 1, height: 1 };
    const [x, y] = this.pointed ?? [(width - 1) / 2, (height - 1) / 2];
    return [x + 0.5, height - y - 0.5];
  }

  leave() {
    this.over = null;
    this.show.classList.remove("pointed");
  }

  /**
   * Reads the next pixel.
   * @param {Point} arrow
   */
  step([right, down]) {
    if (!this.scene) return;
    const { width, height } = this.scene.object;
    const [x, y] = this.pointed ?? [(width - 1) / 2, (height - 1) / 2];
    this.pointed = [clamp(Math.round(x) + right, 0, width - 1), clamp(Math.round(y) - down, 0, height - 1)];
    const [picture] = this.pictures;
    const [left, top] = onScreen(picture.layout, [this.pointed[0] + 0.5, height - this.pointed[1] - 0.5]);
    this.show.style.setProperty("--x", `${(100 * left) / picture.room[0]}%`);
    this.show.style.setProperty("--y", `${(100 * top) / picture.room[1]}%`);
    this.show.classList.add("pointed");
    this.pointer.setAttribute("aria-live", "polite");
    this.over = null;
    this.read();
  }

  /** @returns {{x: number, y: number, place: Point | null, values: [string, string][]} | null} */
  pixel() {
    if (!this.scene) return null;
    const { object, pixels, coverage } = this.scene;
    const { width, height, bands, wcs } = object;
    const [x, y] = this.pointed ?? [(width - 1) / 2, (height - 1) / 2];
    const p = Math.round(y) * width + Math.round(x);
    /** @type {[string, string][]} */
    const values = (pixels ? bands : []).map((name, k) => {
      const observed = !coverage || planeOf(coverage, k, object)[p];
      return [name, pixels && observed ? exact(planeOf(pixels, k, object)[p]) : "not observed"];
    });
    return { x, y, place: wcs && sky([x, y], wcs), values };
  }

  read() {
    const pixel = this.pixel();
    if (!pixel || !this.scene) return;
    const { width, sources, marks, unit } = this.scene.object;
    const { x, y, place, values } = pixel;
    const words = [`x ${x.toFixed(2)}  y ${y.toFixed(2)}`];
    if (place) words.push(`${placeText(place)}  ${place[0].toFixed(7)} ${place[1].toFixed(7)}`);
    const size = this.pictures[0]?.layout.scale ?? width;
    const near = sources.find((source) => this.marks && Math.hypot(source.x - x, source.y - y) * size < 9);
    const shown = values.map(([band, value]) =>
      make(this.every && band === this.over?.picture.name ? "b" : "span", "", `${band} ${value}`),
    );
    this.pointer.replaceChildren(`${words.join("   ")}\n`, ...shown.flatMap((element) => [element, "  "]));
    if (unit !== "display" && shown.length) this.pointer.append(`${unit}  `);
    if (near) this.pointer.append(marks[near.kind][2], near.p_mem === null ? "  " : ` p_mem ${number(near.p_mem)}  `);
    if (!this.pointed) this.pointer.append("(middle)");
  }

  async copy() {
    const pixel = this.pixel();
    if (!pixel || !this.scene) return;
    const { id, unit } = this.scene.object;
    const { x, y, place, values } = pixel;
    const lines = [`object_id\t${id}`, `x, y (pixels from 0)\t${x.toFixed(2)}\t${y.toFixed(2)}`];
    if (place) {
      lines.push(
        `RA, Dec (deg)\t${place[0].toFixed(7)}\t${place[1].toFixed(7)}`,
        placeText(place).replace(/ Dec /, "\tDec "),
      );
    }
    lines.push(...values.map(([band, value]) => `${band}${unit === "display" ? "" : ` (${unit})`}\t${value}`));
    if (this.circle && this.fluxes.length) {
      lines.push(`circle (px)\t${Object.entries(this.circle).map(([name, value]) => `${name} ${number(value)}`)}`);
      lines.push(...this.fluxes.map((one) => cellsOf(one).join("\t")));
    }
    await copy(lines.join("\n"));
    this.copied.textContent = "copied";
  }
}

/**
 * @param {Point} place degrees
 * @returns {string} hours and degrees
 */
const placeText = ([ra, dec]) => `RA ${sexagesimal(ra / 15, 4, false)} Dec ${sexagesimal(dec, 3, true)}`;

/**
 * @param {number[]} line x, y, x, y …
 * @param {number} height of the image
 * @returns {string} path, pixels from the left and the top
 */
export function pathOf(line, height) {
  let d = "";
  for (let k = 0; k < line.length; k += 2)
    d += `${k ? "L" : "M"}${(line[k] + 0.5).toFixed(2)},${(height - line[k + 1] - 0.5).toFixed(2)}`;
  return d;
}

/**
 * @param {Fluxes} fluxes
 * @returns {string[]} band, flux, magnitude and S/N
 */
export function cellsOf({ band, flux, error, snr, mag, mag_error, mag_limit }) {
  const faint = snr === null || snr < 3;
  const limit = mag_limit === null ? "–" : `> ${mag_limit.toFixed(2)} (3 σ)`;
  return [band, withError(flux, error), faint ? limit : withError(mag, mag_error), snr === null ? "–" : snr.toFixed(1)];
}

/** @param {{model: Model<ToBrowser, FromBrowser>, el: HTMLElement}} place */
export function render({ model, el }) {
  return untilRemoved(new Focus(model, el), model);
}

export default { render, sky };
