// A gallery that scrolls through any number of objects. Plain JavaScript for Panel (JSComponent) and Jupyter (anywidget).
//
// What it shows it was told: ids, captions and one PNG with all pictures come in the same message, are decoded, and only
// then drawn together. Until then a tile is grey. What it tells back names objects by id. See galviz/gallery.py.

const TALLEST = 8_000_000; // px; browsers stop at 16 to 33 million, beyond this the scroll bar is scaled
const CHUNK = 96; // objects asked for at once: one screen, quickly
const KEPT = 1200; // tiles remembered
const GAP = 10;
const PATIENCE = 8000; // ms until a window is asked for again

const CSS = `
.galviz-gallery { display: flex; flex-direction: column; height: 100%; min-height: 200px; width: 100%;
  color: var(--design-background-text-color, var(--panel-on-background-color, var(--jp-ui-font-color1, inherit)));
  font: 13px/1.35 system-ui, sans-serif; --faint: color-mix(in srgb, currentColor 9%, transparent);
  --line: color-mix(in srgb, currentColor 24%, transparent); --focus: #d55e00; --chosen: #0072b2; }
.galviz-gallery * { box-sizing: border-box; }
.galviz-gallery .bar { display: flex; flex-wrap: wrap; gap: 2px 14px; align-items: baseline; padding: 0 2px 6px; }
.galviz-gallery .bar .keys { display: flex; flex-wrap: wrap; gap: 2px 10px; opacity: .85; }
.galviz-gallery kbd { font: 11px ui-monospace, monospace; border: 1px solid var(--line); border-bottom-width: 2px;
  border-radius: 4px; padding: 0 4px; margin-right: 3px; background: none; color: inherit; }
.galviz-gallery .pointed { margin-left: auto; font: 12px ui-monospace, monospace; min-height: 1.35em; }
.galviz-gallery .alert { color: var(--focus); font-weight: 600; }
.galviz-gallery .view { position: relative; flex: 1 1 0; min-height: 0; overflow: hidden auto; scrollbar-gutter: stable;
  border: 1px solid var(--line); border-radius: 6px; outline: none; overscroll-behavior: contain; }
.galviz-gallery .view:focus-visible { border-color: var(--focus); box-shadow: 0 0 0 1px var(--focus); }
.galviz-gallery .tall { min-height: 100%; }
.galviz-gallery .stage { position: sticky; top: 0; overflow: hidden; contain: strict; }
.galviz-gallery .row { position: absolute; margin: 0; left: 0; right: 0; top: 0; will-change: transform; }
.galviz-gallery .row > .cell { position: absolute; top: 0; margin: 0; padding: 0; max-width: none; border-radius: 6px;
  cursor: pointer; }
.galviz-gallery .picture { position: relative; overflow: hidden; border-radius: 5px; background: var(--faint); }
.galviz-gallery .cell.here .picture { background: repeating-linear-gradient(135deg, #8c8c8c 0 6px, #a3a3a3 6px 8px); }
.galviz-gallery.words .cell.here .picture { background: var(--faint); }
.galviz-gallery canvas { position: absolute; inset: 0; width: 100%; height: 100%; display: block; }
.galviz-gallery .drawn, .galviz-gallery .caption, .galviz-gallery .label { pointer-events: none; }
.galviz-gallery .none { position: absolute; inset: 0; display: grid; place-items: center; color: #111; font-size: 12px; }
.galviz-gallery .caption { padding: 7px 2px 0; white-space: nowrap; overflow: hidden; }
.galviz-gallery .caption div { overflow: hidden; text-overflow: ellipsis; height: 16px; font-size: 11.5px; }
.galviz-gallery .caption .id { font: 11px/16px ui-monospace, monospace; }
.galviz-gallery .caption .line { display: flex; gap: 4px; }
.galviz-gallery .caption .name { opacity: .68; overflow: hidden; text-overflow: ellipsis; }
.galviz-gallery .caption .value { flex: 0 1 auto; min-width: 40%; overflow: hidden; text-overflow: ellipsis;
  font-variant-numeric: tabular-nums; }
.galviz-gallery .cell:not(.here) .caption { visibility: hidden; }
.galviz-gallery .cell:hover .picture { box-shadow: 0 0 0 2px var(--line); }
.galviz-gallery .cell.chosen .picture { box-shadow: 0 0 0 3px var(--chosen); }
.galviz-gallery .mark { position: absolute; top: 5px; left: 5px; width: 20px; height: 20px; border-radius: 50%;
  display: grid; place-items: center; border: 2px solid #fff; background: #0008; color: transparent; opacity: 0;
  font: 700 12px/1 system-ui, sans-serif; }
.galviz-gallery .cell.here:hover .mark { opacity: .9; }
.galviz-gallery .cell.chosen .mark { opacity: 1; background: var(--chosen); color: #fff; }
.galviz-gallery .label { position: absolute; right: 4px; bottom: 4px; max-width: calc(100% - 8px); overflow: hidden;
  text-overflow: ellipsis; padding: 1px 6px; border-radius: 9px; background: #000c; color: #fff; font-size: 11px; }
.galviz-gallery .label:empty { display: none; }
.galviz-gallery .cell.focus .picture { outline: 3px solid var(--focus); outline-offset: 3px; }
.galviz-gallery .cell.focus .id { font-weight: 700; }
.galviz-gallery .words .picture { height: 24px; background: none !important; }
.galviz-gallery .words .label { bottom: 2px; }
.galviz-gallery .empty { position: absolute; inset: 0; display: grid; place-items: center; opacity: .75; }
.galviz-gallery .empty[hidden] { display: none; }
`;

