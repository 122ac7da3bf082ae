// @ts-check
// A gallery that scrolls through any number of objects. Plain JavaScript for Panel (JSComponent) and Jupyter (anywidget).
//
// Ids, captions and one PNG with all pictures come in the same message, are decoded, and only then drawn together. Until
// then a tile is grey, and the bar says that they are being loaded. The messages are declared in
// galviz/tools/gallery/messages.py.

import { button, bytes, clamp, clientName, listen, make, onPage, pen, rootOf, send, untilRemoved } from "../shared.js";

const TALLEST = 8_000_000; // px; browsers stop at 16 to 33 million, beyond this the scroll bar is scaled
const CHUNK = 96; // objects requested at once: one screen, quickly
const KEPT = 1200; // tiles remembered
const GAP = 10;
const PATIENCE = 8000; // ms until a window is requested again
const HEAD = 30; // px of the header of a group
const REST = 300; // ms that a pointer rests on a picture before it is enlarged
const LARGE = 380; // px of an enlarged picture
const [LATER, RESUME] = ["l", "r"]; // keys, unless they stand for labels

const CSS = `
.galviz-gallery { display: flex; flex-direction: column; height: 100%; min-height: 200px; width: 100%;
  color: var(--jp-ui-font-color1, var(--design-background-text-color, var(--panel-on-background-color, inherit)));
  font: 13px/1.35 system-ui, sans-serif; --faint: color-mix(in srgb, currentColor 9%, transparent);
  --line: color-mix(in srgb, currentColor 24%, transparent); --focus: #d55e00; --selected: #0072b2; }
.galviz-gallery * { box-sizing: border-box; }
.galviz-gallery .bar { display: flex; flex-wrap: wrap; gap: 2px 14px; align-items: baseline; padding: 0 2px 6px; }
.galviz-gallery .bar .keys { display: flex; flex-wrap: wrap; gap: 2px 10px; align-items: baseline; }
.galviz-gallery .set { display: flex; flex-wrap: wrap; gap: 2px 12px; align-items: center; }
.galviz-gallery .set label { display: flex; gap: 5px; align-items: center; }
.galviz-gallery [hidden] { display: none !important; }
.galviz-gallery .set input[type=range] { width: 90px; margin: 0; accent-color: var(--selected); }
.galviz-gallery .bar :is(select, button, input:not([type=range])) { font: inherit; font-size: 12px; color: inherit;
  background: none; border: 1px solid var(--line); border-radius: 5px; padding: 1px 6px; }
.galviz-gallery .set input:not([type=range]), .galviz-gallery .set select { width: 112px; }
.galviz-gallery .set option { color: #111; background: #fff; }
.galviz-gallery .set input::placeholder { color: inherit; opacity: .7; }
.galviz-gallery button { cursor: pointer; }
.galviz-gallery .bar button:hover { background: var(--faint); }
.galviz-gallery .bar :is(select, button, input):focus-visible { outline: 2px solid var(--focus); outline-offset: 1px; }
.galviz-gallery .small { width: 7px; height: 7px; border: 1.5px solid; border-radius: 2px; }
.galviz-gallery .small.big { width: 13px; height: 13px; }
.galviz-gallery kbd { font: 11px ui-monospace, monospace; border: 1px solid var(--line); border-bottom-width: 2px;
  border-radius: 4px; padding: 0 4px; margin-right: 3px; background: none; color: inherit; }
.galviz-gallery .pointed { margin-left: auto; font: 12px ui-monospace, monospace; min-height: 1.35em; }
.galviz-gallery .loading { opacity: .8; }
.galviz-gallery .loading[hidden] { display: none; }
.galviz-gallery .alert { color: var(--focus); font-weight: 600; }
.galviz-gallery .view { user-select: none; position: relative; flex: 1 1 0; min-height: 0; overflow: hidden auto; scrollbar-gutter: stable;
  border: 1px solid var(--line); border-radius: 6px; outline: none; overscroll-behavior: contain; }
.galviz-gallery .view:focus-visible { border-color: var(--focus); box-shadow: 0 0 0 1px var(--focus); }
.galviz-gallery .tall { min-height: 100%; }
.galviz-gallery .stage { position: sticky; top: 0; overflow: hidden; contain: strict; }
.galviz-gallery .row { position: absolute; margin: 0; left: 0; right: 0; top: 0; will-change: transform; }
.galviz-gallery .row > .cell { position: absolute; top: 0; margin: 0; padding: 0; max-width: none; border-radius: 6px;
  cursor: pointer; }
.galviz-gallery .picture { position: relative; overflow: hidden; border-radius: 5px; background: var(--faint); }
.galviz-gallery .cell.here .picture { background: repeating-linear-gradient(135deg, #8c8c8c 0 6px, #a3a3a3 6px 8px); }
.galviz-gallery .cell:not(.here) .picture { animation: pulse 1.2s ease-in-out infinite alternate; }
@keyframes pulse { to { opacity: .4; } }
@media (prefers-reduced-motion: reduce) { .galviz-gallery .picture { animation: none !important; } }
.galviz-gallery.words .cell.here .picture { background: var(--faint); }
.galviz-gallery canvas { position: absolute; inset: 0; width: 100%; height: 100%; display: block; }
.galviz-gallery .drawn, .galviz-gallery .caption, .galviz-gallery .label { pointer-events: none; }
.galviz-gallery .none { position: absolute; inset: 0; display: grid; place-items: center; color: #111; font-size: 12px; }
.galviz-gallery .caption { padding: 7px 2px 0; white-space: nowrap; overflow: hidden; }
.galviz-gallery .caption div { overflow: hidden; text-overflow: ellipsis; height: 16px; font-size: 11.5px; }
.galviz-gallery .caption .id { font: 11px/16px ui-monospace, monospace; }
.galviz-gallery .caption .line { display: flex; gap: 4px; }
.galviz-gallery .caption .name { display: flex; opacity: .68; overflow: hidden; white-space: pre; }
.galviz-gallery .caption .name span { flex: none; }
.galviz-gallery .caption .name span:first-child { flex: 0 1 auto; overflow: hidden; text-overflow: ellipsis; }
.galviz-gallery .caption .name:empty { display: none; }
.galviz-gallery .caption .value { flex: 0 1 auto; min-width: 40%; overflow: hidden; text-overflow: ellipsis;
  font-variant-numeric: tabular-nums; }
.galviz-gallery .cell:not(.here) .caption { visibility: hidden; }
.galviz-gallery .cell:hover .picture { box-shadow: 0 0 0 2px var(--line); }
.galviz-gallery .cell.selected .picture { box-shadow: 0 0 0 3px var(--selected); }
.galviz-gallery .mark { position: absolute; top: 5px; left: 5px; width: 20px; height: 20px; border-radius: 50%;
  display: grid; place-items: center; border: 2px solid #fff; background: #0008; color: transparent; opacity: 0;
  font: 700 12px/1 system-ui, sans-serif; }
.galviz-gallery .cell.here:hover .mark { opacity: .9; }
.galviz-gallery .cell.selected .mark { opacity: 1; background: var(--selected); color: #fff; }
.galviz-gallery .verdict { position: absolute; top: 5px; right: 5px; width: 18px; height: 18px; display: grid;
  place-items: center; color: #fff; font: 700 11px/1 system-ui, sans-serif; box-shadow: 0 0 0 1.5px #fff; }
.galviz-gallery .verdict:empty { display: none; }
.galviz-gallery .verdict.right { border-radius: 50%; background: #1a7f37; }
.galviz-gallery .verdict.wrong { border-radius: 3px; background: #c62828; }
.galviz-gallery .words .verdict { top: 3px; }
.galviz-gallery .label.later { font-style: italic; background: #444c; }
.galviz-gallery .head { position: absolute; left: 0; right: 0; top: 0; height: ${HEAD}px; will-change: transform;
  padding: 0 ${GAP}px; }
.galviz-gallery .head button { display: flex; gap: 7px; align-items: baseline; width: 100%; height: 100%; font: inherit;
  font-weight: 600; color: inherit; background: none; border: 0; border-bottom: 1px solid var(--line); padding: 6px 0 0;
  text-align: left; }
.galviz-gallery .head button:focus-visible { outline: 2px solid var(--focus); outline-offset: -2px; }
.galviz-gallery .head .many { font-weight: 400; opacity: .8; font-variant-numeric: tabular-nums; }
.galviz-gallery .large { position: fixed; inset: auto; margin: 0; padding: 8px; border: 1px solid #777; border-radius: 8px;
  background: #161616; color: #f2f2f2; box-shadow: 0 6px 30px #0009; pointer-events: none; overflow: hidden; }
.galviz-gallery .large canvas { position: static; display: block; border-radius: 4px; background: #8c8c8c; }
.galviz-gallery .large p { margin: 6px 0 0; font-size: 12px; white-space: pre-line; overflow-wrap: anywhere; }
.galviz-gallery .label { position: absolute; right: 4px; bottom: 4px; max-width: calc(100% - 8px); overflow: hidden;
  text-overflow: ellipsis; padding: 1px 6px; border-radius: 9px; background: #000c; color: #fff; font-size: 11px; }
.galviz-gallery .label:empty { display: none; }
.galviz-gallery .cell.focus .picture { outline: 3px solid var(--focus); outline-offset: 3px; }
.galviz-gallery .cell.focus .id { font-weight: 700; }
.galviz-gallery .words .picture { height: 24px; background: none !important; }
.galviz-gallery .words .label { bottom: 2px; right: 30px; max-width: calc(100% - 58px); }
.galviz-gallery .empty { position: absolute; inset: 0; display: grid; place-items: center; opacity: .75; }
.galviz-gallery .empty[hidden] { display: none; }
`;

