import assert from "node:assert/strict";
import { test } from "node:test";
import keep, { squared } from "../../galviz/tools/plots/square.js";

test("a degree is as long in x as in y, and nothing that was shown is lost", () => {
  assert.deepEqual(squared([-1, 1], [-1, 1], 200, 100), [
    [-2, 2],
    [-1, 1],
  ]);
  assert.deepEqual(squared([3, 1], [0, 1], 100, 100), [
    [3, 1],
    [-0.5, 1.5],
  ]);
});

test("a map that is square already stays as it is, and a hidden pane changes nothing", () => {
  const range = (start, end) => ({
    start,
    end,
    setv(ends) {
      Object.assign(this, ends);
    },
  });
  const given = { x_range: range(4, 0), y_range: range(0, 1), plot: { inner_width: 0, inner_height: 0 } };
  keep(given);
  assert.equal(given.y_range.end, 1);
  given.plot = { inner_width: 100, inner_height: 50 };
  keep(given);
  keep(given);
  assert.deepEqual([given.x_range.start, given.x_range.end], [4, 0]);
  assert.deepEqual([given.y_range.start, given.y_range.end], [-0.5, 1.5]);
});