function make(tag, className = "", attributes = {}) {
  const element = document.createElement(tag);
  element.className = className;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
const plain = (value) => (value instanceof Map ? Object.fromEntries(value) : (value ?? {}));

class Gallery {
  constructor(model, el) {
    this.client = Math.random().toString(36).slice(2); // two views of one model number their requests apart
    this.state = { version: -1, look: -1, marks: -1, count: 0, total: 0, chosen: 0, tile: 112, lines: 0, aspect: 0 };
    this.records = new Map(); // position -> what one message said about the object there
    this.rows = new Map(); // row -> its elements
    this.queue = []; // keys not yet obeyed
    Object.assign(this, { seq: 0, waiting: 0, request: 0, asked: null, place: -1, id: null, untold: null });
    Object.assign(this, { top: 0, expected: 0 }); // px of the whole, and where the scroll bar stands for it
    this.build(el);
    this.panel = typeof model.send_msg === "function";
    this.heard = (content, buffers) => this.receive(content, buffers?.[0] ?? content.png);
    model.on("msg:custom", this.heard);
    this.model = model;
    this.watch = new ResizeObserver(() => this.layout());
    this.watch.observe(this.view);
    this.send({ type: "hello" });
  }

  build(el) {
    this.root = make("div", "galviz-gallery");
    this.root.dataset.lmSuppressShortcuts = "true"; // keys are ours, not JupyterLab's
    const style = make("style");
    style.textContent = CSS;
    const bar = make("div", "bar");
    this.counts = make("span", "counts", { role: "status" });
    this.hints = make("span", "keys");
    this.alert = make("span", "alert", { role: "alert" });
    this.pointed = make("span", "pointed");
    bar.append(this.counts, this.hints, this.alert, this.pointed);
    const grid = { role: "grid", tabindex: "0", "aria-label": "Gallery", "aria-multiselectable": "true" };
    this.view = make("div", "view", grid);
    this.tall = make("div", "tall", { role: "presentation" });
    this.stage = make("div", "stage", { role: "rowgroup" });
    this.empty = make("div", "empty");
    this.empty.textContent = "No object matches.";
    this.empty.hidden = true;
    this.tall.append(this.stage);
    this.view.append(this.tall, this.empty);
    this.root.append(style, bar, this.view);
    el.replaceChildren(this.root);
    this.view.addEventListener("scroll", () => this.scrolled());
    this.view.addEventListener("keydown", (event) => this.key(event));
    this.view.addEventListener("click", (event) => this.click(event));
    this.view.addEventListener("pointermove", (event) => this.point([event.clientX, event.clientY]));
    this.view.addEventListener("pointerleave", () => this.point(null));
  }

  close() {
    this.model.off("msg:custom", this.heard);
    this.watch.disconnect();
    clearTimeout(this.idle);
    clearTimeout(this.telling);
    clearTimeout(this.asked?.timer);
    this.closed = true;
  }

  send(message) {
    const full = { client: this.client, ...message };
    if (this.panel) this.model.send_msg(full);
    else this.model.send(full);
  }

  act(message) {
    this.tell(); // in the order in which it was done
    this.seq += 1;
    this.send({ ...message, seq: this.seq });
  }

  // ---- what comes

  receive(content, png) {
    if (content.type === "state") this.changed(content);
    else if (content.type === "window" && content.client === this.client) this.fill(content, png);
  }

  changed(state) {
    const old = this.state;
    this.state = state;
    const current = (plain(state.heard)[this.client] ?? 0) >= this.seq;
    const moved = state.version !== old.version;
    if (moved) {
      this.records.clear();
      this.top = 0;
      this.seq = plain(state.heard)[this.client] ?? 0;
    }
    if (moved || current) {
      const far = state.focus !== this.id || state.place !== this.place;
      [this.id, this.place] = [state.place < 0 ? null : state.focus, state.place];
      this.goal = far || moved;
    }
    this.say();
    this.layout(moved);
    if (this.goal && this.place >= 0) this.reveal(this.place);
    this.goal = false;
    this.drain();
  }

  async fill(content, png) {
    if (this.asked?.request !== content.request) return;
    clearTimeout(this.asked.timer);
    let bitmap = null;
    this.alert.textContent = content.error ?? "";
    try {
      if (png) bitmap = await createImageBitmap(new Blob([png], { type: "image/png" }));
    } catch {
      this.alert.textContent = "A contact sheet could not be read.";
    }
    if (this.closed) return;
    this.asked = null;
    if (content.version === this.state.version) {
      content.tiles.forEach((tile, k) => this.remember(content.first + k, plain(tile), content, bitmap));
      this.forget();
    }
    bitmap?.close();
    this.draw();
    this.drain();
  }

  remember(position, tile, content, bitmap) {
    const before = this.records.get(position);
    const record = { ...tile, marks: content.marks, look: content.look, canvas: null };
    if (!content.pictures) {
      if (before?.id !== tile.id) return; // marks for an object whose picture has not come
      record.look = before.look;
      record.canvas = before.canvas;
    } else if (bitmap && tile.cell >= 0) {
      const { columns, width, height } = plain(content.sheet);
      record.canvas = make("canvas", "", { "aria-hidden": "true" });
      Object.assign(record.canvas, { width, height });
      const [x, y] = [(tile.cell % columns) * width, Math.floor(tile.cell / columns) * height];
      record.canvas.getContext("2d").drawImage(bitmap, x, y, width, height, 0, 0, width, height);
    }
    this.records.set(position, record);
    if (position === this.place && this.id === null) this.focus(position);
  }

  forget() {
    const [a, b] = this.range(0);
    const far = (position) => Math.max(a - position, position - b);
    if (this.records.size <= KEPT) return;
    const farthest = [...this.records.keys()].sort((p, q) => far(q) - far(p));
    for (const position of farthest.slice(0, this.records.size - KEPT / 2)) this.records.delete(position);
  }

  // ---- where things are

  layout(reset = false) {
    const { count, tile, lines, aspect } = this.state;
    const width = this.stage.clientWidth || this.view.clientWidth;
    const height = this.view.clientHeight;
    if (!width || !height) return;
    const anchor = reset ? 0 : Math.floor(this.top / (this.pitch || 1)) * (this.columns || 1);
    const wanted = aspect ? tile : Math.max(tile, 150);
    this.columns = Math.max(1, Math.floor((width - GAP) / (wanted + GAP)));
    this.size = Math.floor((width - GAP) / this.columns) - GAP;
    this.tallness = aspect ? Math.round(this.size * aspect) : 24;
    const pitch = this.tallness + 16 * (lines + 1) + 8 + GAP;
    const same = !reset && this.shape === `${this.columns} ${this.size} ${pitch} ${lines}`;
    this.shape = `${this.columns} ${this.size} ${pitch} ${lines}`;
    this.pitch = pitch;
    this.whole = Math.ceil(count / this.columns) * pitch + GAP;
    this.physical = Math.min(this.whole, TALLEST);
    this.tall.style.height = `${this.physical}px`;
    this.stage.style.height = `${height}px`;
    this.view.setAttribute("aria-rowcount", Math.ceil(count / this.columns));
    this.view.setAttribute("aria-colcount", this.columns);
    this.root.classList.toggle("words", !aspect);
    this.empty.hidden = count > 0 || this.state.version < 0;
    if (!same) {
      for (const { element } of this.rows.values()) element.remove();
      this.rows.clear();
      if (!reset && anchor) this.top = Math.floor(anchor / this.columns) * pitch;
    }
    if (same) this.settle();
    else this.go(this.top);
  }

  get reach() {
    return Math.max(0, this.whole - this.view.clientHeight);
  }

  go(top) {
    this.top = clamp(top, 0, this.reach);
    const room = Math.max(0, this.physical - this.view.clientHeight);
    const wanted = this.reach ? (this.top * room) / this.reach : 0;
    if (Math.abs(this.view.scrollTop - wanted) >= 1) this.view.scrollTop = wanted;
    this.expected = this.view.scrollTop;
    this.draw();
  }

  settle() {
    // put the scroll bar where it belongs, unless it was moved and that has yet to be heard
    if (Math.abs(this.view.scrollTop - this.expected) >= 0.5) this.scrolled();
    else this.go(this.top);
  }

  scrolled() {
    const y = this.view.scrollTop;
    const moved = y - this.expected;
    if (Math.abs(moved) < 0.5) return;
    const room = Math.max(1, this.physical - this.view.clientHeight);
    const scaled = this.physical < this.whole;
    const byHand = scaled && Math.abs(moved) < 2 * this.view.clientHeight; // a wheel: pixel by pixel; the bar: afar
    this.top = clamp(byHand ? this.top + moved : (y * this.reach) / room, 0, this.reach);
    this.expected = y;
    clearTimeout(this.idle);
    if (scaled) {
      const stuck = (y <= 0 && this.top > 0) || (y >= room - 1 && this.top < this.reach);
      if (stuck) this.go(this.top);
      else this.idle = setTimeout(() => this.settle(), 250);
    }
    this.draw();
  }

  range(margin) {
    const first = Math.floor((this.top - margin) / this.pitch);
    const last = Math.ceil((this.top + this.view.clientHeight + margin) / this.pitch);
    const inside = (row) => clamp(row * this.columns, 0, this.state.count);
    return [inside(first), inside(last)];
  }

  reveal(position) {
    const [y, height] = [Math.floor(position / this.columns) * this.pitch, this.view.clientHeight];
    if (y < this.top - height || y > this.top + 2 * height) this.go(y - (height - this.pitch) / 2);
    else if (y < this.top) this.go(y);
    else if (y + this.pitch + GAP > this.top + height) this.go(y + this.pitch + GAP - height);
    else this.draw();
  }

  // ---- what is asked for

  missing([a, b], test) {
    let [first, last] = [-1, -1];
    for (let p = a; p < b; p += 1) {
      if (!test(this.records.get(p))) continue;
      if (first < 0) first = p;
      last = p;
    }
    return first < 0 ? null : [first, Math.min(last + 1 - first, CHUNK)];
  }

  ask() {
    if (this.asked || this.state.version < 0 || !this.pitch || this.closed) return;
    const height = this.view.clientHeight;
    const undrawn = (record) => !record || record.look !== this.state.look;
    let pictures = true;
    let wanted = this.missing(this.range(0), undrawn);
    if (!wanted && this.place >= 0 && this.id === null) wanted = this.missing([this.place, this.place + 1], undrawn);
    if (!wanted) {
      wanted = this.missing(this.range(0), (record) => record.marks !== this.state.marks);
      pictures = !wanted;
    }
    wanted ??= this.missing(this.range(height), undrawn);
    if (!wanted) return;
    const [first, count] = wanted;
    this.request += 1;
    const request = this.request;
    const again = () => {
      if (this.asked?.request === request) {
        this.asked = null;
        this.ask();
      }
    };
    this.asked = { request, timer: setTimeout(again, PATIENCE) };
    const side = Math.round(this.size * Math.min(2, window.devicePixelRatio || 1));
    this.send({ type: "window", request, version: this.state.version, first, count, side, pictures });
  }

  // ---- what is drawn

  draw() {
    if (!this.pitch || this.closed) return;
    const [a, b] = this.range(this.pitch);
    const [first, last] = [Math.floor(a / this.columns), Math.ceil(b / this.columns)];
    for (const [row, { element }] of this.rows) {
      if (row < first || row >= last) {
        element.remove();
        this.rows.delete(row);
      }
    }
    for (let row = first; row < last; row += 1) {
      if (!this.rows.has(row)) this.rows.set(row, this.makeRow(row));
      const { element, cells } = this.rows.get(row);
      element.style.transform = `translateY(${Math.round(row * this.pitch - this.top + GAP)}px)`;
      cells.forEach((cell, k) => this.dress(cell, row * this.columns + k));
    }
    const focused = this.rows.get(Math.floor(this.place / this.columns))?.cells[this.place % this.columns];
    if (this.place >= 0 && focused) this.view.setAttribute("aria-activedescendant", focused.id);
    else this.view.removeAttribute("aria-activedescendant");
    if (this.at) this.point(this.at);
    this.ask();
  }

  makeRow(row) {
    const element = make("div", "row", { role: "row", "aria-rowindex": row + 1 });
    const cells = [];
    for (let k = 0; k < this.columns && row * this.columns + k < this.state.count; k += 1) {
      const cell = make("div", "cell", { role: "gridcell", "aria-colindex": k + 1 });
      cell.id = `g${this.client}-${row * this.columns + k}`;
      Object.assign(cell.style, { left: `${GAP + k * (this.size + GAP)}px`, width: `${this.size}px` });
      const picture = make("div", "picture");
      picture.style.height = `${this.tallness}px`;
      const mark = Object.assign(make("div", "mark"), { textContent: "✓", title: "Choose (space)" });
      picture.append(make("div", "drawn"), mark, make("div", "label"));
      cell.append(picture, make("div", "caption"));
      cells.push(cell);
    }
    element.append(...cells);
    this.stage.append(element);
    return { element, cells };
  }

  dress(cell, position) {
    const record = this.records.get(position) ?? null;
    if (cell.record !== record) {
      cell.record = record;
      cell.position = position;
      this.paint(cell, record, position);
    }
    cell.classList.toggle("focus", position === this.place);
  }

  paint(cell, record, position) {
    const [picture, caption] = cell.children; // what can be pointed at stays: else a click between two states is lost
    const [drawn, , label] = picture.children;
    drawn.replaceChildren(...this.drawn(record));
    label.textContent = record?.label ?? "";
    caption.replaceChildren(...this.lines(record));
    cell.classList.toggle("here", record !== null);
    cell.classList.toggle("chosen", record?.chosen === true);
    cell.setAttribute("aria-selected", record?.chosen === true);
    if (record === null) {
      delete cell.dataset.id;
      cell.title = "";
      cell.setAttribute("aria-label", `object ${position + 1} of ${this.state.count}, on its way`);
      return;
    }
    cell.dataset.id = record.id;
    const words = record.lines.map(([name, value]) => `${name} ${value}`);
    cell.title = [record.id, ...words, ...(record.label ? [`label ${record.label}`] : [])].join("\n");
    cell.setAttribute("aria-label", [record.id, record.label, ...words].filter(Boolean).join(", "));
  }

  drawn(record) {
    if (record?.canvas) return [record.canvas];
    return record && this.state.aspect ? [Object.assign(make("div", "none"), { textContent: "no image" })] : [];
  }

  lines(record) {
    if (!record) return [];
    const lines = record.lines.map(([name, value]) => {
      const line = make("div", "line");
      const shown = [Object.assign(make("span", "name"), { textContent: name }), make("span", "value")];
      shown[1].textContent = value;
      line.append(...shown);
      return line;
    });
    return [Object.assign(make("div", "id"), { textContent: this.short(record.id) }), ...lines];
  }

  short(id) {
    const room = Math.floor((this.size - 4) / 6.7); // long ids differ in their last digits
    return id.length <= room ? id : `…${id.slice(1 - room)}`;
  }

  say() {
    const { count, total, chosen } = this.state;
    const n = (value) => value.toLocaleString("en-US");
    this.counts.textContent = `${count === total ? n(total) : `${n(count)} of ${n(total)}`} objects · ${n(chosen)} selected`;
    const keys = Object.entries(plain(this.state.keys));
    this.view.setAttribute("aria-label", `Gallery, ${this.counts.textContent}`);
    if (this.hints.dataset.keys === JSON.stringify(keys)) return;
    this.hints.dataset.keys = JSON.stringify(keys);
    const shown = keys.length ? [...keys, ["u", "undo"]] : [];
    this.hints.replaceChildren(
      ...shown.map(([key, label]) => {
        const hint = make("span");
        hint.append(Object.assign(make("kbd"), { textContent: key }), label);
        return hint;
      }),
    );
  }

  // ---- what the visitor does

  // What lies under the pointer changes when it moves, and when tiles move or change below it.
  point(at) {
    this.at = at;
    const cell =
      at &&
      this.view
        .getRootNode()
        .elementFromPoint(...at)
        ?.closest(".cell");
    this.pointed.textContent = cell?.record?.id ?? "";
  }

  click(event) {
    const cell = event.target.closest?.(".cell");
    if (!cell) return;
    const toggles = event.shiftKey || event.ctrlKey || event.metaKey || event.target.closest(".mark");
    if (!toggles) this.focus(cell.position);
    else if (cell.record) this.act({ type: "toggle", id: cell.record.id });
    this.draw();
  }

  key(event) {
    if (event.altKey || event.metaKey || event.ctrlKey) return;
    const page = Math.max(1, Math.floor(this.view.clientHeight / this.pitch)) * this.columns;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns };
    const moves = { ...steps, PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity };
    const label = plain(this.state.keys)[event.key];
    let action = null;
    if (event.key in moves) action = { move: moves[event.key] };
    else if (event.repeat)
      action = null; // a key held down labels one object, not all that follow
    else if (label !== undefined) action = { label };
    else if (event.key === "u") action = { undo: true };
    else if (event.key === " ") action = { toggle: true };
    if (action === null) return;
    event.preventDefault();
    this.queue.push(action);
    this.drain();
  }

  drain() {
    while (this.queue.length && !this.closed) {
      const action = this.queue[0];
      if ((plain(this.state.heard)[this.client] ?? 0) < this.waiting) return; // an undo moves the focus
      if ((action.label || action.toggle) && this.place >= 0 && this.id === null) {
        this.ask(); // no object is labelled before it is seen: this goes on when its tile has come
        return;
      }
      this.queue.shift();
      this.obey(action);
    }
  }

  obey(action) {
    const last = this.state.count - 1;
    if (action.move !== undefined) {
      if (last < 0) return;
      if (this.place < 0 && Number.isFinite(action.move)) return this.step(this.range(0)[0]);
      const to = this.place + action.move;
      const stays = Math.abs(action.move) === this.columns && (to < 0 || to > last);
      if (!stays) this.step(to);
    } else if (action.undo) {
      this.act({ type: "undo" });
      this.waiting = this.seq;
    } else if (this.place >= 0) {
      if (action.toggle) this.act({ type: "toggle", id: this.id });
      else {
        this.act({ type: "label", id: this.id, label: action.label });
        this.step(Math.min(this.place + 1, last));
      }
    }
  }

  step(position) {
    this.focus(clamp(position, 0, this.state.count - 1));
    this.reveal(this.place);
  }

  focus(position) {
    this.place = position;
    this.id = this.records.get(position)?.id ?? null;
    this.seq += 1;
    this.untold = this.id; // null: told when the tile has come
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.tell(), 30);
  }

  tell() {
    clearTimeout(this.telling);
    if (this.untold) this.send({ type: "focus", id: this.untold, seq: this.seq });
    this.untold = null;
  }
}

export function render({ model, el }) {
  if (typeof model.send_msg !== "function") el.style.height = `${model.get("height")}px`;
  const gallery = new Gallery(model, el);
  if (gallery.panel) model.on("lifecycle:remove", () => gallery.close());
  return () => gallery.close();
}

export default { render };