/**
 * @import { Bytes, Model, Unnamed } from "../shared.js"
 * @import { Arrange, Focus, Fold, FromBrowser, Group, Label, Range, Resume, Size, Skip, State, Tile, ToBrowser, Toggle, Undo,
 *   Window } from "./messages.d.ts"
 *
 * @typedef {Tile & {marks: number, display: number, canvas: HTMLCanvasElement | null}} Tiled a tile that has come
 * @typedef {HTMLDivElement & {record?: Tiled | null, position: number}} Cell record: none before it is painted first
 * @typedef {{element: HTMLElement, cells: Cell[]}} Row
 * @typedef {object} Action what a key does
 * @property {number} [move]
 * @property {string} [label]
 * @property {boolean} [toggle]
 * @property {boolean} [range]
 * @property {boolean} [undo]
 * @property {boolean} [skip]
 * @property {boolean} [resume]
 *
 * A group, or all objects if they are not grouped.
 * @typedef {object} Part
 * @property {string} text
 * @property {number} count objects, shown or not
 * @property {boolean} open
 * @property {number} first position
 * @property {number} shown objects
 * @property {number} row number of its first row
 * @property {number} rows
 * @property {number} y px of its upper edge from that of the whole
 * @property {number} head px of its header
 *
 * Sizes, px, and numbers of tiles.
 * @typedef {object} Grid
 * @property {number} columns
 * @property {number} rows
 * @property {number} size width of a picture
 * @property {number} tallness height of a picture
 * @property {number} pitch from one row to the next
 * @property {number} whole height of all rows
 * @property {number} physical height that the browser scrolls; less than `whole` where that is more than it can
 * @property {Part[]} parts
 */

// ---- where things are, computed: positions count objects from 0, `top` is the px of the whole at the view's upper edge

/**
 * @param {Pick<State, "count" | "tile" | "lines" | "aspect"> & {groups?: Group[]}} state
 * @param {number} width of the view, px
 * @returns {Grid} as many columns as there is room for, which fill the width
 */
export function gridOf({ count, tile, lines, aspect, groups = [] }, width) {
  const wanted = aspect ? tile : Math.max(tile, 150); // words need room
  const columns = Math.max(1, Math.floor((width - GAP) / (wanted + GAP)));
  const size = Math.floor((width - GAP) / columns) - GAP;
  const tallness = aspect ? Math.round(size * aspect) : 24;
  const pitch = tallness + 16 * (lines + 1) + 8 + GAP;
  /** @type {Part[]} */
  const parts = [];
  let [first, row, y] = [0, 0, 0];
  for (const group of groups.length ? groups : [{ text: "", count, open: true }]) {
    const shown = group.open ? group.count : 0;
    const part = { ...group, first, shown, row, rows: Math.ceil(shown / columns), y, head: groups.length ? HEAD : 0 };
    parts.push(part);
    first += shown;
    row += part.rows;
    y += part.head + part.rows * pitch;
  }
  return { columns, rows: row, size, tallness, pitch, whole: y + GAP, physical: Math.min(y + GAP, TALLEST), parts };
}

/**
 * @param {number} position
 * @param {Pick<Grid, "parts">} grid
 * @returns {Part} the part that it is in
 */
export const partAt = (position, { parts }) =>
  parts.find(({ first, shown }) => position < first + shown) ?? parts[parts.length - 1];

/**
 * @param {number} position
 * @param {Grid} grid
 * @returns {number} px of its row from the upper edge of the whole
 */
export function yOf(position, grid) {
  const { first, y, head } = partAt(position, grid);
  return y + head + Math.floor((position - first) / grid.columns) * grid.pitch;
}

