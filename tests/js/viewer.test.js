import assert from "node:assert/strict";
import { test } from "node:test";
import {
  brightness,
  cellsOf,
  changed,
  corner,
  dragged,
  eastNorth,
  exact,
  gridOf,
  layout,
  level,
  liesBeside,
  northUp,
  onImage,
  onScreen,
  painter,
  pathOf,
  pixelAt,
  placed,
  planeOf,
  recipeText,
  scaleBar,
  sexagesimal,
  sky,
  toned,
  valueAt,
  withError,
} from "../../galviz/tools/viewer/client.js";

const near = (got, expected, by = 1e-9) => {
  got.forEach((value, k) => {
    assert.ok(Math.abs(value - expected[k]) <= by, `expected ${expected}, got ${got}`);
  });
};
const plane = (...values) => Float32Array.from(values);
const paintedBy = (planes, limits, stretch, tone) => {
  const colour = painter(brightness(planes, limits, stretch), stretch, tone);
  return (p) => [...colour(p)];
};
const grey = Array.from({ length: 255 }, (_, k) => [k, k, k]);

test("a value and its error have the digits that the error allows, however small they are", () => {
  assert.equal(withError(1.2345, 0.0123), "1.234 ± 0.012");
  assert.equal(withError(-1.234e-17, 2.1e-19), "(−1.234 ± 0.021)e−17");
  assert.equal(withError(0, 3e-18), "(0.0 ± 3.0)e−18");
});

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
  assert.deepEqual([0, 1, 2].map(paintedBy([plane(0, 5, 10)], [0, 10], stretch)), [grey[0], grey[127], grey[254]]);
  assert.deepEqual(paintedBy([plane(0), plane(5), plane(10)], [0, 10], stretch)(0), [0, 128, 255]);
});

test("colours after Lupton et al. are those of astropy", () => {
  // make_lupton_rgb(red, green, blue, minimum=0, stretch=0.5, Q=8); it rounds down, we round
  const colours = [plane(0.3, 2), plane(0.2, 5), plane(0.1, 1)];
  const paint = paintedBy(colours, [0, 0.5], { kind: "lupton", Q: 8, gamma: 1 });
  near(paint(0), [98, 65, 32], 1);
  near(paint(1), [102, 255, 51], 1);
  assert.deepEqual(
    paintedBy([plane(-1), plane(0), plane(0)], [0, 0.5], { kind: "lupton", Q: 8, gamma: 1 })(0),
    [0, 0, 0],
  );
});

