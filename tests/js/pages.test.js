import assert from "node:assert/strict";
import { test } from "node:test";
import { gridStyle, movedBar } from "../../galviz/pages/panes.js";
import { tabOf, titleOf } from "../../galviz/pages/tabs.js";
import { pieceOf } from "../../galviz/pages/upload.js";
import { Pieces } from "../../galviz/tools/export/download.js";

const bytes = (...values) => Uint8Array.from(values).buffer;

test("keys open the next tab, and the last one stays open at the end", () => {
  const keys = ["ArrowRight", "ArrowLeft", "Home", "End", "a", "constructor"];
  assert.deepEqual(
    keys.map((key) => tabOf(key, 1, 4)),
    [2, 0, 0, 3, undefined, undefined],
  );
  assert.deepEqual([tabOf("ArrowRight", 3, 4), tabOf("ArrowLeft", 0, 4)], [3, 0]);
});

test("a tab begins with a capital letter", () => {
  assert.deepEqual([titleOf("occlusion"), titleOf("zoo votes"), titleOf("")], ["Occlusion", "Zoo votes", ""]);
});

test("a requested piece begins where the last one ended, and the last is as long as what is left", async () => {
  const file = new Blob([bytes(1, 2, 3, 4, 5)]);
  const { piece, ...rest } = await pieceOf(file, { number: 7, at: 3 }, 3);
  assert.deepEqual(rest, { type: "piece", number: 7, at: 3 });
  assert.deepEqual([...new Uint8Array(piece)], [4, 5]);
  const middle = await pieceOf(file, { number: 7, at: 1 }, 2);
  assert.deepEqual([...new Uint8Array(middle.piece)], [2, 3]);
});

test("a file that cannot be read any more is a failed upload with the reason", async () => {
  const gone = { slice: () => ({ arrayBuffer: () => Promise.reject(new Error("The file was removed.")) }) };
  assert.deepEqual(await pieceOf(gone, { number: 1, at: 0 }, 3), { type: "failed", reason: "The file was removed." });
});

test("a download is its pieces in their order; what comes twice or too late is left out", async () => {
  const pieces = new Pieces();
  assert.ok(pieces.add({ number: 1, at: 0, piece: bytes(9) }));
  assert.ok(pieces.add({ number: 2, at: 0, piece: bytes(1, 2) })); // a new file
  assert.ok(!pieces.add({ number: 1, at: 1, piece: bytes(9) }));
  assert.ok(!pieces.add({ number: 2, at: 0, piece: bytes(1, 2) }));
  assert.ok(!pieces.add({ number: 2, at: 3, piece: bytes(4) }));
  assert.ok(pieces.add({ number: 2, at: 2, piece: bytes(3) }));
  assert.equal(pieces.received, 3);
  assert.deepEqual([...new Uint8Array(await pieces.take().arrayBuffer())], [1, 2, 3]);
  assert.ok(!pieces.add({ number: 2, at: 0, piece: bytes(1) })); // it is saved
  assert.ok(pieces.add({ number: 3, at: 0, piece: bytes(1) }));
});

test("areas share the place: two above and one below, with bars between them", () => {
  const three = gridStyle(3, 0.4, 0.7);
  assert.equal(three.columns, "minmax(0, 0.4fr) 8px minmax(0, 0.6fr)");
  assert.equal(three.rows, "minmax(0, 0.7fr) 8px minmax(0, 0.3fr)");
  assert.equal(three.areas, '"a0 v a1" "h h h" "a2 a2 a2"');
  const two = gridStyle(2, 0.4, 0.7);
  assert.deepEqual([two.columns, two.areas], [three.columns, '"a0 v a1"']);
  assert.equal(gridStyle(1, 0.4, 0.7).areas, '"a0"');
});

test("keys move a bar by steps, and leave something on each side", () => {
  const keys = ["ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown", "Home", "End", "a", "constructor"];
  assert.deepEqual(
    keys.map((key) => movedBar(key, 0.5)),
    [0.48, 0.48, 0.52, 0.52, 0.15, 0.85, undefined, undefined],
  );
  assert.deepEqual([movedBar("ArrowLeft", 0.16), movedBar("ArrowRight", 0.84)], [0.15, 0.85]);
});
