import assert from "node:assert/strict";
import { test } from "node:test";
import {
  eastNorth,
  level,
  painter,
  pixelAt,
  planeOf,
  recipeText,
  sexagesimal,
  sky,
  valueAt,
} from "../../galviz/tools/viewer/client.js";

const near = (got, expected, by = 1e-9) => {
  got.forEach((value, k) => {
    assert.ok(Math.abs(value - expected[k]) <= by, `expected ${expected}, got ${got}`);
  });
};
const plane = (...values) => Float32Array.from(values);
const grey = Array.from({ length: 255 }, (_, k) => [k, k, k]);

test("a stretch begins at black, ends at white, and stays there", () => {
  for (const kind of ["linear", "asinh", "lupton"]) {
    const stretch = { kind, a: 0.1, gamma: 2 };
    near(
      [-5, 1, 3, 99].map((value) => level(value, [1, 3], stretch)),
      [0, 0, 1, 1],
    );
  }
  assert.equal(level(2, [1, 1], { kind: "linear", gamma: 1 }), 0); // a flat image
});

test("half way up is known", () => {
  near([level(2, [1, 3], { kind: "linear", a: 0.1, gamma: 2 })], [0.25]);
  near([level(2, [1, 3], { kind: "asinh", a: 0.1, gamma: 1 })], [2.3124383412727525 / 2.99822295029797]);
});

test("the colour bar is the inverse of the stretch", () => {
  for (const kind of ["linear", "asinh"]) {
    const stretch = { kind, a: 0.3, gamma: 1.7 };
    near(
      [0.1, 0.5, 0.9].map((at) => level(valueAt(at, [-2, 7], stretch), [-2, 7], stretch)),
      [0.1, 0.5, 0.9],
    );
  }
});

test("one band takes its colours from the palette, three are red, green and blue", () => {
  const stretch = { kind: "linear", gamma: 1, palette: grey };
  assert.deepEqual([0, 1, 2].map(painter([plane(0, 5, 10)], [0, 10], stretch)), [grey[0], grey[127], grey[254]]);
  assert.deepEqual(painter([plane(0), plane(5), plane(10)], [0, 10], stretch)(0), [0, 128, 255]);
});

test("colours after Lupton et al. are those of astropy", () => {
  // make_lupton_rgb(red, green, blue, minimum=0, stretch=0.5, Q=8); it rounds down, we round
  const colours = [plane(0.3, 2), plane(0.2, 5), plane(0.1, 1)];
  const paint = painter(colours, [0, 0.5], { kind: "lupton", Q: 8, gamma: 1 });
  near(paint(0), [98, 65, 32], 1);
  near(paint(1), [102, 255, 51], 1);
  assert.deepEqual(
    painter([plane(-1), plane(0), plane(0)], [0, 0.5], { kind: "lupton", Q: 8, gamma: 1 })(0),
    [0, 0, 0],
  );
});

test("pixels are whole numbers at their centres, row 0 at the bottom", () => {
  assert.deepEqual(pixelAt([0.5 / 4, 0.5 / 2], { width: 4, height: 2 }), { x: 0, y: 1, column: 0, row: 1 });
  assert.deepEqual(pixelAt([3.5 / 4, 1.5 / 2], { width: 4, height: 2 }), { x: 3, y: 0, column: 3, row: 0 });
  assert.equal(pixelAt([1.01, 0.5], { width: 4, height: 2 }), null);
  assert.equal(pixelAt([0.5, -0.01], { width: 4, height: 2 }), null);
});

test("each band has its own part of the data", () => {
  const data = plane(1, 2, 3, 4, 5, 6);
  assert.deepEqual(
    [0, 1, 2].map((k) => [...planeOf(data, k, { width: 2, height: 1 })]),
    [
      [1, 2],
      [3, 4],
      [5, 6],
    ],
  );
});

test("the sky is that of astropy, at a pole too", () => {
  const wcs = { crval: [150, 60], crpix: [16.5, 16.5], cd: [-1e-4, 2e-5, 2e-5, 1e-4] };
  near(sky([0, 0], wcs), [150.0024798605614, 59.998139976761586]);
  near(sky([31, 5], wcs), [149.99648007874575, 59.99925995318125]);
  near(sky([15.5, 15.5], wcs), [150, 60]); // FITS counts from 1
  near(sky([31, 40], { ...wcs, crval: [0, 89.999] }), [211.05940883505227, 89.99794544408952], 1e-7);
});

test("north is up and east is left, unless the image is turned", () => {
  const { E, N } = eastNorth([-1e-4, 0, 0, 1e-4]);
  near([...E, ...N], [-1, 0, 0, -1]); // down the screen is positive
  const turned = eastNorth([0, 2e-4, 2e-4, 0]);
  near([...turned.E, ...turned.N], [0, -1, 1, 0]);
});

test("angles are those of astropy", () => {
  assert.equal(sexagesimal(10.6847083 / 15, 2, false), "00:42:44.33");
  assert.equal(sexagesimal(-0.269, 1, true), "−00:16:08.4");
  assert.equal(sexagesimal(41.26875, 1, true), "+41:16:07.5");
  assert.equal(sexagesimal(359.9999999 / 15, 2, false), "00:00:00.00");
  assert.equal(sexagesimal(9.99999999, 1, true), "+10:00:00.0"); // never 60 seconds
});

test("a recipe names bands and stretch", () => {
  assert.equal(recipeText(["i", "r", "g"], "lupton"), "red i, green r, blue g · lupton");
  assert.equal(recipeText(["red", "green", "blue"], "linear"), "red, green, blue · linear");
  assert.equal(recipeText(["z"], "lupton"), "band z · asinh");
  assert.equal(recipeText([], "linear", "each band"), "each band · linear");
});