test("an object without an image has no colours", () => {
  assert.deepEqual(brightness([], undefined, { kind: "lupton", Q: 8, gamma: 1 }), []);
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

const WHOLE = { zoom: 1, at: [0.5, 0.5] };
const SIZE = { width: 60, height: 40 };
const ROOM = [300, 400]; // taller than the image
const AS_TAKEN = [1, 0, 0, 1];

test("contrast and bias bend what is bright, and leave it as it is at first", () => {
  const plain = { bias: 0.5, contrast: 1 };
  assert.deepEqual([0, 0.1, 0.7, 1].map(toned(plain)), [0, 0.1, 0.7, 1]);
  near([0, 0.25, 0.5, 1].map(toned({ bias: 0.25, contrast: 2 })), [0, 0.5, 1, 1]);
  const right = dragged(plain, [0.2, 0]);
  near([right.bias, right.contrast], [0.7, 1]); // less is bright
  assert.ok(toned(right)(0.6) < 0.6);
  assert.ok(dragged(plain, [0, -0.1]).contrast > 1); // upwards
  near([dragged(plain, [9, 0]).bias, dragged(plain, [0, 9]).contrast], [1, 0.1]);
  const stretch = { kind: "linear", gamma: 1, palette: grey };
  const paint = paintedBy([plane(0, 5, 10)], [0, 10], stretch, { bias: 0.25, contrast: 2 });
  assert.deepEqual([0, 1, 2].map(paint), [grey[0], grey[254], grey[254]]);
});

test("the whole image is shown, in the middle of its frame", () => {
  const place = layout(SIZE, ROOM, WHOLE);
  assert.equal(place.scale, 5);
  near([...onScreen(place, [0, 0]), ...onScreen(place, [60, 40])], [0, 100, 300, 300]);
  near(onImage(place, onScreen(place, [17, 3])), [17, 3]);
});

test("what is under the pointer stays there when it is enlarged, and follows it when it is dragged", () => {
  for (const turn of [AS_TAKEN, northUp([2e-5, 1e-4, 1e-4, -2e-5])]) {
    const pointer = [120, 210];
    const before = onImage(layout(SIZE, ROOM, WHOLE, turn), pointer);
    const close = changed(SIZE, ROOM, WHOLE, turn, { factor: 6, from: pointer });
    assert.equal(close.zoom, 6);
    near(onImage(layout(SIZE, ROOM, close, turn), pointer), before, 1e-6);
    const moved = changed(SIZE, ROOM, close, turn, { from: pointer, to: [130, 190] });
    near(onImage(layout(SIZE, ROOM, moved, turn), [130, 190]), before, 1e-6);
  }
});

test("an image covers its frame however far it is dragged, and is never smaller than the whole", () => {
  const close = changed(SIZE, ROOM, WHOLE, AS_TAKEN, { factor: 4, to: [9999, 9999] });
  near(onScreen(layout(SIZE, ROOM, close), [0, 0]), [0, 0]);
  assert.deepEqual(changed(SIZE, ROOM, WHOLE, AS_TAKEN, { factor: 0.5 }), WHOLE);
  assert.deepEqual(changed(SIZE, ROOM, WHOLE, AS_TAKEN, { to: [9, 9] }), WHOLE);
  const { scale } = layout(SIZE, ROOM, changed(SIZE, ROOM, WHOLE, AS_TAKEN, { factor: 1e9 }));
  assert.ok(scale >= 40 && scale <= 60); // px a pixel
});

test("north up is north up, and east left, mirrored or not", () => {
  for (const cd of [
    [-1e-4, 2e-5, 2e-5, 1e-4],
    [2e-5, 1e-4, 1e-4, -2e-5],
    [1e-4, 3e-5, -3e-5, 1e-4],
  ]) {
    const place = { matrix: northUp(cd), origin: [0, 0], scale: 1 };
    const { E, N } = eastNorth(cd);
    near([...onScreen(place, E), ...onScreen(place, N)], [-1, 0, 0, -1], 1e-12);
  }
  assert.deepEqual(northUp(undefined), AS_TAKEN);
});

test("the tools stand beside the picture only where it is larger for it", () => {
  assert.equal(liesBeside(550, 350), true);
  assert.equal(liesBeside(900, 360), true);
  assert.equal(liesBeside(420, 350), false); // too narrow
  assert.equal(liesBeside(1900, 900), false); // tall enough for both
});

test("small pictures are as large as the pane allows", () => {
  assert.deepEqual(gridOf(6, [616, 408], 1, 0), { columns: 3, side: 200 });
  assert.deepEqual(gridOf(6, [2000, 120], 1, 20), { columns: 6, side: 100 });
  assert.equal(gridOf(6, [120, 2000], 1, 20).columns, 1);
});

test("the scale bar is a round length, as in figures", () => {
  const cases = [
    [8, 2, "2″"],
    [25.3, 10, "10″"],
    [140, 50, "50″"],
    [200, 60, "1′"],
    [1000, 300, "5′"],
    [1, 0.2, "0.2″"],
  ];
  for (const [side, length, label] of cases) assert.deepEqual(scaleBar(side), { length, label });
});

test("scale bar and compass go where the object is not", () => {
  const order = ["top right", "top left"];
  assert.deepEqual(corner([300, 200], [50, 40], { at: [150, 100], radius: 20 }, order), [250, 0]);
  assert.deepEqual(corner([300, 200], [50, 40], { at: [270, 20], radius: 20 }, order), [0, 0]);
  assert.deepEqual(corner([300, 200], [50, 40], { at: [240, 30], radius: 20 }, order), [0, 0]);
  assert.deepEqual(corner([300, 200], [50, 40], { at: [150, 20], radius: 900 }, order), [250, 0]); // nowhere is free
});

test("a pixel has all its digits, a flux those that its error allows", () => {
  assert.equal(exact(Math.fround(0.1)), "0.1");
  assert.equal(exact(-123.456789), "-123.4568");
  assert.equal(exact(1.5e-9), "1.500000e-9");
  assert.equal(withError(46.1927, 0.568), "46.19 ± 0.57");
  assert.equal(withError(-0.5, 12), "−1 ± 12");
  assert.equal(withError(null, 1), "–");
  const faint = { band: "u", flux: 1, error: 1, snr: 1, mag: 22.5, mag_error: 1.09, mag_limit: 21.307, missing: 0 };
  assert.deepEqual(cellsOf(faint), ["u", "1.0 ± 1.0", "> 21.31 (3 σ)", "1.0"]);
  assert.equal(cellsOf({ ...faint, snr: 54.3, mag: 20, mag_error: 0.02 })[2], "20.000 ± 0.020");
  assert.equal(cellsOf({ ...faint, snr: 54.3, mag: null, mag_error: null, mag_limit: null })[2], "–"); // no zero point
});

test("contours count rows from the bottom", () => {
  assert.equal(pathOf([0, 0, 1, 9], 10), "M0.50,9.50L1.50,0.50");
});

test("an aperture is placed where the picture is clicked, rows from the bottom, and keeps its size", () => {
  const circle = { x: 7.5, y: 3.5, radius: 3, inner: 4.5, outer: 6.6 };
  const size = { width: 16, height: 8 };
  assert.deepEqual(placed(circle, [2.5, 1.5], size), { ...circle, x: 2, y: 6 });
  assert.deepEqual(placed(circle, [20, 1], size), circle); // beside the image
});
