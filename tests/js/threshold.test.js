import assert from "node:assert/strict";
import { test } from "node:test";
import { countAxis, isLogarithmic, tickText, valueAtX, xOf } from "../../galviz/tools/threshold/client.js";

test("a linear axis begins at 0 and leaves a twentieth above the highest bar", () => {
  const { ticks, part } = countAxis(200, false);
  assert.deepEqual(ticks, [0, 100, 200]);
  assert.equal(part(0), 0);
  assert.ok(Math.abs(part(105) - 0.5) < 1e-12);
});

test("a linear axis of a single object has no tick twice", () => {
  assert.deepEqual(countAxis(1, false).ticks, [0, 1]);
});

test("small numbers are on a linear axis, unless another one is chosen", () => {
  assert.deepEqual([isLogarithmic(100, null), isLogarithmic(101, null)], [false, true]);
  assert.deepEqual([isLogarithmic(9, true), isLogarithmic(9999, false)], [true, false]);
});

test("a logarithmic axis has a tick for every power of ten, and a bar for a single object", () => {
  const { ticks, part } = countAxis(1234, true);
  assert.deepEqual(ticks, [1, 10, 100, 1000]);
  assert.equal(part(0), 0);
  assert.ok(part(1) > 0);
  assert.ok(Math.abs(part(1234 * 1.5) - 1) < 1e-12);
  assert.ok(Math.abs(part(100) - part(10) - (part(1000) - part(100))) < 1e-12);
  assert.deepEqual(countAxis(1, true).ticks, [1]);
});

test("ticks of ten thousand and more are powers", () => {
  assert.deepEqual([0, 500, 9999, 10000, 200000].map(tickText), ["0", "500", "9999", "1e4", "2e5"]);
});

test("the line lies where the pointer put it, in thousandths, within 0 and 1", () => {
  const width = 470; // 400 px of it between 0 and 1
  assert.deepEqual([xOf(0, width), xOf(0.5, width), xOf(1, width)], [58, 258, 458]);
  for (const value of [0, 0.123, 0.5, 1]) assert.equal(valueAtX(xOf(value, width), width), value);
  assert.deepEqual([valueAtX(-20, width), valueAtX(9999, width)], [0, 1]);
});
