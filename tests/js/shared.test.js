import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, clamp, clientName, number, onPage, send, untilRemoved } from "../../galviz/tools/shared.js";

test("a number has four digits, and a power of ten where it is very small or very large", () => {
  const expected = {
    0: "0",
    1.23456: "1.235",
    "-0.001": "-0.001",
    0.00099: "9.90e-4",
    99999: "100000",
    1e5: "1.00e+5",
  };
  for (const [value, text] of Object.entries(expected)) assert.equal(number(Number(value)), text);
  assert.equal(number(12.5), "12.5"); // no zeros at the end
});

test("clamp keeps a number within its limits, 0 and 1 by default", () => {
  assert.deepEqual(
    [-1, 0.25, 7].map((value) => clamp(value)),
    [0, 0.25, 1],
  );
  assert.equal(clamp(7, 2, 5), 5);
  assert.equal(clamp(0, 0, -1), 0); // of nothing, the first
});

test("bytes begin at the first that was sent, wherever they lie", () => {
  const buffer = new Uint8Array([9, 1, 2, 3, 9]).buffer;
  assert.deepEqual([...new Uint8Array(bytes(new DataView(buffer, 1, 3)))], [1, 2, 3]);
  assert.equal(bytes(buffer), buffer);
});

test("messages go out by Panel's way on a page, and by anywidget's in a notebook", () => {
  const sent = [];
  const widget = { send: (message) => sent.push(["widget", message.type]) };
  const page = { ...widget, send_msg: (message) => sent.push(["page", message.type]) };
  assert.deepEqual([onPage(page), onPage(widget)], [true, false]);
  send(page, { type: "a" });
  send(widget, { type: "b" });
  assert.deepEqual(sent, [
    ["page", "a"],
    ["widget", "b"],
  ]);
});

test("a view is closed when Panel removes it, and when anywidget asks", () => {
  let closed = 0;
  const view = {
    close: () => {
      closed += 1;
    },
  };
  const events = new Map();
  const page = { send_msg() {}, on: (name, listener) => events.set(name, listener) };
  untilRemoved(view, page)();
  events.get("lifecycle:remove")();
  untilRemoved(view, {})();
  assert.equal(closed, 3);
});

test("two views have two names", () => {
  assert.notEqual(clientName(), clientName());
});
