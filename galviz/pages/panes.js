// @ts-check
// The areas of a workspace: two above, one below, each with tabs. Bars between them can be dragged, an area can fill the
// whole, and on a narrow page one area with all tabs is left.

import { button, clamp, isTyping, make } from "../tools/shared.js";

const NARROW = 900; // px of the page
const LITTLE = 640; // px of the panes, where drawers take the rest
const STEP = 0.02; // of the whole, by which an arrow key moves a bar
const LEAST = 0.15; // of the whole, left to each side of a bar

/**
 * @typedef {object} Panes what Python and the browser share
 * @property {string[][]} names of the tabs of each area
 * @property {string[]} active name of the tab that is open, for each area
 * @property {number} wide share of the width that the first area has
 * @property {number} tall share of the height that the upper areas have
 * @property {boolean} stacked two areas: one above the other
 * @property {number} large number of the area that fills the whole, or -1
 * @property {(child: "contents") => HTMLElement[]} get_child
 * @property {(event: string, listener: () => void) => void} on
 */

/**
 * @param {number} count of areas
 * @param {number} wide
 * @param {number} tall
 * @param {boolean} [stacked] two areas: one above the other
 * @returns {{columns: string, rows: string, areas: string}} the CSS of their grid
 */
export function gridStyle(count, wide, tall, stacked) {
  const parts = (/** @type {number} */ share) =>
    `minmax(0, ${share}fr) 8px minmax(0, ${Number((1 - share).toFixed(4))}fr)`;
  if (count === 1) return { columns: "minmax(0, 1fr)", rows: "minmax(0, 1fr)", areas: '"a0"' };
  if (count === 2 && stacked) return { columns: "minmax(0, 1fr)", rows: parts(tall), areas: '"a0" "h" "a1"' };
  if (count === 2) return { columns: parts(wide), rows: "minmax(0, 1fr)", areas: '"a0 v a1"' };
  return { columns: parts(wide), rows: parts(tall), areas: '"a0 v a1" "h h h" "a2 a2 a2"' };
}

/**
 * @param {string} key of the keyboard
 * @param {number} share now
 * @returns {number | undefined} share after it
 */
export function movedBar(key, share) {
  const by = { ArrowLeft: -STEP, ArrowUp: -STEP, ArrowRight: STEP, ArrowDown: STEP }[key];
  if (key === "Home") return LEAST;
  if (key === "End") return 1 - LEAST;
  return typeof by === "number" ? clamp(Number((share + by).toFixed(4)), LEAST, 1 - LEAST) : undefined;
}

class Workspace {
  root = make("div", "panes");
  /** @type {HTMLElement[]} */
  areas = [];
  watch = new ResizeObserver(() => this.layout());

  /** @param {Panes} model */
  constructor(model) {
    this.model = model;
    const contents = model.get_child("contents");
    let next = 0;
    for (const [k, names] of model.names.entries()) {
      const area = make("section", "area");
      area.style.gridArea = `a${k}`;
      const head = make("div", "head");
      const tabs = make("div", "tabs", "", { role: "tablist" });
      const grow = button("⤢", () => this.enlarge(k), {
        title: "Enlarge or restore (f, or double-click)",
        pressed: false,
      });
      grow.className = "grow";
      const body = make("div", "body");
      for (const name of names) {
        const tab = button(name, () => this.open(k, name));
        tab.setAttribute("role", "tab");
        tab.dataset.name = name;
        tabs.append(tab);
        const page = make("div", "page", "", { role: "tabpanel", "aria-label": name });
        page.dataset.name = name;
        page.append(contents[next]);
        next += 1;
        body.append(page);
      }
      tabs.addEventListener("keydown", (event) => this.turn(event, k));
      head.addEventListener("dblclick", () => this.enlarge(k));
      head.append(tabs, grow);
      area.append(head, body);
      this.areas.push(area);
    }
    this.root.append(...this.areas, ...(model.stacked ? [] : [this.bar("v")]), this.bar("h"));
    this.root.addEventListener("keydown", (event) => this.key(event));
    for (const name of ["active", "wide", "tall", "large"]) model.on(name, () => this.layout());
    model.on("lifecycle:remove", () => this.watch.disconnect());
    this.watch.observe(this.root);
    this.layout();
  }

