import assert from "node:assert/strict";
import { test } from "node:test";
import { colourAt, interval, roundTicks, score, shifted, tilted } from "../../galviz/tools/diagram/client.js";

const LINE = { slope: -0.03, intercept: 1.6, scatter: 0.06, pivot: 17 };

test("ticks are round and within the axis", () => {
  assert.deepEqual(roundTicks(13.7, 20.2, 4), [14, 16, 18, 20]);
  assert.deepEqual(roundTicks(-0.2, 1.1, 6), [0, 0.5, 1]);
});

test("a shift moves the whole line", () => {
  const moved = shifted(LINE, 0.1);
  for (const magnitude of [14, 17, 20])
    assert.ok(Math.abs(colourAt(moved, magnitude) - colourAt(LINE, magnitude) - 0.1) < 1e-12);
});

test("a tilt keeps one end", () => {
  const moved = tilted(LINE, 20, 14, 1.9);
  assert.ok(Math.abs(colourAt(moved, 20) - colourAt(LINE, 20)) < 1e-12);
  assert.ok(Math.abs(colourAt(moved, 14) - 1.9) < 1e-12);
});

test("scores and intervals as text", () => {
  assert.equal(score(0.84), "0.840");
  assert.equal(score(null), "–");
  assert.equal(interval([0.8, 0.9]), "0.80–0.90");
  assert.equal(interval([null, null]), "");
  assert.equal(interval(undefined), "");
});