/**
 * @param {Grid} grid
 * @param {number} height of the view, px
 * @returns {number} the largest `top`
 */
export const reach = ({ whole }, height) => Math.max(0, whole - height);

/**
 * @param {number} top
 * @param {Grid} grid
 * @param {number} height of the view, px
 * @returns {number} px at which the scroll bar stands for it
 */
export function barAt(top, grid, height) {
  const most = reach(grid, height);
  return most ? (top * Math.max(0, grid.physical - height)) / most : 0;
}

/**
 * @param {number} top before
 * @param {number} from px at which the scroll bar stood
 * @param {number} to px at which it stands
 * @param {Grid} grid
 * @param {number} height of the view, px
 * @returns {number} top after: on a scaled bar a wheel moves pixel by pixel, and only a pull at the bar goes far
 */
export function scrolledTop(top, from, to, grid, height) {
  const most = reach(grid, height);
  const wheel = grid.physical < grid.whole && Math.abs(to - from) < 2 * height;
  return clamp(wheel ? top + to - from : (to * most) / Math.max(1, grid.physical - height), 0, most);
}

/**
 * @param {Part} part
 * @param {number} top
 * @param {Grid} grid
 * @param {number} height of the view, px
 * @param {number} margin px above and below it that count as visible
 * @returns {[number, number]} its first visible row, counted in the part, and the first hidden one after it
 */
export function seenRows({ y, head, rows }, top, { pitch }, height, margin) {
  const first = Math.floor((top - margin - y - head) / pitch);
  const last = Math.ceil((top + height + margin - y - head) / pitch);
  return [clamp(first, 0, rows), clamp(last, 0, rows)];
}

/**
 * @param {number} top
 * @param {Grid} grid
 * @param {number} height of the view, px
 * @param {number} margin px above and below it that count as visible
 * @returns {[number, number]} the first visible position, and the first hidden one after it
 */
export function seenPositions(top, grid, height, margin) {
  let range = /** @type {[number, number] | null} */ (null);
  for (const part of grid.parts) {
    const [a, b] = seenRows(part, top, grid, height, margin);
    if (b <= a) continue;
    const last = part.first + Math.min(b * grid.columns, part.shown);
    range = [range ? range[0] : part.first + a * grid.columns, last];
  }
  return range ?? [0, 0];
}

/**
 * @param {number} position
 * @param {number} top
 * @param {Grid} grid
 * @param {number} height of the view, px
 * @returns {number} `top` at which the position is seen: in the middle if it is far away, else the nearest
 */
export function revealedTop(position, top, grid, height) {
  const { pitch } = grid;
  const part = partAt(position, grid);
  const y = yOf(position, grid);
  const above = y === part.y + part.head ? part.y : y; // with the header
  if (y < top - height || y > top + 2 * height) return y - (height - pitch) / 2;
  if (above < top) return above;
  if (y + pitch + GAP > top + height) return Math.min(y, y + pitch + GAP - height); // its top, if it is too tall
  return top;
}

/**
 * @param {[number, number]} range of positions, the second not in it
 * @param {(position: number) => boolean} isMissing
 * @returns {[number, number] | null} the first missing position, and how many are worth a request from there
 */
export function missingIn([a, b], isMissing) {
  let [first, last] = [-1, -1];
  for (let p = a; p < b; p += 1) {
    if (!isMissing(p)) continue;
    if (first < 0) first = p;
    last = p;
  }
  return first < 0 ? null : [first, Math.min(last + 1 - first, CHUNK)];
}

/**
 * @param {number[]} positions
 * @param {[number, number]} range
 * @returns {number[]} the same, the farthest from the range first
 */
export function farthestFirst(positions, [a, b]) {
  const far = (/** @type {number} */ position) => Math.max(a - position, position - b);
  return [...positions].sort((p, q) => far(q) - far(p));
}

/**
 * @param {string} key of the keyboard
 * @param {Grid} grid
 * @param {number} height of the view, px
 * @returns {number | undefined} positions by which it moves the focus
 */
export function moveOf(key, { columns, pitch }, height) {
  const page = Math.max(1, Math.floor(height / pitch)) * columns;
  const sides = new Map([
    ["ArrowLeft", -1],
    ["ArrowRight", 1],
    ["ArrowUp", -columns],
    ["ArrowDown", columns],
  ]);
  const far = new Map([
    ["PageUp", -page],
    ["PageDown", page],
    ["Home", -Infinity],
    ["End", Infinity],
  ]);
  return sides.get(key) ?? far.get(key);
}

/**
 * @param {number} place position in focus
 * @param {number} move
 * @param {Grid} grid
 * @param {number} count of objects
 * @returns {number | null} where the focus goes; null: there is no row above or below
 */
export function destination(place, move, grid, count) {
  const { columns } = grid;
  const to = place + move;
  if (Math.abs(move) !== columns || columns === 1) return clamp(to, 0, count - 1);
  const { first, shown } = partAt(place, grid);
  if (to >= first && to < first + shown) return to;
  const column = (place - first) % columns;
  const lastRow = first + Math.floor((shown - 1) / columns) * columns;
  if (move > 0) {
    if (place < lastRow || first + shown >= count) return null; // a short last row, or the end
    const next = partAt(first + shown, grid);
    return next.first + Math.min(column, next.shown - 1);
  }
  if (first === 0) return null;
  const before = partAt(first - 1, grid);
  const row = before.first + Math.floor((before.shown - 1) / columns) * columns;
  return Math.min(row + column, before.first + before.shown - 1);
}

/**
 * @param {string} id
 * @param {number} size px that there are
 * @returns {string} its end, if it is too long: long ids differ in their last digits
 */
export function shortId(id, size) {
  const room = Math.floor((size - 4) / 6.7);
  return id.length <= room ? id : `…${id.slice(1 - room)}`;
}

/**
 * @param {Pick<State, "count" | "total" | "selected">} state
 * @returns {string}
 */
export function countsText({ count, total, selected }) {
  const n = (/** @type {number} */ value) => value.toLocaleString("en-US");
  return `${count === total ? n(total) : `${n(count)} of ${n(total)}`} objects · ${n(selected)} selected`;
}

/**
 * @param {Pick<State, "labelled" | "later">} state
 * @returns {string}
 */
export function labelledText({ labelled, later }) {
  const n = (/** @type {number} */ value) => value.toLocaleString("en-US");
  return `${n(labelled)} labelled${later ? ` · ${n(later)} later` : ""}`;
}

/**
 * @param {{left: number, right: number, top: number, height: number}} cell
 * @param {number} width of what stands beside it, px
 * @param {number} height of it
 * @param {{width: number, height: number}} page
 * @returns {[number, number]} px of its left and upper edge: right of the cell, or left of it where there is more room
 */
