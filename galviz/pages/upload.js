// @ts-check
// A file that goes to the server in pieces: each is sent when Python requests it.

import { button, make } from "../tools/shared.js";

/**
 * @typedef {{number: number, at: number}} Request the next piece of upload `number`; 0: no more, it is done or refused
 * @typedef {{type: "piece", number: number, at: number, piece: ArrayBuffer}} Piece
 * @typedef {{type: "failed", reason: string}} Failed
 * @typedef {{type: "begin", name: string, size: number} | Piece | Failed | {type: "cancel"}} Sent
 *
 * @typedef {object} Fields
 * @property {string} label
 * @property {string} accept
 * @property {string} status
 * @property {number} part of the file that the server has, 0 … 1; less than 0: no upload
 * @property {number} piece bytes
 */

/**
 * @param {Blob} file
 * @param {Request} request
 * @param {number} size bytes of a piece
 * @returns {Promise<Piece | Failed>} the piece; or why there is none: the file was changed or removed meanwhile
 */
export async function pieceOf(file, { number, at }, size) {
  try {
    return { type: "piece", number, at, piece: await file.slice(at, at + size).arrayBuffer() };
  } catch (error) {
    return { type: "failed", reason: error instanceof Error ? error.message : String(error) };
  }
}

/** @param {{model: import("../tools/shared.js").PageModel<Request, Sent> & Fields}} place */
export function render({ model }) {
  const root = make("div");
  const label = make("span");
  const input = make("input", "", "", { type: "file" });
  const field = make("label");
  field.append(label, input);
  const bar = make("progress", "", "", { max: 1 });
  const going = make("div", "going");
  going.append(
    bar,
    button("Cancel", () => model.send_msg({ type: "cancel" })),
  );
  const status = make("div", "status", "", { role: "status" });
  root.append(field, going, status);
  const show = () => {
    label.textContent = model.label;
    input.accept = model.accept;
    going.hidden = model.part < 0;
    bar.value = Math.max(model.part, 0);
    status.textContent = model.status;
  };
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    if (file) model.send_msg({ type: "begin", name: file.name, size: file.size });
  });
  model.on("msg:custom", async (request) => {
    const file = input.files?.[0];
    if (request.number === 0)
      input.value = ""; // the same file can be selected again
    else if (file) model.send_msg(await pieceOf(file, request, model.piece));
  });
  for (const name of ["label", "accept", "status", "part"]) model.on(name, show);
  show();
  return root;
}

export default { render };
