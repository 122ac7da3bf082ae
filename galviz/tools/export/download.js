// @ts-check
// The browser's part of the export: a file that comes in pieces and is saved, and Python code to copy.

import { button, make } from "../shared.js";

/**
 * @typedef {object} Piece
 * @property {number} number of the transfer; a later one has a larger number
 * @property {string} name of the file
 * @property {number} size of the file, bytes
 * @property {number} at bytes before this piece
 * @property {ArrayBuffer} piece
 *
 * @typedef {{number: number, at: number}} Request for the next piece
 */

/** The pieces of one file. A piece of a new transfer drops those of the one before. */
export class Pieces {
  number = 0;
  received = 0;
  /** @type {Blob[]} */
  blobs = []; // the browser may keep them on disk

  /**
   * @param {Pick<Piece, "number" | "at" | "piece">} next
   * @returns {boolean} whether it was the next piece; any other is left out
   */
  add({ number, at, piece }) {
    if (number > this.number) Object.assign(this, { number, received: 0, blobs: [] });
    if (number !== this.number || at !== this.received) return false;
    this.blobs.push(new Blob([piece]));
    this.received += piece.byteLength;
    return true;
  }

  /** @returns {Blob} the file; after this no piece of it is taken */
  take() {
    const whole = new Blob(this.blobs);
    Object.assign(this, { received: -1, blobs: [] });
    return whole;
  }
}

/**
 * @param {Blob} file
 * @param {string} name
 */
function save(file, name) {
  const link = make("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

/** @param {{model: import("../shared.js").PageModel<Piece, Request> & {script: string, status: string}}} place */
export function render({ model }) {
  const root = make("div");
  const status = make("div", "status", "", { role: "status" });
  const details = make("details", "", "", { open: "" });
  const area = make("textarea", "", "", { rows: 9, spellcheck: "false", "aria-label": "Python for this" });
  area.readOnly = true;
  const copied = make("span", "", "", { role: "status" });
  const copy = async () => {
    let done = true;
    try {
      await navigator.clipboard.writeText(area.value);
    } catch {
      area.select(); // a page that came by plain http has no clipboard
      done = document.execCommand("copy");
    }
    copied.textContent = done ? "Copied." : "Not copied: press Ctrl+C in the text.";
  };
  details.append(make("summary", "", "Python for this"), area, button("Copy", copy), " ", copied);
  root.append(status, details);
  const show = () => {
    status.textContent = model.status;
    if (area.value !== model.script) copied.textContent = "";
    area.value = model.script;
  };
  const pieces = new Pieces();
  model.on("msg:custom", (next) => {
    if (!pieces.add(next)) return;
    model.send_msg({ number: next.number, at: pieces.received });
    if (pieces.received >= next.size) save(pieces.take(), next.name);
  });
  model.on("script", show);
  model.on("status", show);
  show();
  return root;
}

export default { render };