export function besideOf(cell, width, height, page) {
  const fits = cell.right + GAP + width <= page.width || cell.left < page.width - cell.right;
  const left = fits ? cell.right + GAP : cell.left - GAP - width;
  const top = cell.top + (cell.height - height) / 2;
  return [clamp(left, 0, Math.max(0, page.width - width)), clamp(top, 0, Math.max(0, page.height - height))];
}

/**
 * @param {Element | null} element
 * @returns {Cell | null} the cell that it belongs to
 */
const cellOf = (element) => /** @type {Cell | null} */ (element?.closest(".cell") ?? null);

/**
 * @param {Tile} record
 * @returns {string[]} its id, what stands below the picture, and its label
 */
const wordsOf = ({ id, lines, label }) => [
  id,
  ...lines.map(([name, value]) => `${name} ${value}`.trim()),
  ...(label ? [`label ${label}`] : []),
];

class Gallery {
  /** @type {State} */
  state = {
    type: "state",
    version: -1, // no state has come yet
    display: -1,
    marks: -1,
    count: 0,
    total: 0,
    selected: 0,
    focus: null,
    place: -1,
    found: -1,
    top: false,
    stays: false,
    tile: 112,
    lines: 0,
    aspect: 0,
    pixels: 0,
    enlarge: false,
    groups: [],
    controls: [],
    arrangement: { order: "", descending: false, group: "", orders: [], groups: [] },
    error: "",
    labelled: 0,
    later: 0,
    keys: {},
    acknowledged: {},
  };
  client = clientName(); // two views of one model number their requests apart
  /** @type {Map<number, Tiled>} */
  records = new Map(); // position -> what one message said about the object there
  /** @type {Map<number, Row>} */
  rows = new Map();
  /** @type {Map<string, HTMLElement>} */
  heads = new Map(); // of groups
  /** @type {Action[]} */
  queue = []; // keys not yet obeyed
  seq = 0; // number of the last message
  waiting = 0; // keys wait until this message was acknowledged
  request = 0;
  /** @type {{request: number, timer: number} | null} */
  requested = null; // the window on its way
  place = -1; // position in focus
  /** @type {string | null} */
  id = null; // the id there, once its tile has come
  /** @type {string | null} */
  unsent = null; // an id in focus that Python does not know yet
  /** @type {[number, number] | null} */
  at = null; // where the pointer is
  ordered = ""; // what Python sorts by
  /** @type {number | null} */
  tile = null; // width of a picture that Python does not know yet
  sizing = false; // the slider is dragged
  /** @type {string | null} */
  anchor = null; // id at which a range of selected objects begins
  /** @type {Cell | null} */
  rested = null; // the cell that a pointer rests on
  resting = 0;
  /** @type {{cell: Cell, request: number} | null} */
  closer = null; // the cell that is enlarged
  grid = gridOf(this.state, 0);
  laidOut = false; // the grid has the width of the view
  shape = "";
  top = 0;
  expected = 0; // px at which the scroll bar stands for it
  goal = false;
  closed = false;
  idle = 0;
  sending = 0;

  root = make("div", "galviz-gallery");
  counts = make("span", "counts", "", { role: "status" });
  loading = make("span", "loading", "loading …");
  hints = make("span", "keys");
  progress = make("span", "progress", "", { role: "status" });
  set = make("div", "set", "", { role: "group", "aria-label": "Gallery controls" });
  slider = make("input", "", "", { type: "range", min: 48, max: 320, step: 8, "aria-label": "Picture size" });
  order = make("input", "", "", { type: "text", "aria-label": "Sort by", placeholder: "table order" });
  orders = make("datalist");
  descending = button("↑", () => this.arrange({ descending: !this.state.arrangement.descending }), { pressed: false });
  group = make("select", "", "", { "aria-label": "Group by" });
  more = button("⋯", () => this.send({ type: "more" }), { title: "More settings" });
  large = make("div", "large", "", { popover: "manual", "aria-hidden": "true" });
  alert = make("span", "alert", "", { role: "alert" });
  pointed = make("span", "pointed");
  view = make("div", "view", "", {
    role: "grid",
    tabindex: "0",
    "aria-label": "Gallery",
    "aria-multiselectable": "true",
  });
  tall = make("div", "tall", "", { role: "presentation" });
  stage = make("div", "stage", "", { role: "rowgroup" });
  empty = make("div", "empty", "No object matches.");
  watch = new ResizeObserver(() => this.layout());

