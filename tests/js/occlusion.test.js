import assert from "node:assert/strict";
import { test } from "node:test";
import { colourOf, insideImage, nearestPlace, zoomed } from "../../galviz/tools/occlusion/client.js";

const WHOLE = [0, 0, 64, 32];

test("what is under the pointer stays there when it comes closer", () => {
  assert.deepEqual(zoomed(WHOLE, 2, [32, 16], 64, 32), [16, 8, 32, 16]);
  assert.deepEqual(zoomed(WHOLE, 2, [0, 0], 64, 32), [0, 0, 32, 16]);
  const [x, y, w, h] = zoomed(WHOLE, 1.25, [40, 8], 64, 32);
  assert.ok(Math.abs((40 - x) / w - 40 / 64) < 1e-12 && Math.abs((8 - y) / h - 8 / 32) < 1e-12);
});

test("it goes no farther out than the image, and no closer than a twentieth", () => {
  assert.deepEqual(zoomed([16, 8, 32, 16], 0.1, [32, 16], 64, 32), WHOLE);
  assert.deepEqual(zoomed([60, 30, 4, 2], 0, [61, 31], 64, 32), WHOLE); // 0: the whole image
  assert.equal(zoomed(WHOLE, 1000, [32, 16], 64, 32)[2], 64 / 20);
});

test("a part that is moved stays in the image", () => {
  assert.deepEqual(insideImage([-5, 50, 32, 16], 64, 32), [0, 16, 32, 16]);
  assert.deepEqual(insideImage([10, 4, 32, 16], 64, 32), [10, 4, 32, 16]);
});

test("the occluder is the nearest that has been tried, its rows counted from the bottom", () => {
  const answer = { tops: [0, 0, 12, 12], lefts: [0, 12, 0, 12], patch: 4, outputs: [1, 2, 3, NaN] };
  assert.equal(nearestPlace([0, 16], answer, 16), 0); // lower left
  assert.equal(nearestPlace([0, 0], answer, 16), 2); // upper left
  assert.equal(nearestPlace([15, 7], answer, 16), 1); // the upper right has no answer yet
  assert.equal(nearestPlace([0, 0], { ...answer, outputs: [NaN, NaN, NaN, NaN] }, 16), -1);
});

test("the limits of a map are the ends of its colours", () => {
  const scale = { limits: [-1, 1], palette: [[0], [1], [2], [3], [4]] };
  assert.deepEqual(
    [-9, -1, 0, 0.6, 1, 9].map((value) => colourOf(value, scale)[0]),
    [0, 0, 2, 3, 4, 4],
  );
  assert.deepEqual(colourOf(7, { ...scale, limits: [7, 7] }), [2]); // a flat map
});