  /**
   * @param {"v" | "h"} name
   * @returns {HTMLElement} the bar between left and right, or between above and below
   */
  bar(name) {
    const flat = name === "h";
    const share = flat ? "tall" : "wide";
    const bar = make("div", `bar ${name}`, "", {
      role: "separator",
      tabindex: "0",
      "aria-label": flat ? "Height of the upper panes" : "Width of the left pane",
      "aria-orientation": flat ? "horizontal" : "vertical",
    });
    bar.style.gridArea = name;
    bar.addEventListener("keydown", (event) => {
      const to = movedBar(event.key, this.model[share]);
      if (to === undefined) return;
      event.preventDefault();
      this.model[share] = to;
    });
    bar.addEventListener("pointerdown", (event) => {
      bar.setPointerCapture(event.pointerId);
      const box = this.root.getBoundingClientRect();
      let to = this.model[share];
      const move = (/** @type {PointerEvent} */ at) => {
        const part = flat ? (at.clientY - box.top) / box.height : (at.clientX - box.left) / box.width;
        to = clamp(Number(part.toFixed(4)), LEAST, 1 - LEAST);
        this.place(flat ? this.model.wide : to, flat ? to : this.model.tall);
      };
      const end = () => {
        bar.removeEventListener("pointermove", move);
        this.model[share] = to;
      };
      bar.addEventListener("pointermove", move);
      bar.addEventListener("pointerup", end, { once: true });
      bar.addEventListener("pointercancel", end, { once: true });
    });
    return bar;
  }

  /**
   * @param {number} k number of the area
   * @param {string} name of the tab
   */
  open(k, name) {
    this.model.active = this.model.active.map((open, at) => (at === k ? name : open));
    if (this.narrow) {
      this.front = k;
      this.layout();
    }
  }

  /** @param {number} k */
  enlarge(k) {
    this.model.large = this.model.large === k ? -1 : k;
  }

  /**
   * @param {KeyboardEvent} event
   * @param {number} k
   */
  turn(event, k) {
    const names = this.model.names[k];
    const now = names.indexOf(this.model.active[k]);
    const to = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: names.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const name = names[clamp(to, 0, names.length - 1)];
    this.open(k, name);
    for (const tab of this.areas[k].querySelectorAll("[role=tab]"))
      if (tab instanceof HTMLElement && tab.dataset.name === name) tab.focus();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
    const path = event.composedPath();
    const k = this.areas.findIndex((area) => path.includes(area));
    if (event.key === "f" && k >= 0) this.enlarge(k);
    else if (event.key === "Escape" && this.model.large >= 0) this.model.large = -1;
  }

  front = 0; // number of the area that is seen on a narrow page

  get narrow() {
    const { clientWidth } = this.root;
    return clientWidth > 0 && (window.innerWidth <= NARROW || clientWidth < LITTLE);
  }

  /**
   * @param {number} wide
   * @param {number} tall
   */
  place(wide, tall) {
    const { columns, rows, areas } = gridStyle(this.areas.length, wide, tall, this.model.stacked);
    Object.assign(this.root.style, { gridTemplateColumns: columns, gridTemplateRows: rows, gridTemplateAreas: areas });
    for (const [name, share] of Object.entries({ v: wide, h: tall })) {
      const bar = this.root.querySelector(`.bar.${name}`);
      bar?.setAttribute("aria-valuenow", String(Math.round(100 * share)));
      bar?.toggleAttribute("hidden", !areas.split(/[" ]+/).includes(name)); // two areas have one bar, one has none
    }
  }

  layout() {
    const { active, wide, tall, large } = this.model;
    const one = this.narrow ? this.front : large; // the only area that is seen, if any
    this.root.classList.toggle("narrow", this.narrow);
    this.root.classList.toggle("single", one >= 0);
    this.place(wide, tall);
    for (const [k, area] of this.areas.entries()) {
      area.classList.toggle("front", one < 0 || one === k);
      const open = active[k];
      for (const tab of area.querySelectorAll("[role=tab]")) {
        const is = tab instanceof HTMLElement && tab.dataset.name === open && (!this.narrow || k === this.front);
        tab.setAttribute("aria-selected", String(is));
        if (tab instanceof HTMLElement) tab.tabIndex = is ? 0 : -1;
      }
      for (const page of area.querySelectorAll(":scope > .body > .page"))
        if (page instanceof HTMLElement) page.hidden = page.dataset.name !== open;
      area.querySelector(".grow")?.setAttribute("aria-pressed", String(large === k));
    }
  }
}

/** @param {{model: Panes}} place */
export function render({ model }) {
  return new Workspace(model).root;
}

export default { render };
