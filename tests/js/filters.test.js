import assert from "node:assert/strict";
import { test } from "node:test";
import {
  builtFrom,
  countsText,
  found,
  heightOf,
  keyMove,
  moved,
  opened,
  partOf,
  rounded,
  typedEnd,
  valueAt,
} from "../../galviz/tools/filters/client.js";

const EDGES = [0, 2];

test("a value has as many digits as the histogram can tell apart", () => {
  assert.equal(rounded(0.123456, EDGES), 0.12);
  assert.equal(rounded(12345.678, [0, 50_000]), 12346);
  assert.equal(rounded(1.23456e-7, [0, 1e-6]), 1.23e-7);
  assert.equal(rounded(1.23456e-17, [0, 1e-16]), 1.23e-17);
  assert.equal(valueAt(0.25, EDGES), 0.5);
  assert.equal(valueAt(-3, EDGES), 0);
  assert.equal(partOf(5, EDGES), 1);
});

test("an edge is itself, so that the objects on it stay", () => {
  const edges = [0.1264, 1.9876];
  assert.deepEqual([valueAt(0, edges), valueAt(1, edges)], edges);
  assert.deepEqual(moved([0.5, 1], "low", -1, edges), [null, 1]);
  assert.deepEqual(moved([0.5, 1], "both", 1, edges), [1.488, null]);
});

test("an end that was typed outside the histogram stays while the other moves", () => {
  assert.deepEqual(moved([-1, 1], "high", 0.1, EDGES), [-1, 1.2]);
  assert.deepEqual(moved([0.5, 3], "low", 0.1, EDGES), [0.7, 3]);
  assert.deepEqual(moved([-1, 1], "both", 0.1, EDGES), [-1, 1.2]);
  assert.deepEqual(moved([0.5, 3], "both", 0.1, EDGES), [0.7, 3]);
});

test("a section is rebuilt for other values, or where a list becomes a histogram", () => {
  const column = (/** @type {object} */ more) => ({ unit: "", edges: [], values: [{ text: "a" }], ...more });
  assert.equal(builtFrom(column({ left: [1] })), builtFrom(column({})));
  assert.notEqual(builtFrom(column({ values: [{ text: "b" }] })), builtFrom(column({})));
  assert.notEqual(builtFrom(column({ edges: [0, 1] })), builtFrom(column({})));
});

test("an end that reaches the edge is open, and ends stand in order", () => {
  assert.deepEqual(opened([1.5, 0.5], EDGES), [0.5, 1.5]);
  assert.deepEqual(opened([0, 1], EDGES), [null, 1]);
  assert.deepEqual(opened([0.5, 2], EDGES), [0.5, null]);
  assert.deepEqual(opened([-1, 3], EDGES), [null, null]);
});

test("one end is moved and never beyond the other; the whole keeps its width", () => {
  assert.deepEqual(moved([0.5, 1], "low", 0.1, EDGES), [0.7, 1]);
  assert.deepEqual(moved([0.5, 1], "low", 0.9, EDGES), [1, 1]);
  assert.deepEqual(moved([0.5, 1], "high", 1, EDGES), [0.5, null]);
  assert.deepEqual(moved([0.5, 1], "both", 0.1, EDGES), [0.7, 1.2]);
  assert.deepEqual(moved([0.5, 1], "both", 5, EDGES), [1.5, null]);
  assert.deepEqual(moved([null, null], "low", 0.5, EDGES), [1, null]); // from the edge, where an open end stands
});

test("keys move by a step, ten, or to the edge", () => {
  assert.equal(keyMove("ArrowRight", false), 0.005);
  assert.equal(keyMove("ArrowDown", true), -0.05);
  assert.equal(keyMove("Home", false), -1);
  assert.equal(keyMove("x", false), undefined);
});

test("one object among a million has a bar, none has none", () => {
  assert.equal(heightOf(1_000_000, 1_000_000), 1);
  assert.equal(heightOf(1, 1_000_000), 0.05);
  assert.equal(heightOf(250_000, 1_000_000), 0.5);
  assert.equal(heightOf(0, 10), 0);
  assert.equal(heightOf(0, 0), 0);
});

test("counts say what is selected; a filter that nothing passes says so", () => {
  assert.equal(countsText({ total: 1500, selected: 0, active: false }), "1,500 objects");
  assert.equal(countsText({ total: 1500, selected: 0, active: true }), "0 of 1,500 objects selected");
  assert.equal(countsText({ total: 1500, selected: 2, active: false }), "2 of 1,500 objects selected");
});

test("columns that begin with what is typed come first", () => {
  assert.deepEqual(found(["mag_z", "z", "Z_spec", "ra"], " z"), ["z", "Z_spec", "mag_z"]);
});

test("an end typed beyond the other opens the other, and neither moves to the other side", () => {
  assert.deepEqual(typedEnd([0.187, 0.408], 0, 0.5), [0.5, null]);
  assert.deepEqual(typedEnd([0.5, 0.9], 1, 0.2), [null, 0.2]);
  assert.deepEqual(typedEnd([0.187, 0.408], 0, 0.3), [0.3, 0.408]);
  assert.deepEqual(typedEnd([0.187, 0.408], 1, 0.187), [0.187, 0.187]);
  assert.deepEqual(typedEnd([0.187, 0.408], 1, null), [0.187, null]);
  assert.deepEqual(typedEnd([null, null], 0, 0.5), [0.5, null]);
});