  /**
   * @param {Model<ToBrowser, FromBrowser, {height: number}>} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    this.model = model;
    this.root.dataset.lmSuppressShortcuts = "true"; // keys are ours, not JupyterLab's
    const bar = make("div", "bar");
    this.build();
    bar.append(this.set, this.counts, this.progress, this.loading, this.hints, this.alert, this.pointed);
    this.empty.hidden = true;
    this.tall.append(this.stage);
    this.view.append(this.tall, this.empty);
    this.root.append(make("style", "", CSS), bar, this.view, this.large);
    el.replaceChildren(this.root);
    this.view.addEventListener("scroll", () => this.scrolled());
    this.view.addEventListener("keydown", (event) => this.key(event));
    this.view.addEventListener("click", (event) => this.click(event));
    this.view.addEventListener("pointermove", (event) => {
      this.point([event.clientX, event.clientY], true);
    });
    this.view.addEventListener("pointerleave", () => this.point(null));
    this.watch.observe(this.view);
    this.unlisten = listen(model, this.receive, { type: "hello", client: this.client });
  }

  build() {
    const labelled = (/** @type {string} */ text, /** @type {HTMLElement[]} */ ...parts) => {
      const label = make("label", "", text);
      label.append(...parts);
      return label;
    };
    const size = make("label", "", "", { title: "Picture size" });
    size.append(make("span", "small"), this.slider, make("span", "small big"));
    this.orders.id = `orders-${this.client}`;
    this.order.setAttribute("list", this.orders.id);
    this.order.title = "A column, or an expression such as abs(z - 0.3)";
    this.descending.setAttribute("aria-label", "Largest first");
    this.more.setAttribute("aria-label", "More settings");
    const sort = make("span");
    sort.append(labelled("Sort by", this.order, this.descending), this.orders);
    this.set.append(size, sort, labelled("Group by", this.group), this.more);
    this.slider.addEventListener("input", () => this.resize(false));
    this.slider.addEventListener("change", () => this.resize(true));
    this.order.addEventListener("change", () => this.arrange({ order: this.order.value.trim() }));
    this.group.addEventListener("change", () => this.arrange({ group: this.group.value }));
    document.addEventListener("keydown", this.escape, true);
  }

  close() {
    this.unlisten();
    this.watch.disconnect();
    document.removeEventListener("keydown", this.escape, true);
    clearTimeout(this.resting);
    clearTimeout(this.idle);
    clearTimeout(this.sending);
    clearTimeout(this.requested?.timer);
    this.closed = true;
  }

  /** @param {Unnamed<FromBrowser>} message */
  send(message) {
    send(this.model, { client: this.client, ...message });
  }

  /** @param {Unnamed<Focus | Toggle | Range | Size | Arrange | Fold | Label | Undo | Skip | Resume>} message */
  act(message) {
    this.sendFocus(); // in the order in which it was done
    this.seq += 1;
    this.send({ ...message, seq: this.seq });
  }

  // ---- what comes

  /** @type {(content: ToBrowser, buffers?: DataView[]) => void} */
  receive = (content, buffers) => {
    if (content.type === "state") this.changed(content);
    else if (content.client === this.client) this.fill(content, buffers?.[0] ?? content.png);
  };

  // Number of the last message that Python has acted on.
  get acknowledged() {
    return this.state.acknowledged[this.client] ?? 0;
  }

  /** @param {State} state */
  changed(state) {
    const old = this.state;
    this.state = state;
    const current = this.acknowledged >= this.seq;
    const moved = state.version !== old.version;
    if (current && !this.sizing) this.tile = null;
    if (moved) {
      this.shrink();
      this.records.clear();
      if (!state.stays) this.top = 0;
      this.seq = this.acknowledged;
    }
    if (moved || current) {
      const far = state.focus !== this.id || state.place !== this.place;
      [this.id, this.place] = [state.place < 0 ? null : state.focus, state.place];
      this.goal = moved ? old.version < 0 && !state.top : far; // a new order starts at its top
    }
    this.say();
    this.layout(moved);
    if (this.goal && this.place >= 0) this.reveal(this.place);
    this.goal = false;
    if (state.found >= 0) this.reveal(state.found);
    this.drain();
  }

  /**
   * @param {Window} content
   * @param {Bytes} [png] contact sheet
   */
  async fill(content, png) {
    if (this.closer?.request === content.request) await this.sharpen(content, png);
    if (this.requested?.request !== content.request) return;
    clearTimeout(this.requested.timer);
    /** @type {ImageBitmap | null} */
    let bitmap = null;
    this.alert.textContent = this.state.error;
    try {
      if (png) bitmap = await createImageBitmap(new Blob([bytes(png)], { type: "image/png" }));
    } catch {
      this.alert.textContent = "A contact sheet could not be read.";
    }
    if (this.closed) return;
    this.requested = null;
    if (content.version === this.state.version) {
      for (const [k, tile] of content.tiles.entries()) this.remember(content.first + k, tile, content, bitmap);
      this.forget();
    }
    bitmap?.close();
    this.draw();
    this.drain();
  }

  /**
   * @param {number} position
   * @param {Tile} tile
   * @param {Window} content
   * @param {ImageBitmap | null} bitmap contact sheet
   */
  remember(position, tile, content, bitmap) {
    const before = this.records.get(position);
    /** @type {Tiled} */
    const record = { ...tile, marks: content.marks, display: content.display, canvas: null };
    if (!content.pictures) {
      if (!before || before.id !== tile.id) return; // marks for an object whose picture has not come
      record.display = before.display;
      record.canvas = before.canvas;
    } else if (bitmap && content.sheet && tile.cell >= 0) {
      const { columns, width, height } = content.sheet;
      record.canvas = make("canvas", "", "", { "aria-hidden": "true" });
      Object.assign(record.canvas, { width, height });
      const [x, y] = [(tile.cell % columns) * width, Math.floor(tile.cell / columns) * height];
      pen(record.canvas).drawImage(bitmap, x, y, width, height, 0, 0, width, height);
    }
    this.records.set(position, record);
    if (position === this.place && this.id === null) this.focus(position);
  }

  forget() {
    if (this.records.size <= KEPT) return;
    const farthest = farthestFirst([...this.records.keys()], this.range(0));
    for (const position of farthest.slice(0, this.records.size - KEPT / 2)) this.records.delete(position);
  }

  // ---- where things are

  layout(reset = false) {
    const { count, lines, aspect, groups } = this.state;
    const width = this.stage.clientWidth || this.view.clientWidth;
    const height = this.view.clientHeight;
    if (!width || !height) return;
    const anchor = !reset && this.laidOut && this.top > 0 ? this.range(0)[0] : 0;
    this.grid = gridOf({ ...this.state, tile: this.tile ?? this.state.tile }, width);
    this.laidOut = true;
    const { columns, rows, size, pitch, physical } = this.grid;
    const shape = `${columns} ${size} ${pitch} ${lines}`;
    const same = !reset && this.shape === shape;
    this.shape = shape;
    this.tall.style.height = `${physical}px`;
    this.stage.style.height = `${height}px`;
    this.view.setAttribute("aria-rowcount", String(rows));
    this.view.setAttribute("aria-colcount", String(columns));
    this.root.classList.toggle("words", !aspect);
    this.empty.hidden = count > 0 || groups.length > 0 || this.state.version < 0;
    const active = rootOf(this.root).activeElement;
    const pressed = [...this.heads].find(([, head]) => head.contains(active))?.[0];
    if (!same) {
      for (const { element } of this.rows.values()) element.remove();
      for (const element of this.heads.values()) element.remove();
      this.rows.clear();
      this.heads.clear();
      if (!reset && anchor) this.top = yOf(anchor, this.grid);
    }
    if (same) this.settle();
    else this.go(this.top);
    if (pressed !== undefined) this.heads.get(pressed)?.querySelector("button")?.focus({ preventScroll: true });
  }

  /** @param {number} top */
  go(top) {
    const height = this.view.clientHeight;
    this.top = clamp(top, 0, reach(this.grid, height));
    const wanted = barAt(this.top, this.grid, height);
    if (Math.abs(this.view.scrollTop - wanted) >= 1) this.view.scrollTop = wanted;
    this.expected = this.view.scrollTop;
    this.draw();
  }

  // Puts the scroll bar where it belongs, unless it was moved and that event has yet to come.
  settle() {
    if (Math.abs(this.view.scrollTop - this.expected) >= 0.5) this.scrolled();
    else this.go(this.top);
  }

  scrolled() {
    this.shrink();
    const y = this.view.scrollTop;
    if (!this.laidOut || Math.abs(y - this.expected) < 0.5) return;
    const { whole, physical } = this.grid;
    const height = this.view.clientHeight;
    this.top = scrolledTop(this.top, this.expected, y, this.grid, height);
    this.expected = y;
    clearTimeout(this.idle);
    if (physical < whole) {
      const atEnd = y >= Math.max(1, physical - height) - 1;
      const stuck = (y <= 0 && this.top > 0) || (atEnd && this.top < reach(this.grid, height));
      if (stuck) this.go(this.top);
      else this.idle = setTimeout(() => this.settle(), 250);
    }
    this.draw();
  }

  /** @param {number} margin px above and below what is seen */
  range(margin) {
    return seenPositions(this.top, this.grid, this.view.clientHeight, margin);
  }

  /** @param {number} position */
  reveal(position) {
    if (!this.laidOut) return;
    const top = revealedTop(position, this.top, this.grid, this.view.clientHeight);
    if (top === this.top) this.draw();
    else this.go(top);
  }

  // ---- what is requested

  /**
   * @param {[number, number]} range
   * @param {(record?: Tiled) => boolean} test of a record, undefined where none has come
   * @returns {[number, number] | null} first position of which `test` is true, and how many to request
   */
  missing(range, test) {
    return missingIn(range, (position) => test(this.records.get(position)));
  }

  ask() {
    if (this.requested || this.state.version < 0 || !this.laidOut || this.closed) return;
    const height = this.view.clientHeight;
    const side = Math.round(this.grid.size * Math.min(2, window.devicePixelRatio || 1));
    const sharp = this.sizing ? 0 : Math.min(side, this.state.pixels); // px that a picture should have
    const undrawn = (/** @type {Tiled | undefined} */ record) =>
      !record ||
      record.display !== this.state.display ||
      (record.canvas !== null && Math.min(record.canvas.width, record.canvas.height) < sharp);
    let pictures = true;
    let wanted = this.missing(this.range(0), undrawn);
    if (!wanted && this.place >= 0 && this.id === null) wanted = this.missing([this.place, this.place + 1], undrawn);
    if (!wanted) {
      wanted = this.missing(this.range(0), (record) => record?.marks !== this.state.marks);
      pictures = !wanted;
    }
    wanted ??= this.missing(this.range(height), undrawn);
    if (!wanted) return;
    const [first, count] = wanted;
    this.request += 1;
    const request = this.request;
    const again = () => {
      if (this.requested?.request === request) {
        this.requested = null;
        this.ask();
      }
    };
    this.requested = { request, timer: setTimeout(again, PATIENCE) };
    this.send({ type: "window", request, version: this.state.version, first, count, side, pictures });
  }

  // ---- what is drawn

  draw() {
    if (!this.laidOut || this.closed) return;
    const { columns, pitch, parts } = this.grid;
    const height = this.view.clientHeight;
    const wanted = new Set();
    const heads = new Set();
    for (const part of parts) {
      const at = part.y - this.top;
      if (part.head && at > -part.head && at < height) {
        heads.add(part.text);
        const head = this.heads.get(part.text) ?? this.makeHead(part);
        head.style.transform = `translateY(${Math.round(at)}px)`;
      }
      const [first, last] = seenRows(part, this.top, this.grid, height, pitch);
      for (let k = first; k < last; k += 1) {
        wanted.add(part.row + k);
        const { element, cells } = this.rows.get(part.row + k) ?? this.makeRow(part, k);
        const y = part.y + part.head + k * pitch;
        element.style.transform = `translateY(${Math.round(y - this.top + GAP)}px)`;
        for (const cell of cells) this.dress(cell);
      }
    }
    for (const [row, { element }] of this.rows) {
      if (wanted.has(row)) continue;
      element.remove();
      this.rows.delete(row);
    }
    for (const [text, element] of this.heads) {
      if (heads.has(text)) continue;
      element.remove();
      this.heads.delete(text);
    }
    const { first, row } = partAt(this.place, this.grid);
    const inside = this.place - first;
    const focused = this.rows.get(row + Math.floor(inside / columns))?.cells[inside % columns];
    if (this.place >= 0 && focused) this.view.setAttribute("aria-activedescendant", focused.id);
    else this.view.removeAttribute("aria-activedescendant");
    if (this.at) this.point(this.at);
    this.loading.hidden = this.state.version >= 0 && !this.missing(this.range(0), (record) => !record);
    this.ask();
  }

  /**
   * @param {Part} part
   * @returns {HTMLElement} its header, which closes and opens it
   */
  makeHead({ text, count, open }) {
    const head = make("div", "head", "", { role: "row" });
    const cell = make("div", "", "", { role: "rowheader" });
    cell.style.height = "100%";
    const press = button("", () => this.act({ type: "fold", group: text, open: !open }), {
      title: open ? "Close this group" : "Open this group",
    });
    press.setAttribute("aria-expanded", String(open));
    press.append(make("span", "", open ? "▾" : "▸", { "aria-hidden": "true" }), text);
    press.append(make("span", "many", `${count.toLocaleString("en-US")} object${count === 1 ? "" : "s"}`));
    cell.append(press);
    head.append(cell);
    this.stage.append(head);
    this.heads.set(text, head);
    return head;
  }

  /**
   * @param {Part} part
   * @param {number} inside number of the row in the part
   * @returns {Row}
   */
  makeRow(part, inside) {
    const { columns, size, tallness } = this.grid;
    const row = part.row + inside;
    const start = part.first + inside * columns;
    const element = make("div", "row", "", { role: "row", "aria-rowindex": row + 1 });
    /** @type {Cell[]} */
    const cells = [];
    for (let k = 0; k < columns && start + k < part.first + part.shown; k += 1) {
      const position = start + k;
      const cell = Object.assign(make("div", "cell", "", { role: "gridcell", "aria-colindex": k + 1 }), { position });
      cell.id = `g${this.client}-${position}`;
      Object.assign(cell.style, { left: `${GAP + k * (size + GAP)}px`, width: `${size}px` });
      const picture = make("div", "picture");
      picture.style.height = `${tallness}px`;
      const mark = make("div", "mark", "✓", { title: "Select (space)" });
      picture.append(make("div", "drawn"), mark, make("div", "label"), make("div", "verdict"));
      cell.append(picture, make("div", "caption"));
      cells.push(cell);
    }
    element.append(...cells);
    this.stage.append(element);
    this.rows.set(row, { element, cells });
    return { element, cells };
  }

  /** @param {Cell} cell */
  dress(cell) {
    const record = this.records.get(cell.position) ?? null;
    if (cell.record !== record) {
      cell.record = record;
      this.paint(cell, record);
    }
    cell.classList.toggle("focus", cell.position === this.place);
  }

  /**
   * @param {Cell} cell
   * @param {Tiled | null} record
   */
  paint(cell, record) {
    const [picture, caption] = cell.children; // what can be pointed at stays: else a click between two states is lost
    const [drawn, , label, verdict] = picture.children;
    drawn.replaceChildren(...this.drawn(record));
    const later = record?.later === true && !record.label;
    label.textContent = later ? "later" : (record?.label ?? "");
    label.classList.toggle("later", later);
    verdict.className = `verdict ${record?.verdict ?? ""}`;
    verdict.textContent = { right: "✓", wrong: "✕", "": "" }[record?.verdict ?? ""];
    caption.replaceChildren(...this.lines(record));
    cell.classList.toggle("here", record !== null);
    cell.classList.toggle("selected", record?.selected === true);
    cell.setAttribute("aria-selected", String(record?.selected === true));
    if (record === null) {
      delete cell.dataset.id;
      cell.title = "";
      cell.setAttribute("aria-label", `object ${cell.position + 1} of ${this.state.count}, loading`);
      return;
    }
    cell.dataset.id = record.id;
    const words = wordsOf(record);
    cell.title = this.state.enlarge && record.canvas ? "" : words.join("\n");
    cell.setAttribute(
      "aria-label",
      [words[0], record.verdict, later ? "later" : record.label, ...words.slice(1)].filter(Boolean).join(", "),
    );
  }

  /**
   * @param {Tiled | null} record
   * @returns {HTMLElement[]}
   */
  drawn(record) {
    if (record?.canvas) return [record.canvas];
    return record && this.state.aspect ? [make("div", "none", "no image")] : [];
  }

  /**
   * @param {Tiled | null} record
   * @returns {HTMLElement[]}
   */
  lines(record) {
    if (!record) return [];
    const lines = record.lines.map(([name, value]) => {
      const line = make("div", "line");
      const title = make("span", "name"); // its end is never cut off: ln_richness and ln_richness_true begin alike
      if (name) title.append(make("span", "", name.slice(0, -4)), make("span", "", name.slice(-4)));
      line.append(title, make("span", "value", value));
      return line;
    });
    return [make("div", "id", shortId(record.id, this.grid.size)), ...lines];
  }

  say() {
    this.counts.textContent = countsText(this.state);
    const keys = Object.entries(this.state.keys);
    this.view.setAttribute("aria-label", `Gallery, ${this.counts.textContent}`);
    this.alert.textContent = this.state.error;
    this.progress.hidden = !keys.length;
    this.progress.textContent = labelledText(this.state);
    this.showControls();
    if (this.hints.dataset.keys === JSON.stringify(keys)) return;
    this.hints.dataset.keys = JSON.stringify(keys);
    const hint = (/** @type {string} */ key, /** @type {string} */ label) => {
      const element = make("span");
      element.append(make("kbd", "", key), label);
      return element;
    };
    const press = (/** @type {string} */ key, /** @type {string} */ label, /** @type {Action} */ action) => {
      const element = button("", () => this.take(action), { title: "" });
      element.append(...(key in this.state.keys ? [] : [make("kbd", "", key)]), label);
      return element;
    };
    const skip = press(LATER, "Skip", { skip: true });
    skip.title = "Leave this object for later: it comes back after all others are labelled";
    const resume = press(RESUME, "First unlabelled", { resume: true });
    resume.title = "Go to the first object without a label; those that were skipped come last";
    const hinted = keys.map(([key, label]) => hint(key, label));
    this.hints.replaceChildren(...(keys.length ? [...hinted, hint("u", "undo"), skip, resume] : []));
  }

  showControls() {
    const { controls, arrangement, tile } = this.state;
    const { order, descending, group, orders, groups } = arrangement;
    const [size, sort, by, more] = /** @type {HTMLElement[]} */ ([...this.set.children]);
    size.hidden = !controls.includes("size");
    sort.hidden = !controls.includes("sort");
    by.hidden = !controls.includes("group") || !groups.length;
    more.hidden = !controls.includes("more");
    this.set.hidden = !controls.length;
    if (this.tile === null) this.slider.value = String(tile);
    const { activeElement } = /** @type {Document | ShadowRoot} */ (rootOf(this.root));
    if (activeElement !== this.order || order !== this.ordered) this.order.value = order; // else it is being typed
    this.ordered = order;
    this.descending.textContent = descending ? "↓" : "↑";
    this.descending.title = descending ? "Largest first" : "Smallest first";
    this.descending.setAttribute("aria-pressed", String(descending));
    const key = JSON.stringify([orders, groups]);
    if (this.set.dataset.columns !== key) {
      this.set.dataset.columns = key;
      this.orders.replaceChildren(...orders.map((name) => make("option", "", "", { value: name })));
      const options = ["", ...groups].map((name) => make("option", "", name || "no groups", { value: name }));
      this.group.replaceChildren(...options);
    }
    this.group.value = group;
  }

  // ---- what the visitor does

  /**
   * What lies under the pointer changes when it moves, and when tiles move or change below it.
   * @param {[number, number] | null} at
   * @param {boolean} moved
   */
  point(at, moved = false) {
    this.at = at;
    const under = at && rootOf(this.view).elementFromPoint(...at);
    const cell = cellOf(under);
    this.pointed.textContent = cell?.record?.id ?? "";
    this.rest(under?.closest(".picture") ? cell : null, moved);
  }

  // ---- the picture under the pointer

  /**
   * @param {Cell | null} cell that the pointer is on
   * @param {boolean} moved not only the tiles below it
   */
  rest(cell, moved) {
    if (cell === this.rested) return;
    if (this.rested) this.shrink();
    this.rested = cell;
    if (cell && moved && this.state.enlarge) this.resting = setTimeout(() => this.enlarge(cell), REST);
  }

  shrink() {
    clearTimeout(this.resting);
    if (this.closer) this.large.hidePopover();
    this.closer = null;
  }

  /** @param {Cell} cell */
  enlarge(cell) {
    const { record, position } = cell;
    if (!record?.canvas || !cell.isConnected || this.closed) return;
    this.shrink();
    const { aspect, pixels, version } = this.state;
    const room = Math.min(LARGE, window.innerHeight - 120, window.innerWidth / 2);
    const width = Math.round(aspect > 1 ? room / aspect : room);
    const height = Math.round(width * aspect);
    const canvas = make("canvas");
    Object.assign(canvas, { width: record.canvas.width, height: record.canvas.height });
    Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
    pen(canvas).drawImage(record.canvas, 0, 0);
    const words = make("p", "", wordsOf(record).join("\n"));
    words.style.width = `${width}px`;
    this.large.replaceChildren(canvas, words);
    this.large.showPopover();
    const { width: wide, height: tall } = this.large.getBoundingClientRect();
    const box = cell.children[0].getBoundingClientRect();
    const [left, top] = besideOf(box, wide, tall, { width: window.innerWidth, height: window.innerHeight });
    Object.assign(this.large.style, { left: `${left}px`, top: `${top}px` });
    this.request += 1;
    this.closer = { cell, request: this.request };
    const side = Math.round(Math.min(width, height) * Math.min(2, window.devicePixelRatio || 1));
    if (Math.min(canvas.width, canvas.height) >= Math.min(side, pixels)) return;
    this.send({ type: "window", request: this.request, version, first: position, count: 1, side, pictures: true });
  }

  /**
   * Draws the enlarged picture again, with more pixels.
   * @param {Window} content
   * @param {Bytes} [png]
   */
  async sharpen(content, png) {
    const [tile] = content.tiles;
    if (!png || tile?.id !== this.closer?.cell.record?.id) return;
    const bitmap = await createImageBitmap(new Blob([bytes(png)], { type: "image/png" }));
    const canvas = this.large.querySelector("canvas");
    if (canvas && this.closer?.request === content.request) {
      Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
      pen(canvas).drawImage(bitmap, 0, 0);
    }
    bitmap.close();
  }

  /** @param {KeyboardEvent} event */
  escape = (event) => {
    if (event.key !== "Escape" || !this.closer) return;
    event.stopPropagation();
    this.shrink();
  };

  // ---- the line of controls

  /** @param {boolean} done the slider was released */
  resize(done) {
    this.tile = Number(this.slider.value);
    this.sizing = !done;
    this.shrink();
    this.layout();
    if (done) this.act({ type: "tile", tile: this.tile });
  }

  /** @param {{order?: string, descending?: boolean, group?: string}} change */
  arrange(change) {
    Object.assign(this.state.arrangement, change); // the next change may come before the answer
    const { order, descending, group } = this.state.arrangement;
    this.act({ type: "arrange", order, descending, group });
  }

  /** @param {MouseEvent} event */
  click(event) {
    const target = /** @type {Element} */ (event.target);
    const cell = cellOf(target);
    if (!cell) return;
    this.shrink();
    const toggles = event.ctrlKey || event.metaKey || target.closest(".mark");
    const id = cell.record?.id;
    if (id && event.shiftKey && this.anchor) this.act({ type: "range", start: this.anchor, end: id });
    else if (id && (toggles || event.shiftKey)) this.act({ type: "toggle", id });
    else if (!toggles) this.focus(cell.position);
    if (id && !(event.shiftKey && this.anchor)) this.anchor = id;
    this.draw();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.altKey || event.metaKey || event.ctrlKey) return;
    if (!this.laidOut || cellOf(/** @type {Element} */ (event.target)) || event.target !== this.view) return;
    if (event.key === "Enter") {
      this.showFocus();
      event.preventDefault();
      return;
    }
    const move = moveOf(event.key, this.grid, this.view.clientHeight);
    /** @type {string | undefined} */
    const label = this.state.keys[event.key];
    /** @type {Action | null} */
    let action = null;
    if (move !== undefined) action = { move };
    else if (event.repeat)
      action = null; // a key held down labels one object, not all that follow
    else if (label !== undefined) action = { label };
    else if (event.key === "u") action = { undo: true };
    else if (event.key === " ") action = event.shiftKey ? { range: true } : { toggle: true };
    else if (event.key === LATER && this.hints.childElementCount) action = { skip: true };
    else if (event.key === RESUME && this.hints.childElementCount) action = { resume: true };
    if (action === null) return;
    event.preventDefault();
    this.take(action);
  }

  /** @param {Action} action */
  take(action) {
    this.shrink();
    this.queue.push(action);
    this.drain();
  }

  // Enlarges the picture in focus, or closes it.
  showFocus() {
    const id = this.view.getAttribute("aria-activedescendant");
    const cell = cellOf(id ? this.stage.querySelector(`#${id}`) : null);
    const same = cell !== null && this.closer?.cell === cell;
    this.shrink();
    if (cell && !same) this.enlarge(cell);
  }

  drain() {
    while (this.queue.length && !this.closed) {
      const action = this.queue[0];
      if (this.acknowledged < this.waiting) return; // an undo moves the focus
      if ((action.label || action.toggle || action.skip || action.range) && this.place >= 0 && this.id === null) {
        this.ask(); // no object is labelled before it is seen: this goes on when its tile has come
        return;
      }
      this.queue.shift();
      this.obey(action);
    }
  }

  /** @param {Action} action */
  obey(action) {
    const { count } = this.state;
    if (action.move !== undefined) {
      if (!count) return;
      const none = this.place < 0 && Number.isFinite(action.move);
      const to = none ? this.range(0)[0] : destination(this.place, action.move, this.grid, count);
      if (to !== null) this.step(to);
    } else if (action.undo || action.resume) {
      this.act({ type: action.undo ? "undo" : "resume" });
      this.waiting = this.seq;
    } else if (this.place >= 0 && this.id !== null) {
      const relabelled = Boolean(this.records.get(this.place)?.label);
      if (action.range && this.anchor) this.act({ type: "range", start: this.anchor, end: this.id });
      else if (action.toggle || action.range) {
        this.act({ type: "toggle", id: this.id });
        this.anchor = this.id;
      } else if (action.label) {
        this.act({ type: "label", id: this.id, label: action.label });
        this.next(relabelled);
      } else if (action.skip) {
        this.act({ type: "skip", id: this.id });
        this.next(false, true);
      }
    }
  }

  /**
   * Goes on to the next object of the round: the one beside it, unless that is done.
   * @param {boolean} relabelled a label was corrected: the one beside it comes next in any case
   * @param {boolean} skipped
   */
  next(relabelled, skipped = false) {
    const beside = this.records.get(this.place + 1);
    const last = this.place + 1 >= this.state.count;
    const done = last ? skipped || this.state.later > 0 : Boolean(beside?.label || beside?.later);
    if (done && !relabelled) {
      this.act({ type: "resume" });
      this.waiting = this.seq;
    } else this.step(this.place + 1);
  }

  /** @param {number} position */
  step(position) {
    this.focus(clamp(position, 0, this.state.count - 1));
    this.reveal(this.place);
  }

  /** @param {number} position */
  focus(position) {
    this.place = position;
    this.id = this.records.get(position)?.id ?? null;
    this.seq += 1;
    this.unsent = this.id; // null: sent when the tile has come
    clearTimeout(this.sending);
    this.sending = setTimeout(() => this.sendFocus(), 30);
  }

  sendFocus() {
    clearTimeout(this.sending);
    if (this.unsent) this.send({ type: "focus", id: this.unsent, seq: this.seq });
    this.unsent = null;
  }
}

/** @param {{model: Model<ToBrowser, FromBrowser, {height: number}>, el: HTMLElement}} place */
export function render({ model, el }) {
  const gallery = new Gallery(model, el);
  if (!onPage(model)) gallery.root.style.height = `${model.get("height")}px`; // of `el`, ipywidgets resets it
  return untilRemoved(gallery, model);
}

export default { render };
