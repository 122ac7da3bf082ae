import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bytes,
  clamp,
  clientName,
  isTyping,
  listen,
  number,
  onPage,
  send,
  untilRemoved,
} from "../../galviz/tools/shared.js";

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

test("a view greets Python again until the state comes, and not after it was closed", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const [sent, listeners] = [[], new Map()];
  const model = {
    send: (message) => sent.push(message),
    on: (name, listener) => listeners.set(name, listener),
    off: (name) => listeners.delete(name),
  };
  const heard = [];
  const unlisten = listen(model, (content) => heard.push(content.type), { type: "hello", client: "a" });
  assert.deepEqual(sent, [{ type: "hello", client: "a" }]);
  context.mock.timers.tick(1000); // the first was lost
  assert.equal(sent.length, 2);
  listeners.get("msg:custom")({ type: "window", client: "b" }); // another view's answer
  context.mock.timers.tick(2000);
  assert.equal(sent.length, 3);
  listeners.get("msg:custom")({ type: "state" });
  context.mock.timers.tick(100_000);
  assert.equal(sent.length, 3);
  assert.deepEqual(heard, ["window", "state"]);
  unlisten();
  assert.equal(listeners.size, 0);

  listen(model, () => {}, { type: "hello" })();
  context.mock.timers.tick(100_000);
  assert.equal(sent.length, 4);
  listen(model, () => {}, { type: "hello" }); // nobody ever answers: not for ever
  for (let second = 0; second < 1000; second += 1) context.mock.timers.tick(1000);
  assert.equal(sent.length, 4 + 12);
});

test("who types into a field, also one of another component, gives no command by a key", (context) => {
  class Element {
    constructor(tagName, isContentEditable = false) {
      Object.assign(this, { tagName, isContentEditable });
    }
  }
  globalThis.HTMLElement = Element;
  context.after(() => delete globalThis.HTMLElement);
  const typing = (...path) => isTyping({ composedPath: () => [...path, {}] }); // it ends at the window
  assert.ok(!typing(new Element("BUTTON"), new Element("DIV")));
  for (const tag of ["INPUT", "TEXTAREA", "SELECT"]) assert.ok(typing(new Element(tag), new Element("DIV")));
  assert.ok(typing(new Element("P"), new Element("DIV", true)));
});
