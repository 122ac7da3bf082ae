import assert from "node:assert/strict";
import { test } from "node:test";
import {
  aroundText,
  asPlaces,
  barsOf,
  circle,
  colourOf,
  insideImage,
  longer,
  nearestPlace,
  newName,
  viewsText,
  zoomed,
} from "../../galviz/tools/occlusion/client.js";

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

test("a line that is drawn grows only where the pointer has moved", () => {
  const line = [[3, 3]];
  assert.equal(longer(line, [3.5, 3.5], 1.5), line);
  assert.deepEqual(longer(line, [6, 3], 1.5), [
    [3, 3],
    [6, 3],
  ]);
  assert.deepEqual(longer([], [1, 2], 1.5), [[1, 2]]);
});

test("corners are places of pixels: their centres are whole numbers, rows are counted from the bottom", () => {
  assert.deepEqual(asPlaces([[0.5, 15.5]], 16), [[0, 0]]);
  assert.deepEqual(asPlaces([[12, 4]], 16), [[11.5, 11.5]]);
});

test("a new region has a name of its own, also after another was removed", () => {
  assert.equal(newName([]), "region 1");
  assert.equal(newName([{ name: "region 2" }]), "region 3");
  assert.equal(newName([{ name: "core" }]), "region 2");
});

test("the region of a source is a circle around it", () => {
  for (const [x, y] of circle({ x: 5, y: 9 }, 2)) assert.ok(Math.abs(Math.hypot(x - 5, y - 9) - 2) < 1e-12);
});

test("the bars of the bands are parts of the largest, and there are none before all are known", () => {
  assert.deepEqual(barsOf({ bands: ["g", "r"], effects: [] }), []);
  assert.deepEqual(barsOf({ bands: ["g", "r"], effects: [0.1, 0.4] }), [
    { name: "g", effect: 0.1, part: 0.25 },
    { name: "r", effect: 0.4, part: 1 },
  ]);
  assert.equal(barsOf({ bands: ["g"], effects: [0] })[0].part, 0);
});

test("where there are many sources, the button says how many become regions", () => {
  assert.deepEqual([0, 8].map(aroundText), ["Sources as regions", "Sources as regions"]);
  assert.equal(aroundText(20), "Sources as regions (20)");
  assert.equal(aroundText(43), "Sources as regions (20 of 43)");
});

test("the output of one view is not the prediction, where that is the mean of several", () => {
  assert.equal(viewsText(1), "");
  assert.equal(viewsText(8), " (one view; the prediction is the mean of 8 views)");
});
